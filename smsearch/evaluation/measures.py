"""Measures of rankings with one right answer each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def right_ranks(scores: NDArray[np.float32], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank of the right document of each query, from 1; `(n_queries,)`.

    Args:
        scores: `(n_queries, n_documents)`, higher is better.
        right: `(n_queries,)`, the column of each query's right document.

    Returns:
        Documents of equal score stand before the right one, so ties never flatter.
    """
    own = np.take_along_axis(scores, right[:, None], axis=1)
    ranks: NDArray[np.int64] = (scores >= own).sum(axis=1)
    return ranks


def ndcg_at_10(ranks: NDArray[np.int64]) -> float:
    """Mean nDCG@10 in `[0, 1]` where each query has one right document (Järvelin & Kekäläinen, 2002).

    Examples:
        >>> round(ndcg_at_10(np.array([1, 3, 11])), 3)
        0.5
    """
    gains = np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0.0)  # noqa: PLR2004  its name says so
    return float(gains.mean()) if len(gains) else 0.0


def weighted_f1(predicted: NDArray[np.int64]) -> float:
    """F1 weighted by class, in `[0, 1]`, where sentence i should be paired with i: MTEB's measure of bitext mining.

    Examples:
        >>> round(weighted_f1(np.array([0, 1, 1])), 3)
        0.556
    """
    if not len(predicted):
        return 0.0
    times = np.bincount(predicted, minlength=len(predicted))
    right = predicted == np.arange(len(predicted))
    return float((2 * right / (1 + times)).mean())
