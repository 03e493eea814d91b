from __future__ import annotations

import pytest

from smsearch.records import Section
from smsearch.sources.drafting import Part, clean_line, join_parts, lang_tag, new_document


def test_parts_stand_where_their_sections_say() -> None:
    text, sections = join_parts([Part(" Inlägg "), Part(" "), Part("Svar", "comment", "Anna", "2010-03-09")])
    assert text == "Inlägg\n\nSvar"
    assert sections == (Section(0, 6), Section(8, 12, "comment", "Anna", "2010-03-09"))
    assert text[8:12] == "Svar"


def test_sections_count_composed_letters() -> None:
    text, sections = join_parts([Part("a\u030a\r\nb"), Part("c", "comment")])
    assert text == "å\nb\n\nc"
    assert [(one.start, one.end) for one in sections] == [(0, 3), (5, 6)]


def test_no_parts_are_empty_text() -> None:
    assert join_parts([]) == ("", ())


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("sv", "sv"),
        ("sv_se", "sv-SE"),
        ("EN-us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("Swedish", "und"),
        ("", "und"),
        (None, "und"),
        (5, "und"),
    ],
)
def test_language_tag_has_its_usual_spelling(value: object, tag: str) -> None:
    assert lang_tag(value) == tag


def test_date_and_language_that_are_unclear_are_kept_as_metadata() -> None:
    document = new_document("a", "text", date="i våras", lang="Swedish")
    assert (document.date, document.lang) == (None, "und")
    assert document.metadata == {"date": "i våras", "lang": "Swedish"}


def test_metadata_holds_plain_values_only() -> None:
    document = new_document("a", "t", metadata={"n": 3, "yes": True, "tags": ["a", "b"], "deep": {"x": 1}, "no": None})
    assert document.metadata == {"n": 3, "yes": True, "tags": "a, b", "deep.x": 1}


def test_surrogates_are_cleaned_everywhere() -> None:
    document = new_document("\udcff.txt", "t", title="\ud800", author="\ud800", metadata={"k\ud800": "v\ud800"})
    assert document.doc_id == "\ufffd.txt"
    assert document.title == "\ufffd"
    assert document.author == "\ufffd"
    assert document.metadata == {"k\ufffd": "v\ufffd"}
    assert len(document.fingerprint) == 32


@pytest.mark.parametrize(("value", "line"), [(" a \n b ", "a b"), ("  ", None), (2010, "2010"), (["A", "B"], "A, B")])
def test_title_is_one_line(value: object, line: str | None) -> None:
    assert clean_line(value) == line


def test_numbers_that_json_does_not_have_are_left_out_of_metadata() -> None:
    numbers = {"a": float("inf"), "b": float("-inf"), "c": float("nan"), "d": 16**5000, "e": -(16**5000)}
    assert new_document("a", "t", metadata={**numbers, "deep": numbers, "m": -5}).metadata == {"m": -5}


def test_title_and_author_are_cut_at_a_thousand_characters() -> None:
    document = new_document("a", "t", title="t" * 1_000, author="a" * 1_001)
    assert (document.title, document.author) == ("t" * 1_000, "a" * 999 + "…")


def test_metadata_that_holds_itself_is_kept_to_twenty_levels() -> None:
    ring: dict[str, object] = {"n": 1}
    ring["m"] = ring
    assert list(new_document("a", "t", metadata=ring).metadata) == ["m." * depth + "n" for depth in range(21)]
