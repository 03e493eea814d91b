"""Checksums of rows: whether a row of SQLite is what was written into it.

SQLite notices a broken page, not a bit that fell over inside a text or a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from smsearch.errors import IndexDamagedError

FUNCTION: Final = "crc32"
"""What SQLite must know `zlib.crc32` as. A function of Python's own would lose a Ctrl-C that comes while it runs."""

REPAIR: Final = "`smsearch verify --repair` saves what can be read in a new index"
CHECKED: Final = {
    "meta": ("key", "value"),
    "sources": ("source_id", "path", "name", "format", "fields"),
    "documents": (
        *("document_key", "doc_id", "source_id", "source", "title", "author", "date", "lang", "stated_lang"),
        *("metadata", "sections", "left_out", "text", "fingerprint"),
    ),
    "passages": (
        *("passage_id", "document_key", "start", '"end"', "kind", "author", "date", "lang", "heading", "fingerprint"),
        "representative",
    ),
    "encodings": ("passage_id", "vector", "sentences", "tokens", "words"),
    "changes": ("passage_id", "added"),
    "touched": ("document_key",),
}
"""Columns that the checksum of a row of each table covers, the name of the table before them."""

_NONE: Final = "x'006E6F6E65'"  # stands for NULL
_DIVIDED: Final = "x'00'"  # before each value


def crc_sql(values: Iterable[str]) -> str:
    """The SQL expression for the CRC-32 of some values, from one SQL expression for each."""
    row = " || ".join(f"{_DIVIDED} || IFNULL(CAST({value} AS BLOB), {_NONE})" for value in values)
    return f"{FUNCTION}(CAST({row} AS BLOB))"


def checksum_of(table: str, values: Sequence[str]) -> str:
    """The SQL expression for the checksum of a row of a table, from one SQL expression for each column it covers."""
    return crc_sql((repr(table), *values))


@cache
def checksum_sql(table: str, alias: str = "", **changed: str) -> str:
    """The SQL expression for what the checksum of a row should be.

    Args:
        table: One of `CHECKED`.
        alias: What stands before each column, with its dot.
        changed: Expressions for columns that are about to change.
    """
    return checksum_of(table, [changed.get(column.strip('"'), f"{alias}{column}") for column in CHECKED[table]])


def intact_sql(table: str, alias: str = "") -> str:
    """The SQL expression for whether a row is what was written."""
    return f"{checksum_sql(table, alias)} IS {alias}checksum"


def require_intact(is_intact: object, what: str) -> None:
    """Make sure that a row is what was written.

    Args:
        is_intact: The value of `intact_sql`.
        what: Names the row in the message.

    Raises:
        IndexDamagedError: If it is not.
    """
    if not is_intact:
        raise IndexDamagedError(f"{what} is damaged; {REPAIR}")
