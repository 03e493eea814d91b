"""The token ids of each sentence of each passage, for late interaction and sentence evidence.

The ids of all sentences are in one array, `ids[bounds[s] : bounds[s + 1]]` for sentence `s`, and the sentences of
passage `p` are `offsets[p] ... offsets[p + 1] - 1`, so that many passages are scored by a gather and a maximum,
without a loop. On disk a passage is a list of numbers of two bytes: for each sentence the distance from each token id
to the one before it, a mark, and the length of the sentence's vector as float16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.index.mapped import Held
from smsearch.ragged import require_offsets

_FURTHER: Final = 0xFFFF  # the next distance is larger by `_LARGEST`; as float16 not a number, like the mark
_END: Final = 0xFFFE  # a sentence ends; the next number is the length of its vector
_LARGEST: Final = 0xFFFE  # one distance is less than this
_LONGEST: Final = 65_504.0  # the largest float16


@dataclass(frozen=True, slots=True)
class Sentences:
    """Token ids by sentence, and sentences by passage.

    Attributes:
        offsets: `(n_passages + 1,)` int64; where the sentences of each passage begin and end.
        bounds: `(n_sentences + 1,)` int64; where the ids of each sentence begin and end.
        ids: `(n_tokens,)` int32; ascending within a sentence, repeats kept.
        lengths: `(n_sentences,)` float32; length of the sum of each sentence's token vectors as a passage. Negative
            for the lines above a passage, its title and heading, which are no sentence of it.
    """

    offsets: NDArray[np.int64]
    bounds: NDArray[np.int64]
    ids: NDArray[np.int32]
    lengths: NDArray[np.float32]

    @classmethod
    def from_lists(
        cls, passages: Sequence[Sequence[NDArray[np.int32]]], lengths: Sequence[float] | NDArray[np.float32]
    ) -> Sentences:
        """Put sentences side by side, the ids of each in ascending order.

        Args:
            passages: Token ids of each sentence of each passage.
            lengths: Of all sentences one after the other.
        """
        sentences = list(chain.from_iterable(passages))
        sizes = [len(sentence) for sentence in sentences]
        ids = np.concatenate([np.empty(0, np.int32), *sentences])
        owners = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        ordered = np.sort(owners << 32 | ids) & 0xFFFFFFFF
        offsets = _offsets([len(passage) for passage in passages])
        return cls(offsets, _offsets(sizes), ordered.astype(np.int32), np.array(lengths, np.float32).reshape(-1))

    def __len__(self) -> int:
        """Number of passages."""
        return len(self.offsets) - 1

    def joined(self, other: Sentences) -> Sentences:
        """These passages, then the other's."""
        return Sentences(
            np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]]),
            np.concatenate([self.bounds, other.bounds[1:] + self.bounds[-1]]),
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.lengths, other.lengths]),
        )


@dataclass(frozen=True, slots=True)
class PackedTokens:
    """Sentences by passage as they are on disk.

    Attributes:
        offsets: `(n + 1,)` int64; where each passage begins and ends.
        numbers: `(n_numbers,)` uint16; see the module.
        place: Where `numbers` are held.
    """

    offsets: NDArray[np.int64]
    numbers: NDArray[np.uint16]
    place: Held = Held()

    @classmethod
    def from_bytes(cls, packed: Sequence[bytes]) -> PackedTokens:
        """Passages packed one by one, side by side."""
        return cls(_offsets([len(each) // 2 for each in packed]), np.frombuffer(b"".join(packed), "<u2"))

    @classmethod
    def from_arrays(cls, offsets: NDArray[np.int64], numbers: NDArray[np.uint16], place: Held) -> PackedTokens:
        """Passages as a file holds them.

        Raises:
            ValueError: If the offsets are not those of the numbers.
        """
        require_offsets(offsets, len(numbers))
        return cls(offsets, numbers, place)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: NDArray[np.int64]) -> Sentences:
        """The sentences of some passages, in the order given."""
        starts = self.offsets[rows]
        sizes = self.offsets[rows + 1] - starts
        return _unpacked(self.place.parts(self.numbers, starts, sizes), np.cumsum(sizes))


def _unpacked(numbers: NDArray[np.uint16], passage_ends: NDArray[np.int64]) -> Sentences:
    """The sentences that numbers say, of passages that end where given."""
    is_end = numbers == _END
    marks = np.flatnonzero(is_end)
    is_length = np.zeros(len(numbers), bool)
    is_length[marks[marks + 1 < len(numbers)] + 1] = True
    is_further = numbers == _FURTHER
    steps = numbers.astype(np.int64)
    steps[is_end | is_length] = 0
    steps[is_further] = _LARGEST
    reached = np.cumsum(steps)
    starts = np.concatenate([[0], marks + 2])[:-1]  # of each sentence, among the numbers
    before = np.concatenate([[0], reached])[starts]
    is_id = ~(is_end | is_length | is_further)
    counted = np.concatenate([[0], np.cumsum(is_id)])
    bounds = np.concatenate([[0], counted[marks]])
    ids = reached[is_id] - np.repeat(before, np.diff(bounds))
    offsets = np.concatenate([[0], np.searchsorted(marks, passage_ends)])
    return Sentences(offsets, bounds, ids.astype(np.int32), numbers[is_length].view("<f2").astype(np.float32))


def pack_tokens(sentences: Sentences) -> list[bytes]:
    """Each passage as the bytes of its numbers, little endian."""
    before = np.concatenate([[0], sentences.ids[:-1]]).astype(np.int64) if len(sentences.ids) else np.empty(0, np.int64)
    starts, ends = sentences.bounds[:-1], sentences.bounds[1:]
    before[starts[starts < ends]] = 0
    distances = sentences.ids - before
    n_numbers = distances // _LARGEST + 1
    n_before = np.concatenate([[0], np.cumsum(n_numbers)])  # numbers before each token
    shift = 2 * np.repeat(np.arange(len(starts)), ends - starts)
    numbers = np.full(n_before[-1] + 2 * len(starts), _FURTHER, "<u2")
    numbers[n_before[1:] - 1 + shift] = distances % _LARGEST
    marks = n_before[ends] + 2 * np.arange(len(starts))
    numbers[marks] = _END
    numbers[marks + 1] = np.clip(sentences.lengths, -_LONGEST, _LONGEST).astype("<f2").view("<u2")
    sizes = np.concatenate([[0], n_before[ends] + 2 * np.arange(1, len(starts) + 1)])
    packed, bounds = numbers.tobytes(), (2 * sizes[sentences.offsets]).tolist()
    return [packed[start:end] for start, end in pairwise(bounds)]


def _offsets(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
