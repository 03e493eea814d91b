"""What changed since the derived files were written: representatives that came and went, documents that were touched.

Every row of this record has its checksum, and SQLite says how many rows there are, so that none is lost in silence.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.index.checksums import checksum_of, checksum_sql, intact_sql, require_intact
from smsearch.index.store import Store

META: Final = "changes"
_INSERT: Final = (
    f"INSERT INTO changes (passage_id, added, checksum) VALUES (?1, ?2, {checksum_of('changes', ('?1', '?2'))})"
)
_WHAT: Final = "the record of what changed since the derived files were written"


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """How much was recorded.

    Attributes:
        revision: Grows with every batch that changed anything.
        representatives: Rows of `changes`.
        documents: Rows of `touched`.
    """

    revision: int = 0
    representatives: int = 0
    documents: int = 0


class Changes:
    """Records changes, over an open connection; the caller opens and ends transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._new = ChangeCounts()

    def representative(self, passage_id: int, *, came: bool) -> None:
        """Record a representative that came or went."""
        self._store.connection.execute(_INSERT, (passage_id, int(came)))
        self._add(representatives=1)

    def document(self, key: int) -> None:
        """Record a document of which something changed: itself, its passages, or what stands for them."""
        self._touch("(SELECT ?1 AS document_key)", key)

    def document_of(self, passage_id: int) -> None:
        """Record the document of a passage."""
        self._touch("passages WHERE passage_id = ?1", passage_id)

    def documents_of(self, source_id: int) -> None:
        """Record the documents of a source."""
        self._touch("documents WHERE source_id = ?1", source_id)

    def _touch(self, what: str, number: int) -> None:
        query = f"INSERT OR IGNORE INTO touched SELECT document_key, {checksum_sql('touched')} FROM {what}"
        self._add(documents=self._store.connection.execute(query, (number,)).rowcount)

    def clear(self) -> None:
        """Forget all: the derived files hold it."""
        counts = read_counts(self._store)
        for table in ("changes", "touched"):
            self._store.connection.execute(f"DELETE FROM {table}")
        self.forget()
        self._store.set_meta(META, asdict(ChangeCounts(counts.revision + 1)))

    def settle(self) -> None:
        """Say how much there is now; the last thing before a batch is kept."""
        if self._new == ChangeCounts():
            return
        counts = read_counts(self._store)
        settled = ChangeCounts(
            counts.revision + 1,
            counts.representatives + self._new.representatives,
            counts.documents + self._new.documents,
        )
        self._store.set_meta(META, asdict(settled))
        self.forget()

    def forget(self) -> None:
        """Forget what was not settled: the batch was taken back."""
        self._new = ChangeCounts()

    def _add(self, *, representatives: int = 0, documents: int = 0) -> None:
        new = self._new
        self._new = ChangeCounts(1, new.representatives + representatives, new.documents + documents)


def read_counts(store: Store) -> ChangeCounts:
    """How much was recorded.

    Raises:
        IndexDamagedError: If that is not known.
    """
    found = store.get_meta(META)
    known = isinstance(found, dict) and sorted(found) == sorted(asdict(ChangeCounts()))
    require_intact(known and all(isinstance(n, int) for n in found.values()), _WHAT)
    return ChangeCounts(**found)


def changed_representatives(store: Store) -> dict[int, bool]:
    """Whether each representative that came or went is there now.

    Raises:
        IndexDamagedError: If a row of the record is damaged or gone.
    """
    query = f"SELECT {intact_sql('changes')}, passage_id, added FROM changes ORDER BY change_id"
    rows = store.connection.execute(query).fetchall()
    whole = len(rows) == read_counts(store).representatives
    require_intact(whole and all(is_intact for is_intact, _, _ in rows), _WHAT)
    return {passage_id: bool(added) for _, passage_id, added in rows}


def touched_documents(store: Store) -> NDArray[np.int64]:
    """Keys of the documents that were touched, ascending; some may be gone.

    Raises:
        IndexDamagedError: If a row of the record is damaged or gone.
    """
    query = f"SELECT {intact_sql('touched')}, document_key FROM touched ORDER BY document_key"
    rows = store.connection.execute(query).fetchall()
    whole = len(rows) == read_counts(store).documents
    require_intact(whole and all(is_intact for is_intact, _ in rows), _WHAT)
    return np.array([key for _, key in rows], np.int64)
