"""Late interaction over static token vectors: every word of the query looks for its best match.

After ColBERT (Khattab & Zaharia, SIGIR 2020), with one fixed vector per token and each query token
weighted by how much it says: `late(q, p) = sum_t w_t max_{u in p} cos(t, u) / sum_t w_t`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import TokenEncoder
from smsearch.index.tokens import TokenLists
from smsearch.ragged import distinct


@dataclass(frozen=True, slots=True)
class QueryTokens:
    """The tokens of a query.

    Attributes:
        vectors: `(n, dim)` float32, unit rows.
        weights: `(n,)` float32, summing to 1.
    """

    vectors: NDArray[np.float32]
    weights: NDArray[np.float32]

    @classmethod
    def from_query(cls, query: str, encoder: TokenEncoder) -> QueryTokens:
        """Distinct tokens of a query; repeated ones weigh more."""
        ids, counts = np.unique(encoder.token_ids([query])[0], return_counts=True)
        weights = encoder.token_weights(ids) * counts.astype(np.float32)
        telling = weights > 0
        total = float(weights.sum()) or 1.0
        return cls(encoder.token_vectors(ids[telling]), (weights[telling] / total).astype(np.float32))

    def __len__(self) -> int:
        return len(self.weights)


def late_scores(query: QueryTokens, lists: TokenLists, encoder: TokenEncoder) -> NDArray[np.float32]:
    """Late-interaction score in `[-1, 1]` of each row; `(n_rows,)` float32, 0 for rows without tokens."""
    scores = np.zeros(len(lists), dtype=np.float32)
    filled = np.flatnonzero(np.diff(lists.offsets))
    if not len(query) or not len(filled):
        return scores
    found, places = distinct(lists.ids)
    similarities = encoder.token_cosines(query.vectors, found.astype(np.int32))
    starts = lists.offsets[:-1][filled]
    for weight, row in zip(query.weights, similarities, strict=True):
        scores[filled] += weight * np.maximum.reduceat(row[places], starts)
    return scores
