"""An index as a reader sees it: one state at a time, always a committed one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smsearch.index.centring import Centring
from smsearch.index.changes import changed_representatives, read_counts, touched_documents
from smsearch.index.clustered import ClusteredIndex
from smsearch.index.database import open_database, require_index, transaction, translated_errors
from smsearch.index.derived import Derived, derived_generation, later_passages, make_derived, open_derived
from smsearch.index.filter_columns import FilterColumns, make_filter_columns
from smsearch.index.filtering import Admitted, admitted_by, require_sound
from smsearch.index.lexical import LexicalIndex
from smsearch.index.recorded_encoder import read_record
from smsearch.index.seal import require_seal
from smsearch.index.store import Store
from smsearch.index.stored_vectors import StoredVectors
from smsearch.index.tokens import PackedTokens, Sentences
from smsearch.index.tuning import Tuned
from smsearch.index.vectors import ExactIndex, LayeredIndex, VectorIndex
from smsearch.records import UNKNOWN_LANG, Filters

_logger = logging.getLogger(__name__)

_MOST_REMEMBERED = 16  # filters


class IndexReader:
    """The stored documents, the vectors and the words of one index.

    Vectors and token lists are numbered by row: first those of the derived files, then those that
    came later. A row whose passage is gone stays, and is not alive.

    Attributes:
        store: Documents and passages.
        lexical: The words of each row.
        encoder: What the index was made with.
        centring: What is subtracted from vectors by language, or None.
        passage_ids: `(n_rows,)` int64; the representative of each row.
        alive: `(n_rows,)` bool.
        vectors: Vectors by row.
        langs: Languages of the passages, most frequent first.
        rebuilt: Whether the derived files could not be used and were made again in memory.
    """

    def __init__(self, folder: Path) -> None:
        """Open the index in a folder.

        Raises:
            NotFoundError: If the folder holds no index.
            IndexStateError: If it is damaged, or from a newer version.
        """
        self.folder = folder
        is_sealed = require_seal(folder, require_index(folder))
        self.store = Store(open_database(folder, writable=False))
        with translated_errors(folder):
            if not is_sealed:
                self.store.require_intact_rows()
            self.encoder = read_record(self.store)
        self.passage_ids: NDArray[np.int64] = np.empty(0, np.int64)
        self.alive: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.lexical = LexicalIndex([], self.alive)
        self.vectors: VectorIndex = ExactIndex(np.empty((0, self.encoder.dim), np.float32))
        self.centring: Centring | None = None
        self.langs: list[str] = []
        self.rebuilt = False
        self._base: tuple[int, Derived] | None = None
        self._base_columns: FilterColumns | None = None
        self._later_tokens = PackedTokens.from_bytes([])
        self._later_columns: tuple[NDArray[np.int64], FilterColumns] | None = None
        self._admitted: dict[Filters, tuple[Admitted, NDArray[np.bool_]]] = {}
        self._seen: tuple[int, int] | None = None
        self._depth = 0

    def close(self) -> None:
        """Let go of the files; nothing can be read after that."""
        self.store.connection.close()
        self.vectors = ExactIndex(np.empty((0, self.encoder.dim), np.float32))
        self.lexical = LexicalIndex([], np.empty(0, np.bool_))
        self.passage_ids = self._sorted_ids = np.empty(0, np.int64)
        self._base = self._base_columns = self._seen = None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within it, all that is read belongs to one committed state, the newest at its start."""
        if self._depth:
            yield
            return
        with translated_errors(self.folder), transaction(self.store.connection, write=False):
            self._refresh()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    def __len__(self) -> int:
        """Number of passages that can be found: the representatives."""
        return int(np.count_nonzero(self.alive))

    def admitted(self, filters: Filters) -> NDArray[np.bool_]:
        """Rows that stand for a passage the filters admit; `(n_rows,)` bool."""
        return self.alive if filters.empty else self._admitted_by(filters)[1]

    def shown_for(self, representative: int, filters: Filters) -> int:
        """The passage to show for a representative: itself, or the first it stands for that the filters admit."""
        return representative if filters.empty else self._admitted_by(filters)[0].shown_for(representative)

    def rows_of(self, passage_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of some representatives, in the order given; ids that have no row are left out."""
        places = np.searchsorted(self._sorted_ids, passage_ids)
        known = places < len(self._sorted_ids)
        known[known] = self._sorted_ids[places[known]] == passage_ids[known]
        return places[known] if self._sorted_rows is None else self._sorted_rows[places[known]]

    def sentences(self, rows: NDArray[np.int64]) -> Sentences:
        """Token ids by sentence of some rows, which must be ascending."""
        base = self._current_base.tokens
        n_low = int(np.searchsorted(rows, len(base)))
        low = base.take(rows[:n_low])
        return low if n_low == len(rows) else low.joined(self._later_tokens.take(rows[n_low:] - len(base)))

    def langs_of(self, rows: NDArray[np.int64]) -> list[str]:
        """Language tags of the passages of some rows, in the order given."""
        ids = self.passage_ids[rows].tolist()
        origins = self.store.origins(ids)
        return [origins[passage_id][1] if passage_id in origins else UNKNOWN_LANG for passage_id in ids]

    @property
    def compares_all(self) -> bool:
        """Whether a search compares every vector with the query; call within a snapshot."""
        return not isinstance(self._current_base.vectors, ClusteredIndex)

    @property
    def has_codes(self) -> bool:
        """Whether a search compares codes first; call within a snapshot."""
        vectors = self._current_base.vectors
        return isinstance(vectors, ClusteredIndex) and vectors.has_codes

    @property
    def tuned(self) -> Tuned | None:
        """How well searches do that do not compare all vectors; call within a snapshot."""
        return self._current_base.tuned

    @property
    def _current_base(self) -> Derived:
        if self._base is None:
            raise RuntimeError("read within a snapshot")
        return self._base[1]

    def _admitted_by(self, filters: Filters) -> tuple[Admitted, NDArray[np.bool_]]:
        """What filters admit, and the rows that stand for it."""
        found = self._admitted.get(filters)
        if found is None:
            require_sound(filters)
            touched, later = self._touched_columns()
            base = self._columns_of(self._current_base)
            in_base = admitted_by(filters, base) & base.of_documents(~np.isin(base.document_keys, touched))
            layers = ((base, in_base), (later, admitted_by(filters, later)))
            admitted = Admitted.of(
                np.concatenate([columns.passage_ids[mask] for columns, mask in layers]),
                np.concatenate([columns.representatives[mask] for columns, mask in layers]),
            )
            rows = np.zeros(len(self.passage_ids), np.bool_)
            rows[self.rows_of(admitted.representatives)] = True
            if len(self._admitted) >= _MOST_REMEMBERED:
                self._admitted.pop(next(iter(self._admitted)))
            self._admitted[filters] = found = (admitted, rows & self.alive)
            if self._current_base.columns_file:
                self._current_base.columns_file.let_go()  # few filters are asked for, and the next waits 3 ms
        return found

    def _columns_of(self, base: Derived) -> FilterColumns:
        if self._base_columns is None:
            self._base_columns = make_filter_columns(self.store) if base.columns is None else base.columns
        return self._base_columns

    def _touched_columns(self) -> tuple[NDArray[np.int64], FilterColumns]:
        """The documents touched since the derived files were written, and what stands of them now."""
        if self._later_columns is None:
            touched = touched_documents(self.store)
            self._later_columns = touched, make_filter_columns(self.store, touched)
        return self._later_columns

    def _refresh(self) -> None:
        self.encoder = read_record(self.store)
        generation = derived_generation(self.store)
        seen = (generation, read_counts(self.store).revision)
        if self._seen == seen:
            return
        if self._base is None or self._base[0] != generation:
            self.centring = StoredVectors.of_index(self.store).centring
            self._base = (generation, self._open_base())
            self._base_columns = None
        self._layer_changes(self._base[1])
        self._later_columns = None
        self._admitted.clear()
        self._seen = seen

    def _open_base(self) -> Derived:
        derived = open_derived(self.folder, self.store)
        self.rebuilt = derived is None
        if derived is not None:
            return derived
        _logger.info("the derived files of %s cannot be used; made again from the stored vectors", self.folder)
        return make_derived(self.store)

    def _layer_changes(self, base: Derived) -> None:
        last = changed_representatives(self.store)
        changed = np.array(list(last), np.int64)
        places = np.minimum(np.searchsorted(base.passage_ids, changed), max(len(base.passage_ids) - 1, 0))
        known = set(changed[base.passage_ids[places] == changed].tolist()) if len(base.passage_ids) else set[int]()
        later_ids = np.array(sorted(i for i, added in last.items() if added and i not in known), dtype=np.int64)
        gone = np.array([i for i, added in last.items() if not added and i in known], dtype=np.int64)
        vectors, self._later_tokens, words, langs = later_passages(self.store, later_ids)
        self.langs = list(dict.fromkeys([*base.langs, *langs]))
        self.vectors = LayeredIndex(base.vectors, ExactIndex(vectors))
        self.passage_ids = np.concatenate([base.passage_ids, later_ids]) if len(later_ids) else base.passage_ids
        is_sorted = not len(later_ids) or not len(base.passage_ids) or later_ids[0] > base.passage_ids[-1]
        self._sorted_rows = None if is_sorted else np.argsort(self.passage_ids, kind="stable")
        self._sorted_ids = self.passage_ids if self._sorted_rows is None else self.passage_ids[self._sorted_rows]
        self.alive = np.ones(len(self.passage_ids), dtype=np.bool_)
        self.alive[self.rows_of(gone)] = False
        self.lexical = LexicalIndex([base.words, words], self.alive)
