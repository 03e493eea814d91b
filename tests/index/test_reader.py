"""A reader sees one committed state at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smsearch.errors import IndexDamagedError, NotFoundError
from smsearch.index.reader import IndexReader
from smsearch.index.writer import open_writer
from smsearch.records import Filters
from tests.index.building import cosines, new_writer, put, texts_found


def test_reader_keeps_its_state_while_a_writer_commits_and_sees_the_new_one_next(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee")
        writer.refresh_derived()
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            before = cosines(reader, "ape")
            put(writer, "a", "cat")
            put(writer, "b", "ape")
            writer.refresh_derived(force=True)
            with reader.snapshot():  # within another: the same state
                assert texts_found(reader) == [("a", "ape bee")]
            assert cosines(reader, "ape") == before == {1: 0.707}
        with reader.snapshot():
            assert texts_found(reader) == [("a", "cat"), ("b", "ape")]
            assert cosines(reader, "ape") == {2: 0.0, 3: 1.0}
            assert not reader.rebuilt
        reader.close()


def test_changes_since_the_derived_files_are_layered_over_them(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape")
        put(writer, "b", "bee")
        writer.refresh_derived()
        put(writer, "c", "ape cat")
        writer.remove_document("a")
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert reader.passage_ids.tolist() == [1, 2, 3]
            assert reader.alive.tolist() == [False, True, True]
            assert len(reader) == 2
            assert cosines(reader, "ape") == {2: 0.0, 3: 0.707}
            tokens = reader.sentences(np.array([1, 2]))
            assert (tokens.offsets.tolist(), tokens.bounds.tolist()) == ([0, 1, 2], [0, 1, 3])
            assert tokens.ids.tolist() == [1, 0, 2]
            assert reader.sentences(np.array([], dtype=np.int64)).offsets.tolist() == [0]
            assert reader.compares_all
        reader.close()


def test_passage_that_came_and_went_since_is_not_found(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        writer.refresh_derived()
        put(writer, "a", "ape")
        writer.remove_document("a")
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert reader.passage_ids.tolist() == []
            assert len(reader) == 0
        reader.close()


def test_rows_come_in_the_order_of_the_passages_and_unknown_ones_are_left_out(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", "bee", "cat")
        writer.refresh_derived()
        put(writer, "b", "dog")
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert reader.rows_of(np.array([4, 99, 1, 3, 0])).tolist() == [3, 0, 2]
            assert reader.rows_of(np.array([], dtype=np.int64)).tolist() == []
        reader.close()


def test_admitted_rows_are_alive_and_stand_for_an_admitted_passage(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", source="x")
        put(writer, "b", "bee", source="y")
        put(writer, "c", "ape", source="y")
        put(writer, "d", "dog", source="y")
        writer.refresh_derived()
        writer.remove_document("d")
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert reader.admitted(Filters()).tolist() == [True, True, False]
            assert reader.admitted(Filters(sources=("y",))).tolist() == [True, True, False]
            assert reader.admitted(Filters(sources=("x",))).tolist() == [True, False, False]
            assert reader.admitted(Filters(sources=())).tolist() == [False, False, False]
        reader.close()


def test_representatives_of_any_admitted_passage_are_admitted_and_that_passage_is_shown(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee", source="x")
        put(writer, "b", "ape bee", source="y")
        put(writer, "c", "cat", source="z")
        (a,), (b,), (c,) = (writer.store.passage_ids(doc_id) for doc_id in "abc")
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert reader.passage_ids[reader.admitted(Filters(sources=("y",)))].tolist() == [a]
            assert reader.passage_ids[reader.admitted(Filters())].tolist() == [a, c]
            assert reader.shown_for(a, Filters(sources=("y",))) == b
            assert reader.shown_for(a, Filters()) == a
            assert reader.shown_for(a, Filters(sources=("x", "y"))) == a
        reader.close()


def test_reader_needs_a_snapshot_and_an_index(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=tmp_path.name):
        IndexReader(tmp_path)
    new_writer(tmp_path).close()
    reader = IndexReader(tmp_path)
    with pytest.raises(RuntimeError, match="within a snapshot"):
        _ = reader.compares_all
    reader.close()


def test_index_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape")
        writer.refresh_derived()
    (tmp_path / "index.sqlite-shm").mkdir()  # stops SQLite from making its files, whoever runs this
    for path in tmp_path.iterdir():
        path.chmod(0o555)
    tmp_path.chmod(0o555)
    reader = IndexReader(tmp_path)
    with reader.snapshot():
        assert texts_found(reader) == [("a", "ape")]
    reader.close()
    tmp_path.chmod(0o755)


def test_index_that_forgot_its_encoder_is_refused(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        writer.store.connection.execute("DELETE FROM meta WHERE key = 'encoder'")
    with pytest.raises(IndexDamagedError, match="which encoder"):
        IndexReader(tmp_path)


def test_error_in_a_snapshot_ends_it(tmp_path: Path) -> None:
    new_writer(tmp_path).close()
    reader = IndexReader(tmp_path)
    with pytest.raises(KeyError), reader.snapshot():
        raise KeyError
    with open_writer(tmp_path) as writer:
        put(writer, "a", "ape")
    with reader.snapshot():
        assert len(reader) == 1
    reader.close()
