"""An open index: ask it, change it, read it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from smsearch.api.filtering import filters_of
from smsearch.api.options import PathLike, load_for, make_updater, record_choice, recorded_options
from smsearch.encoders import Encoder, TokenEncoder, load_encoder, token_encoder_for
from smsearch.errors import IndexStateError, NotFoundError, QueryError
from smsearch.index.reader import IndexReader
from smsearch.index.recorded_encoder import check_encoder, check_tokens
from smsearch.notebook import Hits
from smsearch.records import BuildReport, Document, Group, Mode, Span, Status

if TYPE_CHECKING:
    from smsearch.index.stored import StoredPassage
    from smsearch.index.writer import IndexWriter
    from smsearch.indexing.updating import Progress
    from smsearch.search.searcher import Rerank, Searcher


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
        self._rerankers: dict[str, Rerank] = {}
        self._reader = IndexReader(folder)
        self._encoder = encoder
        self._tokens: TokenEncoder | None = None
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

    @property
    def rebuilt(self) -> bool:
        """Whether derived files were missing or damaged when last read, and were made again in memory."""
        return self._reader.rebuilt

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
        exact: bool = False,
        group: Group | None = None,
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
            exact: Compare the query with every vector, also where there are so many that a search looks at the
                nearest clusters only.
            group: `translations` gives one of those among the best passages that are translations of each other.

        Returns:
            Hits, best first, ties by passage; nearly equal passages under one title and heading count as one. Among
            the best 50 (or `2 k`, at most 400) passages, of those that are translations of each other, the one in the
            language of the query comes first, with the score of the best.

        Raises:
            QueryError: If the query is empty, or a filter makes no sense.
            EncoderError: If the encoder or the reranker cannot be loaded.
        """
        from smsearch.search.question import Question

        filters = filters_of(langs=langs, kinds=kinds, sources=sources, since=since, until=until, where=where)
        question = Question(query, k, mode, filters, per_document, min_score, exact, group)
        with self._lock:
            self._require_open()
            return Hits(query, self._searcher().search(question, rerank=self._load_rerank(rerank)))

    def nearest(
        self,
        queries: Sequence[str],
        k: int = 10,
        *,
        langs: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        where: Mapping[str, object] | None = None,
        exact: bool = False,
    ) -> tuple[Any, Any]:
        """The passages nearest to each of many queries by the cosine of their vectors alone, as numpy arrays.

        What searches with `mode="dense"` find (to within the recall of an index so large that they look at some of it),
        but no passage is read, and many queries at once take a fraction of the time that they take one by one.

        Args:
            queries: What is asked.
            k: How many passages for each.
            langs: See `search`; so are the other filters.
            kinds: See `search`.
            sources: See `search`.
            since: See `search`.
            until: See `search`.
            where: See `search`.
            exact: See `search`.

        Returns:
            Numbers of passages, int64, and their cosines, float32; both `(len(queries), min(k, n))` where filters admit
            n passages, nearly equal ones counted as one. Best first.

        Raises:
            QueryError: If a query is empty, or a filter makes no sense.
            EncoderError: If the encoder cannot be loaded.
        """
        from smsearch.search.question import Question

        if isinstance(queries, str):
            raise QueryError(f"queries is the string {queries!r}; write a list, [{queries!r}]")
        filters = filters_of(langs=langs, kinds=kinds, sources=sources, since=since, until=until, where=where)
        for query in ("any", *queries):
            Question(query, k, "dense", filters)  # raises what makes no sense, `k` where nothing is asked too
        with self._lock:
            self._require_open()
            return self._searcher().nearest(queries, k, filters, exact=exact)

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
            self.report = make_updater(writer, self.encoder, recorded_options(writer)).add_documents(documents)
        return self.report

    def update(self, *, allow_shrink: bool = False, progress: Progress | None = None) -> BuildReport:
        """Read the recorded sources again: encode what changed, remove what vanished.

        Raises:
            ShrinkError: If more than half of all documents would be removed.
            IndexLockedError: If another process is writing to the index.
        """
        with self._writing() as writer:
            sources = [source for source in writer.store.sources() if source.path != "-"]
            updater = make_updater(writer, self.encoder, recorded_options(writer), progress)
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

        encoder = load_for(self.folder, model, dict(model_options or {}))
        with self._writing() as writer, writer.batch():
            options = recorded_options(writer, target_tokens=target_tokens, keep_boilerplate=keep_boilerplate)
            self.report = reencode(writer, encoder, options=options, progress=progress)
            if model is not None:
                record_choice(writer, model)
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
                writer.store.forget_empty_sources()
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
        """Write the derived files again where they are missing, damaged, of another version or late; whether it did.

        Raises:
            IndexLockedError: If another process is writing to the index.
        """
        with self._writing() as writer:
            return writer.repair_derived()

    def tune(self, recall: float = 0.98) -> Status:
        """Let searches find a share of the ten nearest passages, measured on this index's own vectors.

        Only an index of more than 200,000 passages is searched by clusters; in a smaller one every
        vector is compared, and there is no share to choose. Means by language that were learned from the
        collection are learned anew.

        Args:
            recall: The share, in `(0, 1]`; kept when the derived files are written again.

        Returns:
            What the index holds; `vector_index` says the recall and the time of a search.

        Raises:
            QueryError: If the share makes no sense.
            IndexLockedError: If another process is writing to the index.
        """
        if not 0 < recall <= 1:
            raise QueryError(f"the recall wanted is {recall!r}; ask for a share between 0 and 1")
        with self._writing() as writer:
            writer.tune(recall=float(recall))
        return self.status()

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
        """Every passage as plain values, duplicates included, by document and place.

        Each holds `passage_id, doc_id, title, source, author, date, lang, kind, heading, start, end,
        text, duplicates, metadata`. Other calls may come in between; a document that goes meanwhile
        is left out.
        """
        for doc_id in self.doc_ids():
            with self._reading():
                store = self._reader.store
                found = store.read_passages(store.passage_ids(doc_id))
            for passage_id in sorted(found, key=lambda i: found[i].passage.start):
                yield _as_plain(found[passage_id])

    def vectors(self, passage_ids: Sequence[int]) -> Any:  # noqa: ANN401  a numpy array; numpy is not imported here
        """Vectors of some passages as the encoder gave them; `(n, dim)` float32, unit rows."""
        import numpy as np

        from smsearch.index.stored_vectors import StoredVectors

        with self._reading():
            return StoredVectors.of_index(self._reader.store).of(np.array(passage_ids, np.int64), as_encoded=True)

    def status(self) -> Status:
        """What the index holds."""
        from smsearch.index.describing import index_status

        with self._reading():
            return index_status(self._reader)

    # -- within -------------------------------------------------------------------------------

    def _searcher(self) -> Searcher:
        from smsearch.search.candidates import QueryEncoders
        from smsearch.search.searcher import Searcher

        return Searcher(self._reader, QueryEncoders(self._query_vectors, lambda: self._token_encoder))

    def _query_vectors(self, queries: Sequence[str], chances: Sequence[Mapping[str, float]]) -> Any:  # noqa: ANN401  a numpy array; numpy is not imported here
        """Vectors of queries in languages with these probabilities, as the index compares them.

        Returns:
            `(n, dim)` float32, unit rows.
        """
        vectors = self.encoder.encode_queries(queries)
        centring = self._reader.centring
        if centring is not None:
            for row, of_query in zip(vectors, chances, strict=True):
                row[:] = centring.centre_query(row, of_query)
        return vectors

    @property
    def _token_encoder(self) -> TokenEncoder:
        """The encoder of the stored token ids.

        Raises:
            EncoderError: If its tokens are others than those in the index.
        """
        if self._tokens is None or self._tokens.fingerprint != self._reader.encoder.token_fingerprint:
            is_own = self._reader.encoder.token_fingerprint == self._reader.encoder.fingerprint
            tokens = token_encoder_for(self.encoder if is_own else None)
            check_tokens(self._reader.encoder, tokens)
            self._tokens = tokens
        return self._tokens

    def _load_rerank(self, model: PathLike | None) -> Rerank | None:
        """The scores of a reranker, which stays loaded for the next query."""
        if model is None:
            return None
        from smsearch.encoders.rerankers import load_reranker

        name = os.fspath(model)
        if name not in self._rerankers:
            self._rerankers[name] = load_reranker(name).score
        return self._rerankers[name]

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


def _as_plain(stored: StoredPassage) -> dict[str, Any]:
    passage = stored.passage
    return {
        "passage_id": stored.passage_id,
        "doc_id": stored.doc_id,
        "title": stored.title,
        "source": stored.source,
        "author": passage.author or stored.author,
        "date": passage.date or stored.date,
        "lang": passage.lang,
        "kind": passage.kind,
        "heading": passage.heading,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "duplicates": stored.duplicates,
        "metadata": dict(stored.metadata),
    }
