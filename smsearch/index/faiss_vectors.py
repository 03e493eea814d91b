"""Vectors searched by FAISS: all of them compared while they are few, the nearest clusters visited where they are many.

This is the one address of `faiss`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smsearch.index.vectors import Fetch, Rows, Vectors, by_score_then_row, inner_products_of

FLAT_LIMIT = 200_000
"""Up to so many vectors every one is compared with the query; beyond, they stand in clusters."""

_BLAS_THRESHOLD = 8192  # BLAS from 32 queries of 256 dimensions; faiss's own value waits for 500
_ROUNDS = 8  # of k-means
_POINTS_PER_CLUSTER = 40
_MOST_CLUSTERS = 1 << 13  # making more takes longer than it saves
_FIRST_PROBES = 32
_FILTER_EXPONENT = 0.65  # more clusters where fewer rows are admitted: 0.98 of the nearest within a tenth of a million
_OVERSAMPLED = 26  # beyond k: 8 bits may put a neighbour that far down
_LARGEST = 127.0  # that a number becomes in 8 bits
_TOGETHER = 256  # queries whose candidates are in memory at once


class FaissIndex:
    """Every vector kept as float16 by FAISS and compared with the query; rows can be filtered inside the search."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401  faiss has no types
        self._index = index

    @classmethod
    def empty(cls, dim: int) -> FaissIndex:
        """An index without vectors.

        float16 is 1.6 times as fast as float32 and loses nothing, for the vectors come from float16.
        """
        faiss = _faiss()
        return cls(faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vectors) -> None:
        """Append rows; `(n, dim)` float32."""
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        if not self._index.is_trained:
            self._index.train(rows)
        self._index.add(rows)

    def serialized(self) -> memoryview:
        """The bytes of the index file."""
        return _serialized(self._index)

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`."""
        del exact  # it always is
        n_admitted, admitted = _counted(len(self), admitted)
        depth = min(k, n_admitted)
        if depth == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        faiss = _prepared(len(queries))
        parameters = None if admitted is None else faiss.SearchParameters(sel=_selector(faiss, admitted))
        scores, rows = self._index.search(np.ascontiguousarray(queries, np.float32), depth, params=parameters)
        return by_score_then_row(scores, rows)

    def nearest(
        self, query: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> Rows:
        """See `VectorIndex.nearest`."""
        _, (rows,) = self.search(query[None], k, admitted=admitted, exact=exact)
        found: Rows = rows
        return found

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        if not len(rows):
            return np.empty(0, np.float32)
        return inner_products_of(query, _stored(self._index, rows))

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.estimates`; they are the scores."""
        return self.scores(query, rows)


class ClusteredIndex:
    """Vectors of 8 bits a number in clusters, of which a search visits the nearest (FAISS's IVF,SQ8).

    Query and vectors are compared as whole numbers, which takes half the time of others. What a search finds is
    compared again with the stored vectors, so that scores are exact; only a passage in a cluster that was not
    visited can be missed.
    """

    def __init__(self, index: Any, dim: int, *, n_probes: int, fetch: Fetch) -> None:  # noqa: ANN401  faiss has no types
        """Search an index that `train` gave, or `open_vectors` read.

        Args:
            index: Of FAISS.
            dim: Length of the vectors.
            n_probes: Clusters visited.
            fetch: Gives the stored vectors of some rows, `(n, dim)` float32.

        Raises:
            ValueError: If the index holds other vectors.
        """
        faiss = _faiss()
        kind = index.sq.qtype if isinstance(index, faiss.IndexIVFScalarQuantizer) else None
        if (index.d, kind) != (dim, faiss.ScalarQuantizer.QT_8bit_direct_signed):
            raise ValueError(f"an index of {index.d} numbers a vector does not hold vectors of {dim} in 8 bits")
        self._index = index
        self.dim = dim
        self.fetch = fetch
        self.n_probes = min(n_probes, int(index.nlist))

    @classmethod
    def train(cls, sample: Vectors, n_expected: int, *, fetch: Fetch) -> ClusteredIndex:
        """An index without vectors, its clusters made from a sample of them.

        Args:
            sample: `(n, dim)` float32, of numbers in `[-1, 1]` as in all vectors.
            n_expected: Vectors that will be added.
            fetch: See above.
        """
        faiss = _prepared(len(sample))
        n_clusters = cluster_count(n_expected)
        dim = sample.shape[1]
        quantizer = faiss.IndexFlatIP(dim)
        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, n_clusters, kind, faiss.METRIC_INNER_PRODUCT, False)
        index.cp.niter = _ROUNDS
        index.cp.max_points_per_centroid = _POINTS_PER_CLUSTER
        index.cp.min_points_per_centroid = 1  # fewer are no reason to warn on standard error
        index.train(_whole_numbers(sample))
        return cls(index, dim, n_probes=_FIRST_PROBES, fetch=fetch)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self._index.nlist)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vectors) -> None:
        """Append rows; `(n, dim)` float32."""
        _prepared(len(vectors))
        self._index.add(_whole_numbers(vectors))

    def serialized(self) -> memoryview:
        """The bytes of the index file."""
        return _serialized(self._index)

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        admitted: NDArray[np.bool_] | None = None,
        exact: bool = False,
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`; where fewer than `k` rows are found, all clusters are visited.

        Args:
            queries: `(n_queries, dim)` float32.
            k: At least 1.
            admitted: `(len(self),)`; only rows marked here are searched.
            exact: Whether all clusters are visited; else `n_probes`, more where few rows are admitted.
        """
        n_admitted, admitted = _counted(len(self), admitted)
        wanted = min(k, n_admitted)
        if wanted == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        rows = self._looked_at(queries, k, n_admitted, admitted, exact=exact)
        scores, rows = by_score_then_row(self._scores_of_all(queries, rows), rows)
        return scores[:, :wanted], rows[:, :wanted]

    def nearest(
        self, query: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> Rows:
        """See `VectorIndex.nearest`."""
        n_admitted, admitted = _counted(len(self), admitted)
        if not n_admitted:
            return np.empty(0, np.int64)
        (rows,) = self._looked_at(query[None], k, n_admitted, admitted, exact=exact)
        found: Rows = rows[rows >= 0]
        return found

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        return inner_products_of(query, self.fetch(rows))

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.estimates`; by the vectors of 8 bits, which at first are looked up: 25 ms for a million."""
        if not len(rows):
            return np.empty(0, np.float32)
        if self._index.direct_map.no():
            self._index.make_direct_map()
        return inner_products_of(query / np.float32(_LARGEST), _stored(self._index, rows))

    def _scores_of_all(self, queries: Vectors, rows: Rows) -> NDArray[np.float32]:
        """Scores of each query's own rows, minus infinity where there is none; a shared row is fetched once."""
        scores = np.full(rows.shape, -np.inf, np.float32)
        for start in range(0, len(queries), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            found, places = np.unique(some[some >= 0], return_inverse=True)
            owners = np.nonzero(some >= 0)[0]
            vectors = self.fetch(found)
            scores[start : start + _TOGETHER][some >= 0] = np.einsum(
                "ij,ij->i", queries[start : start + _TOGETHER][owners], vectors[places]
            )
        return scores

    def _looked_at(
        self, queries: Vectors, k: int, n_admitted: int, admitted: NDArray[np.bool_] | None, *, exact: bool
    ) -> Rows:
        """The best rows by their 8-bit vectors, some more than `k`; -1 where there are no more."""
        probes = min(self.n_clusters, round(self.n_probes * (len(self) / n_admitted) ** _FILTER_EXPONENT))
        if exact:
            probes = self.n_clusters
        depth = min(k + _OVERSAMPLED, n_admitted)
        rows = self._nearest(queries, depth, admitted, probes)
        if probes < self.n_clusters and (rows[:, min(k, n_admitted) - 1] < 0).any():
            rows = self._nearest(queries, depth, admitted, self.n_clusters)
        return rows

    def _nearest(self, queries: Vectors, k: int, admitted: NDArray[np.bool_] | None, n_probes: int) -> Rows:
        """Rows by their 8-bit vectors, `(n_queries, k)`; -1 where there are no more."""
        is_one, is_exact = len(queries) == 1, n_probes == self.n_clusters
        faiss = _prepared(len(queries) * (n_probes if is_exact else 1))
        self._index.parallel_mode = int(is_one and is_exact)  # threads share the clusters of one query, not the queries
        inside = {} if admitted is None else {"sel": _selector(faiss, admitted)}
        parameters = faiss.SearchParametersIVF(nprobe=n_probes, **inside)
        largest = np.abs(queries).max(axis=1, keepdims=True)
        whole = _whole_numbers(queries, np.where(largest > 0, largest, np.float32(1)))
        rows: Rows
        _, rows = self._index.search(whole, k, params=parameters)
        return rows


def _whole_numbers(vectors: Vectors, largest: float | Vectors = 1.0) -> Vectors:
    """Numbers as whole ones in [-127, 127]; 127 for the largest there may be."""
    scaled = np.multiply(vectors, _LARGEST / largest, dtype=np.float32)
    return np.rint(np.clip(scaled, -_LARGEST, _LARGEST, out=scaled), out=scaled)


def cluster_count(n: int) -> int:
    """Clusters for `n` vectors: a power of two near four times the square root, from 16 to 8192.

    Of a million vectors 98 of 100 nearest are found with 4096 clusters in three quarters of the time that 2048 take.
    """
    return int(min(_MOST_CLUSTERS, 2 ** max(4, 2 + round(np.log2(max(n, 1)) / 2))))


def open_vectors(path: Path, dim: int, *, n_probes: int | None, fetch: Fetch) -> FaissIndex | ClusteredIndex:
    """Map a file of vectors into memory; the caller has checked that it is what was written.

    Args:
        path: The file.
        dim: Length of the vectors.
        n_probes: Clusters visited, or None where there are none.
        fetch: Gives the stored vectors of some rows.

    Raises:
        RuntimeError: If FAISS cannot read it.
        ValueError: If it holds other vectors.
    """
    faiss = _faiss()
    if os.name == "nt":  # faiss cannot open names beyond ASCII there
        index = faiss.deserialize_index(np.fromfile(path, dtype=np.uint8))
    else:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    if n_probes is not None:
        return ClusteredIndex(index, dim, n_probes=n_probes, fetch=fetch)
    if index.d != dim:
        raise ValueError(f"an index of vectors of {index.d} numbers does not hold vectors of {dim}")
    return FaissIndex(index)


def _counted(n: int, admitted: NDArray[np.bool_] | None) -> tuple[int, NDArray[np.bool_] | None]:
    """How many rows are admitted, and None for a filter that admits all."""
    n_admitted = n if admitted is None else int(np.count_nonzero(admitted))
    return n_admitted, None if n_admitted == n else admitted


def _selector(faiss: Any, admitted: NDArray[np.bool_]) -> Any:  # noqa: ANN401  faiss has no types
    bitmap = np.packbits(admitted, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(admitted), faiss.swig_ptr(bitmap))
    selector.bits = bitmap  # lives as long as what points to it
    return selector


def _serialized(index: Any) -> memoryview:  # noqa: ANN401  faiss has no types
    return memoryview(_faiss().serialize_index(index))


def _stored(index: Any, rows: Rows) -> Vectors:  # noqa: ANN401  faiss has no types
    """Vectors as they stand in an index.

    On one thread: before FAISS 1.15 there are several, and where processes share the cores these wait for each other
    so long that a query takes seconds.
    """
    _prepared(1)
    found: Vectors = index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
    return found


def _prepared(n_parts: int) -> Any:  # noqa: ANN401  faiss has no types
    """FAISS with one thread for work of one part, as a usual query is: more make it slower."""
    faiss = _faiss()
    faiss.omp_set_num_threads(1 if n_parts == 1 else os.cpu_count() or 1)
    return faiss


def _faiss() -> Any:  # noqa: ANN401  faiss has no types
    import faiss

    faiss.cvar.distance_compute_blas_threshold = _BLAS_THRESHOLD
    return faiss
