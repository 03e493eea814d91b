"""Plain text: the file is the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from smsearch.sources.dates import written_date
from smsearch.sources.decoding import read_text
from smsearch.sources.drafting import new_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smsearch.records import Document, Fields

_LONGEST_TITLE = 120
_NO_TITLE_END = (".", ":", ",")


def read_plain_text(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document]:
    """The file as one document; a heading and a date on top become its title and date.

    Raises:
        OSError: If the file cannot be read.
    """
    del fields
    text = read_text(file)
    title, date = title_and_date(text)
    yield new_document(doc_id, text, title=title, date=date)


def title_and_date(text: str) -> tuple[str, str | None]:
    """Title and ISO 8601 date that stand on top of a text, as far as they are there.

    The title is the first line that is not empty, if a blank line follows it, it has at most
    120 characters and does not end like a sentence or a lead-in. A line that is nothing but a
    date gives the date, and the next line is looked at instead.
    """
    lines = _lines(text)
    line = _next_line(lines)
    date = written_date(line)
    if date is not None:
        line = _next_line(lines)
    blank_follows = not next(lines, "none").strip()
    is_title = blank_follows and len(line) <= _LONGEST_TITLE and not line.endswith(_NO_TITLE_END)
    has_body = any(rest.strip() for rest in lines)
    return (line if is_title and has_body else ""), date


def _lines(text: str) -> Iterator[str]:
    """The lines one by one; millions of them at once would take many times the memory of the text."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _next_line(lines: Iterator[str]) -> str:
    return next((line.strip() for line in lines if line.strip()), "")
