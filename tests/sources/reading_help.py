"""Short ways to read what a test has written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from smsearch.records import Document, Fields, Unread
from smsearch.sources import read_source, resolve_source

if TYPE_CHECKING:
    from pathlib import Path

    from smsearch.sources.reader import Reader


def read_path(path: Path, *, kind: str | None = None, fields: Fields | None = None) -> list[Document | Unread]:
    return list(read_source(resolve_source(str(path), format=kind, fields=fields or Fields())))


def read_bytes(
    reader: Reader, data: bytes, *, doc_id: str = "file", fields: Fields | None = None
) -> list[Document | Unread]:
    return list(reader(io.BytesIO(data), doc_id=doc_id, fields=fields or Fields()))


def only_document(found: list[Document | Unread]) -> Document:
    (one,) = found
    assert isinstance(one, Document), one
    return one


def documents(found: list[Document | Unread]) -> list[Document]:
    return [one for one in found if isinstance(one, Document)]


def ids(found: list[Document | Unread]) -> list[str]:
    return [one.doc_id for one in documents(found)]


def unread(found: list[Document | Unread]) -> list[Unread]:
    return [one for one in found if isinstance(one, Unread)]
