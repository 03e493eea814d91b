"""Digests, atomic writes and the writer's lock."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from smsearch.errors import IndexLockedError
from smsearch.files import file_sha256, write_atomically, writer_lock

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("data", "expected"), [(b"abc", ABC), (b"", EMPTY)])
def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert file_sha256(path) == expected


def test_digest_covers_more_than_one_block(tmp_path: Path) -> None:
    path = tmp_path / "file"
    data = bytes(range(256)) * 8193  # two blocks of 1 MiB and one byte's worth more
    path.write_bytes(data)
    assert file_sha256(path) == hashlib.sha256(data).hexdigest()


def test_write_replaces_the_old_content_and_returns_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "åäö.bin"
    path.write_bytes(b"old and longer")
    assert write_atomically(path, memoryview(b"abc")) == ABC
    assert path.read_bytes() == b"abc"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_leaves_what_stood_there_and_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_atomically(path, b"abc")
    assert list(tmp_path.iterdir()) == [path]
    assert (path / "inside").is_dir()


def test_write_into_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "no" / "file", b"abc")


def test_second_holder_of_the_lock_is_refused_and_told_the_folder(tmp_path: Path) -> None:
    with writer_lock(tmp_path), pytest.raises(IndexLockedError, match=tmp_path.name), writer_lock(tmp_path):
        pass


def test_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writer_lock(tmp_path):
        raise KeyError
    with writer_lock(tmp_path):
        assert (tmp_path / "writer.lock").exists()
