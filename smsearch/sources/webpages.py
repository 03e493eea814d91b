"""Web pages: the main text and the comments, without menus and adverts."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from smsearch.sources.decoding import decode_bytes
from smsearch.sources.drafting import Part, join_parts, new_document
from smsearch.sources.limits import TEXT_LIMIT, read_held
from smsearch.sources.markup import html_to_text, parse_html, tree_to_text
from smsearch.text.comments import find_comments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smsearch.records import Document, Fields

_UNHEARD = logging.NullHandler()  # one for all pages: every further one would slow down every message
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_HEAD_BYTES = 4096
_LARGEST_ARTICLE = 6_000_000
_MOST_ARTICLE_TAGS = 200_000
# A page may count its comments in a line of its own; where it does not, one is put above them.
_ABOVE_COMMENTS = ("-\n", "-\n1 comment:\n")
_METADATA = ("url", "sitename", "description", "categories", "tags")


def read_html(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document]:
    """The page as one document: its main text, then its comments as a section of their own.

    Where no main text is found, all words of the page are the text.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is too large for a page.
    """
    del fields
    data = read_held(file, limit=TEXT_LIMIT, instead="split it")
    charset = _CHARSET.search(data[:_HEAD_BYTES])
    html = decode_bytes(data, declared=charset[1].decode("ascii") if charset else None)
    yield page_document(html, doc_id=doc_id)


def page_document(html: str, *, doc_id: str) -> Document:
    """One page as a document; `doc_id` is its name."""
    page = parse_html(html)
    found = _extract(html)
    post, comments = _main_text(found)
    text, sections = join_parts([Part(post or html_to_text(html)), *_comment_parts(comments)])
    return new_document(
        doc_id,
        text,
        title=found.get("title") or (page is not None and page.findtext(".//title")) or "",
        author=found.get("author"),
        date=found.get("date"),
        lang=page.get("lang") if page is not None else None,
        metadata={name: found.get(name) for name in _METADATA},
        sections=sections if comments else (),
    )


def _comment_parts(comments: str) -> list[Part]:
    """The comments one by one where their text tells them apart, without the line that counts them."""
    for above in _ABOVE_COMMENTS:
        sections, _ = find_comments(above + comments)
        found = [section for section in sections if section.kind == "comment"]
        if found:
            return [Part((above + comments)[each.start : each.end], "comment", each.author) for each in found]
    return [Part(comments, "comment")]


def _extract(html: str) -> dict[str, Any]:
    """What trafilatura finds in a page; empty when it finds nothing, or when that would take minutes."""
    if len(html) > _LARGEST_ARTICLE or html.count("<") > _MOST_ARTICLE_TAGS:
        return {}
    import trafilatura

    logging.getLogger("trafilatura").addHandler(_UNHEARD)
    dates = {"original_date": True, "extensive_search": False}
    try:
        found = trafilatura.bare_extraction(html, with_metadata=True, date_extraction_params=dates)
    except Exception:  # noqa: BLE001  a page may break the extraction in any way; its words are still there
        return {}
    if found is None or isinstance(found, dict):
        return found or {}
    return found.as_dict()


def _main_text(found: dict[str, Any]) -> tuple[str, str]:
    body, comments = found.get("body"), found.get("commentsbody")
    return (
        tree_to_text(body) if body is not None else "",
        tree_to_text(comments) if comments is not None else "",
    )
