from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from smsearch.errors import EncoderError
from smsearch.index.recorded_encoder import record_of
from smsearch.index.writer import IndexWriter, open_writer
from smsearch.indexing import updating
from smsearch.indexing.preparing import CutOptions
from smsearch.indexing.reencoding import reencode
from smsearch.indexing.updating import Updater
from smsearch.records import Document, Source
from tests.fakes import KeywordEncoder
from tests.whole_texts import WholeTextEncoder

ENCODER = KeywordEncoder()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[IndexWriter]:
    with open_writer(tmp_path / "index", encoder=record_of(ENCODER)) as opened:
        yield opened


def texts(writer: IndexWriter) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for stored in writer.store.iter_passages():
        found.setdefault(stored.doc_id, []).append(stored.passage.text)
    return found


def test_only_passages_that_changed_are_encoded_and_the_others_keep_their_numbers(writer: IndexWriter) -> None:
    paragraphs = [f"The {name} sleeps by day and hunts by night in these woods." for name in ("cat", "dog", "fox")]
    options = CutOptions(target_tokens=12)
    Updater(writer, WholeTextEncoder(), options=options).add_documents([Document("x", "\n\n".join(paragraphs))])
    before = {stored.passage.text: stored.passage_id for stored in writer.store.iter_passages()}
    assert list(before) == paragraphs
    changed = "\n\n".join(["A new beginning without any animal in it.", paragraphs[0], paragraphs[2]])
    report = Updater(writer, WholeTextEncoder(), options=options).add_documents([Document("x", changed)])
    assert (report.added, report.changed, report.encoded) == (0, 1, 1)
    after = {stored.passage.text: stored for stored in writer.store.iter_passages()}
    assert [after[text].passage_id for text in (paragraphs[0], paragraphs[2])] == [
        before[paragraphs[0]],
        before[paragraphs[2]],
    ]
    for text, stored in after.items():
        assert changed[stored.passage.start : stored.passage.end] == text


def test_an_interruption_keeps_the_batches_before_it(writer: IndexWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updating, "_BATCH_DOCUMENTS", 2)
    done: list[int] = []

    def stop_at_the_third(n: int) -> None:
        done.append(n)
        if len(done) == 3:
            raise KeyboardInterrupt

    documents = [Document(f"d{i}", f"cat number {i}") for i in range(9)]
    with pytest.raises(KeyboardInterrupt):
        Updater(writer, ENCODER, progress=stop_at_the_third).add_documents(documents)
    assert sorted(texts(writer)) == ["d0", "d1", "d2", "d3", "d4", "d5"]
    report = Updater(writer, ENCODER).add_documents(documents)
    assert (report.added, report.unchanged) == (3, 6)


def test_an_encoder_that_fails_in_a_batch_leaves_nothing_of_it(writer: IndexWriter) -> None:
    class Failing(KeywordEncoder):
        def encode_token_ids(self, _ids: list[object]) -> object:
            raise MemoryError

    with pytest.raises(MemoryError):
        Updater(writer, Failing()).add_documents([Document("x", "cat")])
    assert texts(writer) == {}


def test_another_encoder_is_refused_before_anything_is_read(writer: IndexWriter) -> None:
    with pytest.raises(EncoderError, match="the index was made with"):
        Updater(writer, KeywordEncoder("gnu"))


def test_reencoding_that_fails_leaves_every_vector(writer: IndexWriter) -> None:
    Updater(writer, ENCODER).add_documents([Document("x", "cat dog"), Document("y", "fox")])
    before = writer.store.connection.execute("SELECT * FROM encodings").fetchall()

    class Failing(KeywordEncoder):
        def encode_token_ids(self, _ids: list[object]) -> object:
            raise MemoryError

    with pytest.raises(MemoryError):
        reencode(writer, Failing("gnu"))
    assert writer.store.connection.execute("SELECT * FROM encodings").fetchall() == before
    assert writer.encoder == record_of(ENCODER)


def test_reencoding_keeps_the_source_of_each_document(writer: IndexWriter, tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "a.txt").write_text("cat and dog", "utf-8")
    source = Source(str(tmp_path / "posts"), "posts")
    Updater(writer, ENCODER).index_sources([source])
    Updater(writer, ENCODER).add_documents([Document("note", "fox")])
    other = KeywordEncoder("dog", "fox")
    assert reencode(writer, other).changed == 2
    assert writer.encoder == record_of(other)
    (tmp_path / "posts" / "a.txt").unlink()
    (tmp_path / "posts" / "b.txt").write_text("dog", "utf-8")
    report = Updater(writer, other).index_sources([source])
    assert (report.added, report.removed) == (1, 1)
    assert texts(writer) == {"note": ["fox"], "b.txt": ["dog"]}


def test_documents_of_one_source_with_the_same_id_are_numbered_and_keep_their_numbers(
    writer: IndexWriter, tmp_path: Path
) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"id": "a", "text": "cat"}\n{"id": "a", "text": "dog"}\n{"id": "b", "text": "fox"}\n', "utf-8")
    report = Updater(writer, ENCODER).index_sources([Source(str(path), "posts.jsonl")])
    assert texts(writer) == {"a": ["cat"], "a~2": ["dog"], "b": ["fox"]}
    assert report.failed == ()
    again = Updater(writer, ENCODER).index_sources([Source(str(path), "posts.jsonl")])
    assert (again.unchanged, again.added, again.removed) == (3, 0, 0)


def test_a_document_keeps_its_id_when_the_one_it_made_way_for_is_gone(writer: IndexWriter, tmp_path: Path) -> None:
    sources = []
    for name, text in (("one", "cat"), ("two", "dog")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(text, "utf-8")
        sources.append(Source(str(tmp_path / name), name))
    Updater(writer, ENCODER).index_sources(sources)
    assert texts(writer) == {"x.txt": ["cat"], "two/x.txt": ["dog"]}
    (tmp_path / "one" / "x.txt").unlink()
    for removed in (1, 0):
        report = Updater(writer, ENCODER).index_sources(sources)
        assert (report.unchanged, report.added, report.removed) == (1, 0, removed)
    assert texts(writer) == {"two/x.txt": ["dog"]}


def test_what_came_over_standard_input_is_never_missed(writer: IndexWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    for row in (b'{"id": "p", "text": "cat"}', b'{"id": "q", "text": "dog"}'):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(row)))
        report = Updater(writer, ENCODER).index_sources([Source("-", "-", "jsonl")])
        assert (report.added, report.removed) == (1, 0)
    assert texts(writer) == {"p": ["cat"], "q": ["dog"]}


def test_large_documents_make_a_small_sample() -> None:
    large = (Document(str(i), "x", metadata={"body": "y" * 1_000_000}) for i in range(1_000))
    assert len(list(updating._sampled(large))) == 20
    small = (Document(str(i), "x") for i in range(2_000))
    assert len(list(updating._sampled(small))) == 1_000
