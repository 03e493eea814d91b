"""What entries of a vocabulary are made of: the smaller entries they can be cut into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smsearch.ragged import ranges

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, slots=True)
class Pieces:
    """Into which smaller entries each entry can be cut.

    Attributes:
        ids: `(n,)` int32, the pieces of all entries one after the other.
        starts: `(n_tokens + 1,)` int64; entry i is made of `ids[starts[i]:starts[i + 1]]`.
        share: An entry's vector holds this much of the mean of its pieces' vectors.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    share: float

    @classmethod
    def from_lists(cls, lists: Sequence[Sequence[int]], share: float) -> Pieces:
        """Put the lists side by side."""
        starts = np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int64)
        return cls(np.fromiter((i for each in lists for i in each), np.int32, int(starts[-1])), starts, share)

    @property
    def n_entries(self) -> int:
        """Entries of the vocabulary."""
        return len(self.starts) - 1

    def made(self, entries: NDArray[np.int64]) -> csr_matrix:
        """`(len(entries), n_tokens)`: one for the entry itself and its share of each piece."""
        from scipy.sparse import csr_matrix

        lengths = self.starts[entries + 1] - self.starts[entries]
        ends = np.concatenate([[0], np.cumsum(lengths + 1)])
        columns = np.empty(ends[-1], np.int32)
        values = np.repeat(self.share / np.maximum(lengths, 1), lengths + 1).astype(np.float32)
        columns[ends[:-1]], values[ends[:-1]] = entries, 1
        is_piece = np.ones(ends[-1], bool)
        is_piece[ends[:-1]] = False
        columns[is_piece] = self.ids[ranges(self.starts[entries], lengths)]
        return csr_matrix((values, columns, ends), shape=(len(entries), len(self.starts) - 1))

    def cut(self, ids: NDArray[np.int32], chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Entries in a row, those that are chosen and have pieces replaced by these.

        Args:
            ids: `(n,)`, the entries.
            chosen: `(n,)`, which of them to cut.

        Returns:
            What stands there then, and `(n,)`, how many of it come from each entry.
        """
        counts = np.where(chosen, self.starts[ids + 1] - self.starts[ids], 0)
        is_cut = counts > 0
        counts[~is_cut] = 1
        begins = np.cumsum(counts) - counts
        cut = np.empty(int(counts.sum()), np.int32)
        cut[begins[~is_cut]] = ids[~is_cut]
        cut[ranges(begins[is_cut], counts[is_cut])] = self.ids[ranges(self.starts[ids[is_cut]], counts[is_cut])]
        return cut, counts

    def fold(self, table: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors to export: each entry's own and its share of its pieces'; `(n_tokens, dim)` float32."""
        folded: NDArray[np.float32] = self.made(np.arange(len(table))) @ table
        return folded


def decomposition(entries: Sequence[str], scores: Sequence[float]) -> list[list[int]]:
    """For each entry of a unigram vocabulary the best way to cut it into other entries; empty where there is none."""
    numbers = {entry: i for i, entry in enumerate(entries)}
    longest = max(map(len, entries), default=0)
    return [_cut_smaller(entry, numbers, scores, longest) for entry in entries]


def _cut_smaller(entry: str, numbers: dict[str, int], scores: Sequence[float], longest: int) -> list[int]:
    n = len(entry)
    best: list[tuple[float, int, int]] = [(0.0, -1, -1)] + [(-1e30, -1, -1)] * n  # score, begin, entry
    for end in range(1, n + 1):
        for begin in range(max(0, end - longest), end):
            number = numbers.get(entry[begin:end])
            if number is None or end - begin == n:
                continue
            score = best[begin][0] + scores[number]
            if score > best[end][0]:
                best[end] = (score, begin, number)
    pieces: list[int] = []
    end = n
    while end > 0:
        if best[end][2] < 0:
            return []
        pieces.append(best[end][2])
        end = best[end][1]
    return pieces[::-1]
