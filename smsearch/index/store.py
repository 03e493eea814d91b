"""Documents and passages in SQLite: what is stored, read back, counted and taken out."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from smsearch.errors import IndexDamagedError
from smsearch.index.checksums import CHECKED, REPAIR, checksum_sql, intact_sql, require_intact
from smsearch.index.database import Connection
from smsearch.index.statements import (
    CONTENT,
    DOCUMENT,
    DOCUMENT_INTACT,
    INSERT_DOCUMENT,
    INSERT_ENCODING,
    INSERT_PASSAGE,
    MOVE_PASSAGE,
    PASSAGE,
    STATED,
    WRITE_DOCUMENT,
    WRITE_META,
    WRITE_SOURCE,
)
from smsearch.index.stored import (
    EncodedPassage,
    StoredDocument,
    StoredPassage,
    as_document,
    as_passage,
    recorded_fields,
    recorded_source,
    to_json,
)
from smsearch.records import Document, Passage, Source, Span

LOST = {
    "passages without a document": "FROM passages WHERE document_key NOT IN (SELECT document_key FROM documents)",
    "passages without a vector": "FROM passages WHERE passage_id NOT IN (SELECT passage_id FROM encodings)",
    "vectors without a passage": "FROM encodings WHERE passage_id NOT IN (SELECT passage_id FROM passages)",
}
"""Rows that others belonged to, by what stands where some are gone."""

_LAST_PASSAGE = "SELECT seq FROM sqlite_sequence WHERE name = 'passages'"  # also of those that are gone
_VARIABLES = 500  # SQLite before 3.32 binds at most 999


class Store:
    """The tables of one index, over an open connection; the caller opens and ends transactions."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def require_intact_rows(self) -> None:
        """Make sure that every row with a checksum is what was written, and that none that others belong to is gone.

        Raises:
            IndexDamagedError: If one is not, or is.
        """
        for table in CHECKED:
            query = f"SELECT 1 FROM {table} WHERE NOT {intact_sql(table)} LIMIT 1"
            require_intact(self.connection.execute(query).fetchone() is None, f"a row of {table}")
        for what, lost in LOST.items():
            found = self.connection.execute(f"SELECT 1 {lost} LIMIT 1").fetchone()
            require_intact(found is None, f"there are {what}: the index")

    # -- meta ---------------------------------------------------------------------------------

    def get_meta(self, key: str) -> Any:  # noqa: ANN401  any JSON value
        """The value stored under a key, or None."""
        query = f"SELECT CAST(value AS BLOB), {intact_sql('meta')} FROM meta WHERE key = ?"
        row = self.connection.execute(query, (key,)).fetchone()
        if row is None:
            return None
        require_intact(row[1], f"what the index says of its {key}")
        return json.loads(row[0])

    def set_meta(self, key: str, value: Any) -> None:  # noqa: ANN401  any JSON value
        """Store a JSON value under a key."""
        self.connection.execute(WRITE_META, (key, to_json(value)))

    # -- sources ------------------------------------------------------------------------------

    def record_source(self, source: Source) -> tuple[int, bool]:
        """Store a source, or what it is called now, in its documents too.

        Returns:
            Its number, and whether documents were called otherwise.
        """
        row = self.connection.execute("SELECT source_id FROM sources WHERE path = ?", (source.path,)).fetchone()
        source_id = int(row[0]) if row else self._next("sources", "source_id")
        values = (source_id, source.path, source.name, source.format, to_json(recorded_fields(source)))
        self.connection.execute(WRITE_SOURCE, values)
        renamed = self.connection.execute(
            f"UPDATE documents SET source = ?1, checksum = {checksum_sql('documents', source='?1')} "
            "WHERE source_id = ?2 AND source != ?1",
            (source.name, source_id),
        )
        return source_id, renamed.rowcount > 0

    def sources(self) -> list[Source]:
        """The recorded sources, in the order they were first indexed."""
        ids = self.connection.execute("SELECT source_id FROM sources ORDER BY source_id").fetchall()
        return [self.source(source_id) for (source_id,) in ids]

    def source(self, source_id: int) -> Source:
        """One recorded source."""
        query = f"SELECT {intact_sql('sources')}, path, name, format, fields FROM sources WHERE source_id = ?"
        is_intact, path, name, kind, fields = self.connection.execute(query, (source_id,)).fetchone()
        require_intact(is_intact, f"what the index says of its source {name!r}")
        return recorded_source(path, name, kind, json.loads(fields))

    def forget_empty_sources(self) -> None:
        """Drop the sources that no document comes from any more and that are no longer there."""
        rows = self.connection.execute(
            "SELECT source_id, path FROM sources WHERE source_id NOT IN "
            "(SELECT source_id FROM documents WHERE source_id IS NOT NULL)"
        ).fetchall()
        gone = [(source_id,) for source_id, path in rows if not Path(path).exists()]
        self.connection.executemany("DELETE FROM sources WHERE source_id = ?", gone)

    # -- documents ----------------------------------------------------------------------------

    def find_document(self, doc_id: str) -> StoredDocument | None:
        """What is stored under an identifier."""
        row = self.connection.execute(
            "SELECT document_key, fingerprint, source_id FROM documents WHERE doc_id = ?", (doc_id,)
        ).fetchone()
        return StoredDocument(*row) if row else None

    def document_ids(self, source_id: int | None = None) -> list[str]:
        """Identifiers of all documents, or of those of one source, in order."""
        where, values = ("", ()) if source_id is None else (" WHERE source_id = ?", (source_id,))
        rows = self.connection.execute(f"SELECT doc_id FROM documents{where} ORDER BY doc_id", values)
        return [row[0] for row in rows]

    def read_document(self, doc_id: str) -> Document | None:
        """A document with its full text, or None."""
        query = f"SELECT {DOCUMENT_INTACT}, {DOCUMENT} FROM documents WHERE doc_id = ?"
        row = self.connection.execute(query, (doc_id,)).fetchone()
        return as_document(row) if row else None

    def iter_documents(self) -> Iterator[tuple[Document, int | None]]:
        """Every document as it came in, with the number of its source, in that order."""
        query = f"SELECT {STATED} FROM documents ORDER BY document_key"
        for source_id, *row in self.connection.execute(query):
            yield as_document(row), source_id

    def document_as_stated(self, key: int) -> tuple[Document, int | None] | None:
        """A document as it came in, with the number of its source."""
        row = self.connection.execute(f"SELECT {STATED} FROM documents WHERE document_key = ?", (key,)).fetchone()
        return (as_document(row[1:]), row[0]) if row else None

    def left_out(self, doc_id: str) -> list[Span]:
        """The stretches of a document that no passage holds."""
        query = f"SELECT {DOCUMENT_INTACT}, left_out FROM documents WHERE doc_id = ?"
        row = self.connection.execute(query, (doc_id,)).fetchone()
        if row is None:
            return []
        require_intact(row[0], f"the document {doc_id!r}")
        return [Span(*span) for span in json.loads(row[1])]

    def write_document(
        self,
        document: Document,
        *,
        fingerprint: str,
        source_id: int | None,
        left_out: Sequence[Span],
        lang: str | None = None,
        key: int | None = None,
    ) -> int:
        """Insert the row of a document, or overwrite it with its passages untouched; returns its key.

        Args:
            document: The document; its own `lang` is kept as what the source states.
            fingerprint: Digest of its content and of how it was cut and encoded.
            source_id: The recorded source, if any.
            left_out: The stretches no passage holds.
            lang: The language it is shown with; None takes the stated one.
            key: The key that `find_document` gave; None where it found nothing.
        """
        statement = INSERT_DOCUMENT if key is None else WRITE_DOCUMENT
        key = self._next("documents", "document_key") if key is None else key
        values = (
            key,
            document.doc_id,
            source_id,
            document.source,
            document.title,
            document.author,
            document.date,
            lang or document.lang,
            document.lang,
            to_json(dict(document.metadata)),
            to_json([(s.start, s.end, s.kind, s.author, s.date) for s in document.sections]),
            to_json([(s.start, s.end, s.reason) for s in left_out]),
            document.text,
            fingerprint,
        )
        self.connection.execute(statement, values)
        return key

    def delete_document(self, key: int) -> None:
        """Delete the row of a document whose passages are gone already."""
        self.connection.execute("DELETE FROM documents WHERE document_key = ?", (key,))

    # -- passages -----------------------------------------------------------------------------

    def passages_of(self, key: int) -> dict[bytes, list[int]]:
        """Numbers of a document's passages by their fingerprint."""
        found: dict[bytes, list[int]] = {}
        rows = self.connection.execute(
            "SELECT fingerprint, passage_id FROM passages WHERE document_key = ? ORDER BY passage_id", (key,)
        )
        for fingerprint, passage_id in rows:
            found.setdefault(fingerprint, []).append(passage_id)
        return found

    def insert_passage(self, key: int, encoded: EncodedPassage) -> int:
        """Store a passage with its encoding, as its own representative; returns its number."""
        passage = encoded.passage
        (last,) = self.connection.execute(_LAST_PASSAGE).fetchone() or (0,)
        passage_id = int(last) + 1
        self.connection.execute(
            INSERT_PASSAGE,
            (
                passage_id,
                key,
                passage.start,
                passage.end,
                passage.kind,
                passage.author,
                passage.date,
                passage.lang,
                passage.heading,
                encoded.fingerprint,
            ),
        )
        sentences = array("i", chain.from_iterable(passage.sentences)).tobytes()
        self.connection.execute(INSERT_ENCODING, (passage_id, encoded.vector, sentences, encoded.tokens, encoded.words))
        return passage_id

    def move_passage(self, passage_id: int, passage: Passage) -> None:
        """Give an unchanged passage its new place in its document."""
        self.connection.execute(
            MOVE_PASSAGE, (passage.start, passage.end, passage.author, passage.date, passage.heading, passage_id)
        )

    def delete_passage(self, passage_id: int) -> None:
        """Delete a passage that represents no other."""
        self.connection.execute("DELETE FROM encodings WHERE passage_id = ?", (passage_id,))
        self.connection.execute("DELETE FROM passages WHERE passage_id = ?", (passage_id,))

    def representative_of(self, passage_id: int) -> int | None:
        """The passage that stands for this one, or None where it stands for itself."""
        row = self.connection.execute(
            "SELECT representative FROM passages WHERE passage_id = ?", (passage_id,)
        ).fetchone()
        return row[0] if row else None

    def set_representative(self, passage_id: int, representative: int | None) -> None:
        """Let a passage be represented by another, or by itself (None)."""
        self.connection.execute(
            f"UPDATE passages SET representative = ?1, checksum = {checksum_sql('passages', representative='?1')} "
            "WHERE passage_id = ?2",
            (representative, passage_id),
        )

    def set_words(self, passage_id: int, words: bytes) -> None:
        """Store the words of a passage as they are folded now."""
        self.connection.execute(
            f"UPDATE encodings SET words = ?1, checksum = {checksum_sql('encodings', words='?1')} "
            "WHERE passage_id = ?2",
            (words, passage_id),
        )

    def represented_by(self, passage_id: int) -> list[int]:
        """The passages a representative stands for besides itself, in order."""
        rows = self.connection.execute(
            "SELECT passage_id FROM passages WHERE representative = ? ORDER BY passage_id", (passage_id,)
        )
        return [row[0] for row in rows]

    def read_passages(self, passage_ids: Sequence[int]) -> dict[int, StoredPassage]:
        """Passages by their number; those that do not exist are missing. A document's text is read once."""
        found: dict[int, StoredPassage] = {}
        documents: dict[int, Document] = {}
        for block in _blocks(passage_ids):
            marks = ", ".join("?" * len(block))
            for row in self.connection.execute(f"{PASSAGE} WHERE p.passage_id IN ({marks})", block).fetchall():
                key = row[1]
                if key not in documents:
                    documents[key] = self._document_of(key)
                found[row[0]] = as_passage(row, documents[key])
        return found

    def read_content(self, passage_id: int) -> tuple[str, Passage]:
        """The title of a passage's document, and what stands in the passage: neither sentences nor what came with it.

        Raises:
            IndexDamagedError: If there is no such passage, or it or its document is damaged.
        """
        row = self.connection.execute(CONTENT, (passage_id,)).fetchone()
        if row is None:
            raise IndexDamagedError(f"passage {passage_id} is gone; {REPAIR}")
        is_document_intact, is_passage_intact, doc_id, title, text, start, end, kind, lang, heading = row
        require_intact(is_document_intact, f"the document {doc_id!r}")
        require_intact(is_passage_intact, f"passage {passage_id}, of the document {doc_id!r},")
        return title, Passage(start, end, text[start:end], kind, None, None, lang, heading)

    def origins(self, passage_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
        """The number of the document and the language of passages; those that do not exist are missing.

        Raises:
            IndexDamagedError: If a passage is damaged.
        """
        found: dict[int, tuple[int, str]] = {}
        for block in _blocks(passage_ids):
            marks = ", ".join("?" * len(block))
            query = (
                f"SELECT passage_id, {intact_sql('passages')}, document_key, lang "
                f"FROM passages WHERE passage_id IN ({marks})"
            )
            for passage_id, is_intact, key, lang in self.connection.execute(query, block):
                require_intact(is_intact, f"passage {passage_id}")
                found[passage_id] = key, lang
        return found

    def iter_passages(self) -> Iterator[StoredPassage]:
        """Every passage, by document in the order they came in, then by place."""
        query = f"SELECT document_key, {DOCUMENT_INTACT}, {DOCUMENT} FROM documents ORDER BY document_key"
        for key, *row in self.connection.execute(query):
            document = as_document(row)
            rows = self.connection.execute(f"{PASSAGE} WHERE p.document_key = ? ORDER BY p.start", (key,))
            for of_passage in rows.fetchall():
                yield as_passage(of_passage, document)

    def passage_ids(self, doc_id: str) -> list[int]:
        """Numbers of a document's passages, in order of their place."""
        rows = self.connection.execute(
            "SELECT passage_id FROM passages JOIN documents USING (document_key) WHERE doc_id = ? ORDER BY start",
            (doc_id,),
        )
        return [row[0] for row in rows]

    def _document_of(self, key: int) -> Document:
        query = f"SELECT {DOCUMENT_INTACT}, {DOCUMENT} FROM documents WHERE document_key = ?"
        row = self.connection.execute(query, (key,)).fetchone()
        if row is None:
            raise IndexDamagedError(f"the document of number {key} is gone; {REPAIR}")
        return as_document(row)

    def _next(self, table: str, key: str) -> int:
        """A key that no row of a table has."""
        (last,) = self.connection.execute(f"SELECT COALESCE(MAX({key}), 0) FROM {table}").fetchone()
        return int(last) + 1

    # -- counts -------------------------------------------------------------------------------

    def count(self, table: str) -> int:
        """Rows of one of our tables."""
        return int(self.connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    def counts_by(self, column: str) -> dict[str, int]:
        """Passages by `lang` or `kind`, most frequent first."""
        counts = self._counted("passages", column)
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

    def documents_by_source(self) -> dict[str, int]:
        """Documents by the name of their source."""
        return dict(sorted(self._counted("documents", "source").items()))

    def _counted(self, table: str, column: str) -> Counter[str]:
        """How often each text comes; SQLite would sort them all, in 50 MB for a million."""
        return Counter(text for (text,) in self.connection.execute(f"SELECT CAST({column} AS TEXT) FROM {table}"))

    def left_out_by_reason(self) -> dict[str, tuple[int, int]]:
        """Number and characters of left-out stretches, by reason, most characters first."""
        totals: dict[str, tuple[int, int]] = {}
        for (packed,) in self.connection.execute("SELECT left_out FROM documents WHERE left_out != '[]'"):
            for start, end, reason in json.loads(packed):
                n, characters = totals.get(reason, (0, 0))
                totals[reason] = (n + 1, characters + end - start)
        return dict(sorted(totals.items(), key=lambda item: (-item[1][1], item[0])))

    def n_duplicates(self) -> int:
        """Passages that another one stands for."""
        query = "SELECT COUNT(*) FROM passages WHERE representative IS NOT NULL"
        return int(self.connection.execute(query).fetchone()[0])


def _blocks(ids: Sequence[int]) -> Iterator[list[int]]:
    for i in range(0, len(ids), _VARIABLES):
        yield [int(found) for found in ids[i : i + _VARIABLES]]
