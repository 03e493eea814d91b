"""A few hundred inputs for everything that takes any bytes, and that the fuzzer sees what it looks for."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="limits of processes are Unix's")
pytest.importorskip("pypdf")

from tests.torture import fuzz_worker
from tests.torture.fuzz_inputs import nth_input
from tests.torture.fuzz_targets import TARGETS, Try
from tests.torture.fuzz_worker import Board, Recorder, raise_hang
from tests.torture.fuzzing import _try_all, run_briefly
from tests.torture.outcomes import Outcome

_INPUTS = 300

Finder = Callable[[Try], list[str]]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return dict(zip(TARGETS, run_briefly(_INPUTS, 7, more=15), strict=True))


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_crashes_hangs_or_fills_the_memory(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[name].wrong == ()
    assert outcomes[name].tried >= _INPUTS


def test_an_input_is_the_same_whatever_was_drawn_before_it() -> None:
    corpus = TARGETS["csv"].corpus()
    in_order = [nth_input(corpus, "csv", 1, n) for n in range(20)]
    assert [nth_input(corpus, "csv", 1, n) for n in reversed(range(20))] == in_order[::-1]
    assert len(set(in_order)) == 20
    assert nth_input(corpus, "csv", 2, 0) != in_order[0]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Finder]:
    """Tries two inputs with a function, under a fifth of a second and a MiB each, and gives what was wrong."""
    monkeypatch.setattr(fuzz_worker, "SECONDS", 0.2)
    monkeypatch.setattr(fuzz_worker, "BYTES", 1 << 20)
    before = signal.signal(signal.SIGALRM, raise_hang)

    def tried(attempt: Try) -> list[str]:
        recorder = Recorder(TARGETS["csv"], attempt, tmp_path)
        recorder.try_input(b"good", 0)
        recorder.try_input(b"bad", 1)
        assert Board(tmp_path).read() == (1, b"bad")
        path = tmp_path / "found.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        assert all(json.loads(line)["input"] == b"bad".hex() for line in lines)
        return [json.loads(line)["wrong"].partition("\n")[0] for line in lines]

    yield tried
    signal.signal(signal.SIGALRM, before)


def test_what_ends_well_is_not_found(found: Finder) -> None:
    assert found(lambda _: None) == []


def test_an_error_is_found(found: Finder) -> None:
    assert found(lambda data: json.loads(data) if data == b"bad" else None) == [
        "JSONDecodeError: 'Expecting value: line 1 column 1 (char 0)'"
    ]


def test_a_hang_is_found_though_every_exception_is_swallowed(found: Finder) -> None:
    def swallow(data: bytes) -> None:
        try:
            time.sleep(0.5 if data == b"bad" else 0)
        except Exception:  # noqa: BLE001  what a careless library does
            return

    (wrong,) = found(swallow)
    assert wrong.startswith("hang: 0.2 s Hang: ")


def test_memory_is_found_though_it_was_given_back(found: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter((5 << 20, 6 << 20, 8 << 20))  # at the start, after the first, after the second
    monkeypatch.setattr(fuzz_worker, "_peak", lambda: next(peaks))
    assert found(lambda _: None) == ["memory: 3 MiB more "]


_FALLS = """
import json, os, signal, sys
from pathlib import Path
from tests.torture.fuzz_worker import Board
names, _, first, n, _, folder = sys.argv[1:]
for i in range(int(first), int(n)):
    Board(Path(folder)).write(i, b"some")
    if i == 3:
        os.kill(os.getpid(), signal.SIGKILL)
done = {"target": names, "tried": int(n) - int(first), "seconds": 1.0}
Path(folder, "tried.jsonl").write_text(json.dumps(done) + "\\n", encoding="utf-8")
"""


def test_an_input_that_ends_the_process_is_found_and_the_others_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "falls.py").write_text(_FALLS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tally = _try_all("falls", ["csv"], 1, 10, 0)["csv"]
    assert tally.found == [{"target": "csv", "n": 3, "wrong": "crash: SIGKILL", "input": b"some".hex()}]
    assert tally.tried == 10
