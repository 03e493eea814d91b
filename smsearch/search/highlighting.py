"""The sentence of a passage that answers a query best, and the words in it that matched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import TokenEncoder
from smsearch.index.stored import StoredPassage
from smsearch.index.tokens import Sentences
from smsearch.search.evidence import QueryTokens, sentence_evidence
from smsearch.search.excerpts import Excerpts, best_sentence
from smsearch.text.words import index_terms, query_words

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LEAST_COSINE = 0.5
_LEAST_WEIGHT = 0.6  # of the mean weight: words below ("the", "att") match too easily

Stretch = tuple[int, int]
Scores = NDArray[np.float32]


@lru_cache(maxsize=1 << 15)
def _folded(word: str, lang: str) -> tuple[str, ...]:
    words, plain = index_terms(word, lang)
    return (*words, *plain)


class Highlighter:
    """Highlights the hits of one query."""

    def __init__(self, query: str, encoder: TokenEncoder | None) -> None:
        """Prepare for a query.

        Args:
            query: The query.
            encoder: Gives token vectors; None to go by words alone.
        """
        self._query = query
        self._encoder = encoder
        self._forms: dict[str, set[str]] = {}
        self._tokens = None if encoder is None else QueryTokens.from_query(query, encoder)

    def best_sentences(self, hits: Sequence[StoredPassage], known: Mapping[int, Scores]) -> list[Stretch]:
        """`(start, end)` of the sentence of each passage to show, relative to the passage; see `best_sentence`.

        Args:
            hits: The passages.
            known: Scores of the sentences of some of them, by place, as `sentence_scores` gives them; those of the
                others are computed.
        """
        best = []
        for place, stored in enumerate(hits):
            excerpts = Excerpts(self._query, stored)
            scores = known.get(place)
            if scores is None or len(scores) != len(excerpts.spans):
                scores = self._computed_scores(stored, excerpts.spans)
            best.append(excerpts.spans[best_sentence(scores.tolist(), excerpts.is_bare)])
        return best

    def sentence_scores(self, sentences: Sentences) -> list[Scores]:
        """Scores of the sentences of each passage, without the lines above it; none for words alone."""
        if self._encoder is None or self._tokens is None:
            return []
        found = sentence_evidence(self._tokens, sentences, self._encoder)
        scores = np.asarray((found.late + found.cosine) / 2, dtype=np.float32)
        is_own = ~np.signbit(sentences.lengths)
        ends = sentences.offsets.tolist()
        return [scores[a:b][is_own[a:b]] for a, b in pairwise(ends)]

    def matches(self, sentences: Sequence[str], langs: Sequence[str]) -> list[list[Stretch]]:
        """For each sentence, `(start, end)` of its words that match a word of the query, in any language."""
        spans = [[match.span() for match in _WORD.finditer(sentence)] for sentence in sentences]
        words = [
            [sentence[start:end] for start, end in of_sentence]
            for sentence, of_sentence in zip(sentences, spans, strict=True)
        ]
        near = self._near(list(dict.fromkeys(chain.from_iterable(words))))
        return [
            [
                span
                for span, word in zip(of_sentence, of_words, strict=True)
                if word in near or not self._wanted(lang).isdisjoint(_folded(word, lang))
            ]
            for of_sentence, of_words, lang in zip(spans, words, langs, strict=True)
        ]

    def _computed_scores(self, stored: StoredPassage, spans: Sequence[Stretch]) -> Scores:
        texts = [stored.passage.text[start:end] for start, end in spans]
        if self._encoder is None:
            return np.array([self._overlap(text, stored.passage.lang) for text in texts], np.float32)
        ids = self._encoder.token_ids(texts)
        (scores,) = self.sentence_scores(Sentences.from_lists([ids], self._encoder.sum_lengths(ids)))
        return scores

    def _overlap(self, text: str, lang: str) -> float:
        """Share of the query's words that stand in a text."""
        words, plain = map(set, index_terms(text, lang))
        wanted = query_words(self._query, [lang])
        return sum(not (words | plain).isdisjoint(forms) for forms in wanted) / max(len(wanted), 1)

    def _wanted(self, lang: str) -> set[str]:
        """The forms of the query's words in a language."""
        if lang not in self._forms:
            self._forms[lang] = {form for forms in query_words(self._query, [lang]) for form in forms}
        return self._forms[lang]

    def _near(self, words: Sequence[str]) -> set[str]:
        """Those words that have a token near a telling token of the query."""
        tokens = self._tokens
        if self._encoder is None or not tokens or not words:
            return set()
        ids = self._encoder.token_ids(words)
        lengths = np.array([len(found) for found in ids])
        if not lengths.any():
            return set()
        telling = tokens.weights >= _LEAST_WEIGHT * tokens.weights.mean()
        cosines = self._encoder.token_cosines(tokens.vectors[telling], np.concatenate(ids)).max(axis=0)
        starts = np.cumsum(lengths) - lengths
        filled = np.flatnonzero(lengths)
        near = filled[np.maximum.reduceat(cosines, starts[filled]) >= _LEAST_COSINE]
        return {words[i] for i in near.tolist()}
