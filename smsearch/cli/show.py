"""`smsearch show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from smsearch.cli.options import IndexOption
from smsearch.cli.output import say, say_json


def show(
    doc_id: Annotated[str, typer.Argument(metavar="DOC_ID", help="The document.")],
    index: IndexOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print a document in full, with what is known about it.

    Example: smsearch show 003_820c8e683cad6f24.txt
    """
    from smsearch.api import open_index

    with open_index(index) as opened:
        document = opened.document(doc_id)
        left_out = opened.left_out(doc_id)
    if as_json:
        say_json({**asdict(document), "left_out": [asdict(span) for span in left_out]})
        return
    known = {
        "doc_id": document.doc_id,
        "title": document.title,
        "source": document.source,
        "author": document.author,
        "date": document.date,
        "lang": document.lang,
        **document.metadata,
    }
    for name, value in known.items():
        if value not in {None, ""}:
            say(f"{name}: {value}")
    say(f"left out: {len(left_out)} stretches, {sum(span.end - span.start for span in left_out)} characters")
    say()
    say(document.text)
