"""The seal of an index: the digest of its database as the last writer left it.

A writer breaks the seal before its first change and sets it when everything is in one file again. A database whose
seal stands but does not fit was changed by something else: a disk, a copy, an editor. Without a
seal a writer is at work, or one was killed, which SQLite itself recovers from.

Large databases are sealed by their size alone, for reading them whole takes longer than a query may.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from smsearch.errors import IndexDamagedError
from smsearch.files import delete_durably, file_sha256, read_json_object, write_atomically
from smsearch.index.checksums import REPAIR

FILE_NAME: Final = "index.seal"

_READ_EACH_TIME: Final = 1 << 25  # bytes; 20 ms
_TRIES: Final = 5  # a writer may break or set the seal while it is compared


def set_seal(folder: Path, database: Path) -> None:
    """Seal a database that is whole; the caller holds the writer's lock and has closed it."""
    if _has_log(database):
        return
    size = database.stat().st_size
    body = {"bytes": size, "sha256": file_sha256(database) if size <= _READ_EACH_TIME else None}
    write_atomically(folder / FILE_NAME, json.dumps({**body, "check": _check_of(body)}).encode())


def break_seal(folder: Path) -> None:
    """Take the seal away before the first change; the caller holds the writer's lock."""
    delete_durably(folder / FILE_NAME)


def require_seal(folder: Path, database: Path) -> bool:
    """Make sure that a database is what its seal says, if it has one.

    Returns:
        False for one that has none and is small enough for its rows to be looked at one by one.

    Raises:
        IndexDamagedError: If it is not.
    """
    for _ in range(_TRIES):
        seal = _read_seal(folder)
        fault = _fault(seal, database) if seal else None
        if fault is None:
            return seal is not None or database.stat().st_size > _READ_EACH_TIME
        if _read_seal(folder) == seal:
            raise IndexDamagedError(f"the index {str(folder)!r} is damaged ({fault}); {REPAIR}")
    return True  # a writer is at work, and comes between every two looks


def _fault(seal: dict[str, Any], database: Path) -> str | None:
    try:
        size = database.stat().st_size
        if size != seal["bytes"]:
            return f"{database.name} has {size} bytes, {seal['bytes']} were written"
        if _has_log(database):
            return f"{database.name}-wal came from elsewhere"
        if seal["sha256"] is not None and file_sha256(database) != seal["sha256"]:
            return f"{database.name} has changed since it was written"
    except OSError as error:
        return f"{database.name} cannot be read: {error.strerror}"
    return None


def _has_log(database: Path) -> bool:
    """Whether changes stand beside the database that are not in it yet."""
    log = database.with_name(f"{database.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _read_seal(folder: Path) -> dict[str, Any] | None:
    """The seal, or None where none stands or it is damaged itself."""
    seal = read_json_object(folder / FILE_NAME)
    check = seal.pop("check", None)
    return seal if seal and check == _check_of(seal) else None


def _check_of(body: dict[str, Any]) -> int:
    return crc32(json.dumps(body, sort_keys=True).encode())
