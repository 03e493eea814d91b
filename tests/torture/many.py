"""Many processes at one index: every answer is that of some committed state, and one writer writes at a time."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import smsearch
from tests.torture.corpus import write_corpus
from tests.torture.outcomes import Outcome
from tests.torture.states import Answer, answer_of

QUERIES = ("a letter about the storm", "brev till bagaren")
_K = 25
_DOCUMENTS = 300
_READER = "import sys; from tests.torture.many import read_until_stopped; read_until_stopped(sys.argv[1], sys.argv[2])"
_HOLDER = (
    "import sys, time; from pathlib import Path; from smsearch.index.writer import open_writer\n"
    "writer = open_writer(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
)


def read_while_written(folder: Path, *, readers: int, seconds: float, seed: int) -> Outcome:
    """Ask from many processes without a pause while one adds, changes, removes and merges.

    The writer notes what each of its states answers, before a reader may see it or after; a reader notes each answer
    that differs from the one before.
    """
    index_folder, stop = folder / "index", folder / "stop"
    rows = write_corpus(folder / "documents.jsonl", _DOCUMENTS, seed=seed)
    smsearch.build_index(folder / "documents.jsonl", index_folder).close()
    notes = [folder / f"answers-{i}" for i in range(readers)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _READER, str(index_folder), str(path)], stderr=subprocess.PIPE, text=True
        )
        for path in notes
    ]
    committed = _write_until(index_folder, rows, time.monotonic() + seconds, seed)
    stop.touch()
    wrong = []
    for i, process in enumerate(processes):
        _, err = process.communicate(timeout=60)
        if process.returncode:
            wrong.append(f"reader {i} ended with {err[-500:]!r}")
    seen = [json.loads(line) for path in notes if path.exists() for line in path.read_text("utf-8").splitlines()]
    n_asked = sum(each["asked"] for each in seen)
    for each in seen:
        found = tuple(tuple(map(tuple, answer)) for answer in each["answers"])
        if found not in committed:
            wrong.append(f"an answer of no committed state: {str(found)[:300]}")
    return Outcome(
        f"{readers} readers beside a writer for {seconds:.0f} s",
        n_asked,
        "no error, every answer is that of a committed state",
        f"{n_asked} answers of {len({str(each['answers']) for each in seen})} states among {len(committed)} committed",
        seed,
        tuple(wrong[:20]),
    )


def _write_until(folder: Path, rows: list[dict[str, str]], end: float, seed: int) -> set[tuple[Answer, ...]]:
    """Change an index until then; returns what each of its states answered."""
    draw = random.Random(seed)  # noqa: S311  a test
    committed = set()
    with smsearch.open_index(folder) as index:
        committed.add(_answers(index))
        for step in range(1_000_000):
            if time.monotonic() > end:
                return committed
            some = draw.sample(rows, 20)
            if step % 3 == 2:
                present = [row["id"] for row in some if row["id"] in index]
                if present:
                    index.remove(present)
            elif step % 7 == 6:
                _merge(folder)
            else:
                index.add([smsearch.Document(row["id"], f"{row['text']} Step {step}.") for row in some])
            committed.add(_answers(index))
    return committed


def _merge(folder: Path) -> None:
    from smsearch.index.writer import open_writer

    with open_writer(folder) as writer:
        writer.refresh_derived(force=True)


def read_until_stopped(folder: str, notes: str) -> None:
    """Ask again and again; write down each answer that is not the one before, and how often it came."""
    stop = Path(folder).with_name("stop")
    last, n_asked = None, 0
    with smsearch.open_index(folder) as index, Path(notes).open("w", encoding="utf-8") as file:
        while not stop.exists():
            answers = _answers(index)
            if answers != last and last is not None:
                file.write(json.dumps({"asked": n_asked, "answers": last}) + "\n")
                n_asked = 0
            last, n_asked = answers, n_asked + 1
        file.write(json.dumps({"asked": n_asked, "answers": last}) + "\n")


def _answers(index: smsearch.Index) -> tuple[Answer, ...]:
    """Answers to all queries out of one state: asked again until two rounds agree."""
    found = tuple(answer_of(index, query, k=_K) for query in QUERIES)
    while (again := tuple(answer_of(index, query, k=_K) for query in QUERIES)) != found:
        found = again
    return found


def write_while_written(folder: Path) -> Outcome:
    """Try to write where another process writes; and where one that wrote was killed."""
    index = folder / "index"
    write_corpus(folder / "documents.jsonl", 20, seed=1)
    smsearch.build_index(folder / "documents.jsonl", index).close()
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(index)], stdout=subprocess.PIPE, text=True)
    wrong = []
    if holder.stdout is None or holder.stdout.readline() != "held\n":
        wrong.append("the first writer did not come to write")
    told = _update(index)
    if told.returncode != 2 or told.stderr.count("\n") != 1 or "another process is writing" not in told.stderr:
        wrong.append(f"the second writer said {told.stderr!r} with exit code {told.returncode}")
    if _ask(index).returncode:
        wrong.append("nothing could be asked meanwhile")
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    after = _update(index)
    if after.returncode:
        wrong.append(f"after the first was killed: {after.stderr!r}")
    required = "told in one sentence who holds the lock; the lock of a dead process is taken over"
    return Outcome("a second writer, and one after a killed one", 3, required, "so it was", None, tuple(wrong))


def _update(index: Path) -> subprocess.CompletedProcess[str]:
    return _run("update", "--index", str(index))


def _ask(index: Path) -> subprocess.CompletedProcess[str]:
    return _run("ask", QUERIES[0], "--index", str(index))


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smsearch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
