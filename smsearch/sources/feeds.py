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

_BLOCK_BYTES = 1 << 20
_HELD_LIMIT = 128_000_000  # bytes
_MOST_ELEMENTS = 1_500_000  # each takes some 300 bytes
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
# control characters that XML forbids and that exports hold all the same
_FORBIDDEN = bytes(number for number in range(0x20) if number not in b"\t\n\r")
_BLANKED = bytes.maketrans(_FORBIDDEN, b" " * len(_FORBIDDEN))


def read_feed(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document]:
    """The posts of a feed or export, comments with the post they belong to.

    RSS and WordPress exports are read item by item; an Atom file is held in memory, because a
    comment may stand anywhere in it, and so may have at most 128 MB.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the XML is broken, declares entities, or has too much in one item.
        NotOfThisKindError: If the XML is neither RSS nor Atom.
    """
    del fields
    held = _XmlBytes(file)
    events = _events(held)
    _, root = next(events)
    name = _local(root.tag)
    if root.tag == f"{ATOM}feed":
        yield from entries_to_documents(_elements(events, "entry", root, held), doc_id=doc_id)
    elif name in {"rss", "RDF"}:
        for number, item in enumerate(_elements(events, "item", root, held), start=1):
            document = item_to_document(item, fallback_id=f"{doc_id}#{number}")
            if document is not None:
                yield document
    else:
        raise NotOfThisKindError(f"XML that is no feed or export (its root element is {name!r})")


def _events(file: _XmlBytes) -> Events:
    """The parser's events, with every fault of the XML as a ValueError of one clause."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        yield from iterparse(file, events=("start", "end"))
    except DefusedXmlException as error:
        raise ValueError(f"XML entities are refused for safety ({_entity(error)})") from error
    except (ParseError, LookupError) as error:  # a LookupError where the XML names an encoding nobody knows
        raise ValueError(f"broken XML: {error}") from error


def _entity(error: Exception) -> str:
    return f"{type(error).__name__} {getattr(error, 'name', None) or getattr(error, 'sysid', '')}".strip()


def _elements(events: Events, name: str, root: Element, held: _XmlBytes) -> Iterator[Element]:
    """Each element of a name when it is complete; let go, with all before it, after its use in RSS.

    Raises:
        ValueError: If more elements are held than fit into memory.
    """
    parents: list[Element] = [root]
    n_held = 0
    for event, element in events:
        if event == "start":
            parents.append(element)
            n_held += 1
            if n_held > _MOST_ELEMENTS:
                raise ValueError(f"broken XML: more than {_MOST_ELEMENTS:,} elements without a whole item")
            continue
        if len(parents) > 1:
            parents.pop()
        if _local(element.tag) == name and parents[-1].tag != element.tag:
            yield element
            if name == "item":
                parents[-1].clear()
                n_held = held.n_held = 0


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


class _XmlBytes(io.RawIOBase):
    """A file from its first `<` on, without the control characters that XML forbids."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.n_held = 0
        head = file.read(SAMPLE_BYTES)
        self._wide = head.startswith(_WIDE_MARKS)
        before = head.partition(b"<")[0].removeprefix(b"\xef\xbb\xbf")
        file.seek(0 if self._wide or before.strip() else head.index(b"<") if b"<" in head else 0)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        # blocks of a fixed size, whatever is asked for: the parser looks through a long tag anew for each of them
        data = self._file.read(_BLOCK_BYTES) if size else b""
        self.n_held += len(data)
        if self.n_held > _HELD_LIMIT:
            raise ValueError(f"broken XML: more than {_HELD_LIMIT // 1_000_000} MB without a whole item")
        return data if self._wide else data.translate(_BLANKED)
