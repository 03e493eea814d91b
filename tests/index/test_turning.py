"""Turned vectors: the same products, other numbers."""

from __future__ import annotations

import numpy as np
import pytest

from smsearch.index.turning import dealing, evening, largest_of
from tests.index.test_vectors import natural_vectors, unit_vectors


@pytest.mark.parametrize("dim", [1, 4, 24, 50])
def test_vectors_are_turned_without_a_change_of_their_products(dim: int) -> None:
    vectors = unit_vectors(200, dim)
    for turn in (dealing(vectors, 3), evening(dim)):
        assert turn.shape[1] == dim
        np.testing.assert_allclose(turn.T @ turn, np.eye(dim), atol=1e-5)
        np.testing.assert_allclose((vectors @ turn.T) @ (vectors @ turn.T).T, vectors @ vectors.T, atol=1e-5)


def test_what_vectors_vary_is_dealt_out_to_the_threes() -> None:
    vectors = unit_vectors(5_000, 30) * np.linspace(1, 0.1, 30, dtype=np.float32)
    turn = dealing(vectors, 3)
    assert turn.shape == (30, 30)
    shares = ((vectors @ turn.T) ** 2).sum(axis=0).reshape(10, 3).sum(axis=1)
    assert shares.max() < 2 * shares.min()
    plain = (vectors**2).sum(axis=0).reshape(10, 3).sum(axis=1)
    assert plain.max() > 20 * plain.min()


def test_what_lacks_for_whole_groups_is_made_up_by_nothing() -> None:
    assert dealing(unit_vectors(50, 4), 3).shape == (6, 4)


def test_numbers_become_about_equally_large() -> None:
    vectors = natural_vectors(2_000, 64)
    vectors[:, 3] *= 20
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turn = evening(64)
    assert (evening(64) == turn).all()
    assert largest_of(vectors, turn) == pytest.approx(np.abs(vectors @ turn.T).max())
    assert largest_of(vectors, turn) < 0.6 * largest_of(vectors, np.eye(64, dtype=np.float32))


def test_vectors_of_nothing_have_a_scale_all_the_same() -> None:
    assert largest_of(np.zeros((3, 8), np.float32), evening(8)) == 1.0
