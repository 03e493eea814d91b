"""`smsearch status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from smsearch.cli.options import IndexOption
from smsearch.cli.output import say, say_json
from smsearch.records import Status

_MOST = 12
_MEGA = 1_000_000


def status(
    index: IndexOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what the index holds.

    Example: smsearch status
    """
    from smsearch.api import open_index

    with open_index(index) as opened:
        found = opened.status()
    if as_json:
        say_json(asdict(found))
        return
    for line in _lines(found):
        say(line)


def _lines(found: Status) -> Iterator[str]:
    cleaned = sum(n for n, _ in found.left_out.values())
    characters = sum(n for _, n in found.left_out.values())
    yield f"index      {found.folder}, {found.n_bytes / _MEGA:.1f} MB"
    yield f"encoder    {found.encoder}, {found.dim} dimensions, {found.encoder_fingerprint[:12]}"
    if found.encoder_choice:
        yield f"           {found.encoder_choice}"
    yield f"documents  {found.n_documents}"
    yield from _counted("  from     ", found.sources)
    yield f"passages   {found.n_passages}, {found.n_duplicates} of them repeats of others"
    yield from _counted("  kinds    ", found.kinds)
    yield from _counted("  langs    ", found.langs)
    yield f"left out   {cleaned} stretches, {characters} characters"
    for reason, (n, length) in found.left_out.items():
        yield f"  {reason}: {n} stretches, {length} characters"
    yield f"vectors    {found.vector_index}, {found.n_changes} changes since the files were written"
    for fault in found.derived_faults:
        yield f"  {fault}; `smsearch verify --repair` writes it again"


def _counted(label: str, counts: Mapping[str, int]) -> Iterator[str]:
    named = [f"{name} {n}" for name, n in list(counts.items())[:_MOST]]
    if len(counts) > _MOST:
        named.append(f"and {len(counts) - _MOST} more")
    if named:
        yield label + ", ".join(named)
