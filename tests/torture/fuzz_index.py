"""Files of a small index, changed byte by byte, opened and asked."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import smsearch
from smsearch.errors import SmsearchError
from tests.index.building import ENCODER, new_writer, put
from tests.torture.fuzz_inputs import Corpus

Try = Callable[[bytes], None]

_EDIT: Final = struct.Struct("<BBIH")  # file, kind of edit, place, length of the bytes that follow
_QUERY: Final = "ape eel"
_KINDS: Final = 6
_BESIDE: Final = ("index.sqlite-wal", "index.sqlite-journal")
_TOKENS: Final = (
    b"SQLite format 3\0",
    b"CREATE TABLE ",
    b"CREATE INDEX ",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"-1",
    b"1e999",
    b'{"a":1}',
    b'"dim":6',
    b'"dim":0',
    b"post",
    b"comment",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x81\x80\x80\x80\x80\x80\x80\x80\x80",
    b"IxFI",
    b"IxSQ",
)


class AnotherAnswer(Exception):  # noqa: N818  what is looked for
    """A damaged index gave an answer, and it is not the right one."""


def draw_edits(corpus: Corpus, name: str, seed: int, n: int) -> bytes:
    """Some edits of the files of an index; the `n`-th under a seed."""
    chance = random.Random(f"{name} {seed} {n}")  # noqa: S311  reproducible inputs
    edits = [_edit(chance, corpus) for _ in range(chance.choices((1, 2, 4, 16), (6, 3, 2, 1))[0])]
    return b"".join(edits)


def _edit(chance: random.Random, corpus: Corpus) -> bytes:
    file = chance.choices((0, 1, 2, 3, 4, 5), (16, 1, 1, 1, 1, 0.5))[0]
    kind = chance.choices(range(_KINDS), (20, 1, 1, 1, 0.5, 0.3))[0]
    at = chance.randrange(100) if chance.random() < 0.15 else chance.randrange(1 << 20)
    filling = chance.random()
    what = chance.randbytes(chance.choice((1, 1, 1, 2, 4, 8, 64)))
    if filling < 0.3:
        what = chance.choice(corpus.tokens)
    elif filling < 0.4:
        what = bytes([chance.choice((0, 255, 32, 48))]) * chance.choice((1, 4, 16, 512, 4096))
    return _EDIT.pack(file, kind, at, len(what)) + what


def edit_corpus() -> Corpus:
    """Some edits to begin with."""
    chance = random.Random(1)  # noqa: S311  reproducible inputs
    empty = Corpus((b"",), _TOKENS)
    return Corpus(tuple(_edit(chance, empty) for _ in range(8)), _TOKENS)


@contextmanager
def index_opener(folder: Path) -> Iterator[Try]:
    """Opens and asks a small index with the edits an input says, and puts everything back before the next."""
    with new_writer(folder / "index") as writer:
        put(writer, "a", "ape bee", "cat dog", title="A", date="2010-03-09", metadata={"n": 5, "tag": "red"})
        put(writer, "b", "eel fox", "ape ape eel", title="B", author="Anna", passage={"lang": "sv", "heading": "h"})
        writer.refresh_derived()
    files = {path.name: path.read_bytes() for path in sorted((folder / "index").iterdir())}
    names = [*(name for name in files if files[name]), *_BESIDE]
    right = _answers(folder / "index")

    def attempt(data: bytes) -> None:
        changed: dict[str, bytes | None] = dict(files)
        if zlib.crc32(data) % 2:
            changed["index.seal"] = None  # as a killed writer leaves it, and as it is of no use to a large index
        for file, kind, at, what in _edits(data):
            name = names[file % len(names)]
            changed[name] = _edited(changed.get(name), files.get(name, b""), kind, at, what)
        _put_in_place(folder / "index", changed)
        try:
            found = _answers(folder / "index")
        except SmsearchError:
            return
        if found != right:
            raise AnotherAnswer(repr(found)[:400])

    yield attempt


def _edits(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    while len(data) >= _EDIT.size:
        file, kind, at, length = _EDIT.unpack_from(data)
        yield file, kind % _KINDS, at, data[_EDIT.size : _EDIT.size + length]
        data = data[_EDIT.size + length :]


def _edited(now: bytes | None, before: bytes, kind: int, at: int, what: bytes) -> bytes | None:
    """A file after one edit; None where it is gone."""
    now = before if now is None else now
    at %= len(now) + 1
    edited = (
        now[:at] + what + now[at + len(what) :],
        now[:at],
        now[:at] + what + now[at:],
        now[:at] + now[at + len(what) :],
        what,
        None,
    )
    return edited[kind]


def _put_in_place(folder: Path, files: dict[str, bytes | None]) -> None:
    for path in folder.iterdir():
        if files.get(path.name) is None:
            path.unlink()
    for name, data in files.items():
        path = folder / name
        if data is None or (path.exists() and path.read_bytes() == data):
            continue
        path.unlink(missing_ok=True)  # what is mapped stays as it was
        path.write_bytes(data)


def _answers(folder: Path) -> object:
    with smsearch.open_index(folder, encoder=ENCODER) as index:
        lexical = index.search(_QUERY, 3, mode="lexical", where={"n": 5})
        return list(index.search(_QUERY, 3)), list(lexical), index.document("a"), index.status().n_passages
