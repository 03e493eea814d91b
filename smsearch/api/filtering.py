"""What a caller writes to filter passages, made into `Filters`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smsearch.errors import QueryError
from smsearch.records import UNKNOWN_LANG, Filters
from smsearch.text.language import normalise_lang


def filters_of(
    *,
    langs: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    where: Mapping[str, object] | None = None,
) -> Filters:
    """The filters a caller means; see `Index.search`.

    Raises:
        QueryError: If a value is of the wrong kind, or no language tag.
    """
    return Filters(
        langs=_as_langs(langs),
        kinds=_as_tuple(kinds, "kinds"),
        sources=_as_tuple(sources, "sources"),
        since=since,
        until=until,
        where=_as_pairs(where),
    )


def _as_tuple(values: Sequence[str] | None, name: str) -> tuple[str, ...] | None:
    if isinstance(values, str):
        raise QueryError(f"{name} is the string {values!r}; write a list, [{values!r}]")
    return None if values is None else tuple(values)


def _as_langs(langs: Sequence[str] | None) -> tuple[str, ...] | None:
    """Language tags in canonical spelling."""
    given = _as_tuple(langs, "langs")
    if given is None:
        return None
    tags = {lang: normalise_lang(str(lang)) for lang in given}
    for lang, tag in tags.items():
        if tag == UNKNOWN_LANG and lang != UNKNOWN_LANG:
            raise QueryError(f"{lang!r} is no language tag; write it as sv, da, nb, zh-Hant, or und for unknown")
    return tuple(tags.values())


def _as_pairs(where: Mapping[str, object] | None) -> tuple[tuple[str, str], ...] | None:
    """Metadata conditions, each value as it is written in JSON."""
    if where is None:
        return None
    if not isinstance(where, Mapping):
        raise QueryError(f"where is {where!r}; write fields and values, {{'field': 'value'}}")
    return tuple(
        (str(key), str(value).lower() if isinstance(value, bool) else str(value)) for key, value in where.items()
    )
