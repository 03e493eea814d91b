"""The sentence of a passage that answers a query best, and the words in it that matched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.index.stored import StoredPassage
from smsearch.index.tokens import TokenLists
from smsearch.search.late import QueryTokens, late_scores
from smsearch.text.words import index_terms, query_words

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LEAST_COSINE = 0.5
_LEAST_WEIGHT = 0.6  # of the mean weight: words below ("the", "att") match too easily

Stretch = tuple[int, int]


@lru_cache(maxsize=1 << 15)
def _folded(word: str, lang: str) -> tuple[str, ...]:
    words, plain = index_terms(word, lang)
    return (*words, *plain)


class Highlighter:
    """Highlights the hits of one query."""

    def __init__(self, query: str, encoder: Encoder | None) -> None:
        """Prepare for a query.

        Args:
            query: The query.
            encoder: The encoder, or None to go by words alone.
        """
        self._query = query
        self._encoder = encoder
        self._token_encoder = encoder if isinstance(encoder, TokenEncoder) else None
        self._forms: dict[str, set[str]] = {}
        self._tokens = QueryTokens.from_query(query, encoder) if isinstance(encoder, TokenEncoder) else None

    def best_sentences(self, hits: Sequence[StoredPassage]) -> list[Stretch]:
        """`(start, end)` of the best sentence of each passage, relative to the passage; the first of equals."""
        if not hits:
            return []
        sentences = [stored.passage.sentences or ((0, len(stored.passage.text)),) for stored in hits]
        scores = self._sentence_scores(hits, sentences)
        best, start = [], 0
        for spans in sentences:
            best.append(spans[int(np.argmax(scores[start : start + len(spans)]))])
            start += len(spans)
        return best

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

    def _sentence_scores(
        self, hits: Sequence[StoredPassage], sentences: Sequence[tuple[Stretch, ...]]
    ) -> NDArray[np.float32]:
        texts = [s.passage.text[a:b] for s, spans in zip(hits, sentences, strict=True) for a, b in spans]
        if self._token_encoder is not None and self._tokens is not None:
            lists = TokenLists.from_lists(self._token_encoder.token_ids(texts))
            return late_scores(self._tokens, lists, self._token_encoder)
        if self._encoder is not None:
            vector = self._encoder.encode_queries([self._query])[0]
            return np.asarray(self._encoder.encode_passages(texts) @ vector, dtype=np.float32)
        langs = [s.passage.lang for s, spans in zip(hits, sentences, strict=True) for _ in spans]
        return np.array([self._overlap(text, lang) for text, lang in zip(texts, langs, strict=True)], np.float32)

    def _overlap(self, text: str, lang: str) -> float:
        """How many words of the query stand in a text."""
        words, plain = map(set, index_terms(text, lang))
        return sum(not (words | plain).isdisjoint(forms) for forms in query_words(self._query, [lang]))

    def _wanted(self, lang: str) -> set[str]:
        """The forms of the query's words in a language."""
        if lang not in self._forms:
            self._forms[lang] = {form for forms in query_words(self._query, [lang]) for form in forms}
        return self._forms[lang]

    def _near(self, words: Sequence[str]) -> set[str]:
        """Those words that have a token near a telling token of the query."""
        tokens = self._tokens
        if self._token_encoder is None or not tokens or not words:
            return set()
        ids = self._token_encoder.token_ids(words)
        lengths = np.array([len(found) for found in ids])
        if not lengths.any():
            return set()
        telling = tokens.weights >= _LEAST_WEIGHT * tokens.weights.mean()
        cosines = self._token_encoder.token_cosines(tokens.vectors[telling], np.concatenate(ids)).max(axis=0)
        starts = np.cumsum(lengths) - lengths
        filled = np.flatnonzero(lengths)
        near = filled[np.maximum.reduceat(cosines, starts[filled]) >= _LEAST_COSINE]
        return {words[i] for i in near.tolist()}
