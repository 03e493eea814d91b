"""What is peculiar to the FAISS indexes; what all vector indexes share is in the contract."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from smsearch.files import Write
from smsearch.index.clustered import ClusteredIndex, cluster_count, open_vectors
from smsearch.index.faiss_vectors import EightBits, FaissIndex
from smsearch.index.mapped import MappedFile
from smsearch.index.tuning import tune

Vectors = NDArray[np.float32]


def unit_vectors(n: int, dim: int, seed: int = 1) -> Vectors:
    found = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def natural_vectors(n: int, dim: int, seed: int = 1) -> Vectors:
    """Unit vectors that vary most in a few directions, which are those of no number, as encoders give them."""
    scales = 1 / np.sqrt(np.arange(1, dim + 1))
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))
    found = (np.random.default_rng(seed).standard_normal((n, dim)) * scales) @ turn
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def clustered(vectors: Vectors) -> ClusteredIndex:
    index = ClusteredIndex.train(vectors, len(vectors), fetch=lambda rows: vectors[rows])
    for start in range(0, len(vectors), 700):
        index.add(vectors[start : start + 700])
    return index


def save(serialize: Callable[[Write], None], path: Path) -> int:
    """Write a file of vectors; returns its length."""
    with path.open("wb") as file:
        serialize(file.write)
    return path.stat().st_size


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
    path, codes = tmp_path / "vectors.faiss", None
    save(index.serialize, path)
    if isinstance(index, ClusteredIndex):
        codes = tmp_path / "codes.faiss"
        save(index.serialize_codes, codes)
    for has_pread in (True, False):
        if not has_pread:
            monkeypatch.delattr("os.pread")
        opened = open_vectors(path, 32, codes=codes, n_probes=n_probes, fetch=lambda rows: vectors[rows])
        assert (type(opened), len(opened)) == (kind, 500)
        for before, after in zip(index.search(vectors[:3], 7), opened.search(vectors[:3], 7), strict=True):
            assert before.tolist() == after.tolist()
        rows = np.arange(500)
        assert opened.scores(vectors[0], rows).tolist() == index.scores(vectors[0], rows).tolist()


@pytest.mark.parametrize("content", [b"IxFI", b"no index at all"])
def test_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.faiss"
    path.write_bytes(content)
    with pytest.raises(RuntimeError):
        open_vectors(path, 4, n_probes=None, fetch=lambda rows: np.empty((len(rows), 4), np.float32))


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


def test_passages_without_tokens_are_not_taken_for_near_ones() -> None:
    near, query = unit_vectors(60, 32), unit_vectors(1, 32, seed=9)
    vectors = np.concatenate([np.zeros((200, 32), np.float32), near])
    scores, rows = clustered(vectors).search(query, 10, exact=True)
    best = np.argsort(-(near @ query[0]))[:10]
    assert rows[0].tolist() == (best + 200).tolist()
    np.testing.assert_allclose(scores[0], near[best] @ query[0], atol=1e-6)


def test_a_query_of_any_length_finds_the_same_passages() -> None:
    vectors, query = unit_vectors(500, 32), unit_vectors(1, 32, seed=9)
    index = clustered(vectors)
    scores, rows = index.search(query, 10, exact=True)
    for factor in (0.01, 30.0):
        long_scores, long_rows = index.search(factor * query, 10, exact=True)
        assert long_rows.tolist() == rows.tolist()
        np.testing.assert_allclose(long_scores, factor * scores, rtol=1e-5)


def test_a_query_without_tokens_finds_passages_that_score_nothing() -> None:
    scores, rows = clustered(unit_vectors(500, 32)).search(np.zeros((1, 32), np.float32), 10, exact=True)
    assert scores.tolist() == [[0.0] * 10]
    assert len(set(rows[0].tolist()) - {-1}) == 10


def test_more_queries_than_are_kept_in_memory_at_once_are_scored_alike() -> None:
    vectors, queries = unit_vectors(900, 32), unit_vectors(600, 32, seed=9)
    index = clustered(vectors)
    index.n_probes = index.n_clusters
    scores, rows = index.search(queries, 10)
    np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", queries, vectors[rows]), atol=1e-6)
    assert rows.tolist() == np.argsort(-(queries @ vectors.T), axis=1)[:, :10].tolist()


@pytest.mark.parametrize("n_probes", [None, 3])
def test_a_file_of_other_vectors_is_refused(tmp_path: Path, n_probes: int | None) -> None:
    vectors = unit_vectors(50, 24)
    index = clustered(vectors) if n_probes else FaissIndex.empty(24)
    save(index.serialize, tmp_path / "vectors.faiss")
    with pytest.raises(ValueError, match="does not hold vectors of 40"):
        open_vectors(tmp_path / "vectors.faiss", 40, n_probes=n_probes, fetch=lambda rows: vectors[rows])


def test_codes_are_compared_first_and_find_nearly_what_all_8_bits_do() -> None:
    vectors, queries = natural_vectors(6_000, 48), natural_vectors(50, 48, seed=2)
    index = clustered(vectors)
    assert index.has_codes
    index.n_probes = index.n_clusters - 1
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    _, found = index.search(queries, 10)
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)])
    assert recall > 0.99
    by_codes = index._codes.nearest(queries, 10, None, index.n_clusters)
    alone = np.mean([np.isin(a, b).mean() for a, b in zip(exact, by_codes, strict=True)])
    assert 0.3 < alone < 0.9  # so that what is compared next matters


def test_what_is_asked_for_one_by_one_and_together_is_the_same_with_codes() -> None:
    vectors, queries = natural_vectors(3_000, 32), natural_vectors(80, 32, seed=2)
    index = clustered(vectors)
    index.n_probes = 20
    together = index.search(queries, 5)[1].tolist()
    assert together == [index.search(query[None], 5)[1][0].tolist() for query in queries]


def test_codes_keep_to_what_is_admitted_and_find_all_of_it() -> None:
    vectors, queries = natural_vectors(6_000, 32), natural_vectors(20, 32, seed=2)
    index = clustered(vectors)
    index.n_probes = index.n_clusters // 2
    for share in (0.5, 0.1, 0.01):
        admitted = np.random.default_rng(4).random(6_000) < share
        scores, rows = index.search(queries, 10, admitted=admitted)
        assert admitted[rows].all()
        np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", queries, vectors[rows]), atol=1e-6)
        exact = np.argsort(-np.where(admitted, queries @ vectors.T, -9), axis=1)[:, :10]
        assert np.mean([np.isin(a, b).mean() for a, b in zip(exact, rows, strict=True)]) > 0.95
        near = index.nearest(queries[0], 40, admitted=admitted)
        assert len(set(near.tolist())) == len(near) >= min(40, admitted.sum())
        assert admitted[near].all()


def test_codes_of_other_vectors_are_refused(tmp_path: Path) -> None:
    index, other = clustered(unit_vectors(100, 24)), clustered(unit_vectors(90, 24))
    save(index.serialize, tmp_path / "vectors.faiss")
    save(other.serialize_codes, tmp_path / "codes.faiss")
    with pytest.raises(ValueError, match="90 codes of 24 numbers are not those of 100 of 24"):
        open_vectors(
            tmp_path / "vectors.faiss",
            24,
            codes=tmp_path / "codes.faiss",
            n_probes=3,
            fetch=lambda rows: np.empty((len(rows), 24), np.float32),
        )


def test_many_queries_to_a_file_find_what_one_by_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = natural_vectors(3_000, 24), natural_vectors(60, 24, seed=2)
    made = clustered(vectors)
    save(made.serialize, tmp_path / "vectors.faiss")
    save(made.serialize_codes, tmp_path / "codes.faiss")
    index = open_vectors(
        tmp_path / "vectors.faiss",
        24,
        codes=tmp_path / "codes.faiss",
        n_probes=20,
        fetch=lambda rows: vectors[rows],
    )
    narrow = np.arange(3_000) % 50 == 7  # 60, so that some queries have no more candidates than are wanted
    for admitted in (None, narrow):
        one_by_one = [index.search(query[None], 5, admitted=admitted)[1][0].tolist() for query in queries]
        for most_read in (10**9, 10):
            monkeypatch.setattr("smsearch.index.faiss_vectors._MOST_READ", most_read)
            assert index.search(queries, 5, admitted=admitted)[1].tolist() == one_by_one


def test_many_vectors_of_a_file_are_compared_like_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit_vectors(700, 24)
    save(clustered(vectors).serialize, tmp_path / "vectors.faiss")
    index = EightBits.open(MappedFile(tmp_path / "vectors.faiss"), 24)
    rows = np.random.default_rng(3).integers(0, 700, 300)
    read = index.estimates(vectors[0], rows)
    monkeypatch.setattr("smsearch.index.faiss_vectors._MOST_READ", 10)
    monkeypatch.setattr(MappedFile, "parts", None)  # they are mapped
    assert index.estimates(vectors[0], rows).tolist() == read.tolist()
    np.testing.assert_allclose(read, vectors[rows] @ vectors[0], atol=0.01)


def test_threads_share_what_may_be_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = natural_vectors(400, 24), natural_vectors(9, 24, seed=2)
    save(clustered(vectors).serialize, tmp_path / "vectors.faiss")
    index = EightBits.open(MappedFile(tmp_path / "vectors.faiss"), 24)
    rows = np.tile(np.arange(400), (9, 1))
    expected = [sorted(of_one) for of_one in index.best(queries, rows, 7).tolist()]
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("smsearch.index.faiss_vectors._MOST_READ", 10)
    numbers: list[int] = []
    pool = ThreadPoolExecutor

    def counted(n: int) -> ThreadPoolExecutor:
        numbers.append(n)
        return pool(n)

    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor", counted)
    for most in (10**6, 1_300, 1):
        monkeypatch.setattr("smsearch.index.faiss_vectors._MOST_IN_MEMORY", most)
        assert [sorted(of_one) for of_one in index.best(queries, rows, 7).tolist()] == expected
    assert numbers == [9, 3, 1]


def test_a_file_says_how_many_vectors_it_holds(tmp_path: Path) -> None:
    vectors = unit_vectors(300, 24)
    save(clustered(vectors).serialize, tmp_path / "vectors.faiss")
    assert faiss.read_index(str(tmp_path / "vectors.faiss")).ntotal == 300


def test_vectors_whose_numbers_are_of_different_size_are_kept_in_fine_steps() -> None:
    vectors = natural_vectors(2_000, 64)
    vectors[:, 3] += 1.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = EightBits.train(vectors, 16)
    index.add(vectors)
    assert index.step < 0.6 / 127
    estimates = index.estimates(vectors[5], np.arange(2_000))
    assert np.abs(estimates - vectors @ vectors[5]).std() < 0.6 * index.step
    np.testing.assert_allclose(np.linalg.norm(index.centroids, axis=1), 1, rtol=1e-4)


@pytest.mark.parametrize("most_read", [1, 100, 10**6])
def test_the_best_of_each_query_are_of_its_own_rows_and_none_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_read: int
) -> None:
    vectors, queries = natural_vectors(400, 24), natural_vectors(7, 24, seed=2)
    made = EightBits.train(vectors, 16)
    made.add(vectors)
    save(made.serialize, tmp_path / "vectors.faiss")
    rows = np.array([np.random.default_rng(i).permutation(400)[:50] for i in range(7)])
    for i in range(7):
        rows[i, 10 * i :] = -1  # from none to all but none
    expected = [
        sorted(sorted(own[own >= 0].tolist(), key=lambda row, q=query: -vectors[row] @ q)[:20])
        for own, query in zip(rows, queries, strict=True)
    ]
    monkeypatch.setattr("smsearch.index.faiss_vectors._MOST_READ", most_read)
    for index in (made, EightBits.open(MappedFile(tmp_path / "vectors.faiss"), 24)):
        found = index.best(queries, rows, 20)
        assert found.shape == (7, 20)
        recalls = [len(set(a) & set(b)) / max(len(b), 1) for a, b in zip(found.tolist(), expected, strict=True)]
        assert min(recalls[1:]) > 0.9
        assert [(of_one >= 0).sum() for of_one in found] == [len(of_one) for of_one in expected]


def test_codes_stand_in_the_clusters_of_the_vectors() -> None:
    vectors = natural_vectors(2_000, 32)
    index = clustered(vectors)
    by_8_bits = index._eight_bits.nearest(vectors[:30], 400, None, 1)
    by_codes = index._codes.nearest(vectors[:30], 400, None, 1)
    nearest = (vectors @ index._eight_bits.centroids.T).argmax(axis=1)
    for i in range(30):
        of_cluster = set(by_8_bits[i].tolist()) - {-1}
        assert of_cluster == set(np.flatnonzero(nearest == nearest[i]).tolist())
        positive = {row for row in of_cluster if vectors[row] @ vectors[i] > 0.1}  # others have codes of no score
        assert positive <= set(by_codes[i].tolist())


def test_vectors_beyond_those_that_steps_were_made_for_are_cut_off_and_found() -> None:
    vectors, far = natural_vectors(500, 24), np.eye(24, dtype=np.float32)
    index = EightBits.train(0.01 * vectors, 16)
    index.add(np.concatenate([vectors, far]))
    found = index.nearest(far, 1, None, 16)
    assert (found[:, 0] >= 500).mean() > 0.5


def test_a_file_of_an_earlier_version_is_searched_as_it_stands(tmp_path: Path) -> None:
    vectors, queries = unit_vectors(700, 24), unit_vectors(20, 24, seed=2)
    dim, kind = 24, faiss.ScalarQuantizer.QT_8bit_direct_signed
    quantizer = faiss.IndexFlatIP(dim)
    plain = faiss.IndexIVFScalarQuantizer(quantizer, dim, 16, kind, faiss.METRIC_INNER_PRODUCT, False)
    plain.train(np.rint(127 * vectors))
    plain.add(np.rint(127 * vectors))
    (tmp_path / "vectors.faiss").write_bytes(faiss.serialize_index(plain))
    index = open_vectors(tmp_path / "vectors.faiss", 24, n_probes=16, fetch=lambda rows: vectors[rows])
    assert not index.has_codes
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    assert index.search(queries, 10)[1].tolist() == exact.tolist()
    np.testing.assert_allclose(index.estimates(queries[0], np.arange(700)), vectors @ queries[0], atol=0.01)


def test_a_query_without_tokens_finds_as_many_passages_among_codes_too() -> None:
    index = clustered(unit_vectors(3_000, 32))
    admitted = np.arange(3_000) % 8 == 3
    for n_probes in (2, index.n_clusters // 2):  # of which a filter makes all
        index.n_probes = n_probes
        for inside in (None, admitted):
            scores, rows = index.search(np.zeros((2, 32), np.float32), 10, admitted=inside)
            assert scores.tolist() == [[0.0] * 10] * 2
            assert [len(set(of_one)) for of_one in rows.tolist()] == [10, 10]
            assert (rows >= 0).all()
            assert inside is None or inside[rows].all()


def test_a_file_of_vectors_holds_nothing_that_was_only_needed_to_make_it(tmp_path: Path) -> None:
    vectors = unit_vectors(700, 24)
    index = clustered(vectors)
    before = save(index.serialize, tmp_path / "vectors.faiss")
    index.estimates(vectors[0], np.arange(20))
    assert save(index.serialize, tmp_path / "vectors.faiss") == before
    assert index.estimates(vectors[0], np.arange(20)).tolist()[0] == pytest.approx(1, abs=0.01)


def test_vectors_that_faiss_copied_are_not_looked_for_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = unit_vectors(700, 24)
    save(clustered(vectors).serialize, tmp_path / "vectors.faiss")
    for is_within in (True, False):
        if not is_within:
            monkeypatch.setattr("smsearch.index.mapped.MappedFile.place_of", lambda _file, _address: -1)
        index = open_vectors(tmp_path / "vectors.faiss", 24, n_probes=3, fetch=lambda rows: vectors[rows])
        found = index.estimates(vectors[0], np.arange(700))
        np.testing.assert_allclose(found, vectors @ vectors[0], atol=0.01)


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
    admitted[500:600] = True  # more than are all compared
    _, rows = index.search(vectors[:50], 40, admitted=admitted)
    assert rows.shape == (50, 40)
    assert admitted[rows].all()
    assert (rows >= 0).all()


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


@pytest.mark.parametrize("kind", [FaissIndex, ClusteredIndex])
def test_a_look_at_some_rows_takes_one_thread(kind: type[FaissIndex | ClusteredIndex]) -> None:
    vectors = unit_vectors(500, 32)
    index = clustered(vectors)
    if kind is FaissIndex:
        index = FaissIndex.empty(32)
        index.add(vectors)
    faiss.omp_set_num_threads(2)
    index.estimates(vectors[0], np.arange(300))
    assert faiss.omp_get_max_threads() == 1


def test_a_disk_that_is_full_is_said_as_it_is(tmp_path: Path) -> None:
    def refuse(_piece: bytes | memoryview) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    index = clustered(unit_vectors(700, 24))
    for serialize in (index.serialize, index.serialize_codes):
        with pytest.raises(OSError, match="No space left on device"):
            serialize(refuse)
    assert save(index.serialize, tmp_path / "vectors.faiss") > 700 * 24
