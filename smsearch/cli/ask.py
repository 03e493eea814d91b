"""`smsearch ask`, also called `smsearch search`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smsearch.cli.options import (
    CountOption,
    FullOption,
    IndexOption,
    JsonlOption,
    JsonOption,
    ModelOption,
    parse_where,
)
from smsearch.cli.output import say, say_hits
from smsearch.errors import QueryError, SmsearchError

if TYPE_CHECKING:
    from smsearch.api import Index

_PROMPT = "ask> "


def ask(
    query: Annotated[
        str | None,
        typer.Argument(metavar="QUERY", help="What you are looking for; - reads one a line.", show_default=False),
    ] = None,
    index: IndexOption = None,
    k: CountOption = 5,
    mode: Annotated[str, typer.Option(help="hybrid, dense or lexical.")] = "hybrid",
    lang: Annotated[list[str] | None, typer.Option(help="Only passages in this language.", show_default=False)] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only post or comment.", show_default=False)] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only this source.", show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from this date on: 2010, 2010-03...", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only up to this date.", show_default=False)] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Only with this metadata.", show_default=False)
    ] = None,
    per_document: Annotated[int | None, typer.Option(help="Most hits of one document.", show_default=False)] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            help="Drop hits below this score: the probability that a passage answers, 0.5 is the natural cut.",
            show_default=False,
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Order the best hits anew by a cross-encoder.", show_default=False),
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Compare every vector, however many there are.")] = False,
    group: Annotated[
        str | None,
        typer.Option(
            help="translations: show one passage of those that are translations of each other.", show_default=False
        ),
    ] = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    full: FullOption = False,
) -> None:
    """Find the passages that answer a question, in whatever language they are written.

    Example: smsearch ask "why say no to social media"
    """
    from smsearch.api import index_folder, load_for, open_index

    if query is None and not sys.stdin.isatty():
        raise QueryError("no query was given; write one, or - to read one a line from standard input")
    wanted: dict[str, Any] = {
        "mode": mode,
        "langs": lang or None,
        "kinds": kind or None,
        "sources": source or None,
        "since": since,
        "until": until,
        "where": parse_where(where),
        "per_document": per_document,
        "min_score": min_score,
        "rerank": rerank,
        "exact": exact,
        "group": group,
    }
    with open_index(index, encoder=load_for(index_folder(index), model, {}) if model else None) as opened:
        if query is None:
            _converse(opened, k, wanted, full=full)
        elif query == "-":
            _answer_all(opened, _lines(sys.stdin), k, wanted, as_json=as_json, as_jsonl=as_jsonl, full=full)
        else:
            say_hits(opened.search(query, k, **wanted), as_json=as_json, as_jsonl=as_jsonl, full=full)
        if opened.rebuilt:
            _mend(opened)


def _mend(opened: Index) -> None:
    """Write the derived files that had to be made again, so that the next answer need not wait for them."""
    try:
        opened.repair()
    except SmsearchError as error:
        say(f"derived files were missing or damaged; the answer comes from the database ({error})", err=True)
    else:
        say("derived files were missing or damaged and have been written again", err=True)


def _answer_all(
    opened: Index, queries: Iterable[str], k: int, wanted: dict[str, Any], *, as_json: bool, as_jsonl: bool, full: bool
) -> None:
    """Answer one query after the other; JSON gets all hits as one list, each with its query."""
    answers = (opened.search(query, k, **wanted) for query in queries)
    if as_json or as_jsonl:
        say_hits(chain.from_iterable(answers), as_json=as_json, as_jsonl=as_jsonl)
        return
    for hits in answers:
        say(f"? {hits.query}\n")
        say_hits(hits, as_json=False, as_jsonl=False, full=full)


def _converse(opened: Index, k: int, wanted: dict[str, Any], *, full: bool) -> None:
    """Answer queries at a prompt until the user has had enough."""
    from smsearch.cli.history import line_editing

    say("Ask in any language; an empty line or Ctrl-D ends.", err=True)
    with line_editing():
        while query := _read_query():
            try:
                say_hits(opened.search(query, k, **wanted), as_json=False, as_jsonl=False, full=full)
            except SmsearchError as error:
                say(f"smsearch: {error}", err=True)


def _read_query() -> str:
    try:
        return input(_PROMPT).strip()
    except (EOFError, KeyboardInterrupt):
        say()
        return ""


def _lines(stream: Iterable[str]) -> Iterator[str]:
    return (line.strip() for line in stream if line.strip())
