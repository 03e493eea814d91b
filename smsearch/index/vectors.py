"""Vectors of the passages and the search for the nearest: what an index of them offers, and the exact reference.

All indexes number their vectors by row, from 0, in the order they were given; scores are inner products, higher is
better.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Fetch = Callable[[Rows], Vectors]
_OfRows = Callable[[Rows], NDArray[np.float32]]


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
        """Rows among which the `k` best of one query `(dim,)` are, in no particular order; some more than `k`.

        The rows a search would look at, without the scores that it would have to make sure of.
        """

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """Inner products of one query `(dim,)` with some rows; `(len(rows),)`."""

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """What the scores are to within a hundredth, by the vectors that are at hand; `(len(rows),)`.

        Less of a vector whose numbers are far larger than those of all others.
        """


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
        return inner_products_of(query, self._vectors[rows])

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.estimates`; they are the scores."""
        return self.scores(query, rows)


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
        scores, rows = by_score_then_row(scores, rows)
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
        return self._of_both(rows, partial(self._base.scores, query), partial(self._later.scores, query))

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.estimates`."""
        return self._of_both(rows, partial(self._base.estimates, query), partial(self._later.estimates, query))

    def _of_both(self, rows: Rows, base: _OfRows, later: _OfRows) -> NDArray[np.float32]:
        n_base = len(self._base)
        low = rows < n_base
        found = np.empty(len(rows), dtype=np.float32)
        found[low] = base(rows[low])
        found[~low] = later(rows[~low] - n_base)
        return found


def inner_products_of(query: Vectors, vectors: Vectors) -> NDArray[np.float32]:
    """Inner products of one query `(dim,)` with vectors `(n, dim)`, on one thread; `(n,)`."""
    products: NDArray[np.float32] = np.einsum("d,nd->n", query, vectors)
    return products


def by_score_then_row(scores: NDArray[np.float32], rows: Rows) -> tuple[NDArray[np.float32], Rows]:
    """Each query's rows and their scores, best first, ties by row."""
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
