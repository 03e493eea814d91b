"""The SQLite file of an index: its schema, how it is opened, and what its errors mean.

This is the one address of `sqlite3`.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from zlib import crc32

from smsearch.errors import IndexDamagedError, IndexLockedError, IndexStateError, NotFoundError
from smsearch.index.checksums import FUNCTION, REPAIR, checksum_of

_logger = logging.getLogger(__name__)

FILE_NAME = "index.sqlite"
FORMAT = 5

READING_ERRORS = (sqlite3.Error, OverflowError, UnicodeDecodeError)
"""What reading a damaged database may raise."""

Connection = sqlite3.Connection
Row = tuple[object, ...]

_APPLICATION_ID = 0x534D5345  # "SMSE": lets `file` tell our databases from others
_BUSY_SECONDS = 30.0
_HEADER_BYTES = 100
_PAGE_BYTES = 8192  # six vectors with tokens and words to a page; half of that holds three and leaves a seventh empty
_MOST_FILLED = 1 << 40  # bytes; a longer file than that was never written
_LONGEST_VALUE = 1 << 29  # bytes of a text or a blob; what a file claims beyond that is no index of ours
_WRITER_CACHE_KIB = 1 << 17  # filled as pages are used; a small one makes the keys of repeats slow to enter
_READER_CACHE_KIB = 1 << 13  # holds the upper pages of the trees of a million passages; the system keeps the others

_DAMAGE_NAMES = {
    "SQLITE_ERROR",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_IOERR_SHORT_READ",
}  # ERROR: a column is gone
_DAMAGE_MESSAGE = "Could not decode to UTF-8"

_SCHEMA = """
-- A checksum covers the columns that index/checksums.py names.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE sources (
    source_id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    format TEXT,
    fields TEXT NOT NULL,
    checksum INTEGER NOT NULL
);

CREATE TABLE documents (
    document_key INTEGER PRIMARY KEY,
    doc_id TEXT NOT NULL UNIQUE,
    source_id INTEGER REFERENCES sources,
    source TEXT NOT NULL,
    title TEXT NOT NULL,
    author TEXT,
    date TEXT,
    lang TEXT NOT NULL,
    stated_lang TEXT NOT NULL,
    metadata TEXT NOT NULL,
    sections TEXT NOT NULL,
    left_out TEXT NOT NULL,
    text TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE INDEX documents_by_source ON documents (source_id);

CREATE TABLE passages (
    passage_id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_key INTEGER NOT NULL REFERENCES documents,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    kind TEXT NOT NULL,
    author TEXT,
    date TEXT,
    lang TEXT NOT NULL,
    heading TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    representative INTEGER REFERENCES passages DEFERRABLE INITIALLY DEFERRED,
    checksum INTEGER NOT NULL
);
CREATE INDEX passages_by_document ON passages (document_key);
CREATE INDEX passages_by_representative ON passages (representative) WHERE representative IS NOT NULL;

-- All little endian. vector: float16. sentences: int32 pairs (start, end), relative to the passage. tokens: token
-- ids by sentence (index/tokens.py). words: folded words by number, with counts (index/postings.py).
CREATE TABLE encodings (
    passage_id INTEGER PRIMARY KEY REFERENCES passages,
    vector BLOB NOT NULL,
    sentences BLOB NOT NULL,
    tokens BLOB NOT NULL,
    words BLOB NOT NULL,
    checksum INTEGER NOT NULL
);

-- Which representatives came (1) and went (0) since the derived files were written.
CREATE TABLE changes (
    change_id INTEGER PRIMARY KEY AUTOINCREMENT,
    passage_id INTEGER NOT NULL,
    added INTEGER NOT NULL,
    checksum INTEGER NOT NULL
);

-- Which documents changed since then, or their passages, or what stands for these.
CREATE TABLE touched (document_key INTEGER PRIMARY KEY, checksum INTEGER NOT NULL);

-- Keys under which representatives of (nearly) the same text meet.
CREATE TABLE repeats (key INTEGER NOT NULL, passage_id INTEGER NOT NULL, PRIMARY KEY (key, passage_id)) WITHOUT ROWID;

-- Those of the newest representatives, int64 one after the other, before they are entered there.
CREATE TABLE new_keys (passage_id INTEGER PRIMARY KEY, keys BLOB NOT NULL);
"""


def has_index(folder: Path) -> bool:
    """Whether a folder holds an index."""
    return (folder / FILE_NAME).is_file()


def require_index(folder: Path) -> Path:
    """The database of an index.

    Raises:
        NotFoundError: If the folder holds none.
        IndexDamagedError: If it held one.
    """
    if not has_index(folder):
        if any(folder.glob("vectors-*.faiss")):
            raise IndexDamagedError(
                f"the index {str(folder)!r} has lost its {FILE_NAME}, which holds its documents; make it again from "
                "its sources with `smsearch index PATH --index NEW_FOLDER`"
            )
        raise NotFoundError(
            f"there is no index in {str(folder)!r}; make one with `smsearch index PATH`, or name another with --index"
        )
    return folder / FILE_NAME


def make_folder(folder: Path) -> None:
    """Make the folder of an index, unless it is there.

    Raises:
        IndexStateError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexStateError(
            f"cannot make the folder {str(folder)!r} ({error.strerror}); name another with --index"
        ) from None


def create_database(folder: Path, meta: Mapping[str, object]) -> None:
    """Make an empty database in a folder; it is complete when it takes its name.

    Args:
        folder: An existing folder without an index.
        meta: JSON values to store from the start.

    Raises:
        IndexStateError: If the folder cannot be written.
    """
    path = folder / f".{FILE_NAME}.new"
    path.unlink(missing_ok=True)
    with translated_errors(folder), closing(_connect(path, "rwc")) as connection:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.executescript(
            f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
        )
        rows = [(key, json.dumps(value)) for key, value in meta.items()]
        with transaction(connection, write=True):
            connection.executemany(f"INSERT INTO meta VALUES (?1, ?2, {checksum_of('meta', ('?1', '?2'))})", rows)
        connection.execute("PRAGMA journal_mode = WAL")
    path.replace(folder / FILE_NAME)


def open_database(folder: Path, *, writable: bool) -> Connection:
    """Open the database of an index.

    A reader on a disk that cannot be written opens the file as it stands.

    Args:
        folder: The index.
        writable: Whether to write; the caller holds the writer's lock.

    Raises:
        NotFoundError: If the folder holds no index.
        IndexDamagedError: If the file is not a database of ours, or is damaged.
        IndexStateError: If its format is too old or too new, or it cannot be written.
    """
    path = require_index(folder)
    with translated_errors(folder):
        connection = _connect(path, "rw") if writable else _connect_reader(path)
        try:
            _require_format(connection, folder)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def opened_as_it_stands(folder: Path) -> Iterator[Connection | None]:
    """A database open for reading, whatever its state; None where SQLite can make nothing of it.

    One that was cut off is read from a copy that is as long as it says it was; text that is no UTF-8 comes with
    replacements.
    """
    import shutil
    import tempfile

    path = folder / FILE_NAME
    with ExitStack() as stack:
        connection = _connected_as_it_stands(path)
        if connection is None:
            aside = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder.parent))) / FILE_NAME
            shutil.copyfile(path, aside)
            _fill_up(aside)
            connection = _connected_as_it_stands(aside)
        if connection is not None:
            stack.callback(connection.close)
            connection.text_factory = lambda found: found.decode(errors="replace")
        yield connection


def _connected_as_it_stands(path: Path) -> Connection | None:
    try:
        connection = _connect_reader(path)
    except READING_ERRORS:
        return None
    return connection


def _fill_up(path: Path) -> None:
    """Make a database as long as its header says, with zeros."""
    with path.open("r+b") as file:
        header = file.read(_HEADER_BYTES)
        size = int.from_bytes(header[16:18], "big") * int.from_bytes(header[28:32], "big")
        if path.stat().st_size < size <= _MOST_FILLED:
            file.truncate(size)


@contextmanager
def translated_errors(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Raises:
        IndexLockedError: If the database stays locked by another process.
        IndexDamagedError: If its contents are damaged.
        IndexStateError: If it cannot be read or written: a full disk, a read-only folder.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise IndexLockedError(
                f"the index {str(folder)!r} is locked by another process; wait until it has finished and try again"
            ) from error
        if _is_damage(name, str(error)):
            raise _damaged(folder, error) from error
        raise IndexStateError(
            f"cannot use the index {str(folder)!r} ({error}); make room on the disk, or see to the rights of the folder"
        ) from error
    except READING_ERRORS as error:
        raise _damaged(folder, error) from error


def _is_damage(name: str, message: str) -> bool:
    """Whether an operational error of SQLite comes from what stands in the file, not from the disk it stands on."""
    return name in _DAMAGE_NAMES or message.startswith(_DAMAGE_MESSAGE)


def _damaged(folder: Path, error: Exception) -> IndexDamagedError:
    what = str(error).partition(" with text ")[0]  # which SQLite quotes, whatever it holds
    return IndexDamagedError(f"the index {str(folder)!r} is damaged ({what}); {REPAIR}")


def close_whole(connection: Connection) -> None:
    """Close the database of a writer, all changes in its one file unless a reader stands in the way."""
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error:
        _logger.info("changes stay beside the database until it is opened next")
    finally:
        connection.close()


@contextmanager
def transaction(connection: Connection, *, write: bool) -> Iterator[None]:
    """All or nothing; a reader sees one state of the index throughout."""
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def integrity_faults(connection: Connection) -> list[str]:
    """What SQLite's own check finds wrong; empty when all is well."""
    try:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [str(row[0]) for row in rows if row[0] != "ok"]


def _connect(path: Path, mode: str) -> Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.create_function(FUNCTION, 1, crc32, deterministic=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        cache = _READER_CACHE_KIB if mode.startswith("ro") else _WRITER_CACHE_KIB
        connection.execute(f"PRAGMA cache_size = -{cache}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_reader(path: Path) -> Connection:
    try:
        return _connect(path, "ro")
    except sqlite3.OperationalError:
        if path.with_name(path.name + "-wal").exists():
            raise
        return _connect(path, "ro&immutable=1")


def _require_format(connection: Connection, folder: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != _APPLICATION_ID:
        raise IndexDamagedError(
            f"{str(folder / FILE_NAME)!r} is not a smsearch index; name another folder with --index"
        )
    if found != FORMAT:
        again = "make it again from its sources with `smsearch index PATH --index NEW_FOLDER`"
        advice = f"upgrade smsearch, or {again}" if found > FORMAT else f"it is too old; {again}"
        raise IndexStateError(
            f"the index {str(folder)!r} has format {found}, this smsearch reads format {FORMAT}: {advice}"
        )
