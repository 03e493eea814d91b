"""The statements by which rows are written with their checksums, and read with whether they are intact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from smsearch.index.checksums import CHECKED, checksum_of, checksum_sql, intact_sql


def _insert_sql(table: str, columns: Sequence[str]) -> str:
    """An `INSERT` of a row with its checksum.

    Args:
        table: Of those with checksums.
        columns: Covered by the checksum; those that are left out are NULL.
    """
    marks = {column: f"?{n}" for n, column in enumerate(columns, 1)}
    covered = checksum_of(table, [marks.get(column, "NULL") for column in CHECKED[table]])
    return f"INSERT INTO {table} ({', '.join(marks)}, checksum) VALUES ({', '.join(marks.values())}, {covered})"


DOCUMENT: Final = "doc_id, text, title, source, author, date, lang, metadata, sections"
DOCUMENT_INTACT: Final = intact_sql("documents")
STATED: Final = f"source_id, {DOCUMENT_INTACT}, {DOCUMENT.replace(' lang,', ' stated_lang,')}"
PASSAGE: Final = f"""
SELECT p.passage_id, p.document_key, {intact_sql("passages", "p.")} AND {intact_sql("encodings", "e.")},
    p.start, p."end", p.kind, p.author, p.date, p.lang, p.heading, e.sentences,
    (SELECT COUNT(*) FROM passages o WHERE o.representative = COALESCE(p.representative, p.passage_id))
FROM passages p JOIN encodings e ON e.passage_id = p.passage_id"""

CONTENT: Final = f"""
SELECT {intact_sql("documents", "d.")}, {intact_sql("passages", "p.")},
    d.doc_id, d.title, d.text, p.start, p."end", p.kind, p.lang, p.heading
FROM passages p JOIN documents d USING (document_key) WHERE p.passage_id = ?"""


INSERT_PASSAGE: Final = _insert_sql("passages", CHECKED["passages"][:-1])
INSERT_ENCODING: Final = _insert_sql("encodings", CHECKED["encodings"])
MOVE_PASSAGE: Final = (
    'UPDATE passages SET start = ?1, "end" = ?2, author = ?3, date = ?4, heading = ?5, checksum = '
    + checksum_sql("passages", start="?1", end="?2", author="?3", date="?4", heading="?5")
    + " WHERE passage_id = ?6"
)
WRITE_SOURCE: Final = (
    _insert_sql("sources", CHECKED["sources"])
    + " ON CONFLICT (path) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in (*CHECKED["sources"][2:], "checksum"))
)
WRITE_META: Final = f"INSERT OR REPLACE INTO meta VALUES (?1, ?2, {checksum_of('meta', ('?1', '?2'))})"
INSERT_DOCUMENT: Final = _insert_sql("documents", CHECKED["documents"])
WRITE_DOCUMENT: Final = (
    INSERT_DOCUMENT
    + " ON CONFLICT (doc_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in (*CHECKED["documents"][2:], "checksum"))
)
