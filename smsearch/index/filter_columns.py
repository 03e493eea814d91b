"""What filters compare, of every passage, as columns: made from SQLite, kept in a derived file.

Rows of SQLite are read whole once, with their checksums, when the columns are made; a filter reads the columns alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.index.checksums import intact_sql, require_intact
from smsearch.index.columns import Column, Interned, InvertedColumn
from smsearch.index.statements import DOCUMENT_INTACT
from smsearch.index.store import Store

_BLOCK: Final = 16_384
_BOUND: Final = 500  # values; SQLite before 3.32 binds at most 999
_ALIGNED: Final = 8  # bytes
_KINDS: Final = ("<i8", "<u4", "<u2", "|u1")  # numpy would read any other name as a little program
_DOCUMENT: Final = (
    f"SELECT document_key, {DOCUMENT_INTACT}, source, date FROM documents WHERE {{}} ORDER BY document_key"
)
_METADATA: Final = (
    "SELECT document_key, m.key, m.type, CAST(m.value AS TEXT) FROM documents, json_each(metadata) m "
    "WHERE metadata != '{{}}' AND m.type != 'null' AND {} ORDER BY document_key"
)
_PASSAGE: Final = (
    f"SELECT passage_id, {intact_sql('passages')}, COALESCE(representative, passage_id), document_key, "
    "lang, kind, date FROM passages WHERE {} ORDER BY passage_id"
)


@dataclass(frozen=True, slots=True)
class FilterColumns:
    """What filters compare, of some passages and their documents.

    Attributes:
        passage_ids: `(n,)` int64, ascending.
        representatives: `(n,)` int64; the passage that stands for each, itself mostly.
        places: `(n,)` uint32; the place of its document among `document_keys`.
        document_keys: `(n_documents,)` int64, ascending.
        langs: Language of each passage.
        kinds: Kind of each passage.
        dates: Date of each passage, that of its document where it has none.
        sources: Name of the source of each document.
        metadata: By field, the values that documents have; `true` and `1` for what is true.
    """

    passage_ids: NDArray[np.int64]
    representatives: NDArray[np.int64]
    places: NDArray[np.uint32]
    document_keys: NDArray[np.int64]
    langs: Column
    kinds: Column
    dates: Column
    sources: Column
    metadata: dict[str, InvertedColumn]

    def __len__(self) -> int:
        return len(self.passage_ids)

    def of_documents(self, found: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What is said of documents, said of their passages; `(n,)` bool."""
        said: NDArray[np.bool_] = found.take(self.places, mode="clip") if len(found) else np.zeros(len(self), np.bool_)
        return said

    def buffers(self) -> Iterator[NDArray[Any]]:
        """What a file of them holds, in order: sizes, a header in JSON, and arrays, each from a multiple of 8 bytes."""
        arrays: list[NDArray[Any]] = [self.passage_ids, self.representatives, self.places, self.document_keys]
        for column in (self.langs, self.kinds, self.dates, self.sources):
            arrays += column.arrays()
        for inverted in self.metadata.values():
            arrays += inverted.arrays()
        header = {"fields": list(self.metadata), "arrays": [[array.dtype.str, len(array)] for array in arrays]}
        packed = np.frombuffer(json.dumps(header).encode(), np.uint8)
        yield np.array([len(packed)], np.int64)
        for array in (packed, *arrays):
            yield array
            yield np.zeros(-array.nbytes % _ALIGNED, np.uint8)

    @classmethod
    def from_buffer(cls, data: NDArray[np.uint8]) -> FilterColumns:
        """View the bytes of `buffers`, laid end to end.

        Raises:
            ValueError: If they are not laid out so.
        """
        try:
            (size,) = data[:_ALIGNED].view(np.int64).tolist()
            header = json.loads(data[_ALIGNED : _ALIGNED + max(size, 0)].tobytes())
            arrays = iter(list(_views(data[_ALIGNED + _padded(size) :], header["arrays"])))
            passage_ids, representatives, places, document_keys = (next(arrays) for _ in range(4))
            langs, kinds, dates, sources = (Column.from_arrays(arrays) for _ in range(4))
            metadata = {str(field): InvertedColumn.from_arrays(arrays) for field in header["fields"]}
        except (KeyError, TypeError, StopIteration, RuntimeError) as error:
            raise ValueError(f"no columns of filters: {error!r}") from None
        found = cls(passage_ids, representatives, places, document_keys, langs, kinds, dates, sources, metadata)
        of_passages = (found.representatives, found.places, found.langs, found.kinds, found.dates)
        if any(len(column) != len(found) for column in of_passages) or len(found.sources) != len(found.document_keys):
            raise ValueError("columns of filters of different lengths")
        return found


def make_filter_columns(store: Store, keys: NDArray[np.int64] | None = None) -> FilterColumns:
    """What filters compare, from what SQLite holds.

    Args:
        store: The index.
        keys: Keys of documents, ascending; those that are gone are left out. None for all.

    Raises:
        IndexDamagedError: If a row is not what was written, or the document of a passage is gone.
    """
    names, dates, langs, kinds = Interned(), Interned(), Interned(), Interned()
    document_keys, sources, document_dates = _numbers(
        3,
        (
            (found, names.numbers(of_source), dates.numbers(of_date))
            for found, _, of_source, of_date in _intact_blocks(store, _DOCUMENT, keys, "document")
        ),
    )
    passage_ids, representatives, owners, lang, kind, date = _numbers(
        6,
        (
            (ids, standing, owner, langs.numbers(of_lang), kinds.numbers(of_kind), dates.numbers(of_date))
            for ids, _, standing, owner, of_lang, of_kind, of_date in _intact_blocks(store, _PASSAGE, keys, "passage")
        ),
    )
    places = _places(document_keys, owners)
    dated = np.where(date < 0, document_dates[places], date) if len(places) else date
    order = np.argsort(passage_ids, kind="stable")
    return FilterColumns(
        passage_ids[order],
        representatives[order],
        places[order].astype(np.uint32),
        document_keys,
        Column.of(langs, lang[order]),
        Column.of(kinds, kind[order]),
        Column.of(dates, dated[order]),
        Column.of(names, sources),
        _metadata(store, document_keys, keys),
    )


def _metadata(
    store: Store, document_keys: NDArray[np.int64], keys: NDArray[np.int64] | None
) -> dict[str, InvertedColumn]:
    fields: dict[str, dict[str, list[int]]] = {}
    for key, field, kind, value in _rows(store, _METADATA, keys):
        values = fields.setdefault(field, {})
        for text in (value, kind) if kind in {"true", "false"} else (value,):
            values.setdefault(text, []).append(key)
    return {
        field: InvertedColumn.of({text: np.searchsorted(document_keys, held) for text, held in values.items()})
        for field, values in sorted(fields.items())
    }


def _places(document_keys: NDArray[np.int64], owners: NDArray[np.int64]) -> NDArray[np.int64]:
    places = np.searchsorted(document_keys, owners)
    known = places < len(document_keys)
    known[known] = document_keys[places[known]] == owners[known]
    require_intact(bool(known.all()), "the document of a passage is gone: the index")
    return places


def _rows(store: Store, query: str, keys: NDArray[np.int64] | None) -> Iterator[tuple[Any, ...]]:
    """Rows of all documents, or of those with some keys."""
    if keys is None:
        yield from store.connection.execute(query.format("1"))
        return
    for start in range(0, len(keys), _BOUND):
        block = keys[start : start + _BOUND].tolist()
        yield from store.connection.execute(query.format(f"document_key IN ({', '.join('?' * len(block))})"), block)


def _intact_blocks(
    store: Store, query: str, keys: NDArray[np.int64] | None, what: str
) -> Iterator[tuple[tuple[Any, ...], ...]]:
    """Columns of the same, of some thousand rows at once.

    Raises:
        IndexDamagedError: If a row is not what was written.
    """
    rows = _rows(store, query, keys)
    while block := list(islice(rows, _BLOCK)):
        for number, is_intact, *_ in block:
            require_intact(is_intact, f"the {what} of number {number}")
        yield tuple(zip(*block, strict=True))


def _numbers(n: int, blocks: Iterator[tuple[Sequence[int], ...]]) -> list[NDArray[np.int64]]:
    """`n` columns of numbers, their blocks put together."""
    columns: list[list[NDArray[np.int64]]] = [[np.empty(0, np.int64)] for _ in range(n)]
    for block in blocks:
        for column, values in zip(columns, block, strict=True):
            column.append(np.array(values, np.int64))
    return [np.concatenate(column) for column in columns]


def _padded(size: int) -> int:
    return size + -size % _ALIGNED


def _views(data: NDArray[np.uint8], described: Sequence[tuple[str, int]]) -> Iterator[NDArray[Any]]:
    """Arrays laid end to end.

    Raises:
        ValueError: If the bytes are not as many as they need.
    """
    at = 0
    for name, n in described:
        if name not in _KINDS or n < 0:
            raise ValueError(f"no column of filters holds {n} of {name}")
        kind = np.dtype(name)
        yield data[at : at + n * kind.itemsize].view(kind)
        at += _padded(n * kind.itemsize)
    if at != len(data):
        raise ValueError(f"{len(data)} bytes of columns should be {at}")
