"""Text that must not be trained on: keys of evaluation texts, and the function that makes them."""

from __future__ import annotations

import gzip
import hashlib
import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Final

from smsearch.errors import SourceError

_FEWEST: Final = 12  # characters of a key text; shorter ones are too common to forbid
_KEPT: Final = frozenset("LNM")  # letters, numbers, marks


class _KeptCharacters(dict[int, int | None]):
    """A table for `str.translate` that fills itself: what is no letter, number or mark goes."""

    def __missing__(self, point: int) -> int | None:
        self[point] = point if unicodedata.category(chr(point))[0] in _KEPT else None
        return self[point]


_KEPT_CHARACTERS = _KeptCharacters()


def text_key(text: str) -> str | None:
    """The key of a text: NFKC, case folded, letters, numbers and marks only, 8 bytes of BLAKE2b in hexadecimal.

    Returns:
        None for a text of fewer than 12 such characters.

    Examples:
        >>> text_key("Why say no?"), text_key("Why say no to social media?")
        (None, '6563716a055c3904')
    """
    kept = unicodedata.normalize("NFKC", text).casefold().translate(_KEPT_CHARACTERS)
    return hashlib.blake2b(kept.encode(), digest_size=8).hexdigest() if len(kept) >= _FEWEST else None


class ForbiddenTexts:
    """The keys in a file: gzip or plain, one a line, the key being the first field."""

    def __init__(self, path: Path | None) -> None:
        """Name the file; None forbids nothing. It is read on first use."""
        self.path = path

    @cached_property
    def keys(self) -> frozenset[str]:
        """All keys of the file.

        Raises:
            SourceError: If it cannot be read, or its first line is no key.
        """
        if self.path is None:
            return frozenset()
        try:
            data = self.path.read_bytes()
            text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
        except (OSError, EOFError, ValueError) as error:
            raise SourceError(f"cannot read the keys {str(self.path)!r}: {error}") from None
        keys = frozenset(line.split("\t", 1)[0] for line in text.splitlines())
        if not all(len(key) == 16 for key in keys):  # noqa: PLR2004  hexadecimal digits of 8 bytes
            raise SourceError(f"{str(self.path)!r} holds other lines than keys of 16 hexadecimal digits")
        return keys

    def __contains__(self, text: str) -> bool:
        """Whether a text is one of the evaluation texts."""
        return text_key(text) in self.keys
