"""Commands timed as processes, with the memory of all they start."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_EVERY = 0.1  # seconds between two looks at the memory
_SELDOM = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One command: seconds, peak memory of its process and those it started in MB, and what it printed."""

    seconds: float
    megabytes: float
    output: str


def run(command: Sequence[str], *, cwd: Path | None = None) -> Run:
    """Run a command to its end.

    Memory is the largest sum of the proportional set sizes (shared pages counted once) of the process and its
    descendants, looked at ten times a second, or as seldom as it takes for looking to cost a twentieth of a core (of
    large processes a look takes long); where the system does not say, 0.

    Raises:
        SystemExit: If it fails.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(list(command), stdout=subprocess.PIPE, text=True, cwd=cwd)
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        pause = _EVERY
        while not done.wait(pause):
            looked = time.perf_counter()
            peak[0] = max(peak[0], tree_megabytes(process.pid))
            pause = max(_EVERY, _SELDOM * (time.perf_counter() - looked))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - begin
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return Run(seconds, peak[0], output)


def smsearch(*arguments: str) -> list[str]:
    """The command line of this environment's smsearch, as a user starts it."""
    return [str(Path(sys.executable).with_name("smsearch")), *arguments]


def tree_megabytes(pid: int) -> float:
    """Memory of a process and its descendants in MB, shared pages counted once."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    waiting, total = [pid], 0.0
    while waiting:
        one = waiting.pop()
        waiting += children.get(one, [])
        total += own_megabytes(one)
    return total


def own_megabytes(pid: int) -> float:
    """Proportional set size of a process in MB; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def private_megabytes() -> float:
    """Memory of this process that is not a mapped file, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon:"))


def times(work: Callable[[Any], object], items: Sequence[Any]) -> dict[str, float]:
    """Milliseconds that some work takes with each item: median, 95th percentile, number."""
    taken = []
    for item in items:
        begin = time.perf_counter()
        work(item)
        taken.append(1000 * (time.perf_counter() - begin))
    return summary(taken)


def summary(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and number of some times."""
    ordered = sorted(milliseconds)
    at_95 = ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)]
    return {"p50": round(statistics.median(ordered), 3), "p95": round(at_95, 3), "n": len(ordered)}


def conditions() -> dict[str, Any]:
    """The machine, the versions and the commit, for a result file."""
    packages = ("smsearch", "faiss-cpu", "numpy", "tokenizers", "sentence-transformers", "torch")
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in packages if (found := _version(name))},
        "commit": _commit(),
        "date": time.strftime("%Y-%m-%dT%H:%M"),
    }


def say(result: dict[str, Any]) -> None:
    """Print a result as one line of JSON."""
    print(json.dumps(result, ensure_ascii=False), flush=True)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607  whatever git there is
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return done.stdout.strip()
