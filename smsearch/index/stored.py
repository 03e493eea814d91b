"""What the tables of an index hold, as records: rows taken apart and put together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from smsearch.index.checksums import require_intact
from smsearch.records import Document, Fields, MetadataValue, Passage, Section, Source


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the index knows it.

    Attributes:
        key: Its number in this index.
        fingerprint: Digest of its content and of how it was cut and encoded.
        source_id: The recorded source, or None for documents that were handed in.
    """

    key: int
    fingerprint: str
    source_id: int | None


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage of a stored document, with what a hit shows of the document."""

    passage_id: int
    passage: Passage
    doc_id: str
    title: str
    source: str
    author: str | None
    date: str | None
    metadata: Mapping[str, MetadataValue]
    duplicates: int


@dataclass(frozen=True, slots=True)
class EncodedPassage:
    """A passage ready to be stored.

    Attributes:
        passage: The passage.
        fingerprint: Digest of all that decides its encoding and its keys.
        vector: float16 bytes, little endian.
        tokens: Token ids by sentence, as `pack_tokens` gives them.
        words: Folded words, as `pack_words` gives them.
        keys: Under which repeats of it meet; the first is that of the exact text.
    """

    passage: Passage
    fingerprint: bytes
    vector: bytes
    tokens: bytes
    words: bytes
    keys: tuple[int, ...]


def as_document(row: Sequence[Any]) -> Document:
    """A document of the columns of `statements.DOCUMENT`, whether they are intact before them.

    Raises:
        IndexDamagedError: If they are not.
    """
    is_intact, doc_id, text, title, source, author, date, lang, metadata, packed = row
    require_intact(is_intact, f"the document {doc_id!r}")
    sections = tuple(Section(*section) for section in json.loads(packed))
    return Document(doc_id, text, title, source, author, date, lang, json.loads(metadata), sections)


def as_passage(row: tuple[Any, ...], document: Document) -> StoredPassage:
    """A passage of a row of `statements.PASSAGE`, and the document it belongs to.

    Raises:
        IndexDamagedError: If the row is not intact.
    """
    passage_id, _, is_intact, start, end, kind, author, date, lang, heading, packed, duplicates = row
    require_intact(is_intact, f"passage {passage_id}, of the document {document.doc_id!r},")
    bounds = memoryview(packed).cast("i").tolist()
    sentences = tuple(zip(bounds[::2], bounds[1::2], strict=True))
    passage = Passage(start, end, document.text[start:end], kind, author, date, lang, heading, sentences)
    return StoredPassage(
        passage_id,
        passage,
        document.doc_id,
        document.title,
        document.source,
        document.author,
        document.date,
        document.metadata,
        duplicates,
    )


def to_json(value: object) -> str:
    """JSON without spaces, as it is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def recorded_fields(source: Source) -> dict[str, Any]:
    """What is stored as the fields of a source; whether links are followed stands there where they are."""
    return asdict(source.fields) | ({"follow_links": True} if source.follow_links else {})


def recorded_source(path: str, name: str, kind: str | None, stored: dict[str, Any]) -> Source:
    """A source of its columns; the fields as `recorded_fields` gave them."""
    follow_links = bool(stored.pop("follow_links", False))
    return Source(path, name, kind, Fields(**stored), follow_links)
