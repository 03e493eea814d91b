"""A query answered: candidates ranked, hits chosen from the ranking."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import PoolingEncoder, TokenEncoder
from smsearch.errors import IndexDamagedError, NotFoundError
from smsearch.index.reader import IndexReader
from smsearch.index.stored import StoredPassage
from smsearch.index.stored_vectors import StoredVectors
from smsearch.ragged import divided
from smsearch.records import Filters, Hit, ScoreKind
from smsearch.search.candidates import (
    Candidates,
    QueryEncoders,
    Scores,
    first_depth,
    gather_candidates,
    with_exact_scores,
)
from smsearch.search.copies import Copies
from smsearch.search.fusion import fuse, weights_for
from smsearch.search.highlighting import Highlighter, Stretch
from smsearch.search.question import Question
from smsearch.search.translations import find_translations
from smsearch.text.language import detect_languages, language_chances

_DEPTH = 200
_DEEPER = 8
_BEST = 50  # or twice as many as hits are wanted: those that are reranked, or whose scores are made exact
_UNSURE = 0.1  # how far a score may be from its estimate
_ABOUT_CHARACTERS = 2000
_BLOCK = 32
_MOST_TRANSLATED = 400  # candidates that are looked at for translations
_TOGETHER = 40_000  # hits of queries that are asked at once
_LAST_ID = 2**63 - 1  # SQLite counts no further

Rerank = Callable[[str, Sequence[str]], Scores]


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Candidates, best first, what orders them, and which of them are no hits."""

    candidates: Candidates
    scores: Scores
    hidden: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A place in the ranking, and the passage to show for it."""

    place: int
    stored: StoredPassage


class Searcher:
    """Answers queries over one index."""

    def __init__(self, reader: IndexReader, encoders: QueryEncoders) -> None:
        """Search an index.

        Args:
            reader: The index.
            encoders: Of queries; each is called when a query needs it.
        """
        self._reader = reader
        self._encoders = encoders

    def search(self, question: Question, *, rerank: Rerank | None = None) -> list[Hit]:
        """The hits of a query, best first, ties by passage; fewer than `k` only if no more are admitted.

        Args:
            question: What is asked.
            rerank: Gives texts new scores for a query; applied to the best 50 candidates, the best `2 k` if that
                is more, or as many as it takes to find `k` hits.
        """
        reader = self._reader
        with reader.snapshot():
            admitted = reader.admitted(question.filters)
            n_admitted = int(np.count_nonzero(admitted))
            depth = first_depth(n_admitted, question)
            n_best = max(_BEST, 2 * question.k)
            while True:
                candidates = gather_candidates(reader, self._encoders, question, admitted=admitted, depth=depth)
                first = self._ranked(candidates, self._fused(candidates))
                ranking, chosen = self._answers(question, first, n_best, rerank)
                exhausted = len(first) < depth or depth >= n_admitted
                if len(chosen) >= question.k or exhausted or _too_low(question, ranking):
                    kind = _score_kind(question) if rerank is None else "rerank"
                    return self._hits(question, ranking, chosen, kind)
                depth *= _DEEPER
                n_best *= _DEEPER

    def nearest(
        self, queries: Sequence[str], k: int, filters: Filters, *, exact: bool
    ) -> tuple[NDArray[np.int64], Scores]:
        """Passages nearest to each of many queries by their vectors alone, and the cosines; see `Index.nearest`."""
        reader = self._reader
        with reader.snapshot():
            admitted = reader.admitted(filters)
            width = min(k, int(np.count_nonzero(admitted)))
            passage_ids, cosines = (
                np.empty((len(queries), width), np.int64),
                np.empty((len(queries), width), np.float32),
            )
            step = max(_TOGETHER // k, 1)
            for start in range(0, len(queries), step):
                some = queries[start : start + step]
                vectors = self._encoders.vectors(some, language_chances(some))
                found, rows = reader.vectors.search(vectors, k, admitted=admitted, exact=exact)
                passage_ids[start : start + step], cosines[start : start + step] = reader.passage_ids[rows], found
            representatives, places = np.unique(passage_ids, return_inverse=True)
            shown = [reader.shown_for(passage_id, filters) for passage_id in representatives.tolist()]
            return np.array(shown, np.int64)[places].reshape(passage_ids.shape), cosines

    def similar_to(self, to: str | int, *, k: int) -> list[Hit]:
        """Passages of other documents near a document or a passage, one of each document.

        Their score is the cosine with the passage, or with the mean of the document's passages.

        Raises:
            NotFoundError: If there is no such document or passage.
        """
        reader = self._reader
        with reader.snapshot():
            ids = reader.store.passage_ids(to) if isinstance(to, str) else [to] if 0 < to <= _LAST_ID else []
            own = reader.store.read_passages(ids)
            if not own:
                what = "document" if isinstance(to, str) else "passage"
                raise NotFoundError(f"there is no {what} {to!r} with text in the index {str(reader.folder)!r}")
            vectors = StoredVectors.of_index(reader.store).of(np.array(sorted(own), np.int64))
            mean = vectors.mean(axis=0, keepdims=True)
            mean /= max(float(np.linalg.norm(mean)), 1e-9)
            about = "\n".join(stored.passage.text for stored in own.values())[:_ABOUT_CHARACTERS]
            question = Question(str(to), k, "dense", per_document=1)
            depth = max(_DEPTH, 4 * k)
            while True:
                scores, rows = reader.vectors.search(mean, depth, admitted=reader.alive)
                candidates = Candidates.of_one_part(rows[0], dense=scores[0])
                ranking = self._ranked(candidates, scores[0])
                chosen = self._choose(question, ranking, without={stored.doc_id for stored in own.values()})
                if len(chosen) >= k or len(ranking) < depth:
                    return self._hits(question, ranking, chosen, "cosine", about=about)
                depth *= _DEEPER

    def _fused(self, candidates: Candidates) -> Scores:
        return fuse(candidates, weights_for(self._reader.encoder))

    def _ranked(self, candidates: Candidates, scores: Scores) -> _Ranking:
        order = np.lexsort((self._reader.passage_ids[candidates.rows], -scores))
        return _Ranking(candidates.take(order), scores[order])

    def _answers(
        self, question: Question, first: _Ranking, n_best: int, rerank: Rerank | None
    ) -> tuple[_Ranking, list[_Choice]]:
        """The hits, chosen from the `n_best` candidates, or from all where those give too few."""
        ranking = self._asked_first(question, self._best(question, first, n_best, rerank), n_best)
        chosen = self._choose(question, ranking)
        if len(chosen) < question.k and len(ranking) < len(first) and not _too_low(question, ranking):
            ranking = self._asked_first(question, self._best(question, first, len(first), rerank), n_best)
            chosen = self._choose(question, ranking)
        return ranking, chosen

    def _best(self, question: Question, ranking: _Ranking, n: int, rerank: Rerank | None) -> _Ranking:
        """The best `n`, ranked anew by exact scores, or by those of `rerank`; all where there is nothing to rank by."""
        if rerank is None and ranking.candidates.vector is None:
            return ranking
        best = with_exact_scores(ranking.candidates.take(np.arange(min(n, len(ranking)))), self._reader)
        if rerank is None:
            return self._ranked(best, self._fused(best))
        ids = self._reader.passage_ids[best.rows].tolist()
        texts = [stored.passage.text for stored in self._read(ids)]
        return self._ranked(best, rerank(question.query, texts))

    def _asked_first(self, question: Question, ranking: _Ranking, n_best: int) -> _Ranking:
        """The ranking in which of translations the one in the query's language takes the best place, with its score."""
        found = find_translations(self._reader, ranking.candidates.rows[: min(n_best, _MOST_TRANSLATED)])
        if not found.groups:
            return ranking
        moved, behind = found.with_first(detect_languages([question.query])[0])
        order = np.arange(len(ranking))
        order[: len(moved)] = moved
        scores = np.maximum.accumulate(ranking.scores[order][::-1])[::-1]
        hidden = behind if question.group == "translations" else frozenset[int]()
        return _Ranking(ranking.candidates.take(order), scores, hidden)

    def _choose(self, question: Question, ranking: _Ranking, *, without: Collection[str] = ()) -> list[_Choice]:
        """The hits: down the ranking until there are enough."""
        chosen: list[_Choice] = []
        n_hits: dict[str, int] = {}
        copies = Copies()
        all_count = question.per_document is None and not without
        step = question.k if all_count else max(2 * question.k, _BLOCK)
        for start in range(0, len(ranking), step):
            for choice in self._shown(question, ranking, start, start + step, without):
                if question.min_score is not None and ranking.scores[choice.place] < question.min_score:
                    return chosen
                doc_id = choice.stored.doc_id
                if question.per_document is not None and n_hits.get(doc_id, 0) >= question.per_document:
                    continue
                if choice.place in ranking.hidden or not copies.admit(choice.stored):
                    continue
                n_hits[doc_id] = n_hits.get(doc_id, 0) + 1
                chosen.append(choice)
                if len(chosen) == question.k:
                    return chosen
        return chosen

    def _shown(
        self, question: Question, ranking: _Ranking, start: int, end: int, without: Collection[str]
    ) -> list[_Choice]:
        """The passages to show for a stretch of the ranking: representatives, or others they stand for."""
        representatives = self._reader.passage_ids[ranking.candidates.rows[start:end]].tolist()
        ids = [self._reader.shown_for(passage_id, question.filters) for passage_id in representatives]
        choices = [_Choice(place, stored) for place, stored in enumerate(self._read(ids), start)]
        if without:
            choices = [found for choice in choices if (found := self._elsewhere(choice, without))]
        return choices

    def _read(self, passage_ids: Sequence[int]) -> list[StoredPassage]:
        """Stored passages, in the order given.

        Raises:
            IndexDamagedError: If one of them is not stored, though it can be found.
        """
        stored = self._reader.store.read_passages(passage_ids)
        lost = [passage_id for passage_id in passage_ids if passage_id not in stored]
        if lost:
            raise IndexDamagedError(
                f"the index {str(self._reader.folder)!r} is damaged (passage {lost[0]} is gone); "
                "`smsearch verify` says what is wrong with it"
            )
        return [stored[passage_id] for passage_id in passage_ids]

    def _elsewhere(self, choice: _Choice, without: Collection[str]) -> _Choice | None:
        """The choice itself, or the same text in a document that may be shown."""
        if choice.stored.doc_id not in without:
            return choice
        store = self._reader.store
        same = store.read_passages(store.represented_by(choice.stored.passage_id))
        return next((_Choice(choice.place, same[i]) for i in sorted(same) if same[i].doc_id not in without), None)

    def _hits(
        self, question: Question, ranking: _Ranking, chosen: Sequence[_Choice], kind: ScoreKind, *, about: str = ""
    ) -> list[Hit]:
        """The hits, highlighted for the query, or for the text they are to be about."""
        encoder = None if question.mode == "lexical" else self._encoders.tokens()
        highlighter = Highlighter(about or question.query, encoder)
        scores = {} if encoder is None else self._known_scores(encoder, highlighter, ranking, chosen)
        best = highlighter.best_sentences([choice.stored for choice in chosen], scores)
        passages = [choice.stored.passage for choice in chosen]
        sentences = [passage.text[start:end] for passage, (start, end) in zip(passages, best, strict=True)]
        matches = highlighter.matches(sentences, [passage.lang for passage in passages])
        return [
            replace(_as_hit(question, rank, ranking, choice, sentence=span, matches=found), score_kind=kind)
            for rank, (choice, span, found) in enumerate(zip(chosen, best, matches, strict=True), 1)
        ]

    def _known_scores(
        self, encoder: TokenEncoder, highlighter: Highlighter, ranking: _Ranking, chosen: Sequence[_Choice]
    ) -> dict[int, Scores]:
        """Scores of the sentences of hits, by place, whose tokens are stored for the very passage that is shown.

        The encoder is told these tokens, so that it need not tokenise the words again that are marked.
        """
        rows = ranking.candidates.rows[[choice.place for choice in chosen]]
        shown = np.array([choice.stored.passage_id for choice in chosen], np.int64)
        known = np.flatnonzero(self._reader.passage_ids[rows] == shown)
        known = known[np.argsort(rows[known])]
        stored = self._reader.sentences(rows[known])
        if isinstance(encoder, PoolingEncoder):
            passages = [chosen[i].stored.passage for i in known.tolist()]
            texts = [[passage.text[start:end] for start, end in passage.sentences] for passage in passages]
            encoder.learn_words(texts, divided(stored.ids, np.diff(stored.bounds[stored.offsets])))
        return dict(zip(known.tolist(), highlighter.sentence_scores(stored), strict=True))


def _as_hit(
    question: Question,
    rank: int,
    ranking: _Ranking,
    choice: _Choice,
    *,
    sentence: Stretch,
    matches: Sequence[Stretch],
) -> Hit:
    stored, passage, parts = choice.stored, choice.stored.passage, ranking.candidates
    first = passage.start + sentence[0]
    return Hit(
        query=question.query,
        rank=rank,
        score=float(ranking.scores[choice.place]),
        doc_id=stored.doc_id,
        passage_id=stored.passage_id,
        title=stored.title,
        source=stored.source,
        lang=passage.lang,
        kind=passage.kind,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        sentence=passage.text[slice(*sentence)],
        sentence_start=first,
        sentence_end=passage.start + sentence[1],
        matches=tuple((first + start, first + end) for start, end in matches),
        dense=_part(parts.dense, choice.place),
        lexical=_part(parts.bm25, choice.place) or None,
        late=None if parts.evidence is None else float(parts.evidence.late[choice.place]),
        author=passage.author or stored.author,
        date=passage.date or stored.date,
        heading=passage.heading,
        duplicates=stored.duplicates,
        metadata=stored.metadata,
    )


def _score_kind(question: Question) -> ScoreKind:
    return "bm25" if question.mode == "lexical" else "probability"


def _too_low(question: Question, ranking: _Ranking) -> bool:
    """Whether the worst candidate is below the least score already, so that deeper ones will be."""
    least = question.min_score
    return least is not None and bool(len(ranking)) and bool(ranking.scores[-1] < least - _UNSURE)


def _part(scores: NDArray[np.float32] | None, place: int) -> float | None:
    return None if scores is None else float(scores[place])
