"""Feeds and blog exports in XML: RSS, WordPress exports, Atom; the one address of defusedxml."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from smsearch.sources.atom import ATOM, entries_to_documents
from smsearch.sources.decoding import SAMPLE_BYTES
from smsearch.sources.reader import NotOfThisKindError
from smsearch.sources.rss import item_to_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from smsearch.records import Document, Fields

    Events = Iterator[tuple[str, Element]]

_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
# control characters that XML forbids and that exports hold all the same
_FORBIDDEN = bytes(number for number in range(0x20) if number not in b"\t\n\r")
_BLANKED = bytes.maketrans(_FORBIDDEN, b" " * len(_FORBIDDEN))


def read_feed(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document]:
    """The posts of a feed or export, comments with the post they belong to.

    RSS and WordPress exports are read item by item; an Atom file is held in memory, because a
    comment may stand anywhere in it.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the XML is broken, or declares entities.
        NotOfThisKindError: If the XML is neither RSS nor Atom.
    """
    del fields
    events = _events(file)
    _, root = next(events)
    name = _local(root.tag)
    if root.tag == f"{ATOM}feed":
        yield from entries_to_documents(_elements(events, "entry", root), doc_id=doc_id)
    elif name in {"rss", "RDF"}:
        for number, item in enumerate(_elements(events, "item", root), start=1):
            document = item_to_document(item, fallback_id=f"{doc_id}#{number}")
            if document is not None:
                yield document
    else:
        raise NotOfThisKindError(f"XML that is no feed or export (its root element is {name!r})")


def _events(file: BinaryIO) -> Events:
    """The parser's events, with every fault of the XML as a ValueError of one clause."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        yield from iterparse(_XmlBytes(file), events=("start", "end"))
    except DefusedXmlException as error:
        raise ValueError(f"XML entities are refused for safety ({_entity(error)})") from error
    except ParseError as error:
        raise ValueError(f"broken XML: {error}") from error


def _entity(error: Exception) -> str:
    return f"{type(error).__name__} {getattr(error, 'name', None) or getattr(error, 'sysid', '')}".strip()


def _elements(events: Events, name: str, root: Element) -> Iterator[Element]:
    """Each element of a name when it is complete; emptied again after its use in RSS."""
    parents: list[Element] = [root]
    for event, element in events:
        if event == "start":
            parents.append(element)
            continue
        if len(parents) > 1:
            parents.pop()
        if _local(element.tag) == name and parents[-1].tag != element.tag:
            yield element
            if name == "item":
                parents[-1].remove(element)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


class _XmlBytes(io.RawIOBase):
    """A file from its first `<` on, without the control characters that XML forbids."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = file.read(SAMPLE_BYTES)
        self._wide = head.startswith(_WIDE_MARKS)
        before = head.partition(b"<")[0].removeprefix(b"\xef\xbb\xbf")
        file.seek(0 if self._wide or before.strip() else head.index(b"<") if b"<" in head else 0)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        return data if self._wide else data.translate(_BLANKED)
