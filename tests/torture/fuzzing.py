"""Any bytes for everything that takes some: no crash, no hang, no memory without end.

Inputs come three ways: by mutation of valid ones, each again by its number; from hypothesis; and from atheris, which
looks for those that reach new code, where it is installed. `python -m tests.torture.fuzzing --inputs 100000 --seed 1`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.torture.fuzz_targets import TARGETS, Target
from tests.torture.fuzz_worker import SECONDS, UNTOUCHED, Board
from tests.torture.outcomes import Outcome

_REQUIRED: Final = "no crash, no hang over 5 s, no more than 1 GB"
_WORKER: Final = "tests.torture.fuzz_worker"
_GUIDED: Final = "tests.torture.fuzz_coverage"
_ROOT: Final = Path(__file__).parents[2]
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")  # another target has the other core
_MOST_RESTARTS: Final = 25
_MOST_TO_START: Final = 120.0
_POLLED: Final = 0.2
_SHOWN: Final = 120


Finding = dict[str, Any]  # target, n, wrong, input in hexadecimal


@dataclass(slots=True)
class Tally:
    """What came of the inputs of one target."""

    tried: int = 0
    seconds: float = 0.0
    found: list[Finding] = field(default_factory=list)


def run_all(
    n_inputs: int, seed: int, only: Sequence[str] = (), *, more: int | None = None, coverage: int | None = None
) -> list[Outcome]:
    """Try every target, each in a process of its own.

    Args:
        n_inputs: Inputs of each by mutation.
        seed: Repeats them.
        only: Names of targets; none for all.
        more: Inputs of each from hypothesis; None for a twentieth of the others.
        coverage: Inputs of each from atheris, where it is installed; None for as many as by mutation.
    """
    more = n_inputs // 20 if more is None else more
    coverage = n_inputs if coverage is None else coverage
    return [run_target(TARGETS[name], n_inputs, more, coverage, seed=seed)[0] for name in only or TARGETS]


def run_briefly(n_inputs: int, seed: int, *, more: int) -> list[Outcome]:
    """Try every target, one after the other in one process."""
    tallies = _try_all(_WORKER, list(TARGETS), seed, n_inputs, more)
    return [_outcome(target, tallies[name], Tally(), seed) for name, target in TARGETS.items()]


def run_target(target: Target, n: int, more: int, coverage: int, *, seed: int) -> tuple[Outcome, list[Finding]]:
    """Try one target, and give its findings with their whole inputs as well."""
    own = _try_all(_WORKER, [target.name], seed, n, more)[target.name]
    guided = Tally()
    if coverage and importlib.util.find_spec("atheris") is not None:
        guided = _try_all(_GUIDED, [target.name], seed, coverage, 0)[target.name]
    return _outcome(target, own, guided, seed), [*own.found, *guided.found]


def _keep(found: Sequence[Finding], seed: int, path: Path) -> None:
    """Write down inputs, so that they can become tests."""
    if found:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({**each, "seed": seed}) + "\n" for each in found)


def _outcome(target: Target, own: Tally, guided: Tally, seed: int) -> Outcome:
    found = [*own.found, *guided.found]
    rate = own.tried / max(own.seconds, 1e-3)
    ways = f"{own.tried:,} mutated or drawn by hypothesis, {guided.tried:,} guided by coverage"
    return Outcome(
        fault=target.fault,
        tried=own.tried + guided.tried,
        required=_REQUIRED,
        happened=f"{len(found)} found; {ways}; {rate:,.0f} inputs a second",
        seed=seed,
        wrong=tuple(_sentence(each) for each in found),
    )


def _sentence(found: Finding) -> str:
    data = bytes.fromhex(found["input"])
    shown = repr(data[:_SHOWN]) + (f" and {len(data) - _SHOWN} bytes more" if len(data) > _SHOWN else "")
    return f"{found['target']}, input {found['n']}: {found['wrong']}: {shown}"


def _try_all(module: str, names: Sequence[str], seed: int, n: int, more: int) -> dict[str, Tally]:
    """All inputs of some targets in one process; a new one goes on behind an input that ended it."""
    shared = Path("/dev/shm")  # noqa: S108  a file system in memory
    tallies, first = {name: Tally() for name in names}, 0
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as named:
        folder = Path(named)
        board = Board(folder)
        for _ in range(_MOST_RESTARTS):
            ended = _run(module, [",".join(names), str(seed), str(first), str(n), str(more)], folder, board)
            if ended is None:
                break
            reached, data = board.read()
            place, number = divmod(reached, n + more)
            found = {"target": names[place], "n": number, "wrong": ended, "input": data.hex()}
            tallies[names[place]].found.append(found)
            tallies[names[place]].tried += number + 1 - max(first - place * (n + more), 0)
            first = reached + 1
        _read_results(folder, tallies)
        if module == _GUIDED:  # libFuzzer ends the process, so that it cannot count itself
            tallies[names[0]].tried = board.read()[0] + 1
    return tallies


def _read_results(folder: Path, tallies: dict[str, Tally]) -> None:
    """Add what the processes wrote down."""
    for found in _lines(folder / "found.jsonl"):
        tallies[found["target"]].found.append(found)
    for done in _lines(folder / "tried.jsonl"):
        tallies[done["target"]].tried += done["tried"]
        tallies[done["target"]].seconds += done["seconds"]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _run(module: str, arguments: Sequence[str], folder: Path, board: Board) -> str | None:
    """How a process ended that should have come to its end; None where it did."""
    errors = folder / "stderr"
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, str(folder)],
            cwd=_ROOT,
            stdout=stream,
            stderr=stream,
            env=os.environ | dict.fromkeys(_THREADS, "1"),
        )
        stuck = _wait(process, board)
    if process.returncode > 0 or (process.returncode and board.read()[0] == UNTOUCHED):
        raise RuntimeError(f"{module} {' '.join(arguments)}: {errors.read_text(encoding='utf-8', errors='replace')}")
    if stuck:
        return f"hang: no end after {3 * SECONDS:g} s, and nothing could interrupt it"
    if process.returncode < 0:
        return f"crash: {signal.Signals(-process.returncode).name}"
    return None


def _wait(process: subprocess.Popen[bytes], board: Board) -> bool:
    """Wait for a process; whether it had to be killed because one input kept it too long."""
    last, since = board.read()[0], time.monotonic()
    started = False
    while process.poll() is None:
        time.sleep(_POLLED)
        number = board.read()[0]
        if number != last:
            last, since, started = number, time.monotonic(), True
        elif time.monotonic() - since > (3 * SECONDS if started else _MOST_TO_START):
            process.kill()
            process.wait()
            return True
    return False


def main() -> None:
    """Try them all and print a line for each, and a line for each fault that was found."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=list(TARGETS), default=[])
    parser.add_argument("--hypothesis", type=int, help="inputs from hypothesis; a twentieth of the others")
    parser.add_argument("--coverage", type=int, help="inputs from atheris; as many as the others")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found.jsonl"), help="JSON lines of what is found")
    given = parser.parse_args()
    for name in given.only or TARGETS:
        more = given.inputs // 20 if given.hypothesis is None else given.hypothesis
        coverage = given.inputs if given.coverage is None else given.coverage
        outcome, found = run_target(TARGETS[name], given.inputs, more, coverage, seed=given.seed)
        _keep(found, given.seed, given.keep)
        print(f"{name}: {outcome.fault}: {outcome.tried:,}; {outcome.happened}", flush=True)  # noqa: T201  its output
        for wrong in outcome.wrong:
            print(f"    {wrong}", flush=True)  # noqa: T201  its output


if __name__ == "__main__":
    main()
