"""Languages of many texts at once, by the model of py3langid.

Its model is naive Bayes over byte sequences that an automaton finds. Here the automaton walks over all texts
side by side, a byte of each at a time; what it finds, and the languages, are py3langid's own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.ragged import distinct
from smsearch.text.language_tables import LanguageTables, load_tables

_FEW: Final = 12  # so few texts are walked through one after the other
_TOGETHER: Final = 512
_DENSE: Final = 1 << 18  # numbers that are summed faster without scipy, which takes a tenth of a second to load
_FEATURE_BITS: Final = 32


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
        firsts = [self._labels.index(label) for label in self._labels]
        self._again = [(place, first) for place, first in enumerate(firsts) if place != first]

    def classify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """The language of each text by py3langid's code, and how sure that is, in [0, 1]."""
        encoded = [_encode(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: -len(encoded[i]))
        found: list[tuple[str, float]] = [("", 0.0)] * len(texts)
        for start in range(0, len(order), _TOGETHER):
            places = order[start : start + _TOGETHER]
            chances = self._chances([encoded[i] for i in places])
            best = chances.argmax(axis=1)
            sure = chances[np.arange(len(places)), best].tolist()
            for i, label, confidence in zip(places, best.tolist(), sure, strict=True):
                found[i] = self._labels[label], confidence
        return found

    def chances(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """How likely each language is for each text, by py3langid's code."""
        found = []
        for text in texts:
            (chances,) = self._chances([_encode(text)])
            found.append(dict(zip(self._labels, chances.tolist(), strict=True)))
        return found

    def _chances(self, texts: Sequence[bytes]) -> NDArray[np.float64]:
        """How likely each language is, of texts from the longest to the shortest; `(len(texts), n_labels)`."""
        walk = self._walk_one_by_one if len(texts) < _FEW else self._walk_together
        scores = self._scores(*walk(texts), len(texts)).astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        lengths = np.fromiter(map(len, texts), np.float32, len(texts))
        scores = np.exp(scores / np.sqrt(np.maximum(lengths, 1))[:, None])
        chances: NDArray[np.float64] = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float64)
        for place, first in self._again:
            chances[:, first] += chances[:, place]
            chances[:, place] = 0
        return chances

    def _scores(self, owners: NDArray[np.int64], features: NDArray[np.int64], n: int) -> NDArray[np.float64]:
        """Sums of the weights of what was found in each text; exact enough that no other text shows in float32.

        Args:
            owners: Number of the text each feature was found in.
            features: The features.
            n: How many texts there are.
        """
        pairs, counts = np.unique(owners << _FEATURE_BITS | features, return_counts=True)
        texts = pairs >> _FEATURE_BITS
        known, places = distinct(pairs & ((1 << _FEATURE_BITS) - 1))
        weights = self._weights[known].astype(np.float64)
        often = np.log1p(counts.astype(np.float32)).astype(np.float64)
        shape = (n, len(known))
        sums: NDArray[np.float64]
        if n * len(known) > _DENSE:
            from scipy.sparse import csr_matrix

            sums = csr_matrix((often, (texts, places)), shape) @ weights
        else:
            dense = np.zeros(shape)
            dense[texts, places] = often
            sums = dense @ weights
        has_any = np.bincount(texts, minlength=n) > 0
        return sums + has_any[:, None] * self._priors

    def _walk_one_by_one(self, texts: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = [self._found[self._states(text)] for text in texts]
        owners = np.repeat(np.arange(len(texts)), list(map(len, found)))
        return _met(owners, np.concatenate(found))

    def _states(self, text: bytes) -> list[int]:
        state, states = 0, []
        following, row = self._next.data, self._row.data
        for byte in text:
            state = following[row[state] + byte]
            states.append(state)
        return states

    def _walk_together(self, texts: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
        return _met(np.tile(np.arange(len(texts)), width), found.ravel())


def _met(owners: NDArray[np.int64], found: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Features with the numbers of their texts, without the places where none was found."""
    is_one = found >= 0
    return owners[is_one], found[is_one].astype(np.int64)


@cache
def identifier() -> BatchIdentifier:
    """The identifier, loaded on first use."""
    return BatchIdentifier(load_tables())


def _encode(text: str) -> bytes:
    """The bytes py3langid looks at."""
    plain = text.lower() if text.isupper() else text
    return unicodedata.normalize("NFC", plain).encode(errors="surrogatepass")
