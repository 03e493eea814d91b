"""Words in plain letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsearch.text.plain_letters import plain_letters, plain_pair, typed_variants


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("far", "far"),
        ("får", "far"),
        ("rødgrød", "rodgrod"),
        ("færge", "farge"),
        ("œuf", "ouf"),
        ("þorsk", "thorsk"),
        ("łódź", "lodz"),
        ("ħobż", "hobz"),
        ("đường", "duong"),
        ("țară", "tara"),
        ("ţară", "tara"),
        ("τρένο", "treno"),
        ("ёлка", "elka"),
        ("библиотека", "biblioteka"),
        ("ქსელები", "kselebi"),
        ("القهوة", "lqhwh"),
        ("ज़मीन", "जमीन"),
        ("हिन्दी", "हिन्दी"),
        ("இல்லை", "இல்லை"),
        ("อักษร", "อักษร"),
        ("שלום", "שלום"),
        ("на", "на"),
        ("нас", "nas"),
        ("", ""),
    ],
)
def test_marks_go_and_other_scripts_become_latin_ones(word: str, plain: str) -> None:
    assert plain_letters(word) == plain


def test_simplified_and_traditional_characters_meet() -> None:
    assert plain_pair("圖書") == plain_pair("图书") == "tu'shu'"
    assert plain_pair("颱風") == plain_pair("台风") == "tai'feng'"


def test_kana_meet_and_keep_their_voicing() -> None:
    assert plain_pair("ラー") == "らー"
    assert plain_pair("ガス") == "がす"
    assert plain_pair("食べ") == "shi'べ"


def test_spellings_without_a_key_for_a_letter() -> None:
    assert typed_variants("møller") == ["moller", "moeller"]
    assert typed_variants("moeller") == ["moller"]
    assert typed_variants("ål") == ["al", "aal"]
    assert typed_variants("caesar") == ["casar"]
    assert typed_variants("đaci") == ["daci", "djaci"]
    assert typed_variants("rose") == []


@given(st.text(max_size=20))
def test_plain_letters_again_change_nothing_in_latin(word: str) -> None:
    plain = plain_letters(word)
    assert not word or plain
    assert not plain.isascii() or plain_letters(plain) == plain
