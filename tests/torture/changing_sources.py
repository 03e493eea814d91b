"""Sources that change, vanish or are something else while the real command reads them."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.torture.hostile_sources import (
    GOOD_TEXT,
    SECRET,
    Trial,
    faults_of,
    index_hostile,
    indexed,
    judged,
    new_source,
    run,
)
from tests.torture.outcomes import Outcome

_FILES = 100
_ROUNDS = 2


@contextmanager
def _meanwhile(change: Callable[[int], None]) -> Iterator[None]:
    """Make a change over and over, numbered from 0, while something else goes on."""
    stop = threading.Event()

    def work() -> None:
        n = 0
        while not stop.is_set():
            change(n)
            n += 1
            time.sleep(0.001)  # leaves the processor to what is tried

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def _in_rounds(
    fault: str,
    folder: Path,
    make: Callable[[Path], None],
    change: Callable[[Path, int], None],
    *,
    codes: tuple[int, ...],
) -> Outcome:
    """Index again and again what changes meanwhile; the good text has to be there, the secret never."""
    wrong: list[str] = []
    peak, seconds = 0, 0.0
    for n in range(_ROUNDS):
        place = folder / str(n)
        source = new_source(place)
        make(source)
        with _meanwhile(partial(change, source)):
            ran = run("index", "source", "--index", "index", folder=place)
        peak, seconds = max(peak, ran.megabytes), seconds + ran.seconds
        wrong += faults_of(ran, code=ran.code if ran.code in codes else codes[0])
        found = indexed(place) if (place / "index").is_dir() else {}
        if found.get("good.txt") is None or found["good.txt"].text != GOOD_TEXT:
            wrong.append("a file that was left alone is not in the index as it is")
        wrong += [f"{doc_id} holds what stands outside" for doc_id, each in found.items() if SECRET in each.text]
    required = "the command ends, what was left alone is indexed, nothing from outside, memory below 1 GB"
    return Outcome(fault, _ROUNDS, required, f"at most {peak} MB, {seconds:.1f} s in all", wrong=tuple(wrong))


def files_come_and_go(folder: Path) -> Outcome:
    """Files written, cut, replaced and removed while the folder is read."""

    def make(source: Path) -> None:
        for n in range(_FILES):
            (source / f"{n:03}.txt").write_text(f"The text number {n} and some words. " * 20, encoding="utf-8")

    def change(source: Path, n: int) -> None:
        path = source / f"{n * 7 % _FILES:03}.txt"
        if n % 3 == 0:
            path.unlink(missing_ok=True)
        elif n % 3 == 1:
            path.write_text("A new text. " * (n % 100), encoding="utf-8")
        elif path.exists():
            os.truncate(path, n % 50)

    return _in_rounds("files changed, cut and removed while read", folder, make, change, codes=(0, 1))


def files_become_others(folder: Path) -> Outcome:
    """A file that turns into a pipe, a link to a file outside, a folder, and back."""

    def change(source: Path, n: int) -> None:
        path, aside = source / "file.txt", source / ".aside"
        if path.is_dir():
            path.rmdir()
        kind = n % 4
        if kind == 0:
            aside.write_text("An honest text.", encoding="utf-8")
        elif kind == 1:
            os.mkfifo(aside)
        elif kind == 2:
            aside.symlink_to("../secret.txt")
        else:
            path.unlink(missing_ok=True)
            path.mkdir()
            return
        aside.replace(path)

    return _in_rounds("files that turn into pipes, links and folders", folder, lambda _: None, change, codes=(0, 1))


def files_that_grow(folder: Path) -> Outcome:
    """An export that is written to faster than it is read: it is read as far as it went at first, and named."""

    def make(source: Path) -> None:
        rows = "".join(f'{{"text": "The row number {n}"}}\n' for n in range(2_000))
        (source / "rows.jsonl").write_text(rows, encoding="utf-8")

    def change(source: Path, _n: int) -> None:
        with (source / "rows.jsonl").open("a", encoding="utf-8") as file:
            file.write('{"text": ""}\n' * 50)

    return _in_rounds("an export that grows without end", folder, make, change, codes=(1,))


def no_files(folder: Path) -> Outcome:
    """Pipes, sockets, devices, and folders named like files; in a folder and named by themselves."""

    def make(source: Path) -> None:
        os.mkfifo(source / "pipe.txt")
        (source / "folder.txt").mkdir()
        (source / "folder.txt" / "inner.jsonl").mkdir()
        (source / "folder.txt" / "inner.jsonl" / "x.txt").write_text("A text within.", encoding="utf-8")
        (source / ".smsearchignore").mkdir()
        here = Path.cwd()
        os.chdir(source)  # the name of a socket may have a hundred bytes only
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.txt")
        os.chdir(here)

    ran = index_hostile(folder, make)
    says = ("source/pipe.txt: no regular file (a pipe, socket or device)", "source/socket.txt: no regular file")
    holds = ("folder.txt/inner.jsonl/x.txt",)
    outcome = judged("pipes, sockets, folders named like files", folder, ran, code=0, says=says, holds=holds)
    wrong = list(outcome.wrong)
    for name in ("source/pipe.txt", "/dev/zero"):
        alone = run("index", name, "--index", "other", folder=folder)
        wrong += faults_of(alone, code=0, says=(f"{name}: no regular file",))
    return Outcome(outcome.fault, 3, outcome.required, outcome.happened, wrong=tuple(wrong))


def vanished_sources(folder: Path) -> Outcome:
    """A source that is gone, or a file in its place, when the index is updated: its documents are kept."""
    first = index_hostile(folder, lambda _source: None)
    source = folder / "source"
    source.rename(folder / "elsewhere")
    gone = run("update", "--index", "index", folder=folder)
    source.write_text("Not a folder any more.", encoding="utf-8")
    replaced = run("update", "--index", "index", folder=folder)
    says = ("source: 'source' is no longer there; nothing was read from it", "1 document not found but kept")
    outcome = judged("a source that vanished", folder, gone, code=1, says=says, holds=("source",))
    refused = faults_of(replaced, code=2, says=("say --allow-shrink",))
    wrong = (*faults_of(first, code=0), *outcome.wrong, *refused)
    return Outcome(outcome.fault, 2, outcome.required, outcome.happened, wrong=wrong)


TRIALS: tuple[Trial, ...] = (
    ("files come and go", files_come_and_go, False),
    ("files become others", files_become_others, False),
    ("files that grow", files_that_grow, False),
    ("no files", no_files, False),
    ("vanished sources", vanished_sources, False),
)
"""Name, function, and whether it takes so long that only the long form tries it."""
