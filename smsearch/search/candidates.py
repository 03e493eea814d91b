"""The passages worth scoring for a query, and the parts of their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import TokenEncoder
from smsearch.index.reader import IndexReader
from smsearch.search.evidence import Evidence, QueryTokens, token_evidence
from smsearch.search.question import Question
from smsearch.text.language import language_chances
from smsearch.text.words import count_words, query_words

_EXHAUSTIVE = 500  # so many passages are all scored by every part
_DEPTH = 200  # nearest vectors that are scored by every part where there are more passages
_LEXICAL_DEPTH = 2  # times as deep into the ranking by words, which costs less
_LEXICAL_SHARE = 2  # for each so many nearest vectors, one passage that is best by its words (benchmarks/depth.md)
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
        same_language: Probability that the passage is in the query's language; 0 where nobody asked.
        brevity: One over the number of distinct tokens of the query.
        pieces: Tokens of the query for each of its words.
        evidence: What the tokens say; None where the mode does not ask for it.
        vector: Of the query, `(dim,)`, where `dense` is estimated to within a hundredth; else None.
    """

    rows: Rows
    dense: Scores | None
    bm25: Scores
    bound: float
    same_language: Scores
    brevity: float = 0.0
    pieces: float = 0.0
    evidence: Evidence | None = None
    vector: Scores | None = None

    def take(self, order: NDArray[np.int64]) -> Candidates:
        """Some of them, in the order given."""
        dense = None if self.dense is None else self.dense[order]
        evidence = None if self.evidence is None else self.evidence.take(order)
        same = self.same_language[order]
        return Candidates(
            self.rows[order],
            dense,
            self.bm25[order],
            self.bound,
            same,
            self.brevity,
            self.pieces,
            evidence,
            self.vector,
        )

    @classmethod
    def of_one_part(
        cls, rows: Rows, *, dense: Scores | None = None, bm25: Scores | None = None, brevity: float = 0.0
    ) -> Candidates:
        """Candidates of which one part alone is the score."""
        nothing = np.zeros(len(rows), np.float32)
        return cls(rows, dense, nothing if bm25 is None else bm25, 0.0, nothing, brevity)


@dataclass(frozen=True, slots=True)
class QueryEncoders:
    """Where a query's vector and tokens come from, each loaded when it is first needed.

    Attributes:
        vectors: Gives the vectors `(n, dim)` of queries, as the index compares them, from the queries and the
            probabilities of their languages.
        tokens: Gives the encoder of the stored token ids.
    """

    vectors: Callable[[Sequence[str], Sequence[Mapping[str, float]]], Scores]
    tokens: Callable[[], TokenEncoder]


def gather_candidates(
    reader: IndexReader,
    encoders: QueryEncoders,
    question: Question,
    *,
    admitted: NDArray[np.bool_],
    depth: int,
) -> Candidates:
    """The candidates of a query; in hybrid mode by row, else in no particular order.

    In hybrid mode these are all admitted rows while they are few, else the nearest vectors and the best rows by words:
    each list has places of its own, so that neither pushes out what the other found.

    Args:
        reader: The index, within a snapshot.
        encoders: Of the query; the vector is asked for unless the mode is lexical.
        question: What is asked.
        admitted: `(n_rows,)` bool; rows that may be hits.
        depth: How many nearest vectors to take.
    """
    n_admitted = int(np.count_nonzero(admitted))
    takes_all = depth >= n_admitted
    lexical_depth = depth if takes_all or question.mode != "hybrid" else depth * _LEXICAL_DEPTH
    words_rows, words_scores, bound = _lexical(reader, question, admitted, lexical_depth)
    if question.mode == "lexical":
        return Candidates.of_one_part(words_rows, bm25=words_scores)
    chances = language_chances([question.query])
    vector = encoders.vectors([question.query], chances)
    encoder = encoders.tokens()
    tokens = QueryTokens.from_query(question.query, encoder)
    brevity, pieces = 1 / max(len(tokens), 1), tokens.n_tokens / max(count_words(question.query), 1)
    if question.mode == "dense":
        scores, rows = reader.vectors.search(vector, depth, admitted=admitted, exact=question.exact)
        return Candidates.of_one_part(rows[0], dense=scores[0], brevity=brevity)
    if takes_all:
        best = np.flatnonzero(admitted)
        dense, estimated = reader.vectors.scores(vector[0], best), None
    else:
        nearest = _nearest(reader, vector[0], depth, admitted, exact=question.exact)
        best = np.union1d(nearest, words_rows[: depth // _LEXICAL_SHARE])
        dense, estimated = reader.vectors.estimates(vector[0], best), vector[0]
    return Candidates(
        best,
        dense,
        _spread(best, words_rows, words_scores),
        bound,
        _same_language(reader, best, chances[0]),
        brevity,
        pieces,
        token_evidence(tokens, reader.sentences(best), encoder),
        estimated,
    )


def with_exact_scores(candidates: Candidates, reader: IndexReader) -> Candidates:
    """The candidates with exact dense scores where they were estimated."""
    if candidates.vector is None:
        return candidates
    dense = reader.vectors.scores(candidates.vector, candidates.rows)
    return replace(candidates, dense=dense, vector=None)


def first_depth(n_admitted: int, question: Question) -> int:
    """How deep into each ranking to go at first: to the end where passages are few."""
    if question.mode != "hybrid":
        return min(n_admitted, max(_SHALLOW, 4 * question.k))
    return n_admitted if n_admitted <= _EXHAUSTIVE else max(_DEPTH, 4 * question.k)


def _nearest(reader: IndexReader, vector: Scores, depth: int, admitted: NDArray[np.bool_], *, exact: bool) -> Rows:
    """The rows of the nearest vectors, as far as their estimates tell."""
    rows = reader.vectors.nearest(vector, depth, admitted=admitted, exact=exact)
    if len(rows) <= depth:
        return rows
    return rows[np.argpartition(-reader.vectors.estimates(vector, rows), depth)[:depth]]


def _same_language(reader: IndexReader, rows: Rows, chances: Mapping[str, float]) -> Scores:
    """How likely each row is in the language of a query that is in each language with some probability."""
    langs = reader.langs_of(rows)
    return np.array([chances.get(lang.partition("-")[0], 0.0) for lang in langs], np.float32)


def _lexical(
    reader: IndexReader, question: Question, admitted: NDArray[np.bool_], depth: int
) -> tuple[Rows, Scores, float]:
    if question.mode == "dense" or not depth:
        return np.empty(0, np.int64), np.empty(0, np.float32), 0.0
    words = query_words(question.query, reader.langs[:_MOST_LANGS])
    scores, rows = reader.lexical.search(words, depth, admitted=admitted)
    return rows, scores, reader.lexical.upper_bound(words)


def _spread(rows: Rows, found: Rows, scores: Scores) -> Scores:
    """Scores of some rows, laid out over others, which ascend; 0 where there is none."""
    spread = np.zeros(len(rows), dtype=np.float32)
    places = np.minimum(np.searchsorted(rows, found), len(rows) - 1)
    is_there = rows[places] == found if len(rows) else np.zeros(len(found), bool)
    spread[places[is_there]] = scores[is_there]
    return spread
