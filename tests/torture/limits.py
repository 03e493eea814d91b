"""Writers that run out of room, and folders that may not be written: one sentence, nothing lost, the next run works."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import smsearch
from tests.torture.corpus import QUERIES
from tests.torture.outcomes import Outcome
from tests.torture.states import answers_of
from tests.torture.works import Work, copied, fault_after, index_of, start

_LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({n}, {n}))\n"
_UNPRIVILEGED = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps=-all")
_REFUSED = 2


def fill_all(works: list[Work], folder: Path, n: int, *, seed: int) -> list[Outcome]:
    """Let every kind of work run into a limit on the size of files, `n` times in all."""
    draw = random.Random(seed)  # noqa: S311  a test
    outcomes = []
    for work in works:
        largest = max(path.stat().st_size for path in index_of(_undisturbed(work, folder)).iterdir())
        wrong, results = [], Counter[str]()
        for i in range(max(n // len(works), 1)):
            limit = draw.randrange(0 if i else 1, int(1.05 * largest))
            place = copied(work.before, folder / "limited")
            process = start(place, work.name, {}, before=_LIMITED.format(n=limit))
            out, err = process.communicate(timeout=120)
            fault = _fault_of_end(work, process.returncode, err)
            fault = fault or fault_after(place, work, _reported(work, out))
            if fault:
                wrong.append(f"{work.name} with files of {limit} bytes at most: {fault}")
            results["done" if process.returncode == 0 else "refused in one sentence"] += 1
            shutil.rmtree(place)
        what = f"`{work.name}` with a limit on the size of files"
        outcomes.append(Outcome(what, results.total(), _REQUIRED, _counted(results), seed, tuple(wrong)))
        shutil.rmtree(folder / "undisturbed")
    return outcomes


_REQUIRED = "one sentence, the old state or a part of the new, the next run ends in the undisturbed state"


def fill_disks(works: list[Work], folder: Path, sizes: tuple[float, ...]) -> Outcome:
    """Let every kind of work run on a disk with room for some multiple of the index; needs the right to mount."""
    wrong, results = [], Counter[str]()
    for work in works:
        whole = sum(path.stat().st_size for path in work.before.rglob("*") if path.is_file())
        for size in sizes:
            with small_disk(folder / "disk", int(size * max(whole, 200_000)) + 65_536) as disk:
                try:
                    place = copied(work.before, disk / "place")
                except OSError:
                    results["too small for the source"] += 1
                    continue
                process = start(place, work.name, {"TMPDIR": str(folder)})
                out, err = process.communicate(timeout=120)
                fault = _fault_of_end(work, process.returncode, err)
                moved = Path(shutil.copytree(place, folder / "moved"))
                fault = fault or fault_after(copied(moved, folder / "freed"), work, _reported(work, out))
            for each in ("moved", "freed"):
                shutil.rmtree(folder / each, ignore_errors=True)
            if fault:
                wrong.append(f"{work.name} on a disk {size} times the size: {fault}")
            results["done" if process.returncode == 0 else "refused in one sentence"] += 1
    return Outcome("any writer on a full disk", results.total(), _REQUIRED, _counted(results), None, tuple(wrong))


@contextmanager
def small_disk(at: Path, size: int) -> Iterator[Path]:
    """A file system of some bytes in memory."""
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], check=True, capture_output=True)  # noqa: S607
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)  # noqa: S607
        at.rmdir()


def can_mount() -> bool:
    """Whether this process may mount file systems."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk", 65_536):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def read_only_folder(sources: Path, folder: Path) -> Outcome:
    """Ask, and try every writer, where nothing may be written."""
    index = folder / "index"
    smsearch.build_index(sources, index).close()
    expected = answers_of(index, QUERIES[:1])
    doc_id = next(iter(sorted(path.name for path in sources.glob("*.txt"))))
    for path in (*index.iterdir(), index):
        path.chmod(0o555 if path.is_dir() else 0o444)
    wrong = []
    commands = {
        "ask": ("ask", QUERIES[0]),
        "status": ("status",),
        "index": ("index", str(sources)),
        "update": ("update",),
        "remove": ("remove", doc_id),
        "tune": ("tune",),
        "verify": ("verify",),
        "re-encode": ("update", "--re-encode"),
    }
    for name, arguments in commands.items():
        done = _unprivileged([sys.executable, "-m", "smsearch", *arguments, "--index", str(index)])
        only_reads = name in {"ask", "status"}
        if done.returncode != (0 if only_reads else _REFUSED) or "Traceback" in done.stderr:
            wrong.append(f"{name}: exit code {done.returncode}, {done.stderr!r}")
        elif not only_reads and done.stderr.count("\n") != 1:
            wrong.append(f"{name}: not one sentence, {done.stderr!r}")
    for path in (index, *index.iterdir()):
        path.chmod(0o755)
    if answers_of(index, QUERIES[:1]) != expected:
        wrong.append("the index answers otherwise")
    required = "`ask` and `status` work, every writer refuses in one sentence"
    return Outcome("a folder without the right to write", len(commands), required, "so it was", None, tuple(wrong))


def _unprivileged(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command that has to respect rights, even for an administrator."""
    before = _UNPRIVILEGED if os.geteuid() == 0 and shutil.which("setpriv") else ()
    return subprocess.run([*before, *command], capture_output=True, text=True, check=False, timeout=60)


def _undisturbed(work: Work, folder: Path) -> Path:
    place = copied(work.before, folder / "undisturbed")
    start(place, work.name, {}).communicate()
    return place


def _fault_of_end(work: Work, code: int, err: str) -> str | None:
    if code == 0:
        return None
    lines = [line for line in err.splitlines() if line.strip()]
    if not work.name.startswith("smsearch"):  # a Python call: the error is ours, and says it in one sentence
        return None if lines and lines[-1].startswith("smsearch.errors.") else f"ended with {err[-300:]!r}"
    is_clear = code == _REFUSED and len(lines) == 1 and "Traceback" not in err
    return None if is_clear else f"exit code {code}, said {err[-400:]!r}"


def _reported(work: Work, out: str) -> int:
    return sum(map(int, out.split())) if work.name in {"index", "update"} else 0


def _counted(results: Counter[str]) -> str:
    return ", ".join(f"{n} {result}" for result, n in results.most_common())
