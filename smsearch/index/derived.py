"""The derived files of an index: vectors for FAISS, token lists, and inverted lists of words.

They hold the representatives as they were when the files were written; what came and went since
stands in SQLite's `changes`. Their names and digests are recorded in SQLite. A file that is
missing, damaged or not ours is made again from SQLite, without encoding anything.

A file is compared with its digest before it is used. Large ones are not read for that every time: while
a file is the very one that was written (same number, size and times of change), its digest holds.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import NotFoundError
from smsearch.files import file_identity, file_sha256, write_atomically
from smsearch.index.database import Connection
from smsearch.index.postings import Postings, PostingsBuilder
from smsearch.index.store import Store
from smsearch.index.tokens import PackedTokens
from smsearch.index.tuning import Tuned, tune
from smsearch.index.vectors import FLAT_LIMIT, ClusteredIndex, FaissIndex, cluster_count, open_vectors

_BLOCK: Final = 16_384
_META: Final = "derived"
_READ_EACH_TIME: Final = 1 << 25  # bytes; 20 ms
_SAMPLED_PER_CLUSTER: Final = 64
_BOUND: Final = 500  # values; SQLite before 3.32 binds at most 999
_PATTERNS: Final = ("vectors-*.faiss", "tokens-*.bin", "words-*.bin", ".vectors-*", ".tokens-*", ".words-*")

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Derived:
    """What the derived files hold.

    Attributes:
        passage_ids: `(n,)` int64, ascending; the passage of each row.
        vectors: Their vectors.
        tokens: Their token lists.
        words: Their words.
        tuned: How well the vectors are found, where not all are compared.
        langs: Languages of all passages, most frequent first.
    """

    passage_ids: NDArray[np.int64]
    vectors: FaissIndex | ClusteredIndex
    tokens: PackedTokens
    words: Postings
    tuned: Tuned | None
    langs: list[str]


def derived_generation(store: Store) -> int:
    """How many times the derived files were written; 0 for never."""
    recorded = store.get_meta(_META)
    return int(recorded["generation"]) if recorded else 0


def open_derived(folder: Path, store: Store, dim: int) -> Derived | None:
    """Open the derived files, or None when they are missing, damaged or were never written."""
    recorded = store.get_meta(_META)
    if recorded is None or any(_fault(folder, part) for part in recorded["files"].values()):
        return None
    path = {part: folder / entry["name"] for part, entry in recorded["files"].items()}
    tuned = Tuned(**recorded["tuned"]) if recorded["tuned"] else None
    try:
        passage_ids, tokens = _read_tokens(_mapped(path["tokens"]), recorded["rows"])
        words = Postings.from_buffer(_mapped(path["words"]))
        vectors = open_vectors(
            path["vectors"],
            n_probes=tuned.n_probes if tuned else None,
            fetch=_fetcher(store.connection, passage_ids, dim),
        )
    except (RuntimeError, OSError):  # a writer may sweep them just now
        return None
    return Derived(passage_ids, vectors, tokens, words, tuned, recorded["langs"])


def derived_faults(folder: Path, store: Store) -> list[str]:
    """What is wrong with the derived files, a sentence each; empty when all is well."""
    recorded = store.get_meta(_META)
    if recorded is None:
        return [f"the derived files of {str(folder)!r} were never written"]
    return [fault for part in recorded["files"].values() if (fault := _fault(folder, part))]


def make_derived(store: Store, dim: int) -> Derived:
    """Make in memory what the derived files should hold, from what SQLite holds."""
    passage_ids, tokens = _make_tokens(store)
    vectors, tuned = _make_vectors(store, passage_ids, dim)
    return Derived(passage_ids, vectors, tokens, _make_words(store), tuned, list(store.counts_by("lang")))


def write_derived(folder: Path, store: Store, dim: int) -> None:
    """Write the derived files under new names and record them; call within a write transaction.

    One after the other, so that no two are in memory. The old files stay until `sweep_derived`, for readers that opened
    them.
    """
    generation = derived_generation(store) + 1
    files: dict[str, dict[str, Any]] = {}

    def write(part: str, suffix: str, pieces: Iterable[memoryview]) -> None:
        name = f"{part}-{generation:06d}.{suffix}"
        sha256 = write_atomically(folder / name, *pieces)
        identity = file_identity(folder / name)
        files[part] = {"name": name, "bytes": identity[0], "identity": identity, "sha256": sha256}

    passage_ids, tokens = _make_tokens(store)
    arrays: list[NDArray[Any]] = [passage_ids, tokens.offsets, tokens.steps]
    write("tokens", "bin", map(_bytes_of, arrays))
    arrays.clear()
    del tokens
    write("words", "bin", map(_bytes_of, _make_words(store).buffers()))
    vectors, tuned = _make_vectors(store, passage_ids, dim)
    write("vectors", "faiss", [vectors.serialized()])
    record = {
        "generation": generation,
        "rows": len(passage_ids),
        "files": files,
        "tuned": tuned and tuned.as_dict(),
        "langs": list(store.counts_by("lang")),
    }
    store.set_meta(_META, record)
    store.connection.execute("DELETE FROM changes")


def recall_wanted(store: Store) -> float:
    """The share of the ten nearest passages that a search was last asked to find."""
    recorded = store.get_meta(_META) or {}
    return float((recorded.get("tuned") or {}).get("wanted", Tuned.usual))


def forget_derived(store: Store) -> None:
    """Let the derived files count as damaged, so that they are written again."""
    recorded = store.get_meta(_META)
    if recorded:
        for part in recorded["files"].values():
            part["sha256"] = part["identity"] = ""
        store.set_meta(_META, recorded)


def record_tuning(store: Store, tuned: Tuned) -> None:
    """Record another tuning for the derived files as they stand; call within a write transaction.

    It counts as a new generation, so that readers open them again.
    """
    recorded = store.get_meta(_META)
    store.set_meta(_META, {**recorded, "tuned": tuned.as_dict(), "generation": recorded["generation"] + 1})


def sweep_derived(folder: Path, store: Store) -> None:
    """Delete derived files of earlier generations; those that cannot be deleted yet stay until the next time."""
    recorded = store.get_meta(_META)
    names = {part["name"] for part in recorded["files"].values()} if recorded else set()
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            if path.name not in names:
                with suppress(OSError):  # Windows keeps files that a reader has open
                    path.unlink()


def stored_vectors(connection: Connection, passage_ids: NDArray[np.int64], dim: int) -> Vectors:
    """Vectors of some passages, straight from SQLite, in the order given; `(n, dim)` float32.

    Raises:
        NotFoundError: If there is no such passage.
    """
    wanted, places = np.unique(passage_ids, return_inverse=True)
    packed: list[bytes] = []
    for start in range(0, len(wanted), _BOUND):
        block = wanted[start : start + _BOUND].tolist()
        marks = ", ".join("?" * len(block))
        query = f"SELECT passage_id, vector FROM encodings WHERE passage_id IN ({marks}) ORDER BY passage_id"
        found = connection.execute(query, block).fetchall()
        if len(found) < len(block):
            (missing, *_) = set(block) - {passage_id for passage_id, _ in found}
            raise NotFoundError(f"there is no passage {missing} in the index")
        packed += [vector for _, vector in found]
    return np.frombuffer(b"".join(packed), dtype="<f2").reshape(-1, dim)[places].astype(np.float32)


def later_passages(
    store: Store, passage_ids: NDArray[np.int64], dim: int
) -> tuple[Vectors, PackedTokens, Postings, list[str]]:
    """Vectors, token lists, words and languages of some passages, straight from SQLite."""
    tokens, words, langs = [], [], dict[str, None]()
    query = "SELECT tokens, words, lang FROM encodings JOIN passages USING (passage_id) WHERE passage_id = ?"
    for passage_id in passage_ids.tolist():
        of_tokens, of_words, lang = store.connection.execute(query, (passage_id,)).fetchone()
        tokens.append(of_tokens)
        words.append(of_words)
        langs[lang] = None
    vectors = stored_vectors(store.connection, passage_ids, dim)
    return vectors, PackedTokens.from_bytes(tokens), Postings.from_packed(words), list(langs)


def _fetcher(connection: Connection, passage_ids: NDArray[np.int64], dim: int) -> Any:  # noqa: ANN401  vectors.Fetch
    return lambda rows: stored_vectors(connection, passage_ids[rows], dim)


def _make_tokens(store: Store) -> tuple[NDArray[np.int64], PackedTokens]:
    """The representatives, and their token lists."""
    ids: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    sizes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    packed = bytearray()
    for rows in _blocks(store.connection, "passage_id, tokens"):
        ids.append(np.array([row[0] for row in rows], np.int64))
        sizes.append(np.array([len(row[1]) // 2 for row in rows], np.int64))
        packed += b"".join(row[1] for row in rows)
    passage_ids = np.concatenate(ids)
    offsets = np.zeros(len(passage_ids) + 1, np.int64)
    np.cumsum(np.concatenate(sizes), out=offsets[1:])
    return passage_ids, PackedTokens(offsets, np.frombuffer(packed, "<u2"))


def _make_words(store: Store) -> Postings:
    builder = PostingsBuilder()
    for rows in _blocks(store.connection, "words"):
        builder.add([row[0] for row in rows])
    return builder.finish()


def _make_vectors(
    store: Store, passage_ids: NDArray[np.int64], dim: int
) -> tuple[FaissIndex | ClusteredIndex, Tuned | None]:
    """The vectors, in an index of the kind that suits their number, which is tuned."""
    n = len(passage_ids)
    if n <= FLAT_LIMIT:
        whole = FaissIndex.empty(dim)
        _fill(whole, store.connection, dim)
        return whole, None
    every = max(n // (_SAMPLED_PER_CLUSTER * cluster_count(n)), 1)
    sample = stored_vectors(store.connection, passage_ids[::every], dim)
    clusters = ClusteredIndex.train(sample, n, fetch=_fetcher(store.connection, passage_ids, dim))
    _fill(clusters, store.connection, dim)
    return clusters, tune(clusters, recall=recall_wanted(store))


def _fill(index: FaissIndex | ClusteredIndex, connection: Connection, dim: int) -> None:
    for rows in _blocks(connection, "vector"):
        vectors = np.frombuffer(b"".join(row[0] for row in rows), "<f2").reshape(-1, dim)
        index.add(vectors.astype(np.float32))


def _blocks(connection: Connection, columns: str) -> Iterator[list[Any]]:
    """Columns of the encodings of all representatives, some thousand rows at a time, in the order of the passages."""
    cursor = connection.execute(
        f"SELECT {columns} FROM encodings JOIN passages USING (passage_id) "
        "WHERE representative IS NULL ORDER BY passage_id"
    )
    while rows := cursor.fetchmany(_BLOCK):
        yield rows


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")


def _fault(folder: Path, part: dict[str, Any]) -> str | None:
    path = folder / part["name"]
    try:
        identity, size = file_identity(path), part["bytes"]
        if identity[0] != size:
            return f"{str(path)!r} has {identity[0]} bytes, {size} were written"
        if size > _READ_EACH_TIME and identity == part["identity"]:
            return None
        return None if file_sha256(path) == part["sha256"] else f"{str(path)!r} has changed since it was written"
    except OSError as error:
        return f"{str(path)!r} cannot be read ({error.strerror})"


def _mapped(path: Path) -> NDArray[np.uint8]:
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _read_tokens(data: NDArray[np.uint8], n: int) -> tuple[NDArray[np.int64], PackedTokens]:
    wide = data[: 8 * (2 * n + 1)].view(np.int64)
    return wide[:n], PackedTokens(wide[n:], data[8 * (2 * n + 1) :].view(np.uint16))
