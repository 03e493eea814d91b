"""Every kind of fault is found, and a sound index has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from smsearch.index.changes import Changes
from smsearch.index.checksums import checksum_sql
from smsearch.index.verification import index_faults
from smsearch.index.writer import IndexWriter
from smsearch.records import Source
from tests.index.building import new_writer, put


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[IndexWriter]:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee", "ape bee", "🙂", "no keyword")
        put(writer, "b", "cat")
        writer.refresh_derived()
        yield writer


def test_sound_index_has_no_faults(writer: IndexWriter) -> None:
    assert index_faults(writer) == []


def half(*values: float) -> bytes:
    return np.array(values, dtype="<f2").tobytes()


@pytest.mark.parametrize(
    ("damage", "value", "fault"),
    [
        ("UPDATE passages SET document_key = ? WHERE passage_id = 1", 99, "there are 1 passages without a document"),
        ("DELETE FROM encodings WHERE passage_id = ?", 1, "there are 1 passages without a vector"),
        ("UPDATE encodings SET passage_id = ? WHERE passage_id = 1", 99, "there are 1 vectors without a passage"),
        ('UPDATE passages SET "end" = ? WHERE passage_id = 5', 4, "there are 1 passages beyond the end of their docu"),
        ("UPDATE passages SET representative = ? WHERE passage_id = 5", 2, "there are 1 passages represented by one"),
        ("UPDATE passages SET representative = ? WHERE passage_id = 5", 99, "there are 1 passages represented by one"),
        ("DELETE FROM new_keys WHERE passage_id = ?", 5, "there are 1 representatives without a key"),
        (
            "UPDATE encodings SET words = ? WHERE passage_id = 1",
            b"1234",
            "1 rows of encodings are not what was written",
        ),
        ("UPDATE encodings SET tokens = ? WHERE passage_id = 1", b"1", "1 rows of encodings are not what was written"),
    ],
)
def test_damage_is_found(writer: IndexWriter, damage: str, value: object, fault: str) -> None:
    writer.store.connection.execute("PRAGMA foreign_keys = OFF")
    writer.store.connection.execute(damage, (value,))
    assert any(found.startswith(fault) for found in index_faults(writer))


@pytest.mark.parametrize(
    ("vector", "fault"),
    [
        (b"x", "the vector of passage 1 has 1 bytes, not 12"),
        (half(np.nan, 0, 0, 0, 0, 0), "the vector of passage 1 is not finite"),
        (half(2, 0, 0, 0, 0, 0), "the vector of passage 1 has length 2.0000, not 1"),
    ],
)
def test_vector_that_makes_no_sense_is_found(writer: IndexWriter, vector: bytes, fault: str) -> None:
    connection = writer.store.connection
    connection.execute("UPDATE encodings SET vector = ? WHERE passage_id = 1", (vector,))
    connection.execute(f"UPDATE encodings SET checksum = {checksum_sql('encodings')}")
    assert fault in index_faults(writer)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("UPDATE documents SET text = REPLACE(text, 'cat', 'car')", "1 rows of documents are not what was written"),
        ("UPDATE passages SET lang = 'sv' WHERE passage_id = 2", "1 rows of passages are not what was written"),
        ("UPDATE meta SET value = REPLACE(value, '0', '1') WHERE key = 'words'", "1 rows of meta are not"),
        ("UPDATE sources SET name = 'b'", "1 rows of sources are not what was written"),
    ],
)
def test_changed_row_is_found(writer: IndexWriter, damage: str, fault: str) -> None:
    writer.record_source(Source("/a", "a"))
    assert index_faults(writer) == []
    writer.store.connection.execute(damage)
    assert any(found.startswith(fault) for found in index_faults(writer))


def test_passages_that_no_search_finds_are_found(writer: IndexWriter) -> None:
    put(writer, "c", "dog fox")
    changes = Changes(writer.store)
    changes.clear()
    assert index_faults(writer) == ["there are 1 passages that no search finds"]
    changes.representative(99, came=True)
    changes.settle()
    assert "there are 1 passages that searches find and that are none" in index_faults(writer)


def test_damaged_derived_file_is_found(writer: IndexWriter) -> None:
    (writer.folder / "vectors-000001.faiss").unlink()
    (fault,) = index_faults(writer)
    assert "vectors-000001.faiss" in fault
