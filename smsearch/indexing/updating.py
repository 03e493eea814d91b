"""Sources read into an index: what is new is encoded, what changed replaced, what vanished removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice
from pathlib import Path

from smsearch.encoders import token_encoder_for
from smsearch.encoders.e5.encoder import E5Encoder
from smsearch.encoders.protocol import Encoder
from smsearch.encoders.static import StaticEncoder
from smsearch.errors import ShrinkError, SourceError
from smsearch.index.recorded_encoder import check_encoder
from smsearch.index.writer import IndexWriter
from smsearch.indexing.preparing import Batch, CutOptions, Prepared, Preparer, document_fingerprint
from smsearch.indexing.workers import Workers, job_count
from smsearch.records import BuildReport, Document, Source, Unread
from smsearch.sources import read_source
from smsearch.text.boilerplate import recurring_lines

Progress = Callable[[int], None]
_Seen = dict[str, None]  # a set would be walked through by every full collection of garbage, up to Python 3.13

_BATCH_CHARACTERS = 500_000
_SLOW_BATCH_CHARACTERS = 50_000  # of a transformer: some seconds
_BATCH_DOCUMENTS = 500
_FEWEST_BATCHES = 3  # for which it pays to start workers, which takes a second
_SLOW_BATCH_DOCUMENTS = 50  # of a transformer, which takes seconds for them
_SAMPLE_DOCUMENTS = 1_000
_SAMPLE_CHARACTERS = 20_000_000
_MOST_VANISHING = 0.5


@dataclass(slots=True)
class _Tally:
    """What has happened so far, and what is still to be removed."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    encoded: int = 0
    skipped: list[Unread] = field(default_factory=list)
    failed: list[Unread] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    kept: int = 0


@dataclass(frozen=True, slots=True)
class _Pending(Batch):
    """A batch with what is written beside it.

    Attributes:
        fingerprints: Of each document, and of how it is cut.
        n_unchanged: Documents of this stretch that are stored as they are.
    """

    fingerprints: Sequence[str] = ()
    n_unchanged: int = 0


class Updater:
    """Brings an index up to date, batch by batch; every finished batch survives an interruption."""

    def __init__(
        self,
        writer: IndexWriter,
        encoder: Encoder,
        *,
        options: CutOptions | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Prepare to write to an index.

        Args:
            writer: The index.
            encoder: The encoder the index was made with.
            options: How documents are cut.
            progress: Called with the number of documents dealt with since the last call.

        Raises:
            EncoderError: If the index was made with another encoder.
        """
        check_encoder(writer.encoder, encoder)
        self._writer = writer
        self._encoder = encoder
        self._token_encoder = token_encoder_for(encoder)
        self._options = options or CutOptions()
        self._progress = progress or (lambda _n: None)
        self._tally = _Tally()

    def index_sources(self, sources: Sequence[Source], *, allow_shrink: bool = False) -> BuildReport:
        """Read sources into the index and remove what they no longer hold.

        Documents of a source in which something could not be read are kept even when they were
        not found.

        Args:
            sources: What to read.
            allow_shrink: Whether more than half of all documents may be removed.

        Raises:
            ShrinkError: If more than half of the documents would be removed; what was added and
                changed stays, nothing is removed.
        """
        begin = time.perf_counter()
        n_before = self._writer.store.count("documents")
        for source in sources:
            self._index_source(source)
        vanished = self._tally.vanished
        refused = len(vanished) > _MOST_VANISHING * n_before and not allow_shrink
        if vanished and not refused:
            with self._writer.batch():
                for doc_id in vanished:
                    self._writer.remove_document(doc_id)
        self._writer.learn_centring()
        self._writer.refresh_derived()
        if vanished and refused:
            raise ShrinkError(
                f"{len(vanished)} of {n_before} documents are no longer in their sources and were kept "
                f"({self._tally.added} added, {self._tally.changed} changed); if they should go, say --allow-shrink"
            )
        return self._report(removed=len(vanished), begin=begin)

    def add_documents(self, documents: Iterable[Document]) -> BuildReport:
        """Store documents that were handed in, replacing those of the same `doc_id`.

        They belong to no source, so no update removes them.
        """
        begin = time.perf_counter()
        for batch in _batches(map(_storable, documents), self._encoder):
            last = {document.doc_id: document for document in batch}
            self._store([self._pending(list(last.values()), frozenset())], None)
        self._writer.learn_centring()
        self._writer.refresh_derived()
        return self._report(removed=0, begin=begin)

    def rewrite(self, documents: Iterable[tuple[Document, int | None]]) -> BuildReport:
        """Cut, encode and store documents again, whatever is stored under their identifiers.

        Args:
            documents: Each with the number of its source.
        """
        begin = time.perf_counter()
        by_source: dict[int | None, list[Document]] = {}
        for document, source_id in documents:
            by_source.setdefault(source_id, []).append(document)
        for source_id, of_source in by_source.items():
            sample = of_source[:_SAMPLE_DOCUMENTS] if source_id is not None else []
            recurring = recurring_lines(document.text for document in sample)
            self._tally.changed += len(of_source)
            batches = (
                _Pending(batch, [{}] * len(batch), recurring, [self._fingerprint(each, recurring) for each in batch])
                for batch in _batches(of_source, self._encoder)
            )
            self._store(batches, source_id)
        return self._report(removed=0, begin=begin)

    def _index_source(self, source: Source) -> None:
        with self._writer.batch():
            source_id = self._writer.record_source(source)
        n_failed = len(self._tally.failed)
        seen: _Seen = {}
        stored = dict.fromkeys(self._writer.store.document_ids(source_id))
        documents = self._documents(source, stored, seen)
        sample = list(_sampled(documents))
        recurring = recurring_lines(document.text for document in sample)
        batches = _batches(chain(sample, documents), self._encoder)
        self._store((self._pending(batch, recurring) for batch in batches), source_id)
        if source.path == "-":  # what came in before cannot be looked for again
            return
        missing = [doc_id for doc_id in stored if doc_id not in seen]
        if len(self._tally.failed) > n_failed:
            self._tally.kept += len(missing)
        else:
            self._tally.vanished += missing

    def _documents(self, source: Source, stored: Collection[str], seen: _Seen) -> Iterator[Document]:
        """The documents of a source under the identifiers they have in this index."""
        for found in _read_or_say(source):
            if isinstance(found, Unread):
                (self._tally.failed if found.failed else self._tally.skipped).append(found)
                continue
            doc_id = self._free_id(found.doc_id, source, stored, seen)
            seen[doc_id] = None
            yield replace(found, doc_id=doc_id)

    def _free_id(self, doc_id: str, source: Source, stored: Collection[str], seen: _Seen) -> str:
        """The identifier a document has in this index: its own, unless another document has that.

        One that stands under another source gets the name of its source before it; one that two
        documents of a source share is numbered. A document keeps what it was stored under.
        """
        if doc_id in stored and doc_id not in seen:  # as most are
            return doc_id
        own = (each for each in self._candidates(doc_id, source, seen) if each in stored and each not in seen)
        kept = next(own, None) if stored else None
        if kept is not None:
            return kept
        candidates = (each for each in self._candidates(doc_id, source, seen) if each not in seen)
        return next(each for each in candidates if self._writer.store.find_document(each) is None)

    def _candidates(self, doc_id: str, source: Source, seen: _Seen) -> Iterator[str]:
        """Identifiers a document may have, the most wanted first; the last one is free."""
        yield doc_id
        if doc_id not in seen:
            path = Path(source.path)
            yield f"{path.parent.name if path.name == doc_id else path.name}/{doc_id}"
            yield f"{path.parent.as_posix()}/{doc_id}"
        for number in count(2):
            yield (candidate := f"{doc_id}~{number}")
            if candidate not in seen and self._writer.store.find_document(candidate) is None:
                return

    def _pending(self, documents: Sequence[Document], recurring: frozenset[str]) -> _Pending:
        """Those of the documents that are not stored as they are."""
        changed: list[tuple[Document, Mapping[bytes, Sequence[int]], str]] = []
        for document in documents:
            fingerprint = self._fingerprint(document, recurring)
            stored = self._writer.store.find_document(document.doc_id)
            if stored and stored.fingerprint == fingerprint:
                continue
            changed.append((document, self._writer.store.passages_of(stored.key) if stored else {}, fingerprint))
            self._tally.added += stored is None
            self._tally.changed += stored is not None
        n_unchanged = len(documents) - len(changed)
        self._tally.unchanged += n_unchanged
        pending, standing, fingerprints = zip(*changed, strict=True) if changed else ((), (), ())
        return _Pending(pending, standing, recurring, fingerprints, n_unchanged)

    def _store(self, batches: Iterable[_Pending], source_id: int | None) -> None:
        """Prepare batch after batch, and write each when it is ready."""
        with closing(self._prepared(iter(batches))) as prepared_batches:
            for pending, prepared in prepared_batches:
                if prepared:
                    self._write(pending, prepared, source_id)
                self._progress(len(pending.documents) + pending.n_unchanged)

    def _prepared(self, batches: Iterator[_Pending]) -> Generator[tuple[_Pending, list[Prepared]], None, None]:
        """The batches in order; prepared by workers where there are many, else here."""
        jobs = job_count() if isinstance(self._encoder, StaticEncoder | E5Encoder) else 1
        if jobs > 1:
            first = list(islice((each for each in batches if self._is_work(each)), _FEWEST_BATCHES))
            batches = chain(first, batches)
            if len(first) == _FEWEST_BATCHES:
                with Workers(jobs, self._encoder, self._options) as workers:
                    yield from workers.prepare(batches)
                return
        for pending in batches:
            yield (
                pending,
                Preparer(self._encoder, self._options, self._token_encoder).prepare(pending)
                if pending.documents
                else [],
            )

    def _is_work(self, pending: _Pending) -> bool:
        """Whether there is something to prepare; else the documents are done with."""
        if not pending.documents:
            self._progress(pending.n_unchanged)
        return bool(pending.documents)

    def _write(self, pending: _Pending, prepared: Sequence[Prepared], source_id: int | None) -> None:
        with self._writer.batch():
            for document, fingerprint, each in zip(pending.documents, pending.fingerprints, prepared, strict=True):
                self._writer.replace_document(
                    document,
                    each.new,
                    each.kept,
                    fingerprint=fingerprint,
                    source_id=source_id,
                    left_out=each.left_out,
                    lang=each.lang,
                )
        self._tally.encoded += sum(len(each.new) for each in prepared)

    def _fingerprint(self, document: Document, recurring: frozenset[str]) -> str:
        return document_fingerprint(document, encoder=self._encoder, options=self._options, recurring=recurring)

    def _report(self, *, removed: int, begin: float) -> BuildReport:
        tally = self._tally
        return BuildReport(
            added=tally.added,
            changed=tally.changed,
            removed=removed,
            unchanged=tally.unchanged,
            encoded=tally.encoded,
            skipped=tuple(tally.skipped),
            failed=tuple(tally.failed),
            kept=tally.kept,
            seconds=time.perf_counter() - begin,
        )


def _read_or_say(source: Source) -> Iterator[Document | Unread]:
    """What a source gives; a source that is gone is a fault of its own and does not stop the others."""
    try:
        yield from read_source(source)
    except SourceError as error:
        yield Unread(source.name, str(error))


def _batches(documents: Iterable[Document], encoder: Encoder) -> Iterator[list[Document]]:
    """Documents in lots that are stored together: large enough to be fast, small enough to do again."""
    is_fast = encoder.max_tokens is None
    most = _BATCH_DOCUMENTS if is_fast else _SLOW_BATCH_DOCUMENTS
    most_characters = _BATCH_CHARACTERS if is_fast else _SLOW_BATCH_CHARACTERS
    batch: list[Document] = []
    n_characters = 0
    for document in documents:
        batch.append(document)
        n_characters += _size_of(document)
        if n_characters >= most_characters or len(batch) >= most:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _sampled(documents: Iterator[Document]) -> Iterator[Document]:
    """The first documents, as many as tell which lines recur and take little memory."""
    n_characters = 0
    for document in islice(documents, _SAMPLE_DOCUMENTS):
        yield document
        n_characters += _size_of(document)
        if n_characters >= _SAMPLE_CHARACTERS:
            return


def _size_of(document: Document) -> int:
    """Characters of its text and of what else it holds."""
    return len(document.text) + sum(len(value) for value in document.metadata.values() if isinstance(value, str))


def _storable(document: Document) -> Document:
    """The document with what SQLite cannot hold (NUL, lone surrogates) replaced, wherever it stands.

    Raises:
        SourceError: If it has no identifier.
    """
    if not document.doc_id.strip():
        raise SourceError(f"the document {document.text[:40]!r} has no doc_id; give it one")
    author, date = document.author, document.date
    return replace(
        document,
        doc_id=_storable_text(document.doc_id),
        text=_storable_text(document.text),
        title=_storable_text(document.title),
        source=_storable_text(document.source),
        author=None if author is None else _storable_text(author),
        date=None if date is None else _storable_text(date),
        lang=_storable_text(document.lang),
        metadata={
            _storable_text(key): _storable_text(value) if isinstance(value, str) else value
            for key, value in document.metadata.items()
        },
        sections=tuple(
            replace(section, author=None if section.author is None else _storable_text(section.author))
            for section in document.sections
        ),
    )


def _storable_text(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
