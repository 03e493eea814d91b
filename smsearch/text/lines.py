"""Lines of a text with their offsets, and the folding under which two lines are the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_BULLET = re.compile(r"^(?:[•·◦▪‣*+–—-]|\d{1,3}[.)])\s+")
_SPACE = re.compile(r"\s+")
_FEW_SIGNS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """The stretch `text[start:end]` between two line feeds, without surrounding white space.

    Attributes:
        start: First character that is not white space.
        end: One past the last character that is not white space.
        text: The stretch; empty for a blank line.
    """

    start: int
    end: int
    text: str

    @property
    def content(self) -> str:
        """The line without a leading bullet or number."""
        return _BULLET.sub("", self.text, count=1)

    @property
    def has_bullet(self) -> bool:
        """Whether the line starts with a bullet or a number."""
        return _BULLET.match(self.text) is not None


def iter_lines(text: str, start: int = 0, end: int | None = None) -> Iterator[Line]:
    """Yield the lines of `text[start:end]` in order, blank ones included; offsets count in `text`."""
    stop = len(text) if end is None else end
    while start < stop:
        feed = text.find("\n", start, stop)
        line_end = stop if feed < 0 else feed
        raw = text[start:line_end]
        stripped = raw.strip()
        first = start + (len(raw) - len(raw.lstrip())) if stripped else start
        yield Line(first, first + len(stripped), stripped)
        start = line_end + 1


def fold_line(text: str) -> str:
    """The form under which two lines are the same: compatibility forms, casefold, single spaces."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def fold_letters(text: str) -> str:
    """Letters, marks and digits alone, casefolded: the form under which two texts are the same text."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    signs = list(filter(_is_other, set(folded)))
    if len(signs) > _FEW_SIGNS:
        return folded.translate(dict.fromkeys(map(ord, signs)))
    for sign in signs:  # half the time it takes to look at every character
        folded = folded.replace(sign, "")
    return folded


@lru_cache(maxsize=1 << 14)
def _is_other(sign: str) -> bool:
    """Whether a character is no letter, mark or digit."""
    return unicodedata.category(sign)[0] not in "LMN"
