"""Dates in the forms the world writes them, made ISO 8601."""

from __future__ import annotations

import re
from datetime import date, datetime

from smsearch.sources.months import DATE_WORDS, MONTHS

_LONGEST_DATE = 60
_CLOCK = re.compile(r"\b\d{1,2}[:.]\d{2}(?::\d{2})?\b(?![.\d])")
_DAY_FIRST = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_EAST_ASIAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}(?:[T ]\d{2}:?\d{2}.*)?")
_WORD = re.compile(r"\d+|[^\W\d_]+")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th|er|:e|º|ª)\b")


def iso_date(value: object) -> str | None:
    """A date, or date and time, as ISO 8601; None when it is none or could be read two ways.

    `2010-03-09`, `2010-03-09T10:00:00+00:00` and RFC 2822 dates keep their time and offset, to
    the second. Written dates ("9 March 2010", "tisdag, mars 09, 2010") give the day. `3/4/2010`
    gives None, for it is March in one country and April in the next.
    """
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    text = value.strip() if isinstance(value, str) else ""
    return _iso_text(text) or _mail_date(text) or written_date(text)


def written_date(line: str) -> str | None:
    """The day as ISO 8601 when a line is a date and nothing else, else None.

    A day of the week and a time may stand beside it, in any of some fifteen languages.
    """
    line = line.strip()
    if not line or len(line) > _LONGEST_DATE or not any(letter.isdigit() for letter in line):
        return None
    numeric = _numeric_day(line)
    return numeric if numeric is not None else _worded_day(line.lower())


def _iso_text(text: str) -> str | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    has_time = len(text) > len("2010-03-09")
    return moment.isoformat(timespec="seconds") if has_time else moment.date().isoformat()


def _mail_date(text: str) -> str | None:
    if ":" not in text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).isoformat(timespec="seconds")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _numeric_day(line: str) -> str | None:
    bare = _without_day_names(_CLOCK.sub("", line)) if ":" in line else _without_day_names(line)
    if match := _DAY_FIRST.fullmatch(bare):
        day, month, year = match.groups()
        return _day(int(year), int(month), int(day))
    if match := _YEAR_FIRST.fullmatch(bare) or _EAST_ASIAN.fullmatch(bare):
        year, month, day = match.groups()
        return _day(int(year), int(month), int(day))
    return None


def _without_day_names(line: str) -> str:
    words = [word for word in line.split() if word.strip(",.").lower() not in DATE_WORDS]
    return " ".join(words).strip(" ,")


def _worded_day(line: str) -> str | None:
    line = _ORDINAL.sub("", line)
    without_clock = _CLOCK.sub(" ", line) if ":" in line else line
    words = [word for word in _WORD.findall(without_clock) if word not in DATE_WORDS]
    months = [MONTHS[word] for word in words if word in MONTHS]
    numbers = [word for word in words if word.isdecimal()]
    years = [int(number) for number in numbers if len(number) == len("2010")]
    days = [int(number) for number in numbers if len(number) <= len("31")]
    if len(words) != 3 or (len(months), len(years), len(days)) != (1, 1, 1):  # noqa: PLR2004  day, month, year
        return None
    return _day(years[0], months[0], days[0])


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
