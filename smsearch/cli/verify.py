"""`smsearch verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from smsearch.cli.options import IndexOption
from smsearch.cli.output import say


def verify(
    index: IndexOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Write damaged derived files again first.")] = False,
) -> None:
    """Check the index: SQLite's structure, counts, every vector, the digests of the derived files.

    Exit code 1 if anything is wrong. Example: smsearch verify
    """
    from smsearch.api import open_index

    with open_index(index) as opened:
        if repair and opened.repair():
            say("derived files written again")
        faults = opened.verify()
    for fault in faults:
        say(fault)
    if faults:
        raise typer.Exit(1)
    say(f"{opened.folder}: all is well")
