"""PDF files; the one address of pypdf."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, BinaryIO

from smsearch.errors import MissingExtraError
from smsearch.sources.drafting import new_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypdf import PdfReader

    from smsearch.records import Document, Fields


def read_pdf(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document]:
    """The file as one document, its pages joined by blank lines.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is encrypted or broken.
        MissingExtraError: If pypdf is not installed.
    """
    del fields
    reader = _open(file)
    try:
        pages = [page.extract_text().strip() for page in reader.pages]
        about: Any = reader.metadata
        title, author = (about.title, about.author) if about else (None, None)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a broken file may break pypdf in any way
        raise ValueError(f"broken PDF: {error}") from error
    text = "\n\n".join(page for page in pages if page)
    yield new_document(doc_id, text, title=title, author=author, date=_date_of(about))


def _open(file: BinaryIO) -> PdfReader:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise MissingExtraError(
            "reading PDF files needs pypdf, which is not installed; run: pip install 'smsearch[pdf]'"
        ) from None
    logging.getLogger("pypdf").addHandler(logging.NullHandler())
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
