"""Groups of passages that say the same, held to a simple model through any sequence of changes."""

from __future__ import annotations

import time
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsearch.errors import IndexDamagedError
from smsearch.index.postings import pack_words
from smsearch.index.reader import IndexReader
from smsearch.index.verification import index_faults
from smsearch.index.writer import IndexWriter, open_writer
from tests.fakes import KEYWORDS
from tests.index.building import cosines, new_writer, put, texts_found

_LONG = "ape bee cat dog eel fox gnu hen ibis jay kite lynx mole newt owl pig quail rat seal toad"
# Texts of one kind say the same: whatever the case and punctuation, and with one word changed of twenty.
KINDS = {
    "ape bee": 0,
    "Ape, bee!": 0,
    "cat": 1,
    "dog dog eel": 2,
    _LONG: 3,
    _LONG.replace("toad", "frog"): 3,
    _LONG + " 2010": 4,
    _LONG + " 2011": 5,
}
TEXTS = sorted(KINDS)


class Model:
    """What an index should hold: passages in the order they came; the oldest of a kind represents it."""

    def __init__(self) -> None:
        self.documents: dict[str, list[tuple[int, str]]] = {}
        self.next = 0

    def put(self, doc_id: str, texts: list[str]) -> None:
        standing = list(self.documents.get(doc_id, []))
        passages = []
        for text in texts:
            same = next((passage for passage in standing if passage[1] == text), None)
            if same:
                standing.remove(same)
            passages.append(same or (-1, text))
        for i, (number, text) in enumerate(passages):
            if number < 0:
                passages[i] = (self.next, text)
                self.next += 1
        self.documents[doc_id] = passages

    def representatives(self) -> list[tuple[str, str]]:
        ordered = sorted((n, doc_id, text) for doc_id, found in self.documents.items() for n, text in found)
        first: dict[int, tuple[str, str]] = {}
        for _, doc_id, text in ordered:
            first.setdefault(KINDS[text], (doc_id, text))
        return sorted(first.values())


def words_found(reader: IndexReader, word: str) -> list[tuple[str, str]]:
    _, rows = reader.lexical.search([{word: 1.0}], 100)
    ids = reader.passage_ids[rows]
    stored = reader.store.read_passages(ids.tolist())
    return sorted((stored[i].doc_id, stored[i].passage.text) for i in ids.tolist())


def assert_agree(writer: IndexWriter, reader: IndexReader, model: Model) -> None:
    expected = model.representatives()
    fresh = IndexReader(writer.folder)
    try:
        with reader.snapshot(), fresh.snapshot():
            assert texts_found(reader) == expected
            assert len(reader) == len(expected)
            for word in (*KEYWORDS, "toad", "frog", "2010"):
                has_word = [
                    pair for pair in expected if word in pair[1].casefold().replace(",", "").rstrip("!").split()
                ]
                assert words_found(reader, word) == has_word
            assert cosines(reader, "ape dog") == cosines(fresh, "ape dog")
    finally:
        fresh.close()


DOC_IDS = st.sampled_from("abcd")
PUT = st.tuples(st.just("put"), DOC_IDS, st.lists(st.sampled_from(TEXTS), max_size=3))
REMOVE = st.tuples(st.just("remove"), DOC_IDS, st.just([]))
REFRESH = st.tuples(st.sampled_from(["refresh", "fold"]), st.just(""), st.just([]))


@settings(max_examples=25, deadline=None)
@given(st.lists(PUT | PUT | REMOVE | REFRESH, min_size=1, max_size=12))
def test_any_sequence_of_changes_leaves_what_the_model_says(steps: list[tuple[str, str, list[str]]]) -> None:
    model = Model()
    with TemporaryDirectory() as name, new_writer(Path(name)) as writer:
        reader = IndexReader(Path(name))
        for step, doc_id, texts in steps:
            if step == "put":
                put(writer, doc_id, *texts)
                model.put(doc_id, texts)
            elif step == "remove":
                with writer.batch():
                    assert writer.remove_document(doc_id) == (model.documents.pop(doc_id, None) is not None)
            elif step == "refresh":
                writer.refresh_derived(force=True)
            else:
                writer.store.set_meta("words", "an older version")
                assert writer.refresh_words()
            assert_agree(writer, reader, model)
        writer.refresh_derived()
        assert index_faults(writer) == []
        reader.close()


@pytest.mark.parametrize("order", list(permutations("abc")))
def test_order_of_removal_does_not_matter(tmp_path: Path, order: tuple[str, ...]) -> None:
    model = Model()
    with new_writer(tmp_path) as writer:
        for doc_id in "abcd":
            put(writer, doc_id, "ape bee")
            model.put(doc_id, ["ape bee"])
        writer.refresh_derived()
        reader = IndexReader(tmp_path)
        for doc_id in order:
            writer.remove_document(doc_id)
            del model.documents[doc_id]
            assert_agree(writer, reader, model)
        assert index_faults(writer) == []
        reader.close()


def test_first_of_those_it_stood_for_takes_over_with_its_own_words(tmp_path: Path) -> None:
    near = _LONG.replace("toad", "frog")
    with new_writer(tmp_path) as writer:
        put(writer, "a", _LONG)
        put(writer, "b", near)
        put(writer, "c", _LONG)
        (a,), (b,), (c,) = (writer.store.passage_ids(doc_id) for doc_id in "abc")
        assert writer.store.represented_by(a) == [b, c]
        writer.remove_document("a")
        assert writer.store.representative_of(b) is None
        assert writer.store.represented_by(b) == [c]
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert words_found(reader, "toad") == []
            assert words_found(reader, "frog") == [("b", near)]
        reader.close()
        put(writer, "d", near)
        assert writer.store.representative_of(writer.store.passage_ids("d")[0]) == b


@pytest.mark.parametrize(
    "damage", ["UPDATE encodings SET words = x'00' WHERE passage_id = 2", "DELETE FROM encodings WHERE passage_id = 2"]
)
def test_a_damaged_passage_takes_over_from_none(tmp_path: Path, damage: str) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", _LONG)
        put(writer, "b", _LONG)
        writer.store.connection.execute(damage)
        with pytest.raises(IndexDamagedError, match="passage 2"), writer.batch():
            writer.remove_document("a")
        assert writer.store.document_ids() == ["a", "b"]
        assert writer.store.representative_of(2) == 1


def test_two_documents_that_swap_their_texts_are_found_under_the_new_ones(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee")
        put(writer, "b", "cat")
        with writer.batch():
            put(writer, "a", "cat")
            put(writer, "b", "ape bee")
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert words_found(reader, "ape") == [("b", "ape bee")]
            assert texts_found(reader) == [("a", "cat"), ("b", "ape bee")]
            assert sorted(cosines(reader, "cat").values()) == [0.0, 1.0]
        reader.close()


def test_old_text_that_reappears_elsewhere_is_found_there(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee")
        put(writer, "a", "cat")
        put(writer, "b", "ape bee")
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert texts_found(reader) == [("a", "cat"), ("b", "ape bee")]
        reader.close()


def test_repeats_within_one_document_are_one_group(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee", "cat", "APE BEE", "ape bee")
        ids = writer.store.passage_ids("a")
        assert writer.store.represented_by(ids[0]) == [ids[2], ids[3]]
        writer.remove_document("a")
        assert writer.store.count("passages") == writer.store.count("repeats") == 0


def groups(writer: IndexWriter) -> dict[str, list[str]]:
    """Of each representative's document the documents of the passages it stands for."""
    found = {stored.passage_id: stored.doc_id for stored in writer.store.iter_passages()}
    return {
        doc_id: [found[i] for i in writer.store.represented_by(passage_id)]
        for passage_id, doc_id in found.items()
        if writer.store.representative_of(passage_id) is None
    }


@pytest.mark.parametrize("text", ["ape bee", _LONG, 20 * f"{_LONG} "], ids=["short", "long", "longest"])
@pytest.mark.parametrize("name", ["title", "heading"])
def test_one_text_under_two_titles_or_headings_is_two_groups(tmp_path: Path, name: str, text: str) -> None:
    def named(value: str) -> dict[str, Any]:
        return {"title": value} if name == "title" else {"passage": {"heading": value}}

    with new_writer(tmp_path) as writer:
        put(writer, "lund", text, **named("The library in Lund"))
        put(writer, "ystad", text, **named("The library in Ystad"))
        put(writer, "none", text)
        put(writer, "lund again", text, **named("THE LIBRARY, in Lund"))
        put(writer, "none again", text)
        assert groups(writer) == {"lund": ["lund again"], "ystad": [], "none": ["none again"]}
        assert index_faults(writer)[:-1] == []


def test_titles_that_differ_in_a_number_keep_one_text_apart(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        for doc_id, title in (("a", "Bill 80000"), ("b", "Bill 80111"), ("c", "Bill 8.0111"), ("d", "bill 80111")):
            put(writer, doc_id, "ape bee cat", title=title)
        assert groups(writer) == {"a": [], "b": ["d"], "c": []}


def test_nearly_one_text_is_a_group_only_under_one_title(tmp_path: Path) -> None:
    near = _LONG.replace("toad", "frog")
    with new_writer(tmp_path) as writer:
        put(writer, "lund", _LONG, title="Lund")
        put(writer, "ystad", near, title="Ystad")
        put(writer, "near", near, title="Lund")
        assert groups(writer) == {"lund": ["near"], "ystad": []}


def test_a_title_in_the_text_of_one_copy_and_above_the_other_is_the_same(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "in", "Lund\nape bee", title="Lund")
        put(writer, "above", "ape bee", title="Lund")
        assert groups(writer) == {"in": ["above"]}


def test_a_comment_under_many_posts_is_one_group(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        for doc_id in "abc":
            put(writer, doc_id, "cat cat cat", title=f"Post {doc_id}", passage={"kind": "comment"})
        assert groups(writer) == {"a": ["b", "c"]}


def test_a_title_that_changes_above_the_same_text_moves_its_passage_to_another_group(tmp_path: Path) -> None:
    text = f"Lund {_LONG}"  # the encoder sees the same under the title Lund and under none
    with new_writer(tmp_path) as writer:
        put(writer, "a", text, title="Lund")
        put(writer, "a", text)
        put(writer, "b", text.replace("toad", "frog"))
        assert groups(writer) == {"a": ["b"]}
        writer.remove_document("a")
        put(writer, "c", text, title="Lund")
        put(writer, "d", text.replace("toad", "frog"))
        assert groups(writer) == {"b": ["d"], "c": []}
        assert index_faults(writer)[:-1] == []


def test_groups_that_another_version_made_of_one_text_are_parted_on_opening(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        for doc_id, title in (("a", "Lund"), ("b", "Ystad"), ("c", "Lund"), ("d", "Ystad")):
            put(writer, doc_id, _LONG, title=title)
        writer.refresh_derived()
        for passage_id in (2, 3, 4):
            writer.store.set_representative(passage_id, 1)
        writer.store.set_meta("words", "an older version")
    with open_writer(tmp_path) as writer:
        assert groups(writer) == {"a": ["c"], "b": ["d"]}
        writer.refresh_derived()
        assert index_faults(writer) == []
        reader = IndexReader(tmp_path)
        with reader.snapshot():
            assert texts_found(reader) == [("a", _LONG), ("b", _LONG)]
        reader.close()


def test_thousands_of_titles_above_one_text_take_linear_time(tmp_path: Path) -> None:
    begin = time.perf_counter()
    with new_writer(tmp_path) as writer:
        for i in range(500):
            put(writer, str(i), 5 * f"{_LONG} ", title=f"Letter {i}")
        assert len(groups(writer)) == 500
    assert time.perf_counter() - begin < 10


def test_texts_without_letters_are_each_their_own(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        for doc_id, text in zip("abc", ("🙂", "🙁", "🙂"), strict=True):
            put(writer, doc_id, text)
        (a,), (b,), (c,) = (writer.store.passage_ids(doc_id) for doc_id in "abc")
        assert [writer.store.representative_of(i) for i in (a, b, c)] == [None, None, a]


def test_thousands_of_texts_from_one_template_take_linear_time(tmp_path: Path) -> None:
    begin = time.perf_counter()
    with new_writer(tmp_path) as writer:
        texts = [_LONG.replace("jay", f"jay{chr(97 + i % 26)}{chr(97 + i // 26)}") + f" {i % 2}" for i in range(676)]
        put(writer, "a", *texts)
        assert index_faults(writer)[:-1] == []
    assert time.perf_counter() - begin < 10


def test_words_folded_by_another_version_are_folded_again_on_opening(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee")
        writer.refresh_derived()
        writer.store.set_words(1, b"")
        writer.store.connection.execute("DELETE FROM new_keys")
        writer.store.set_meta("words", "0 snowball 1.0")
    with open_writer(tmp_path) as writer:
        assert not writer.refresh_words()
        packed = writer.store.connection.execute("SELECT words FROM encodings").fetchall()
        assert packed == [tuple(pack_words([["ape", "bee"]]))]
        assert index_faults(writer)  # the derived files are to be written again
        assert writer.refresh_derived()
        assert index_faults(writer) == []
