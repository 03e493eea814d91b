"""The paragraphs and headings of a text, with offsets, whatever way its lines are broken."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from smsearch.records import Section, Span
from smsearch.text.lines import Line, iter_lines

_LONGEST_WRAPPED_LINE = 100
_SHORTEST_WRAPPED_MEAN = 45
_ENDS_SENTENCE = tuple(".!?:;…。！？؟।॥»”\"'")
_LONGEST_HEADING = 80
_LONGEST_CASELESS_HEADING = 30
_MOST_HEADING_WORDS = 12
_SHORTEST_BODY = 60
_ENDS_NO_HEADING = (*_ENDS_SENTENCE, ",", "、", "，", ")", "]", "*", "=", "|")
_MARKDOWN_HEADING = re.compile(r"#{1,6}\s+\S")
_MOST_WRAP_ENDS = 0.4


@dataclass(frozen=True, slots=True)
class Unit:
    """A paragraph or a heading: `text[start:end]`, without surrounding white space."""

    start: int
    end: int
    is_heading: bool = False


def outline(text: str, section: Section, left_out: Sequence[Span]) -> list[Unit]:
    """The paragraphs and headings of one section, in order, without what is left out.

    Lines between blank lines are one paragraph when they look wrapped at a column, and a
    paragraph each when they do not. A heading is a Markdown heading, or a short line that
    ends in no punctuation and stands over a longer paragraph.

    Args:
        text: The document's text.
        section: The stretch of it to read.
        left_out: Whole lines that belong to no paragraph, in order.
    """
    first = bisect_left(left_out, section.start, key=_start_of)
    last = bisect_left(left_out, section.end, key=_start_of)
    excluded = {span.start for span in left_out[first:last]}
    units = []
    for block in _blocks(text, section, excluded):
        if _is_wrapped(block):
            units.append(Unit(block[0].start, block[-1].end))
        else:
            units += [Unit(line.start, line.end) for line in block]
    return [_marked(text, unit, below) for unit, below in zip_longest(units, units[1:])]


def _start_of(span: Span) -> int:
    return span.start


def heading_text(line: str) -> str:
    """A heading without the marks of Markdown."""
    return line.lstrip("#").strip().rstrip("#").strip() if _MARKDOWN_HEADING.match(line) else line


def _blocks(text: str, section: Section, excluded: set[int]) -> Iterator[list[Line]]:
    block: list[Line] = []
    for line in iter_lines(text, section.start, section.end):
        if line.text and line.start not in excluded:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _is_wrapped(lines: Sequence[Line]) -> bool:
    if len(lines) == 1 or any(line.has_bullet for line in lines[1:]):
        return len(lines) == 1
    if max(len(line.text) for line in lines) > _LONGEST_WRAPPED_LINE or _MARKDOWN_HEADING.match(lines[0].text):
        return False
    body = lines[:-1]
    mean = sum(len(line.text) for line in body) / len(body)
    n_ends = sum(line.text.endswith(_ENDS_SENTENCE) for line in body)
    return mean >= _SHORTEST_WRAPPED_MEAN and n_ends <= _MOST_WRAP_ENDS * len(body) + 1


def _marked(text: str, unit: Unit, below: Unit | None) -> Unit:
    line = text[unit.start : unit.end]
    if _MARKDOWN_HEADING.match(line) and "\n" not in line:
        return Unit(unit.start, unit.end, is_heading=True)
    body = text[below.start : below.end] if below else ""
    return Unit(unit.start, unit.end, is_heading=_looks_like_heading(line, body))


def _looks_like_heading(line: str, below: str) -> bool:
    if len(below) < max(_SHORTEST_BODY, 2 * len(line)) or "\n" in line or line.endswith(_ENDS_NO_HEADING):
        return False
    first = line[0]
    if first.isupper() or first.isdigit():
        return len(line) <= _LONGEST_HEADING and len(line.split()) <= _MOST_HEADING_WORDS
    return first.isalpha() and not first.islower() and len(line) <= _LONGEST_CASELESS_HEADING
