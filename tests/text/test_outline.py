"""Paragraphs and headings."""

from __future__ import annotations

import pytest

from smsearch.records import Section, Span
from smsearch.text.outline import heading_text, outline

LONG = "Det här är ett stycke som är tillräckligt långt för att stå under en rubrik."


def units(text: str, *, start: int = 0, end: int | None = None, left_out: tuple[Span, ...] = ()) -> list[str]:
    section = Section(start, len(text) if end is None else end)
    return [text[unit.start : unit.end] for unit in outline(text, section, left_out)]


def headings(text: str) -> list[str]:
    return [text[u.start : u.end] for u in outline(text, Section(0, len(text)), ()) if u.is_heading]


@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_blank_section_has_no_units(text: str) -> None:
    assert units(text) == []


def test_lines_that_were_not_wrapped_are_a_paragraph_each() -> None:
    assert units("– att släppa\n– att sätta av\n\nNy rad.") == ["– att släppa", "– att sätta av", "Ny rad."]


def test_lines_wrapped_at_a_column_are_one_paragraph() -> None:
    text = (
        "This paragraph was wrapped by hand at a column,\nas e-mail is, and so its three lines belong together\nhere."
    )
    assert units(text + "\n\n" + "Next.") == [text, "Next."]


def test_bulleted_lines_are_never_joined() -> None:
    text = "This paragraph was wrapped by hand at a column,\n- as e-mail is, and so its lines belong together here"
    assert len(units(text)) == 2


def test_only_the_section_is_read() -> None:
    assert units("abc\ndef\nghi", start=2, end=9) == ["c", "def", "g"]


def test_left_out_lines_are_in_no_unit_and_end_a_block() -> None:
    assert units("ett\nTill toppen\ntvå", left_out=(Span(4, 15, "navigation"),)) == ["ett", "två"]


def test_left_out_lines_of_other_sections_do_not_matter() -> None:
    spans = (Span(0, 3, "x"), Span(8, 11, "x"))
    assert units("ett\ntvå\ntre", start=4, end=8, left_out=spans) == ["två"]


@pytest.mark.parametrize(
    ("line", "is_heading"),
    [
        ("Djævelens advokat er nødvendig", True),
        ("## Rubrik", True),
        ("2010 i backspegeln", True),
        ("En mening.", False),
        ("liten bokstav", False),
        ("Vad menar du?", False),
        ("Lista,", False),
        ("東京の天気", True),
        ("שלום", True),
        ("A" * 81, False),
        ("Ett två tre fyra fem sex sju åtta nio tio elva tolv tretton", False),
    ],
)
def test_heading_is_a_short_line_without_stop_above_a_longer_paragraph(line: str, *, is_heading: bool) -> None:
    below = LONG * (1 + len(line) // 20)
    assert headings(f"{line}\n\n{below}") == ([line] if is_heading else [])


def test_short_line_above_a_short_line_or_nothing_is_no_heading() -> None:
    assert headings("Rubrik\n\nKort.") == []
    assert headings("Rubrik") == []


def test_markdown_heading_needs_nothing_below() -> None:
    assert headings("# Rubrik") == ["# Rubrik"]


def test_marks_of_markdown_are_no_part_of_the_heading() -> None:
    assert heading_text("## Rubrik ##") == "Rubrik"
    assert heading_text("C# och F#") == "C# och F#"
    assert heading_text("#hashtag") == "#hashtag"
