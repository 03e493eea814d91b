"""A trained table made ready: common directions and large norms made smaller, numbers rounded to four bits."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.table import BITS, ZERO, TokenTable, weighted_rows
from smsearch.files import write_atomically
from smsearch.training.tokens import CorpusTokens

_LARGEST_GROUP: Final = 64
_SHARES: Final = (1.0, 0.95, 0.9, 0.875, 0.85, 0.8, 0.75)  # 7 / 8: a row that was rounded before keeps its scales
_LEAST_SQUARE: Final = 1e-3  # of the largest
_TEXTS: Final = 120_000
_DAMPED: Final = 0.01
_SMALLEST: Final = float(np.finfo(np.float16).smallest_normal)


def whiten(rows: NDArray[np.float32], counts: NDArray[np.int64], power: float) -> NDArray[np.float32]:
    """Rows in which the directions that running text uses most count for less (after Su et al., arXiv:2103.15316).

    Each principal direction of the tokens of running text is divided by its mean square to `power`: 0 changes
    nothing, 0.5 makes all directions alike. Directions of less than a thousandth of the largest count as that.

    Args:
        rows: `(n_tokens, dim)` float32.
        counts: `(n_tokens,)`, how often each token occurs.
        power: From 0 to 0.5.
    """
    whitened: NDArray[np.float32] = rows @ whitening_of(rows, counts, power)
    return whitened


def whitening_of(rows: NDArray[np.float32], counts: NDArray[np.int64], power: float) -> NDArray[np.float32]:
    """The matrix that whitens rows, `(dim, dim)` float32; what it is made of is said in `whiten`."""
    squares, directions = np.linalg.eigh((rows * (counts / counts.sum())[:, None].astype(np.float32)).T @ rows)
    scale = np.maximum(squares / squares[-1], _LEAST_SQUARE) ** -power
    matrix: NDArray[np.float32] = ((directions * scale) @ directions.T).astype(np.float32)
    return matrix


def temper_norms(rows: NDArray[np.float32], power: float) -> NDArray[np.float32]:
    """Rows in their directions, their norms raised to `power`: rare and telling tokens outweigh the others less.

    Args:
        rows: `(n_tokens, dim)` float32.
        power: 1 changes nothing, 0 makes all norms alike. A zero row stays zero.
    """
    return weighted_rows(rows, power - 1)


def text_moments(rows: NDArray[np.float32], tokens: CorpusTokens, *, seed: int = 0) -> NDArray[np.float64]:
    """Mean of `v v^T` over the unit vectors `v` of some texts of a corpus; `(dim, dim)`.

    Args:
        rows: `(n_tokens, dim)` float32, the table.
        tokens: The corpus.
        seed: Of the choice of texts.
    """
    n = len(tokens.starts) - 1
    texts = np.sort(np.random.default_rng(seed).permutation(n)[:_TEXTS])
    moments = np.zeros((rows.shape[1], rows.shape[1]))
    for vectors in tokens.vectors(rows, texts):
        moments += vectors.T @ vectors
    return moments / max(len(texts), 1)


def compress_table(rows: NDArray[np.float32], moments: NDArray[np.float64] | None = None) -> TokenTable:
    """Round rows to four bits; a zero row stays zero.

    Each group takes the scale that makes its squared error smallest, of a few between three quarters of
    what its largest number asks for and all of it. With moments, what rounding a number leaves is passed on to
    the numbers after it, as it weighs in the products with texts (GPTQ; Frantar et al., ICLR 2023).

    Args:
        rows: `(n_tokens, dim)` float32; `dim` is even.
        moments: Of the texts, from `text_moments`; None rounds every number by itself.
    """
    n, dim = rows.shape
    groups = rows.reshape(n, -1, _group_size(dim))
    scales = np.zeros(groups.shape[:2], np.float16)
    least = np.full(scales.shape, np.inf, np.float32)
    for share in _SHARES:
        tried = np.maximum(share / (ZERO - 1) * np.abs(groups).max(axis=2, initial=0), _SMALLEST).astype(np.float16)
        error = np.square(_rounded(groups, tried) * tried.astype(np.float32)[..., None] - groups).sum(axis=2)
        scales = np.where(error < least, tried, scales)
        least = np.minimum(error, least)
    rounded = _rounded(groups, scales).reshape(n, dim) if moments is None else _passed_on(rows, scales, moments)
    numbers = (rounded + ZERO).astype(np.uint8)
    low, high = numbers[:, : dim // 2], numbers[:, dim // 2 :]
    packed: NDArray[np.uint8] = np.bitwise_or(low, np.left_shift(high, np.uint8(BITS)))
    return TokenTable(packed=packed, scales=scales)


def joined_tables(begun: TokenTable | None, rows: NDArray[np.float32], moments: NDArray[np.float64]) -> TokenTable:
    """Rows rounded to four bits as by `compress_table`, behind those of a table that is kept as it is.

    Args:
        begun: The first rows, rounded already; None to round all.
        rows: `(n_tokens, dim)` float32, all rows.
        moments: Of the texts, from `text_moments`.
    """
    if begun is None:
        return compress_table(rows, moments)
    new = compress_table(rows[len(begun) :], moments)
    return TokenTable(
        packed=np.concatenate([begun.packed, new.packed]), scales=np.concatenate([begun.scales, new.scales])
    )


def mean_cosine(rows: NDArray[np.float32], table: TokenTable) -> float:
    """How close compressed rows are to those they were made of; zero rows are left out."""
    restored = table.rows(np.arange(len(table), dtype=np.int32))
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(restored, axis=1)
    telling = norms > 0
    return float(((rows * restored).sum(axis=1)[telling] / norms[telling]).mean()) if telling.any() else 1.0


def save_table(path: Path, table: TokenTable) -> str:
    """Write the safetensors file of a static encoder; its SHA-256."""
    from safetensors.numpy import save

    return write_atomically(path, save({"packed": table.packed, "scales": table.scales}))


def save_matrix(path: Path, matrix: NDArray[np.float32]) -> str:
    """Write the safetensors file of a matrix of passages, in float16; its SHA-256."""
    from safetensors.numpy import save

    return write_atomically(path, save({"matrix": matrix.astype(np.float16)}))


def _rounded(groups: NDArray[np.float32], scales: NDArray[np.float16]) -> NDArray[np.float32]:
    rounded: NDArray[np.float32] = np.rint(groups / scales.astype(np.float32)[..., None]).clip(-ZERO, ZERO - 1)
    return rounded


def _passed_on(
    rows: NDArray[np.float32], scales: NDArray[np.float16], moments: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Whole numbers for rows, column after column, each column's error passed on to those after it."""
    n, dim = rows.shape
    damped = moments + _DAMPED * np.trace(moments) / dim * np.eye(dim)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T.astype(np.float32)
    every_scale = np.repeat(scales.astype(np.float32), dim // scales.shape[1], axis=1)
    left, rounded = rows.copy(), np.empty_like(rows)
    for start in range(0, dim, _LARGEST_GROUP):
        end = min(start + _LARGEST_GROUP, dim)
        errors = np.empty((n, end - start), np.float32)
        for column in range(start, end):
            scale = every_scale[:, column]
            rounded[:, column] = np.rint(left[:, column] / scale).clip(-ZERO, ZERO - 1)
            error = (left[:, column] - rounded[:, column] * scale) / factor[column, column]
            left[:, column + 1 : end] -= np.outer(error, factor[column, column + 1 : end])
            errors[:, column - start] = error
        left[:, end:] -= errors @ factor[start:end, end:]
    return rounded


def _group_size(dim: int) -> int:
    """Numbers that share a scale: as many as divide a row evenly."""
    return max(size for size in range(1, _LARGEST_GROUP + 1) if dim % size == 0)
