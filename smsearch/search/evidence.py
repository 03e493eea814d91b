"""What the tokens of a passage and of its sentences say about a query, by static token vectors.

Late interaction, after ColBERT (Khattab & Zaharia, SIGIR 2020), with one fixed vector per token and each query token
weighted by how much it says: `late(q, p) = sum_t w_t max_{u in p} cos(t, u) / sum_t w_t`. The same within one sentence,
and the cosine of the query with one sentence, are evidence that a whole passage blurs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import TokenEncoder
from smsearch.index.tokens import Sentences
from smsearch.ragged import distinct

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QueryTokens:
    """The tokens of a query.

    Attributes:
        vectors: `(n, dim)` float32, unit rows.
        weights: `(n,)` float32, summing to 1.
        direction: `(dim,)` float32; see `TokenEncoder.query_direction`.
        n_tokens: Tokens of the query, repeats and such without a weight included.
    """

    vectors: NDArray[np.float32]
    weights: NDArray[np.float32]
    direction: NDArray[np.float32]
    n_tokens: int

    @classmethod
    def from_query(cls, query: str, encoder: TokenEncoder) -> QueryTokens:
        """Distinct tokens of a query; repeated ones weigh more."""
        ids, counts = np.unique(encoder.token_ids([query])[0], return_counts=True)
        weights = encoder.token_weights(ids) * counts.astype(np.float32)
        telling = weights > 0
        total = float(weights.sum()) or 1.0
        vectors = encoder.token_vectors(ids[telling])
        shares = (weights[telling] / total).astype(np.float32)
        return cls(vectors, shares, encoder.query_direction(query), int(counts.sum()))

    def __len__(self) -> int:
        return len(self.weights)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What tokens say about a query, all `(n_passages,)` float32 in `[-1, 1]`, 0 where there are no tokens.

    Attributes:
        late: Late interaction with the whole passage, title and heading included.
        sentence_late: Late interaction with the sentence where it is highest.
        sentence_cosine: Cosine of the query and the sentence where it is highest.
    """

    late: Scores
    sentence_late: Scores
    sentence_cosine: Scores

    def take(self, order: NDArray[np.int64]) -> Evidence:
        """Some of the passages, in the order given."""
        return Evidence(self.late[order], self.sentence_late[order], self.sentence_cosine[order])


@dataclass(frozen=True, slots=True)
class SentenceEvidence:
    """The same for each sentence, both `(n_sentences,)` float32."""

    late: Scores
    cosine: Scores


def token_evidence(query: QueryTokens, sentences: Sentences, encoder: TokenEncoder) -> Evidence:
    """What the sentences of each passage say about a query."""
    n = len(sentences)
    of_sentences, maxima = _compared(query, sentences, encoder)
    late = np.zeros(n, np.float32)
    filled = np.flatnonzero(np.diff(sentences.offsets))
    starts = sentences.offsets[:-1][filled]
    if len(filled):
        for weight, row in zip(query.weights, maxima, strict=True):
            highest = np.maximum.reduceat(row, starts)
            late[filled] += weight * np.where(highest < -1, 0, highest)
    is_own = sentences.lengths > 0  # of a sentence, not of the title above it
    return Evidence(
        late,
        _highest(np.where(is_own, of_sentences.late, -2), filled, starts, n),
        _highest(np.where(is_own, of_sentences.cosine, -2), filled, starts, n),
    )


def sentence_evidence(query: QueryTokens, sentences: Sentences, encoder: TokenEncoder) -> SentenceEvidence:
    """What each sentence says about a query."""
    return _compared(query, sentences, encoder)[0]


def _compared(query: QueryTokens, sentences: Sentences, encoder: TokenEncoder) -> tuple[SentenceEvidence, list[Scores]]:
    """The evidence of each sentence, and for each query token its highest cosine there, -2 without tokens."""
    n = len(sentences.lengths)
    late, cosine = np.zeros(n, np.float32), np.zeros(n, np.float32)
    filled = np.flatnonzero(np.diff(sentences.bounds))
    if not len(query) or not len(filled):
        return SentenceEvidence(late, cosine), [np.full(n, -2, np.float32) for _ in query.weights]
    found, places = distinct(sentences.ids)
    ids = found.astype(np.int32)
    length = float(np.linalg.norm(query.direction)) or 1.0
    compared = encoder.token_cosines(np.concatenate([query.vectors, query.direction[None] / length]), ids)
    starts = sentences.bounds[:-1][filled]
    maxima = []
    for weight, row in zip(query.weights, compared, strict=False):
        highest = np.full(n, -2, np.float32)
        highest[filled] = np.maximum.reduceat(row[places], starts)
        late[filled] += weight * highest[filled]
        maxima.append(highest)
    products = compared[-1] * (length * encoder.token_norms(ids))
    sums = np.add.reduceat(products[places], starts)
    lengths = np.abs(sentences.lengths[filled])
    cosine[filled] = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return SentenceEvidence(late, np.clip(cosine, -1, 1)), maxima


def _highest(values: Scores, filled: NDArray[np.int64], starts: NDArray[np.int64], n: int) -> Scores:
    """The highest value among the sentences of each passage, 0 where it has none of its own."""
    highest = np.zeros(n, np.float32)
    if len(filled):
        found = np.maximum.reduceat(values, starts)
        highest[filled] = np.where(found < -1, 0, found)
    return highest
