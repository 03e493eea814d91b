"""A query answered: candidates, their scores, the ranking, the hits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.errors import NotFoundError, QueryError
from smsearch.index.derived import encoded_passages
from smsearch.index.reader import IndexReader
from smsearch.index.store import StoredPassage
from smsearch.records import Filters, Hit, Mode
from smsearch.search.fusion import Parts, Scores, fuse
from smsearch.search.highlighting import Highlighter
from smsearch.search.late import QueryTokens, late_scores
from smsearch.text.words import query_words

MODES: tuple[Mode, ...] = ("hybrid", "dense", "lexical")

_EXHAUSTIVE = 20_000  # so many passages are all scored by every part
_DEPTH = 200
_MOST_LANGS = 12
_LONGEST_QUERY = 10_000

Rerank = Callable[[str, Sequence[str]], NDArray[np.float32]]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and for which hits.

    Attributes:
        query: The query.
        k: How many hits, at least 1.
        mode: Which retrieval orders them.
        filters: Which passages may be hits.
        per_document: Most hits of one document, or None.
        min_score: Hits below are dropped, or None.
    """

    query: str
    k: int = 10
    mode: Mode = "hybrid"
    filters: Filters = Filters()
    per_document: int | None = None
    min_score: float | None = None

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise QueryError("the query is empty; write what you are looking for")
        if len(self.query) > _LONGEST_QUERY:
            raise QueryError(f"the query has {len(self.query)} characters; at most {_LONGEST_QUERY} are read")
        if self.k < 1:
            raise QueryError(f"k is {self.k}; ask for at least 1 hit")
        if self.mode not in MODES:
            raise QueryError(f"there is no mode {self.mode!r}; choose from {', '.join(MODES)}")
        if self.per_document is not None and self.per_document < 1:
            raise QueryError(f"per_document is {self.per_document}; allow at least 1 hit of each document")


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Candidates, best first, and the parts of their scores."""

    rows: Rows
    scores: Scores
    dense: Scores | None
    lexical: Scores
    late: Scores | None


class Searcher:
    """Answers queries over one index."""

    def __init__(self, reader: IndexReader, load_encoder: Callable[[], Encoder]) -> None:
        """Search an index.

        Args:
            reader: The index.
            load_encoder: Gives the encoder; called when a query needs one.
        """
        self._reader = reader
        self._load_encoder = load_encoder

    def search(self, question: Question, *, rerank: Rerank | None = None) -> list[Hit]:
        """The hits of a query, best first, ties by passage; fewer than `k` only if no more are admitted.

        Args:
            question: What is asked.
            rerank: Scores (query, texts) anew; applied to the best candidates.
        """
        with self._reader.snapshot():
            admitted = self._reader.admitted(question.filters)
            depth = max(_DEPTH, 4 * question.k)
            n_admitted = int(np.count_nonzero(admitted))
            while True:
                ranking = self._rank(question, admitted, depth)
                if rerank is not None:
                    ranking = self._reranked(question, ranking, rerank)
                chosen = self._choose(question, ranking)
                if len(chosen) >= question.k or depth >= n_admitted or len(ranking.rows) < depth:
                    return self._hits(question, ranking, chosen)
                depth *= 8

    def similar_to(self, to: str | int, *, k: int) -> list[Hit]:
        """Passages of other documents near a document or a passage, one of each document; score is the cosine.

        Raises:
            NotFoundError: If there is no such document or passage.
        """
        reader = self._reader
        with reader.snapshot():
            ids = reader.store.passage_ids(to) if isinstance(to, str) else [to]
            own = reader.store.read_passages(ids)
            if not own:
                raise NotFoundError(
                    f"there is no {'document' if isinstance(to, str) else 'passage'} {to!r} in the index"
                )
            vectors, _ = encoded_passages(reader.store, np.array(sorted(own), np.int64), reader.encoder.dim)
            mean = vectors.mean(axis=0)
            question = Question(str(to), k, "dense", per_document=1)
            depth = max(_DEPTH, 4 * k)
            while True:
                scores, rows = reader.vectors.search(mean[np.newaxis], depth, admitted=reader.alive)
                cosines = scores[0] / max(float(np.linalg.norm(mean)), 1e-9)
                ranking = self._ordered(_Ranking(rows[0], cosines, cosines, np.zeros_like(cosines), None))
                chosen = self._choose(question, ranking, without={stored.doc_id for stored in own.values()})
                if len(chosen) >= k or len(rows[0]) < depth:
                    return self._hits(question, ranking, chosen)
                depth *= 8

    # -- candidates and scores ----------------------------------------------------------------

    def _rank(self, question: Question, admitted: NDArray[np.bool_], depth: int) -> _Ranking:
        lexical_rows, bm25, bound = self._lexical(question, depth if len(admitted) > _EXHAUSTIVE else len(admitted))
        if question.mode == "lexical":
            return self._ordered(_Ranking(lexical_rows, bm25, None, bm25, None))
        encoder = self._load_encoder()
        vector = encoder.encode_queries([question.query])[0]
        if question.mode == "dense":
            scores, rows = self._reader.vectors.search(vector[np.newaxis], depth, admitted=admitted)
            lexical = _spread(rows[0], lexical_rows, bm25)
            return self._ordered(_Ranking(rows[0], scores[0], scores[0], lexical, None))
        rows = self._candidates(vector, lexical_rows, admitted, depth)
        dense = self._reader.vectors.scores(vector, rows)
        lexical = _spread(rows, lexical_rows, bm25)
        late = None
        if isinstance(encoder, TokenEncoder):
            tokens = QueryTokens.from_query(question.query, encoder)
            late = late_scores(tokens, self._reader.token_lists(rows), encoder)
        scores = fuse(Parts(dense, lexical / max(bound, 1e-9), late))
        return self._ordered(_Ranking(rows, scores, dense, lexical, late))

    def _candidates(self, vector: NDArray[np.float32], lexical: Rows, admitted: NDArray[np.bool_], depth: int) -> Rows:
        """All admitted rows while they are few, else the best of both rankings; ascending."""
        if np.count_nonzero(admitted) <= _EXHAUSTIVE:
            return np.flatnonzero(admitted)
        _, rows = self._reader.vectors.search(vector[np.newaxis], depth, admitted=admitted)
        return np.union1d(rows[0], lexical)

    def _lexical(self, question: Question, depth: int) -> tuple[Rows, Scores, float]:
        if question.mode == "dense" or not depth:
            return np.empty(0, np.int64), np.empty(0, np.float32), 0.0
        words = query_words(question.query, self._reader.store.langs()[:_MOST_LANGS])
        scores, ids = self._reader.lexical.search(words, depth, filters=question.filters)
        return self._reader.rows_of(ids), scores, self._reader.lexical.upper_bound(words, len(self._reader))

    def _ordered(self, ranking: _Ranking) -> _Ranking:
        order = np.lexsort((self._reader.passage_ids[ranking.rows], -ranking.scores))
        return _Ranking(
            ranking.rows[order],
            ranking.scores[order],
            None if ranking.dense is None else ranking.dense[order],
            ranking.lexical[order],
            None if ranking.late is None else ranking.late[order],
        )

    def _reranked(self, question: Question, ranking: _Ranking, rerank: Rerank) -> _Ranking:
        n = max(question.k, _DEPTH // 4)
        ids = self._reader.passage_ids[ranking.rows[:n]].tolist()
        stored = self._reader.store.read_passages(ids)
        scores = rerank(question.query, [stored[passage_id].passage.text for passage_id in ids])
        late = None if ranking.late is None else ranking.late[:n]
        dense = None if ranking.dense is None else ranking.dense[:n]
        return self._ordered(_Ranking(ranking.rows[:n], scores, dense, ranking.lexical[:n], late))

    # -- hits ---------------------------------------------------------------------------------

    def _choose(
        self, question: Question, ranking: _Ranking, *, without: Collection[str] = ()
    ) -> list[tuple[int, StoredPassage]]:
        """Places in the ranking of the hits, with the passage to show for each."""
        chosen: list[tuple[int, StoredPassage]] = []
        per_document: dict[str, int] = {}
        block = max(2 * question.k, 32)
        for start in range(0, len(ranking.rows), block):
            for place, stored in self._shown(question, ranking, start, start + block):
                if question.min_score is not None and ranking.scores[place] < question.min_score:
                    return chosen
                n_hits = per_document.get(stored.doc_id, 0)
                if stored.doc_id in without or (question.per_document is not None and n_hits >= question.per_document):
                    continue
                per_document[stored.doc_id] = n_hits + 1
                chosen.append((place, stored))
                if len(chosen) == question.k:
                    return chosen
        return chosen

    def _shown(self, question: Question, ranking: _Ranking, start: int, end: int) -> list[tuple[int, StoredPassage]]:
        store = self._reader.store
        ids = self._reader.passage_ids[ranking.rows[start:end]].tolist()
        if not question.filters.empty:
            ids = [store.shown_for(passage_id, question.filters) for passage_id in ids]
        stored = store.read_passages(ids)
        return [(start + i, stored[passage_id]) for i, passage_id in enumerate(ids)]

    def _hits(self, question: Question, ranking: _Ranking, chosen: Sequence[tuple[int, StoredPassage]]) -> list[Hit]:
        encoder = None if question.mode == "lexical" else self._load_encoder()
        highlighter = Highlighter(question.query, self._reader.store, encoder)
        best = highlighter.best_sentences([stored for _, stored in chosen])
        hits = []
        for rank, ((place, stored), (start, end)) in enumerate(zip(chosen, best, strict=True), 1):
            passage = stored.passage
            sentence = passage.text[start:end]
            first = passage.start + start
            hits.append(
                Hit(
                    query=question.query,
                    rank=rank,
                    score=float(ranking.scores[place]),
                    doc_id=stored.doc_id,
                    passage_id=stored.passage_id,
                    title=stored.title,
                    source=stored.source,
                    lang=passage.lang,
                    kind=passage.kind,
                    start=passage.start,
                    end=passage.end,
                    text=passage.text,
                    sentence=sentence,
                    sentence_start=first,
                    sentence_end=passage.start + end,
                    matches=tuple((first + a, first + b) for a, b in highlighter.matches(sentence, passage.lang)),
                    dense=_part(ranking.dense, place),
                    lexical=_part(ranking.lexical, place) or None,
                    late=_part(ranking.late, place),
                    author=passage.author or stored.author,
                    date=stored.date,
                    heading=passage.heading,
                    duplicates=stored.duplicates,
                    metadata=stored.metadata,
                )
            )
        return hits


def _spread(rows: Rows, found: Rows, scores: Scores) -> Scores:
    """Scores of some rows laid out over all candidates; 0 where there is none."""
    spread = np.zeros(len(rows), dtype=np.float32)
    if len(rows) and len(found):
        order = np.argsort(rows, kind="stable")
        places = np.searchsorted(rows[order], found)
        known = places < len(rows)
        known[known] = rows[order][places[known]] == found[known]
        spread[order[places[known]]] = scores[known]
    return spread


def _part(scores: Scores | None, place: int) -> float | None:
    return None if scores is None else float(scores[place])
