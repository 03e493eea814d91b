from __future__ import annotations

import io
import sys

import pytest

from smsearch.errors import MissingExtraError
from smsearch.records import Unread
from smsearch.sources.pdf import read_pdf
from tests.sources.reading_help import only_document, read_bytes

pypdf = pytest.importorskip("pypdf")


def make_pdf(*pages: str, password: str | None = None) -> bytes:
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(width=300, height=300)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_metadata({"/Title": "A title", "/Author": "Anna Ek", "/CreationDate": "D:20100309100000Z"})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_pages_are_joined_by_blank_lines() -> None:
    document = only_document(read_bytes(read_pdf, make_pdf("One page", "Another page"), doc_id="a.pdf"))
    assert document.doc_id == "a.pdf"
    assert document.text == "One page\n\nAnother page"
    assert (document.title, document.author) == ("A title", "Anna Ek")
    assert document.date == "2010-03-09T10:00:00+00:00"


def test_broken_pdf_is_refused() -> None:
    with pytest.raises(ValueError, match="broken PDF"):
        read_bytes(read_pdf, b"%PDF-1.4\nnothing more")


def test_encrypted_pdf_is_refused() -> None:
    with pytest.raises(ValueError, match="encrypted PDF, which needs a password"):
        read_bytes(read_pdf, make_pdf("Secret", password="pw"))  # noqa: S106  a made-up one


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'smsearch\[pdf\]'"):
        read_bytes(read_pdf, b"%PDF-1.4")


def test_a_page_that_draws_too_much_is_named_and_the_others_are_read() -> None:
    found = read_bytes(read_pdf, make_pdf("One page", ") Tj (" * 200_000, "Another page"), doc_id="a.pdf")
    assert found[0].text == "One page\n\nAnother page"  # type: ignore[union-attr]
    assert found[1:] == [Unread("a.pdf", "page 2: more than 1,000 kB of drawing, no text read", failed=False)]
