"""Where the post ends and who wrote each comment."""

from __future__ import annotations

import pytest
from hypothesis import given

from smsearch.text.comments import find_comments
from tests.strategies import texts


def told(text: str) -> list[tuple[str, str | None, str]]:
    sections, _ = find_comments(text)
    return [(s.kind, s.author, text[s.start : s.end].strip()) for s in sections]


def test_text_without_comments_is_one_post() -> None:
    text = "Rubrik\n\nEtt inlägg om 8 svar."
    assert told(text) == [("post", None, text)]


def test_blank_text_is_one_post() -> None:
    assert told("") == [("post", None, "")]


def test_comments_under_a_counting_line_have_the_authors_their_bullets_name() -> None:
    text = "Inlägg.\n\n2 svar\n • Peter Krantz\n\n  Helt rätt!\n\n  Ja.\n\n • Krister\n\n  Nej."
    assert told(text) == [
        ("post", None, "Inlägg."),
        ("comment", "Peter Krantz", "Helt rätt!\n\n  Ja."),
        ("comment", "Krister", "Nej."),
    ]
    _, spans = find_comments(text)
    assert [text[span.start : span.end] for span in spans] == ["2 svar", "• Peter Krantz", "• Krister"]
    assert {span.reason for span in spans} == {"comment heading"}


def test_numbered_comments_without_names_have_no_author() -> None:
    text = "Inlägg.\n5 Responses\n 1. Tror att det är så.\n 2. Jag med.\n   • Nja."
    assert told(text)[1:] == [
        ("comment", None, "1. Tror att det är så."),
        ("comment", None, "2. Jag med."),
        ("comment", None, "• Nja."),
    ]


def test_bloggers_said_line_starts_the_comments_by_itself() -> None:
    text = "Inlägg.\n\nLena Carlsson sa...\nTänkvärt!\nEva said…\nYes."
    assert told(text) == [
        ("post", None, "Inlägg."),
        ("comment", "Lena Carlsson", "Tänkvärt!"),
        ("comment", "Eva", "Yes."),
    ]


def test_text_between_the_heading_and_the_first_named_comment_is_a_comment() -> None:
    assert told("Inlägg.\n1 kommentar:\nAnonym åsikt.\nEva sa...\nJa.")[1:] == [
        ("comment", None, "Anonym åsikt."),
        ("comment", "Eva", "Ja."),
    ]


@pytest.mark.parametrize(
    "heading",
    [
        "8 svar",
        "Kommentarer (3)",
        "2 thoughts on a post",
        "コメント（3）",
        "3 条评论",
        "댓글 2개",
        "1 Kommentar zu Titel",
    ],
)
def test_heading_of_comments_is_known_in_many_languages(heading: str) -> None:
    assert told(f"Post.\n{heading}\nText.") == [("post", None, "Post."), ("comment", None, "Text.")]


def test_heading_on_the_first_or_last_line_starts_no_comments() -> None:
    assert told("8 svar\nText.") == [("post", None, "8 svar\nText.")]
    assert told("Text.\n8 svar") == [("post", None, "Text.\n8 svar")]


def test_said_line_at_the_very_end_names_an_empty_comment() -> None:
    assert told("Post.\nEva sa...") == [("post", None, "Post."), ("comment", "Eva", "")]


@given(texts())
def test_every_visible_character_is_in_one_section_or_introduction(text: str) -> None:
    sections, spans = find_comments(text)
    stretches = sorted([(s.start, s.end) for s in sections] + [(s.start, s.end) for s in spans])
    at = 0
    for start, end in stretches:
        assert not text[at:start].strip()
        assert at <= start <= end
        at = end
    assert not text[at:].strip()
    assert [s.start for s in sections] == sorted(s.start for s in sections)
