"""One score from the dense, the late and the lexical part of a candidate.

The weights were chosen on XQuAD and SweFAQ by `benchmarks/fusion.py`; its table says what the
alternatives gave.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smsearch.search.candidates import Candidates

LATE_WEIGHT = 2.0
LEXICAL_WEIGHT = 2.0


def fuse(candidates: Candidates) -> NDArray[np.float32]:
    """The scores that order the candidates; `(n,)` float32, higher is better.

    Where one part alone was asked for, it is the score. Else the score is the weighted mean of
    cosine, late score and BM25, at most 1. BM25 is measured against what the query could reach,
    not against the best passage: where passages share no words with the query (it is in another
    language) it is near zero for all of them and changes nothing.
    """
    if candidates.dense is None:
        return candidates.bm25
    if candidates.late is None and not candidates.bound:
        return candidates.dense
    total = candidates.dense + LEXICAL_WEIGHT * np.minimum(candidates.bm25 / max(candidates.bound, 1e-9), 1)
    weights = 1 + LEXICAL_WEIGHT
    if candidates.late is not None:
        total, weights = total + LATE_WEIGHT * candidates.late, weights + LATE_WEIGHT
    return np.asarray(total / weights, dtype=np.float32)
