"""Lines that no author wrote."""

from __future__ import annotations

import time

import pytest

from smsearch.records import Span
from smsearch.text.boilerplate import find_boilerplate, recurring_in, recurring_lines


def found(text: str, recurring: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    return [(span.reason, text[span.start : span.end]) for span in find_boilerplate(text, recurring)]


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("comment form", "Leave a Reply"),
        ("comment form", "LEAVE A COMMENT"),
        ("comment form", "Lämna ett svar Avbryt svar"),
        ("comment form", "Schreibe einen Kommentar"),
        ("comment form", "コメントを残す"),
        ("comment form", "댓글 남기기"),
        ("comment form", "WordPress.com Logo"),
        ("comment form", "Log\u00a0Out\u00a0/\u00a0 Change\u00a0)"),
        ("comment form", "Connecting to %s"),
        ("comment form", "Din e-mailadresse vil ikke blive publiceret. Krævede felter er markeret med *"),
        ("navigation", "Till toppen"),
        ("navigation", "%d bloggers like this:"),
        ("navigation", "3 bloggers like this"),
        ("pingback", "• Pingback: jfd98ayhcim()"),
        ("pingback", "3. […] en text […]"),
        ("links", "http://socialamedier.ning.com/"),
    ],
)
def test_known_line_is_found_with_its_reason(reason: str, line: str) -> None:
    text = f"Före.\n  {line} \nEfter."
    assert found(text) == [(reason, line)]


@pytest.mark.parametrize(
    "line",
    [
        "Leave a reply if you like what you read",
        "Se http://socialamedier.ning.com/ för mer",
        "Jag såg […] igår",
        "Till toppen av berget",
        "a" * 401,
        "Share",
    ],
)
def test_prose_that_holds_a_phrase_is_kept(line: str) -> None:
    assert found(f"Före.\n{line}\nEfter.") == []


def test_ornaments_belong_to_the_form_they_touch_and_to_nothing_else() -> None:
    text = "***\nProsa.\n---\nLeave a Reply\n\n*\n\n* *\nMer prosa.\n*"
    assert found(text) == [
        ("comment form", "---"),
        ("comment form", "Leave a Reply"),
        ("comment form", "*"),
        ("comment form", "* *"),
    ]


def test_a_rule_of_underscores_is_an_ornament() -> None:
    assert [span.reason for span in find_boilerplate("Leave a comment\n____\n\nÅ____")] == 2 * ["comment form"]


def test_spans_count_in_characters_of_the_text() -> None:
    assert find_boilerplate("👨\u200d👩 a\nTill toppen") == [Span(6, 17, "navigation")]


@pytest.mark.parametrize("text", ["", "\n \n", "\0", "*"])
def test_blank_text_has_no_boilerplate(text: str) -> None:
    assert found(text) == []


def test_many_ornaments_after_a_form_take_linear_time() -> None:
    text = "Leave a Reply\nProsa.\n" + "***\n" * 60_000
    begin = time.perf_counter()
    assert len(found(text)) == 1
    assert time.perf_counter() - begin < 5


def test_line_recurs_when_more_than_half_and_at_least_four_of_the_texts_hold_it() -> None:
    three = ["Hem | Om\nA", "hem  |  om\nB", "HEM | OM\nC"]
    assert recurring_lines(three) == frozenset()
    assert recurring_lines([*three, "Hem | Om\nD"]) == {"hem | om"}
    assert recurring_lines([*three, "Hem | Om", *"EFG"]) == {"hem | om"}  # 4 of 7
    assert recurring_lines([*three, "Hem | Om", *"EFGH"]) == frozenset()  # 4 of 8


def test_line_twice_in_one_text_counts_once() -> None:
    assert recurring_lines(["Hem\nHem", "Hem\nHem", "a", "b"]) == frozenset()


def test_long_lines_and_ornaments_never_recur() -> None:
    assert recurring_lines(["***\n" + "a" * 201] * 5) == frozenset()
    assert recurring_lines(["a" * 200] * 5) == {"a" * 200}
    assert recurring_lines([]) == frozenset()


def test_recurring_line_is_left_out_under_its_own_reason() -> None:
    assert found("• Hem | Om\nProsa.", frozenset({"hem | om"})) == [("recurring", "• Hem | Om")]


def test_recurring_lines_of_a_text_are_told_sorted() -> None:
    assert recurring_in("Om\nHem\nProsa", frozenset({"hem", "om", "kontakt"})) == ["hem", "om"]
    assert recurring_in("Om", frozenset()) == []
