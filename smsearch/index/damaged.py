"""What can still be read of a damaged index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from smsearch.errors import IndexDamagedError
from smsearch.index.database import READING_ERRORS, Connection, opened_as_it_stands, require_index
from smsearch.index.store import Store
from smsearch.records import Document, Source

_UNREADABLE: Final = (*READING_ERRORS, IndexDamagedError, ValueError, TypeError)


@dataclass(frozen=True, slots=True)
class Remains:
    """A damaged index.

    Attributes:
        sources: The recorded sources that can be read, by their number.
        documents: Numbers of the documents there are.
        store: Reads one of them, or says that it cannot.
    """

    sources: dict[int, Source]
    documents: list[int]
    store: Store

    def encoder(self) -> dict[str, Any] | None:
        """What the index says of its encoder, if that can be read."""
        found = self._meta("encoder")
        return found if isinstance(found, dict) else None

    def options(self) -> dict[str, Any]:
        """How its documents were cut, if that can be read."""
        found = self._meta("options")
        return found if isinstance(found, dict) else {}

    def read(self, key: int) -> tuple[Document, int | None] | None:
        """A document with the number of its source; None if it cannot be read whole."""
        try:
            return self.store.document_as_stated(key)
        except _UNREADABLE:
            return None

    def _meta(self, key: str) -> object:
        try:
            return self.store.get_meta(key)
        except _UNREADABLE:
            return None


@contextmanager
def open_remains(folder: Path) -> Iterator[Remains]:
    """Open what is left of an index; nothing is written to it.

    Raises:
        NotFoundError: If there is none.
        IndexDamagedError: If nothing can be read of it.
    """
    require_index(folder)
    with opened_as_it_stands(folder) as connection:
        keys = _keys(connection) if connection is not None else []
        if connection is None or not keys:
            raise IndexDamagedError(
                f"nothing can be read of the index {str(folder)!r}; make it again from its sources with "
                "`smsearch index PATH --index NEW_FOLDER`"
            )
        yield Remains(_sources(connection), keys, Store(connection))


def _keys(connection: Connection) -> list[int]:
    """Numbers of the documents, from both ends where a page between them is broken."""
    found: set[int] = set()
    for order in ("ASC", "DESC"):
        try:
            for (key,) in connection.execute(f"SELECT document_key FROM documents ORDER BY document_key {order}"):
                found.add(key)
        except READING_ERRORS:
            continue
        break
    return sorted(found)


def _sources(connection: Connection) -> dict[int, Source]:
    found = {}
    try:
        ids = [row[0] for row in connection.execute("SELECT source_id FROM sources ORDER BY source_id")]
    except READING_ERRORS:
        return {}
    for source_id in ids:
        try:
            found[source_id] = Store(connection).source(source_id)
        except _UNREADABLE:
            continue
    return found
