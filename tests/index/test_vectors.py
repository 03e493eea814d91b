"""What is peculiar to the FAISS index; what all vector indexes share is in the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smsearch.index.vectors import FLAT_LIMIT, FaissIndex

VECTORS = np.eye(4, dtype=np.float32)


def test_kind_goes_by_the_expected_number() -> None:
    assert FaissIndex.empty(4).kind == "Flat"
    assert FaissIndex.empty(4, n_expected=FLAT_LIMIT).kind == "Flat"
    assert FaissIndex.empty(4, n_expected=FLAT_LIMIT + 1).kind == "SQfp16"


@pytest.mark.parametrize("n_expected", [0, FLAT_LIMIT + 1])
def test_reopened_index_gives_the_same_numbers(tmp_path: Path, n_expected: int) -> None:
    index = FaissIndex.empty(32, n_expected=n_expected)
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((50, 32)).astype(np.float16).astype(np.float32)
    index.add(vectors[:20])
    index.add(vectors[20:])
    path = tmp_path / "vectors.faiss"
    path.write_bytes(index.serialized())
    opened = FaissIndex.open(path)
    assert (opened.kind, opened.dim, len(opened)) == (index.kind, 32, 50)
    for before, after in zip(index.search(vectors[:3], 7), opened.search(vectors[:3], 7), strict=True):
        assert before.tolist() == after.tolist()
    rows = np.arange(50)
    assert opened.scores(vectors[0], rows).tolist() == index.scores(vectors[0], rows).tolist()


@pytest.mark.parametrize("content", [b"", b"IxFI", b"no index at all"])
def test_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.faiss"
    path.write_bytes(content)
    with pytest.raises(RuntimeError):
        FaissIndex.open(path)


def test_float16_vectors_lose_nothing_in_float16() -> None:
    index = FaissIndex.empty(3, n_expected=FLAT_LIMIT + 1)
    vector = np.array([[0.1, -0.7, 0.3]], dtype=np.float16).astype(np.float32)
    index.add(vector)
    parts = [index.scores(axis, np.array([0]))[0] for axis in np.eye(3, dtype=np.float32)]
    assert parts == vector[0].tolist()
