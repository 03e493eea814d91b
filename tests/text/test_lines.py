"""Lines with their offsets, and the foldings."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from smsearch.text.lines import Line, fold_letters, fold_line, iter_lines
from tests.strategies import texts


def test_lines_are_stripped_and_blank_ones_are_kept() -> None:
    assert list(iter_lines("  a b \n\n\tc")) == [Line(2, 5, "a b"), Line(7, 7, ""), Line(9, 10, "c")]


def test_final_line_feed_begins_no_line() -> None:
    assert [line.text for line in iter_lines("a\n")] == ["a"]
    assert list(iter_lines("")) == []


def test_offsets_count_in_the_whole_text_where_a_stretch_is_read() -> None:
    assert list(iter_lines("abc\ndef\nghi", 2, 9)) == [Line(2, 3, "c"), Line(4, 7, "def"), Line(8, 9, "g")]


@given(texts())
def test_lines_hold_every_visible_character_once(text: str) -> None:
    lines = list(iter_lines(text))
    assert all(text[line.start : line.end] == line.text for line in lines)
    assert "".join("".join(line.text.split()) for line in lines) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "content", "has_bullet"),
    [
        ("• Krister", "Krister", True),
        ("12. Tror", "Tror", True),
        ("3) Nej", "Nej", True),
        ("– att", "att", True),
        ("-5 grader", "-5 grader", False),
        ("2010. ", "2010. ", False),
        ("*", "*", False),
        ("• 1. två", "1. två", True),
    ],
)
def test_bullet_or_number_before_white_space_is_no_content(text: str, content: str, *, has_bullet: bool) -> None:
    line = Line(0, len(text), text)
    assert (line.content, line.has_bullet) == (content, has_bullet)


def test_folded_lines_differ_neither_in_case_nor_in_white_space_nor_in_width() -> None:
    assert fold_line(" Ｌeave\u00a0 a\tREPLY ") == "leave a reply"
    assert fold_line("Straße…") == "strasse..."


def test_folded_letters_keep_letters_marks_and_digits_of_any_script() -> None:
    assert fold_letters("Nej, 3 Öl! 今日は☀ हिन्दी") == "nej3öl今日はहिन्दी"
    assert fold_letters("—…🙂\0") == ""


def test_many_different_signs_are_dropped_in_linear_time() -> None:
    signs = "".join(map(chr, range(0xF0000, 0x10FFFE)))
    started = time.perf_counter()
    assert fold_letters(f"A{signs}b{signs}" * 4) == "abababab"
    assert time.perf_counter() - started < 10
