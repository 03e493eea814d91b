"""What writers do to an index of some thousand documents, and what must come of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import smsearch
from smsearch.errors import NotFoundError
from smsearch.index.checksums import checksum_sql
from smsearch.index.writer import open_writer
from tests.torture.corpus import QUERIES, write_corpus
from tests.torture.states import State, state_of

_FLAT_LIMIT = 300  # in place of 200,000, so that some hundred vectors stand in clusters
_CLUSTERED = f"import smsearch.index.derived as d; d.FLAT_LIMIT = {_FLAT_LIMIT}\n"
_REPORTED = "progress=lambda n: print(n, flush=True)"
_MERGE = (
    "import sys; from pathlib import Path; from smsearch.index.writer import open_writer\n"
    "with open_writer(Path(sys.argv[2])) as writer: writer.refresh_derived(force=True)"
)
_PROGRAMS = {
    "index": f"import sys, smsearch; smsearch.build_index(sys.argv[1], sys.argv[2], {_REPORTED})",
    "update": f"import sys, smsearch; smsearch.open_index(sys.argv[2]).update({_REPORTED})",
    "smsearch remove": "import sys; ids = open(sys.argv[3]).read().split()\n"
    "sys.argv[1:] = ['remove', *ids, '--index', sys.argv[2]]\n"
    "from smsearch.__main__ import main; main()",
    "smsearch tune": f"{_CLUSTERED}import sys; sys.argv[1:] = ['tune', '--recall', '0.9', '--index', sys.argv[2]]\n"
    "from smsearch.__main__ import main; main()",
    "smsearch index": "import sys; sys.argv[1:] = ['index', sys.argv[1], '--index', sys.argv[2]]\n"
    "from smsearch.__main__ import main; main()",
    "smsearch update": "import sys; sys.argv[1:] = ['update', '--index', sys.argv[2]]\n"
    "from smsearch.__main__ import main; main()",
    "merge": _MERGE,
}


@dataclass(frozen=True, slots=True)
class Work:
    """Something a writer does, and what must come of it.

    Attributes:
        name: One of `_PROGRAMS`.
        before: Folder with the source, and the index as it is before.
        source: The documents as they are read, in order.
        seconds: An undisturbed run takes.
        expected: The state after one.
    """

    name: str
    before: Path
    source: list[dict[str, str]]
    seconds: float
    expected: State


def prepare(folder: Path, n: int, *, seed: int) -> list[Work]:
    """Every kind of work on an index of `n` documents."""
    works = []
    for name in _PROGRAMS:
        before = folder / name
        before.mkdir(parents=True)
        rows = write_corpus(source_of(before), n, seed=seed)
        if not name.endswith("index"):
            smsearch.build_index(source_of(before), index_of(before)).close()
        if name.endswith("update"):
            rows = write_corpus(source_of(before), n, seed=seed, version=2)
        if name.endswith("remove"):
            (before / "ids").write_text(" ".join(row["id"] for row in rows[:: 3 if n > 100 else 2]))
        if name.endswith("tune"):
            subprocess.run([sys.executable, "-c", _CLUSTERED + _MERGE, "", str(index_of(before))], check=True)
        undisturbed = copied(before, folder / f"{name}-undisturbed")
        begin = time.monotonic()
        start(undisturbed, name, {}).communicate()
        seconds = time.monotonic() - begin
        works.append(Work(name, before, rows, seconds, state_of(index_of(undisturbed), QUERIES)))
        shutil.rmtree(undisturbed)
    return works


def fault_after(place: Path, work: Work, reported: int) -> str | None:
    """What is wrong after a writer was stopped, and after the next run; None when nothing is.

    Args:
        place: Where it worked.
        work: What it did.
        reported: Documents it had reported as stored.
    """
    index = index_of(place)
    try:
        with smsearch.open_index(index) as opened:
            found = {each["doc_id"] for each in opened.passages()} if reported else set()
            texts = {row["id"]: row["text"] for row in work.source[:reported]}
            lost = [i for i, text in texts.items() if i not in found or opened.document(i).text != text]
            if lost:
                return f"{len(lost)} of {reported} reported documents are not there"
            faults = opened.verify()
            if [fault for fault in faults if "derived files" not in fault or "never written" not in fault]:
                return f"verify: {faults[0]}"
    except NotFoundError:
        if not work.name.endswith("index") or reported:
            return "the index is gone"
    finish(place, work.name)
    with smsearch.open_index(index) as opened:
        if faults := opened.verify():
            return f"verify after the next run: {faults[0]}"
    return state_of(index, QUERIES).difference(work.expected)


def finish(place: Path, name: str) -> None:
    """The next run, undisturbed."""
    index = index_of(place)
    if name.endswith("index"):
        smsearch.build_index(source_of(place), index).close()
    elif name.endswith("update"):
        with smsearch.open_index(index) as opened:
            opened.update()
    elif name.endswith("remove"):
        wanted = set((place / "ids").read_text().split())
        with smsearch.open_index(index) as opened:
            opened.remove([doc_id for doc_id in opened.doc_ids() if doc_id in wanted])
    else:
        subprocess.run(command(place, name), check=True, timeout=120, capture_output=True)


def start(place: Path, name: str, environment: Mapping[str, str], *, before: str = "") -> subprocess.Popen[str]:
    """A writer at work.

    Args:
        place: Where it works.
        name: What it does.
        environment: Further variables.
        before: Code that it runs first.
    """
    program = command(place, name)
    program[2] = before + program[2]
    return subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment, text=True, cwd=place
    )


def command(place: Path, name: str) -> list[str]:
    """The command line of a writer."""
    return [sys.executable, "-c", _PROGRAMS[name], str(source_of(place)), str(index_of(place)), str(place / "ids")]


def copied(before: Path, place: Path) -> Path:
    """A copy whose index knows the copied source."""
    shutil.copytree(before, place)
    if (index_of(place) / "index.sqlite").exists():
        _move_source(index_of(place), source_of(before), source_of(place))
    return place


def _move_source(index: Path, old: Path, new: Path) -> None:
    with open_writer(index) as writer, writer.batch():
        connection = writer.store.connection
        connection.execute("UPDATE sources SET path = ? WHERE path = ?", (str(new), str(old)))
        connection.execute(f"UPDATE sources SET checksum = {checksum_sql('sources')}")


def source_of(place: Path) -> Path:
    """The documents."""
    return place / "documents.jsonl"


def index_of(place: Path) -> Path:
    """The index."""
    return place / "index"
