"""One score from the dense, the late and the lexical part of a hit.

The weights were chosen on XQuAD and SweFAQ by `benchmarks/quality.py`; its table says what the
alternatives gave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LATE_WEIGHT = 2.0
LEXICAL_WEIGHT = 0.5

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parts:
    """The scores of some candidates, `(n,)` each.

    Attributes:
        dense: Cosine, in `[-1, 1]`; None where the mode does not ask for it.
        lexical: BM25 divided by the most the query could reach, in `[0, 1]`.
        late: In `[-1, 1]`; None where the encoder has no token vectors.
    """

    dense: Scores | None
    lexical: Scores
    late: Scores | None


def fuse(parts: Parts) -> Scores:
    """Weighted mean of the parts; at most 1.

    The lexical part is measured against what the query could reach, not against the best passage:
    where no passage shares words with the query (it is in another language) it is near zero for
    all and changes nothing.
    """
    total, weights = LEXICAL_WEIGHT * parts.lexical, LEXICAL_WEIGHT
    if parts.dense is not None:
        total, weights = total + parts.dense, weights + 1.0
    if parts.late is not None:
        total, weights = total + LATE_WEIGHT * parts.late, weights + LATE_WEIGHT
    return np.asarray(total / weights, dtype=np.float32)
