"""Files that are never half there: digests, atomic writes, the writer's lock."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

from smsearch.errors import IndexLockedError

Write: TypeAlias = Callable[[bytes | memoryview], object]
"""Takes the next bytes of a file."""

_BLOCK = 1 << 20
_DIES_AT = "SMSEARCH_DIES_AT"


def reached(step: str) -> None:
    """Say that a step of a writer is done; the process dies there if `SMSEARCH_DIES_AT` names the step.

    That is how tests pull the plug between two writes; it has no other use.
    """
    if os.environ.get(_DIES_AT) == step:
        os.kill(os.getpid(), signal.SIGKILL if os.name != "nt" else signal.SIGTERM)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        OSError: If the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def file_identity(path: Path) -> list[int]:
    """What changes whenever a file is written, replaced or copied: its size, its number, and when it was changed.

    Raises:
        OSError: If there is no such file.
    """
    found = path.stat()
    return [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty when there is no such file, or it holds something else."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class FileAside:
    """A file on its way to its name; see `written_atomically`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, piece: bytes | memoryview) -> None:
        """Append some bytes."""
        self._file.write(piece)
        self._digest.update(piece)

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, 64 hexadecimal digits."""
        return self._digest.hexdigest()


def write_atomically(path: Path, *data: bytes | memoryview) -> str:
    """Write a file so that a reader sees the old content or the new, never a part; see `written_atomically`.

    Returns:
        The SHA-256 of the data, 64 hexadecimal digits.

    Raises:
        OSError: If the disk is full or the folder cannot be written; the old file stands.
    """
    with written_atomically(path) as file:
        for piece in data:
            file.write(piece)
    return file.sha256


@contextmanager
def written_atomically(path: Path) -> Iterator[FileAside]:
    """Write a file piece by piece so that a reader sees the old content or the new, never a part.

    The bytes go to a temporary file beside it, are flushed to the disk, and take the name by a rename; the folder
    is flushed too, so the name survives a power cut.

    Raises:
        OSError: If the disk is full or the folder cannot be written; the old file stands.
    """
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with aside.open("xb") as file:
            yield FileAside(file)
            file.flush()
            os.fsync(file.fileno())
        reached(f"{path.suffix} file aside")
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def delete_durably(path: Path) -> None:
    """Delete a file if it is there; it stays deleted after a power cut."""
    if path.exists():
        path.unlink()
        _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to flush it
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writer_lock(folder: Path, *, timeout: float = 0.0) -> Iterator[None]:
    """Hold the right to write to an index folder.

    The lock belongs to the process and goes with it, so a killed writer leaves none behind.

    Args:
        folder: The index.
        timeout: Seconds to wait for another writer; 0 gives up at once.

    Raises:
        IndexLockedError: If another process holds the lock for the whole of `timeout`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "writer.lock", timeout=timeout)
    try:
        lock.acquire()
    except Timeout:
        raise IndexLockedError(
            f"another process is writing to the index {str(folder)!r}; wait until it has finished and try again"
        ) from None
    try:
        yield
    finally:
        lock.release()
