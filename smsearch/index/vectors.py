"""Vectors of the passages and the search for the nearest: FAISS, and the exact reference beside it.

This is the one address of `faiss`. Both indexes number their vectors by row, from 0, in the order
they were given; scores are inner products, higher is better.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

FLAT_LIMIT = 200_000
_BLAS_THRESHOLD = 8192  # BLAS from 32 queries of 256 dimensions; faiss's own value waits for 500


class VectorIndex(Protocol):
    """Vectors by row, and the search among them."""

    def __len__(self) -> int:
        """Number of vectors."""

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], Rows]:
        """The `k` best rows of each query.

        Args:
            queries: `(n_queries, dim)` float32.
            k: At least 1.
            admitted: `(len(self),)`; only rows marked here are searched. None admits all.

        Returns:
            Scores and rows, both `(n_queries, min(k, n))` where n rows are admitted; best first,
            ties by row. Which rows are taken of those that share the last score is not said.
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
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`."""
        rows = np.arange(len(self)) if admitted is None else np.flatnonzero(admitted)
        scores = queries @ self._vectors[rows].T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), rows[order].astype(np.int64)

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        return np.asarray(self._vectors[rows] @ query, dtype=np.float32)


class FaissIndex:
    """A FAISS inner-product index whose rows can be filtered inside the search."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401  faiss has no types
        self._index = index

    @classmethod
    def empty(cls, dim: int, *, n_expected: int = 0) -> FaissIndex:
        """An index without vectors, of the kind that suits the expected number.

        Up to 200,000 vectors are kept as they are (Flat); beyond, as float16, which is 1.6 times
        faster and loses nothing, for the vectors come from float16.
        """
        faiss = _faiss()
        if n_expected <= FLAT_LIMIT:
            return cls(faiss.IndexFlatIP(dim))
        return cls(faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT))

    @classmethod
    def open(cls, path: Path) -> FaissIndex:
        """Map an index file into memory; the caller has checked its digest.

        Raises:
            RuntimeError: If FAISS cannot read it.
        """
        faiss = _faiss()
        if os.name == "nt":  # faiss cannot open names beyond ASCII there
            return cls(faiss.deserialize_index(np.fromfile(path, dtype=np.uint8)))
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))

    @property
    def kind(self) -> str:
        """What FAISS calls this kind of index, in short."""
        return "Flat" if type(self._index).__name__.startswith("IndexFlat") else "SQfp16"

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

    def serialized(self) -> bytes:
        """The bytes of the index file."""
        packed: NDArray[np.uint8] = _faiss().serialize_index(self._index)
        return packed.tobytes()

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`."""
        n_admitted = len(self) if admitted is None else int(np.count_nonzero(admitted))
        depth = min(k, n_admitted)
        if depth == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        faiss = _faiss()
        faiss.omp_set_num_threads(1 if len(queries) == 1 else os.cpu_count() or 1)
        parameters = None
        if admitted is not None:
            bitmap = np.packbits(admitted, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(admitted), faiss.swig_ptr(bitmap))
            parameters = faiss.SearchParameters(sel=selector)
        scores, rows = self._index.search(np.ascontiguousarray(queries, np.float32), depth, params=parameters)
        return _by_score_then_row(scores, rows)

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        if not len(rows):
            return np.empty(0, np.float32)
        found = self._index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
        return np.asarray(found @ query, dtype=np.float32)


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
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`."""
        n_base = len(self._base)
        low = None if admitted is None else admitted[:n_base]
        high = None if admitted is None else admitted[n_base:]
        base_scores, base_rows = self._base.search(queries, k, admitted=low)
        if not len(self._later):
            return base_scores, base_rows
        later_scores, later_rows = self._later.search(queries, k, admitted=high)
        scores = np.concatenate([base_scores, later_scores], axis=1)
        rows = np.concatenate([base_rows, later_rows + n_base], axis=1)
        scores, rows = _by_score_then_row(scores, rows)
        return scores[:, :k], rows[:, :k]

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


def _faiss() -> Any:  # noqa: ANN401  faiss has no types
    import faiss

    faiss.cvar.distance_compute_blas_threshold = _BLAS_THRESHOLD
    return faiss
