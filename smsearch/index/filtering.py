"""Filters as masks over columns: which passages they admit, and what is shown for a representative."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import QueryError
from smsearch.index.columns import Column
from smsearch.index.filter_columns import FilterColumns
from smsearch.records import Filters

KINDS = ("post", "comment")

_DATE = re.compile(r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01])(?:T[0-9:.+Z-]+)?)?)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_AFTER_ALL = "\uffff"  # sorts after every continuation of a date

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Admitted:
    """What some filters admit.

    Attributes:
        representatives: `(n,)` int64, ascending; those that stand for at least one admitted passage.
        replaced: `(m,)` int64, ascending; those of them that are not admitted themselves.
        shown: `(m,)` int64; the first admitted passage that each of these stands for.
    """

    representatives: NDArray[np.int64]
    replaced: NDArray[np.int64]
    shown: NDArray[np.int64]

    @classmethod
    def of(cls, passage_ids: NDArray[np.int64], representatives: NDArray[np.int64]) -> Admitted:
        """From admitted passages, in any order, and what stands for each."""
        is_own = passage_ids == representatives
        own = np.sort(passage_ids[is_own], kind="stable")  # mostly in order already
        others, standing = passage_ids[~is_own], representatives[~is_own]
        order = np.lexsort((others, standing))
        others, standing = others[order], standing[order]
        is_shown = np.ones(len(standing), np.bool_)
        is_shown[1:] = standing[1:] != standing[:-1]
        places = np.searchsorted(own, standing)
        is_shown &= np.append(own, -1)[places] != standing
        replaced = standing[is_shown]
        return cls(np.sort(np.concatenate([own, replaced]), kind="stable"), replaced, others[is_shown])

    def shown_for(self, representative: int) -> int:
        """The passage to show for a representative: itself, or the first it stands for that is admitted."""
        place = int(np.searchsorted(self.replaced, representative))
        is_replaced = place < len(self.replaced) and self.replaced[place] == representative
        return int(self.shown[place]) if is_replaced else representative


def require_sound(filters: Filters) -> None:
    """Make sure that filters make sense.

    Raises:
        QueryError: If a date or a kind makes no sense, or a value is not valid text.
    """
    for kind in filters.kinds or ():
        if kind not in KINDS:
            raise QueryError(f"there is no kind {kind!r} of passage; choose from {', '.join(KINDS)}")
    for date in (filters.since, filters.until):
        if date is not None and not _DATE.fullmatch(date):
            raise QueryError(f"{date!r} is not a date; write it as 2010, 2010-03 or 2010-03-09")
    pairs = [value for pair in filters.where or () for value in pair]
    for value in (*(filters.langs or ()), *(filters.sources or ()), *pairs):
        # a lone surrogate: so arguments come that are no UTF-8
        if not value.isascii() and _SURROGATE.search(value):
            raise QueryError(f"{value!r} is not valid text; write it in UTF-8")


def admitted_by(filters: Filters, columns: FilterColumns) -> Mask:
    """Which passages filters admit; `(n,)` bool.

    Args:
        filters: They make sense.
        columns: What they compare.
    """
    admitted = np.ones(len(columns), np.bool_)
    if filters.langs is not None:
        admitted &= columns.langs.among(_in_langs(columns.langs, filters.langs))
    if filters.kinds is not None:
        admitted &= columns.kinds.among(_one_of(columns.kinds, filters.kinds))
    if filters.since is not None or filters.until is not None:
        admitted &= columns.dates.among(_between(columns.dates, filters.since, filters.until))
    of_documents = np.ones(len(columns.document_keys), np.bool_)
    if filters.sources is not None:
        of_documents &= columns.sources.among(_one_of(columns.sources, filters.sources))
    for field, value in filters.where or ():
        holding = np.zeros(len(of_documents), np.bool_)
        if field in columns.metadata:
            inverted = columns.metadata[field]
            inverted.mark(inverted.texts.with_part(value), holding)
        of_documents &= holding
    return admitted & columns.of_documents(of_documents)


def _in_langs(column: Column, langs: Sequence[str]) -> Mask:
    """Which texts are one of some languages, or a longer form of one."""
    begins = tuple(f"{lang}-".encode() for lang in langs)
    texts = map(column.texts.__getitem__, range(len(column.texts)))
    return np.array([(text + b"-").startswith(begins) for text in texts], np.bool_)


def _one_of(column: Column, wanted: Sequence[str]) -> Mask:
    found = np.zeros(len(column.texts), np.bool_)
    for text in wanted:
        found |= column.texts.equal(text)
    return found


def _between(column: Column, since: str | None, until: str | None) -> Mask:
    found = np.ones(len(column.texts), np.bool_)
    found[: 0 if since is None else column.texts.first_from(since)] = False
    found[len(found) if until is None else column.texts.first_after(until + _AFTER_ALL) :] = False
    return found
