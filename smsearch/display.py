"""Text that cannot steer what shows it: a terminal, a notebook."""

from __future__ import annotations

import unicodedata
from typing import Final

_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Text of the same length in which control and direction-override characters are U+FFFD; line feeds stay."""
    if text.isprintable():
        return text
    return "".join(char if char == "\n" or not steers(char) else "\ufffd" for char in text.replace("\t", " "))


def steers(char: str) -> bool:
    """Whether a character does something instead of showing something."""
    return unicodedata.category(char) in {"Cc", "Cs"} or char in _BIDI_CONTROLS
