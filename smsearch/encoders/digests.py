"""SHA-256 of the files of a model, remembered while a large file is the very one that was read.

Reading the weights for their digest takes 0.1 s per 100 MB, at every start. The identity of a file (size, number,
times of change) is kept with its digest in the user's cache folder, as an index does with its own large files.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from smsearch.encoders.vocabulary import cache_folder
from smsearch.files import file_identity, file_sha256, read_json_object, write_atomically

_READ_EACH_TIME: Final = 1 << 22  # bytes; 4 ms
_SETTLED_NS: Final = 2 * 10**9  # a file changed later than this may change again under the same time stamp


def file_digests(folder: Path, files: Sequence[Path]) -> list[tuple[str, str]]:
    """Return the name within a folder and the SHA-256 of each file, in their order.

    Files of up to 4 MB are always read. A larger one is read when its identity differs from the remembered one, or it
    was changed less than two seconds ago.

    Raises:
        OSError: If a file cannot be read.
    """
    memory = _memory_of(folder)
    known = read_json_object(memory) if memory else {}
    kept: dict[str, Any] = {}
    digests = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        sha256, entry = _digest(path, known.get(name))
        digests.append((name, sha256))
        if entry is not None:
            kept[name] = entry
    if memory and any(known.get(name) != entry for name, entry in kept.items()):
        _remember(memory, known | kept)
    return digests


def _digest(path: Path, known: Any) -> tuple[str, list[Any] | None]:  # noqa: ANN401  whatever JSON holds
    """The digest of a file, and what to remember of it."""
    identity = file_identity(path)
    if identity[0] <= _READ_EACH_TIME:
        return file_sha256(path), None
    if isinstance(known, list) and len(known) == 2 and known[0] == identity and isinstance(known[1], str):  # noqa: PLR2004  identity and digest
        return known[1], known
    started = time.time_ns()
    sha256 = file_sha256(path)
    settled = file_identity(path) == identity and max(identity[2:]) < started - _SETTLED_NS
    return sha256, [identity, sha256] if settled else None


def _memory_of(folder: Path) -> Path | None:
    key = hashlib.blake2b(str(folder.resolve()).encode(errors="surrogateescape"), digest_size=16).hexdigest()
    try:
        return cache_folder() / "digests" / f"{key}.json"
    except RuntimeError:  # no home directory
        return None


def _remember(memory: Path, entries: dict[str, Any]) -> None:
    with suppress(OSError):  # it is read again next time
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(memory, json.dumps(entries).encode())
