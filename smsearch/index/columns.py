"""Sorted texts and what points to them, as arrays that a file can hold."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.ragged import ranges, require_offsets

_BETWEEN: Final = np.frombuffer(b", ", np.uint8)  # what divides the parts of a text

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Texts:
    """Distinct texts in UTF-8, in the order of their bytes.

    Attributes:
        offsets: `(n + 1,)` int64; text i is `data[offsets[i]:offsets[i + 1]]`.
        data: uint8.
    """

    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]

    @classmethod
    def from_sorted(cls, texts: Sequence[bytes]) -> Texts:
        """Put texts that are in order side by side."""
        offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=np.int64)])
        return cls(offsets, np.frombuffer(b"".join(texts), np.uint8))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> bytes:
        """Text i; what asks for one past the last ends."""
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.data[self.offsets[i] : self.offsets[i + 1]].tobytes()

    def first_from(self, text: str) -> int:
        """How many texts come before this one."""
        return bisect_left(self, text.encode())

    def first_after(self, text: str) -> int:
        """How many texts come before this one or are it."""
        return bisect_right(self, text.encode())

    def equal(self, text: str) -> Mask:
        """Which text is this one."""
        found = np.zeros(len(self), np.bool_)
        found[self.first_from(text) : self.first_after(text)] = True
        return found

    def with_part(self, text: str) -> Mask:
        """Which texts are this one, or hold it among their parts, which stand divided by commas and spaces.

        Examples:
            >>> Texts.from_sorted([b"red", b"red, blue", b"redder"]).with_part("red").tolist()
            [True, True, False]
        """
        if not text:
            return self.equal(text)
        sought = text.encode()
        found = (match.start() for match in re.finditer(b"(?=%b)" % re.escape(sought), self.data.data))
        begins = np.fromiter(found, np.int64)
        places = np.searchsorted(self.offsets, begins, side="right") - 1
        ends = begins + len(sought)
        first, last = self.offsets[places], self.offsets[places + 1]
        is_part = (begins == first) | (begins - first >= len(_BETWEEN)) & self._divided(begins - len(_BETWEEN))
        is_part &= (ends == last) | (last - ends >= len(_BETWEEN)) & self._divided(ends)
        held = np.zeros(len(self), np.bool_)
        held[places[is_part]] = True
        return held

    def _divided(self, places: NDArray[np.int64]) -> Mask:
        """Where what divides parts stands."""
        one, other = (self.data.take(places + i, mode="clip") == byte for i, byte in enumerate(_BETWEEN))
        divided: Mask = one & other
        return divided


@dataclass(frozen=True, slots=True)
class Column:
    """A text, or none, for each of some things.

    Attributes:
        texts: The texts there are.
        codes: `(n,)` unsigned; the text of each, `len(texts)` for none.
    """

    texts: Texts
    codes: NDArray[Any]

    @classmethod
    def of(cls, interned: Interned, codes: NDArray[np.int64]) -> Column:
        """From numbers that `Interned` gave, -1 for none."""
        texts, order = interned.sorted()
        return cls(texts, np.append(order, len(texts))[codes].astype(np.min_scalar_type(len(texts))))

    def __len__(self) -> int:
        return len(self.codes)

    def among(self, wanted: Mask) -> Mask:
        """Which things have one of the wanted texts; `(n,)`."""
        found: Mask = np.append(wanted, False).take(self.codes, mode="clip")
        return found

    def arrays(self) -> Iterator[NDArray[Any]]:
        """What a file of it holds, in order."""
        yield from (self.texts.offsets, self.texts.data, self.codes)

    @classmethod
    def from_arrays(cls, arrays: Iterator[NDArray[Any]]) -> Column:
        """Of the next arrays.

        Raises:
            ValueError: If they do not belong together.
        """
        return cls(_texts_of(arrays), next(arrays))


@dataclass(frozen=True, slots=True)
class InvertedColumn:
    """For each text the things that have it; one may have several, or none.

    Attributes:
        texts: The texts there are.
        offsets: `(len(texts) + 1,)` int64; where the things of each text begin and end.
        places: uint32, numbers of things.
    """

    texts: Texts
    offsets: NDArray[np.int64]
    places: NDArray[np.uint32]

    @classmethod
    def of(cls, held: dict[str, NDArray[np.int64]]) -> InvertedColumn:
        """From the things of each text."""
        ordered = sorted((text.encode(), text) for text in held)
        places = [held[text].astype(np.uint32) for _, text in ordered]
        offsets = np.concatenate([[0], np.cumsum([len(each) for each in places], dtype=np.int64)])
        texts = Texts.from_sorted([encoded for encoded, _ in ordered])
        return cls(texts, offsets, np.concatenate([np.empty(0, np.uint32), *places]))

    def mark(self, wanted: Mask, found: Mask) -> None:
        """Mark the things that have one of the wanted texts."""
        lists = np.flatnonzero(wanted)
        places = self.places[ranges(self.offsets[lists], self.offsets[lists + 1] - self.offsets[lists])]
        found[places[places < len(found)]] = True

    def arrays(self) -> Iterator[NDArray[Any]]:
        """What a file of it holds, in order."""
        yield from (self.texts.offsets, self.texts.data, self.offsets, self.places)

    @classmethod
    def from_arrays(cls, arrays: Iterator[NDArray[Any]]) -> InvertedColumn:
        """Of the next arrays.

        Raises:
            ValueError: If they do not belong together.
        """
        texts, offsets, places = _texts_of(arrays), next(arrays), next(arrays)
        require_offsets(offsets, len(places))
        if len(offsets) != len(texts) + 1:
            raise ValueError(f"{len(texts)} texts have {len(offsets) - 1} lists")
        return cls(texts, offsets, places)


class Interned:
    """Numbers for texts, in the order they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        """The number of a text, -1 for none."""
        return -1 if text is None else self._numbers.setdefault(text, len(self._numbers))

    def numbers(self, texts: Iterable[str | None]) -> list[int]:
        """The number of each text."""
        return [self.number(text) for text in texts]

    def sorted(self) -> tuple[Texts, NDArray[np.int64]]:
        """The texts in order, and the place there of each number."""
        encoded = [text.encode() for text in self._numbers]
        order = sorted(range(len(encoded)), key=encoded.__getitem__)
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return Texts.from_sorted([encoded[i] for i in order]), places


def _texts_of(arrays: Iterator[NDArray[Any]]) -> Texts:
    offsets, data = next(arrays), next(arrays)
    require_offsets(offsets, len(data))
    return Texts(offsets, data)
