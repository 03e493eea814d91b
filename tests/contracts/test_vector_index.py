"""Every vector index gives the rows and scores of plain numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from smsearch.index.clustered import ClusteredIndex
from smsearch.index.faiss_vectors import FaissIndex
from smsearch.index.vectors import ExactIndex, LayeredIndex, VectorIndex

Vectors = NDArray[np.float32]
DIM = 4


def flat(vectors: Vectors) -> VectorIndex:
    index = FaissIndex.empty(vectors.shape[1])
    index.add(vectors)
    return index


def clustered(vectors: Vectors) -> VectorIndex:
    """Of which every cluster is visited; it is given numbers in [-1, 1]."""
    short = vectors / max(1.0, float(np.linalg.norm(vectors, axis=1).max(initial=0.0)))
    draw = np.random.default_rng(5)
    sample = np.concatenate([short, draw.standard_normal((40, vectors.shape[1])).astype(np.float32) / 8])
    index = ClusteredIndex.train(sample, len(vectors), fetch=lambda rows: vectors[rows])
    index.n_probes = index.n_clusters
    if len(vectors):
        index.add(short)
    return index


def layered(vectors: Vectors) -> VectorIndex:
    half = len(vectors) // 2
    return LayeredIndex(flat(vectors[:half]), ExactIndex(vectors[half:]))


def layered_over_nothing(vectors: Vectors) -> VectorIndex:
    return LayeredIndex(flat(vectors[:0]), ExactIndex(vectors))


def layered_under_nothing(vectors: Vectors) -> VectorIndex:
    return LayeredIndex(clustered(vectors), ExactIndex(vectors[:0]))


BUILDERS = (ExactIndex, flat, clustered, layered, layered_over_nothing, layered_under_nothing)
every_index = pytest.mark.parametrize("build", BUILDERS)
Build = Callable[[Vectors], VectorIndex]


def oracle(vectors: Vectors, query: Vectors, admitted: NDArray[np.bool_] | None) -> list[tuple[float, int]]:
    """Score and row of every admitted row, best first, ties by row; in plain Python."""
    found = []
    for row, vector in enumerate(vectors.tolist()):
        if admitted is None or admitted[row]:
            found.append((sum(a * b for a, b in zip(vector, query.tolist(), strict=True)), row))
    return sorted(found, key=lambda pair: (-pair[0], pair[1]))


def small_vectors(n: st.SearchStrategy[int]) -> st.SearchStrategy[Vectors]:
    """Small whole numbers, whose products are exact in any order of adding; many ties."""
    row = st.lists(st.integers(-2, 2), min_size=DIM, max_size=DIM)
    rows = n.flatmap(lambda count: st.lists(row, min_size=count, max_size=count))
    return rows.map(lambda found: np.array(found, dtype=np.float32).reshape(-1, DIM))


@every_index
@settings(max_examples=60, deadline=None)
@given(
    vectors=small_vectors(st.integers(0, 30)),
    queries=small_vectors(st.integers(0, 3)),
    k=st.integers(1, 40),
    seed=st.none() | st.integers(0, 99),
)
def test_search_gives_the_scores_and_rows_of_the_oracle(
    build: Build, vectors: Vectors, queries: Vectors, k: int, seed: int | None
) -> None:
    admitted = None if seed is None else np.random.default_rng(seed).random(len(vectors)) < 0.5
    scores, rows = build(vectors).search(queries, k, admitted=admitted)
    n_admitted = len(vectors) if admitted is None else int(admitted.sum())
    assert scores.shape == rows.shape == (len(queries), min(k, n_admitted))
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    for query, found_scores, found_rows in zip(queries, scores.tolist(), rows.tolist(), strict=True):
        expected = oracle(vectors, query, admitted)
        assert found_scores == [score for score, _ in expected[:k]]
        found = list(zip(found_scores, found_rows, strict=True))
        assert len(set(found_rows)) == len(found_rows)
        assert set(found) <= set(expected)
        assert found == sorted(found, key=lambda pair: (-pair[0], pair[1]))
        last = found_scores[-1] if found_scores else None  # which of those that tie at the cut is not said
        assert [p for p in found if p[0] != last] == [p for p in expected[:k] if p[0] != last]


@every_index
def test_unit_vectors_are_ranked_as_by_numpy(build: Build) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((300, 64)).astype(np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    queries = vectors[[5, 17, 299]]
    scores, rows = build(vectors).search(queries, 10)
    exact = queries @ vectors.T
    expected = np.argsort(-exact, axis=1)[:, :10]
    assert rows.tolist() == expected.tolist()
    assert rows[:, 0].tolist() == [5, 17, 299]
    np.testing.assert_allclose(scores, np.take_along_axis(exact, expected, axis=1), rtol=1e-5)


@every_index
def test_many_queries_at_once_and_one_by_one_are_ranked_alike(build: Build) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((200, 256)).astype(np.float16).astype(np.float32)
    queries = rng.standard_normal((64, 256)).astype(np.float32)
    index = build(vectors)
    together = index.search(queries, 5)[1].tolist()
    assert together == [index.search(query[None], 5)[1][0].tolist() for query in queries]


@every_index
def test_scores_of_rows_come_in_the_order_of_the_rows(build: Build) -> None:
    vectors = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [1, 1, 0, 0]], dtype=np.float32)
    query = np.array([1, 3, 0, 0], dtype=np.float32)
    index = build(vectors)
    assert len(index) == 3
    assert index.scores(query, np.array([2, 0, 1, 2])).tolist() == [4, 1, 6, 4]
    assert index.scores(query, np.array([], dtype=np.int64)).tolist() == []


@every_index
def test_nothing_admitted_gives_nothing(build: Build) -> None:
    scores, rows = build(np.eye(DIM, dtype=np.float32)).search(
        np.ones((2, DIM), np.float32), 3, admitted=np.zeros(DIM, np.bool_)
    )
    assert scores.shape == rows.shape == (2, 0)


@every_index
def test_the_nearest_hold_the_best_of_the_search(build: Build) -> None:
    rng = np.random.default_rng(6)
    vectors = rng.standard_normal((300, 32)).astype(np.float16).astype(np.float32)
    admitted = rng.random(300) < 0.4
    index = build(vectors)
    for query in vectors[:5]:
        rows = index.nearest(query, 12, admitted=admitted)
        assert set(index.search(query[None], 12, admitted=admitted)[1][0].tolist()) <= set(rows.tolist())
        assert len(set(rows.tolist())) == len(rows)
        assert admitted[rows].all()
    assert index.nearest(vectors[0], 3, admitted=np.zeros(300, np.bool_)).shape == (0,)


@every_index
def test_estimates_are_near_the_scores(build: Build) -> None:
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((300, 64)).astype(np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    index = build(vectors)
    rows = rng.integers(0, 300, 500)
    for query in vectors[:3]:
        np.testing.assert_allclose(index.estimates(query, rows), index.scores(query, rows), atol=0.01)
    assert index.estimates(vectors[0], rows[:0]).shape == (0,)
    assert index.search(vectors[:1], 1)[1].tolist() == [[0]]  # a search after it finds what it found before
