"""The seal: set by the last writer, broken by the next, compared by readers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from smsearch.errors import IndexDamagedError
from smsearch.index import seal
from smsearch.index.reader import IndexReader
from smsearch.index.seal import FILE_NAME, break_seal, require_seal, set_seal
from smsearch.index.writer import open_writer
from tests.index.building import new_writer, put


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee", "cat")
        writer.refresh_derived()
    return tmp_path


def database(folder: Path) -> Path:
    return folder / "index.sqlite"


def test_a_writer_breaks_the_seal_and_sets_it_when_it_is_done(folder: Path) -> None:
    before = (folder / FILE_NAME).read_bytes()
    with open_writer(folder) as writer:
        assert not (folder / FILE_NAME).exists()
        put(writer, "b", "dog")
    assert (folder / FILE_NAME).read_bytes() != before
    assert require_seal(folder, database(folder))


def test_a_database_that_was_changed_is_refused_by_readers_and_writers(folder: Path) -> None:
    data = bytearray(database(folder).read_bytes())
    data[-1] ^= 1
    database(folder).write_bytes(data)
    for opened in (IndexReader, open_writer):
        with pytest.raises(IndexDamagedError, match="has changed since it was written"):
            opened(folder)


def test_a_database_of_another_length_is_refused(folder: Path) -> None:
    database(folder).write_bytes(database(folder).read_bytes() + bytes(4096))
    with pytest.raises(IndexDamagedError, match="were written"):
        require_seal(folder, database(folder))


def test_a_log_beside_a_sealed_database_is_not_taken_for_its_own(folder: Path) -> None:
    database(folder).with_name("index.sqlite-wal").write_bytes(b"from elsewhere")
    with pytest.raises(IndexDamagedError, match="came from elsewhere"):
        require_seal(folder, database(folder))


@pytest.mark.parametrize("content", [b"", b"{}", b"no JSON", b'{"bytes": 1, "sha256": null, "check": 1}', b"[1]"])
def test_a_damaged_seal_counts_as_none_and_rows_are_looked_at_instead(folder: Path, content: bytes) -> None:
    (folder / FILE_NAME).write_bytes(content)
    assert not require_seal(folder, database(folder))
    IndexReader(folder).close()


def test_without_a_seal_a_changed_row_is_noticed_on_opening(folder: Path) -> None:
    break_seal(folder)
    data = database(folder).read_bytes()
    assert b"ape bee" in data
    database(folder).write_bytes(data.replace(b"ape bee", b"ape bea"))
    with pytest.raises(IndexDamagedError, match=r"a row of \w+ is damaged"):
        IndexReader(folder)


def lose_rows(folder: Path, table: str) -> None:
    with closing(sqlite3.connect(database(folder))) as connection, connection:
        connection.execute(f"DELETE FROM {table} WHERE rowid = 1")


@pytest.mark.parametrize("table", ["documents", "passages", "encodings"])
def test_without_a_seal_rows_that_are_gone_are_noticed_on_opening(folder: Path, table: str) -> None:
    lose_rows(folder, table)
    break_seal(folder)
    with pytest.raises(IndexDamagedError, match=r"there are (passages|vectors) without .*: the index is damaged"):
        IndexReader(folder)


def test_derived_files_are_not_made_again_without_the_vectors_that_are_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_rows(folder, "encodings")
    monkeypatch.setattr(seal, "_READ_EACH_TIME", 10)
    set_seal(folder, database(folder))
    next(folder.glob("tokens-*")).unlink()
    reader = IndexReader(folder)
    with pytest.raises(IndexDamagedError, match="of 2 passages 1 have lost their vectors"), reader.snapshot():
        pass
    reader.close()


def test_large_databases_are_sealed_by_their_size_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_READ_EACH_TIME", 10)
    set_seal(folder, database(folder))
    assert b"null" in (folder / FILE_NAME).read_bytes()
    assert require_seal(folder, database(folder))


def test_a_database_with_changes_beside_it_is_not_sealed(folder: Path) -> None:
    break_seal(folder)
    log = database(folder).with_name("index.sqlite-wal")
    log.write_bytes(b"changes")
    set_seal(folder, database(folder))
    assert not (folder / FILE_NAME).exists()


def test_a_seal_that_is_broken_while_it_is_compared_says_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "file_sha256", lambda _path: break_seal(folder) or "another")
    assert not require_seal(folder, database(folder))
