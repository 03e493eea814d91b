"""What is stored, read back and counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsearch.errors import IndexDamagedError
from smsearch.index.store import Store
from smsearch.index.writer import IndexWriter
from smsearch.records import Document, Fields, Passage, Section, Source, Span
from tests.index.building import new_writer, put


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[IndexWriter]:
    with new_writer(tmp_path) as writer:
        yield writer


@pytest.fixture
def store(writer: IndexWriter) -> Store:
    return writer.store


def test_meta_gives_back_json_values_and_none_for_unknown_keys(store: Store) -> None:
    store.set_meta("a", {"ö": [1, None]})
    store.set_meta("a", ["two"])
    assert store.get_meta("a") == ["two"]
    assert store.get_meta("b") is None


def test_document_is_read_back_as_it_was_written(store: Store) -> None:
    document = Document(
        "a/ö.txt",
        "שלום 👨\u200d👩\nText",
        title="T",
        source="s",
        author="A",
        date="2010-03-09",
        lang="he",
        metadata={"n": 1, "x": 1.5, "yes": True, "none": None, "s": "'; DROP TABLE documents"},
        sections=(Section(0, 4, "post"), Section(5, 9, "comment", "Eva", "2010")),
    )
    key = store.write_document(document, fingerprint="f", source_id=None, left_out=[Span(4, 5, "links")])
    assert store.read_document("a/ö.txt") == document
    assert store.left_out("a/ö.txt") == [Span(4, 5, "links")]
    assert list(store.iter_documents()) == [(document, None)]
    found = store.find_document("a/ö.txt")
    assert found is not None
    assert (found.key, found.fingerprint, found.source_id) == (key, "f", None)


def test_unknown_document_is_none(store: Store) -> None:
    assert store.find_document("x") is None
    assert store.read_document("x") is None
    assert store.left_out("x") == []
    assert store.passage_ids("x") == []
    assert store.read_passages([1, 2]) == {}


def test_overwritten_document_keeps_its_key(store: Store) -> None:
    first = store.write_document(Document("a", "1"), fingerprint="f", source_id=None, left_out=[])
    store.write_document(Document("b", "2"), fingerprint="f", source_id=None, left_out=[])
    again = store.write_document(Document("a", "3"), fingerprint="g", source_id=None, left_out=[], key=first)
    assert again == first
    assert [d.text for d, _ in store.iter_documents()] == ["3", "2"]
    assert store.document_ids() == ["a", "b"]


def test_sources_are_known_by_path_and_keep_their_number(store: Store) -> None:
    one, renamed = store.record_source(Source("/p", "p", None, Fields(text="body")))
    assert store.record_source(Source("/q", "q")) == (one + 1, renamed)
    assert store.record_source(Source("/p", "other", "csv")) == (one, False)
    assert store.sources() == [Source("/p", "other", "csv"), Source("/q", "q")]


def test_sources_are_forgotten_when_they_are_gone_and_nothing_comes_from_them(store: Store, tmp_path: Path) -> None:
    ids = [store.record_source(Source(path, path))[0] for path in ("/gone/a", "/gone/b", str(tmp_path))]
    store.write_document(Document("a", "1"), fingerprint="f", source_id=ids[0], left_out=[])
    store.forget_empty_sources()
    assert [source.path for source in store.sources()] == ["/gone/a", str(tmp_path)]
    assert store.document_ids(ids[0]) == ["a"]


def test_passages_are_read_back_with_what_a_hit_shows(writer: IndexWriter, store: Store) -> None:
    put(writer, "a", "ape bee", "cat", title="T", author="A", date="2010", passage={"lang": "sv", "author": "Eva"})
    ids = store.passage_ids("a")
    second = store.read_passages(ids)[ids[1]]
    assert (second.passage.start, second.passage.end, second.passage.text) == (9, 12, "cat")
    assert (second.passage.lang, second.passage.author, second.author, second.date) == ("sv", "Eva", "A", "2010")
    assert second.passage.sentences == ((0, 3),)


def test_the_content_of_a_passage_comes_under_the_title_of_its_document(writer: IndexWriter, store: Store) -> None:
    put(writer, "a", "first", "søndag", title="T", passage={"lang": "da", "heading": "H", "kind": "comment"})
    assert store.read_content(2) == ("T", Passage(7, 13, "søndag", "comment", lang="da", heading="H"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE documents SET title = 'other'", "the document 'a' is damaged"),
        ("UPDATE passages SET heading = 'other'", "passage 1, of the document 'a', is damaged"),
        ("DELETE FROM encodings; DELETE FROM passages", "passage 1 is gone"),
    ],
)
def test_content_that_is_damaged_or_gone_is_named(writer: IndexWriter, store: Store, damage: str, said: str) -> None:
    put(writer, "a", "first")
    for statement in damage.split("; "):
        store.connection.execute(statement)
    with pytest.raises(IndexDamagedError, match=said):
        store.read_content(1)


def test_more_passages_are_read_than_sqlite_binds_values(writer: IndexWriter, store: Store) -> None:
    put(writer, "a", *(f"ape nummer {i}" for i in range(1100)))
    ids = store.passage_ids("a")
    found = store.read_passages(ids)
    assert [found[i].passage.text for i in ids] == [f"ape nummer {i}" for i in range(1100)]
    assert [stored.passage_id for stored in store.iter_passages()] == ids


def test_duplicates_count_the_others_of_a_group_for_each_member(writer: IndexWriter, store: Store) -> None:
    for doc_id in "abc":
        put(writer, doc_id, "ape bee")
    put(writer, "d", "cat")
    found = {stored.doc_id: stored.duplicates for stored in store.iter_passages()}
    assert found == {"a": 2, "b": 2, "c": 2, "d": 0}
    assert store.n_duplicates() == 2


def test_counts_are_most_frequent_first(writer: IndexWriter, store: Store) -> None:
    put(writer, "a", "ape", "bee", source="x", passage={"lang": "sv", "kind": "comment"})
    put(writer, "b", "cat", source="y", passage={"lang": "da"})
    put(writer, "c", "dog", source="x", passage={"lang": "da"}, metadata={"left_out": True})
    put(writer, "d", "fox", source="x", passage={"lang": "da"}, metadata={"left_out": True})
    assert list(store.counts_by("lang").items()) == [("da", 3), ("sv", 2)]
    assert store.counts_by("kind") == {"post": 3, "comment": 2}
    assert store.documents_by_source() == {"x": 3, "y": 1}
    assert store.left_out_by_reason() == {"test": (2, 2)}
    assert (store.count("documents"), store.count("passages")) == (4, 5)


def test_moved_passage_takes_its_new_place_author_and_heading(writer: IndexWriter, store: Store) -> None:
    put(writer, "a", "ape bee", title="T", passage={"author": "Eva"})
    (before,) = store.passage_ids("a")
    put(writer, "a", "dog", "ape bee", title="T", passage={"author": "Lena", "heading": "T"})
    after = store.passage_ids("a")
    assert after[1] == before
    moved = store.read_passages([before])[before].passage
    assert (moved.start, moved.end, moved.author, moved.heading, moved.text) == (5, 12, "Lena", "T", "ape bee")


def test_passage_numbers_are_never_used_again(writer: IndexWriter, store: Store) -> None:
    put(writer, "a", "ape")
    (old,) = store.passage_ids("a")
    writer.remove_document("a")
    put(writer, "a", "ape")
    assert store.passage_ids("a") == [old + 1]
