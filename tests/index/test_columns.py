"""Columns of texts: compared with plain Python, and bytes that are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsearch.index.columns import Column, Interned, InvertedColumn, Texts

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
parts = st.sampled_from(["a", "b", "ab", "", ",", " ", ", ", "å"])
values = st.lists(parts | words, max_size=4).map(", ".join)


def texts_of(found: list[str]) -> tuple[list[str], Texts]:
    ordered = sorted(set(found), key=str.encode)
    return ordered, Texts.from_sorted([text.encode() for text in ordered])


@given(st.lists(words, max_size=8), words)
def test_texts_are_found_by_their_order(found: list[str], text: str) -> None:
    ordered, texts = texts_of(found)
    assert [texts[i].decode() for i in range(len(texts))] == ordered
    assert texts.first_from(text) == sum(other.encode() < text.encode() for other in ordered)
    assert texts.first_after(text) == sum(other.encode() <= text.encode() for other in ordered)
    assert texts.equal(text).tolist() == [other == text for other in ordered]


@given(st.lists(values, max_size=8), values.filter(bool))
def test_parts_of_texts_are_found(found: list[str], text: str) -> None:
    ordered, texts = texts_of(found)
    assert texts.with_part(text).tolist() == [f", {text}, " in f", {other}, " for other in ordered]


def test_the_empty_text_is_no_part_of_another() -> None:
    _, texts = texts_of(["", ", ", "a, , b", "a"])
    assert texts.with_part("").tolist() == [True, False, False, False]


@given(st.lists(st.none() | words, max_size=9))
def test_a_column_gives_back_its_texts(found: list[str | None]) -> None:
    interned = Interned()
    column = Column.of(interned, np.array(interned.numbers(found), np.int64))
    again = Column.from_arrays(column.arrays())
    for text in {text for text in found if text is not None}:
        wanted = again.texts.equal(text)
        assert again.among(wanted).tolist() == [other == text for other in found]
    assert again.among(np.ones(len(again.texts), np.bool_)).tolist() == [text is not None for text in found]


def test_codes_are_as_narrow_as_the_number_of_texts_allows() -> None:
    for n, kind in ((255, np.uint8), (256, np.uint16)):
        interned = Interned()
        column = Column.of(interned, np.array(interned.numbers(map(str, range(n))), np.int64))
        assert column.codes.dtype == kind


def test_an_inverted_column_marks_the_things_of_its_texts() -> None:
    held = {"b": np.array([0, 2]), "a": np.array([1, 2]), "c": np.array([3])}
    inverted = InvertedColumn.from_arrays(InvertedColumn.of(held).arrays())
    found = np.zeros(4, np.bool_)
    inverted.mark(inverted.texts.equal("a") | inverted.texts.equal("b"), found)
    assert found.tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    "arrays",
    [
        [np.array([0, 3]), np.zeros(2, np.uint8), np.array([0, 1]), np.zeros(1, np.uint32)],
        [np.array([0, 2]), np.zeros(2, np.uint8), np.array([0, 2]), np.zeros(1, np.uint32)],
        [np.array([0, 2]), np.zeros(2, np.uint8), np.array([0, 1, 1]), np.zeros(1, np.uint32)],
        [np.array([1, 2]), np.zeros(2, np.uint8), np.array([0, 1]), np.zeros(1, np.uint32)],
    ],
    ids=["texts too short", "lists too short", "a list too many", "texts begin late"],
)
def test_arrays_that_do_not_belong_together_are_refused(arrays: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"offsets do not divide|have 2 lists"):
        InvertedColumn.from_arrays(iter(arrays))


def test_numbers_beyond_the_texts_and_things_are_taken_for_none() -> None:
    texts = Texts.from_sorted([b"a"])
    assert Column(texts, np.array([0, 1, 200], np.uint8)).among(np.array([True])).tolist() == [True, False, False]
    found = np.zeros(2, np.bool_)
    InvertedColumn(texts, np.array([0, 2]), np.array([1, 9], np.uint32)).mark(np.array([True]), found)
    assert found.tolist() == [False, True]
