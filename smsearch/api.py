"""The Python door: build an index, open it, ask it, keep it up to date."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from smsearch.encoders import Encoder, load_encoder
from smsearch.errors import IndexStateError, NotFoundError, QueryError, SourceError
from smsearch.index.database import has_index
from smsearch.index.reader import IndexReader
from smsearch.index.recorded_encoder import check_encoder, record_of
from smsearch.notebook import Hits
from smsearch.records import BuildReport, Document, Fields, Filters, Mode, Span, Status

if TYPE_CHECKING:
    from smsearch.index.writer import IndexWriter
    from smsearch.indexing.preparing import CutOptions
    from smsearch.indexing.updating import Progress, Updater
    from smsearch.search.searcher import Rerank, Searcher

DEFAULT_INDEX = "indexes/default"
INDEX_VARIABLE = "SMSEARCH_INDEX"

PathLike = str | os.PathLike[str]


def index_folder(path: PathLike | None = None) -> Path:
    """The folder of an index: the one named, else `$SMSEARCH_INDEX`, else `indexes/default`."""
    return Path(path or os.environ.get(INDEX_VARIABLE) or DEFAULT_INDEX)


def open_index(path: PathLike | None = None, *, encoder: Encoder | None = None) -> Index:
    """Open an index for asking and changing.

    Args:
        path: Its folder; None takes `$SMSEARCH_INDEX`, else `indexes/default`.
        encoder: The encoder to use; None loads the one the index was made with, when needed.

    Raises:
        NotFoundError: If there is no index.
        IndexStateError: If it is damaged, or from a newer version.
        EncoderError: If the encoder does not fit the index.
    """
    return Index(index_folder(path), encoder=encoder)


def build_index(
    sources: PathLike | Sequence[PathLike],
    path: PathLike | None = None,
    *,
    model: PathLike | None = None,
    model_options: Mapping[str, Any] | None = None,
    format: str | None = None,  # noqa: A002  the field's word
    fields: Fields | None = None,
    target_tokens: int | None = None,
    keep_boilerplate: bool | None = None,
    allow_shrink: bool = False,
    progress: Progress | None = None,
) -> Index:
    """Read files, folders and exports into an index; made if it is not there, else brought up to date.

    Only what is new or changed is encoded, and what vanished from these sources is removed.

    Args:
        sources: Files, folders, glob patterns, or `-` for standard input.
        path: Folder of the index; None takes `$SMSEARCH_INDEX`, else `indexes/default`.
        model: `builtin`, the name of a sentence-transformers model, or a directory; None takes the
            one the index was made with, for a new index `builtin`.
        model_options: Further keywords of `load_encoder`: prompts, device, backend and so on.
        format: Reader to use for every file; None goes by each file's name.
        fields: Which fields of JSONL and CSV files hold what.
        target_tokens: Length at which a passage is full, in the encoder's tokens (160 unless the
            index says otherwise).
        keep_boilerplate: Whether comment forms, navigation and the like stay in the passages (no,
            unless the index says otherwise).
        allow_shrink: Whether more than half of all documents may be removed.
        progress: Called with the number of documents dealt with since the last call.

    Returns:
        The index, open; `index.report` says what was done.

    Raises:
        SourceError: If a source is not there.
        EncoderError: If the model cannot be loaded, or the index was made with another one.
        ShrinkError: If more than half of all documents would be removed.
        IndexLockedError: If another process is writing to the index.
    """
    from smsearch.index.writer import open_writer
    from smsearch.sources import resolve_source

    named = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not named:
        raise SourceError("no source was named; name a file, a folder, a pattern, or - for standard input")
    resolved = [resolve_source(os.fspath(each), format=format, fields=fields or Fields()) for each in named]
    folder = index_folder(path)
    encoder = _load_for(folder, model, dict(model_options or {}))
    with open_writer(folder, encoder=record_of(encoder)) as writer:
        options = _recorded_options(writer, target_tokens=target_tokens, keep_boilerplate=keep_boilerplate)
        report = _updater(writer, encoder, options, progress).index_sources(resolved, allow_shrink=allow_shrink)
    index = Index(folder, encoder=encoder)
    index.report = report
    return index


def count_files(sources: Sequence[PathLike]) -> int | None:
    """How many files some sources hold, for a progress bar; None where that cannot be known beforehand.

    Raises:
        SourceError: If a source is not there.
    """
    from smsearch.sources import count_files as count
    from smsearch.sources import resolve_source

    counts = [count(resolve_source(os.fspath(each))) for each in sources]
    return None if None in counts else sum(n for n in counts if n is not None)


class Index:
    """An open index. Use it as a context manager, or `close` it; it may be shared between threads.

    Attributes:
        folder: Where it is.
        report: What the last build or update through this object did, or None.
    """

    def __init__(self, folder: Path, *, encoder: Encoder | None = None) -> None:
        """See `open_index`."""
        self.folder = folder
        self.report: BuildReport | None = None
        self._lock = RLock()
        self._closed = False
        self._reader = IndexReader(folder)
        self._encoder = encoder
        if encoder is not None:
            check_encoder(self._reader.encoder, encoder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of documents."""
        with self._reading():
            return self._reader.store.count("documents")

    def __contains__(self, doc_id: object) -> bool:
        with self._reading():
            return isinstance(doc_id, str) and self._reader.store.find_document(doc_id) is not None

    def close(self) -> None:
        """Let go of the files; nothing can be asked or changed after that."""
        with self._lock:
            self._closed = True
            self._reader.close()

    # -- asking -------------------------------------------------------------------------------

    @property
    def encoder(self) -> Encoder:
        """The encoder the index was made with, loaded when first needed.

        Raises:
            EncoderError: If it cannot be loaded, or gives other vectors than those in the index.
        """
        recorded = self._reader.encoder
        if self._encoder is None or self._encoder.fingerprint != recorded.fingerprint:
            loaded = load_encoder(recorded.name, **recorded.settings)
            check_encoder(recorded, loaded)
            self._encoder = loaded
        return self._encoder

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        mode: Mode = "hybrid",
        langs: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        where: Mapping[str, object] | None = None,
        per_document: int | None = None,
        min_score: float | None = None,
        rerank: PathLike | None = None,
    ) -> Hits:
        """The passages that answer a query best, in whatever language.

        Args:
            query: What is asked.
            k: How many hits; fewer come only if no more passages are admitted.
            mode: `hybrid` weighs meaning and words, `dense` goes by the cosine of the vectors alone,
                `lexical` by BM25 of the words alone.
            langs: Only passages in these languages, BCP 47.
            kinds: Only `post` or `comment`.
            sources: Only documents of these sources, by name.
            since: Only documents of this date or later, ISO 8601 (`2010`, `2010-03`, `2010-03-09`).
            until: Only documents of this date or earlier.
            where: Only documents whose metadata have these values.
            per_document: Most hits of one document.
            min_score: Drop hits below this score.
            rerank: A cross-encoder or multi-vector model of sentence-transformers, by name or
                directory, that orders the best hits anew.

        Returns:
            Hits, best first, ties by passage; nearly equal passages count as one.

        Raises:
            QueryError: If the query is empty, or a filter makes no sense.
            EncoderError: If the encoder or the reranker cannot be loaded.
        """
        from smsearch.search.question import Question

        filters = Filters(
            langs=_as_tuple(langs, "langs"),
            kinds=_as_tuple(kinds, "kinds"),
            sources=_as_tuple(sources, "sources"),
            since=since,
            until=until,
            where=None if where is None else tuple((str(key), _plain(value)) for key, value in where.items()),
        )
        question = Question(query, k, mode, filters, per_document, min_score)
        with self._lock:
            self._require_open()
            return Hits(query, self._searcher().search(question, rerank=_load_rerank(rerank)))

    def similar(self, to: str | int, k: int = 10) -> Hits:
        """Passages of other documents that are near a document (its `doc_id`) or a passage (its number).

        Returns:
            Hits, best first, one of each document; their score is the cosine.

        Raises:
            NotFoundError: If there is no such document or passage.
        """
        with self._reading():
            return Hits(str(to), self._searcher().similar_to(to, k=k))

    # -- changing -----------------------------------------------------------------------------

    def add(self, documents: Iterable[Document]) -> BuildReport:
        """Store documents, replacing those of the same `doc_id`; no update removes them.

        Raises:
            IndexLockedError: If another process is writing to the index.
        """
        with self._writing() as writer:
            self.report = _updater(writer, self.encoder, _recorded_options(writer)).add_documents(documents)
        return self.report

    def update(self, *, allow_shrink: bool = False, progress: Progress | None = None) -> BuildReport:
        """Read the recorded sources again: encode what changed, remove what vanished.

        Raises:
            ShrinkError: If more than half of all documents would be removed.
            IndexLockedError: If another process is writing to the index.
        """
        with self._writing() as writer:
            sources = [source for source in writer.store.sources() if source.path != "-"]
            updater = _updater(writer, self.encoder, _recorded_options(writer), progress)
            self.report = updater.index_sources(sources, allow_shrink=allow_shrink)
        return self.report

    def reencode(
        self,
        model: PathLike | None = None,
        *,
        model_options: Mapping[str, Any] | None = None,
        target_tokens: int | None = None,
        keep_boilerplate: bool | None = None,
        progress: Progress | None = None,
    ) -> BuildReport:
        """Cut and encode every stored document again, with another model or the same; no source is read.

        Raises:
            EncoderError: If the model cannot be loaded; the index stays as it is.
            IndexLockedError: If another process is writing to the index.
        """
        from smsearch.indexing.reencoding import reencode

        encoder = self.encoder if model is None else load_encoder(model, **(model_options or {}))
        with self._writing() as writer:
            options = _recorded_options(writer, target_tokens=target_tokens, keep_boilerplate=keep_boilerplate)
            self.report = reencode(writer, encoder, options=options, progress=progress)
        self._encoder = encoder
        return self.report

    def remove(self, doc_ids: str | Sequence[str]) -> int:
        """Take out documents; returns how many. An update finds them again if their source still has them.

        Raises:
            NotFoundError: If one of them is not there; none is removed then.
            IndexLockedError: If another process is writing to the index.
        """
        wanted = [doc_ids] if isinstance(doc_ids, str) else list(dict.fromkeys(doc_ids))
        with self._writing() as writer:
            with writer.batch():
                missing = [doc_id for doc_id in wanted if not writer.remove_document(doc_id)]
                if missing:
                    raise NotFoundError(
                        f"there is no document {missing[0]!r} in {str(self.folder)!r}; "
                        "`smsearch export` lists the passages with their documents"
                    )
            writer.refresh_derived()
        return len(wanted)

    def verify(self) -> list[str]:
        """What is wrong with the index, a sentence each; empty when all is well.

        Raises:
            IndexLockedError: If another process is writing to the index.
        """
        from smsearch.index.verification import index_faults

        with self._writing() as writer, writer.batch():
            return index_faults(writer)

    def repair(self) -> bool:
        """Write the derived files again where they are missing, damaged or far behind; whether it did.

        Raises:
            IndexLockedError: If another process is writing to the index.
        """
        with self._writing() as writer:
            return writer.refresh_derived()

    # -- reading ------------------------------------------------------------------------------

    def document(self, doc_id: str) -> Document:
        """A document with its full text.

        Raises:
            NotFoundError: If there is none of this name.
        """
        with self._reading():
            found = self._reader.store.read_document(doc_id)
        if found is None:
            raise NotFoundError(f"there is no document {doc_id!r} in {str(self.folder)!r}")
        return found

    def left_out(self, doc_id: str) -> list[Span]:
        """The stretches of a document that no passage holds, with the reason of each.

        Raises:
            NotFoundError: If there is no such document.
        """
        self.document(doc_id)
        with self._reading():
            return self._reader.store.left_out(doc_id)

    def doc_ids(self) -> list[str]:
        """Identifiers of all documents, in order."""
        with self._reading():
            return self._reader.store.document_ids()

    def passages(self) -> Iterator[dict[str, Any]]:
        """Every passage as a plain record, duplicates included, by document and place.

        Each holds `passage_id, doc_id, title, source, author, date, lang, kind, heading, start, end,
        text, duplicates, metadata`.
        """
        with self._reading():
            for stored in self._reader.store.iter_passages():
                passage = stored.passage
                yield {
                    "passage_id": stored.passage_id,
                    "doc_id": stored.doc_id,
                    "title": stored.title,
                    "source": stored.source,
                    "author": passage.author or stored.author,
                    "date": stored.date,
                    "lang": passage.lang,
                    "kind": passage.kind,
                    "heading": passage.heading,
                    "start": passage.start,
                    "end": passage.end,
                    "text": passage.text,
                    "duplicates": stored.duplicates,
                    "metadata": dict(stored.metadata),
                }

    def vectors(self, passage_ids: Sequence[int]) -> Any:  # noqa: ANN401  a numpy array; numpy is not imported here
        """Vectors of some passages; `(n, dim)` float32, unit rows."""
        import numpy as np

        from smsearch.index.derived import encoded_passages

        with self._reading():
            return encoded_passages(self._reader.store, np.array(passage_ids, np.int64), self._reader.encoder.dim)[0]

    def status(self) -> Status:
        """What the index holds."""
        from smsearch.index.describing import index_status

        with self._reading():
            return index_status(self._reader)

    # -- within -------------------------------------------------------------------------------

    def _searcher(self) -> Searcher:
        from smsearch.search.searcher import Searcher

        return Searcher(self._reader, lambda: self.encoder)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            self._require_open()
            with self._reader.snapshot():
                yield

    @contextmanager
    def _writing(self) -> Iterator[IndexWriter]:
        from smsearch.index.writer import open_writer

        with self._lock:
            self._require_open()
            with open_writer(self.folder) as writer:
                yield writer

    def _require_open(self) -> None:
        if self._closed:
            raise IndexStateError(f"the index {str(self.folder)!r} was closed; open it again with `open_index`")


def _as_tuple(values: Sequence[str] | None, name: str) -> tuple[str, ...] | None:
    if isinstance(values, str):
        raise QueryError(f"{name} is the string {values!r}; write a list, [{values!r}]")
    return None if values is None else tuple(values)


def _plain(value: object) -> str:
    """A metadata value as SQLite's JSON functions write it."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _load_for(folder: Path, model: PathLike | None, options: dict[str, Any]) -> Encoder:
    """The model named, else that of the index, else the built-in one."""
    if model is not None or not has_index(folder):
        return load_encoder(model or "builtin", **options)
    with closing(IndexReader(folder)) as reader:
        return load_encoder(reader.encoder.name, **{**reader.encoder.settings, **options})


def _recorded_options(
    writer: IndexWriter, *, target_tokens: int | None = None, keep_boilerplate: bool | None = None
) -> CutOptions:
    """The options given, else those of the last build, else the usual ones; recorded for the next."""
    from smsearch.indexing.preparing import CutOptions

    given = {"target_tokens": target_tokens, "keep_boilerplate": keep_boilerplate}
    recorded = writer.store.get_meta("options") or {}
    options = CutOptions(**{**recorded, **{key: value for key, value in given.items() if value is not None}})
    with writer.batch():
        writer.store.set_meta("options", asdict(options))
    return options


def _updater(writer: IndexWriter, encoder: Encoder, options: CutOptions, progress: Progress | None = None) -> Updater:
    from smsearch.indexing.updating import Updater

    return Updater(writer, encoder, options=options, progress=progress)


def _load_rerank(model: PathLike | None) -> Rerank | None:
    if model is None:
        return None
    from smsearch.encoders.rerankers import load_reranker

    return load_reranker(model).score
