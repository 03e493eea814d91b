"""Files made from weights: made once, and again only when there is a reason."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smsearch.encoders import converted, digests
from smsearch.encoders.converted import ConvertedFiles

LARGE = b"a" * (5 << 20)  # so much is read only once


class Maker:
    """Gives the content of a converted file, and counts how often."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.n_made = 0

    def __call__(self) -> bytes:
        self.n_made += 1
        return self.content


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "weights" / "model.bin"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path


def opened(source: Path, make: Maker, *, version: int = 1, name: str = "graph.bin") -> Path:
    found = ConvertedFiles(source).open(name, version, make)
    assert isinstance(found, Path)
    return found


def flip(path: Path) -> None:
    """Change one byte in place, as a failing disk does, a second after it was written."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    second_later(path)


def second_later(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


@pytest.mark.parametrize("content", [b"graph", b"", LARGE], ids=["small", "empty", "large"])
def test_a_file_is_made_once_for_all_processes(cache: Path, source: Path, content: bytes) -> None:
    make = Maker(content)
    path = opened(source, make)
    assert (path.parent, path.read_bytes()) == (cache / "converted", content)
    assert path.name.endswith(".graph.bin")
    before = path.stat()
    assert [opened(source, make) for _ in range(3)] == [path] * 3
    assert make.n_made == 1
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lose_the_record(path: Path) -> None:
    path.with_name(f"{path.name}.json").unlink()


def damage_the_record(path: Path) -> None:
    path.with_name(f"{path.name}.json").write_bytes(b'["no object"]')


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("content", [b"graph", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("damage", [remove, truncate, empty, flip, lose_the_record, damage_the_record])
def test_a_file_that_is_not_what_was_made_is_made_again(
    source: Path, content: bytes, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))  # its digest is remembered at once
    make = Maker(content)
    path = opened(source, make)
    assert opened(source, make) == path
    damage(path)
    assert opened(source, make).read_bytes() == content
    assert make.n_made == 2
    opened(source, make)
    assert make.n_made == 2


@pytest.mark.usefixtures("cache")
def test_another_version_name_or_source_has_a_file_of_its_own(source: Path) -> None:
    make = Maker(b"graph")
    first = opened(source, make)
    paths = {first, opened(source, make, version=2), opened(source, make, name="table.bin")}
    source.write_bytes(b"Weights")
    paths.add(opened(source, make))
    assert (len(paths), make.n_made) == (4, 4)
    source.write_bytes(b"weights")
    assert opened(source, make) == first
    assert make.n_made == 4


@pytest.mark.usefixtures("cache")
def test_the_same_weights_in_another_folder_share_a_file(source: Path, tmp_path: Path) -> None:
    make = Maker(b"graph")
    copy = tmp_path / "copy.bin"
    copy.write_bytes(source.read_bytes())
    assert opened(source, make) == opened(copy, make)
    assert make.n_made == 1


def test_a_cache_that_is_no_folder_is_done_without(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "file" / "below"))
    make = Maker(b"graph")
    assert [ConvertedFiles(source).open("graph.bin", 1, make) for _ in range(2)] == [b"graph"] * 2
    assert make.n_made == 2


def test_a_cache_that_cannot_be_written_is_still_read(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker(b"graph")
    path = opened(source, make)

    def refuse(path: Path, *_data: bytes) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(converted, "write_atomically", refuse)
    monkeypatch.setattr(digests, "write_atomically", refuse)
    assert opened(source, make) == path
    assert make.n_made == 1
    assert ConvertedFiles(source).open("graph.bin", 2, make) == b"graph"
    assert list(cache.glob("converted/*.bin")) == [path]


def test_a_user_without_a_home_has_the_content_made_each_time(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(converted, "cache_folder", homeless)
    monkeypatch.setattr(digests, "cache_folder", homeless)
    assert ConvertedFiles(source).open("graph.bin", 1, Maker(b"graph")) == b"graph"


@pytest.mark.usefixtures("cache")
def test_a_source_that_is_gone_is_an_error_of_the_system(source: Path) -> None:
    source.unlink()
    with pytest.raises(FileNotFoundError):
        ConvertedFiles(source).open("graph.bin", 1, Maker(b"graph"))


@pytest.mark.usefixtures("cache")
def test_what_fails_while_it_is_made_leaves_nothing(cache: Path, source: Path) -> None:
    def fail() -> bytes:
        raise MemoryError

    with pytest.raises(MemoryError):
        ConvertedFiles(source).open("graph.bin", 1, fail)
    assert list(cache.glob("converted/*")) == []
