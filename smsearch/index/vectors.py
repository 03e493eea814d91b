"""Vectors of the passages and the search for the nearest: FAISS, and the exact reference beside it.

This is the one address of `faiss`. Both indexes number their vectors by row, from 0, in the order
they were given; scores are inner products, higher is better.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

FLAT_LIMIT = 200_000
"""Up to so many vectors every one is compared with the query; beyond, they stand in clusters."""

Fetch = Callable[[Rows], Vectors]

_BLAS_THRESHOLD = 8192  # BLAS from 32 queries of 256 dimensions; faiss's own value waits for 500
_ROUNDS = 8  # of k-means
_POINTS_PER_CLUSTER = 40
_MOST_CLUSTERS = 1 << 13  # making more takes longer than it saves
_FIRST_PROBES = 32
_FILTER_EXPONENT = 0.5
_OVERSAMPLED = 26  # beyond k: 8 bits may put a neighbour that far down


class VectorIndex(Protocol):
    """Vectors by row, and the search among them."""

    def __len__(self) -> int:
        """Number of vectors."""

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> tuple[NDArray[np.float32], Rows]:
        """The `k` best rows of each query.

        Args:
            queries: `(n_queries, dim)` float32.
            k: At least 1.
            admitted: `(len(self),)`; only rows marked here are searched. None admits all.
            exact: Whether every vector counts, where a search otherwise looks at some.

        Returns:
            Scores and rows, both `(n_queries, min(k, n))` where n rows are admitted; best first,
            ties by row. Which rows are taken of those that share the last score is not said.
        """

    def nearest(
        self, query: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> Rows:
        """Rows among which the `k` best of one query `(dim,)` are, in no particular order; a few more than `k` at most.

        The rows a search would look at, without the scores that it would have to make sure of.
        """

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """Inner products of one query `(dim,)` with some rows; `(len(rows),)`."""


class ExactIndex:
    """Every vector compared with plain numpy: the reference FAISS is held to."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`."""
        del exact  # it always is
        rows = np.arange(len(self)) if admitted is None else np.flatnonzero(admitted)
        scores = queries @ self._vectors[rows].T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), rows[order].astype(np.int64)

    def nearest(
        self, query: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> Rows:
        """See `VectorIndex.nearest`."""
        _, (rows,) = self.search(query[None], k, admitted=admitted, exact=exact)
        found: Rows = rows
        return found

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        return np.asarray(self._vectors[rows] @ query, dtype=np.float32)


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

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

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
        return _by_score_then_row(scores, rows)

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
        found = self._index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
        return np.asarray(found @ query, dtype=np.float32)


class ClusteredIndex:
    """Vectors of 8 bits a number in clusters, of which a search visits the nearest (FAISS's IVF,SQ8).

    What it finds is compared again with the stored vectors, so that scores are exact; only a passage in a
    cluster that was not visited can be missed.
    """

    def __init__(self, index: Any, *, n_probes: int, fetch: Fetch) -> None:  # noqa: ANN401  faiss has no types
        """Search an index that `train` gave, or `open_vectors` read.

        Args:
            index: Of FAISS.
            n_probes: Clusters visited.
            fetch: Gives the stored vectors of some rows, `(n, dim)` float32.
        """
        self._index = index
        self.fetch = fetch
        self.n_probes = min(n_probes, int(index.nlist))

    @classmethod
    def train(cls, sample: Vectors, n_expected: int, *, fetch: Fetch) -> ClusteredIndex:
        """An index without vectors, its clusters made from a sample of them.

        Args:
            sample: `(n, dim)` float32.
            n_expected: Vectors that will be added.
            fetch: See above.
        """
        faiss = _prepared(len(sample))
        n_clusters = cluster_count(n_expected)
        dim = sample.shape[1]
        quantizer = faiss.IndexFlatIP(dim)
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, n_clusters, kind, faiss.METRIC_INNER_PRODUCT, False)
        index.cp.niter = _ROUNDS
        index.cp.max_points_per_centroid = _POINTS_PER_CLUSTER
        index.cp.min_points_per_centroid = 1  # fewer are no reason to warn on standard error
        index.train(np.ascontiguousarray(sample, np.float32))
        return cls(index, n_probes=_FIRST_PROBES, fetch=fetch)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self._index.nlist)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vectors) -> None:
        """Append rows; `(n, dim)` float32."""
        _prepared(len(vectors))
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

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
        scores = np.full(rows.shape, -np.inf, np.float32)
        for query, found, out in zip(queries, rows, scores, strict=True):
            out[found >= 0] = self.scores(query, found[found >= 0])
        scores, rows = _by_score_then_row(scores, rows)
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
        return np.asarray(self.fetch(rows) @ query, dtype=np.float32)

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
        faiss = _prepared(len(queries))
        inside = {} if admitted is None else {"sel": _selector(faiss, admitted)}
        parameters = faiss.SearchParametersIVF(nprobe=n_probes, **inside)
        rows: Rows
        _, rows = self._index.search(np.ascontiguousarray(queries, np.float32), k, params=parameters)
        return rows


def cluster_count(n: int) -> int:
    """Clusters for `n` vectors: a power of two near four times the square root, from 16 to 8192.

    Of a million vectors 98 of 100 nearest are found in 2.3 ms with 4096 clusters, in 3.1 with 2048, in 4 with 1024.
    """
    return int(min(_MOST_CLUSTERS, 2 ** max(4, 2 + round(np.log2(max(n, 1)) / 2))))


def open_vectors(path: Path, *, n_probes: int | None, fetch: Fetch) -> FaissIndex | ClusteredIndex:
    """Map a file of vectors into memory; the caller has checked that it is what was written.

    Args:
        path: The file.
        n_probes: Clusters visited, or None where there are none.
        fetch: Gives the stored vectors of some rows.

    Raises:
        RuntimeError: If FAISS cannot read it.
    """
    faiss = _faiss()
    if os.name == "nt":  # faiss cannot open names beyond ASCII there
        index = faiss.deserialize_index(np.fromfile(path, dtype=np.uint8))
    else:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    return FaissIndex(index) if n_probes is None else ClusteredIndex(index, n_probes=n_probes, fetch=fetch)


class LayeredIndex:
    """A large index that stands, and a small one above it for what came later.

    Rows of the small one follow those of the large one.
    """

    def __init__(self, base: VectorIndex, later: VectorIndex) -> None:
        self._base = base
        self._later = later

    def __len__(self) -> int:
        return len(self._base) + len(self._later)

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`."""
        n_base = len(self._base)
        low = None if admitted is None else admitted[:n_base]
        high = None if admitted is None else admitted[n_base:]
        base_scores, base_rows = self._base.search(queries, k, admitted=low, exact=exact)
        if not len(self._later):
            return base_scores, base_rows
        later_scores, later_rows = self._later.search(queries, k, admitted=high, exact=exact)
        scores = np.concatenate([base_scores, later_scores], axis=1)
        rows = np.concatenate([base_rows, later_rows + n_base], axis=1)
        scores, rows = _by_score_then_row(scores, rows)
        return scores[:, :k], rows[:, :k]

    def nearest(
        self, query: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> Rows:
        """See `VectorIndex.nearest`."""
        n_base = len(self._base)
        low = None if admitted is None else admitted[:n_base]
        high = None if admitted is None else admitted[n_base:]
        base = self._base.nearest(query, k, admitted=low, exact=exact)
        return np.concatenate([base, self._later.nearest(query, k, admitted=high, exact=exact) + n_base])

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        n_base = len(self._base)
        low = rows < n_base
        found = np.empty(len(rows), dtype=np.float32)
        found[low] = self._base.scores(query, rows[low])
        found[~low] = self._later.scores(query, rows[~low] - n_base)
        return found


def _by_score_then_row(scores: NDArray[np.float32], rows: Rows) -> tuple[NDArray[np.float32], Rows]:
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


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


def _prepared(n_queries: int) -> Any:  # noqa: ANN401  faiss has no types
    """FAISS with one thread for one query: more make it slower."""
    faiss = _faiss()
    faiss.omp_set_num_threads(1 if n_queries == 1 else os.cpu_count() or 1)
    return faiss


def _faiss() -> Any:  # noqa: ANN401  faiss has no types
    import faiss

    faiss.cvar.distance_compute_blas_threshold = _BLAS_THRESHOLD
    return faiss
