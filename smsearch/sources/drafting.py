"""Documents and sections from whatever a file says, cleaned on the way."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice

from smsearch.records import UNKNOWN_LANG, Document, Kind, MetadataValue, Section
from smsearch.sources.dates import iso_date
from smsearch.sources.decoding import clean_text

_LANG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.IGNORECASE)
_SCRIPT_LENGTH = 4
_REGION_LENGTH = 2
_BETWEEN_PARTS = "\n\n"
_LONGEST_LINE = 1_000  # of a title, which stands before every passage for the encoder
_LONGEST_DATE = 200
_MOST_VALUES = 1_000
_DEEPEST_VALUE = 20
_LARGEST_NUMBER = sys.float_info.max
_PLAIN = (str, int, float, date, time)


@dataclass(frozen=True, slots=True)
class Part:
    """A post or comment before it has a place in a document's text."""

    text: str
    kind: Kind = "post"
    author: str | None = None
    date: str | None = None


def new_document(
    doc_id: str,
    text: str,
    *,
    title: object = None,
    author: object = None,
    date: object = None,
    lang: object = None,
    metadata: Mapping[str, object] | None = None,
    sections: tuple[Section, ...] = (),
) -> Document:
    """A document with every text cleaned, dates in ISO 8601 and only plain values as metadata.

    A date or language that cannot be understood is kept as metadata under `date` or `lang`.
    Metadata that is empty, or neither a plain value nor a list of such, is left out.
    """
    iso, tag = _short_date(date), lang_tag(lang)
    unclear = {"date": None if iso else date, "lang": None if tag != UNKNOWN_LANG else lang}
    return Document(
        doc_id=clean_text(doc_id),
        text=clean_text(text),
        title=clean_line(title) or "",
        author=clean_line(author),
        date=iso,
        lang=tag,
        metadata=_plain_values({**(metadata or {}), **{key: value for key, value in unclear.items() if value}}),
        sections=sections,
    )


def join_parts(parts: Iterable[Part]) -> tuple[str, tuple[Section, ...]]:
    """The parts as one clean text, a blank line between them, and where each stands in it.

    Parts without text are left out.
    """
    texts: list[str] = []
    sections: list[Section] = []
    start = 0
    for part in parts:
        text = clean_text(part.text).strip()
        if text:
            author, day = clean_line(part.author), _short_date(part.date)
            sections.append(Section(start, start + len(text), part.kind, author, day))
            texts.append(text)
            start += len(text) + len(_BETWEEN_PARTS)
    return _BETWEEN_PARTS.join(texts), tuple(sections)


def clean_line(value: object) -> str | None:
    """A title or name as one clean line of at most 1,000 characters, None when there is nothing in it."""
    if isinstance(value, list | tuple):
        value = ", ".join(str(one) for one in value if isinstance(one, _PLAIN))
    if not isinstance(value, _PLAIN):
        return None
    line = " ".join(clean_text(str(value)).split())
    return (line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…") or None


def lang_tag(value: object) -> str:
    """A BCP 47 tag in its usual spelling (`sv_se` gives `sv-SE`), `und` when it is none."""
    text = value.strip().replace("_", "-") if isinstance(value, str) else ""
    if not _LANG.fullmatch(text):
        return UNKNOWN_LANG
    first, *rest = text.lower().split("-")
    return "-".join([first, *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    if len(part) == _REGION_LENGTH:
        return part.upper()
    return part.title() if len(part) == _SCRIPT_LENGTH and part.isalpha() else part


def _plain_values(metadata: Mapping[str, object]) -> dict[str, MetadataValue]:
    """Metadata as plain values; what stands within a mapping is named after it, `outer.inner`.

    Of very many values, and of what is nested more than twenty deep, the first are kept: a few
    lines of YAML can stand for more values than any memory holds, or for themselves.
    """
    named = islice(_named_values(metadata, "", _DEEPEST_VALUE), _MOST_VALUES)
    found = ((name, _plain_value(value)) for name, value in named)
    return {name: value for name, value in found if value is not None}


def _named_values(metadata: Mapping[str, object], prefix: str, deepest: int) -> Iterator[tuple[str, object]]:
    """Each value under its full name, the mappings among them followed by what is in them."""
    for key, value in metadata.items():
        name = prefix + clean_text(str(key))
        yield name, value
        if isinstance(value, Mapping) and deepest:
            yield from _named_values(value, f"{name}.", deepest - 1)


def _short_date(value: object) -> str | None:
    return None if isinstance(value, str) and len(value) > _LONGEST_DATE else iso_date(value)


def _is_json(value: float) -> bool:
    """Whether JSON has the number: it has no infinity, and Python writes no integer of thousands of digits."""
    return -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER


def _plain_value(value: object) -> MetadataValue:
    if isinstance(value, bool | int | float):
        return value if _is_json(value) else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float | date) for one in value):
        return ", ".join(clean_line(one) or "" for one in value) or None
    return (clean_text(value).strip() or None) if isinstance(value, str) else None
