"""An index as its one writer sees it: documents in, documents out, and what is derived from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from smsearch.errors import IndexStateError
from smsearch.files import reached, writer_lock
from smsearch.index.centring import Centring
from smsearch.index.changes import META as CHANGES
from smsearch.index.changes import ChangeCounts, Changes, changed_representatives
from smsearch.index.clustered import ClusteredIndex
from smsearch.index.database import (
    close_whole,
    create_database,
    has_index,
    make_folder,
    open_database,
    require_index,
    transaction,
    translated_errors,
)
from smsearch.index.derived import (
    are_laid_out_otherwise,
    derived_faults,
    forget_derived,
    open_derived,
    record_tuning,
    sweep_derived,
    write_derived,
)
from smsearch.index.groups import Groups
from smsearch.index.recorded_encoder import EncoderRecord, read_record
from smsearch.index.seal import break_seal, require_seal, set_seal
from smsearch.index.store import Store
from smsearch.index.stored import EncodedPassage
from smsearch.index.stored_vectors import StoredVectors
from smsearch.index.tuning import Tuned, tune
from smsearch.records import Document, Passage, Source, Span
from smsearch.text.repeats import KEYS_VERSION
from smsearch.text.words import folding_version

_MERGE_SHARE = 0.1
_LEAST_OF_A_LANGUAGE: Final = 200  # passages that its mean is learned from
_MERGE_LEAST = 2_000


class IndexWriter:
    """The one process that may change an index; holds the lock from `open_writer` to `close`."""

    def __init__(self, folder: Path, store: Store, resources: ExitStack) -> None:
        """Use `open_writer`; the resources are closed with the writer."""
        self.folder = folder
        self.store = store
        self._resources = resources
        self._in_batch = False
        self._is_unswept = False
        self._changes = Changes(store)
        self._groups = Groups(store, self._changes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files and the lock, the database sealed."""
        self._resources.close()

    @property
    def encoder(self) -> EncoderRecord:
        """The encoder the index was made with."""
        return read_record(self.store)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All that is written within it is kept together, or not at all; may stand within another."""
        if self._in_batch:
            yield
            return
        with translated_errors(self.folder), transaction(self.store.connection, write=True):
            self._in_batch = True
            try:
                yield
                self._changes.settle()
            except BaseException:
                self._groups.keys.forget()
                self._changes.forget()
                raise
            finally:
                self._in_batch = False
        reached("batch kept")
        if self._is_unswept:
            sweep_derived(self.folder, self.store)
            self._is_unswept = False

    def replace_document(
        self,
        document: Document,
        encoded: Sequence[EncodedPassage],
        kept: Sequence[tuple[int, Passage]],
        *,
        fingerprint: str,
        source_id: int | None,
        left_out: Sequence[Span],
        lang: str | None = None,
    ) -> None:
        """Store a document and its passages in place of what stood under its identifier.

        Args:
            document: The document.
            encoded: Its new passages.
            kept: Numbers of passages that stand already with the same content, and their new places.
            fingerprint: Digest of the content and of how it was cut and encoded.
            source_id: The recorded source, if any.
            left_out: The stretches no passage holds.
            lang: The language the document is shown with; None takes the stated one.
        """
        with self.batch():
            stored = self.store.find_document(document.doc_id)
            if stored:
                staying = {passage_id for passage_id, _ in kept}
                going = [i for ids in self.store.passages_of(stored.key).values() for i in ids if i not in staying]
                self._groups.remove(going)
            key = self.store.write_document(
                document,
                fingerprint=fingerprint,
                source_id=source_id,
                left_out=left_out,
                lang=lang,
                key=stored.key if stored else None,
            )
            for passage_id, passage in kept:
                self.store.move_passage(passage_id, passage)
            self._changes.document(key)
            self._groups.add(key, document.title, encoded)

    def remove_document(self, doc_id: str) -> bool:
        """Take out a document and its passages; False if there is none."""
        with self.batch():
            stored = self.store.find_document(doc_id)
            if stored is None:
                return False
            self._groups.remove([i for ids in self.store.passages_of(stored.key).values() for i in ids])
            self.store.delete_document(stored.key)
            self._changes.document(stored.key)
        return True

    def record_source(self, source: Source) -> int:
        """Store a source, or what it is called now; returns its number."""
        with self.batch():
            source_id, renamed = self.store.record_source(source)
            if renamed:
                self._changes.documents_of(source_id)
        return source_id

    def start_again(self, encoder: EncoderRecord) -> None:
        """Take out every passage, keeping the documents, to encode them with another encoder.

        Call within a batch that stores the passages again.
        """
        self._groups.clear()
        for key, value in encoder.as_meta().items():
            self.store.set_meta(key, value)

    def refresh_derived(self, *, force: bool = False) -> bool:
        """Write the derived files again if they are unusable or far behind; returns whether it did.

        Args:
            force: Write them in any case.

        Raises:
            IndexStateError: If the disk is full; what stood stays.
        """
        with translated_errors(self.folder):
            if not (force or self._is_late() or derived_faults(self.folder, self.store)):
                return False
            with self.batch():
                self._groups.keys.settle(few=False)
                try:
                    write_derived(self.folder, self.store)
                except OSError as error:
                    raise IndexStateError(
                        f"cannot write the derived files of the index {str(self.folder)!r} ({error.strerror}); the "
                        "documents are kept; make room and say `smsearch verify --repair`"
                    ) from error
                self._changes.forget()
                self._is_unswept = True  # until the outermost batch is kept: readers still need the old files
        return True

    def repair_derived(self) -> bool:
        """Write the derived files again if they are unusable, late or laid out by another version; whether it did.

        Raises:
            IndexStateError: If the disk is full, what stood stays; or if they cannot be read at all.
        """
        with translated_errors(self.folder):
            force = are_laid_out_otherwise(self.folder, self.store)
        return self.refresh_derived(force=force)

    def _is_late(self) -> bool:
        """Whether so much changed that writing the derived files again pays."""
        logged = (("changes", "passages"), ("touched", "documents"))
        return any(self.store.count(log) > max(_MERGE_LEAST, _MERGE_SHARE * self.store.count(of)) for log, of in logged)

    def refresh_words(self) -> bool:
        """Fold all words again if they were folded by another version; returns whether it did."""
        version = words_stamp()
        with self.batch():
            if self.store.get_meta("words") == version:
                return False
            self._groups.fold_again()
            self.store.set_meta("words", version)
            forget_derived(self.store)
        return True

    def learn_centring(self, *, again: bool = False) -> bool:
        """Learn from the stored vectors what to subtract by language, where the encoder brings no means.

        It is learned once, when two languages have 200 passages each, and kept while the index grows.

        Args:
            again: Learn anew what was learned before.

        Returns:
            Whether it is another than before; the derived files are then to be written again.
        """
        recorded = self.store.get_meta("centring")
        is_learned = isinstance(recorded, dict) and bool(recorded.get("learned"))
        if self.encoder.is_token_table or (recorded is not None and not (again and is_learned)):
            return False
        with translated_errors(self.folder), self.batch():
            means = StoredVectors.of_index(self.store).language_means(least=_LEAST_OF_A_LANGUAGE)
            if means is None:
                return False
            self.store.set_meta("centring", {**Centring.from_means(means).as_meta(), "learned": True})
            forget_derived(self.store)
        return True

    def tune(self, *, recall: float) -> Tuned | None:
        """Let searches visit as many clusters as give a recall, and learn anew what is subtracted by language.

        Args:
            recall: Share of the ten nearest passages that are found, in `(0, 1]`.

        Returns:
            What was measured; None where every vector is compared anyway.
        """
        self.learn_centring(again=True)
        self.repair_derived()
        with translated_errors(self.folder), self.batch():
            derived = open_derived(self.folder, self.store)
            if derived is None or not isinstance(derived.vectors, ClusteredIndex):
                return None
            gone = [passage_id for passage_id, is_there in changed_representatives(self.store).items() if not is_there]
            alive = ~np.isin(derived.passage_ids, np.array(gone, np.int64))
            if not alive.any():
                return None
            tuned = tune(derived.vectors, recall=recall, alive=alive)
            record_tuning(self.store, tuned)
        return tuned


def words_stamp() -> str:
    """Names the way words are folded and keys are made."""
    return f"{folding_version()} keys {KEYS_VERSION}"


def open_writer(folder: Path, *, encoder: EncoderRecord | None = None, timeout: float = 0.0) -> IndexWriter:
    """Open an index for writing, or make it.

    Args:
        folder: The index.
        encoder: What to record when the index is made; None refuses to make one.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexLockedError: If another process is writing to it.
        NotFoundError: If there is none and none may be made.
        IndexStateError: If it cannot be written, is damaged, or is from a newer version.
    """
    if encoder is None:
        require_index(folder)
    else:
        make_folder(folder)
    with ExitStack() as stack:
        with _translated_os_errors(folder):
            stack.enter_context(writer_lock(folder, timeout=timeout))
        if encoder is not None and not has_index(folder):
            with _translated_os_errors(folder):
                recorded = {**encoder.as_meta(), "words": words_stamp(), CHANGES: asdict(ChangeCounts())}
                create_database(folder, recorded)
        database = require_index(folder)
        require_seal(folder, database)
        with _translated_os_errors(folder):
            break_seal(folder)
        reached("seal broken")
        stack.callback(_seal, folder, database)
        store = Store(open_database(folder, writable=True))
        stack.callback(close_whole, store.connection)
        writer = IndexWriter(folder, store, stack.pop_all())
    try:
        writer.refresh_words()
    except BaseException:
        writer.close()
        raise
    return writer


def _seal(folder: Path, database: Path) -> None:
    reached("database closed")
    with suppress(OSError):  # a full disk: without a seal less is noticed, nothing is lost
        set_seal(folder, database)


@contextmanager
def _translated_os_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IndexStateError(
            f"cannot write to the index {str(folder)!r} ({error.strerror}); name another with --index"
        ) from None
