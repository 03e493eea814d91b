from __future__ import annotations

import csv
import io
import json
import time

import pytest

from smsearch.records import Document, Fields, Unread
from smsearch.sources import limits, tables
from smsearch.sources.reader import NotOfThisKindError
from smsearch.sources.tables import read_csv, read_json, read_jsonl, read_tsv
from tests.sources.reading_help import documents, ids, only_document, read_bytes, unread


def test_row_becomes_a_document_and_other_columns_metadata() -> None:
    row = {
        "id": 7,
        "text": "Hej",
        "title": "T",
        "author": "Bo",
        "date": "2010-03-09",
        "lang": "sv",
        "likes": 3,
        "x": {},
    }
    assert only_document(read_bytes(read_jsonl, json.dumps(row).encode())) == Document(
        "7", "Hej", title="T", author="Bo", date="2010-03-09", lang="sv", metadata={"likes": 3}
    )


def test_broken_line_is_named_and_the_others_go_on() -> None:
    found = read_bytes(read_jsonl, b'{"text": "a"}\n{"text": \n\n{"text": "b"}\n[1]\n', doc_id="p.jsonl")
    assert ids(found) == ["p.jsonl#1", "p.jsonl#4"]
    broken, array = unread(found)
    assert broken.name == "p.jsonl"
    assert broken.reason.startswith("line 2 is no JSON: ")
    assert array == Unread("p.jsonl", "line 5 is no object but list")


def test_row_without_the_text_field_says_which_it_has() -> None:
    found = read_bytes(read_jsonl, b'{"body": "a", "id": 1}\n{"text": "b"}', doc_id="p")
    assert unread(found) == [Unread("p", "line 1 has no field 'text', only 'body', 'id'")]
    assert [one.text for one in documents(found)] == ["b"]


def test_row_without_words_is_skipped_and_not_failed() -> None:
    assert read_bytes(read_jsonl, b'{"text": null}', doc_id="p") == [Unread("p", "no text in line 1", failed=False)]


def test_several_text_fields_are_joined_by_a_blank_line() -> None:
    fields = Fields(text="lead, body")
    found = read_bytes(
        read_jsonl, b'{"lead": "a", "body": "b"}\n{"body": "c"}\n{"lead": "", "body": "d"}', fields=fields
    )
    assert [one.text for one in documents(found)] == ["a\n\nb", "c", "d"]


def test_chosen_name_field_must_be_there() -> None:
    found = read_bytes(read_jsonl, b'{"text": "a", "key": "k1", "id": 5}\n{"text": "b"}', fields=Fields(doc_id="key"))
    assert ids(found) == ["k1"]
    assert documents(found)[0].metadata == {"id": 5}
    assert unread(found)[0].reason == "line 2 has no field 'key', only 'text'"


def test_surrogates_and_nul_in_json_are_replaced() -> None:
    assert only_document(read_bytes(read_jsonl, b'{"text": "a\\ud83db\\u0000"}')).text == "a\ufffdb\ufffd"


def test_number_that_json_does_not_have_is_left_out() -> None:
    assert only_document(read_bytes(read_jsonl, b'{"text": "a", "n": NaN}')).metadata == {}


def test_deeply_nested_line_does_not_stop_the_others() -> None:
    found = read_bytes(read_jsonl, b"[" * 200_000 + b'\n{"text": "b"}')
    assert [one.text for one in documents(found)] == ["b"]
    assert len(unread(found)) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_lines_are_read_in_other_encodings(encoding: str) -> None:
    data = '{"text": "Rødgrød"}\n{"text": "på øen"}\n'.encode(encoding)
    assert [one.text for one in documents(read_bytes(read_jsonl, data))] == ["Rødgrød", "på øen"]


def test_json_array_gives_a_document_a_row() -> None:
    found = read_bytes(read_json, b'[{"text": "a"}, {"text": "b", "id": "x"}, 5]', doc_id="p.json")
    assert ids(found) == ["p.json#1", "x"]
    assert unread(found) == [Unread("p.json", "row 3 is no object but int")]


def test_json_lines_under_the_name_of_json_are_read() -> None:
    assert ids(read_bytes(read_json, b'{"text": "a", "id": 1}\n{"text": "b", "id": 2}')) == ["1", "2"]


def test_single_object_with_text_is_one_document() -> None:
    assert only_document(read_bytes(read_json, b'{"text": "a"}', doc_id="p.json")).doc_id == "p.json"


@pytest.mark.parametrize("data", [b'{"name": "x"}', b"[1, 2]", b"[]", b'"text"'])
def test_json_that_is_no_table_is_not_of_this_kind(data: bytes) -> None:
    with pytest.raises(NotOfThisKindError, match="JSON that is no array of objects"):
        read_bytes(read_json, data)


def test_broken_json_is_refused() -> None:
    with pytest.raises(ValueError, match="broken JSON"):
        read_bytes(read_json, b'[{"text": ')


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiter_is_found(delimiter: str) -> None:
    lines = [["id", "title", "text"], ["1", "T", '"Hej, du; där"'], ["2", "U", "Nej"]]
    data = "\n".join(delimiter.join(cells) for cells in lines).encode()
    found = documents(read_bytes(read_csv, data))
    assert [(one.doc_id, one.title, one.text) for one in found] == [("1", "T", "Hej, du; där"), ("2", "U", "Nej")]


def test_csv_with_one_column_needs_no_delimiter() -> None:
    assert [one.text for one in documents(read_bytes(read_csv, b"text\nett\n"))] == ["ett"]


def test_csv_cell_keeps_its_lines_and_row_names_its_first_line() -> None:
    found = read_bytes(read_csv, b'text,n\r\n"a\r\nb",1\r\nc,2\r\n', doc_id="p.csv")
    assert [(one.doc_id, one.text, dict(one.metadata)) for one in documents(found)] == [
        ("p.csv#2", "a\nb", {"n": "1"}),
        ("p.csv#4", "c", {"n": "2"}),
    ]


def test_csv_with_old_line_ends_is_read() -> None:
    assert [one.text for one in documents(read_bytes(read_csv, b"id,text\r1,a\r2,b\r"))] == ["a", "b"]


def test_csv_row_with_too_many_cells_is_named() -> None:
    found = read_bytes(read_csv, b"id,text\n1,Hej, du\n2,b\n", doc_id="p.csv")
    assert unread(found) == [Unread("p.csv", "line 2 has 3 cells under 2 column names")]
    assert ids(found) == ["2"]


def test_csv_row_with_too_few_cells_has_no_such_field() -> None:
    found = read_bytes(read_csv, b"id,text\n1\n", doc_id="p.csv")
    assert unread(found) == [Unread("p.csv", "line 2 has no field 'text', only 'id'")]


def test_csv_without_the_text_column_is_refused_once() -> None:
    with pytest.raises(ValueError, match="no column 'text', only 'id', 'body'"):
        read_bytes(read_csv, b"id,body\n1,a\n2,b\n")


def test_csv_cell_may_be_long() -> None:
    data = b"text\n" + b"a" * 200_000 + b"\n"
    assert only_document(read_bytes(read_csv, data)).text == "a" * 200_000


@pytest.mark.parametrize("header", ["text " + "'\" " * 30_000, "id;" + '"' * 229 + 'text;title;date;lang "a""b"'])
def test_header_of_quotation_marks_does_not_take_minutes(header: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ValueError, match="no column 'text'"):
        read_bytes(read_csv, header.encode())
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("id;text", ";"),
        ('"a;b",text', ","),
        ("text", ","),
        ("a|text|c,d", "|"),
        ("a\ttext", "\t"),
        ('"a"" ;b";text', ";"),
    ],
)
def test_delimiter_is_what_divides_the_header_into_most_cells(header: str, delimiter: str) -> None:
    n = header.replace('"a;b"', "").replace('"a"" ;b"', "").count(delimiter)
    row = delimiter.join(["Ett"] * (n + 1))
    assert only_document(read_bytes(read_csv, f"{header}\n{row}\n".encode())).text == "Ett"


def test_tsv_does_not_look_for_another_delimiter() -> None:
    document = only_document(read_bytes(read_tsv, b"id\ttext,with\ttext\n1\tx\ta, b; c\n"))
    assert (document.text, dict(document.metadata)) == ("a, b; c", {"text,with": "x"})


def test_cell_that_is_never_closed_is_named_and_the_rows_before_it_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TEXT_LIMIT", 200_000)
    csv.field_size_limit(100_000)  # of the process, and only ever raised
    data = b'id,text\na,first\nb,"' + b"x,\n" * 100_000
    stream = read_csv(io.BytesIO(data), doc_id="f", fields=Fields())
    assert ids([next(stream)]) == ["a"]
    reason = "line 3: a cell of more than 200,000 characters, perhaps a quotation mark that is not closed"
    with pytest.raises(ValueError, match=reason):
        next(stream)


def test_line_of_json_that_is_too_long_is_named_and_the_next_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELD_LIMIT", 1_000)
    found = read_bytes(read_jsonl, b'{"text": "%s"}\n{"text": "b"}\n' % (b"a" * 2_000))
    assert ids(found) == ["file#2"]
    assert [one.reason for one in unread(found)] == ["line 1 has more than 64,000,000 characters"]
