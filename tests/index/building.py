"""Small indexes: a passage for each paragraph, encoded by keywords."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smsearch.index.reader import IndexReader
from smsearch.index.recorded_encoder import record_of
from smsearch.index.writer import IndexWriter, open_writer
from smsearch.indexing.preparing import encode_passages
from smsearch.indexing.updating import sort_out
from smsearch.records import Document, Passage, Span
from tests.fakes import KeywordEncoder

ENCODER = KeywordEncoder()


def new_writer(folder: Path) -> IndexWriter:
    return open_writer(folder, encoder=record_of(ENCODER))


def put(
    writer: IndexWriter, doc_id: str, *paragraphs: str, passage: dict[str, Any] | None = None, **attributes: Any
) -> None:
    """Store a document of these paragraphs; `passage` are attributes of each passage."""
    document = Document(doc_id, "\n\n".join(paragraphs), **attributes)
    passages, start = [], 0
    for text in paragraphs:
        end = start + len(text)
        passages.append(Passage(start, end, text, sentences=((0, len(text)),), **(passage or {})))
        start = end + 2
    new, kept = sort_out(writer, document, passages)
    encoded = encode_passages([document.title] * len(new), new, ENCODER)
    left_out = [Span(0, 1, "test")] if document.metadata.get("left_out") else []
    with writer.batch():
        writer.replace_document(
            document, encoded, kept, fingerprint=document.fingerprint, source_id=None, left_out=left_out
        )


def texts_found(reader: IndexReader) -> list[tuple[str, str]]:
    """Document and text of every passage that can be found; call within a snapshot."""
    ids = [int(i) for i in reader.passage_ids[reader.alive]]
    stored = reader.store.read_passages(ids)
    return sorted((stored[i].doc_id, stored[i].passage.text) for i in ids)


def cosines(reader: IndexReader, query: str) -> dict[int, float]:
    """Cosine of a query with every passage that can be found, by passage; call within a snapshot."""
    vector = ENCODER.encode_queries([query])
    scores, rows = reader.vectors.search(vector, max(len(reader), 1), admitted=reader.alive)
    assert np.allclose(scores[0], reader.vectors.scores(vector[0], rows[0]))
    return {int(reader.passage_ids[row]): round(float(score), 3) for score, row in zip(scores[0], rows[0], strict=True)}
