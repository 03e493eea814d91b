"""`smsearch remove`."""

from __future__ import annotations

from typing import Annotated

import typer

from smsearch.cli.options import IndexOption
from smsearch.cli.output import say


def remove(
    doc_ids: Annotated[list[str], typer.Argument(metavar="DOC_ID...", help="Documents to take out.")],
    index: IndexOption = None,
) -> None:
    """Take documents out of the index; an update finds them again if their source still has them.

    Example: smsearch remove 003_820c8e683cad6f24.txt
    """
    from smsearch.api import open_index

    with open_index(index) as opened:
        n = opened.remove(doc_ids)
    say(f"{opened.folder}: {n} removed")
