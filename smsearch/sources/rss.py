"""Items of RSS feeds and of WordPress exports (WXR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smsearch.sources.drafting import Part, join_parts, new_document
from smsearch.sources.markup import html_to_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from smsearch.records import Document

_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_DC = "{http://purl.org/dc/elements/1.1/}"
_RSS_1 = "{http://purl.org/rss/1.0/}"
_WORDPRESS = "{http://wordpress.org/export/"
_POST_TYPES = frozenset({"post", "page"})
_NO_DATE = "0000-00-00"


def item_to_document(item: Element, *, fallback_id: str) -> Document | None:
    """One item as a document; None for a WordPress item that is no published post or page.

    Args:
        item: The complete element.
        fallback_id: Name of the document where the item has none.
    """
    wordpress = _wordpress_fields(item)
    if wordpress is None:
        return _rss_document(item, fallback_id)
    if wordpress.get("post_type", "post") not in _POST_TYPES or wordpress.get("status", "publish") != "publish":
        return None
    post = Part(html_to_text(item.findtext(_CONTENT) or "", keep_lines=True))
    text, sections = join_parts([post, *_comments(item)])
    return new_document(
        _text(item, "guid") or wordpress.get("post_id") or fallback_id,
        text,
        title=plain_title(_text(item, "title")),
        author=_text(item, f"{_DC}creator"),
        date=_utc(wordpress, "post_date") or _text(item, "pubDate"),
        metadata=_metadata(item),
        sections=sections,
    )


def plain_title(title: str) -> str:
    """A title without the markup that feeds put into it."""
    return html_to_text(title) if "<" in title or "&" in title else title


def _rss_document(item: Element, fallback_id: str) -> Document:
    content = item.findtext(_CONTENT) or _text(item, "description")
    text, sections = join_parts([Part(html_to_text(content))])
    return new_document(
        _text(item, "guid") or _text(item, "link") or fallback_id,
        text,
        title=plain_title(_text(item, "title")),
        author=_text(item, f"{_DC}creator") or _text(item, "author"),
        date=_text(item, "pubDate") or _text(item, f"{_DC}date"),
        lang=_text(item, f"{_DC}language"),
        metadata=_metadata(item),
        sections=sections,
    )


def _metadata(item: Element) -> dict[str, object]:
    """Address, categories and tags; WordPress marks tags as a domain of categories."""
    categories: list[str] = []
    tags: list[str] = []
    for element in [*item.iterfind("category"), *item.iterfind(f"{_DC}subject")]:
        kind = tags if element.get("domain") == "post_tag" else categories
        name = (element.text or "").strip()
        if name and name not in kind:
            kind.append(name)
    return {"url": _text(item, "link"), "categories": categories, "tags": tags}


def _comments(item: Element) -> Iterator[Part]:
    """The approved comments, in the order of the export, without pingbacks and trackbacks."""
    for element in item:
        if not (element.tag.startswith(_WORDPRESS) and element.tag.endswith("}comment")):
            continue
        comment = _wordpress_fields(element) or {}
        approved = comment.get("comment_approved", "1") in {"1", "approved"}
        if approved and comment.get("comment_type", "") in {"", "comment"}:
            yield Part(
                html_to_text(comment.get("comment_content", ""), keep_lines=True),
                kind="comment",
                author=comment.get("comment_author"),
                date=_utc(comment, "comment_date"),
            )


def _wordpress_fields(element: Element) -> dict[str, str] | None:
    """Texts of WordPress's own elements by their local names, None when there are none."""
    fields: dict[str, str] = {}
    for child in element:
        if child.tag.startswith(_WORDPRESS) and not child.tag.endswith("}comment"):
            fields.setdefault(child.tag.rpartition("}")[2], (child.text or "").strip())
    return fields or None


def _utc(fields: dict[str, str], name: str) -> str | None:
    """The moment in UTC where the export has it, else in the blog's own time."""
    utc, own = fields.get(f"{name}_gmt", ""), fields.get(name, "")
    if utc and not utc.startswith(_NO_DATE):
        return f"{utc}+00:00"
    return own if own and not own.startswith(_NO_DATE) else None


def _text(item: Element, name: str) -> str:
    found = item.findtext(name) or (item.findtext(_RSS_1 + name) if not name.startswith("{") else None)
    return (found or "").strip()
