"""Markdown, with YAML or TOML front matter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from smsearch.sources.decoding import read_text
from smsearch.sources.drafting import new_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smsearch.records import Document, Fields

_FRONT = re.compile(
    r"\s*(?P<fence>---|\+\+\+)[ \t]*\n(?P<matter>.*?)^(?:(?P=fence)|\.\.\.)[ \t]*(?:\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
_HEADING = re.compile(r"#[ \t]+(.+?)[ \t]*#*[ \t]*")
_FENCE = re.compile(r"[ \t]{0,3}(```|~~~)")
_PAIR = re.compile(r"(\w[\w -]*):[ \t]+(.*)")
_LONGEST_MATTER = 100_000  # reading YAML takes seconds for more
_MOST_ALIASES = 30  # each may double what the matter stands for
# what the YAML parser is known to raise on values that are not of the type they claim
_DAMAGE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)
_NAMED = frozenset({"title", "author", "authors", "date", "lang", "language"})


def read_markdown(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document]:
    """The file as one document: the text after the front matter, and what the matter says.

    Front matter that is neither YAML, TOML nor lines of `name: value` is taken for text.

    Raises:
        OSError: If the file cannot be read.
    """
    del fields
    matter, body = split_front_matter(read_text(file))
    yield new_document(
        doc_id,
        body,
        title=matter.get("title") or first_heading(body),
        author=matter.get("author") or matter.get("authors"),
        date=matter.get("date"),
        lang=matter.get("lang") or matter.get("language"),
        metadata={key: value for key, value in matter.items() if key not in _NAMED},
    )


def split_front_matter(text: str) -> tuple[dict[str, object], str]:
    """What the front matter says, names in lower case, and the text after it."""
    match = _FRONT.match(text)
    if match is None:
        return {}, text
    matter = match["matter"]
    if len(matter) > _LONGEST_MATTER:
        return {}, text
    found = _toml(matter) if match["fence"] == "+++" else _yaml(matter) or _loose_pairs(matter)
    if found is None:
        return {}, text
    return {str(key).lower(): value for key, value in found.items()}, text[match.end() :].lstrip("\n")


def first_heading(body: str) -> str:
    """The first heading of the first level outside fenced code, or the empty string."""
    fence = ""
    for line in body.split("\n"):
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and (heading := _HEADING.fullmatch(line)):
            return heading[1]
    return ""


def _yaml(matter: str) -> dict[object, object] | None:
    import yaml

    try:
        if matter.count("*") > _MOST_ALIASES and _alias_count(matter) > _MOST_ALIASES:
            return None
        found = yaml.safe_load(matter)
    except (yaml.YAMLError, *_DAMAGE):
        return None
    return found if isinstance(found, dict) else None


def _alias_count(matter: str) -> int:
    import yaml

    return sum(isinstance(token, yaml.AliasToken) for token in yaml.scan(matter, Loader=yaml.SafeLoader))


def _toml(matter: str) -> dict[str, object] | None:
    import tomllib

    try:
        return tomllib.loads(matter)
    except (ValueError, RecursionError):
        return None


def _loose_pairs(matter: str) -> dict[object, object] | None:
    """The pairs of front matter that is no YAML, often for a colon in an unquoted title."""
    pairs = [_PAIR.fullmatch(line) for line in matter.strip().split("\n")]
    found: dict[object, object] = {pair[1]: pair[2].strip(" \"'") for pair in pairs if pair}
    return found if len(found) == len(pairs) else None
