"""The SQLite file: made, opened, refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from smsearch.errors import IndexDamagedError, IndexLockedError, IndexStateError, NotFoundError
from smsearch.index.database import (
    FILE_NAME,
    FORMAT,
    create_database,
    has_index,
    integrity_faults,
    make_folder,
    open_database,
    opened_as_it_stands,
    transaction,
    translated_errors,
)


def make(folder: Path) -> Path:
    create_database(folder, {"encoder": {"name": "x"}})
    return folder / FILE_NAME


def test_new_database_is_whole_and_holds_the_meta(tmp_path: Path) -> None:
    assert not has_index(tmp_path)
    make(tmp_path)
    assert has_index(tmp_path)
    with closing(open_database(tmp_path, writable=True)) as connection:
        assert connection.execute("SELECT key, value FROM meta").fetchall() == [("encoder", '{"name": "x"}')]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert integrity_faults(connection) == []


def test_remains_of_an_interrupted_creation_do_no_harm(tmp_path: Path) -> None:
    for name in (f".{FILE_NAME}.new", f".{FILE_NAME}.new-wal", f".{FILE_NAME}.new-journal"):
        (tmp_path / name).write_bytes(b"half a file")
    make(tmp_path)
    with closing(open_database(tmp_path, writable=True)) as connection:
        assert integrity_faults(connection) == []


def test_folder_without_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=tmp_path.name):
        open_database(tmp_path, writable=False)


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize(
    ("found", "advice"), [(FORMAT + 1, "upgrade smsearch, or make it again"), (FORMAT - 1, "too old; make it again")]
)
def test_another_format_is_refused_with_both_numbers_and_what_to_do(
    tmp_path: Path, found: int, advice: str, *, writable: bool
) -> None:
    with closing(sqlite3.connect(make(tmp_path))) as connection:
        connection.execute(f"PRAGMA user_version = {found}")
    with pytest.raises(IndexStateError, match=rf"has format {found}, this smsearch reads format {FORMAT}: .*{advice}"):
        open_database(tmp_path, writable=writable)


@pytest.mark.parametrize("writable", [True, False])
def test_foreign_database_is_refused(tmp_path: Path, *, writable: bool) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE meta (key, value)")
    with pytest.raises(IndexDamagedError, match="not a smsearch index"):
        open_database(tmp_path, writable=writable)


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize("content", [b"", b"plain text, and enough of it to be looked at" * 30])
def test_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes, *, writable: bool) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(IndexDamagedError):
        open_database(tmp_path, writable=writable)


def test_reader_cannot_write(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(open_database(tmp_path, writable=False)) as connection:
        with pytest.raises(IndexStateError, match="readonly"), translated_errors(tmp_path):
            connection.execute("DELETE FROM meta")
        assert connection.execute("SELECT COUNT(*) FROM meta").fetchone() == (1,)


def test_database_is_read_where_sqlite_may_not_make_its_own_files(tmp_path: Path) -> None:
    # A folder in the place of the shared-memory file stops even an administrator.
    make(tmp_path).with_name(FILE_NAME + "-shm").mkdir()
    with closing(open_database(tmp_path, writable=False)) as connection:
        assert connection.execute("SELECT key FROM meta").fetchall() == [("encoder",)]


def test_transaction_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(open_database(tmp_path, writable=True)) as connection:
        with pytest.raises(sqlite3.IntegrityError), transaction(connection, write=True):
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?, 0)", [("new", "1"), ("encoder", None)])
        with transaction(connection, write=True):
            assert connection.execute("SELECT key, value FROM meta").fetchall() == [("encoder", '{"name": "x"}')]


def test_transaction_refused_at_its_end_is_taken_back(tmp_path: Path) -> None:
    make(tmp_path)
    # Its representative does not exist, which is found out at COMMIT.
    passage = "INSERT INTO passages VALUES (1, 1, 0, 1, 'post', NULL, NULL, 'und', '', x'', 99, 0)"
    document = (
        "INSERT INTO documents VALUES (1, 'a', NULL, '', '', NULL, NULL, 'und', 'und', '{}', '[]', '[]', 'x', '', 0)"
    )
    with closing(open_database(tmp_path, writable=True)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), transaction(connection, write=True):
            _ = [connection.execute(statement) for statement in (document, passage)]
        with transaction(connection, write=True):
            assert connection.execute("SELECT COUNT(*) FROM documents").fetchone() == (0,)


def test_errors_of_sqlite_become_ours(tmp_path: Path) -> None:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorname = "SQLITE_BUSY_SNAPSHOT"
    with pytest.raises(IndexLockedError), translated_errors(tmp_path):
        raise busy
    with pytest.raises(IndexStateError, match="disk is full"), translated_errors(tmp_path):
        raise sqlite3.OperationalError("database or disk is full")
    with pytest.raises(IndexDamagedError, match="malformed"), translated_errors(tmp_path):
        raise sqlite3.DatabaseError("database disk image is malformed")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(IndexStateError, match="cannot make the folder"):
        make_folder(tmp_path / "file" / "index")
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_damaged_pages_are_found(tmp_path: Path) -> None:
    path = make(tmp_path)
    data = bytearray(path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    data[3 * page : 3 * page + 64] = b"\xff" * 64
    path.write_bytes(data)
    with closing(open_database(tmp_path, writable=True)) as connection:
        assert integrity_faults(connection) != []


def test_a_schema_that_is_no_utf8_is_damage(tmp_path: Path) -> None:
    path = make(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE sources", b"CREATE TABLE s\xff\xferces", 1))
    with pytest.raises(IndexDamagedError):
        open_database(tmp_path, writable=False)


def test_a_fault_of_the_schema_that_sqlite_cannot_name_in_utf8_is_damage(tmp_path: Path) -> None:
    path = make(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"name TEXT NOT NULL,", b"name TEXT NOT NULL\xac", 1))
    with pytest.raises(IndexDamagedError):
        open_database(tmp_path, writable=False)
    with opened_as_it_stands(tmp_path) as connection:
        assert connection is None
