"""Tables, one document a row: JSON Lines, JSON arrays, CSV and TSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Protocol, TextIO

from smsearch.records import Document, Fields, Unread
from smsearch.sources.decoding import decode_bytes, text_stream
from smsearch.sources.drafting import new_document
from smsearch.sources.limits import HELD_LIMIT, TEXT_LIMIT, lines_held, read_held
from smsearch.sources.reader import NotOfThisKindError

Row = Mapping[str, object]


class _Rows(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __next__(self) -> list[str]: ...


_DELIMITERS = ",;\t|"
_SHOWN_FIELDS = 12
_SHOWN_NAME = 100
_LONGEST_LOOKED_AT = 100_000


def read_jsonl(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    """Each line as a document; a line that is none is named, and the others go on.

    Raises:
        OSError: If the file cannot be read.
    """
    with text_stream(file) as lines:
        for number, line in enumerate(lines_held(lines), start=1):
            if line is None:
                yield Unread(doc_id, f"line {number} has more than {HELD_LIMIT:,} characters")
                continue
            if not line.strip():
                continue
            try:
                row = _loads(line)
            except (ValueError, RecursionError) as error:
                yield Unread(doc_id, f"line {number} is no JSON: {error}")
                continue
            yield _row_document(row, f"line {number}", f"{doc_id}#{number}", fields=fields, file_id=doc_id)


def read_json(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    """Each object of an array as a document; the number of a row counts from 1.

    A file of JSON Lines under this name is read as such, a single object as a single row.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is no JSON, or too large to be held in memory.
        NotOfThisKindError: If it holds neither an array of objects nor an object with text.
    """
    try:
        data = _loads(decode_bytes(read_held(file, instead="write it as JSON Lines, one object a line")))
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise ValueError(f"broken JSON: {error}") from error
        yield from read_jsonl(file, doc_id=doc_id, fields=fields)
        return
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error
    yield from _array_documents(data, doc_id, fields)


def _array_documents(data: object, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    if isinstance(data, dict) and any(name in data for name in _text_names(fields)):
        yield _row_document(data, "the object", doc_id, fields=fields, file_id=doc_id)
        return
    if not isinstance(data, list) or not any(isinstance(row, dict) for row in data):
        raise NotOfThisKindError("JSON that is no array of objects")
    for number, row in enumerate(data, start=1):
        yield _row_document(row, f"row {number}", f"{doc_id}#{number}", fields=fields, file_id=doc_id)


def read_csv(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    """Each row under the header as a document; the delimiter is found in the header.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If no column holds the text.
    """
    with text_stream(file, newline="") as lines:
        yield from _csv_documents(lines, _delimiter(lines), doc_id=doc_id, fields=fields)


def read_tsv(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    """Each row under the header as a document, cells separated by tabs.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If no column holds the text.
    """
    with text_stream(file, newline="") as lines:
        yield from _csv_documents(lines, "\t", doc_id=doc_id, fields=fields)


def _delimiter(lines: TextIO) -> str:
    """What divides the header into most cells; the comma where nothing does.

    `csv.Sniffer` is not asked: on a line of a few hundred quotation marks it takes minutes.
    """
    header = lines.readline(_LONGEST_LOOKED_AT)
    lines.seek(0)
    return max(_DELIMITERS, key=lambda delimiter: _n_cells(header, delimiter))


def _n_cells(header: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=delimiter), []))
    except csv.Error:
        return 0


def _csv_documents(lines: TextIO, delimiter: str, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    csv.field_size_limit(max(csv.field_size_limit(), TEXT_LIMIT))
    rows = csv.reader(_table_lines(lines), delimiter=delimiter)
    header = [name.strip() for name in next(_rows(rows), [])]
    _require_text_column(header, fields)
    line = rows.line_num + 1
    for cells in _rows(rows):
        if len(cells) > len(header):
            yield Unread(doc_id, f"line {line} has {len(cells)} cells under {len(header)} column names")
        elif any(cells):
            row = dict(zip(header, cells, strict=False))
            yield _row_document(row, f"line {line}", f"{doc_id}#{line}", fields=fields, file_id=doc_id)
        line = rows.line_num + 1


def _table_lines(lines: TextIO) -> Iterator[str]:
    """The lines of a table.

    Raises:
        ValueError: At a line that is too long; what comes after it cannot be told from its cells.
    """
    for number, line in enumerate(lines_held(lines), start=1):
        if line is None:
            raise ValueError(f"line {number} has more than {HELD_LIMIT:,} characters; nothing after it was read")
        yield line


def _rows(rows: _Rows) -> Iterator[list[str]]:
    """The rows of a table.

    Raises:
        ValueError: At a row that is none; what comes after it is not read.
    """
    while True:
        start = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"a cell of more than {TEXT_LIMIT:,} characters" if "field limit" in str(error) else str(error)
            raise ValueError(f"line {start}: {reason}, perhaps a quotation mark that is not closed") from error
        yield cells


def _require_text_column(header: list[str], fields: Fields) -> None:
    if not any(name in header for name in _text_names(fields)):
        raise ValueError(f"no column {fields.text!r}, only {_listed(header)}; name the right one with --text-field")


def _row_document(row: object, where: str, fallback_id: str, *, fields: Fields, file_id: str) -> Document | Unread:
    """One row as a document, or the reason why it is none."""
    if not isinstance(row, dict):
        return Unread(file_id, f"{where} is no object but {type(row).__name__}")
    name = _row_name(row, fields)
    if fields.doc_id is not None and name is None:
        return Unread(file_id, f"{where} has no field {fields.doc_id!r}, only {_listed(row)}")
    texts = [row[name] for name in _text_names(fields) if name in row]
    if not texts:
        return Unread(file_id, f"{where} has no field {fields.text!r}, only {_listed(row)}")
    if any(isinstance(text, dict | list) for text in texts):
        return Unread(file_id, f"{where} holds no plain text in field {fields.text!r}")
    text = "\n\n".join(str(text) for text in texts if text is not None and str(text).strip())
    if not text:
        return Unread(file_id, f"no text in {where}", failed=False)
    return new_document(
        name or fallback_id,
        text,
        title=row.get(fields.title),
        author=row.get(fields.author),
        date=row.get(fields.date),
        lang=row.get(fields.lang),
        metadata={key: value for key, value in row.items() if key not in _used_names(fields)},
    )


def _row_name(row: Row, fields: Fields) -> str | None:
    value = row.get(fields.doc_id or "id")
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return (str(value).strip() or None) if plain else None


def _text_names(fields: Fields) -> list[str]:
    return [name.strip() for name in fields.text.split(",")]


def _used_names(fields: Fields) -> set[str]:
    own = {fields.doc_id or "id", fields.title, fields.author, fields.date, fields.lang}
    return own | set(_text_names(fields))


def _listed(names: Iterable[object]) -> str:
    found = [str(name) for name in names]
    shown = [repr(name[:_SHOWN_NAME]) for name in found[:_SHOWN_FIELDS]]
    more = f" and {len(found) - _SHOWN_FIELDS} more" if len(found) > _SHOWN_FIELDS else ""
    return (", ".join(shown) or "none") + more


def _loads(text: str) -> object:
    """JSON to values, with None for the NaN and Infinity that JSON does not have."""
    return json.loads(text.removeprefix("\ufeff"), parse_constant=lambda _: None)
