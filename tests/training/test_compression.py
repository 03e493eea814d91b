from __future__ import annotations

from pathlib import Path

import numpy as np

from smsearch.encoders.table import TokenTable
from smsearch.training.compression import compress_rows, mean_cosine, save_weights


def test_no_number_is_off_by_more_than_half_its_scale(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(50, 32)).astype(np.float32) * np.logspace(-2, 2, 50)[:, None]
    table = table.astype(np.float32)
    rows, scales = compress_rows(table)
    save_weights(tmp_path / "weights.safetensors", rows, scales)
    restored = TokenTable.open(tmp_path / "weights.safetensors").rows(np.arange(50, dtype=np.int32))
    assert (np.abs(restored - table) <= 0.51 * scales[:, None].astype(np.float32)).all()
    assert mean_cosine(table, rows, scales) > 0.9999


def test_zero_rows_stay_zero() -> None:
    rows, scales = compress_rows(np.array([[0, 0], [3, -6]], np.float32))
    np.testing.assert_array_equal(rows, [[0, 0], [64, -127]])
    assert mean_cosine(np.zeros((2, 2), np.float32), rows[:1], scales[:1]) == 1.0
