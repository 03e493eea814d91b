"""How many clusters a search must visit, found by trying it on the vectors of the index itself."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.index.clustered import ClusteredIndex
from smsearch.index.vectors import Rows, Vectors

_QUERIES: Final = 256
_K: Final = 10
_SEED: Final = 11
_NEAR: Final = 1.05  # as many clusters as are enough, or fewer by so much
_OTHERS: Final = 8  # passages that make up what a query says beside one
_BESIDE: Final = 1.5  # how much that is; the nearest passage then has a cosine of 0.56, as that of a real query has


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search visits, and what it was seen to find.

    Attributes:
        n_clusters: Clusters there are.
        n_probes: Clusters a search visits.
        wanted: Recall asked for.
        recall: Share of the exact ten nearest that were found, in the mean.
        milliseconds: Median time of one search on one thread.
        usual: Recall that is asked for unless another is.
    """

    usual: ClassVar[float] = 0.98

    n_clusters: int
    n_probes: int
    wanted: float
    recall: float
    milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        """Its attributes, for JSON."""
        return asdict(self)


def tune(index: ClusteredIndex, *, recall: float = Tuned.usual, alive: NDArray[np.bool_] | None = None) -> Tuned:
    """Let an index visit as few clusters as give the recall wanted; sets `index.n_probes`.

    Queries are vectors of the index itself, a seeded sample of 256, each with something of others in it, for a query is
    no passage; what they should find is what a visit to every cluster finds.

    Args:
        index: Filled.
        recall: Share of the ten nearest to find, in `(0, 1]`.
        alive: `(len(index),)`; rows whose passages are still there. None for all.
    """
    draw = np.random.default_rng(_SEED)
    there = np.arange(len(index)) if alive is None else np.flatnonzero(alive)
    rows = np.sort(draw.choice(there, min(_QUERIES, len(there)), replace=False))
    queries = index.fetch(rows)
    others = index.fetch(draw.choice(there, _OTHERS * len(rows))).reshape(_OTHERS, *queries.shape)
    beside = np.einsum("o...,o...d->...d", draw.choice(np.array([-1, 1], np.float32), others.shape[:2]), others)
    queries += _BESIDE * beside / np.maximum(np.linalg.norm(beside, axis=1, keepdims=True), np.float32(1e-9))
    _, exact = index.search(queries, _K, admitted=alive, exact=True)
    tried: dict[int, tuple[float, float]] = {}

    def found(n_probes: int) -> float:
        index.n_probes = n_probes
        tried[n_probes] = _tried(index, queries, exact, alive)
        return tried[n_probes][0]

    enough = 1
    while found(enough) < recall and enough < index.n_clusters:
        enough = min(2 * enough, index.n_clusters)
    too_few = enough // 2
    while enough > too_few * _NEAR and enough - too_few > 1:
        between = (enough + too_few) // 2
        if found(between) < recall:
            too_few = between
        else:
            enough = between
    index.n_probes = enough
    return Tuned(index.n_clusters, enough, recall, round(tried[enough][0], 4), round(tried[enough][1], 3))


def _tried(
    index: ClusteredIndex, queries: Vectors, exact: Rows, alive: NDArray[np.bool_] | None
) -> tuple[float, float]:
    """The share of the exact rows that searches find, and the median of their milliseconds."""
    milliseconds, found = [], 0.0
    for query, wanted in zip(queries, exact, strict=True):
        begin = time.perf_counter()
        _, got = index.search(query[None], _K, admitted=alive)
        milliseconds.append(1000 * (time.perf_counter() - begin))
        found += float(np.isin(wanted, got[0]).mean()) / len(queries)
    return found, float(np.median(milliseconds))
