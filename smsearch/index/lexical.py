"""The lexical index: BM25 over folded words.

Passages are stored under the stem of their own language; a query names, for each of its words,
every form under which the word may stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from smsearch.index.postings import Postings, word_number

_K1: Final = 1.2
_B: Final = 0.75
_LEAST_IDF: Final = 1e-6  # of words that stand in half of the passages or more

T = TypeVar("T", bound=np.integer[Any])

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
_List: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]  # rows that hold a word, and how often


@dataclass(frozen=True, slots=True)
class _Term:
    """A form of a word: the rows that hold it, how often, and what a match may be worth at most."""

    rows: Rows
    counts: NDArray[np.uint8]
    idf: np.float32

    @property
    def most(self) -> float:
        return float(self.idf) * (_K1 + 1)


class LexicalIndex:
    """The words of rows that stand in layers, numbered through."""

    def __init__(self, layers: Sequence[Postings], alive: NDArray[np.bool_]) -> None:
        """Search some layers.

        Args:
            layers: Their rows follow each other.
            alive: `(n_rows,)`; rows that count.
        """
        self._layers = [layer for layer in layers if len(layer)]
        self._alive = alive
        self._all_alive = bool(alive.all())
        self._n = int(np.count_nonzero(alive))
        self._last: dict[str, _List] = {}

    def search(
        self, words: Sequence[Sequence[str]], k: int, *, admitted: NDArray[np.bool_] | None = None
    ) -> tuple[Scores, Rows]:
        """The `k` best rows by BM25 (Robertson et al., TREC-3; k1 1.2, b 0.75), ties by row.

        Rare words are looked up first. As soon as the `k` best so far cannot be reached by the common words that are
        left, these count only for rows found already (MaxScore; Turtle & Flood, IP&M 1995), which
        changes no score.

        Args:
            words: For each word of the query, the forms under which it may stand.
            k: At least 1.
            admitted: `(n_rows,)`; rows that may be found. None admits all that are alive.

        Returns:
            Scores in `(0, inf)` and rows, both `(n,)`, `n <= k`; only rows that hold a word of the
            query.
        """
        terms = self._terms(words)
        admitted = None if admitted is None or admitted is self._alive else admitted
        sums = np.zeros(len(self._alive), np.float32)
        rows = np.empty(0, np.int64)
        left = sum(term.most for term in terms)
        most_of_kth = 0.0  # that the k-th best row may have: looking is dear
        done = 0
        for term in terms:
            if len(rows) >= k and left < most_of_kth:
                most_of_kth = _kth_best(sums[rows], k)
                if left < most_of_kth:
                    break
            found, counts = _within(term, admitted)
            before = sums[found]
            rows = np.concatenate([rows, found[before == 0]])
            sums[found] = before + self._worth(term, found, counts)
            left -= term.most
            most_of_kth += term.most
            done += 1
        scores = sums[rows]
        for term in terms[done:]:
            keep = scores + left >= _kth_best(scores, k)
            rows, scores = rows[keep], scores[keep]
            places = np.minimum(np.searchsorted(term.rows, rows), len(term.rows) - 1)
            held = term.rows[places] == rows
            scores[held] += self._worth(term, rows[held], term.counts[places[held]])
            left -= term.most
        best = np.flatnonzero(scores >= _kth_best(scores, k))
        order = best[np.lexsort((rows[best], -scores[best]))][:k]
        return scores[order], rows[order]

    def upper_bound(self, words: Sequence[Sequence[str]]) -> float:
        """The BM25 no passage can reach that holds each word in one form: its rarest, as often as you like.

        A word that occurs nowhere counts as if it stood in one passage: the query asked for it.
        """
        found = self._lists(words)
        frequencies = [[df for form in forms if (df := len(found[form][0]))] for forms in words]
        return sum((_K1 + 1) * self._idf(min(dfs, default=1)) for dfs in frequencies)

    def _terms(self, words: Sequence[Sequence[str]]) -> list[_Term]:
        """The forms that occur, the rarest first."""
        found = self._lists(words).values()
        terms = [_Term(rows, counts, np.float32(self._idf(len(rows)))) for rows, counts in found if len(rows)]
        return sorted(terms, key=lambda term: len(term.rows))

    def _lists(self, words: Sequence[Sequence[str]]) -> dict[str, _List]:
        """The inverted list of each form; those of the last query are kept."""
        forms = dict.fromkeys(form for each in words for form in each)
        if self._last.keys() != forms.keys():
            self._last = {form: self._find(form) for form in forms}
        return self._last

    def _find(self, form: str) -> _List:
        number, first = word_number(form), 0
        rows, counts = list[Rows](), list[NDArray[np.uint8]]()
        for layer in self._layers:
            found, often = layer.of(number)
            rows.append(np.add(found, first, dtype=np.int64))
            counts.append(often)
            first += len(layer)
        all_rows, all_counts = _joined(rows, np.int64), _joined(counts, np.uint8)
        if self._all_alive:
            return all_rows, all_counts
        alive = self._alive[all_rows]
        return all_rows[alive], all_counts[alive]

    def _worth(self, term: _Term, rows: Rows, counts: NDArray[np.uint8]) -> Scores:
        often = counts.astype(np.float32)
        worth: Scores = term.idf * np.float32(_K1 + 1) * often / (often + self._damping[self._lengths[rows]])
        return worth

    @cached_property
    def _lengths(self) -> NDArray[np.uint16]:
        return _joined([layer.lengths for layer in self._layers], np.uint16)

    @cached_property
    def _damping(self) -> Scores:
        """By the length of a row: how much it damps how often a word stands there."""
        total = int(self._lengths.sum(dtype=np.int64, where=self._alive))
        average = max(total / max(self._n, 1), 1.0)
        lengths = np.arange(int(self._lengths.max(initial=0)) + 1, dtype=np.float32)
        damping: Scores = np.float32(_K1) * (np.float32(1 - _B) + np.float32(_B / average) * lengths)
        return damping

    def _idf(self, df: int) -> float:
        return max(math.log((self._n - df + 0.5) / (df + 0.5)), _LEAST_IDF) if df <= self._n else _LEAST_IDF


def _joined(parts: Sequence[NDArray[T]], kind: type[T]) -> NDArray[T]:
    """The parts one after the other; where there is one, itself."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, kind), *parts])


def _within(term: _Term, admitted: NDArray[np.bool_] | None) -> tuple[Rows, NDArray[np.uint8]]:
    if admitted is None:
        return term.rows, term.counts
    inside = admitted[term.rows]
    return term.rows[inside], term.counts[inside]


def _kth_best(scores: Scores, k: int) -> float:
    """The `k`-th best score; minus infinity where there are fewer."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) >= k else -math.inf
