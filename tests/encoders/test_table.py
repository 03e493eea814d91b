from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from smsearch.encoders.table import TokenTable, unit_rows
from smsearch.errors import EncoderError

if TYPE_CHECKING:
    from pathlib import Path

# numbers 0 to 15 stand for -8 to 7, the first of a row in the lower half of its byte
PACKED = np.array([[9 | 10 << 4], [8 | 5 << 4], [12 | 8 << 4]], np.uint8)
TABLE = TokenTable(packed=PACKED, scales=np.array([[1.0], [0.5], [0.25]], np.float16))


def write_safetensors(path: Path, header: dict[str, object], data: bytes) -> Path:
    packed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + data)
    return path


def test_a_row_is_its_vector_times_its_scale() -> None:
    assert TABLE.rows(np.array([1, 2, 0], np.int32)).tolist() == [[0, -1.5], [1, 0], [1, 2]]


def test_numbers_of_a_row_stand_in_halves_and_share_scales_in_groups() -> None:
    packed = np.array([[0x0F, 0x18, 0x9A, 0xF7]], np.uint8)
    table = TokenTable(packed=packed, scales=np.array([[1, 2, 3, 0.5]], np.float16))
    assert table.dim == 8
    assert table.rows(np.zeros(1, np.int32)).tolist() == [[7, 0, 2 * 2, 2 * -1, 3 * -8, 3 * -7, 0.5, 0.5 * 7]]
    assert table.rows(np.zeros(0, np.int32)).shape == (0, 8)


def test_sums_add_rows_of_each_text_and_texts_without_tokens_stay_zero() -> None:
    ids = np.array([0, 1, 2, 2, 2], np.int32)
    sums = TABLE.sums(ids, np.array([0, 2, 0, 3, 0]))
    assert sums.tolist() == [[0, 0], [1, 0.5], [0, 0], [3, 0], [0, 0]]
    assert TABLE.sums(ids[:0], np.array([0, 0])).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("n_tokens", [3, 40_000])
def test_long_and_many_texts_are_summed_like_short_ones(n_tokens: int) -> None:
    rng = np.random.default_rng(3)
    packed = rng.integers(0, 256, (n_tokens, 4), np.uint8)
    table = TokenTable(packed=packed, scales=rng.uniform(0.5, 2, (n_tokens, 2)).astype(np.float16))
    lengths = np.array([1000, 0, 30, 5000, 1, 1, 2048, 0, 700])
    ids = rng.integers(0, n_tokens, lengths.sum()).astype(np.int32)
    assert (len(np.unique(ids)) > 3) == (n_tokens > 3)
    parts = np.split(table.rows(ids).astype(np.float64), np.cumsum(lengths)[:-1])
    np.testing.assert_allclose(table.sums(ids, lengths), [part.sum(axis=0) for part in parts], rtol=1e-4, atol=1e-3)


def test_very_many_texts_are_summed_one_by_one() -> None:
    lengths = np.arange(100_000) % 4
    ids = np.arange(lengths.sum(), dtype=np.int32) % 3
    parts = np.split(TABLE.rows(ids), np.cumsum(lengths)[:-1])
    np.testing.assert_allclose(TABLE.sums(ids, lengths), [part.sum(axis=0) for part in parts], rtol=1e-6)


@pytest.mark.parametrize(("n_vectors", "n_ids"), [(0, 5), (1, 0), (1, 3), (7, 2_000), (40, 1_500)])
@pytest.mark.parametrize(("dim", "n_groups"), [(384, 6), (64, 1), (8, 4)])
def test_cosines_are_the_products_of_unit_rows(n_vectors: int, n_ids: int, dim: int, n_groups: int) -> None:
    rng = np.random.default_rng(n_ids)
    packed = rng.integers(0, 256, (900, dim // 2), np.uint8)
    packed[5] = 8 | 8 << 4
    table = TokenTable(packed=packed, scales=rng.uniform(0.5, 2, (900, n_groups)).astype(np.float16))
    vectors = unit_rows(rng.normal(size=(n_vectors, dim)).astype(np.float32))
    ids = np.append(rng.integers(0, 900, n_ids), 5).astype(np.int32)
    cosines = table.cosines(vectors, ids)
    np.testing.assert_allclose(cosines, vectors @ table.unit_rows(ids).T, atol=1e-5)
    np.testing.assert_allclose(cosines[:, -1], 0, atol=1e-5)


def test_unit_rows_keep_zero_rows() -> None:
    np.testing.assert_allclose(unit_rows(np.array([[3, 4], [0, 0]], np.float32)), [[0.6, 0.8], [0, 0]])


def test_a_file_is_mapped_whatever_the_order_of_its_tensors(tmp_path: Path) -> None:
    header = {
        "__metadata__": {"format": "np"},
        "packed": {"dtype": "U8", "shape": [2, 1], "data_offsets": [0, 2]},
        "scales": {"dtype": "F16", "shape": [2, 1], "data_offsets": [2, 6]},
    }
    data = bytes([9 | 10 << 4, 11 | 4 << 4]) + np.array([1, 0.5], np.float16).tobytes()
    table = TokenTable.open(write_safetensors(tmp_path / "m.safetensors", header, data))
    assert table.dim == 2
    assert table.rows(np.array([0, 1], np.int32)).tolist() == [[1, 2], [1.5, -2]]


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        ({"packed": {"dtype": "U8", "shape": [2, 2], "data_offsets": [0, 4]}}, b"1234", "'scales'"),
        ({"packed": {"dtype": "U8", "shape": [2, 2], "data_offsets": [0, 4]}}, b"12", "ends at byte 4 of 2"),
        ({"packed": {"dtype": "U8", "shape": [2, 3], "data_offsets": [0, 4]}}, b"1234", "has 4 bytes"),
        ({"packed": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}, b"12345678", "is F64"),
        ({"packed": 3}, b"", "not subscriptable"),
    ],
)
def test_wrong_headers_are_one_sentence(tmp_path: Path, header: dict[str, object], data: bytes, reason: str) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", header, data)
    with pytest.raises(EncoderError, match=reason) as caught:
        TokenTable.open(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"1234", struct.pack("<Q", 1 << 60) + b"{}", struct.pack("<Q", 2) + b"{x"])
def test_what_is_no_safetensors_file_is_called_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(EncoderError, match="damaged"):
        TokenTable.open(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"none\.safetensors"):
        TokenTable.open(tmp_path / "none.safetensors")


@pytest.mark.parametrize("scales", [[1, 1], [2, 3], [2, 0], [2]])
def test_tensors_that_do_not_fit_each_other_are_refused(tmp_path: Path, scales: list[int]) -> None:
    size = 2 * int(np.prod(scales))
    header = {
        "packed": {"dtype": "U8", "shape": [2, 2], "data_offsets": [0, 4]},
        "scales": {"dtype": "F16", "shape": scales, "data_offsets": [4, 4 + size]},
    }
    path = write_safetensors(tmp_path / "m.safetensors", header, bytes(4 + size))
    with pytest.raises(EncoderError, match="must hold"):
        TokenTable.open(path)
