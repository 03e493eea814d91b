"""The process in which inputs are tried: it may crash or hang, and whoever started it will know at which input.

`python -m tests.torture.fuzz_worker TARGET[,TARGET...] SEED FIRST N MORE FOLDER`; the folder takes what was found, and
a board with the input of the moment.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Final

from tests.torture.fuzz_targets import TARGETS, Target, Try

SECONDS: Final = 5.0
BYTES: Final = 1 << 30
UNTOUCHED: Final = (1 << 64) - 1

_HEAD: Final = struct.Struct("<QQ")  # number of the input, its length
_BOARD_BYTES: Final = 1 << 17
_SPARE: Final = 1 << 31  # address space beyond what is in use; peak memory is measured, this only guards the machine
_MOST_FOUND: Final = 25
_KIB: Final = 1 if sys.platform == "darwin" else 1024


class Hang(BaseException):
    """An input took too long; no `except Exception` may swallow it."""


class Board:
    """The number and bytes of the input of the moment, in a file that outlives the process."""

    def __init__(self, folder: Path) -> None:
        path = folder / "board"
        if not path.exists():
            path.write_bytes(_HEAD.pack(UNTOUCHED, 0).ljust(_BOARD_BYTES, b"\0"))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), _BOARD_BYTES)

    def write(self, n: int, data: bytes) -> None:
        data = data[: _BOARD_BYTES - _HEAD.size]
        self._bytes[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._bytes, 0, n, len(data))

    def read(self) -> tuple[int, bytes]:
        n, length = _HEAD.unpack_from(self._bytes)
        return n, self._bytes[_HEAD.size : _HEAD.size + length]


class Recorder:
    """Tries inputs one by one and writes down what went wrong, each kind of fault once."""

    def __init__(self, target: Target, attempt: Try, folder: Path, *, before: int = 0) -> None:
        self._target = target
        self._before = before
        self._attempt = attempt
        self._board = Board(folder)
        self._folder = folder
        self._known: set[str] = set()
        self._peak = _peak()
        self._tried = 0

    def try_input(self, data: bytes, number: int) -> None:
        """Try one input; `number` is its place among those of its target."""
        self._tried += 1
        self._board.write(self._before + number, data)
        begun = time.monotonic()
        wrong = self._wrong_with(data)
        seconds = time.monotonic() - begun
        grown = _peak() - self._peak
        if seconds > SECONDS:
            wrong = f"hang: {seconds:.1f} s {wrong or ''}"
        if grown > BYTES:
            wrong = f"memory: {grown >> 20} MiB more {wrong or ''}"
            self._peak += grown
        if wrong:
            self._write(wrong, number, data)

    def finish(self, seconds: float) -> None:
        """Say how many were tried, and in what time."""
        self._append("tried.jsonl", tried=self._tried, seconds=seconds)

    def _wrong_with(self, data: bytes) -> str | None:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            self._attempt(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  whatever it is, it is written down
            return _described(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return None

    def _write(self, wrong: str, number: int, data: bytes) -> None:
        kind = wrong.split(":", 1)[0] + wrong.rpartition(" > ")[2].rpartition("\n")[2]
        if kind in self._known or len(self._known) >= _MOST_FOUND:
            return
        self._known.add(kind)
        self._append("found.jsonl", n=number, wrong=wrong, input=data.hex())

    def _append(self, name: str, **said: object) -> None:
        with (self._folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"target": self._target.name, **said}) + "\n")


def main() -> None:
    """Try inputs of one target after the other: of each `N` by mutation, `MORE` after them by hypothesis."""
    names, seed, first, n, more, named = sys.argv[1:]
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, raise_hang)
    share, folder = int(n) + int(more), Path(named)
    for place, name in enumerate(names.split(",")):
        begin = max(int(first) - place * share, 0)
        if begin < share:
            _try_target(TARGETS[name], folder, Share(place * share, begin, int(n), int(more)), int(seed))


@dataclass(frozen=True, slots=True)
class Share:
    """The inputs of one target: how many came before them, the first to try, how many there are of each kind."""

    before: int
    begin: int
    n: int
    more: int


def _try_target(target: Target, folder: Path, share: Share, seed: int) -> None:
    with opened(target, folder) as attempt:
        recorder = Recorder(target, attempt, folder, before=share.before)
        corpus, begun = target.corpus(), time.monotonic()
        for i in range(share.begin, share.n):
            recorder.try_input(target.draw(corpus, target.name, seed, i), i)
        first = max(share.begin, share.n)
        if first < share.n + share.more:
            _explore(target, recorder, first, share.n + share.more - first, seed)
        recorder.finish(time.monotonic() - begun)


def _explore(target: Target, recorder: Recorder, first: int, n: int, seed: int) -> None:
    """The inputs hypothesis thinks of: the format's own words among any text and any bytes."""
    import hypothesis
    from hypothesis import strategies as st

    from tests.strategies import texts

    corpus, numbers = target.corpus(), count(first)
    encoded = texts().map(lambda text: text.encode("utf-8", "surrogatepass"))
    parts = st.sampled_from(corpus.tokens) | st.sampled_from(corpus.seeds) | encoded | st.binary(max_size=12)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=n,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.lists(parts, max_size=12).map(b"".join))
    def explore(data: bytes) -> None:
        recorder.try_input(data, next(numbers))

    explore()


@contextmanager
def opened(target: Target, folder: Path) -> Iterator[Try]:
    """The target, warmed up by its own seeds and with the memory of this process limited from here on."""
    with tempfile.TemporaryDirectory(dir=folder) as inner, target.open(Path(inner)) as attempt:
        for seed in target.corpus().seeds:
            with suppress(Exception):
                attempt(seed)
        _guard_memory()
        yield attempt


def _guard_memory() -> None:
    if sys.platform == "linux":
        import resource

        in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + _SPARE, resource.RLIM_INFINITY))


def _peak() -> int:
    import resource  # Unix has it

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def raise_hang(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Hang(f"no end after {SECONDS:g} s")


def _described(error: BaseException) -> str:
    """What was raised, and through which of our lines."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}smsearch{os.sep}" in frame.filename] or frames[-1:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in ours)
    return f"{type(error).__name__}: {str(error)[:300]!r}\n{places}"


if __name__ == "__main__":
    main()
