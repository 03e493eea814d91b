"""A tokenizer for many texts: every word is cut once, and the next time its tokens are known.

The words of running text are few and repeat, and a unigram tokenizer cuts each by itself. So a text is
normalised, split before its spaces, and looked up; a new word that is an entry of the vocabulary needs no
tokenizer either. Ids are equal to those of `tokenizers`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.derivation import DIGIT, ISOLATED, REFUSED, SPACE
from smsearch.ragged import divided, ranges

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from smsearch.encoders.vocabulary import Vocabulary

_MOST_WORDS: Final = 600_000  # remembered: some 100 MB
_MOST_IDS: Final = 4_000_000
_FIRST_ROOM: Final = 1 << 12
_PLANE: Final = 0x10000
_PLAIN, _APART, _DOUBTFUL = range(3)  # before a word: nothing, a space that is a token, who knows


class _Numbers(dict[str, int]):
    """Numbers of words; a new word takes the next one and is kept in `new`."""

    def __init__(self) -> None:
        super().__init__()
        self.new: list[str] = []

    def __missing__(self, word: str) -> int:
        self.new.append(word)
        number = self[word] = len(self)
        return number


class _Beginnings(dict[int, int]):
    """What stands before a word that begins with a token where it follows another."""

    def __init__(self, tokenizer: Tokenizer, parts: _WordParts) -> None:
        super().__init__()
        self._tokenizer, self._parts = tokenizer, parts

    def __missing__(self, number: int) -> int:
        beginning = self[number] = self._parts.beginning(self._tokenizer.id_to_token(number) or "")
        return beginning


class _Growing:
    """An array that numbers are added to; twice as much room is made when it is full."""

    def __init__(self, dtype: type[np.integer[Any]]) -> None:
        self._room = np.zeros(_FIRST_ROOM, dtype)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def values(self) -> NDArray[Any]:
        """All that was added; `(n,)`."""
        return self._room[: self._n]

    def extend(self, more: NDArray[Any]) -> None:
        """Add numbers at the end."""
        end = self._n + len(more)
        if end > len(self._room):
            self._room = np.concatenate([self.values, np.zeros(max(end, 2 * self._n) - self._n, self._room.dtype)])
        self._room[self._n : end] = more
        self._n = end


class WordCutter:
    """Cuts texts word by word, and remembers the words; one thread at a time."""

    def __init__(self, tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
        """Take over a tokenizer.

        Args:
            tokenizer: One that `vocabulary` was derived from; its normaliser is taken off.
            vocabulary: Says what each character is normalised to.
        """
        self._normalizer = tokenizer.normalizer
        self._tokenizer, self._model = tokenizer, tokenizer.model
        tokenizer.normalizer = None
        self._awkward = _awkward_characters(vocabulary)
        self._parts = _WordParts(vocabulary)
        self._beginnings = _Beginnings(tokenizer, self._parts)
        space = tokenizer.token_to_id("▁")
        self._space = None if space is None else np.array([space], np.int32)
        self._entry = tokenizer.token_to_id if vocabulary.whole_entries_win else _no_entry
        self._forget()

    def cut(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Token ids of all texts, one after the other, and how many each has; `(n_ids,)` and `(len(texts),)`."""
        try:
            return self._cut(texts)
        except BaseException:  # Ctrl-C too: words may have numbers and no tokens yet
            self._forget()
            raise

    def joined(self, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32] | None:
        """Token ids of texts with white space between them, from those of each; None where these do not tell."""
        if self._space is None:
            return None
        filled = [part for part in parts if len(part)]
        found = filled[:1]
        for part in filled[1:]:
            beginning = self._beginnings[int(part[0])]
            if beginning == _DOUBTFUL:
                return None
            found += [self._space, part] if beginning == _APART else [part]
        return np.concatenate([np.empty(0, np.int32), *found])

    def _cut(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        words = [self._words(text) for text in texts]
        n_words = np.fromiter(map(len, words), np.int64, len(words))
        numbers = np.fromiter(map(self._numbers.__getitem__, chain.from_iterable(words)), np.int64, int(n_words.sum()))
        self._learn()
        np.add.at(self._uses.values, numbers, 1)
        lengths = self._lengths.values[numbers]
        ids = self._ids.values[ranges(self._starts.values[numbers], lengths)]
        ends = np.concatenate([[0], np.cumsum(lengths)])[np.concatenate([[0], np.cumsum(n_words)])]
        if len(self._numbers) > _MOST_WORDS or len(self._ids) > _MOST_IDS:
            self._forget_rare()
        return ids, np.diff(ends)

    def _words(self, text: str) -> list[str]:
        """Words of a text, all but the first with the space before them: it is a token before digits and marks."""
        if self._awkward.search(text):
            normalized: str = self._normalizer.normalize_str(text)
        else:
            normalized = " ".join(unicodedata.normalize("NFKC", text).lower().split())
        return normalized.replace(" ", "\n ").split("\n")

    def _learn(self) -> None:
        """Cut the words that are new."""
        new, self._numbers.new = self._numbers.new, []
        if not new:
            return
        found = [self._of_parts(word) for word in new]
        rest = [i for i, ids in enumerate(found) if ids is None]
        cut = self._tokenizer.encode_batch_fast([new[i] for i in rest], add_special_tokens=False)
        for i, each in zip(rest, cut, strict=True):
            found[i] = each.ids
        self._append([ids or [] for ids in found])

    def _of_parts(self, word: str) -> list[int] | None:
        """The ids of a word from those of its parts; None where the tokenizer must say what these are."""
        ids: list[int] = []
        for part in self._parts.of(word):
            number = self._entry(f"▁{part}")
            ids += self._cut_part(part) if number is None else [number]
        return ids or None

    def _cut_part(self, part: str) -> list[int]:
        """By the tokenizer's model alone, in little more than half the time."""
        return [token.id for token in self._model.tokenize(f"▁{part}")]

    def _append(self, found: Sequence[Sequence[int] | NDArray[np.int32]]) -> None:
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        self._starts.extend(len(self._ids) + np.cumsum(lengths) - lengths)
        self._lengths.extend(lengths)
        self._uses.extend(np.zeros(len(found), np.int64))
        self._ids.extend(np.fromiter((i for each in found for i in each), np.int32, int(lengths.sum())))

    def _forget_rare(self) -> None:
        """Keep the words met more than once, at most half of those that may be remembered; most are met once."""
        uses = self._uses.values
        often = np.argsort(-uses, kind="stable")[: _MOST_WORDS // 2]
        kept = np.sort(often[uses[often] > 1])
        words, lengths = list(self._numbers), self._lengths.values[kept]
        ids = self._ids.values[ranges(self._starts.values[kept], lengths)]
        self._forget()
        if len(ids) > _MOST_IDS // 2:
            return
        self._numbers.update((words[i], number) for number, i in enumerate(kept.tolist()))
        self._append(divided(ids, lengths))
        self._uses.values[:] = uses[kept] // 2

    def _forget(self) -> None:
        self._numbers = _Numbers()
        self._starts, self._lengths, self._ids = _Growing(np.int64), _Growing(np.int64), _Growing(np.int32)
        self._uses = _Growing(np.int64)  # of each word, halved when others are forgotten


class _WordParts:
    """Divides a normalised word where the pre-tokenizer does: digits from letters, marks alone."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        kinds = [vocabulary.character(point)[0] for point in range(_PLANE)]
        marks = _character_class([point for point, kind in enumerate(kinds) if kind == ISOLATED])
        digits = _character_class([point for point, kind in enumerate(kinds) if kind == DIGIT])
        self._part = re.compile(f"[{marks}]|[{digits}]+|[^ {marks}{digits}]+")
        self._apart = re.compile(f"[{marks}{digits}]")
        doubtful = [point for point, kind in enumerate(kinds) if kind == REFUSED and not _is_of_letters(chr(point))]
        self._doubtful = re.compile(f"[{_character_class(doubtful)}\U00010000-\U0010ffff]")

    def of(self, word: str) -> list[str]:
        """The parts of a word that may have a space before it; none when that is for the tokenizer to say."""
        if self._doubtful.search(word):
            return []
        parts: list[str] = self._part.findall(word)
        return ["", *parts] if word[:1] == " " and self._apart.match(word, 1) else parts

    def beginning(self, token: str) -> int:
        """What a word that begins with a token has before it where it follows another."""
        first = token[1:2]
        if token[:1] != "▁" or not first or self._doubtful.match(first):
            return _DOUBTFUL
        return _APART if self._apart.match(first) else _PLAIN


def _is_of_letters(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _no_entry(_part: str) -> None:
    return None


def _awkward_characters(vocabulary: Vocabulary) -> re.Pattern[str]:
    """Characters that Python, one by one, does not normalise as the tokenizer does, and all beyond the basic plane."""
    awkward = [point for point in range(_PLANE) if not _is_alike(chr(point), vocabulary)]
    return re.compile(f"[{_character_class(awkward)}\U00010000-\U0010ffff]")


def _character_class(points: Sequence[int]) -> str:
    """What stands for some characters between the brackets of a pattern."""
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in ranges)


def _is_alike(character: str, vocabulary: Vocabulary) -> bool:
    kind, form = vocabulary.character(ord(character))
    if kind == REFUSED:
        return False
    composed = unicodedata.normalize("NFKC", character)
    if composed == "Σ":  # Python's small form of it depends on where it stands
        return False
    ours = composed.lower()
    return ours.isspace() if kind == SPACE else ours == form and not ours.isspace()
