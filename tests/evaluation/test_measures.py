from __future__ import annotations

import numpy as np
import pytest

from smsearch.evaluation.measures import ndcg_at_10, right_ranks, weighted_f1


def test_equal_scores_stand_before_the_right_one() -> None:
    scores = np.array([[0.5, 0.9, 0.1], [0.3, 0.3, 0.3], [0.0, 0.1, 0.2]], np.float32)
    assert right_ranks(scores, np.array([0, 1, 2])).tolist() == [2, 3, 1]


def test_ndcg_is_one_over_the_logarithm_of_the_rank_and_nothing_after_ten() -> None:
    assert ndcg_at_10(np.array([1])) == 1
    assert ndcg_at_10(np.array([3])) == pytest.approx(0.5)
    assert ndcg_at_10(np.array([7, 10])) == pytest.approx((1 / 3 + 1 / np.log2(11)) / 2)
    assert ndcg_at_10(np.array([11, 400])) == 0
    assert ndcg_at_10(np.zeros(0, np.int64)) == 0


def test_weighted_f1_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    predicted = np.random.default_rng(0).integers(0, 40, 40)
    expected = f1_score(np.arange(40), predicted, average="weighted", zero_division=0)
    assert weighted_f1(predicted) == pytest.approx(expected)
    assert weighted_f1(np.arange(5)) == 1
    assert weighted_f1(np.zeros(0, np.int64)) == 0
