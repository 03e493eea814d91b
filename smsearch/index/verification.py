"""Whether an index is what it says it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from smsearch.errors import IndexDamagedError
from smsearch.index.changes import changed_representatives, touched_documents
from smsearch.index.checksums import CHECKED, intact_sql
from smsearch.index.database import Connection, integrity_faults
from smsearch.index.derived import Derived, are_laid_out_otherwise, derived_faults, open_derived
from smsearch.index.store import LOST
from smsearch.index.writer import IndexWriter

_UNIT_TOLERANCE = 5e-3  # float16 rounds each component

_COUNTS = {
    **{what: f"SELECT COUNT(*) {lost}" for what, lost in LOST.items()},
    "passages beyond the end of their document": (
        'SELECT COUNT(*) FROM passages JOIN documents USING (document_key) WHERE "end" > LENGTH(text) OR start >= "end"'
    ),
    "passages represented by one that represents itself by another": (
        "SELECT COUNT(*) FROM passages p LEFT JOIN passages r ON r.passage_id = p.representative "
        "WHERE p.representative IS NOT NULL AND (r.passage_id IS NULL OR r.representative IS NOT NULL)"
    ),
    "representatives without a key": (
        "SELECT COUNT(*) FROM passages WHERE representative IS NULL AND passage_id NOT IN "
        "(SELECT passage_id FROM repeats UNION ALL SELECT passage_id FROM new_keys)"
    ),
}


def index_faults(writer: IndexWriter) -> list[str]:
    """Everything found wrong with an index, a sentence each; empty when all is well.

    Checks SQLite's own structure, the checksum of every row, the counts, that every vector has the right
    length and is finite and unit (or zero), the digests of the derived files, and that these and the changes
    since then hold every representative.
    """
    connection = writer.store.connection
    faults = integrity_faults(connection)
    if faults:
        return faults
    faults = [*_row_faults(connection), *_count_faults(connection), *_change_faults(writer)]
    if faults:
        return faults
    return [*_vector_faults(writer), *_derived_faults(writer)]


def _row_faults(connection: Connection) -> Iterator[str]:
    """Rows that are not what was written."""
    for table in CHECKED:
        (n,) = connection.execute(f"SELECT COUNT(*) FROM {table} WHERE NOT {intact_sql(table)}").fetchone()
        if n:
            yield f"{n} rows of {table} are not what was written"


def _count_faults(connection: Connection) -> Iterator[str]:
    for what, query in _COUNTS.items():
        (n,) = connection.execute(query).fetchone()
        if n:
            yield f"there are {n} {what}"


def _change_faults(writer: IndexWriter) -> Iterator[str]:
    """Whether the record of what changed since the derived files were written is whole."""
    try:
        changed_representatives(writer.store)
        touched_documents(writer.store)
    except IndexDamagedError as error:
        yield str(error)


def _vector_faults(writer: IndexWriter) -> Iterator[str]:
    dim = writer.encoder.dim
    for passage_id, packed in writer.store.connection.execute("SELECT passage_id, vector FROM encodings"):
        vector = np.frombuffer(packed, dtype="<f2").astype(np.float32) if len(packed) == 2 * dim else None
        if vector is None:
            yield f"the vector of passage {passage_id} has {len(packed)} bytes, not {2 * dim}"
        elif not np.isfinite(vector).all():
            yield f"the vector of passage {passage_id} is not finite"
        elif vector.any() and abs(float(np.linalg.norm(vector)) - 1) > _UNIT_TOLERANCE:
            yield f"the vector of passage {passage_id} has length {np.linalg.norm(vector):.4f}, not 1"


def _derived_faults(writer: IndexWriter) -> Iterator[str]:
    place = writer.folder, writer.store
    yield from derived_faults(*place)
    if are_laid_out_otherwise(*place):
        yield f"the derived files of {str(writer.folder)!r} are laid out otherwise than by this version"
    elif derived := open_derived(*place):
        yield from _missing_faults(writer, derived)


def _missing_faults(writer: IndexWriter, derived: Derived) -> Iterator[str]:
    """Representatives that no search would find, and passages that it would find though they are none."""
    connection = writer.store.connection
    changed = changed_representatives(writer.store)
    found = set(derived.passage_ids.tolist()) - {passage_id for passage_id, is_there in changed.items() if not is_there}
    found |= {passage_id for passage_id, is_there in changed.items() if is_there}
    query = "SELECT passage_id FROM passages WHERE representative IS NULL"
    expected = {passage_id for (passage_id,) in connection.execute(query)}
    if missing := len(expected - found):
        yield f"there are {missing} passages that no search finds"
    if extra := len(found - expected):
        yield f"there are {extra} passages that searches find and that are none"
