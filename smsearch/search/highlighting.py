"""The sentence of a passage that answers a query best, and the words in it that matched."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.index.store import Store, StoredPassage
from smsearch.index.tokens import TokenLists
from smsearch.search.late import QueryTokens, best_matches, late_scores
from smsearch.text.words import fold_words, query_words

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LEAST_COSINE = 0.5
_LEAST_WEIGHT = 0.6  # of the mean weight: words below ("the", "att") match too easily


class Highlighter:
    """Highlights the hits of one query."""

    def __init__(self, query: str, store: Store, encoder: Encoder | None) -> None:
        """Prepare for a query.

        Args:
            query: The query.
            store: Where the tokens of the sentences are.
            encoder: The encoder, or None to go by words alone.
        """
        self._query = query
        self._store = store
        self._encoder = encoder
        self._tokens = QueryTokens.from_query(query, encoder) if isinstance(encoder, TokenEncoder) else None

    def best_sentences(self, hits: Sequence[StoredPassage]) -> list[tuple[int, int]]:
        """`(start, end)` of the best sentence of each passage, relative to the passage; the first of equals."""
        sentences = [stored.passage.sentences or ((0, len(stored.passage.text)),) for stored in hits]
        if not hits:
            return []
        scores = self._sentence_scores(hits, sentences)
        best, start = [], 0
        for spans in sentences:
            best.append(spans[int(np.argmax(scores[start : start + len(spans)]))])
            start += len(spans)
        return best

    def matches(self, sentence: str, lang: str) -> list[tuple[int, int]]:
        """`(start, end)` of the words of a sentence that match a word of the query, in any language."""
        spans = [match.span() for match in _WORD.finditer(sentence)]
        words = [sentence[start:end] for start, end in spans]
        if not words:
            return []
        wanted = {form for forms in query_words(self._query, [lang]) for form in forms}
        alike = self._alike(words)
        return [
            span
            for span, word, near in zip(spans, words, alike, strict=True)
            if near or not wanted.isdisjoint(fold_words(word, lang))
        ]

    def _sentence_scores(
        self, hits: Sequence[StoredPassage], sentences: Sequence[tuple[tuple[int, int], ...]]
    ) -> NDArray[np.float32]:
        if isinstance(self._encoder, TokenEncoder) and self._tokens is not None:
            lists = [ids for stored in hits for ids in self._store.sentence_tokens(stored.passage_id)]
            return late_scores(self._tokens, TokenLists.from_lists(lists), self._encoder)
        texts = [s.passage.text[a:b] for s, spans in zip(hits, sentences, strict=True) for a, b in spans]
        if self._encoder is not None:
            vector = self._encoder.encode_queries([self._query])[0]
            return np.asarray(self._encoder.encode_passages(texts) @ vector, dtype=np.float32)
        langs = [s.passage.lang for s, spans in zip(hits, sentences, strict=True) for _ in spans]
        return np.array([self._overlap(text, lang) for text, lang in zip(texts, langs, strict=True)], np.float32)

    def _overlap(self, text: str, lang: str) -> float:
        words = set(fold_words(text, lang))
        return sum(not words.isdisjoint(forms) for forms in query_words(self._query, [lang]))

    def _alike(self, words: Sequence[str]) -> list[bool]:
        """Which words have a token near a telling token of the query."""
        if not isinstance(self._encoder, TokenEncoder) or self._tokens is None or not len(self._tokens):
            return [False] * len(words)
        lists = TokenLists.from_lists(self._encoder.token_ids(words))
        telling = self._tokens.weights >= _LEAST_WEIGHT * self._tokens.weights.mean()
        near = best_matches(self._tokens, lists.ids, self._encoder)[telling].max(axis=0) >= _LEAST_COSINE
        bounds = zip(lists.offsets[:-1].tolist(), lists.offsets[1:].tolist(), strict=True)
        return [bool(near[start:end].any()) for start, end in bounds]
