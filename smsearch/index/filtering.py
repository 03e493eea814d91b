"""Filters as SQL conditions; every value is bound, none is pasted in."""

from __future__ import annotations

import re

from smsearch.errors import QueryError
from smsearch.records import Filters

KINDS = ("post", "comment")

_DATE = re.compile(r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01])(?:T[0-9:.+Z-]+)?)?)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WHERE = (
    "EXISTS (SELECT 1 FROM json_each(d.metadata) m WHERE m.key = ? AND (CAST(m.value AS TEXT) = ? "
    "OR (m.type IN ('true', 'false') AND m.type = ?) "
    "OR (m.type = 'text' AND INSTR(', ' || m.value || ', ', ', ' || ? || ', '))))"
)
_AFTER_ALL = "\uffff"  # sorts after every continuation of a date


def filter_sql(filters: Filters) -> tuple[str, list[str]]:
    """A condition on passages `p` joined with documents `d`, and its values.

    Raises:
        QueryError: If a date or a kind makes no sense, or a value is not valid text.
    """
    conditions = ["1"]
    values: list[str] = []
    if filters.langs is not None:
        conditions.append(_any("INSTR(p.lang || '-', ? || '-') = 1", len(filters.langs)))
        values += filters.langs
    if filters.kinds is not None:
        conditions.append(_any("p.kind = ?", len(filters.kinds)))
        values += [_checked_kind(kind) for kind in filters.kinds]
    if filters.sources is not None:
        conditions.append(_any("d.source = ?", len(filters.sources)))
        values += filters.sources
    if filters.since is not None:
        conditions.append("COALESCE(p.date, d.date) >= ?")
        values.append(_checked_date(filters.since))
    if filters.until is not None:
        conditions.append("COALESCE(p.date, d.date) <= ?")
        values.append(_checked_date(filters.until) + _AFTER_ALL)
    for field, value in filters.where or ():
        conditions.append(_WHERE)
        values += [field, value, value, value]
    return " AND ".join(conditions), [_checked_text(value) for value in values]


def _any(condition: str, n: int) -> str:
    return "(" + " OR ".join([condition] * n) + ")" if n else "0"


def _checked_kind(kind: str) -> str:
    if kind not in KINDS:
        raise QueryError(f"there is no kind {kind!r} of passage; choose from {', '.join(KINDS)}")
    return kind


def _checked_text(value: str) -> str:
    """The value, unless it holds a lone surrogate: so arguments come that are no UTF-8, and SQLite takes none."""
    if not value.isascii() and _SURROGATE.search(value):
        raise QueryError(f"{value!r} is not valid text; write it in UTF-8")
    return value


def _checked_date(date: str) -> str:
    if not _DATE.fullmatch(date):
        raise QueryError(f"{date!r} is not a date; write it as 2010, 2010-03 or 2010-03-09")
    return date
