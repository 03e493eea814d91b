"""What came of a kind of fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of docs/reliability.md.

    Attributes:
        fault: What was done, in a few words.
        tried: How many times.
        required: What must come of it.
        happened: What came of it, with figures.
        seed: Repeats the trials; None where nothing is drawn.
        wrong: A sentence for each trial that ended otherwise; empty when all is well.
    """

    fault: str
    tried: int
    required: str
    happened: str
    seed: int | None = None
    wrong: tuple[str, ...] = ()
