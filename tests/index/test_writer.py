"""The one writer: its lock, its batches, its refreshes."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsearch.errors import IndexLockedError, IndexStateError, NotFoundError
from smsearch.index.postings import pack_words
from smsearch.index.recorded_encoder import EncoderRecord
from smsearch.index.writer import IndexWriter, open_writer
from tests.index.building import new_writer, put


def put_in_vain(writer: IndexWriter) -> None:
    with writer.batch():
        put(writer, "a", "ape")
        put(writer, "b", "bee")
        raise KeyError


def test_second_writer_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    with new_writer(tmp_path), pytest.raises(IndexLockedError, match=tmp_path.name):
        open_writer(tmp_path)
    open_writer(tmp_path).close()


def test_lock_is_let_go_when_opening_fails(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 100)
    for _ in range(2):
        with pytest.raises(IndexStateError, match="damaged"):
            open_writer(tmp_path)


def test_index_is_made_only_for_a_known_encoder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        open_writer(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with new_writer(tmp_path / "new") as writer:
        fingerprint = "keywords ape bee cat dog eel fox"
        expected = EncoderRecord("keywords", 6, fingerprint, {}, token_fingerprint=fingerprint)
        assert writer.encoder == expected


def test_encoder_of_an_index_that_stands_is_kept(tmp_path: Path) -> None:
    new_writer(tmp_path).close()
    with open_writer(tmp_path, encoder=EncoderRecord("other", 3, "f", {})) as writer:
        assert writer.encoder.name == "keywords"


def test_folder_whose_lock_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "writer.lock").mkdir()
    with pytest.raises(IndexStateError, match="cannot write to the index"):
        new_writer(tmp_path)


def test_batch_is_kept_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        with pytest.raises(KeyError):
            put_in_vain(writer)
        assert writer.store.document_ids() == []
        put(writer, "c", "cat")
    with open_writer(tmp_path) as writer:
        assert writer.store.document_ids() == ["c"]
        assert writer.store.count("encodings") == 1


def test_removing_an_unknown_document_is_said_to_do_nothing(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape")
        assert not writer.remove_document("b")
        assert writer.remove_document("a")
        assert not writer.remove_document("a")


def test_derived_files_are_written_again_only_when_far_behind(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape")
        assert writer.refresh_derived()
        put(writer, "b", "bee")
        assert not writer.refresh_derived()
        put(writer, "c", *(f"cat {chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{i // 676}" for i in range(2_000)))
        assert writer.store.count("changes") == 2_001
        assert writer.refresh_derived()
        assert writer.store.count("changes") == 0


def test_unchanged_passages_keep_their_numbers(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", "bee", "cat")
        put(writer, "a", "cat", "dog", "ape")
        assert writer.store.passage_ids("a") == [3, 4, 1]


def test_other_title_is_another_passage(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", title="Bee")
        put(writer, "a", "ape", title="Cat")
        assert writer.store.passage_ids("a") == [2]
        packed = writer.store.connection.execute("SELECT words FROM encodings").fetchall()
        assert packed == [tuple(pack_words([["ape", "cat"]]))]


def test_starting_again_keeps_documents_and_forgets_passages(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape", "ape")
        other = EncoderRecord("other", 3, "f", {"x": 1})
        with writer.batch():
            writer.start_again(other)
        counts = {
            name: writer.store.count(name) for name in ("documents", "passages", "encodings", "repeats", "new_keys")
        }
        assert counts == {"documents": 1, "passages": 0, "encodings": 0, "repeats": 0, "new_keys": 0}
        assert writer.encoder == other
