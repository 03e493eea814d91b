from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from smsearch.encoders import digests
from smsearch.encoders.digests import file_digests

LARGE = b"a" * (5 << 20)

pytestmark = pytest.mark.usefixtures("model_cache")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Names of the files that were read since it was called last."""
    names: list[str] = []

    def counted(path: Path) -> str:
        names.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def taken() -> list[str]:
        taken, names[:] = list(names), []
        return taken

    monkeypatch.setattr(digests, "file_sha256", counted)
    return taken


def test_a_large_file_is_read_once_and_a_small_one_each_time(
    tmp_path: Path, read: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))
    files = [tmp_path / "large", tmp_path / "small"]
    for path, content in zip(files, (LARGE, b"b"), strict=True):
        path.write_bytes(content)
    expected = [("large", hashlib.sha256(LARGE).hexdigest()), ("small", hashlib.sha256(b"b").hexdigest())]
    assert file_digests(tmp_path, files) == expected
    assert read() == ["large", "small"]
    assert file_digests(tmp_path, files) == expected
    assert read() == ["small"]
    files[0].write_bytes(LARGE[:-1] + b"b")
    assert file_digests(tmp_path, files)[0] == ("large", hashlib.sha256(LARGE[:-1] + b"b").hexdigest())
    assert read() == ["large", "small"]


def test_a_file_that_was_just_changed_is_not_remembered(tmp_path: Path, read: Callable[[], list[str]]) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    for _ in range(2):
        file_digests(tmp_path, [tmp_path / "large"])
        assert read() == ["large"]


def test_digests_do_not_need_a_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))
    (tmp_path / "large").write_bytes(LARGE)
    (tmp_path / "no folder").write_bytes(b"")
    expected = [("large", hashlib.sha256(LARGE).hexdigest())]
    monkeypatch.setattr(digests, "cache_folder", lambda: tmp_path / "no folder")
    assert file_digests(tmp_path, [tmp_path / "large"]) == expected

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(digests, "cache_folder", homeless)
    assert file_digests(tmp_path, [tmp_path / "large"]) == expected
    with pytest.raises(FileNotFoundError):
        file_digests(tmp_path, [tmp_path / "missing"])


def test_a_damaged_memory_is_written_again(
    tmp_path: Path, read: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))
    monkeypatch.setattr(digests, "cache_folder", lambda: tmp_path / "cache")
    model = tmp_path / "model"
    model.mkdir()
    (model / "large").write_bytes(LARGE)
    expected = file_digests(model, [model / "large"])
    (memory,) = (tmp_path / "cache" / "digests").iterdir()
    for damaged in (b"{", b'{"large": 1}', b'{"large": [[1], "x"]}', b'{"large": [[1]]}'):
        memory.write_bytes(damaged)
        read()
        assert file_digests(model, [model / "large"]) == expected
        assert read() == ["large"]
        assert file_digests(model, [model / "large"]) == expected
        assert read() == []
