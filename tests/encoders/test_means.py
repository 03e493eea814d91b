"""Means by language, as a package ships them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from smsearch.encoders.means import read_language_means, write_language_means
from smsearch.encoders.protocol import LanguageMeans
from smsearch.errors import EncoderError

MEANS = LanguageMeans(
    ("sv", "th"), np.array([[1, 0.5, 0], [0, 0.25, 1]], np.float32), np.array([[0, 1, 0], [1, 0, 0]], np.float32), 0.75
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_language_means(tmp_path / "model" / "means.safetensors", MEANS)
    return tmp_path / "model" / "means.safetensors"


def test_means_are_read_as_they_were_written(path: Path) -> None:
    found = read_language_means(path, 3)
    assert (found.langs, found.amount) == (("sv", "th"), 0.75)
    assert found.passages.tolist() == MEANS.passages.tolist()
    assert found.queries.tolist() == MEANS.queries.tolist()
    assert found.passages.dtype == found.queries.dtype == np.float32


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_a_file_that_is_cut_short_is_refused_with_what_to_do(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(EncoderError, match=r"means by language .*means.safetensors' cannot be read .*install smsearch"):
        read_language_means(path, 3)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"none.safetensors' cannot be read"):
        read_language_means(tmp_path / "none.safetensors", 3)


def test_means_of_another_length_are_refused(path: Path) -> None:
    with pytest.raises(EncoderError, match=r"are of shape \(2, 3\)"):
        read_language_means(path, 4)


@pytest.mark.parametrize(
    ("names", "about"),
    [
        (("passages", "queries"), {"langs": "sv th en", "amount": "0.75"}),
        (("passages", "queries"), {"langs": "sv th", "amount": "1.5"}),
        (("passages", "queries"), {"langs": "sv th", "amount": "nan"}),
        (("passages", "queries"), {"langs": "sv th", "amount": "much"}),
        (("passages", "queries"), {"langs": "sv th"}),
        (("passages", "queries"), None),
        (("passages",), {"langs": "sv th", "amount": "0.75"}),
    ],
)
def test_a_file_that_says_too_little_or_nonsense_is_refused(
    path: Path, names: tuple[str, ...], about: dict[str, str] | None
) -> None:
    save_file({name: np.zeros((2, 3), np.float16) for name in names}, path, metadata=about)
    with pytest.raises(EncoderError, match="install smsearch again"):
        read_language_means(path, 3)
