"""HTML to text that keeps its paragraphs; the one address of lxml."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

_DROPPED = frozenset({"script", "style", "noscript", "template", "title", "meta", "svg", "iframe", "object"})
# the names trafilatura gives to its elements (item, lb, quote ...) stand beside those of HTML
_BLOCK_NAMES = """
address article aside blockquote center dd details div dl dt fieldset figcaption figure footer form h1
h2 h3 h4 h5 h6 head header hr list main nav ol p pre quote section summary table ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_LINES = frozenset({"br", "item", "lb", "li", "option", "row", "tr"})
_CELLS = frozenset({"cell", "td", "th"})
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<[^<>]*>", re.DOTALL)  # as in browsers, an open comment hides the rest
_SPACES = re.compile(r"[ \t\r\n\f]+")
_BLANKS = re.compile(r"[ \t\r\f]+")
_AROUND_BREAK = re.compile(r" *\n *")
_MOST_TAGS = 2_000_000  # beside its text, a tree takes some 150 bytes for each
_MANY_BREAKS = re.compile(r"\n{3,}")


def html_to_text(html: str, *, keep_lines: bool = False) -> str:
    """The words of some HTML, with blank lines between its blocks and no markup.

    Scripts, styles and the alternative texts of images are dropped, entities are decoded.

    Args:
        html: A page or a part of one; plain text passes through.
        keep_lines: Whether line ends in the HTML are line ends of the text, as in what
            WordPress stores; otherwise they are spaces.
    """
    if "<" not in html and "&" not in html and keep_lines:
        return html.strip()
    tree = parse_html(html)
    return _bare_words(html) if tree is None else tree_to_text(tree, keep_lines=keep_lines)


def parse_html(html: str) -> Any:  # noqa: ANN401  lxml has no types
    """The tree of some HTML without its comments; None when it is empty, too large or too deeply nested."""
    from lxml import etree  # type: ignore[import-untyped]

    if not html.strip() or html.count("<") > _MOST_TAGS:
        return None
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        tree = etree.fromstring(html.encode("utf-8", "replace"), parser)
    except etree.LxmlError:
        return None
    # past a depth of 2048 the parser gives up and keeps nothing
    return None if any(entry.level_name == "FATAL" for entry in parser.error_log) else tree


def tree_to_text(tree: Any, *, keep_lines: bool = False) -> str:  # noqa: ANN401  lxml has no types
    """The words of a tree of HTML, or of trafilatura's own, with blank lines between its blocks."""
    from lxml import etree

    pieces: list[str] = []
    in_pre = 0
    walk = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else ""
        starts = event == "start"
        in_pre += (1 if starts else -1) if tag == "pre" else 0
        pieces.append(_edge(tag, starts=starts))
        text = element.text if starts else element.tail if element is not tree else None
        if starts and tag in _DROPPED:
            walk.skip_subtree()
        elif text:
            pieces.append((_BLANKS if keep_lines or in_pre else _SPACES).sub(" ", text))
    text = _AROUND_BREAK.sub("\n", "".join(pieces))
    return _MANY_BREAKS.sub("\n\n", _BLANKS.sub(" ", text)).strip()


def _bare_words(html: str) -> str:
    """What is left of HTML without its tags, for HTML that makes no tree."""
    return _SPACES.sub(" ", unescape(_TAG.sub(" ", html))).strip()


def _edge(tag: str, *, starts: bool) -> str:
    """What stands for the start or end of an element."""
    if tag in _BLOCKS:
        return "\n\n"
    if tag in _LINES:
        return "\n" if starts else ""
    return " " if tag in _CELLS else ""
