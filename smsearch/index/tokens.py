"""The distinct token ids of each passage, side by side, for late interaction.

The lists stand in one array, `ids[offsets[row] : offsets[row + 1]]` for each row, so that many
passages are scored by a gather and a maximum, without a loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smsearch.ragged import ranges


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
        distinct = [np.unique(found) for found in lists]
        offsets = np.zeros(len(distinct) + 1, dtype=np.int64)
        np.cumsum([len(found) for found in distinct], out=offsets[1:])
        ids = np.concatenate(distinct) if distinct else np.empty(0, np.int32)
        return cls(offsets, ids.astype(np.int32, copy=False))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: NDArray[np.int64]) -> TokenLists:
        """The lists of some rows, in the order given."""
        starts, ends = self.offsets[rows], self.offsets[rows + 1]
        lengths = ends - starts
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return TokenLists(offsets, self.ids[ranges(starts, lengths)])

    def joined(self, other: TokenLists) -> TokenLists:
        """These rows, then the other's."""
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return TokenLists(offsets, np.concatenate([self.ids, other.ids]))
