from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smsearch.encoders.table import TokenTable
from smsearch.training.compression import compress_table, mean_cosine, save_table, temper_norms, whiten


def spread_rows(n: int, dim: int) -> np.ndarray:
    """Rows whose lengths differ by four orders of magnitude."""
    rows = np.random.default_rng(0).normal(size=(n, dim)) * np.logspace(-2, 2, n)[:, None]
    return rows.astype(np.float32)


def test_no_number_is_off_by_more_than_the_scale_of_its_group(tmp_path: Path) -> None:
    rows = spread_rows(50, 192)
    save_table(tmp_path / "weights.safetensors", compress_table(rows))
    table = TokenTable.open(tmp_path / "weights.safetensors")
    assert table.scales.shape == (50, 3)  # groups of 64
    asked = np.abs(rows).reshape(50, 3, 64).max(axis=2) / 7
    assert (table.scales <= 1.001 * asked).all()
    assert (table.scales >= 0.749 * asked).all()
    restored = table.rows(np.arange(50, dtype=np.int32))
    wide = np.repeat(asked, 64, axis=1)
    assert (np.abs(restored - rows) <= 1.76 * wide).all()  # a quarter of 7 is cut off at most
    assert (np.abs(restored - rows) <= 0.51 * wide).mean() > 0.98
    assert mean_cosine(rows, table) > 0.99


def test_chosen_scales_are_not_worse_than_the_largest() -> None:
    rows = spread_rows(200, 64)
    scales = np.abs(rows).max(axis=1, keepdims=True) / 7
    plain = np.rint(rows / scales) * scales
    restored = compress_table(rows).rows(np.arange(200, dtype=np.int32))
    errors = [np.square(each - rows).sum(axis=1) for each in (restored, plain)]
    assert (errors[0] <= 1.001 * errors[1]).all()
    assert errors[0].sum() < 0.95 * errors[1].sum()


@pytest.mark.parametrize("moments", [None, np.diag(np.linspace(2, 1, 128)) + 0.1])
def test_rows_that_were_rounded_before_stay_what_they_are(moments: np.ndarray | None) -> None:
    once = compress_table(spread_rows(200, 128))
    again = compress_table(once.rows(np.arange(200, dtype=np.int32)), moments)
    np.testing.assert_array_equal(again.scales, once.scales)
    np.testing.assert_array_equal(again.packed, once.packed)


def test_zero_rows_stay_zero_and_do_not_count() -> None:
    table = compress_table(np.array([[0, 0], [3, -7]], np.float32))
    np.testing.assert_allclose(table.rows(np.arange(2, dtype=np.int32)), [[0, 0], [3, -7]], rtol=0.01)
    zeros = np.zeros((2, 2), np.float32)
    assert mean_cosine(zeros, compress_table(zeros)) == 1.0


def test_any_even_length_can_be_packed() -> None:
    for dim in (2, 14, 34, 94, 100):
        rows = spread_rows(20, dim)
        table = compress_table(rows)
        assert table.dim == dim
        assert mean_cosine(rows, table) > 0.98


def test_whitening_evens_out_what_running_text_uses() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(1000, 8)).astype(np.float32)
    rows[:100, 3] += 5
    counts = np.where(np.arange(1000) < 100, 1000, 1)

    def squares(table: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh((table * counts[:, None]).T @ table / counts.sum())

    before = squares(rows)
    assert before[-1] > 10 * before[-2]
    np.testing.assert_allclose(whiten(rows, counts, 0), rows, atol=1e-4)
    all_alike = squares(whiten(rows, counts, 0.5))
    np.testing.assert_allclose(all_alike, before[-1], rtol=1e-3)
    np.testing.assert_allclose(squares(whiten(rows, counts, 0.1)), before**0.8 * before[-1] ** 0.2, rtol=1e-3)


def test_tempered_norms_keep_directions_and_zero_rows() -> None:
    rows = np.array([[3, 4], [0, 0], [0, 0.01]], np.float32)
    np.testing.assert_allclose(temper_norms(rows, 0.5), [[3 / 5**0.5, 4 / 5**0.5], [0, 0], [0, 0.1]], rtol=1e-5)
    np.testing.assert_allclose(temper_norms(rows, 1), rows)
    np.testing.assert_allclose(np.linalg.norm(temper_norms(rows, 0), axis=1), [1, 0, 1], rtol=1e-5)


def test_an_empty_direction_stays_empty() -> None:
    rows = np.zeros((4, 3), np.float32)
    rows[:, 0] = [1, 2, 3, 4]
    np.testing.assert_allclose(whiten(rows, np.ones(4, np.int64), 0.5), rows, atol=1e-5)


def test_errors_that_are_passed_on_weigh_less_in_the_products_with_texts() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 32)).astype(np.float32)
    texts = rng.normal(size=(500, 32)) @ np.diag(np.linspace(3, 0.1, 32)) @ np.linalg.qr(rng.normal(size=(32, 32)))[0]
    moments = texts.T @ texts / len(texts)
    ids = np.arange(400, dtype=np.int32)

    def lost(table: TokenTable) -> float:
        errors = table.rows(ids) - rows
        return float(np.einsum("ij,jk,ik->", errors, moments, errors))

    assert lost(compress_table(rows, moments)) < 0.75 * lost(compress_table(rows))


def test_rows_of_zeros_stay_zeros_whatever_texts_are_like() -> None:
    rows = np.zeros((3, 4), np.float32)
    rows[1] = [1, -2, 3, 0.5]
    found = compress_table(rows, np.ones((4, 4))).rows(np.arange(3, dtype=np.int32))
    assert found[[0, 2]].tolist() == [[0] * 4] * 2
    np.testing.assert_allclose(found[1], rows[1], atol=0.45)
