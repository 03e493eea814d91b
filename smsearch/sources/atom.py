"""Entries of Atom feeds, Blogger's export among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smsearch.sources.drafting import Part, join_parts, new_document
from smsearch.sources.markup import html_to_text
from smsearch.sources.rss import plain_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from xml.etree.ElementTree import Element

    from smsearch.records import Document

ATOM = "{http://www.w3.org/2005/Atom}"

_REPLY = "{http://purl.org/syndication/thread/1.0}in-reply-to"
_XHTML = "{http://www.w3.org/1999/xhtml}"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_KIND_SCHEME = "http://schemas.google.com/g/2005#kind"
_BLOGGER_KINDS = ("#post", "#page", "#comment")
_DRAFTS = ("{http://www.w3.org/2007/app}control", "{http://purl.org/atom/app#}control")


@dataclass(frozen=True, slots=True, eq=False)  # entries that say the same are still two
class _Entry:
    element: Element
    entry_id: str
    reply_to: str | None


def entries_to_documents(elements: Iterable[Element], *, doc_id: str) -> Iterator[Document]:
    """Each entry as a document, in the order of the feed, with the entries that reply to it.

    A reply to a reply belongs to the first post. A reply to what is not in the file is a
    document of its own. Drafts, and the templates and settings that Blogger exports, are left out.
    """
    entries = [_entry(element, f"{doc_id}#{n}") for n, element in enumerate(elements, start=1)]
    kept = [entry for entry in entries if _is_published(entry.element)]
    by_id = {entry.entry_id: entry for entry in reversed(kept)}
    threads: dict[_Entry, list[_Entry]] = {}
    for entry in kept:
        threads.setdefault(_first_post(entry, by_id), []).append(entry)
    for post, thread in threads.items():
        yield _document(post, [entry for entry in thread if entry is not post])


def _entry(element: Element, fallback_id: str) -> _Entry:
    reply = element.find(_REPLY)
    return _Entry(element, _text(element, "id") or fallback_id, None if reply is None else reply.get("ref"))


def _first_post(entry: _Entry, by_id: dict[str, _Entry]) -> _Entry:
    """The entry at the top of a thread; a thread that is a ring has none, so each is its own."""
    seen = {entry}
    top = entry
    while top.reply_to is not None and top.reply_to in by_id:
        top = by_id[top.reply_to]
        if top in seen:
            return entry
        seen.add(top)
    return top


def _is_published(element: Element) -> bool:
    for control in _DRAFTS:
        draft = element.findtext(f"{control}/{control.replace('control', 'draft')}")
        if (draft or "").strip() == "yes":
            return False
    kinds = [
        category.get("term", "")
        for category in element.iterfind(f"{ATOM}category")
        if category.get("scheme") == _KIND_SCHEME
    ]
    return not kinds or any(kind.endswith(_BLOGGER_KINDS) for kind in kinds)


def _document(entry: _Entry, replies: list[_Entry]) -> Document:
    element = entry.element
    post = Part(_content(element), kind="post" if entry.reply_to is None else "comment", author=_author(element))
    text, sections = join_parts([post, *(_comment(reply.element) for reply in replies)])
    return new_document(
        entry.entry_id,
        text,
        title=plain_title(_text(element, "title")),
        author=_author(element),
        date=_date(element),
        lang=element.get(_XML_LANG),
        metadata={"url": _address(element), "categories": _categories(element)},
        sections=sections,
    )


def _comment(element: Element) -> Part:
    return Part(_content(element), kind="comment", author=_author(element), date=_date(element))


def _content(element: Element) -> str:
    for name in ("content", "summary"):
        found = element.find(ATOM + name)
        text = "" if found is None else _content_text(found)
        if text:
            return text
    return ""


def _content_text(content: Element) -> str:
    if content.get("type", "text") == "xhtml":
        from xml.etree.ElementTree import tostring

        try:
            html = tostring(content, encoding="unicode")
        except RecursionError:  # nested more deeply than any page
            return " ".join(" ".join(content.itertext()).split())
        return html_to_text(html.replace("<html:", "<").replace("</html:", "</"))
    text = content.text or ""
    return text.strip() if content.get("type", "text") in {"text", "text/plain"} else html_to_text(text)


def _author(element: Element) -> str | None:
    return element.findtext(f"{ATOM}author/{ATOM}name")


def _date(element: Element) -> str | None:
    return _text(element, "published") or _text(element, "updated") or None


def _address(element: Element) -> str | None:
    links = element.findall(f"{ATOM}link")
    return next((link.get("href") for link in links if link.get("rel", "alternate") == "alternate"), None)


def _categories(element: Element) -> list[str]:
    found = [
        category.get("label") or category.get("term") or ""
        for category in element.iterfind(f"{ATOM}category")
        if category.get("scheme") != _KIND_SCHEME
    ]
    return [name for name in dict.fromkeys(found) if name]


def _text(element: Element, name: str) -> str:
    return (element.findtext(ATOM + name) or "").strip()
