"""Small indexes: a passage for each paragraph, encoded by keywords."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smsearch.index.postings import pack_words
from smsearch.index.reader import IndexReader
from smsearch.index.recorded_encoder import record_of
from smsearch.index.stored import EncodedPassage
from smsearch.index.tokens import Sentences, pack_tokens
from smsearch.index.words import passage_keys, passage_names, passage_terms
from smsearch.index.writer import IndexWriter, open_writer
from smsearch.records import Document, Passage, Span
from smsearch.text.passages import encoder_text
from tests.fakes import KeywordEncoder

ENCODER = KeywordEncoder()


def new_writer(folder: Path) -> IndexWriter:
    return open_writer(folder, encoder=record_of(ENCODER))


def put(
    writer: IndexWriter,
    doc_id: str,
    *paragraphs: str,
    passage: dict[str, Any] | None = None,
    source_id: int | None = None,
    **attributes: Any,
) -> None:
    """Store a document of these paragraphs; `passage` are attributes of each passage."""
    document = Document(doc_id, "\n\n".join(paragraphs), **attributes)
    passages, start = [], 0
    for text in paragraphs:
        end = start + len(text)
        passages.append(Passage(start, end, text, sentences=((0, len(text)),), **(passage or {})))
        start = end + 2
    encoded, kept = _sort_out(writer, document, passages)
    left_out = [Span(0, 1, "test")] if document.metadata.get("left_out") else []
    with writer.batch():
        writer.replace_document(
            document, encoded, kept, fingerprint=document.fingerprint, source_id=source_id, left_out=left_out
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


def _sort_out(
    writer: IndexWriter, document: Document, passages: Sequence[Passage]
) -> tuple[list[EncodedPassage], list[tuple[int, Passage]]]:
    """What has to be stored, and what stands already under the same fingerprint."""
    stored = writer.store.find_document(document.doc_id)
    standing = writer.store.passages_of(stored.key) if stored else {}
    new, kept = [], []
    for passage in passages:
        encoded = _encoded(document.title, passage)
        if same := standing.get(encoded.fingerprint):
            kept.append((same.pop(0), passage))
        else:
            new.append(encoded)
    return new, kept


def _encoded(title: str, passage: Passage) -> EncodedPassage:
    seen = encoder_text(title, passage)
    decisive = f"{passage.lang} {passage.kind} {seen} {sorted(passage_names(title, passage))}"
    fingerprint = hashlib.blake2b(decisive.encode(), digest_size=16).digest()
    ids = ENCODER.token_ids([passage.text])
    (tokens,) = pack_tokens(Sentences.from_lists([ids], ENCODER.sum_lengths(ids)))
    vector = ENCODER.encode_passages([seen])[0].astype("<f2")
    words, plain = passage_terms(title, passage)
    keys = tuple(passage_keys(title, passage, words))
    return EncodedPassage(passage, fingerprint, vector.tobytes(), tokens, *pack_words([words], [plain]), keys)
