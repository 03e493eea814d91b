"""A progress bar on the terminal, and how long a long build takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from smsearch.cli.output import say

_SETTLED_SECONDS = 3.0  # before that, starting takes more time than work
_SHORT_SECONDS = 20.0  # nobody needs to be told
_LONG_SECONDS = 300.0
_MINUTE = 60


@contextmanager
def progress_bar(what: str, total: int | None = None, *, advice: str = "") -> Iterator[Callable[[int], None]]:
    """Show work with its rate and the time left, on standard error; no bar when that is no terminal.

    Where the work takes longer than 20 seconds, one line says how long, as soon as that is known.

    Args:
        what: What is being done.
        total: Documents to expect, or None.
        advice: A second line for work of more than five minutes.

    Yields:
        A function to call with the number of documents done since the last call.
    """
    estimate = _Estimate(total, advice)
    if not sys.stderr.isatty():
        yield estimate.advance
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total, rate="")

        def advance(n: int) -> None:
            progress.advance(task, n)
            speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
            progress.update(task, rate=f"{speed:.0f}/s" if speed else "")
            estimate.advance(n)

        yield advance


class _Estimate:
    """Says once how long the rest takes."""

    def __init__(self, total: int | None, advice: str) -> None:
        self._total = total
        self._advice = advice
        self._begin = time.monotonic()
        self._done = 0
        self._is_said = total is None

    def advance(self, n: int) -> None:
        """Count documents; say how long the rest takes when that can be told and is worth a line."""
        self._done += n
        taken = time.monotonic() - self._begin
        if self._is_said or self._total is None or not self._done or taken < _SETTLED_SECONDS:
            return
        self._is_said = True
        left = taken / self._done * max(self._total - self._done, 0)
        if left >= _SHORT_SECONDS:
            say(f"the rest takes about {_duration(left)}", err=True)
        if left >= _LONG_SECONDS and self._advice:
            say(self._advice, err=True)


def _duration(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} seconds"
    minutes = round(seconds / _MINUTE)
    return f"{minutes} minutes" if minutes < 2 * _MINUTE else f"{minutes / _MINUTE:.1f} hours"
