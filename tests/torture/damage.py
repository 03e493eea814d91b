"""Files of an index damaged in every way: what is derived is made again, the database says so, no answer is wrong."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import starmap
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import smsearch
from smsearch.encoders import Encoder, load_encoder
from smsearch.errors import SmsearchError
from smsearch.index.seal import set_seal
from smsearch.index.writer import open_writer
from tests.torture.outcomes import Outcome
from tests.torture.states import Answer, answer_of

QUERIES = ("why say no to social media", "ブログ")
_PAGE = 8192  # bytes, of SQLite as ours is written
DERIVED = ("tokens", "words", "filters", "vectors")

Answers = tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """An index before it is damaged.

    Attributes:
        folder: Where it is.
        answers: What it answers.
        texts: Its documents.
    """

    folder: Path
    answers: Answers
    texts: dict[str, str]

    @classmethod
    def of(cls, folder: Path) -> Whole:
        """An index that nothing has happened to."""
        with _open(folder) as index:
            texts = {doc_id: index.document(doc_id).text for doc_id in index.doc_ids()}
            return cls(folder, _ask(index), texts)


def prepare(folder: Path, sources: Path) -> dict[str, Whole]:
    """An index of some sources as its writer leaves it, and two with changes: of a killed writer, and as if large."""
    whole, torn, large, other = (folder / name for name in ("whole", "torn", "large", "other"))
    smsearch.build_index(sources, whole).close()
    smsearch.build_index(next(sources.glob("*.txt")), other).close()
    shutil.copytree(whole, folder / "live")
    with open_writer(folder / "live") as writer:  # its changes still stand beside the database
        with writer.batch():
            writer.remove_document(writer.store.document_ids()[-1])
        shutil.copytree(folder / "live", torn)
    (torn / "index.sqlite-shm").unlink()
    shutil.copytree(folder / "live", large)
    with patch("smsearch.index.seal._READ_EACH_TIME", 0):
        set_seal(large, large / "index.sqlite")
    return {
        "as its writer left it": Whole.of(whole),
        "after a killed writer": Whole.of(torn),
        "sealed by its size alone (above 32 MB)": Whole.of(large),
    }


def damage_all(wholes: dict[str, Whole], folder: Path, *, flips: int, seed: int, jobs: int = 1) -> Iterator[Outcome]:
    """Every file damaged in every way, and some bits turned over in each; an outcome for each kind of file."""
    damage = partial(_damage_files, folder=folder, flips=flips, seed=seed)
    kinds = [(f"{kind}, {state}", whole) for kind in _REQUIRED for state, whole in wholes.items()]
    if jobs == 1:
        yield from starmap(damage, kinds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(damage, *zip(*kinds, strict=True))


_REQUIRED = {
    "derived file": "noticed, made again, same answers",
    "SQLite file": "an error that names the damage, or the same answers; whole documents can be saved",
    "seal, lock or log": "the same answers, or an error that names the damage",
}


def _damage_files(what: str, whole: Whole, *, folder: Path, flips: int, seed: int) -> Outcome:
    draw = random.Random(seed)  # noqa: S311  a test
    wrong, tried, results = [], 0, Counter[str]()
    kind_of_file = what.rpartition(", ")[0]
    judge = _JUDGES[kind_of_file]
    place = folder / f"damaged {what}"
    for path in (path for path in sorted(whole.folder.iterdir()) if _kind(path) == kind_of_file):
        for kind, change in _changes(path, draw, folder / "other" / path.name, flips):
            shutil.copytree(whole.folder, place)
            change(place / path.name)
            try:
                result = judge(whole, place)
            except Exception as error:  # noqa: BLE001  whatever else comes is a finding
                result = f"wrong: {type(error).__name__}: {error}"
            if result.startswith("wrong"):
                wrong.append(f"{path.name} {kind}: {result}")
            results[result.partition(":")[0]] += 1
            tried += 1
            shutil.rmtree(place)
    happened = ", ".join(f"{n} {result}" for result, n in results.most_common())
    return Outcome(what, tried, _REQUIRED[kind_of_file], happened, seed, tuple(wrong))


def _kind(path: Path) -> str:
    if path.name == "index.sqlite":
        return "SQLite file"
    return "derived file" if path.name.startswith(DERIVED) else "seal, lock or log"


Change = Callable[[Path], object]


def _changes(path: Path, draw: random.Random, other: Path, flips: int) -> Iterator[tuple[str, Change]]:
    size = path.stat().st_size
    yield "deleted", lambda at: at.unlink()
    yield "emptied", lambda at: at.write_bytes(b"")
    yield "a folder", lambda at: (at.unlink(), at.mkdir())
    yield "unreadable", lambda at: at.chmod(0)
    if other.exists():
        yield "swapped with another index's", lambda at: shutil.copy(other, at)
    if size:
        for _ in range(max(flips // 10, 2)):
            cut = draw.randrange(size)
            yield f"cut at {cut}", lambda at, cut=cut: at.write_bytes(at.read_bytes()[:cut])
        for _ in range(max(flips // 4, 2) if path.name == "index.sqlite" else 0):
            one, two = draw.sample(range(-(-size // _PAGE)), 2)
            yield f"page {one} of zeros", lambda at, one=one: _overwrite(at, one, None)
            yield f"page {one} as page {two}", lambda at, one=one, two=two: _overwrite(at, one, two)
        for _ in range(flips):
            bit = draw.randrange(8 * size)
            yield f"bit {bit} turned over", lambda at, bit=bit: _flip(at, bit)


def _overwrite(path: Path, page: int, by: int | None) -> None:
    """Put zeros, or another page, in the place of one."""
    data = bytearray(path.read_bytes())
    length = len(data[page * _PAGE : (page + 1) * _PAGE])
    new = bytes(length) if by is None else bytes(data[by * _PAGE : (by + 1) * _PAGE])
    data[page * _PAGE : page * _PAGE + length] = new[:length].ljust(length, b"\0")
    path.write_bytes(data)


def _flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def _fault_of_derived(whole: Whole, place: Path) -> str:
    with _open(place) as index:
        answers = _ask(index)
        noticed = index.rebuilt
    if answers != whole.answers:
        return "wrong: other answers"
    if not noticed and not _is_root_reading(place):
        return "wrong: not noticed"
    with _open(place) as index:
        index.repair()
        faults = index.verify()
        if faults or _ask(index) != whole.answers:
            return f"wrong: not repaired, {faults}"
    return "made again" if noticed else "could still be read (by an administrator)"


def _fault_of_database(whole: Whole, place: Path) -> str:
    try:
        with _open(place) as index:
            answers = _ask(index)
    except SmsearchError as error:
        return _fault_of_message(str(error)) or _fault_of_salvage(whole, place)
    return "same answers" if answers == whole.answers else "wrong: other answers in silence"


def _fault_of_rest(whole: Whole, place: Path) -> str:
    try:
        with _open(place) as index:
            answers = _ask(index)
    except SmsearchError as error:
        return _fault_of_message(str(error)) or "refused"
    if answers == whole.answers:
        return "same answers"
    return "earlier answers" if (place / "index.sqlite-wal").exists() else "wrong: other answers in silence"


def _fault_of_salvage(whole: Whole, place: Path) -> str:
    """What is saved of a damaged index must be documents it held."""
    out = place / "saved"
    try:
        report = smsearch.salvage_index(place, out, encoder=_encoder())
    except SmsearchError as error:
        return _fault_of_message(str(error)) or "refused, nothing to save"
    with _open(out) as saved:
        found = {doc_id: saved.document(doc_id).text for doc_id in saved.doc_ids()}
        if saved.verify() or report.saved != len(found) or found.items() - whole.texts.items():
            return "wrong: what was saved is not what was there"
    return "refused, all saved" if found == whole.texts else "refused, some saved"


_JUDGES: dict[str, Callable[[Whole, Path], str]] = {
    "derived file": _fault_of_derived,
    "SQLite file": _fault_of_database,
    "seal, lock or log": _fault_of_rest,
}


def _fault_of_message(message: str) -> str | None:
    is_clear = "\n" not in message and ("`smsearch " in message or "--index" in message or "folder" in message)
    return None if is_clear else f"wrong: unclear message {message!r}"


def _open(folder: Path) -> smsearch.Index:
    return smsearch.open_index(folder, encoder=_encoder())


@cache
def _encoder() -> Encoder:
    """Loaded once for all trials."""
    return load_encoder("static")


def _ask(index: smsearch.Index) -> Answers:
    plain = [answer_of(index, query) for query in QUERIES]
    filters: list[dict[str, Any]] = [
        {"kinds": ["post"], "langs": ["da", "sv"]},
        {"kinds": ["comment"], "since": "2009"},
        {"sources": [next(iter(index.status().sources))], "until": "2011-06"},
    ]
    found = [index.search(QUERIES[0], **each) for each in filters]
    filtered = [tuple((hit.text, hit.start, hit.end, round(hit.score, 5)) for hit in hits) for hits in found]
    return (*plain, *filtered)


def _is_root_reading(place: Path) -> bool:
    """Whether a file without rights can be read all the same."""
    return any(path.stat().st_mode & 0o777 == 0 for path in place.iterdir())


def said_by_command(whole: Whole, folder: Path, name: str, change: Change) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `smsearch ask` on a damaged copy."""
    place = folder / "damaged"
    shutil.copytree(whole.folder, place)
    change(next(path for path in place.iterdir() if path.name == name or path.name.startswith(f"{name}-0")))
    command = [sys.executable, "-m", "smsearch", "ask", QUERIES[0], "--index", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    shutil.rmtree(place)
    return done.returncode, done.stdout, done.stderr
