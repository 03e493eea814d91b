"""Each filter, and values that are no filter at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smsearch.errors import QueryError
from smsearch.index.filtering import require_sound
from smsearch.index.reader import IndexReader
from smsearch.records import Filters
from tests.index.building import new_writer, put

NASTY = ("'; DROP TABLE passages; --", '"', "%", "_", "nb%", "\\", "\0", "?", "' OR '1'='1", "*")


@pytest.fixture(scope="module", params=["derived files", "later", "both"])
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexReader]:
    folder = tmp_path_factory.mktemp("index")
    with new_writer(folder) as writer:
        if request.param == "later":
            writer.refresh_derived()
        put(writer, "a", "ape", source="x", date="2010-03-09", metadata={"tag": "red", "n": 5, "yes": True})
        put(writer, "b", "bee", source="y", date="2010-12-31T23:59:00Z", passage={"lang": "nb"}, metadata={"n": 5.0})
        put(writer, "c", "cat", source="x", date="2011", passage={"lang": "nb-NO", "kind": "comment"})
        put(writer, "d", "dog", source="z", passage={"lang": "nbx"}, metadata={"tag": None})
        if request.param != "later":
            writer.refresh_derived()
        if request.param == "both":
            put(writer, "a", "ape", source="x", date="2010-03-09", metadata={"tag": "red", "n": 5, "yes": True, "b": 1})
            put(writer, "e", "elk", source="w")
            writer.remove_document("e")
    reader = IndexReader(folder)
    yield reader
    reader.close()


def admitted(reader: IndexReader, filters: Filters) -> str:
    with reader.snapshot():
        stored = reader.store.read_passages(reader.passage_ids[reader.admitted(filters)].tolist())
        return "".join(sorted(found.doc_id for found in stored.values()))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), "abcd"),
        (Filters(langs=("nb",)), "bc"),
        (Filters(langs=("nb-NO",)), "c"),
        (Filters(langs=("und", "nb-NO")), "ac"),
        (Filters(langs=("n",)), ""),
        (Filters(langs=()), ""),
        (Filters(kinds=("comment",)), "c"),
        (Filters(kinds=("post", "comment")), "abcd"),
        (Filters(kinds=()), ""),
        (Filters(sources=("x",)), "ac"),
        (Filters(sources=("x", "y")), "abc"),
        (Filters(sources=("X",)), ""),
        (Filters(since="2010"), "abc"),
        (Filters(since="2010-04"), "bc"),
        (Filters(since="2010-12-31"), "bc"),
        (Filters(until="2010"), "ab"),
        (Filters(until="2010-03"), "a"),
        (Filters(until="2010-03-08"), ""),
        (Filters(until="2010-12-31"), "ab"),
        (Filters(since="2010-03-09", until="2010-03-09"), "a"),
        (Filters(where=(("tag", "red"),)), "a"),
        (Filters(where=(("n", "5"),)), "a"),
        (Filters(where=(("n", "5.0"),)), "b"),
        (Filters(where=(("yes", "1"),)), "a"),
        (Filters(where=(("tag", "red"), ("n", "6"))), ""),
        (Filters(where=(("unknown", ""),)), ""),
        (Filters(langs=("nb",), sources=("x",), since="2011"), "c"),
    ],
)
def test_filters_admit_what_they_say(reader: IndexReader, filters: Filters, expected: str) -> None:
    assert admitted(reader, filters) == expected


@pytest.mark.parametrize("value", NASTY)
def test_signs_with_a_meaning_in_sql_are_harmless(reader: IndexReader, value: str) -> None:
    assert admitted(reader, Filters(langs=(value,))) == ""
    assert admitted(reader, Filters(sources=(value,))) == ""
    assert admitted(reader, Filters(where=((value, value),))) == ""
    assert admitted(reader, Filters(where=(("tag", value),))) == ""
    assert admitted(reader, Filters()) == "abcd"


@pytest.mark.parametrize(
    "date", ["", "10", "2010-3", "2010-13", "2010-00", "2010-01-32", "2010-03-09 10:00", "mars 2010", "٢٠١٠", "2010%"]
)
def test_bad_dates_are_refused_and_told(date: str) -> None:
    for filters in (Filters(since=date), Filters(until=date)):
        with pytest.raises(QueryError, match="is not a date") as caught:
            require_sound(filters)
        assert repr(date) in str(caught.value)


@pytest.mark.parametrize(
    ("date", "expected"), [("2010", "ab"), ("2010-12", "b"), ("2010-12-31", "b"), ("2010-12-31T23:59:00Z", "b")]
)
def test_dates_of_any_precision_admit_what_falls_within_them(reader: IndexReader, date: str, expected: str) -> None:
    filters = Filters(since=date, until=date)
    require_sound(filters)
    assert admitted(reader, filters) == expected


def test_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(QueryError, match=r"'page'.*post, comment"):
        require_sound(Filters(kinds=("page",)))


@pytest.mark.parametrize(
    "filters", [Filters(langs=("\ud800",)), Filters(sources=("ok", "a\udcff")), Filters(where=(("n", "\udc00"),))]
)
def test_values_that_are_no_valid_text_are_refused(filters: Filters) -> None:
    with pytest.raises(QueryError, match="is not valid text"):
        require_sound(filters)
