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

TABLE = TokenTable(vectors=np.array([[1, 2], [0, -3], [4, 0]], np.int8), scales=np.array([1.0, 0.5, 0.25], np.float32))


def write_safetensors(path: Path, header: dict[str, object], data: bytes) -> Path:
    packed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + data)
    return path


def test_a_row_is_its_vector_times_its_scale() -> None:
    assert TABLE.rows(np.array([1, 2, 0], np.int32)).tolist() == [[0, -1.5], [1, 0], [1, 2]]


def test_sums_add_rows_of_each_text_and_texts_without_tokens_stay_zero() -> None:
    ids = np.array([0, 1, 2, 2, 2], np.int32)
    sums = TABLE.sums(ids, np.array([0, 2, 0, 3, 0]))
    assert sums.tolist() == [[0, 0], [1, 0.5], [0, 0], [3, 0], [0, 0]]
    assert TABLE.sums(ids[:0], np.array([0, 0])).tolist() == [[0, 0], [0, 0]]


def test_texts_across_blocks_are_summed_like_texts_within_one() -> None:
    rng = np.random.default_rng(3)
    lengths = np.array([1000, 0, 30, 5000, 1, 1, 2048, 0, 700])
    ids = rng.integers(0, 3, lengths.sum()).astype(np.int32)
    parts = np.split(TABLE.rows(ids).astype(np.float64), np.cumsum(lengths)[:-1])
    np.testing.assert_allclose(TABLE.sums(ids, lengths), [part.sum(axis=0) for part in parts], rtol=1e-6)


def test_unit_rows_keep_zero_rows() -> None:
    np.testing.assert_allclose(unit_rows(np.array([[3, 4], [0, 0]], np.float32)), [[0.6, 0.8], [0, 0]])


def test_a_file_is_mapped_whatever_the_order_of_its_tensors(tmp_path: Path) -> None:
    header = {
        "__metadata__": {"format": "np"},
        "vectors": {"dtype": "I8", "shape": [2, 2], "data_offsets": [0, 4]},
        "scales": {"dtype": "F16", "shape": [2], "data_offsets": [4, 8]},
    }
    data = np.array([1, 2, 3, -4], np.int8).tobytes() + np.array([1, 0.5], np.float16).tobytes()
    table = TokenTable.open(write_safetensors(tmp_path / "m.safetensors", header, data))
    assert table.dim == 2
    assert table.rows(np.array([0, 1], np.int32)).tolist() == [[1, 2], [1.5, -2]]


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        ({"vectors": {"dtype": "I8", "shape": [2, 2], "data_offsets": [0, 4]}}, b"1234", "'scales'"),
        ({"vectors": {"dtype": "I8", "shape": [2, 2], "data_offsets": [0, 4]}}, b"12", "ends at byte 4 of 2"),
        ({"vectors": {"dtype": "I8", "shape": [2, 3], "data_offsets": [0, 4]}}, b"1234", "has 4 bytes"),
        ({"vectors": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}, b"12345678", "is F64"),
        ({"vectors": 3}, b"", "not subscriptable"),
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


def test_tensors_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    header = {
        "vectors": {"dtype": "I8", "shape": [2, 2], "data_offsets": [0, 4]},
        "scales": {"dtype": "F16", "shape": [1], "data_offsets": [4, 6]},
    }
    path = write_safetensors(tmp_path / "m.safetensors", header, b"123456")
    with pytest.raises(EncoderError, match="must hold"):
        TokenTable.open(path)
