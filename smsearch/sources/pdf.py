"""PDF files; the one address of pypdf."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from smsearch.errors import MissingExtraError
from smsearch.records import Unread
from smsearch.sources.drafting import new_document
from smsearch.sources.limits import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypdf import PdfReader

    from smsearch.records import Document, Fields

_UNHEARD = logging.NullHandler()  # one for all files: every further one would slow down every message
_LARGEST_PAGE = 1_000_000  # bytes that draw it; pypdf takes seconds for them
_MOST_NAMED = 10
_LARGEST_FILE = 256_000_000  # pypdf looks through all of a broken one in memory


def read_pdf(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    """The file as one document, its pages joined by blank lines; pages that draw too much are named and left out.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is encrypted, broken or too large.
        MissingExtraError: If pypdf is not installed.
    """
    del fields
    if file.seek(0, os.SEEK_END) > _LARGEST_FILE:
        raise ValueError(f"larger than {_LARGEST_FILE // 1_000_000} MB, too large to be read as a whole; split it")
    file.seek(0)
    reader = _open(file)
    try:
        pages, left_out = _texts(reader)
        about: Any = reader.metadata
        title, author = (about.title, about.author) if about else (None, None)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a broken file may break pypdf in any way
        raise ValueError(f"broken PDF: {error}") from error
    if sum(map(len, pages)) > TEXT_LIMIT:
        raise ValueError(f"more than {TEXT_LIMIT:,} characters, too many for one document; split it")
    text = "\n\n".join(page for page in pages if page)
    yield new_document(doc_id, text, title=title, author=author, date=_date_of(about))
    if left_out:
        what = f"pages {', '.join(map(str, left_out[:_MOST_NAMED]))}" if len(left_out) > 1 else f"page {left_out[0]}"
        yield Unread(doc_id, f"{what}: more than {_LARGEST_PAGE // 1000:,} kB of drawing, no text read", failed=False)


def _texts(reader: PdfReader) -> tuple[list[str], list[int]]:
    """The text of each page, until there is too much of it, and the numbers of pages that were left out."""
    pages: list[str] = []
    left_out: list[int] = []
    n = 0
    for number, page in enumerate(reader.pages, 1):
        contents = page.get_contents()
        if contents is not None and len(contents.get_data()) > _LARGEST_PAGE:
            left_out.append(number)
            continue
        pages.append(page.extract_text().strip())
        n += len(pages[-1])
        if n > TEXT_LIMIT:
            break
    return pages, left_out


def _open(file: BinaryIO) -> PdfReader:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise MissingExtraError(
            "reading PDF files needs pypdf, which is not installed; run: pip install 'smsearch[pdf]'"
        ) from None
    logging.getLogger("pypdf").addHandler(_UNHEARD)
    try:
        reader = PdfReader(file)
        locked = reader.is_encrypted and not reader.decrypt("")
    except OSError:
        raise
    except Exception as error:  # a broken file may break pypdf in any way
        raise ValueError(f"broken PDF: {error}") from error
    if locked:
        raise ValueError("encrypted PDF, which needs a password")
    return reader


def _date_of(about: Any) -> object:  # noqa: ANN401  pypdf's own type, loaded late
    """Day the PDF says it was made, as written where it cannot be understood."""
    if not about:
        return None
    try:
        return about.creation_date
    except ValueError:
        return about.get("/CreationDate")
