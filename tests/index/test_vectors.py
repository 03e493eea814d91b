"""What is peculiar to the FAISS indexes; what all vector indexes share is in the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smsearch.index.tuning import tune
from smsearch.index.vectors import ClusteredIndex, FaissIndex, cluster_count, open_vectors

Vectors = NDArray[np.float32]


def unit_vectors(n: int, dim: int, seed: int = 1) -> Vectors:
    found = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def clustered(vectors: Vectors) -> ClusteredIndex:
    index = ClusteredIndex.train(vectors, len(vectors), fetch=lambda rows: vectors[rows])
    for start in range(0, len(vectors), 700):
        index.add(vectors[start : start + 700])
    return index


@pytest.mark.parametrize("kind", [FaissIndex, ClusteredIndex])
def test_reopened_index_gives_the_same_numbers(
    tmp_path: Path, kind: type[FaissIndex | ClusteredIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = unit_vectors(500, 32)
    index = clustered(vectors)
    n_probes = 5
    index.n_probes = n_probes
    if kind is FaissIndex:
        index = FaissIndex.empty(32)
        index.add(vectors[:200])
        index.add(vectors[200:])
        n_probes = None
    path = tmp_path / "vectors.faiss"
    path.write_bytes(index.serialized())
    for system in ("posix", "nt"):
        monkeypatch.setattr("smsearch.index.vectors.os.name", system)
        opened = open_vectors(path, n_probes=n_probes, fetch=lambda rows: vectors[rows])
        assert (type(opened), opened.dim, len(opened)) == (kind, 32, 500)
        for before, after in zip(index.search(vectors[:3], 7), opened.search(vectors[:3], 7), strict=True):
            assert before.tolist() == after.tolist()
        rows = np.arange(500)
        assert opened.scores(vectors[0], rows).tolist() == index.scores(vectors[0], rows).tolist()


@pytest.mark.parametrize("content", [b"", b"IxFI", b"no index at all"])
def test_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.faiss"
    path.write_bytes(content)
    with pytest.raises(RuntimeError):
        open_vectors(path, n_probes=None, fetch=lambda rows: np.empty((len(rows), 4), np.float32))


def test_float16_vectors_lose_nothing_in_float16() -> None:
    index = FaissIndex.empty(3)
    vector = np.array([[0.1, -0.7, 0.3]], dtype=np.float16).astype(np.float32)
    index.add(vector)
    parts = [index.scores(axis, np.array([0]))[0] for axis in np.eye(3, dtype=np.float32)]
    assert parts == vector[0].tolist()


def test_clusters_are_a_power_of_two_near_the_square_root() -> None:
    assert [cluster_count(n) for n in (0, 100, 10_000, 1_000_000, 4_000_000)] == [16, 32, 512, 4096, 8192]


def test_scores_of_clusters_are_those_of_the_stored_vectors() -> None:
    vectors = unit_vectors(2000, 32)
    index = clustered(vectors)
    scores, rows = index.search(vectors[:20] + vectors[20:40], 10)
    exact = np.einsum("qd,qkd->qk", vectors[:20] + vectors[20:40], vectors[rows])
    np.testing.assert_allclose(scores, exact, atol=1e-6)


def test_fewer_than_k_in_the_clusters_visited_visits_all() -> None:
    vectors = unit_vectors(2000, 32)
    index = clustered(vectors)
    index.n_probes = 1
    admitted = np.zeros(2000, np.bool_)
    admitted[[3, 700, 1400, 1999]] = True
    scores, rows = index.search(vectors[3:4], 10, admitted=admitted)
    assert rows[0, 0] == 3
    assert sorted(rows[0].tolist()) == [3, 700, 1400, 1999]
    assert scores[0].tolist() == sorted(scores[0].tolist(), reverse=True)


def test_tuning_visits_no_more_clusters_than_the_recall_needs() -> None:
    vectors = unit_vectors(3000, 24)
    index = clustered(vectors)
    low = tune(index, recall=0.5)
    probes_low = index.n_probes
    high = tune(index, recall=0.95)
    assert index.n_probes == high.n_probes > probes_low == low.n_probes
    assert low.recall >= 0.5
    assert high.recall >= 0.95
    assert tune(index, recall=1.0).recall == 1.0
    queries = unit_vectors(100, 24, seed=2)
    index.n_probes = high.n_probes
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    found = np.mean([np.isin(a, b).mean() for a, b in zip(exact, index.search(queries, 10)[1], strict=True)])
    assert found > 0.9  # on other queries than those it was tuned on
