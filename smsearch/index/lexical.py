"""The lexical index: BM25 over folded words.

Passages are stored under the stem of their own language; a query names, for each of its words,
every form under which the word may stand, and how much a match of that form counts.

How rare a form is, is judged within languages: `ist` is rare in an English collection with some German passages,
but it stands in most of the German ones. `benchmarks/mixed.md` has figures of lexical search in mixed collections.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from smsearch.index.postings import Postings, word_number

_K1: Final = 1.2
_B: Final = 0.75
_LEAST_IDF: Final = 1e-6  # of words that stand in half of the passages or more
_PRIOR: Final = 100  # rows; how much a share in all rows counts beside that in the rows of one language
_MOST_REMEMBERED: Final = 4096  # forms whose rarity is kept

T = TypeVar("T", bound=np.integer[Any])

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Word: TypeAlias = Mapping[str, float]
"""The forms under which a word of a query may stand, each with its weight in `(0, 1]`."""

_List: TypeAlias = tuple[Rows, NDArray[np.uint8]]  # rows that hold a word, and how often


@dataclass(frozen=True, slots=True)
class _Form:
    """A form of a word: the rows that hold it, how often, its weight times its idf, and the number of its word."""

    rows: Rows
    counts: NDArray[np.uint8]
    value: np.float32
    word: int

    @property
    def most(self) -> float:
        """The most that a match can be worth."""
        return float(self.value) * (_K1 + 1)


@dataclass(frozen=True, slots=True)
class _Best:
    """What the best form of a word so far is worth: in some rows, ascending; 0 elsewhere."""

    rows: Rows
    worth: Scores

    def raise_to(self, rows: Rows, worth: Scores) -> Scores:
        """How much more another form, which is worth so much in these rows, gives each."""
        if not len(self.rows) or not len(rows):
            return worth
        few, many = (self.rows, rows) if len(self.rows) < len(rows) else (rows, self.rows)
        places = np.minimum(np.searchsorted(many, few), len(many) - 1)
        held = np.flatnonzero(many[places] == few)
        ours, theirs = (held, places[held]) if few is self.rows else (places[held], held)
        more = worth.copy()
        more[theirs] = np.maximum(worth[theirs] - self.worth[ours], 0)
        return more

    def joined(self, rows: Rows, more: Scores) -> _Best:
        """With what another form gave."""
        if not len(self.rows):
            return _Best(rows, more)
        found, places = np.unique(np.concatenate([self.rows, rows]), return_inverse=True)
        worth = np.zeros(len(found), np.float32)
        np.add.at(worth, places, np.concatenate([self.worth, more]))
        return _Best(found, worth)


_NOTHING: Final = _Best(np.empty(0, np.int64), np.empty(0, np.float32))


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
        self._idfs: dict[str, float] = {}

    def search(
        self, words: Sequence[Word], k: int, *, admitted: NDArray[np.bool_] | None = None
    ) -> tuple[Scores, Rows]:
        """The `k` best rows by BM25 (Robertson et al., TREC-3; k1 1.2, b 0.75), ties by row.

        A word counts with its best form, and once however often it stands in the query. Rare words are looked up
        first. As soon as the `k` best so far cannot be reached by the common words that are
        left, these count only for rows found already (MaxScore; Turtle & Flood, IP&M 1995), which
        changes no score.

        Args:
            words: The words of the query.
            k: At least 1.
            admitted: `(n_rows,)`; rows that may be found. None admits all that are alive.

        Returns:
            Scores in `(0, inf)` and rows, both `(n,)`, `n <= k`; only rows that hold a word of the
            query.
        """
        forms = self._forms(words)
        left = _left_after(forms)
        admitted = None if admitted is None or admitted is self._alive else admitted
        sums = np.zeros(len(self._alive), np.float32)
        rows = np.empty(0, np.int64)
        bests: dict[int, _Best] = {}
        most_of_kth = 0.0  # that the k-th best row may have: looking is dear
        done = 0
        for form in forms:
            if len(rows) >= k and left[done] < most_of_kth:
                most_of_kth = _kth_best(sums[rows], k)
                if left[done] < most_of_kth:
                    break
            found, counts = _within(form, admitted)
            more = self._raise(form, found, self._worth(form, found, counts), bests, forms[done + 1 :])
            before = sums[found]
            rows = np.concatenate([rows, found[before == 0]])
            sums[found] = before + more
            most_of_kth += form.most
            done += 1
        rows.sort()
        scores = sums[rows]
        for i, form in enumerate(forms[done:], done):
            keep = scores + left[i] >= _kth_best(scores, k)
            rows, scores = rows[keep], scores[keep]
            places = np.minimum(np.searchsorted(form.rows, rows), len(form.rows) - 1)
            held = form.rows[places] == rows
            worth = self._worth(form, rows[held], form.counts[places[held]])
            scores[held] += self._raise(form, rows[held], worth, bests, forms[i + 1 :])
        best = np.flatnonzero(scores >= _kth_best(scores, k))
        order = best[np.lexsort((rows[best], -scores[best]))][:k]
        return scores[order], rows[order]

    def upper_bound(self, words: Sequence[Word]) -> float:
        """The BM25 no passage can reach, however often it holds each word in the form worth most.

        A word that occurs nowhere counts as if it stood in one passage: the query asked for it.
        """
        mosts: dict[int, float] = {}
        for form in self._forms(words):
            mosts[form.word] = max(form.most, mosts.get(form.word, 0.0))
        unknown = len(_distinct(words)) - len(mosts)
        return sum(mosts.values()) + unknown * (_K1 + 1) * self._idf(1, self._n)

    def _forms(self, words: Sequence[Word]) -> list[_Form]:
        """The forms that occur, the rarest first."""
        self._look_up(words)
        forms = []
        for number, word in enumerate(_distinct(words)):
            for form, weight in word.items():
                rows, counts = self._last[form]
                if len(rows):
                    forms.append(_Form(rows, counts, np.float32(weight * self._rarity(form, rows)), number))
        return sorted(forms, key=lambda form: len(form.rows))

    @staticmethod
    def _raise(form: _Form, rows: Rows, worth: Scores, bests: dict[int, _Best], later: Sequence[_Form]) -> Scores:
        """How much more a form gives its word in each row, kept in `bests` for the word's later forms."""
        best = bests.get(form.word, _NOTHING)
        more = best.raise_to(rows, worth)
        if any(other.word == form.word for other in later):
            bests[form.word] = best.joined(rows, more)
        return more

    def _look_up(self, words: Sequence[Word]) -> None:
        """Find the inverted list of each form; those of the last query are kept."""
        forms = dict.fromkeys(form for word in words for form in word)
        if self._last.keys() != forms.keys():
            self._last = {form: self._find(form) for form in forms}

    def _find(self, form: str) -> _List:
        number, first = word_number(form), 0
        rows, counts = list[Rows](), list[NDArray[np.uint8]]()
        for layer in self._layers:
            found, often = layer.of(number)
            rows.append(np.add(found, first, dtype=np.int64))
            counts.append(often)
            first += len(layer)
        all_rows, all_counts = _joined(rows, np.int64), np.maximum(_joined(counts, np.uint8), 1)
        if self._all_alive:
            return all_rows, all_counts
        alive = self._alive[all_rows]
        return all_rows[alive], all_counts[alive]

    def _worth(self, form: _Form, rows: Rows, counts: NDArray[np.uint8]) -> Scores:
        often = counts.astype(np.float32)
        worth: Scores = form.value * np.float32(_K1 + 1) * often / (often + self._damping[self._lengths[rows]])
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

    @cached_property
    def _langs(self) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """The language of each row, and how many rows that count each language has."""
        numbers: dict[str, int] = {}
        parts = []
        for layer in self._layers:
            known = [numbers.setdefault(name, len(numbers)) for name in layer.lang_names]
            is_same = known == list(range(len(known)))
            parts.append(layer.langs if is_same else np.array(known, np.uint16)[layer.langs])
        langs = _joined(parts, np.uint16)
        return langs, np.bincount(langs if self._all_alive else langs[self._alive], minlength=len(numbers))

    def _rarity(self, form: str, rows: Rows) -> float:
        """The idf of a form within languages: the mean over the rows that hold it, of those their languages give it.

        The share of a language's rows that hold it is taken together with its share in all rows, as if `_PRIOR` more
        rows had shown the latter, for the few passages of a small language say little (Dirichlet smoothing, after Zhai
        & Lafferty, TOIS 2004). In a collection of one language this is the usual idf.
        """
        idf = self._idfs.get(form)
        if idf is None:
            langs, sizes = self._langs
            often = np.bincount(langs[rows], minlength=len(sizes))
            prior = _PRIOR / (self._n + 1)
            each = [
                (df, self._idf(df + prior * (len(rows) + 0.5), n + prior * (self._n + 1)))
                for df, n in zip(often.tolist(), sizes.tolist(), strict=True)
                if df
            ]
            idf = sum(df * of_lang for df, of_lang in each) / len(rows)
            if len(self._idfs) >= _MOST_REMEMBERED:
                self._idfs.clear()
            self._idfs[form] = idf
        return idf

    @staticmethod
    def _idf(df: float, n: float) -> float:
        return max(math.log((n - df + 0.5) / (df + 0.5)), _LEAST_IDF) if df <= n else _LEAST_IDF


def _joined(parts: Sequence[NDArray[T]], kind: type[T]) -> NDArray[T]:
    """The parts one after the other; where there is one, itself."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, kind), *parts])


def _distinct(words: Sequence[Word]) -> list[Word]:
    """The words without those that have the same forms as an earlier one."""
    return list({frozenset(word.items()): word for word in words}.values())


def _left_after(forms: Sequence[_Form]) -> list[float]:
    """By how many forms are done: what the others can give a row at most, each word's best form counted."""
    left, mosts = [0.0], dict[int, float]()
    for form in reversed(forms):
        mosts[form.word] = max(form.most, mosts.get(form.word, 0.0))
        left.append(sum(mosts.values()))
    return left[::-1]


def _within(form: _Form, admitted: NDArray[np.bool_] | None) -> tuple[Rows, NDArray[np.uint8]]:
    if admitted is None:
        return form.rows, form.counts
    inside = admitted[form.rows]
    return form.rows[inside], form.counts[inside]


def _kth_best(scores: Scores, k: int) -> float:
    """The `k`-th best score; minus infinity where there are fewer."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) >= k else -math.inf
