"""How many clusters a search must visit, found by trying it on the vectors of the index itself."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.index.faiss_vectors import ClusteredIndex

_QUERIES: Final = 64
_K: Final = 10
_SEED: Final = 11
_NOISE: Final = 3.0  # beside a vector of length 1: real queries stand so far from passages; less promises too much


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

    Queries are vectors of the index itself, a seeded sample of 64, each with some noise, for a query is no passage;
    what they should find is what a visit to every cluster finds.

    Args:
        index: Filled.
        recall: Share of the ten nearest to find, in `(0, 1]`.
        alive: `(len(index),)`; rows whose passages are still there. None for all.
    """
    draw = np.random.default_rng(_SEED)
    there = np.arange(len(index)) if alive is None else np.flatnonzero(alive)
    rows = np.sort(draw.choice(there, min(_QUERIES, len(there)), replace=False))
    queries = index.fetch(rows)
    queries += draw.standard_normal(queries.shape, np.float32) * np.float32(_NOISE / np.sqrt(index.dim))
    _, exact = index.search(queries, _K, admitted=alive, exact=True)
    n_probes, found = 1, 0.0
    while True:
        index.n_probes = n_probes
        seconds, found = [], 0.0
        for query, wanted in zip(queries, exact, strict=True):
            begin = time.perf_counter()
            _, got = index.search(query[None], _K, admitted=alive)
            seconds.append(time.perf_counter() - begin)
            found += float(np.isin(wanted, got[0]).mean()) / len(queries)
        if found >= recall or n_probes >= index.n_clusters:
            milliseconds = round(1000 * float(np.median(seconds)), 3)
            return Tuned(index.n_clusters, n_probes, recall, round(found, 4), milliseconds)
        n_probes = min(max(n_probes + 1, n_probes * 5 // 4), index.n_clusters)
