"""What is saved of a damaged index is what was in it, and its sources bring back the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import smsearch
from smsearch.errors import IndexDamagedError, IndexStateError, NotFoundError
from tests.fakes import KeywordEncoder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "posts"
    folder.mkdir()
    for name in ("bread", "lamp", "storm"):
        (folder / f"{name}.txt").write_text(f"The {name} is what this text is about, and nothing else.\n", "utf-8")
    return folder


@pytest.fixture
def damaged(tmp_path: Path, sources: Path) -> Path:
    """An index in which the text of one of three documents has changed."""
    folder = tmp_path / "index"
    smsearch.build_index(sources, folder, target_tokens=90).close()
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE documents SET text = REPLACE(text, 'storm', 'st0rm')")
    return folder


def names(folder: Path) -> list[str]:
    with smsearch.open_index(folder) as index:
        assert index.verify() == []
        return index.doc_ids()


def test_whole_documents_are_saved_and_an_update_brings_back_the_rest(damaged: Path) -> None:
    with pytest.raises(IndexDamagedError, match="has changed since it was written"):
        smsearch.open_index(damaged)
    report = smsearch.salvage_index(damaged)
    saved = damaged.with_name("index-saved")
    assert (report.folder, report.saved, report.lost, report.sources) == (str(saved), 2, 1, 1)
    assert names(saved) == ["bread.txt", "lamp.txt"]
    with smsearch.open_index(saved) as index:
        assert index.update().added == 1
        assert [hit.doc_id for hit in index.search("storm", k=1)] == ["storm.txt"]


def test_a_second_salvage_takes_the_next_free_folder(damaged: Path) -> None:
    smsearch.salvage_index(damaged)
    assert smsearch.salvage_index(damaged).folder == str(damaged.with_name("index-saved-2"))


def test_options_and_sources_are_saved_and_those_that_cannot_be_read_are_left_out(damaged: Path) -> None:
    with closing(sqlite3.connect(damaged / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE sources SET name = 'another'")
        connection.execute("UPDATE meta SET value = '{}' WHERE key = 'encoder'")
    report = smsearch.salvage_index(damaged)
    assert (report.saved, report.sources, report.encoder) == (2, 0, "static")
    with smsearch.open_index(report.folder) as index:
        assert index.encoder.name == "static"
        assert index._reader.store.get_meta("options") == {"target_tokens": 90, "keep_boilerplate": False}


def test_an_encoder_that_is_handed_in_encodes_what_is_saved(damaged: Path) -> None:
    encoder = KeywordEncoder("bread", "lamp")
    report = smsearch.salvage_index(damaged, encoder=encoder)
    with smsearch.open_index(report.folder, encoder=encoder) as index:
        assert report.encoder == encoder.name
        assert [hit.doc_id for hit in index.search("lamp", k=1, mode="dense")] == ["lamp.txt"]


def test_nothing_is_saved_where_nothing_can_be_read(damaged: Path) -> None:
    (damaged / "index.sqlite").write_bytes(b"")
    with pytest.raises(IndexDamagedError, match="nothing can be read"):
        smsearch.salvage_index(damaged)
    assert not damaged.with_name("index-saved").exists()


def test_an_index_that_stands_is_not_written_over(damaged: Path, sources: Path, tmp_path: Path) -> None:
    smsearch.build_index(sources, tmp_path / "other").close()
    with pytest.raises(IndexStateError, match="holds an index already"):
        smsearch.salvage_index(damaged, tmp_path / "other")


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        smsearch.salvage_index(tmp_path / "nowhere")
