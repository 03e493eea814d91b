"""The passages worth scoring for a query, and the parts of their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.index.reader import IndexReader
from smsearch.search.late import QueryTokens, late_scores
from smsearch.search.question import Question
from smsearch.text.words import query_words

_EXHAUSTIVE = 500  # so many passages are all scored by every part
_DEPTH = 200  # how deep into the dense ranking to go where there are more, and how many are scored by every part
_LEXICAL_DEPTH = 2  # times as deep into the lexical ranking, which costs less
_SHALLOW = 32  # where only one ranking is asked
_MOST_LANGS = 12

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Some rows of an index and the parts of their scores, each `(n,)`.

    Attributes:
        rows: Rows of the reader.
        dense: Cosine with the query in `[-1, 1]`, or an estimate of it; None in lexical mode.
        bm25: 0 where no word matched.
        bound: BM25 of a passage that would hold every word of the query in its rarest form.
        late: Late-interaction score in `[-1, 1]`; None where the encoder has no token vectors, or
            the mode does not ask for it.
        vector: Of the query, `(dim,)`, where `dense` is estimated to within a hundredth; else None.
    """

    rows: Rows
    dense: Scores | None
    bm25: Scores
    bound: float
    late: Scores | None = None
    vector: Scores | None = None

    def take(self, order: NDArray[np.int64]) -> Candidates:
        """Some of them, in the order given."""
        dense = None if self.dense is None else self.dense[order]
        late = None if self.late is None else self.late[order]
        return Candidates(self.rows[order], dense, self.bm25[order], self.bound, late, self.vector)


def gather_candidates(
    reader: IndexReader,
    load_encoder: Callable[[], Encoder],
    question: Question,
    *,
    admitted: NDArray[np.bool_],
    depth: int,
) -> Candidates:
    """The candidates of a query; in hybrid mode by row, else in no particular order.

    In hybrid mode these are all admitted rows while they are few, else the best of the dense and of
    the lexical ranking, with estimates of their dense scores and without late ones.

    Args:
        reader: The index, within a snapshot.
        load_encoder: Gives the encoder; called unless the mode is lexical.
        question: What is asked.
        admitted: `(n_rows,)` bool; rows that may be hits.
        depth: How deep into each ranking to go.
    """
    n_admitted = int(np.count_nonzero(admitted))
    lexical_depth = depth * _LEXICAL_DEPTH if question.mode == "hybrid" else depth
    words_rows, words_scores, bound = _lexical(reader, question, admitted, lexical_depth)
    if question.mode == "lexical":
        return Candidates(words_rows, None, words_scores, bound)
    encoder = load_encoder()
    vector = encoder.encode_queries([question.query])
    if question.mode == "dense":
        scores, rows = reader.vectors.search(vector, depth, admitted=admitted, exact=question.exact)
        return Candidates(rows[0], scores[0], np.zeros_like(scores[0]), bound)
    if depth >= n_admitted:
        everything = np.flatnonzero(admitted)
        bm25 = _spread(everything, words_rows, words_scores)
        return Candidates(everything, reader.vectors.scores(vector[0], everything), bm25, bound)
    nearest = reader.vectors.nearest(vector[0], depth, admitted=admitted, exact=question.exact)
    best = np.union1d(nearest, words_rows)
    bm25 = _spread(best, words_rows, words_scores)
    return Candidates(best, reader.vectors.estimates(vector[0], best), bm25, bound, vector=vector[0])


def with_exact_scores(candidates: Candidates, reader: IndexReader) -> Candidates:
    """The candidates with exact dense scores where they were estimated."""
    if candidates.vector is None:
        return candidates
    dense = reader.vectors.scores(candidates.vector, candidates.rows)
    return replace(candidates, dense=dense, vector=None)


def with_late_scores(candidates: Candidates, reader: IndexReader, encoder: Encoder, query: str) -> Candidates:
    """The candidates, whose rows ascend, with late scores if the encoder has token vectors."""
    if not isinstance(encoder, TokenEncoder):
        return candidates
    tokens = QueryTokens.from_query(query, encoder)
    return replace(candidates, late=late_scores(tokens, reader.token_lists(candidates.rows), encoder))


def first_depth(n_admitted: int, question: Question) -> int:
    """How deep into each ranking to go at first: to the end where passages are few."""
    if question.mode != "hybrid":
        return min(n_admitted, max(_SHALLOW, 4 * question.k))
    return n_admitted if n_admitted <= _EXHAUSTIVE else max(_DEPTH, 4 * question.k)


def _lexical(
    reader: IndexReader, question: Question, admitted: NDArray[np.bool_], depth: int
) -> tuple[Rows, Scores, float]:
    if question.mode == "dense" or not depth:
        return np.empty(0, np.int64), np.empty(0, np.float32), 0.0
    words = query_words(question.query, reader.langs[:_MOST_LANGS])
    scores, rows = reader.lexical.search(words, depth, admitted=admitted)
    return rows, scores, reader.lexical.upper_bound(words)


def _spread(rows: Rows, found: Rows, scores: Scores) -> Scores:
    """Scores of some of the rows, which ascend, laid out over all of them; 0 where there is none."""
    spread = np.zeros(len(rows), dtype=np.float32)
    spread[np.searchsorted(rows, found)] = scores
    return spread
