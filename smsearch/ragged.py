"""Lists of different lengths, side by side in one array."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places `starts[i] ... starts[i] + lengths[i] - 1`, one after the other; `(lengths.sum(),)`.

    Examples:
        >>> ranges(np.array([5, 0, 2]), np.array([2, 0, 3])).tolist()
        [5, 6, 2, 3, 4]
    """
    ends = np.cumsum(lengths)
    places: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)
    return places


def distinct(ids: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Distinct ids, ascending, and for each id its place among them; by marking, which is faster than sorting.

    Args:
        ids: `(n,)`, small numbers from 0.

    Examples:
        >>> [found.tolist() for found in distinct(np.array([7, 2, 7]))]
        [[2, 7], [1, 0, 1]]
    """
    marked = np.zeros(int(ids.max(initial=-1)) + 1, bool)
    marked[ids] = True
    found = np.flatnonzero(marked)
    place = np.empty(len(marked), np.int32)
    place[found] = np.arange(len(found), dtype=np.int32)
    return found, place[ids]


def sorted_distinct(values: NDArray[T]) -> NDArray[T]:
    """Distinct values, ascending; for whole numbers of 64 bits a third of the time that `numpy.unique` takes.

    Examples:
        >>> sorted_distinct(np.array([7, 2, 7])).tolist()
        [2, 7]
    """
    ordered = np.sort(values)
    is_new = np.ones(len(ordered), bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    found: NDArray[T] = ordered[is_new]
    return found


def divided(values: NDArray[T], lengths: NDArray[np.int64]) -> list[NDArray[T]]:
    """One array as the arrays that stand in it one after the other; `len(lengths)` views.

    Examples:
        >>> [part.tolist() for part in divided(np.array([5, 0, 2]), np.array([2, 0, 1]))]
        [[5, 0], [], [2]]
    """
    bounds = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    return [values[start:end] for start, end in pairwise(bounds)]


def require_offsets(offsets: NDArray[np.int64], n: int) -> None:
    """Make sure that offsets divide `n` values into rows.

    Raises:
        ValueError: If they do not begin at 0, fall, or end elsewhere than at `n`.
    """
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != n or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(f"{len(offsets)} offsets do not divide {n} values")
