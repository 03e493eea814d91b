"""`smsearch verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smsearch.cli.options import IndexOption
from smsearch.cli.output import say
from smsearch.errors import IndexDamagedError


def verify(
    index: IndexOption = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Write damaged derived files again; save what is left of a damaged index."),
    ] = False,
) -> None:
    """Check the index: SQLite's structure, every row, every vector, the digests of the derived files.

    Exit code 1 if anything is wrong. Example: smsearch verify
    """
    try:
        faults = _faults(index, repair=repair)
    except IndexDamagedError as error:
        if not repair:
            raise
        faults = [str(error)]
    for fault in faults:
        say(fault)
    if faults and repair:
        _salvage(index)
    if faults:
        raise typer.Exit(1)


def _faults(index: Path | None, *, repair: bool) -> list[str]:
    from smsearch.api import open_index

    with open_index(index) as opened:
        if repair and opened.repair():
            say("derived files written again")
        faults = opened.verify()
    if not faults:
        say(f"{opened.folder}: all is well")
    return faults


def _salvage(index: Path | None) -> None:
    from smsearch.api import salvage_index
    from smsearch.cli.progress import progress_bar

    with progress_bar("saving", None) as progress:
        report = salvage_index(index, progress=progress)
    lost = f", {report.lost} could not be read" if report.lost else ""
    say(f"saved {report.saved} documents in {report.folder!r}, encoded by {report.encoder!r}{lost}")
    if report.sources:
        say(f"`smsearch update --index {report.folder}` reads the sources again for what is missing")
