"""A cold `smsearch ask` beside the same question to a script of sentence-transformers + FAISS.

    python benchmarks/cold.py [--runs 10] [--write]

Both indexes are made before; the runs are interleaved; every run is a new process. The profile names
where the time of `smsearch ask` goes, by what Python spends on each import and what remains.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

OUT = Path(__file__).with_name("cold.md")
SEEDS = Path(__file__).parents[1] / "seeds"
PLAIN = Path(__file__).with_name("plain_script.py")
QUERY = "why say no to social media"
PARTS = ("typer", "numpy", "faiss", "tokenizers", "rich.console", "sqlite3", "smsearch.api", "smsearch.search.searcher")


def seconds(command: Sequence[str]) -> float:
    """Wall time of one process."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


def imports(command: Sequence[str]) -> dict[str, float]:
    """Milliseconds that the imports of some modules take, what they import included."""
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    found = {}
    for line in result.stderr.splitlines():
        match = re.match(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", line)
        if match and match[3] in PARTS:
            found[match[3]] = int(match[2]) / 1000
    return found


def row(what: str, times: Sequence[float]) -> str:
    """A row of the table: median, minimum, maximum."""
    return f"| {what} | {statistics.median(times):.2f} s | {min(times):.2f}-{max(times):.2f} s |"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        lines = measure(Path(name), options.runs)
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        OUT.write_text(text, encoding="utf-8")


def measure(folder: Path, runs: int) -> list[str]:
    """The page, line by line."""
    ours = [sys.executable, "-m", "smsearch"]
    index = ["--index", str(folder / "index")]
    plain = [sys.executable, str(PLAIN), str(SEEDS)]
    seconds([*ours, "index", str(SEEDS), *index])
    seconds([*plain, "build", str(folder / "plain.faiss")])
    commands = {
        "`smsearch ask`": [*ours, "ask", QUERY, *index],
        "`smsearch ask --json`": [*ours, "ask", QUERY, "--json", *index],
        "`smsearch --help`": [*ours, "--help"],
        "`python -c 'import smsearch'`": [sys.executable, "-c", "import smsearch"],
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "script of sentence-transformers + FAISS": [*plain, QUERY, str(folder / "plain.faiss")],
    }
    for command in commands.values():
        seconds(command)
    times: dict[str, list[float]] = {what: [] for what in commands}
    for _ in range(runs):
        for what, command in commands.items():
            times[what].append(seconds(command))
    medians = {what: statistics.median(taken) for what, taken in times.items()}
    ask = medians["`smsearch ask`"]
    ratio = medians["script of sentence-transformers + FAISS"] / ask
    taken = imports([sys.executable, "-X", "importtime", *ours[1:], "ask", QUERY, "--json", *index])
    return [
        "# A cold question",
        "",
        f"`python benchmarks/cold.py --runs {runs} --write`, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; {runs} interleaved runs over five posts, warm disk cache.",
        "",
        "| command | median | range |",
        "|---|--:|--:|",
        *(row(what, found) for what, found in times.items()),
        "",
        f"The script takes **{ratio:.1f} times** as long as `smsearch ask`.",
        "",
        "Where the time of `smsearch ask --json` goes: imports as `python -X importtime` counts them, with what each "
        "imports itself (`faiss` without `numpy`, which comes first; `smsearch.api` with `numpy`):",
        "",
        "| import | ms |",
        "|---|--:|",
        *(f"| `{module}` | {taken[module]:.0f} |" for module in PARTS if module in taken),
    ]


if __name__ == "__main__":
    main()
