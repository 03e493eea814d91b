"""The sentence of a passage that answers a query best, and the words in it that matched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import TokenEncoder
from smsearch.index.stored import StoredPassage
from smsearch.index.tokens import Sentences
from smsearch.ragged import divided
from smsearch.search.evidence import QueryTokens, sentence_evidence
from smsearch.search.excerpts import Excerpts, best_sentence
from smsearch.text.words import index_terms, is_unspaced, query_words, written_words

_LEAST_COSINE = 0.5
_LEAST_WEIGHT = 0.6  # of the mean weight of the query's tokens: words below ("the", "att") match too easily

Stretch = tuple[int, int]
Scores = NDArray[np.float32]
Vectors = NDArray[np.float32]


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
        self._content = list(dict.fromkeys(query[start:end] for start, end in written_words(query)))
        self._units = np.empty((0, 0), np.float32)
        if encoder is not None:
            self._content, self._units = _content_words(self._content, encoder)

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
        """For each sentence, `(start, end)` of its words that match a content word of the query, in any language."""
        spans = [list(written_words(sentence)) for sentence in sentences]
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
        """The forms of the query's content words in a language."""
        if lang not in self._forms:
            found = query_words(" ".join(self._content), [lang])
            self._forms[lang] = {form for forms in found for form in forms}
        return self._forms[lang]

    def _near(self, words: Sequence[str]) -> set[str]:
        """Return the words whose vector is near that of a content word of the query."""
        if self._encoder is None or not len(self._units) or not words:
            return set()
        vectors, _ = _word_vectors(self._encoder.token_ids(words), self._encoder)
        near = (vectors @ self._units.T).max(axis=1) >= _LEAST_COSINE
        return {words[i] for i in np.flatnonzero(near).tolist()}


def _content_words(words: Sequence[str], encoder: TokenEncoder) -> tuple[list[str], Vectors]:
    """Content words of a query, and the unit vectors that words of a sentence are compared with.

    A content word has a token with at least 0.6 times the mean weight of all, or no token.
    Words in scripts without spaces are compared token by token.
    """
    ids = encoder.token_ids(words)
    vectors, weights = _word_vectors(ids, encoder)
    every = np.concatenate([np.empty(0, np.float32), *weights])
    least = _LEAST_WEIGHT * float(every.mean()) if len(every) else 0.0
    content, units = list[str](), [np.empty((0, encoder.dim), np.float32)]
    for word, of_word, vector, of_tokens in zip(words, ids, vectors, weights, strict=True):
        heavy = of_tokens >= least
        if heavy.any() or not len(of_tokens):
            content.append(word)
            units.append(encoder.token_vectors(of_word[heavy]) if is_unspaced(word) else vector[None])
    return content, np.concatenate(units)


def _word_vectors(ids: Sequence[NDArray[np.int32]], encoder: TokenEncoder) -> tuple[Vectors, list[NDArray[np.float32]]]:
    """Unit vectors of words, each the weighted sum of its tokens (zero without tokens), and the tokens' weights."""
    lengths = np.array([len(found) for found in ids], np.int64)
    joined = np.concatenate([np.empty(0, np.int32), *ids])
    weights = encoder.token_weights(joined)
    owners = np.repeat(np.arange(len(ids)), lengths)
    sums = np.zeros((len(ids), encoder.dim), np.float32)
    np.add.at(sums, owners, weights[:, None] * encoder.token_vectors(joined))
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: Vectors = sums / np.maximum(norms, np.float32(1e-9))
    return unit, divided(weights, lengths)
