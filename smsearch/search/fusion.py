"""One score from the parts of a candidate's: the probability that the passage answers the query.

Each part counts with a weight, the weighted sum goes through the logistic function, and what comes out is in [0, 1];
0.5 is the natural cut (Platt, 1999). Weights were chosen for each encoder on one half of the questions of mixed
collections, and the other half reported: `benchmarks/weights.md`.

- dense: the cosine of query and passage vectors. e5's cosines lie between 0.7 and 1, hence its large weight.
- late: every word of the query looks for its best match in the passage, by token vectors.
- sentence_late: the same within one sentence, where it is highest.
- sentence_cosine: the cosine of the query with one sentence, where it is highest.
- lexical: BM25 as a share of what the query could reach, squared: a partial match of words says little, a whole one a
  lot.
- same_language: the probability that the passage is in the query's language. Its weight is negative: passages in the
  query's own language score higher in every part above, whether they answer or not.
- brevity: one over the number of distinct tokens of the query. Its weight is negative: a query of one letter or one
  greeting is matched by much that does not answer it.
- pieces: the tokens of the query for each of its words. Its weight is negative: a word that the table cuts into many
  pieces is a rare name, or no word at all. This and brevity are the same for all candidates and change no order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.index.recorded_encoder import EncoderRecord
from smsearch.search.candidates import Candidates


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part of a score counts; see the module.

    Attributes:
        dense: Of the cosine.
        brevity: Of one over the number of tokens of the query.
        pieces: Of the tokens for each word of the query.
        offset: Added to the sum.
        late: Of late interaction.
        sentence_late: Of late interaction within one sentence.
        sentence_cosine: Of the cosine with one sentence.
        lexical: Of BM25.
        same_language: Of the probability that query and passage are in one language.
    """

    dense: float
    brevity: float
    offset: float
    pieces: float = 0.0
    late: float = 0.0
    sentence_late: float = 0.0
    sentence_cosine: float = 0.0
    lexical: float = 0.0
    same_language: float = 0.0


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """The weights for an encoder.

    Attributes:
        hybrid: Where all parts are at hand.
        dense: Where the cosine alone is asked for.
    """

    hybrid: Weights
    dense: Weights


_STATIC: Final = EncoderWeights(
    hybrid=Weights(
        dense=3.98,
        late=4.99,
        sentence_late=2.49,
        sentence_cosine=2.49,
        lexical=4.99,
        same_language=-0.5,
        brevity=-9.67,
        pieces=-0.34,
        offset=-5.3,
    ),
    dense=Weights(dense=9.09, brevity=-2.3, offset=-3.44),
)
_E5: Final = EncoderWeights(
    hybrid=Weights(
        dense=44.6,
        late=2.23,
        sentence_late=2.23,
        sentence_cosine=2.23,
        lexical=2.23,
        same_language=-0.45,
        brevity=-3.17,
        pieces=-0.24,
        offset=-40.01,
    ),
    dense=Weights(dense=42.1, brevity=-4.98, offset=-35.57),
)
_E5_PROMPT: Final = "query: "


def weights_for(encoder: EncoderRecord) -> EncoderWeights:
    """The weights for an encoder: those of e5 for all e5 models, those of the static table for every other encoder.

    The latter were not chosen for encoders that nobody measured; the order of their hits is sound, their scores are no
    calibrated probabilities.
    """
    prompt = encoder.settings.get("query_prompt")
    return _E5 if encoder.name == "e5-small" or prompt == _E5_PROMPT else _STATIC


def fuse(candidates: Candidates, weights: EncoderWeights) -> NDArray[np.float32]:
    """The scores that order the candidates; `(n,)` float32, higher is better.

    Probabilities in `[0, 1]`, but where words alone were asked for: there it is BM25 in `[0, inf)`.
    """
    if candidates.dense is None:
        return candidates.bm25
    evidence = candidates.evidence
    if evidence is None:
        return _probabilities(weights.dense, candidates, {"dense": candidates.dense})
    parts = {
        "dense": candidates.dense,
        "late": evidence.late,
        "sentence_late": evidence.sentence_late,
        "sentence_cosine": evidence.sentence_cosine,
        "lexical": np.minimum(candidates.bm25 / max(candidates.bound, 1e-9), 1) ** 2,
        "same_language": candidates.same_language,
    }
    return _probabilities(weights.hybrid, candidates, parts)


def _probabilities(
    weights: Weights, candidates: Candidates, parts: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    of_query = weights.brevity * candidates.brevity + weights.pieces * candidates.pieces
    constant = np.float32(weights.offset + of_query)
    total = constant + sum(np.float32(getattr(weights, name)) * values for name, values in parts.items())
    return np.asarray(1 / (1 + np.exp(-total)), dtype=np.float32)
