"""One score from the parts of a candidate's: the probability that the passage answers the query.

Each part counts with a weight, chosen for each encoder on mixed pools of many languages (`benchmarks/weights.py`), and
the sum goes through the logistic function, so that 0.5 is the natural cut (Platt, 1999).

- dense: the cosine of query and passage vectors. e5's cosines lie between 0.7 and 1, hence its large weight.
- late: every word of the query looks for its best match in the passage, by token vectors.
- sentence_late: the same within one sentence, where it is highest.
- sentence_cosine: the cosine of the query with one sentence, where it is highest.
- lexical: BM25 as a share of what the query could reach, squared: a partial match of words says little, a whole one a
  lot.
- same_language: the probability that the passage is in the query's language; its weight is negative. Passages in the
  query's own language score higher in every part above, whether they answer or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.search.candidates import Candidates


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part of a score counts.

    Attributes:
        dense: See the module; so are the next five.
        late: See the module.
        sentence_late: See the module.
        sentence_cosine: See the module.
        lexical: See the module.
        same_language: See the module.
        offset: Added to the weighted sum before the logistic function.
        dense_slope: Weight of the cosine where it alone is the score.
        dense_offset: Added to it then.
    """

    dense: float
    late: float
    sentence_late: float
    sentence_cosine: float
    lexical: float
    same_language: float
    offset: float
    dense_slope: float
    dense_offset: float


STATIC: Final = Weights(
    dense=9.3,
    late=15.4,
    sentence_late=6.8,
    sentence_cosine=11.7,
    lexical=6.3,
    same_language=-1.3,
    offset=-20.0,
    dense_slope=8.0,
    dense_offset=-4.0,
)
E5_SMALL: Final = Weights(
    dense=59.0,
    late=7.0,
    sentence_late=4.0,
    sentence_cosine=7.0,
    lexical=4.0,
    same_language=-2.0,
    offset=-60.0,
    dense_slope=40.0,
    dense_offset=-34.0,
)


def weights_for(encoder: str) -> Weights:
    """The weights that were chosen for an encoder, by its name."""
    return E5_SMALL if encoder == "e5-small" else STATIC


def fuse(candidates: Candidates, weights: Weights) -> NDArray[np.float32]:
    """The scores that order the candidates; `(n,)` float32, higher is better.

    Probabilities in `[0, 1]`, but where words alone were asked for: there it is BM25 in `[0, inf)`.
    """
    if candidates.dense is None:
        return candidates.bm25
    evidence = candidates.evidence
    if evidence is None:
        total = weights.dense_slope * candidates.dense + weights.dense_offset
    else:
        share = np.minimum(candidates.bm25 / max(candidates.bound, 1e-9), 1)
        total = (
            weights.dense * candidates.dense
            + weights.late * evidence.late
            + weights.sentence_late * evidence.sentence_late
            + weights.sentence_cosine * evidence.sentence_cosine
            + weights.lexical * share**2
            + weights.same_language * candidates.same_language
            + weights.offset
        )
    return np.asarray(1 / (1 + np.exp(-total)), dtype=np.float32)
