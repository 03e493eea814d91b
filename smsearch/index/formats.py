"""The formats of an index there were, and how an earlier one becomes ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from smsearch.index.checksums import CHECKED, checksum_of, checksum_sql, crc_sql

if TYPE_CHECKING:
    import sqlite3

FORMAT: Final = 4
UPGRADABLE: Final = (2, 3)
TOUCHED: Final = "CREATE TABLE touched (document_key INTEGER PRIMARY KEY, checksum INTEGER NOT NULL)"
"""The table that came with format 4."""

_WITH_CHECKSUMS: Final = 3


def upgrade(connection: sqlite3.Connection) -> None:
    """From format 2, whose rows have no checksums, or 3, whose checksums say nothing of tables, numbers and changes.

    A row that was damaged before keeps a checksum that does not fit. Call within a write transaction.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == FORMAT:  # another process was faster
        return
    connection.execute(TOUCHED)
    for table in CHECKED.keys() - {"touched"}:
        with_checksums = found == _WITH_CHECKSUMS and table != "changes"
        if not with_checksums:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")
        is_intact = f"{_checksum_of_format_3(table)} IS checksum" if with_checksums else "TRUE"
        connection.execute(f"UPDATE {table} SET checksum = {checksum_sql(table)} WHERE {is_intact}")
    (n,) = connection.execute("SELECT COUNT(*) FROM changes").fetchone()
    counts = json.dumps({"revision": 0, "representatives": n, "documents": 0})
    meta = f"INSERT INTO meta VALUES (?1, ?2, {checksum_of('meta', ('?1', '?2'))})"
    connection.execute(meta, ("changes", counts))
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _checksum_of_format_3(table: str) -> str:
    """What the checksum of a row was: of its columns, neither its table nor its number among them."""
    return crc_sql(CHECKED[table] if table == "meta" else CHECKED[table][1:])
