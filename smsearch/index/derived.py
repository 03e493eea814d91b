"""The derived files of an index: vectors and their codes, token lists, inverted lists of words, columns for filters.

They hold the passages as they were when the files were written; what came, went and changed since stands in SQLite's
`changes` and `touched`. Their names and digests are recorded in SQLite. A file that is
missing, damaged or not ours is made again from SQLite, without encoding anything.

A file is compared with its digest before it is used. Large ones are not read for that every time: while
a file is the very one that was written (same number, size and times of change), its digest holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import IndexStateError
from smsearch.files import Write, reached, written_atomically
from smsearch.index.changes import Changes
from smsearch.index.checksums import intact_sql, require_intact
from smsearch.index.clustered import FLAT_LIMIT, ClusteredIndex, cluster_count, open_vectors
from smsearch.index.database import Connection
from smsearch.index.derived_record import (
    CODES,
    FILTERS,
    PATTERNS,
    SUFFIXES,
    DerivedFile,
    DerivedRecord,
    read_derived_record,
)
from smsearch.index.faiss_vectors import FaissIndex
from smsearch.index.filter_columns import FilterColumns, make_filter_columns
from smsearch.index.mapped import MappedFile
from smsearch.index.postings import Postings, PostingsBuilder
from smsearch.index.store import Store
from smsearch.index.stored_vectors import StoredVectors
from smsearch.index.tokens import PackedTokens
from smsearch.index.tuning import Tuned, tune
from smsearch.index.vectors import Fetch

_BLOCK: Final = 16_384
_SAMPLED_PER_CLUSTER: Final = 40

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Derived:
    """What the derived files hold.

    Attributes:
        passage_ids: `(n,)` int64, ascending; the passage of each row.
        vectors: Their vectors.
        tokens: Their token lists.
        words: Their words.
        columns: What filters compare, of all passages; None where they are made when a filter needs them.
        tuned: How well the vectors are found, where not all are compared.
        langs: Languages of all passages, most frequent first.
        columns_file: Where the columns lie, if in a file.
    """

    passage_ids: NDArray[np.int64]
    vectors: FaissIndex | ClusteredIndex
    tokens: PackedTokens
    words: Postings
    columns: FilterColumns | None
    tuned: Tuned | None
    langs: list[str]
    columns_file: MappedFile | None = None


def derived_generation(store: Store) -> int:
    """How many times the derived files were written or tuned; 0 for never."""
    record = read_derived_record(store)
    return record.generation if record else 0


def open_derived(folder: Path, store: Store) -> Derived | None:
    """Open the derived files, or None when they are missing, damaged or were never written."""
    record = read_derived_record(store)
    if record is None or record.faults(folder):
        return None
    try:
        return _opened(folder, store, record)
    except (RuntimeError, OSError, ValueError):  # swept by a writer just now, or not laid out as ours are
        return None


def are_laid_out_otherwise(folder: Path, store: Store) -> bool:
    """Whether the derived files are what was written, and yet cannot be understood: another version wrote them.

    Raises:
        IndexStateError: If they cannot be read at all.
    """
    record = read_derived_record(store)
    if record is None or record.faults(folder):
        return False
    try:
        _opened(folder, store, record)
    except (RuntimeError, ValueError):
        return True
    except OSError as error:
        raise IndexStateError(f"cannot read the derived files of {str(folder)!r} ({error.strerror})") from None
    return False


def derived_faults(folder: Path, store: Store) -> list[str]:
    """What is wrong with the derived files, a sentence each; empty when all is well."""
    record = read_derived_record(store)
    if record is None:
        return [f"the derived files of {str(folder)!r} were never written"]
    return [*record.faults(folder), *(f"the {part} of {str(folder)!r} were never written" for part in record.missing)]


def make_derived(store: Store) -> Derived:
    """Make in memory what the derived files should hold, from what SQLite holds."""
    passage_ids, tokens = _make_tokens(store)
    vectors, tuned = _make_vectors(store, passage_ids)
    return Derived(passage_ids, vectors, tokens, _make_words(store), None, tuned, list(store.counts_by("lang")))


def write_derived(folder: Path, store: Store) -> None:
    """Write the derived files under new names and record them, changes forgotten; call within a write transaction.

    One after the other, so that no two are in memory. The old files stay until `sweep_derived`, for readers that opened
    them.
    """
    generation = derived_generation(store) + 1
    files: dict[str, DerivedFile] = {}

    def write(part: str, serialize: Callable[[Write], object]) -> None:
        path = folder / f"{part}-{generation:06d}.{SUFFIXES[part]}"
        with written_atomically(path) as file:
            serialize(file.write)
        files[part] = DerivedFile.of(path, file.sha256)
        reached(f"{part} written")

    def write_arrays(part: str, arrays: Iterable[NDArray[Any]]) -> None:
        def serialize(take: Write) -> None:
            for array in arrays:
                take(_bytes_of(array))

        write(part, serialize)

    passage_ids, tokens = _make_tokens(store)
    write_arrays("tokens", [passage_ids, tokens.offsets, tokens.numbers])
    del tokens
    write_arrays("words", _make_words(store).buffers())
    write_arrays(FILTERS, make_filter_columns(store).buffers())
    vectors, tuned = _make_vectors(store, passage_ids)
    write("vectors", vectors.serialize)
    if isinstance(vectors, ClusteredIndex) and vectors.has_codes:
        write(CODES, vectors.serialize_codes)
    DerivedRecord(generation, len(passage_ids), files, tuned, list(store.counts_by("lang"))).store(store)
    Changes(store).clear()
    reached("derived files recorded")


def recall_wanted(store: Store) -> float:
    """The share of the ten nearest passages that a search was last asked to find."""
    record = read_derived_record(store)
    return record.tuned.wanted if record and record.tuned else Tuned.usual


def forget_derived(store: Store) -> None:
    """Let the derived files count as damaged, so that they are written again."""
    record = read_derived_record(store)
    if record:
        record.forgotten().store(store)


def record_tuning(store: Store, tuned: Tuned) -> None:
    """Record another tuning for the derived files as they stand; call within a write transaction.

    It counts as a new generation, so that readers open them again.
    """
    record = read_derived_record(store)
    if record:
        replace(record, tuned=tuned, generation=record.generation + 1).store(store)
    reached("tuning recorded")


def sweep_derived(folder: Path, store: Store) -> None:
    """Delete derived files of earlier generations; those that cannot be deleted yet stay until the next time."""
    record = read_derived_record(store)
    names = {file.name for file in record.files.values()} if record else set()
    for pattern in PATTERNS:
        for path in folder.glob(pattern):
            if path.name not in names:
                with suppress(OSError):  # Windows keeps files that a reader has open
                    path.unlink()
                reached("derived file swept")


def later_passages(store: Store, passage_ids: NDArray[np.int64]) -> tuple[Vectors, PackedTokens, Postings, list[str]]:
    """Vectors, token lists, words and languages of some passages, straight from SQLite."""
    tokens, words, langs = list[bytes](), list[bytes](), list[str]()
    query = (
        f"SELECT {intact_sql('encodings', 'e.')}, tokens, words, lang "
        "FROM encodings e JOIN passages USING (passage_id) WHERE passage_id = ?"
    )
    for passage_id in passage_ids.tolist():
        row = store.connection.execute(query, (passage_id,)).fetchone()
        is_intact, of_tokens, of_words, lang = row or (False, b"", b"", "")
        require_intact(is_intact, f"what stands of passage {passage_id}")
        tokens.append(of_tokens)
        words.append(of_words)
        langs.append(lang)
    vectors = StoredVectors.of_index(store).of(passage_ids)
    return vectors, PackedTokens.from_bytes(tokens), Postings.from_packed(words, langs), list(dict.fromkeys(langs))


def _opened(folder: Path, store: Store, record: DerivedRecord) -> Derived:
    """What the recorded files hold.

    Raises:
        RuntimeError: If FAISS cannot read its own.
        OSError: If a file cannot be read at all.
        ValueError: If one is not laid out as ours are.
    """
    path = {part: folder / file.name for part, file in record.files.items()}
    tokens_file, words_file = MappedFile(path["tokens"]), MappedFile(path["words"])
    passage_ids, tokens = _read_tokens(tokens_file, record.rows)
    words = Postings.from_file(words_file)
    columns_file = MappedFile(path[FILTERS]) if FILTERS in path else None
    columns = FilterColumns.from_buffer(columns_file.data) if columns_file else None
    stored = StoredVectors.of_index(store)
    vectors = open_vectors(
        path["vectors"],
        stored.dim,
        codes=path.get(CODES),
        n_probes=record.tuned.n_probes if record.tuned else None,
        fetch=_fetcher(stored, passage_ids),
    )
    if not len(vectors) == len(words) == record.rows:
        raise ValueError(f"{len(vectors)} vectors and {len(words)} lists of words are not those of {record.rows} rows")
    tokens_file.let_go()  # all offsets were looked at
    words_file.let_go()
    return Derived(passage_ids, vectors, tokens, words, columns, record.tuned, record.langs, columns_file)


def _fetcher(stored: StoredVectors, passage_ids: NDArray[np.int64]) -> Fetch:
    return lambda rows: stored.of(passage_ids[rows])


def _make_tokens(store: Store) -> tuple[NDArray[np.int64], PackedTokens]:
    """The representatives, and their token lists.

    Raises:
        IndexDamagedError: If one is damaged or gone.
    """
    ids: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    sizes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    packed = bytearray()
    for rows in _blocks(store.connection, "tokens"):
        ids.append(np.array([row[0] for row in rows], np.int64))
        sizes.append(np.array([len(row[2]) // 2 for row in rows], np.int64))
        packed += b"".join(row[2] for row in rows)
    passage_ids = np.concatenate(ids)
    (n,) = store.connection.execute("SELECT COUNT(*) FROM passages WHERE representative IS NULL").fetchone()
    require_intact(
        n == len(passage_ids), f"of {n} passages {abs(n - len(passage_ids))} have lost their vectors: the index"
    )
    offsets = np.zeros(len(passage_ids) + 1, np.int64)
    np.cumsum(np.concatenate(sizes), out=offsets[1:])
    return passage_ids, PackedTokens(offsets, np.frombuffer(packed, "<u2"))


def _make_words(store: Store) -> Postings:
    builder = PostingsBuilder()
    for rows in _blocks(store.connection, "words", "CAST(lang AS TEXT)"):
        builder.add([row[2] for row in rows], [row[3] for row in rows])
    return builder.finish()


def _make_vectors(store: Store, passage_ids: NDArray[np.int64]) -> tuple[FaissIndex | ClusteredIndex, Tuned | None]:
    """The vectors, in an index of the kind that suits their number, which is tuned."""
    n, stored = len(passage_ids), StoredVectors.of_index(store)
    if n <= FLAT_LIMIT:
        whole = FaissIndex.empty(stored.dim)
        _fill(whole, stored)
        return whole, None
    every = max(n // (_SAMPLED_PER_CLUSTER * cluster_count(n)), 1)
    clusters = ClusteredIndex.train(
        stored.of(passage_ids[::every]),  # kept no longer than that: it is large
        n,
        fetch=_fetcher(stored, passage_ids),
    )
    _fill(clusters, stored)
    return clusters, tune(clusters, recall=recall_wanted(store))


def _fill(index: FaissIndex | ClusteredIndex, vectors: StoredVectors) -> None:
    for block in vectors.blocks():
        index.add(block)


def _blocks(connection: Connection, *columns: str) -> Iterator[list[Any]]:
    """Passage, whether it is intact, and columns of it or its encoding, of all representatives in order, by thousands.

    Raises:
        IndexDamagedError: If one is not.
    """
    cursor = connection.execute(
        f"SELECT passage_id, {intact_sql('encodings', 'e.')}, {', '.join(columns)} FROM encodings e "
        "JOIN passages USING (passage_id) WHERE representative IS NULL ORDER BY passage_id"
    )
    while rows := cursor.fetchmany(_BLOCK):
        for passage_id, is_intact, *_ in rows:
            require_intact(is_intact, f"what stands of passage {passage_id}")
        yield rows


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")


def _read_tokens(file: MappedFile, n: int) -> tuple[NDArray[np.int64], PackedTokens]:
    """View the bytes of a file of tokens.

    Raises:
        ValueError: If they are not laid out so.
    """
    data = file.data
    wide = data[: 8 * (2 * n + 1)].view(np.int64)
    if n < 0 or len(wide) != 2 * n + 1:
        raise ValueError(f"{len(data)} bytes are too few for the tokens of {n} rows")
    return wide[:n], PackedTokens.from_arrays(wide[n:], data[8 * (2 * n + 1) :].view(np.uint16), file)
