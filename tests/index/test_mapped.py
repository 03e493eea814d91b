"""Parts of arrays in files: the same as of arrays in memory."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsearch.errors import IndexDamagedError, IndexStateError
from smsearch.index.mapped import Held, MappedFile

NUMBERS = np.arange(40, dtype=np.uint16) * 1_000
STRETCHES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=8)


def write(folder: str | Path) -> Path:
    """A file that begins with three bytes of something else."""
    path = Path(folder) / "numbers"
    path.write_bytes(b"abc" + NUMBERS.tobytes())
    return path


@given(STRETCHES)
@pytest.mark.parametrize("has_pread", [True, False])
def test_parts_of_a_file_are_those_of_the_array(has_pread: bool, stretches: list[tuple[int, int]]) -> None:  # noqa: FBT001
    starts = np.array([start for start, _ in stretches], np.int64)
    lengths = np.array([length for _, length in stretches], np.int64)
    expected = [number for start, length in stretches for number in NUMBERS[start : start + length].tolist()]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if not has_pread:
            patch.delattr(os, "pread")
            patch.setattr("smsearch.index.mapped._LONG", 3)
        file = MappedFile(write(folder))
        values = file.data[3:].view(np.uint16)
        for place, array in ((file, values), (Held(), NUMBERS)):
            found = place.parts(array, starts, lengths)
            assert (found.dtype, found.tolist()) == (NUMBERS.dtype, expected)
            assert [n for a, b in stretches for n in place.part(array, a, a + b).tolist()] == expected
        file.let_go()
        assert values.tolist() == NUMBERS.tolist()


def test_a_file_that_is_cut_off_while_it_is_read_is_called_damage(tmp_path: Path) -> None:
    path = write(tmp_path)
    file = MappedFile(path)
    values = file.data[3:].view(np.uint16)
    os.truncate(path, 43)
    assert file.part(values, 10, 20).tolist() == NUMBERS[10:20].tolist()
    with pytest.raises(
        IndexDamagedError, match="'numbers' was cut off while it was read; say `smsearch verify --repair`"
    ):
        file.part(values, 11, 21)


def test_a_file_that_cannot_be_read_any_more_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> bytes:
        raise OSError(116, "Stale file handle")

    file = MappedFile(write(tmp_path))
    values = file.data[3:].view(np.uint16)
    monkeypatch.setattr(os, "pread", refuse)
    for read in (lambda: file.part(values, 1, 2), lambda: file.parts(values, np.arange(2), np.ones(2, np.int64))):
        with pytest.raises(IndexStateError, match=r"cannot read 'numbers' of the index \(Stale file handle\)"):
            read()


def test_a_file_that_is_no_longer_needed_is_closed(tmp_path: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("the system does not say which files are open")
    path = write(tmp_path)
    file = MappedFile(path)
    values = file.data[3:]
    assert path in [each.readlink() for each in folder.iterdir() if each.exists()]
    del file, values
    assert path not in [each.readlink() for each in folder.iterdir() if each.exists()]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="empty"):
        MappedFile(tmp_path / "empty")
