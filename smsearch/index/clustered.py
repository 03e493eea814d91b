"""Many vectors, in clusters: a search looks at the nearest of these, in less detail first."""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.files import Write
from smsearch.index.faiss_vectors import Codes, EightBits, FaissIndex, counted
from smsearch.index.mapped import MappedFile
from smsearch.index.vectors import Fetch, Rows, Vectors, by_score_then_row, inner_products_of

FLAT_LIMIT: Final = 200_000
"""Up to so many vectors every one is compared with the query; beyond, they stand in clusters."""

_MOST_CLUSTERS: Final = 1 << 13  # making more takes longer than it saves
_FIRST_PROBES: Final = 32
_FILTER_EXPONENT: Final = 0.5  # more clusters where fewer rows are admitted: 0.99 of the nearest in a tenth
_OVERSAMPLED: Final = 1_500, 50  # beyond k, and for each of k, times a step of 8 bits: a neighbour may be that far down
_FURTHER: Final = 320  # beyond 2 k, or half as many as clusters are visited if that is more: codes may
_TOGETHER: Final = 32_768  # candidates of queries whose vectors are in memory at once


class ClusteredIndex:
    """Vectors in clusters, of which a search visits the nearest.

    Codes of some bits a number are compared first. The best by them are compared by 8 bits, and the best by these with
    the stored vectors, so that scores are exact; what can be missed is a passage in a cluster that was not visited,
    or one that its code puts too far down. An exact search compares all by 8 bits, and so does one that visits every
    cluster.
    """

    def __init__(self, eight_bits: EightBits, codes: Codes | None, *, n_probes: int, fetch: Fetch) -> None:
        """Search vectors that `train` gave, or `open_vectors` read.

        Args:
            eight_bits: The vectors in clusters.
            codes: Their codes; None for an index of an earlier format, which is searched by 8 bits.
            n_probes: Clusters visited.
            fetch: Gives the stored vectors of some rows, `(n, dim)` float32.
        """
        self._eight_bits = eight_bits
        self._codes = codes
        self.fetch = fetch
        self.n_probes = min(n_probes, eight_bits.n_clusters)

    @classmethod
    def train(cls, sample: Vectors, n_expected: int, *, fetch: Fetch) -> ClusteredIndex:
        """An index without vectors, its clusters made from a sample of them.

        Args:
            sample: `(n, dim)` float32, of numbers in `[-1, 1]` as in all vectors; at least 16.
            n_expected: Vectors that will be added.
            fetch: See above.
        """
        eight_bits = EightBits.train(sample, cluster_count(n_expected))
        codes = Codes.train(sample, eight_bits.centroids)
        return cls(eight_bits, codes, n_probes=_FIRST_PROBES, fetch=fetch)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._eight_bits.dim

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return self._eight_bits.n_clusters

    @property
    def has_codes(self) -> bool:
        """Whether codes are compared first."""
        return self._codes is not None

    def __len__(self) -> int:
        return len(self._eight_bits)

    def add(self, vectors: Vectors) -> None:
        """Append rows; `(n, dim)` float32."""
        self._eight_bits.add(vectors)
        if self._codes is not None:
            self._codes.add(vectors)

    def serialize(self, write: Write) -> None:
        """Hand over the bytes of the file of vectors, piece by piece."""
        self._eight_bits.serialize(write)

    def serialize_codes(self, write: Write) -> None:
        """Hand over the bytes of the file of codes; there are none without codes."""
        if self._codes is not None:
            self._codes.serialize(write)

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`; where fewer than `k` rows are found, all clusters are visited.

        Args:
            queries: `(n_queries, dim)` float32.
            k: At least 1.
            admitted: `(len(self),)`; only rows marked here are searched.
            exact: Whether all clusters are visited; else `n_probes`, more where few rows are admitted.
        """
        n_admitted, admitted = counted(len(self), admitted)
        wanted = min(k, n_admitted)
        if not wanted or not len(queries):
            return np.empty((len(queries), wanted), np.float32), np.empty((len(queries), wanted), np.int64)
        further = min(2 * k + max(_FURTHER, self.n_probes // 2), n_admitted)
        rows = self._looked_at(queries, k, further, admitted, exact=exact)
        depth = self._depth(k)
        if rows.shape[1] > depth:
            rows = self._eight_bits.best(queries, rows, depth)
        scores, rows = by_score_then_row(_scores(queries, rows, self.fetch), rows)
        return scores[:, :wanted], rows[:, :wanted]

    def nearest(
        self, query: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> Rows:
        """See `VectorIndex.nearest`."""
        n_admitted, admitted = counted(len(self), admitted)
        if not n_admitted:
            return np.empty(0, np.int64)
        (rows,) = self._looked_at(query[None], k, min(k + k // 2, n_admitted), admitted, exact=exact)
        found: Rows = rows[rows >= 0]
        return found

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        return inner_products_of(query, self.fetch(rows))

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.estimates`; by 8 bits."""
        return self._eight_bits.estimates(query, rows)

    def _depth(self, k: int) -> int:
        """So many of the best by 8 bits hold the best `k`."""
        at_least, of_each = _OVERSAMPLED
        return k + ceil((at_least + of_each * k) * self._eight_bits.step)

    def _looked_at(
        self, queries: Vectors, k: int, n_codes: int, admitted: NDArray[np.bool_] | None, *, exact: bool
    ) -> Rows:
        """Rows that hold the best `k`, as far as what is compared first can tell; -1 where there are no more.

        These are the best `n_codes` by codes, or somewhat more than `k` by 8 bits.
        """
        n_admitted = len(self) if admitted is None else int(np.count_nonzero(admitted))
        depth = self._depth(k)
        if n_admitted <= depth:
            rows = np.arange(len(self)) if admitted is None else np.flatnonzero(admitted)
            return np.tile(rows, (len(queries), 1))
        probes = min(self.n_clusters, round(self.n_probes * (len(self) / n_admitted) ** _FILTER_EXPONENT))
        if exact or probes == self.n_clusters:
            return self._eight_bits.nearest(queries, depth, admitted, self.n_clusters)
        if self._codes is None:
            rows = self._eight_bits.nearest(queries, depth, admitted, probes)
        else:
            rows = self._codes.nearest(queries, n_codes, admitted, probes)
        if (rows[:, k - 1] < 0).any():  # also where nothing scores above 0: codes leave that out
            rows = self._eight_bits.nearest(queries, depth, admitted, self.n_clusters)
        return rows


def cluster_count(n: int) -> int:
    """Clusters for `n` vectors: a power of two near four times the square root, from 16 to 8192.

    Of a million vectors 98 of 100 nearest are found with 4096 clusters in three quarters of the time that 2048 take.
    """
    return int(min(_MOST_CLUSTERS, 2 ** max(4, 2 + round(np.log2(max(n, 1)) / 2))))


def open_vectors(
    path: Path, dim: int, *, codes: Path | None = None, n_probes: int | None, fetch: Fetch
) -> FaissIndex | ClusteredIndex:
    """Map a file of vectors into memory; the caller has checked that it is what was written.

    Args:
        path: The file.
        dim: Length of the vectors.
        codes: The file of their codes, if there is one; it is read.
        n_probes: Clusters visited, or None where there are none.
        fetch: Gives the stored vectors of some rows.

    Raises:
        RuntimeError: If FAISS cannot read them.
        OSError: If they cannot be read at all.
        ValueError: If they hold other vectors, or a file is empty.
    """
    if n_probes is None:
        return FaissIndex.open(MappedFile(path), dim)
    eight_bits = EightBits.open(MappedFile(path), dim)
    first = Codes.open(MappedFile(codes), eight_bits) if codes else None
    return ClusteredIndex(eight_bits, first, n_probes=n_probes, fetch=fetch)


def _scores(queries: Vectors, rows: Rows, fetch: Fetch) -> NDArray[np.float32]:
    """Scores of each query's own rows, minus infinity where there is none; rows that several share are fetched once."""
    scores = np.full(rows.shape, -np.inf, np.float32)
    all_owners, all_columns = np.nonzero(rows >= 0)
    for start in range(0, len(all_owners), _TOGETHER):
        owners, columns = all_owners[start : start + _TOGETHER], all_columns[start : start + _TOGETHER]
        found, places = np.unique(rows[owners, columns], return_inverse=True)
        vectors, of_one = fetch(found), np.flatnonzero(np.diff(owners, prepend=-1, append=len(queries)))
        for begin, end in pairwise(of_one.tolist()):
            i = owners[begin]
            scores[i, columns[begin:end]] = inner_products_of(queries[i], vectors[places[begin:end]])
    return scores
