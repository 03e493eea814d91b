"""The derived files of an index: vectors for FAISS, and the token lists.

They hold the representatives as they were when the files were written; what came and went since
stands in SQLite's `changes`. Their names and digests are recorded in SQLite. A file that is
missing, damaged or not ours is made again from SQLite, without encoding anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import NotFoundError
from smsearch.files import file_sha256, write_atomically
from smsearch.index.database import Connection
from smsearch.index.store import Store
from smsearch.index.tokens import TokenLists
from smsearch.index.vectors import FaissIndex

_BLOCK = 16_384
_META = "derived"


@dataclass(frozen=True, slots=True)
class Derived:
    """What the derived files hold.

    Attributes:
        passage_ids: `(n,)` int64, ascending; the passage of each row.
        vectors: Their vectors.
        tokens: Their token lists.
    """

    passage_ids: NDArray[np.int64]
    vectors: FaissIndex
    tokens: TokenLists


def derived_generation(store: Store) -> int:
    """How many times the derived files were written; 0 for never."""
    recorded = store.get_meta(_META)
    return int(recorded["generation"]) if recorded else 0


def open_derived(folder: Path, store: Store) -> Derived | None:
    """Open the derived files, or None when they are missing, damaged or were never written."""
    recorded = store.get_meta(_META)
    if recorded is None or any(_fault(folder, part) for part in recorded["files"].values()):
        return None
    try:
        vectors = FaissIndex.open(folder / recorded["files"]["vectors"]["name"])
        passage_ids, tokens = _read_tokens(folder / recorded["files"]["tokens"]["name"], recorded["rows"])
    except (RuntimeError, OSError):  # a writer may sweep them just now
        return None
    return Derived(passage_ids, vectors, tokens)


def derived_faults(folder: Path, store: Store) -> list[str]:
    """What is wrong with the derived files, a sentence each; empty when all is well."""
    recorded = store.get_meta(_META)
    if recorded is None:
        return [f"the derived files of {str(folder)!r} were never written"]
    return [fault for part in recorded["files"].values() if (fault := _fault(folder, part))]


def make_derived(store: Store, dim: int) -> Derived:
    """Make in memory what the derived files should hold, from the vectors in SQLite."""
    (n,) = store.connection.execute("SELECT COUNT(*) FROM passages WHERE representative IS NULL").fetchone()
    vectors = FaissIndex.empty(dim, n_expected=n)
    ids: list[NDArray[np.int64]] = []
    tokens = TokenLists.from_lists([])
    for block_ids, block_vectors, block_tokens in _encodings(store.connection, dim):
        ids.append(block_ids)
        vectors.add(block_vectors)
        tokens = tokens.joined(block_tokens) if len(tokens) else block_tokens
    return Derived(np.concatenate(ids) if ids else np.empty(0, np.int64), vectors, tokens)


def write_derived(folder: Path, store: Store, derived: Derived) -> None:
    """Write the derived files under new names and record them; call within a write transaction.

    The old files stay until `sweep_derived`, for readers that opened them.
    """
    generation = derived_generation(store) + 1
    tokens = derived.tokens
    parts = {
        "vectors": (f"vectors-{generation:06d}.faiss", derived.vectors.serialized()),
        "tokens": (
            f"tokens-{generation:06d}.bin",
            derived.passage_ids.tobytes() + tokens.offsets.tobytes() + tokens.ids.tobytes(),
        ),
    }
    files = {}
    for part, (name, data) in parts.items():
        sha256 = write_atomically(folder / name, data)
        files[part] = {"name": name, "bytes": len(data), "sha256": sha256}
    store.set_meta(_META, {"generation": generation, "rows": len(derived.passage_ids), "files": files})
    store.connection.execute("DELETE FROM changes")


def sweep_derived(folder: Path, store: Store) -> None:
    """Delete derived files of earlier generations; those that cannot be deleted yet stay until the next time."""
    recorded = store.get_meta(_META)
    names = {part["name"] for part in recorded["files"].values()} if recorded else set()
    for pattern in ("vectors-*.faiss", "tokens-*.bin", ".vectors-*", ".tokens-*"):
        for path in folder.glob(pattern):
            if path.name not in names:
                with suppress(OSError):  # Windows keeps files that a reader has open
                    path.unlink()


def encoded_passages(store: Store, passage_ids: NDArray[np.int64], dim: int) -> tuple[NDArray[np.float32], TokenLists]:
    """Vectors and token lists of some passages, straight from SQLite, in the order given.

    Raises:
        NotFoundError: If there is no such passage.
    """
    vectors = np.empty((len(passage_ids), dim), dtype=np.float32)
    lists = []
    query = "SELECT vector, tokens FROM encodings WHERE passage_id = ?"
    for row, passage_id in enumerate(passage_ids.tolist()):
        found = store.connection.execute(query, (passage_id,)).fetchone()
        if found is None:
            raise NotFoundError(f"there is no passage {passage_id} in the index")
        vector, tokens = found
        vectors[row] = np.frombuffer(vector, dtype="<f2")
        lists.append(np.frombuffer(tokens, dtype="<i4"))
    return vectors, TokenLists.from_lists(lists)


def _encodings(connection: Connection, dim: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], TokenLists]]:
    cursor = connection.execute(
        "SELECT passage_id, vector, tokens FROM encodings JOIN passages USING (passage_id) "
        "WHERE representative IS NULL ORDER BY passage_id"
    )
    while rows := cursor.fetchmany(_BLOCK):
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f2").reshape(-1, dim)
        tokens = TokenLists.from_lists(np.frombuffer(row[2], dtype="<i4") for row in rows)
        yield ids, vectors.astype(np.float32), tokens


def _fault(folder: Path, part: dict[str, Any]) -> str | None:
    path = folder / part["name"]
    try:
        if path.stat().st_size != part["bytes"]:
            return f"{str(path)!r} has {path.stat().st_size} bytes, {part['bytes']} were written"
        return None if file_sha256(path) == part["sha256"] else f"{str(path)!r} has changed since it was written"
    except OSError as error:
        return f"{str(path)!r} cannot be read ({error.strerror})"


def _read_tokens(path: Path, n: int) -> tuple[NDArray[np.int64], TokenLists]:
    data = np.memmap(path, dtype=np.uint8, mode="r")
    wide = data[: 8 * (2 * n + 1)].view(np.int64)
    return wide[:n], TokenLists(wide[n:], data[8 * (2 * n + 1) :].view(np.int32))
