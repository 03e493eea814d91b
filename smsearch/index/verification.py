"""Whether an index is what it says it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from smsearch.index.database import integrity_faults
from smsearch.index.derived import derived_faults
from smsearch.index.writer import IndexWriter

_UNIT_TOLERANCE = 5e-3  # float16 rounds each component

_COUNTS = {
    "passages without a document": (
        "SELECT COUNT(*) FROM passages WHERE document_key NOT IN (SELECT document_key FROM documents)"
    ),
    "passages without a vector": (
        "SELECT COUNT(*) FROM passages WHERE passage_id NOT IN (SELECT passage_id FROM encodings)"
    ),
    "vectors without a passage": (
        "SELECT COUNT(*) FROM encodings WHERE passage_id NOT IN (SELECT passage_id FROM passages)"
    ),
    "passages beyond the end of their document": (
        'SELECT COUNT(*) FROM passages JOIN documents USING (document_key) WHERE "end" > LENGTH(text) OR start >= "end"'
    ),
    "passages represented by one that represents itself by another": (
        "SELECT COUNT(*) FROM passages p LEFT JOIN passages r ON r.passage_id = p.representative "
        "WHERE p.representative IS NOT NULL AND (r.passage_id IS NULL OR r.representative IS NOT NULL)"
    ),
    "passages whose words are cut off": "SELECT COUNT(*) FROM encodings WHERE LENGTH(words) % 5 != 0",
    "passages whose tokens are cut off": "SELECT COUNT(*) FROM encodings WHERE LENGTH(tokens) % 2 != 0",
    "representatives without a key": (
        "SELECT COUNT(*) FROM passages WHERE representative IS NULL AND passage_id NOT IN "
        "(SELECT passage_id FROM repeats UNION ALL SELECT passage_id FROM new_keys)"
    ),
}


def index_faults(writer: IndexWriter) -> list[str]:
    """Everything found wrong with an index, a sentence each; empty when all is well.

    Checks SQLite's own structure, the counts, that every vector has the right
    length and is finite and unit (or zero), and the digests of the derived files.
    """
    faults = integrity_faults(writer.store.connection)
    if faults:
        return faults
    return [*_count_faults(writer), *_vector_faults(writer), *derived_faults(writer.folder, writer.store)]


def _count_faults(writer: IndexWriter) -> Iterator[str]:
    for what, query in _COUNTS.items():
        (n,) = writer.store.connection.execute(query).fetchone()
        if n:
            yield f"there are {n} {what}"


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
