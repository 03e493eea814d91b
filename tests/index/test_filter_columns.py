"""What filters compare: the file, and what stands in it after documents came, went and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsearch.errors import IndexDamagedError
from smsearch.files import file_sha256
from smsearch.index.derived_record import read_derived_record
from smsearch.index.filter_columns import FilterColumns, make_filter_columns
from smsearch.index.filtering import admitted_by
from smsearch.index.reader import IndexReader
from smsearch.index.store import Store
from smsearch.index.verification import index_faults
from smsearch.index.writer import IndexWriter
from smsearch.records import Filters, Source
from tests.index.building import new_writer, put

METADATA = ({}, {"tag": "red, blue"}, {"tag": "blue", "n": 5}, {"n": 5.5, "yes": True}, {"no": False, "tag": None})
ASKED = [
    Filters(langs=("sv",)),
    Filters(langs=("nb", "da")),
    Filters(kinds=("comment",)),
    Filters(sources=("x",)),
    Filters(sources=("y", "z")),
    Filters(since="2011"),
    Filters(until="2010"),
    Filters(since="2010-02", until="2011-06"),
    *(Filters(where=((field, value),)) for field, value in [("tag", "blue"), ("tag", "red, blue"), ("n", "5")]),
    *(Filters(where=((field, value),)) for field, value in [("n", "5.5"), ("yes", "true"), ("no", "0"), ("tag", "")]),
    Filters(langs=("sv",), sources=("x",), where=(("tag", "blue"),)),
]


def buffer_of(columns: FilterColumns) -> np.ndarray:
    return np.frombuffer(b"".join(array.tobytes() for array in columns.buffers()), np.uint8)


def admitted_by_sqlite(store: Store, filters: Filters) -> set[int]:
    """Passages that stand for one that the filters admit, by plain comparisons of what SQLite holds."""
    found = set()
    query = (
        "SELECT COALESCE(representative, passage_id), p.lang, kind, COALESCE(p.date, d.date), source, metadata "
        "FROM passages p JOIN documents d USING (document_key)"
    )
    for passage_id, lang, kind, date, source, metadata in store.connection.execute(query):
        says: list[bool] = [
            filters.langs is None or any(lang == each or lang.startswith(f"{each}-") for each in filters.langs),
            filters.kinds is None or kind in filters.kinds,
            filters.sources is None or source in filters.sources,
            filters.since is None or (date is not None and date >= filters.since),
            filters.until is None or (date is not None and date[: len(filters.until)] <= filters.until),
            *(_has(store, metadata, field, value) for field, value in filters.where or ()),
        ]
        if all(says):
            found.add(passage_id)
    return found


def _has(store: Store, metadata: str, field: str, value: str) -> bool:
    query = "SELECT type, CAST(value AS TEXT) FROM json_each(?) WHERE key = ? AND type != 'null'"
    for kind, text in store.connection.execute(query, (metadata, field)):
        if f", {value}, " in f", {text}, " or (kind in {"true", "false"} and kind == value):
            return bool(value) or text == ""
    return False


actions = st.tuples(
    st.sampled_from(["put", "put", "put", "remove", "rename", "merge"]),
    st.sampled_from("abcd"),
    st.lists(st.sampled_from(["ape bee", "cat", "dog elk", "fox"]), min_size=1, max_size=3),
    st.fixed_dictionaries(
        {
            "date": st.sampled_from([None, "2010", "2010-03-09", "2011-06-01T10:00:00Z", "2012-01"]),
            "source": st.sampled_from("xyz"),
            "metadata": st.sampled_from(METADATA),
            "passage": st.fixed_dictionaries(
                {
                    "lang": st.sampled_from(["sv", "nb", "nb-NO", "da"]),
                    "kind": st.sampled_from(["post", "comment"]),
                    "date": st.sampled_from([None, "2010-05"]),
                }
            ),
        }
    ),
)


def act(writer: IndexWriter, action: tuple[str, str, list[str], dict[str, Any]]) -> None:
    what, doc_id, paragraphs, attributes = action
    if what == "put":
        put(writer, doc_id, *paragraphs, source_id=1 if doc_id in "ab" else None, **attributes)
    elif what == "remove":
        with writer.batch():
            writer.remove_document(doc_id)
    elif what == "rename":
        with writer.batch():
            assert writer.record_source(Source("/s", attributes["source"])) == 1
    else:
        writer.refresh_derived(force=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(actions, min_size=1, max_size=9))
def test_filters_admit_what_sqlite_holds_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[str, str, list[str], dict[str, Any]]]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    with new_writer(folder) as writer:
        with writer.batch():
            writer.record_source(Source("/s", "x"))
        reader = IndexReader(folder)  # stays open, so that what it remembers must not outlive its state
        for action in done:
            act(writer, action)
            with reader.snapshot():
                for filters in ASKED:
                    rows = reader.passage_ids[reader.admitted(filters)]
                    assert set(rows.tolist()) == admitted_by_sqlite(reader.store, filters), filters
        reader.close()


def test_a_file_gives_back_the_columns(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", date="2010", passage={"lang": "sv"}, metadata={"tag": "red", "n": 1})
        put(writer, "b", "ape", "bee", source="x")
        columns = make_filter_columns(writer.store)
        again = FilterColumns.from_buffer(buffer_of(columns))
    assert (again.passage_ids.tolist(), again.representatives.tolist()) == ([1, 2, 3], [1, 1, 3])
    assert (again.places.tolist(), again.document_keys.tolist()) == ([0, 1, 1], [1, 2])
    assert list(again.metadata) == ["n", "tag"]
    assert buffer_of(again).tobytes() == buffer_of(columns).tobytes()


def test_columns_of_nothing_are_columns(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        columns = FilterColumns.from_buffer(buffer_of(make_filter_columns(writer.store)))
    assert len(columns) == 0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole file of columns."""
    with new_writer(tmp_path_factory.mktemp("index")) as writer:
        put(writer, "a", "ape", "bee", metadata={"tag": "red"})
        return buffer_of(make_filter_columns(writer.store)).tobytes()


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_bytes_that_are_no_columns_are_refused_or_harmless(file: bytes, data: st.DataObject) -> None:
    whole = bytearray(file)
    del whole[data.draw(st.integers(0, len(whole))) :]
    for place in data.draw(st.lists(st.integers(0, max(len(whole) - 1, 0)), max_size=3 if whole else 0)):
        whole[place] = data.draw(st.integers(0, 255))
    try:
        columns = FilterColumns.from_buffer(np.frombuffer(bytes(whole), np.uint8))
    except ValueError:
        return
    assert {admitted_by(filters, columns).shape for filters in ASKED} == {(len(columns),)}


@pytest.mark.parametrize("name", ["04u", "|O8", ">i8", "u,u"])
def test_columns_of_other_kinds_are_refused_before_numpy_reads_their_names(file: bytes, name: str) -> None:
    with pytest.raises(ValueError, match="no column of filters holds"):
        FilterColumns.from_buffer(np.frombuffer(file.replace(b"<u4", name.encode(), 1), np.uint8))


def test_a_damaged_row_is_noticed_when_the_columns_are_made(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape")
        for table, column in (("passages", "lang"), ("documents", "metadata")):
            (before,) = writer.store.connection.execute(f"SELECT {column} FROM {table}").fetchone()
            writer.store.connection.execute(f"UPDATE {table} SET {column} = '{{\"n\": 1}}'")
            with pytest.raises(IndexDamagedError, match="of number 1 is damaged"):
                make_filter_columns(writer.store)
            writer.store.connection.execute(f"UPDATE {table} SET {column} = ?", (before,))


def test_a_filter_reads_no_row_of_what_the_derived_files_hold(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", passage={"lang": "sv"})
        put(writer, "b", "bee", passage={"lang": "da"})
        writer.refresh_derived()
        writer.store.connection.execute("UPDATE passages SET lang = 'sv'")  # as a disk would
    reader = IndexReader(tmp_path)
    with reader.snapshot():
        assert reader.admitted(Filters(langs=("sv",))).tolist() == [True, False]
    reader.close()


@pytest.mark.parametrize("table", ["changes", "touched"])
@pytest.mark.parametrize("damage", ["DELETE FROM {} WHERE rowid = 2", "UPDATE {} SET {} = 7 WHERE rowid = 2"])
def test_a_damaged_record_of_changes_is_noticed(tmp_path: Path, table: str, damage: str) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape")
        put(writer, "b", "bee")
        column = {"changes": "passage_id", "touched": "document_key"}[table]
        writer.store.connection.execute(damage.format(table, column))
        with pytest.raises(IndexDamagedError, match=r"record of what changed|a row of "):
            read_filtered(tmp_path)
        assert any("record of what changed" in fault for fault in index_faults(writer))


def read_filtered(folder: Path) -> None:
    reader = IndexReader(folder)
    try:
        with reader.snapshot():
            reader.admitted(Filters(langs=("sv",)))
    finally:
        reader.close()


def test_the_file_of_columns_is_compared_with_its_digest(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", passage={"lang": "sv"})
        writer.refresh_derived()
        record = read_derived_record(writer.store)
        assert record is not None
        path = tmp_path / record.files["filters"].name
        assert file_sha256(path) == record.files["filters"].sha256
        path.write_bytes(path.read_bytes().replace(b"sv", b"da"))
    reader = IndexReader(tmp_path)
    with reader.snapshot():
        assert reader.rebuilt
        assert reader.admitted(Filters(langs=("sv",))).tolist() == [True]
    reader.close()
