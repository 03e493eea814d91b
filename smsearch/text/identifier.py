"""Languages of many texts at once, by the model of py3langid.

Its model is naive Bayes over byte sequences that an automaton finds. Here the automaton walks over all texts
side by side, a byte of each at a time; what it finds, and the languages, are py3langid's own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.text.language_tables import LanguageTables, load_tables

_FEW: Final = 12  # so few texts are walked through one after the other
_TOGETHER: Final = 512


class BatchIdentifier:
    """Classifies texts; it keeps no state between them."""

    def __init__(self, tables: LanguageTables) -> None:
        """Use the tables of a py3langid model."""
        self._weights = tables.weights
        self._priors = tables.priors
        self._labels = tables.labels
        self._next = tables.following
        self._row = tables.row
        self._found = tables.found
        self._first = np.array([self._labels.index(label) for label in self._labels])

    def classify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """The language of each text by py3langid's code, and how sure that is, in [0, 1]."""
        encoded = [_encode(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: -len(encoded[i]))
        found: list[tuple[str, float]] = [("", 0.0)] * len(texts)
        for start in range(0, len(order), _TOGETHER):
            some = order[start : start + _TOGETHER]
            walk = self._walk_one_by_one if len(some) < _FEW else self._walk_together
            walked = walk([encoded[i] for i in some])
            features = np.unique(np.concatenate([each for each, _ in walked]))
            weights = self._weights[features].astype(np.float32)
            for i, (own, counts) in zip(some, walked, strict=True):
                found[i] = self._decide(weights[np.searchsorted(features, own)], counts, len(encoded[i]))
        return found

    def _walk_one_by_one(self, texts: Sequence[bytes]) -> list[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        return [self._counted(self._found[self._states(text)]) for text in texts]

    def _states(self, text: bytes) -> list[int]:
        state, states = 0, []
        following, row = self._next.data, self._row.data
        for byte in text:
            state = following[row[state] + byte]
            states.append(state)
        return states

    def _walk_together(self, texts: Sequence[bytes]) -> list[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """Of texts from the longest to the shortest."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        width = int(lengths[0])
        padded = np.frombuffer(b"".join(text.ljust(width, b"\0") for text in texts), np.uint8)
        columns = np.ascontiguousarray(padded.reshape(len(texts), width).T).astype(np.int32)
        still = np.searchsorted(-lengths, -np.arange(width), side="left")  # so many texts have a byte there
        states = np.zeros(len(texts), np.int32)
        found = np.full((width, len(texts)), -1, np.int32)
        for place in range(width):
            n = still[place]
            states = self._next[self._row[states[:n]] + columns[place, :n]]
            found[place, :n] = self._found[states]
        return [self._counted(found[:, i]) for i in range(len(texts))]

    @staticmethod
    def _counted(found: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        return np.unique(found[found >= 0], return_counts=True)

    def _decide(self, weights: NDArray[np.float32], counts: NDArray[np.int64], n_bytes: int) -> tuple[str, float]:
        scores = np.zeros(len(self._labels), np.float32)
        if len(counts):
            scores = np.log1p(counts.astype(np.float32)) @ weights + self._priors
        scores = np.exp((scores - scores.max()) / sqrt(n_bytes or 1))
        chances = np.bincount(self._first, weights=scores / scores.sum(), minlength=len(scores))
        best = int(chances.argmax())
        return self._labels[best], float(chances[best])


@cache
def identifier() -> BatchIdentifier:
    """The identifier, loaded on first use."""
    return BatchIdentifier(load_tables())


def _encode(text: str) -> bytes:
    """The bytes py3langid looks at."""
    plain = text.lower() if text.isupper() else text
    return unicodedata.normalize("NFC", plain).encode(errors="surrogatepass")
