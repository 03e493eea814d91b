"""How vectors are turned before few bits are kept of their numbers, so that these bits say as much as they can.

Turned vectors have the same inner products.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from smsearch.index.vectors import Vectors

_SEED: Final = 7
_PARTS: Final = 16  # of a sample, turned one after the other


def evening(dim: int) -> Vectors:
    """What makes the numbers of vectors about equally large, by turning them at random; `(dim, dim)`."""
    turn, _ = np.linalg.qr(np.random.default_rng(_SEED).standard_normal((dim, dim)))
    found: Vectors = turn.astype(np.float32)
    return found


def largest_of(sample: Vectors, turn: Vectors) -> float:
    """The largest number, without its sign, of turned vectors; 1 if they are all zero."""
    parts = np.array_split(sample, _PARTS)
    return max((float(np.abs(part @ turn.T).max()) for part in parts if len(part)), default=0.0) or 1.0


def dealing(sample: Vectors, n_together: int) -> Vectors:
    """What makes every so many numbers of vectors say about as much; `(n_together * n, dim)`, all but `dim` rows zero.

    The directions of most variance are dealt out to the groups, there and back (Ge et al., CVPR 2013).
    """
    dim = sample.shape[1]
    n_groups = -(-dim // n_together)
    _, directions = np.linalg.eigh(sample.T @ sample)
    there = np.arange(n_groups)
    groups = np.concatenate([there if i % 2 == 0 else there[::-1] for i in range(n_together)])
    places = n_together * groups + np.repeat(np.arange(n_together), n_groups)
    matrix = np.zeros((n_together * n_groups, dim), np.float32)
    matrix[places[:dim]] = directions.T[::-1]
    return matrix
