"""How much of a source is held in memory at once, and what is said where there is more."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT_LIMIT = 16_000_000  # characters of a document; indexing takes some 35 bytes of memory for each
LINE_LIMIT = 1_000_000  # of a document; each costs as much as some hundred characters
HELD_LIMIT = 64_000_000  # bytes of a file, or characters of one record in it
_DISCARDED = 1 << 20


def read_held(file: BinaryIO, *, limit: int = HELD_LIMIT, instead: str = "split it") -> bytes:
    """What is left of a file that has to be held in memory as a whole.

    Args:
        file: From where it stands to its end.
        limit: The most bytes.
        instead: What to do with a larger file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it holds more.
    """
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"larger than {limit // 1_000_000} MB, too large to be read as a whole; {instead}")
    return data


def lines_held(file: TextIO) -> Iterator[str | None]:
    """The lines of a file with their ends, None for each that is longer than is held in memory."""
    while line := file.readline(HELD_LIMIT):
        if len(line) < HELD_LIMIT or line.endswith(("\n", "\r")):
            yield line
            continue
        del line
        while (rest := file.readline(_DISCARDED)) and not rest.endswith(("\n", "\r")):
            continue
        yield None


def reason_against_text(text: str) -> str | None:
    """Why a text is too long for one document, None when it is not."""
    if len(text) > TEXT_LIMIT:
        return f"{len(text):,} characters, and a document holds at most {TEXT_LIMIT:,}; split it into several"
    if len(text) > LINE_LIMIT and (n := text.count("\n")) > LINE_LIMIT:
        return f"{n:,} lines, and a document holds at most {LINE_LIMIT:,}; split it into several"
    return None
