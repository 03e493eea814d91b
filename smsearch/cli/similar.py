"""`smsearch similar`."""

from __future__ import annotations

from typing import Annotated

import typer

from smsearch.cli.options import CountOption, FullOption, IndexOption, JsonlOption, JsonOption
from smsearch.cli.output import say_hits


def similar(
    to: Annotated[str, typer.Argument(metavar="DOC_ID|PASSAGE", help="A document, or the number of a passage.")],
    index: IndexOption = None,
    k: CountOption = 5,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    full: FullOption = False,
) -> None:
    """Find documents that are about the same as a document or a passage.

    Example: smsearch similar 003_820c8e683cad6f24.txt
    """
    from smsearch.api import open_index

    with open_index(index) as opened:
        target = int(to) if to.isdecimal() and to not in opened else to
        say_hits(opened.similar(target, k), as_json=as_json, as_jsonl=as_jsonl, full=full)
