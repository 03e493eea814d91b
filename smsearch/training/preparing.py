"""Batches made ready for the products, ahead of time, on a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.table import unit_rows
from smsearch.ragged import distinct, ranges
from smsearch.training.batches import Batch, Side
from smsearch.training.pieces import Pieces

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_AHEAD: Final = 4  # batches drawn before they are needed
_NEIGHBOURS: Final = 3  # texts with fewer English lines between them are not held against each other


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch ready for the products, over the rows of the table that it needs.

    Attributes:
        used: `(n_used,)` int64, those rows.
        made: `(n_entries, n_used)`: how the vectors of the batch's entries are made of rows.
        sums: For each side `(n_rows, n_entries)`: how often an entry stands in a text.
        teacher: For each side `(n_rows, dim)`, unit rows; `(n_rows, 0)` where no teacher is asked.
        near: `(n_rows, n_rows)` bool: what is no negative.
    """

    used: NDArray[np.int64]
    made: csr_matrix
    sums: tuple[csr_matrix, csr_matrix]
    teacher: tuple[NDArray[np.float32], NDArray[np.float32]]
    near: NDArray[np.bool_]


class Sampler(Protocol):
    """Draws batches without end."""

    def draw(self, n_rows: int) -> Batch:
        """The next batch of `n_rows` rows."""


class BatchPreparer:
    """Turns drawn batches into sparse rows, on a thread of its own."""

    def __init__(
        self,
        sampler: Sampler,
        teacher: NDArray[np.float16] | None,
        pieces: Pieces,
        *,
        n_rows: int,
    ) -> None:
        """Take the parts.

        Args:
            sampler: Where batches come from.
            teacher: `(n_english, dim)`, unit rows of the teacher; None where none is asked.
            pieces: What each entry's vector is made of besides its own row.
            n_rows: Rows of a batch.
        """
        self._sampler, self._teacher, self._pieces = sampler, teacher, pieces
        self._n_rows = n_rows

    @contextmanager
    def batches(self) -> Iterator[Iterator[Prepared]]:
        """Batches without end, drawn ahead while the block runs."""
        ready: queue.Queue[Prepared | BaseException] = queue.Queue(_AHEAD)
        stopped = threading.Event()

        def work() -> None:
            try:
                while not stopped.is_set():
                    self._put(ready, self._prepare(self._sampler.draw(self._n_rows)), stopped)
            except BaseException as error:  # noqa: BLE001  raised again where it is waited for
                self._put(ready, error, stopped)

        def taken() -> Iterator[Prepared]:
            while True:
                item = ready.get()
                if isinstance(item, BaseException):
                    raise item
                yield item

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield taken()
        finally:
            stopped.set()
            thread.join()

    @staticmethod
    def _put(ready: queue.Queue[Any], item: object, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def _prepare(self, batch: Batch) -> Prepared:
        from scipy.sparse import csr_matrix

        sides = (batch.one, batch.other)
        entries, places = distinct(np.concatenate([side.ids for side in sides]))
        made = self._pieces.made(entries)
        used, columns = distinct(made.indices)
        made = csr_matrix((made.data, columns, made.indptr), shape=(len(entries), len(used)))
        near = _near(batch.one, batch.other)
        cut = len(batch.one.ids)
        return Prepared(
            used=used,
            made=made,
            sums=(_sums(batch.one, places[:cut], len(entries)), _sums(batch.other, places[cut:], len(entries))),
            teacher=(self._teacher_rows(batch.one), self._teacher_rows(batch.other)),
            near=near,
        )

    def _teacher_rows(self, side: Side) -> NDArray[np.float32]:
        if self._teacher is None:
            return np.zeros((len(side.lengths), 0), np.float32)
        lines = ranges(side.first_lines, side.n_lines)
        starts = np.cumsum(side.n_lines) - side.n_lines
        return unit_rows(np.add.reduceat(self._teacher[lines].astype(np.float32), starts, axis=0))


def _near(one: Side, other: Side) -> NDArray[np.bool_]:
    """Which texts overlap or nearly do, but for the two of a row; `(n_rows, n_rows)` bool."""
    begins = [side.first_lines.astype(np.int32) for side in (one, other)]
    ends = [(side.first_lines + side.n_lines).astype(np.int32) for side in (one, other)]
    near = begins[0][:, None] < ends[1][None, :] + _NEIGHBOURS
    near &= begins[1][None, :] < ends[0][:, None] + _NEIGHBOURS
    np.fill_diagonal(near, val=False)
    return near


def _sums(side: Side, places: NDArray[np.int32], n_entries: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    ends = np.concatenate([[0], np.cumsum(side.lengths)])
    return csr_matrix((np.ones(len(places), np.float32), places, ends), shape=(len(side.lengths), n_entries))
