"""Which passages hold which words: inverted lists over folded words, as arrays.

A word is known by 32 bits of its CRC, so that no dictionary of strings has to be kept: of a million distinct words
one in four thousand shares its number with another, whose passages then count as its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import IndexStateError
from smsearch.index.mapped import Held, MappedFile
from smsearch.ragged import require_offsets

T = TypeVar("T", bound=np.generic)

_MOST_COUNTED: Final = 255  # of one word in one passage
_MOST_WORDS: Final = 0xFFFF  # of one passage
_MOST_REMEMBERED: Final = 200_000  # words: some 24 MB
_ROW_BITS: Final = 24
_HEADER: Final = 4
_MOST_LANGS: Final = 0xFFFF
_BETWEEN_NAMES: Final = "-"  # ends a primary subtag, so that none holds it


def word_number(word: str) -> int:
    """The number a folded word is known by, 32 bits."""
    return zlib.crc32(word.encode(errors="surrogatepass"))


class _Numbers(dict[str, int]):
    """The number of each word; running text repeats its words."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        number = self[word] = word_number(word)
        return number


_numbers: Final = _Numbers()


def pack_words(passages: Sequence[Sequence[str]], plain: Sequence[Collection[str]] = ()) -> list[bytes]:
    """Pack the terms of each passage: their distinct numbers, ascending, 4 bytes each, then how often each stands.

    Args:
        passages: The words of each passage.
        plain: Its terms in plain letters, each once; they stand 0 times, for they are no further words.
    """
    numbers, often = np.unique(_numbered(passages), return_counts=True)
    counts = np.minimum(often, _MOST_COUNTED).astype(np.uint8)
    other = _numbered(plain)
    if len(other):
        other.sort()
        places = np.searchsorted(numbers, other)
        is_new = np.append(numbers, 0)[places] != other  # two terms share a number once in four thousand million
        other, places = other[is_new], places[is_new] + np.arange(np.count_nonzero(is_new))
        is_word = np.ones(len(numbers) + len(other), np.bool_)
        is_word[places] = False
        numbers, counts = _spread(numbers, is_word), _spread(counts, is_word)
        numbers[places] = other
    packed_numbers, packed_counts = numbers.astype("<u4").tobytes(), counts.tobytes()
    ends = np.searchsorted(numbers, np.arange(len(passages) + 1, dtype=np.uint64) << np.uint64(32)).tolist()
    return [packed_numbers[4 * a : 4 * b] + packed_counts[a:b] for a, b in pairwise(ends)]


def _spread(values: NDArray[T], where: NDArray[np.bool_]) -> NDArray[T]:
    """The values in some places, in order; 0 in the others."""
    spread = np.zeros(len(where), values.dtype)
    spread[where] = values
    return spread


def _numbered(passages: Sequence[Collection[str]]) -> NDArray[np.uint64]:
    """The number of each term in the low half, that of its passage in the high one."""
    sizes = np.fromiter(map(len, passages), np.int64, len(passages))
    terms = np.fromiter(map(_numbers.__getitem__, chain.from_iterable(passages)), np.uint64, int(sizes.sum()))
    return np.repeat(np.arange(len(passages), dtype=np.uint64), sizes) << np.uint64(32) | terms


@dataclass(frozen=True, slots=True)
class Postings:
    """Inverted lists of some rows, numbered from 0.

    Attributes:
        numbers: `(n_words,)` uint32, ascending; the words.
        offsets: `(n_words + 1,)` int64; where the list of each word begins and ends.
        rows: `(n_postings,)` uint32, ascending within a list.
        counts: `(n_postings,)` uint8; how often the word stands in the row; 0 for terms in plain letters.
        lengths: `(n_rows,)` uint16; words of each row.
        langs: `(n_rows,)` uint16; the language of each row, a place in `lang_names`.
        lang_names: Primary language subtags.
        place: Where `offsets`, `rows` and `counts` lie.
    """

    numbers: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    rows: NDArray[np.uint32]
    counts: NDArray[np.uint8]
    lengths: NDArray[np.uint16]
    langs: NDArray[np.uint16]
    lang_names: tuple[str, ...]
    place: Held = Held()

    @classmethod
    def from_packed(cls, packed: Sequence[bytes], langs: Sequence[str]) -> Postings:
        """The inverted lists of passages whose words were packed one by one, and the language of each."""
        builder = PostingsBuilder()
        builder.add(packed, langs)
        return builder.finish()

    @classmethod
    def from_file(cls, file: MappedFile) -> Postings:
        """View the bytes of `buffers`, laid end to end.

        Raises:
            ValueError: If they are not laid out so.
        """
        data = file.data
        n_words, n_postings, n_rows, n_names = data[: 8 * _HEADER].view(np.int64).tolist()
        if min(n_words, n_postings, n_rows, n_names) < 0:
            raise ValueError(f"there are no {min(n_words, n_postings, n_rows, n_names)} words")
        wide = (np.int64, n_words + 1), (np.uint32, n_words), (np.uint32, n_postings)
        narrow = (np.uint16, n_rows), (np.uint16, n_rows), (np.uint8, n_postings), (np.uint8, n_names)
        at, views = 8 * _HEADER, list[NDArray[Any]]()
        for kind, n in (*wide, *narrow):
            size = np.dtype(kind).itemsize * n
            views.append(data[at : at + size].view(kind))
            at += size
        if at != len(data):
            raise ValueError(f"{len(data)} bytes of words should be {at}")
        offsets, numbers, rows, lengths, langs, counts, names = views
        require_offsets(offsets, n_postings)
        lang_names = tuple(names.tobytes().decode(errors="surrogatepass").split(_BETWEEN_NAMES))
        if langs.max(initial=0) >= len(lang_names):
            raise ValueError(f"language {langs.max()} of a row is none of {len(lang_names)}")
        return cls(numbers, offsets, rows, counts, lengths, langs, lang_names, file)

    def buffers(self) -> Iterator[NDArray[Any]]:
        """What a file of them holds, in order."""
        names = np.frombuffer(_BETWEEN_NAMES.join(self.lang_names).encode(errors="surrogatepass"), np.uint8)
        yield np.array([len(self.numbers), len(self.rows), len(self.lengths), len(names)], np.int64)
        yield from (self.offsets, self.numbers, self.rows, self.lengths, self.langs, self.counts, names)

    def __len__(self) -> int:
        return len(self.lengths)

    def of(self, number: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Rows that hold a word, ascending, and how often."""
        place = int(np.searchsorted(self.numbers, np.uint32(number)))
        if place == len(self.numbers) or self.numbers[place] != number:
            return self.rows[:0], self.counts[:0]
        start, end = self.place.part(self.offsets, place, place + 2).tolist()
        return self.place.part(self.rows, start, end), self.place.part(self.counts, start, end)


class PostingsBuilder:
    """Gathers the words of passages, row after row, and turns them over at the end."""

    def __init__(self) -> None:
        self._packed: list[NDArray[np.uint64]] = []
        self._lengths: list[NDArray[np.uint16]] = []
        self._langs: list[NDArray[np.uint16]] = []
        self._lang_numbers: dict[str, int] = {}
        self._n = 0

    def add(self, packed: Sequence[bytes], langs: Sequence[str]) -> None:
        """Append rows.

        Args:
            packed: Their words, each as `pack_words` gave them.
            langs: The BCP 47 tag of each; only its primary subtag counts.

        Raises:
            IndexStateError: If there are more than 16,777,216 rows.
        """
        if self._n + len(packed) > 1 << _ROW_BITS:
            raise IndexStateError(
                f"more than {1 << _ROW_BITS} passages are too many for one index; divide its sources with --index"
            )
        sizes = np.array([len(each) for each in packed], np.int64) // 5
        data = np.frombuffer(b"".join(packed), np.uint8)
        is_number = np.repeat(np.tile([True, False], len(packed)), np.stack([4 * sizes, sizes], 1).ravel())
        numbers, counts = data[is_number].view("<u4").astype(np.uint64), data[~is_number]
        rows = np.repeat(np.arange(self._n, self._n + len(packed), dtype=np.uint64), sizes)
        self._packed.append(numbers << np.uint64(32) | rows << np.uint64(8) | counts)
        sums = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        ends = np.cumsum(sizes)
        self._lengths.append(np.minimum(sums[ends] - sums[ends - sizes], _MOST_WORDS).astype(np.uint16))
        self._langs.append(np.fromiter(map(self._lang_number, langs), np.uint16, len(packed)))
        self._n += len(packed)

    def finish(self) -> Postings:
        """The inverted lists; the builder is empty afterwards."""
        lengths = np.concatenate([np.empty(0, np.uint16), *self._lengths])
        langs = np.concatenate([np.empty(0, np.uint16), *self._langs])
        names = tuple(self._lang_numbers)
        self._lengths, self._langs, self._lang_numbers = [], [], {}
        packed = _emptied(self._packed)
        packed.sort()
        halves = packed.astype("<u8", copy=False).view("<u4")
        numbers, low = halves[1::2], halves[::2]
        is_first = np.ones(len(numbers), np.bool_)
        is_first[1:] = numbers[1:] != numbers[:-1]
        offsets = np.append(np.flatnonzero(is_first), len(numbers))
        rows, counts = low >> np.uint32(8), low.astype(np.uint8)
        return Postings(numbers[offsets[:-1]], offsets, rows, counts, lengths, langs, names)

    def _lang_number(self, tag: str) -> int:
        """The number of a language; after 65,535 of them, that of the last."""
        name = tag.partition("-")[0].lower()
        last = len(self._lang_numbers)
        return (
            self._lang_numbers.setdefault(name, last) if last < _MOST_LANGS else self._lang_numbers.get(name, last - 1)
        )


def _emptied(blocks: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """The blocks in one array, each let go of as it is copied."""
    whole = np.empty(sum(map(len, blocks)), np.uint64)
    end = len(whole)
    while blocks:
        block = blocks.pop()
        whole[end - len(block) : end] = block
        end -= len(block)
    return whole
