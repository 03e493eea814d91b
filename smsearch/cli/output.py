"""What the commands print: plain lines, JSON, hits for people; and pipes that close early."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from smsearch.display import printable, steers
from smsearch.records import BuildReport, Hit, Unread

if TYPE_CHECKING:
    from rich.text import Text

_MOST_NAMED = 20
_EXCERPT_LINES = 5
_LIKELY = 0.5  # a passage answers as likely as not
_LABELS = {"probability": "", "bm25": "BM25 ", "cosine": "cosine ", "rerank": "rerank "}
_INDENT = 4
_BEGINS = re.compile(r"[.!?…]\s+|\n\s*|[。！？]")
_SPACE = re.compile(r"\s+")


class ClosedPipe(Exception):  # noqa: N818  not a fault
    """Whoever read standard output has had enough; click and rich would exit with code 1."""


def prepare_streams() -> None:
    """Let characters that the terminal or the pipe cannot carry become `?`, and let nothing of a line be lost.

    Under `PYTHONUNBUFFERED` standard output has no buffer, and what a write to a pipe leaves over when the process is
    stopped (Ctrl-Z) is lost: it gets one that is flushed after every line.
    """
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and isinstance(out.buffer, io.RawIOBase) and not out.isatty():
        sys.stdout = open(out.fileno(), "w", 1, out.encoding, "replace", closefd=False)  # noqa: SIM115  until the end


@contextmanager
def silence_closed_pipe() -> Iterator[None]:
    """Let `| head` end the command without an error."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, ClosedPipe):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line."""
    _write(sys.stderr if err else sys.stdout, printable(text) + "\n")


def say_json(value: object) -> None:
    """Print a JSON value on one line; control characters are escaped by JSON itself."""
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    _write(sys.stdout, _escape_c1(json.dumps(value, ensure_ascii=ascii_only)) + "\n")


def say_report(report: BuildReport, folder: str) -> None:
    """Print what a build or an update did, and what could not be read."""
    say(
        f"{folder}: {report.added} added, {report.changed} changed, {report.removed} removed, "
        f"{report.unchanged} unchanged; {_count(report.encoded, 'passage')} encoded in {report.seconds:.1f} s"
    )
    if not (report.added or report.changed or report.removed or report.unchanged or report.skipped or report.failed):
        say("there was nothing to read; name files, folders or patterns that hold text", err=True)
    if report.kept:
        say(f"{_count(report.kept, 'document')} not found but kept, because something could not be read", err=True)
    if report.skipped:
        say(f"{_count(len(report.skipped), 'file')} skipped:", err=True)
        _say_unread(report.skipped)
    if report.failed:
        say(f"{len(report.failed)} could not be read:", err=True)
        _say_unread(report.failed)


def say_hits(hits: Iterable[Hit], *, as_json: bool, as_jsonl: bool, full: bool = False) -> None:
    """Print hits as one JSON array, as JSON lines, or for people."""
    if as_jsonl:
        for hit in hits:
            say_json(hit.as_dict())
    elif as_json:
        say_json([hit.as_dict() for hit in hits])
    else:
        _say_for_people(list(hits), full=full)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except BrokenPipeError:
        raise ClosedPipe from None


def _say_unread(unread: Sequence[Unread]) -> None:
    for each in unread[:_MOST_NAMED]:
        say(f"  {each.name}: {each.reason}", err=True)
    if len(unread) > _MOST_NAMED:
        say(f"  and {len(unread) - _MOST_NAMED} more", err=True)


def _say_for_people(hits: Sequence[Hit], *, full: bool) -> None:
    if not hits:
        say("no hits", err=True)
        return
    if hits[0].score_kind == "probability" and hits[0].score < _LIKELY:
        say("nothing here seems to answer this; the nearest:", err=True)
    from rich.console import Console
    from rich.text import Text

    class Page(Console):
        def on_broken_pipe(self) -> None:
            raise ClosedPipe

    console = Page(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=False)
    limit = None if full else _EXCERPT_LINES * max(console.width - _INDENT, 20)
    for hit in hits:
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append(f"{hit.rank:>2}. ", style="bold")
        head.append(printable(hit.title or hit.doc_id).replace("\n", " "), style="bold cyan")
        console.print(head, overflow="ellipsis", no_wrap=True)
        for text in (Text(_particulars(hit), style="dim"), _excerpt(hit, limit)):
            for line in text.wrap(console, max(console.width - _INDENT, 20)):
                line.rstrip()
                console.print(Text(" " * _INDENT if line else "").append_text(line), soft_wrap=True)
        console.print()


def _particulars(hit: Hit) -> str:
    kind = hit.kind if hit.kind == "post" else f"comment by {hit.author}" if hit.author else "comment"
    parts = [
        f"{_LABELS[hit.score_kind]}{hit.score:.3f}",
        hit.doc_id if hit.title else "",
        hit.source,
        hit.lang,
        kind,
        hit.date or "",
    ]
    if hit.duplicates:
        parts.append(f"+{hit.duplicates} with the same text")
    return printable(" · ".join(part for part in parts if part)).replace("\n", " ")


def _excerpt(hit: Hit, limit: int | None) -> Text:
    """The passage with its best sentence in bold and the matching words underlined, cut around it."""
    from rich.text import Text

    text = Text(printable(hit.text))
    text.stylize("bold", hit.sentence_start - hit.start, hit.sentence_end - hit.start)
    for start, end in hit.matches:
        text.stylize("underline yellow", start - hit.start, end - hit.start)
    first, last = _window(hit, limit)
    shown = text[first:last]
    shown.rstrip()
    return Text.assemble("… " if first else "", shown, " …" if last < len(hit.text) else "")


def _window(hit: Hit, limit: int | None) -> tuple[int, int]:
    """The stretch of a passage to show, in characters: the best sentence and what fits around it."""
    n = len(hit.text)
    if limit is None or n <= limit:
        return 0, n
    start, end = hit.sentence_start - hit.start, hit.sentence_end - hit.start
    spare = max(limit - (end - start), 0)
    first = max(min(start - spare // 2, n - limit), 0)
    last = min(max(first + limit, end if end - start <= limit else start + limit), n)
    if first:  # begin with a sentence where one begins, else with a word
        begin = _BEGINS.search(hit.text, first, start) or _SPACE.search(hit.text, first, start)
        first = begin.end() if begin else first
    return first, last


def _escape_c1(text: str) -> str:
    """C1 controls and direction overrides escaped; JSON leaves them as they are."""
    if text.isprintable():
        return text
    return "".join(f"\\u{ord(char):04x}" if steers(char) else char for char in text)


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
