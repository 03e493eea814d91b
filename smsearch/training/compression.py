"""A trained table made small: 8-bit rows with one scale each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smsearch.files import write_atomically

_LARGEST = 127


def compress_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Rows as 8-bit numbers and a scale each: row i is about `rows[i] * scales[i]`.

    The largest number of a row becomes 127, so no number is off by more than half its scale. A
    zero row stays zero.

    Args:
        table: `(n, dim)` float32.

    Returns:
        `(n, dim)` int8 and `(n,)` float16.
    """
    smallest = np.finfo(np.float16).smallest_normal
    scales = np.maximum(np.abs(table).max(axis=1, initial=0) / _LARGEST, smallest).astype(np.float16)
    rows = np.rint(table / scales.astype(np.float32)[:, None]).clip(-_LARGEST, _LARGEST).astype(np.int8)
    return rows, scales


def mean_cosine(table: NDArray[np.float32], rows: NDArray[np.int8], scales: NDArray[np.float16]) -> float:
    """How close compressed rows are to those they were made of; zero rows are left out."""
    restored = rows * scales.astype(np.float32)[:, None]
    norms = np.linalg.norm(table, axis=1) * np.linalg.norm(restored, axis=1)
    telling = norms > 0
    return float(((table * restored).sum(axis=1)[telling] / norms[telling]).mean()) if telling.any() else 1.0


def save_weights(path: Path, rows: NDArray[np.int8], scales: NDArray[np.float16]) -> str:
    """Write `vectors` and `scales` as the safetensors file of a static encoder; its SHA-256."""
    from safetensors.numpy import save

    return write_atomically(path, save({"vectors": rows, "scales": scales}))
