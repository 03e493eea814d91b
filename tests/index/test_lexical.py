"""BM25 by hand, its bound, and removal without a trace."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsearch.index.database import create_database, integrity_faults, open_database
from smsearch.index.lexical import LexicalIndex
from smsearch.records import Filters
from tests.index.building import new_writer, put

PASSAGES = {1: ["ape", "ape", "bee"], 2: ["ape"], 3: ["cat", "cat"]}
WORDS = ("ape", "bee", "cat", "dog")


@pytest.fixture
def lexical(tmp_path: Path) -> Iterator[LexicalIndex]:
    create_database(tmp_path, {})
    with closing(open_database(tmp_path, writable=True)) as connection:
        yield LexicalIndex(connection)


def fill(lexical: LexicalIndex) -> None:
    for passage_id, words in PASSAGES.items():
        lexical.add(passage_id, words)


def search(lexical: LexicalIndex, *words: list[str], k: int = 10) -> list[tuple[int, float]]:
    scores, ids = lexical.search(words, k, filters=Filters())
    return list(zip(ids.tolist(), scores.tolist(), strict=True))


def test_scores_are_bm25_worked_by_hand(lexical: LexicalIndex) -> None:
    fill(lexical)
    # 3 passages of 2 words on average; df 1: idf = ln(2.5 / 1.5) = 0.510826
    # bee: tf 1, length 3: 0.510826 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / 2)) = 1.123816 / 2.65
    assert search(lexical, ["bee"]) == [(1, pytest.approx(0.424082, abs=1e-6))]
    # cat: tf 2, length 2: 0.510826 * 4.4 / (2 + 1.2) = 2.247632 / 3.2
    assert search(lexical, ["cat"]) == [(3, pytest.approx(0.702385, abs=1e-6))]
    # ape: df 2 of 3, so FTS5 takes 1e-6 as idf; 2.2 / 1.75 and 4.4 / 3.65
    expected = [(2, pytest.approx(1.257143e-6, rel=1e-5)), (1, pytest.approx(1.205479e-6, rel=1e-5))]
    assert search(lexical, ["ape"]) == expected
    assert search(lexical, ["bee"], ["cat"], k=1) == [(3, pytest.approx(0.702385, abs=1e-6))]


def test_equal_scores_are_ordered_by_passage(lexical: LexicalIndex) -> None:
    for passage_id in (7, 3, 5):
        lexical.add(passage_id, ["ape"])
    assert [found for found, _ in search(lexical, ["ape"], k=2)] == [3, 5]


def test_forms_of_a_word_are_alternatives(lexical: LexicalIndex) -> None:
    fill(lexical)
    assert [found for found, _ in search(lexical, ["bee", "cat", "bee"])] == [3, 1]


@pytest.mark.parametrize("words", [[], [[]], [["unknown"]]])
def test_words_that_occur_nowhere_find_nothing(lexical: LexicalIndex, words: list[list[str]]) -> None:
    fill(lexical)
    scores, ids = lexical.search(words, 5, filters=Filters())
    assert scores.shape == ids.shape == (0,)


@pytest.mark.parametrize("word", ["and", "or", "not", "near", "folded", "东京", "ฉัน", "👨\u200d👩", "får", "הרצל"])
def test_operators_and_words_of_any_script_are_plain_words(lexical: LexicalIndex, word: str) -> None:
    fill(lexical)
    lexical.add(9, [word])
    assert [found for found, _ in search(lexical, [word])] == [9]


def test_removal_leaves_no_trace(lexical: LexicalIndex) -> None:
    fill(lexical)
    before = [search(lexical, [word]) for word in WORDS]
    lexical.add(4, ["ape", "dog", "bee"])
    assert [found for found, _ in search(lexical, ["dog"])] == [4]
    lexical.remove(4, ["ape", "dog", "bee"])
    assert [search(lexical, [word]) for word in WORDS] == before
    assert lexical.upper_bound([["dog"]], 3) == lexical.upper_bound([["never"]], 3)
    assert integrity_faults(lexical._connection) == []


def test_cleared_index_finds_nothing_and_can_be_filled_again(lexical: LexicalIndex) -> None:
    fill(lexical)
    lexical.clear()
    assert search(lexical, ["ape"], ["bee"]) == []
    fill(lexical)
    assert [found for found, _ in search(lexical, ["bee"])] == [1]


def test_passage_without_words_is_kept_and_never_found(lexical: LexicalIndex) -> None:
    fill(lexical)
    lexical.add(4, [])
    assert {found for found, _ in search(lexical, *([word] for word in WORDS))} == {1, 2, 3}
    lexical.remove(4, [])
    assert integrity_faults(lexical._connection) == []


def test_bound_is_the_sum_over_the_words_of_their_rarest_forms(lexical: LexicalIndex) -> None:
    fill(lexical)
    rare = 2.2 * math.log(2.5 / 1.5)
    assert lexical.upper_bound([["bee"]], 3) == pytest.approx(rare)
    assert lexical.upper_bound([["ape", "bee"]], 3) == pytest.approx(rare)
    assert lexical.upper_bound([["bee"], ["cat"]], 3) == pytest.approx(2 * rare)
    assert lexical.upper_bound([["ape"]], 3) == pytest.approx(2.2e-6)
    assert lexical.upper_bound([["nowhere"]], 3) == pytest.approx(rare)
    assert lexical.upper_bound([], 3) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), min_size=1, max_size=8),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
)
def test_bound_is_never_exceeded(passages: list[list[str]], query: list[str]) -> None:
    with TemporaryDirectory() as folder:
        create_database(Path(folder), {})
        with closing(open_database(Path(folder), writable=True)) as connection:
            lexical = LexicalIndex(connection)
            with connection:
                for passage_id, words in enumerate(passages):
                    lexical.add(passage_id, words)
            words_of_query = [[word] for word in query]
            scores, ids = lexical.search(words_of_query, len(passages), filters=Filters())
            bound = lexical.upper_bound(words_of_query, len(passages))
    assert set(ids.tolist()) == {i for i, words in enumerate(passages) if set(words) & set(query)}
    assert all(0 < score <= bound for score in scores.tolist())
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_filters_admit_a_representative_for_any_it_stands_for(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee", source="x")
        put(writer, "b", "ape bee", source="y")
        put(writer, "c", "ape cat", source="z")
        (a,), (c,) = writer.store.passage_ids("a"), writer.store.passage_ids("c")
        lexical = LexicalIndex(writer.store.connection)
        found = {name: lexical.search([["ape"]], 9, filters=Filters(sources=(name,)))[1].tolist() for name in "xyzw"}
    assert found == {"x": [a], "y": [a], "z": [c], "w": []}
