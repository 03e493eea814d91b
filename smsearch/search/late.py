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

_ALONE = 4 * 65_536  # multiplications that OpenBLAS leaves to one thread
_FEW = 16
_BLOCK = 1_024  # tokens whose vectors stay in the processor's cache: twice as fast as all at once


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
    similarities = best_matches(query, found.astype(np.int32), encoder)
    starts = lists.offsets[:-1][filled]
    for weight, row in zip(query.weights, similarities, strict=True):
        scores[filled] += weight * np.maximum.reduceat(row[places], starts)
    return scores


def best_matches(query: QueryTokens, ids: NDArray[np.int32], encoder: TokenEncoder) -> NDArray[np.float32]:
    """Cosines of the query's tokens with some tokens; `(len(query), len(ids))` float32."""
    similarities = np.empty((len(query), len(ids)), dtype=np.float32)
    for start in range(0, len(ids), _BLOCK):
        block = encoder.token_vectors(ids[start : start + _BLOCK])
        similarities[:, start : start + _BLOCK] = inner_products(query.vectors, block)
    return similarities


def inner_products(few: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """`few @ many.T` on one thread, in pieces too small for BLAS to share out.

    Its threads wait for each other: on a machine that is busy a product of a tenth of a millisecond takes thirty.
    """
    n, dim = many.shape
    products = np.empty((len(few), n), np.float32)
    for start in range(0, len(few), _FEW):
        some, out = few[start : start + _FEW], products[start : start + _FEW]
        width = max(_ALONE // (len(some) * dim), 1)
        whole = n - n % width
        pieces = some @ many[:whole].reshape(-1, width, dim).transpose(0, 2, 1)
        out[:, :whole] = pieces.transpose(1, 0, 2).reshape(len(some), whole)
        out[:, whole:] = some @ many[whole:].T
    return products
