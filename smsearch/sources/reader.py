"""The seam between files and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smsearch.records import Document, Fields, Unread


class Reader(Protocol):
    """Gives the documents of one file."""

    def __call__(self, file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
        """Documents in the order of the file, and what in it could not be read.

        Args:
            file: Seekable, at its start; the caller closes it.
            doc_id: Path of the file relative to its source; the name of the only document, or
                the start of names where an export has none of its own (`<doc_id>#<number>`).
            fields: Which fields of a table hold what; other formats pass it over.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If the file is not of the reader's format; the message is one clause.
            MissingExtraError: If the format needs a library that is not installed.
        """
        ...


class NotOfThisKindError(ValueError):
    """A file is well-formed but holds no texts of a kind known here; no failure, it is skipped."""
