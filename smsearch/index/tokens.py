"""The distinct token ids of each passage, side by side, for late interaction.

The lists stand in one array, `ids[offsets[row] : offsets[row + 1]]` for each row, so that many
passages are scored by a gather and a maximum, without a loop. On disk an id is the distance to the one
before it, in two bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.index.mapped import Held
from smsearch.ragged import require_offsets, sorted_distinct

_FURTHER: Final = 0xFFFF  # go on by so much, no id ends here


@dataclass(frozen=True, slots=True)
class TokenLists:
    """Token ids by row.

    Attributes:
        offsets: `(n + 1,)` int64; where each row begins and ends.
        ids: `(n_tokens,)` int32; distinct and ascending within a row.
    """

    offsets: NDArray[np.int64]
    ids: NDArray[np.int32]

    @classmethod
    def from_lists(cls, lists: Iterable[NDArray[np.int32]]) -> TokenLists:
        """Put lists side by side, each made distinct and ascending."""
        given = list(lists)
        owners = np.repeat(np.arange(len(given)), [len(found) for found in given])
        ids = np.concatenate([np.empty(0, np.int32), *given])
        distinct = sorted_distinct(owners << 32 | ids)
        offsets = np.searchsorted(distinct, np.arange(len(given) + 1) << 32)
        return cls(offsets.astype(np.int64), (distinct & 0xFFFFFFFF).astype(np.int32))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def joined(self, other: TokenLists) -> TokenLists:
        """These rows, then the other's."""
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return TokenLists(offsets, np.concatenate([self.ids, other.ids]))


@dataclass(frozen=True, slots=True)
class PackedTokens:
    """Token lists as they stand on disk: steps from one id to the next.

    Attributes:
        offsets: `(n + 1,)` int64; where each row begins and ends.
        steps: `(n_steps,)` uint16; the first of a row goes from 0. 65535 goes on without an id.
        place: Where `steps` lie.
    """

    offsets: NDArray[np.int64]
    steps: NDArray[np.uint16]
    place: Held = Held()

    @classmethod
    def from_bytes(cls, packed: Sequence[bytes]) -> PackedTokens:
        """Lists packed one by one, side by side."""
        return cls(_offsets([len(each) // 2 for each in packed]), np.frombuffer(b"".join(packed), "<u2"))

    @classmethod
    def from_arrays(cls, offsets: NDArray[np.int64], steps: NDArray[np.uint16], place: Held) -> PackedTokens:
        """Lists as a file holds them.

        Raises:
            ValueError: If the offsets lead elsewhere.
        """
        require_offsets(offsets, len(steps))
        return cls(offsets, steps, place)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: NDArray[np.int64]) -> TokenLists:
        """The lists of some rows, in the order given."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        steps = self.place.parts(self.steps, starts, lengths)
        ends = np.cumsum(lengths)
        reached = np.cumsum(steps, dtype=np.int64)
        before = np.concatenate([[0], reached])[ends - lengths]  # what was reached where each row begins
        is_id = steps != _FURTHER
        ids = (reached - np.repeat(before, lengths))[is_id]
        counts = np.diff(np.concatenate([[0], np.cumsum(is_id)])[np.concatenate([[0], ends])])
        return TokenLists(_offsets(counts), ids.astype(np.int32))


def pack_tokens(lists: TokenLists) -> list[bytes]:
    """Each list as the bytes of its steps, little endian."""
    before = np.concatenate([[0], lists.ids[:-1]]).astype(np.int64) if len(lists.ids) else np.empty(0, np.int64)
    starts = lists.offsets[:-1]
    before[starts[starts < lists.offsets[1:]]] = 0
    distances = lists.ids - before
    n_steps = distances // _FURTHER + 1
    ends = np.concatenate([[0], np.cumsum(n_steps)])
    steps = np.full(ends[-1], _FURTHER, "<u2")
    steps[ends[1:] - 1] = distances % _FURTHER
    packed, bounds = steps.tobytes(), (2 * ends[lists.offsets]).tolist()
    return [packed[start:end] for start, end in pairwise(bounds)]


def _offsets(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
