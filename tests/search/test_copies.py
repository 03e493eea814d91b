"""Copies of one text with and without a title or a heading."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smsearch import Document, Index
from smsearch.index.stored import StoredPassage
from smsearch.records import Passage
from smsearch.search.copies import Copies
from tests.fakes import KeywordEncoder

MakeIndex = Callable[..., Index]


def passage(text: str, title: str = "", heading: str = "") -> StoredPassage:
    return StoredPassage(1, Passage(0, len(text), text, heading=heading), "x", title, "", None, None, {}, 0)


@pytest.mark.parametrize("order", [("", "Lund"), ("Lund", "")])
def test_a_copy_without_a_title_repeats_one_with_a_title(order: tuple[str, str]) -> None:
    copies = Copies()
    assert [copies.admit(passage("Open on Sundays.", title)) for title in order] == [True, False]


def test_a_copy_without_a_heading_repeats_one_with_the_same_title_only() -> None:
    copies = Copies()
    assert copies.admit(passage("Open on Sundays.", "Lund", "Hours"))
    assert not copies.admit(passage("OPEN on Sundays", "Lund"))
    assert copies.admit(passage("Open on Sundays.", "Ystad"))
    assert copies.admit(passage("Open on Mondays.", "Lund"))


def test_of_copies_with_and_without_a_title_the_one_that_fits_best_is_a_hit(make_index: MakeIndex) -> None:
    index = make_index(
        Document("plain", "cat eel"),
        Document("titled", "cat eel", title="dog"),
        Document("other", "cat eel", title="fox"),
        Document("last", "eel"),
        encoder=KeywordEncoder(),
    )
    assert [hit.doc_id for hit in index.search("cat dog", 4)] == ["titled", "other", "last"]
    assert [hit.doc_id for hit in index.search("cat dog", 2)] == ["titled", "other"]
    assert [hit.doc_id for hit in index.search("cat", 3)] == ["plain", "other", "last"]


def test_one_text_under_two_titles_is_found_under_each(make_index: MakeIndex) -> None:
    text = "The library is open from Monday to Friday between ten and six, and on Saturdays until two."
    index = make_index(*(Document(name, text, title=f"The library in {name}") for name in ("Lund", "Oslo", "Ystad")))
    for name in ("Lund", "Oslo", "Ystad"):
        assert index.search(f"when does the library in {name} open", 3)[0].doc_id == name
