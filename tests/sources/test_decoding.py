from __future__ import annotations

import io
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsearch.sources.decoding import clean_text, decode_bytes, find_encoding, is_binary, text_stream

DANISH = "Blåbærgrød på øen. Det er åbenbart stadig sådan, at sociale medier er et buzzword."


def test_line_ends_become_line_feeds() -> None:
    assert clean_text("a\r\nb\rc\n\r\nd") == "a\nb\nc\n\nd"


def test_text_is_composed() -> None:
    assert clean_text("A\u030angstro\u0308m") == "Ångström"


def test_nul_and_lone_surrogates_become_replacement_characters() -> None:
    assert clean_text("a\x00b\ud83dc") == "a\ufffdb\ufffdc"


def test_spaces_and_emoji_sequences_stay() -> None:
    assert clean_text("  \u00a0👩‍👧 \t\n\n\n") == "  \u00a0👩‍👧 \t\n\n\n"


@given(st.text(alphabet=st.characters(categories=None)))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.binary())
def test_any_bytes_decode_to_encodable_text(data: bytes) -> None:
    text = decode_bytes(data)
    assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_danish_is_read_in_every_usual_encoding(encoding: str) -> None:
    assert decode_bytes(DANISH.encode(encoding)) == DANISH


@pytest.mark.parametrize("text", ["Rødgrød med fløde", "pÅ mÅndag", "Äntligen på måndag"])
def test_short_text_in_an_old_encoding_is_taken_for_western(text: str) -> None:
    assert decode_bytes(text.encode("cp1252")) == text


def test_cyrillic_in_an_old_encoding_is_not_taken_for_western() -> None:
    text = "Социальные сети не нуждаются в интернете, потому что люди говорят друг с другом."
    assert decode_bytes(text.encode("cp1251")) == text


def test_japanese_in_an_old_encoding_is_recognised() -> None:
    text = "ソーシャルメディアはインターネットを必要としません。人々が話し合うこと"
    assert decode_bytes(text.encode("cp932")) == text


def test_one_stray_byte_leaves_the_other_letters_of_utf_8_alone() -> None:
    data = DANISH.encode() * 3 + b" caf\xe9"
    assert decode_bytes(data) == DANISH * 3 + " caf\ufffd"


def test_declared_encoding_wins_over_a_guess() -> None:
    assert decode_bytes("łąka".encode("iso8859-2"), declared="ISO-8859-2") == "łąka"


@pytest.mark.parametrize("declared", ["x-unknown", "", "ascii"])
def test_wrong_declaration_is_passed_over(declared: str) -> None:
    assert decode_bytes("Rødgrød".encode("cp1252"), declared=declared) == "Rødgrød"


def test_no_bytes_are_empty_text() -> None:
    assert decode_bytes(b"") == ""
    assert not is_binary(b"")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_not_binary(encoding: str) -> None:
    assert not is_binary(DANISH.encode(encoding))


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n",
        b"PK\x03\x04rest",
        b"\x89PNG\r\n\x1a\n",
        b"\x7fELF\x02\x01\x01" + bytes(9),
        bytes(range(256)),
        zlib.compress(bytes(range(256)) * 40 + os.urandom(4096)),
        b"\x01\x02\x03\x04abc",
        b"ab\x00cd",
    ],
)
def test_programs_archives_and_images_are_binary(data: bytes) -> None:
    assert is_binary(data)


def test_a_single_nul_in_much_text_is_damage_and_not_binary() -> None:
    data = DANISH.encode() * 3 + b"\x00"
    assert not is_binary(data)
    assert decode_bytes(data) == DANISH * 3 + "\ufffd"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_stream_gives_the_lines_and_leaves_the_file_open(encoding: str) -> None:
    file = io.BytesIO("første\nøvrige linje på øen\n".encode(encoding))
    with text_stream(file) as lines:
        assert list(lines) == ["første\n", "øvrige linje på øen\n"]
    assert not file.closed


def test_encoding_of_a_large_file_is_found_past_its_first_block() -> None:
    file = io.BytesIO(b"a" * (1 << 20) + "ø".encode() + b"b")
    assert find_encoding(file) == "utf-8-sig"


def test_letter_across_a_block_border_is_still_utf_8() -> None:
    file = io.BytesIO(b"a" * ((1 << 20) - 1) + "ø".encode() + b"b")
    assert find_encoding(file) == "utf-8-sig"
