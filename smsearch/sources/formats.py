"""Which reader reads which file."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from smsearch.sources.feeds import read_feed
from smsearch.sources.mail import read_eml, read_mbox
from smsearch.sources.markdown import read_markdown
from smsearch.sources.pdf import read_pdf
from smsearch.sources.plaintext import read_plain_text
from smsearch.sources.tables import read_csv, read_json, read_jsonl, read_tsv
from smsearch.sources.webpages import read_html

if TYPE_CHECKING:
    from smsearch.records import Fields
    from smsearch.sources.reader import Reader

READERS: dict[str, Reader] = {
    "csv": read_csv,
    "eml": read_eml,
    "feed": read_feed,
    "html": read_html,
    "json": read_json,
    "jsonl": read_jsonl,
    "markdown": read_markdown,
    "mbox": read_mbox,
    "pdf": read_pdf,
    "text": read_plain_text,
    "tsv": read_tsv,
}
"""Every reader by the name of its format."""

FORMATS: tuple[str, ...] = tuple(READERS)
"""Names of the formats that can be read, in alphabetical order."""

BYTE_FORMATS = frozenset({"pdf", "eml", "mbox"})
"""Formats whose files may hold bytes that are no text."""

_BY_EXTENSION = {
    ".atom": "feed",
    ".csv": "csv",
    ".eml": "eml",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".markdown": "markdown",
    ".mbox": "mbox",
    ".md": "markdown",
    ".ndjson": "jsonl",
    ".pdf": "pdf",
    ".rss": "feed",
    ".tsv": "tsv",
    ".wxr": "feed",
    ".xml": "feed",
}
# text, but not prose: what lies beside saved web pages
_NOT_PROSE = frozenset({".css", ".js", ".less", ".map", ".mjs", ".scss", ".svg"})


_MARKS = {"csv": b"\n", "tsv": b"\n", "jsonl": b"\n", "mbox": b"\nFrom "}
_FEED_MARKS = (b"<item>", b"<item ", b"<entry>", b"<entry ")


def record_marks(kind: str, fields: Fields) -> tuple[bytes, ...]:
    """What stands about once for each document in the bytes of a file; empty where a file is one document."""
    if kind == "feed":
        return _FEED_MARKS
    if kind == "json":
        return (f'"{fields.text.split(",")[0].strip()}"'.encode(),)
    return (_MARKS[kind],) if kind in _MARKS else ()


def format_of(name: str) -> str:
    """Format of a file by its name; plain text for every name that says nothing else."""
    return _BY_EXTENSION.get(PurePath(name).suffix.lower(), "text")


def is_prose(name: str) -> bool:
    """Whether a file found in a folder may hold prose, by its name."""
    return PurePath(name).suffix.lower() not in _NOT_PROSE
