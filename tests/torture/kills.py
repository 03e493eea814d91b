"""Writers stopped at any moment: nothing reported is lost, and the next run ends where an undisturbed one does."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.torture.outcomes import Outcome
from tests.torture.works import Work, copied, fault_after, start

STEPS = (
    *(
        "seal broken",
        "batch kept",
        "tokens written",
        "words written",
        "filters written",
        "vectors written",
        "derived files recorded",
    ),
    *("derived file swept", "database closed", ".bin file aside", ".faiss file aside", ".seal file aside"),
    "tuning recorded",
)
_SHORT = ("merge", "smsearch tune", "smsearch update")  # between them they reach every step
_WORKERS_END_WITHIN = 15.0
_ENDS_WITHIN = 60.0
_BEGUN = 0.5  # seconds after which a command is past its imports; a short one spends half of its time on them
_SAID_BY_INTERRUPTED = {0: "", 130: "interrupted"}  # by exit code; 0 when it had ended


def kill_all(works: list[Work], folder: Path, n: int, *, seed: int, jobs: int = 1) -> list[Outcome]:
    """Kill writers `n` times, at random moments and at every named step in turn; one outcome for each kind of work."""
    draw = random.Random(seed)  # noqa: S311  a test
    plans = [_plan(works, i, draw) for i in range(n)]
    how = f"killed (SIGKILL) at random moments and at {len(STEPS)} named steps"
    required = "opens, verifies, holds every reported batch; the next run ends in the undisturbed state"
    return _try_all(plans, folder, how, required, seed=seed, jobs=jobs)


def interrupt_all(works: list[Work], folder: Path, n: int, *, seed: int, jobs: int = 1) -> list[Outcome]:
    """Interrupt commands (Ctrl-C) `n` times at random moments; one outcome for each kind of work."""
    draw = random.Random(seed)  # noqa: S311  a test
    commands = [work for work in works if work.name.startswith("smsearch ")]
    plans = []
    for i in range(n):
        work = commands[i % len(commands)]
        after = draw.uniform(min(_BEGUN, work.seconds / 2), 1.02 * work.seconds)
        plans.append(_Plan(work, i, None, after, signal.SIGINT))
    required = "one sentence, no word of damage; opens, verifies; the next run ends in the undisturbed state"
    return _try_all(plans, folder, "interrupted (Ctrl-C) at random moments", required, seed=seed, jobs=jobs)


def _try_all(plans: list[_Plan], folder: Path, how: str, required: str, *, seed: int, jobs: int) -> list[Outcome]:
    trial = partial(_trial, folder=folder)
    if jobs > 1:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            faults = list(pool.map(trial, plans))
    else:
        faults = list(map(trial, plans))
    tried = Counter(plan.work.name for plan in plans)
    alive = Counter(plan.work.name for plan, (_, ended) in zip(plans, faults, strict=True) if ended)
    wrong: dict[str, list[str]] = {}
    for plan, (fault, _) in zip(plans, faults, strict=True):
        if fault:
            wrong.setdefault(plan.work.name, []).append(f"{plan.what}: {fault}")
    return [
        Outcome(
            f"`{name}` {how}",
            n_tried,
            required,
            f"so it was in {n_tried - len(wrong.get(name, ()))}; {alive[name]} had ended before",
            seed,
            tuple(wrong.get(name, ())),
        )
        for name, n_tried in tried.items()
    ]


def kill_at_steps(works: list[Work], folder: Path) -> tuple[Outcome, set[str]]:
    """Kill a writer at every named step; also the steps at which one died."""
    wrong, died_at, tried = [], set[str](), 0
    for number, step in enumerate(STEPS):
        for work in works:
            if work.name not in _SHORT or step in died_at:
                continue
            plan = _Plan(work, number, step, 0.0)
            fault, ended = _trial(plan, folder)
            tried += 1
            if not ended:
                died_at.add(step)
            if fault:
                wrong.append(f"{plan.what}: {fault}")
    required = "opens, verifies; the next run ends in the undisturbed state"
    happened = f"so it was in {tried - len(wrong)}; some died at {len(died_at)} of {len(STEPS)} steps"
    return Outcome("writers killed at every named step", tried, required, happened, None, tuple(wrong)), died_at


@dataclass(frozen=True, slots=True)
class _Plan:
    """When to stop what, and how."""

    work: Work
    number: int
    step: str | None
    after: float
    signal: signal.Signals = signal.SIGKILL

    @property
    def what(self) -> str:
        when = f"at {self.step!r}" if self.step else f"after {self.after:.3f} s"
        return f"{self.work.name}, {self.signal.name} {when}"


def _plan(works: list[Work], i: int, draw: random.Random) -> _Plan:
    work = works[i % len(works)]
    at_step = draw.random() < 1 / 3
    return _Plan(work, i, draw.choice(STEPS) if at_step else None, draw.uniform(0.02, 1.02) * work.seconds)


def _trial(plan: _Plan, folder: Path) -> tuple[str | None, bool]:
    """What was wrong after one was stopped, and whether the work had ended before it."""
    place = copied(plan.work.before, folder / f"trial-{plan.number}")
    try:
        marker = uuid.uuid4().hex
        environment = {"SMSEARCH_TORTURE": marker} | ({"SMSEARCH_DIES_AT": plan.step} if plan.step else {})
        process = start(place, plan.work.name, environment)
        ended = _stop(process, None if plan.step else plan.after, plan.signal)
        out, err = process.communicate()
        reported = sum(map(int, out.split())) if plan.work.name in {"index", "update"} else 0
        said = f"it said {err!r}, exit code {process.returncode}" if _is_wrong(plan, process.returncode, err) else None
        fault = _left_behind(marker) or fault_after(place, plan.work, reported) or said
    except Exception as error:  # noqa: BLE001  whatever comes of it is a finding
        return f"{type(error).__name__}: {error}", False
    else:
        return fault, ended
    finally:
        shutil.rmtree(place)


def _stop(process: subprocess.Popen[str], after: float | None, how: signal.Signals) -> bool:
    """Stop it after some seconds, or wait until it has killed itself; whether it had ended before."""
    try:
        process.wait(timeout=_ENDS_WITHIN if after is None else after)
    except subprocess.TimeoutExpired:
        process.send_signal(how)
        process.wait(timeout=_ENDS_WITHIN)
    return process.returncode == 0


def _is_wrong(plan: _Plan, code: int, err: str) -> bool:
    """Whether a writer that was stopped said what it should not."""
    if plan.signal is signal.SIGKILL:
        return "Traceback" in err
    if code == -signal.SIGINT:  # not begun yet, or past its end
        return False
    said = _SAID_BY_INTERRUPTED.get(code)
    return said is None or said not in err or "Traceback" in err or "damaged" in err


def _left_behind(marker: str) -> str | None:
    """Processes that a killed writer leaves behind must end by themselves."""
    until = time.monotonic() + _WORKERS_END_WITHIN
    while left := list(_processes_with(marker)):
        if time.monotonic() > until:
            return f"{len(left)} of its processes are still there"
        time.sleep(0.05)
    return None


def _processes_with(marker: str) -> Iterator[Path]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (entry / "environ").read_bytes():
                yield entry
        except OSError:
            continue
