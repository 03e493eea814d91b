"""Every fault in its long form, and the page of what came of them.

    python -m tests.torture.run [--part kills] [--page docs/reliability.md]

Exit code 1 if any trial ended otherwise than it must.
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import smsearch
from tests.torture import changing_sources, damage, fuzzing, hostile_sources, kills, limits, many, works
from tests.torture.outcomes import Outcome

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "seeds"
PAGE = ROOT / "docs" / "reliability.md"
SEED = 2026

_SLOW = ("query", "index", "html", "pdf", "passages", "eml")
Part = Callable[[Path], Iterator[Outcome]]


def killed(folder: Path) -> Iterator[Outcome]:
    """Writers killed 500 times, and at every named step; commands interrupted 60 times."""
    prepared = works.prepare(folder / "works", 2_000, seed=SEED)
    yield from kills.kill_all(prepared, folder, 500, seed=SEED, jobs=2)
    outcome, _ = kills.kill_at_steps(prepared, folder)
    yield outcome
    yield from kills.interrupt_all(prepared, folder, 60, seed=SEED, jobs=2)


def damaged(folder: Path) -> Iterator[Outcome]:
    """Files damaged in every way, 200 bits turned over in each."""
    yield from damage.damage_all(damage.prepare(folder, SEEDS), folder, flips=200, seed=SEED, jobs=2)


def out_of_room(folder: Path) -> Iterator[Outcome]:
    """Writers that run into limits, on full disks where these can be made, and where they may not write."""
    prepared = works.prepare(folder / "works", 1_500, seed=SEED)
    yield from limits.fill_all(prepared, folder, 70, seed=SEED)
    if limits.can_mount():
        yield limits.fill_disks(prepared, folder, (1.0, 1.3, 1.7, 2.5))
    yield limits.read_only_folder(SEEDS, folder)


def at_once(folder: Path) -> Iterator[Outcome]:
    """Eight readers beside a writer for three minutes, and two writers."""
    yield many.write_while_written(_below(folder, "writers"))
    yield many.read_while_written(_below(folder, "readers"), readers=8, seconds=180, seed=SEED)


def of_sources(folder: Path) -> Iterator[Outcome]:
    """Sources that change, are huge, or mean harm."""
    for module in (changing_sources, hostile_sources):
        for name, trial, _ in module.TRIALS:
            yield trial(_below(folder, name))


def fuzzed(_folder: Path) -> Iterator[Outcome]:
    """More than 100,000 inputs at each door (4,800 from hypothesis), two doors at a time; the slowest first."""
    targets = sorted(fuzzing.TARGETS, key=lambda name: (name not in _SLOW, name))
    with ThreadPoolExecutor(2) as pool:  # each runs in a process of its own
        yield from (
            one for (one,) in pool.map(lambda name: fuzzing.run_all(96_000, SEED, [name], coverage=4_000), targets)
        )


PARTS: dict[str, tuple[str, Part]] = {
    "kills": ("Killed", killed),
    "damage": ("Damaged files", damaged),
    "limits": ("Full disks, limits, rights", out_of_room),
    "many": ("Many at once", at_once),
    "sources": ("Sources", of_sources),
    "fuzzing": ("Any input", fuzzed),
}
_ROUNDS = (("kills",), ("damage",), ("limits", "sources"), ("many",), ("fuzzing",))  # two that need a core each at once


def main() -> None:
    """Run the parts, write the page after each outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be repeated")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    n_wrong = 0
    begin = time.monotonic()
    for parts in ((part,) for part in options.part) if options.part else _ROUNDS:
        for part, outcome, minutes in _side_by_side(parts):
            _say(f"{part}: {outcome.fault}: {outcome.tried} tried; {outcome.happened}")
            for fault in outcome.wrong:
                _say(f"    WRONG {fault}")
            n_wrong += len(outcome.wrong)
            record(options.page, part, outcome, minutes=minutes)
    _say(f"{(time.monotonic() - begin) / 60:.1f} minutes in all")
    sys.exit(bool(n_wrong))


def _side_by_side(parts: Sequence[str]) -> Iterator[tuple[str, Outcome, float]]:
    """What comes of some parts, each after how many minutes: of one as it comes, of several when each has ended."""
    if len(parts) == 1:
        yield from _outcomes(parts[0])
        return
    with ProcessPoolExecutor(len(parts), mp_context=get_context("spawn")) as pool:
        for found in pool.map(_all_outcomes, parts):
            yield from found


def _outcomes(part: str) -> Iterator[tuple[str, Outcome, float]]:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for outcome in PARTS[part][1](Path(folder)):
            yield part, outcome, (time.monotonic() - begin) / 60


def _all_outcomes(part: str) -> list[tuple[str, Outcome, float]]:
    return list(_outcomes(part))


def record(page: Path, part: str, outcome: Outcome, *, minutes: float) -> None:
    """Put an outcome on the page, in place of an earlier one of the same fault."""
    results = _results_of(page)
    earlier = results.get(part, {}).get("outcomes", [])
    rows = [row for row in earlier if row["fault"] != outcome.fault]
    outcome = replace(outcome, wrong=tuple(fault.replace(f"{ROOT}/", "") for fault in outcome.wrong))
    date = datetime.now(UTC).date().isoformat()
    results[part] = {"minutes": round(minutes, 1), "date": date, "outcomes": [*rows, asdict(outcome)]}
    page.parent.mkdir(exist_ok=True)
    page.with_suffix(".json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    page.write_text(render(results), "utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _results_of(page: Path) -> dict[str, dict[str, Any]]:
    data = page.with_suffix(".json")
    return json.loads(data.read_text("utf-8")) if data.exists() else {}


def render(results: dict[str, dict[str, Any]]) -> str:
    """The page."""
    text = (Path(__file__).with_name("reliability_head.md")).read_text("utf-8")
    text += f"\nsmsearch {smsearch.__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
    text += f"{platform.system()} {platform.machine()}.\n"
    for part, (title, _) in PARTS.items():
        if part not in results:
            continue
        found = results[part]
        text += f"\n## {title}\n\n`python -m tests.torture.run --part {part}`"
        text += f": {found['minutes']} minutes, {found['date']}.\n\n"
        text += "| fault | tried | required | what happened | otherwise | seed |\n|---|--:|---|---|--:|--:|\n"
        for row in found["outcomes"]:
            cells = (row["fault"], row["tried"], row["required"], row["happened"], len(row["wrong"]), row["seed"] or "")
            text += "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"
    return text


def _below(folder: Path, name: str) -> Path:
    path = folder / name.replace(" ", "-")
    path.mkdir()
    return path


if __name__ == "__main__":
    main()
