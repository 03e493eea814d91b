"""What only shows in a process of its own: pipes, terminals, signals, encodings, rights."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

import smsearch
from tests.pipes import wait_until_full

QUESTION = "why say no to social media"
COMMAND = (sys.executable, "-m", "smsearch")

posix = pytest.mark.skipif(os.name == "nt", reason="pipes, terminals and signals of POSIX")


@pytest.fixture
def environment(seeds: Path, tmp_path: Path) -> dict[str, str]:
    folder = str(seeds.with_name("index"))
    return {**os.environ, "SMSEARCH_INDEX": folder, "XDG_STATE_HOME": str(tmp_path), "PYTHONUTF8": "1"}


@posix
@pytest.mark.parametrize("options", [[], ["--jsonl"]])
def test_a_reader_that_stops_early_ends_answers_without_an_error(
    environment: dict[str, str], tmp_path: Path, options: list[str]
) -> None:
    queries = tmp_path / "queries.txt"
    queries.write_text(f"{QUESTION}\n" * 150, "utf-8")
    with (
        queries.open("rb") as file,
        subprocess.Popen(
            [*COMMAND, "ask", "-", *options],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(10)) == 10
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_that_is_stopped_half_way_goes_on_with_the_rest(environment: dict[str, str], unbuffered: str) -> None:
    command = [*COMMAND, "ask", "-", "--json"]
    queries = f"{QUESTION}\n" * 60
    env = environment | {"PYTHONUNBUFFERED": unbuffered}
    whole = subprocess.run(command, input=queries.encode(), capture_output=True, env=env, check=True, timeout=60).stdout
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(queries.encode())
        process.stdin.close()
        in_pipe = wait_until_full(process.stdout)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read() == whole
    assert len(whole) > in_pipe


def test_no_query_and_no_terminal_is_one_sentence(environment: dict[str, str]) -> None:
    ran = subprocess.run(
        [*COMMAND, "ask"], stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False, timeout=30
    )
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.decode().splitlines() == [
        "smsearch: no query was given; write one, or - to read one a line from standard input"
    ]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_output_that_knows_only_ascii_is_no_obstacle(environment: dict[str, str], options: list[str]) -> None:
    narrow = {**environment, "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    asked = [*COMMAND, "ask", "kaffe modem 🙂", "-k", "1", *options]
    ran = subprocess.run(asked, capture_output=True, env=narrow, check=False, timeout=30)
    assert ran.returncode == 0
    assert ran.stderr == (b"" if options else b"nothing here seems to answer this; the nearest:\n")
    if options:
        assert json.loads(ran.stdout)[0]["query"] == "kaffe modem 🙂"
    else:
        assert b"h?mta kaffe" in b" ".join(ran.stdout.split())


def test_queries_that_are_no_utf8_are_answered_all_the_same(environment: dict[str, str]) -> None:
    strict = {**environment, "PYTHONIOENCODING": "utf-8:strict"}
    asked = [*COMMAND, "ask", "-", "-k", "1", "--jsonl"]
    ran = subprocess.run(asked, input=b"r\xe4ka\nkaffe\n", capture_output=True, env=strict, check=False, timeout=30)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert [json.loads(line)["query"] for line in ran.stdout.splitlines()] == ["r\ufffdka", "kaffe"]


@posix
def test_the_prompt_answers_until_control_d(environment: dict[str, str]) -> None:
    import pty

    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "ask", "-k", "1"],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env={**environment, "TERM": "dumb"},
    )
    os.close(secondary)
    terminal = Terminal(primary)
    answers = []
    for typed in (f"{QUESTION}\n", "kaffe modem\n", "\x04"):
        answers.append(terminal.read_until("ask> "))
        os.write(primary, typed.encode())
    answers.append(terminal.read_to_the_end())
    os.close(primary)
    assert process.wait(30) == 0
    assert "an empty line or Ctrl-D ends" in answers[0]
    assert "modstandere" in answers[1]
    assert "modemet" in answers[2]
    assert "Traceback" not in answers[3]
    history = Path(environment["XDG_STATE_HOME"]) / "smsearch" / "history"
    assert history.read_text("utf-8").splitlines()[-2:] == [QUESTION, "kaffe modem"]


class Terminal:
    """What a pseudo-terminal shows, with an end to patience."""

    def __init__(self, primary: int) -> None:
        self._primary = primary
        self._shown = ""

    def read_until(self, wanted: str) -> str:
        """What is shown up to a text; the rest is kept for the next time."""
        until = time.monotonic() + 20
        while wanted not in self._shown:
            more = self._more(until)
            assert more, f"{wanted!r} is not in {self._shown!r}"
            self._shown += more
        before, _, self._shown = self._shown.partition(wanted)
        return before

    def read_to_the_end(self) -> str:
        until = time.monotonic() + 20
        while more := self._more(until):
            self._shown += more
        return self._shown

    def _more(self, until: float) -> str:
        readable, _, _ = select.select([self._primary], [], [], max(until - time.monotonic(), 0))
        if not readable:
            return ""
        try:
            return os.read(self._primary, 1024).decode(errors="replace")
        except OSError:  # Linux says so when the other end is closed
            return ""


@posix
def test_the_progress_bar_shows_on_a_terminal_only(environment: dict[str, str], seeds: Path, tmp_path: Path) -> None:
    import pty

    indexing = [*COMMAND, "index", str(seeds), "--index"]
    quiet = subprocess.run(
        [*indexing, str(tmp_path / "a")], capture_output=True, env=environment, check=True, timeout=30
    )
    assert quiet.stderr == b""
    assert quiet.stdout.startswith(f"{tmp_path / 'a'}: 5 added".encode())
    primary, secondary = pty.openpty()
    loud = subprocess.Popen(
        [*indexing, str(tmp_path / "b")],
        stdout=subprocess.PIPE,
        stderr=secondary,
        env={**environment, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(secondary)
    shown = Terminal(primary).read_to_the_end()
    os.close(primary)
    out, _ = loud.communicate(timeout=30)
    assert "indexing" in shown
    assert b"indexing" not in out
    assert out.startswith(f"{tmp_path / 'b'}: 5 added".encode())


@posix
def test_control_c_keeps_finished_batches_and_the_same_command_goes_on(
    environment: dict[str, str], tmp_path: Path
) -> None:
    rows = tmp_path / "posts.jsonl"
    with rows.open("w", encoding="utf-8") as file:
        for i in range(9000):
            text = f"Harbour number {i} freezes in week {i * 7919 % 9007}, and its boats stay on land until spring."
            file.write(json.dumps({"id": f"post-{i}", "text": text, "lang": "en"}) + "\n")
    folder = tmp_path / "index"
    indexing = [*COMMAND, "index", str(rows), "--index", str(folder)]
    with subprocess.Popen(indexing, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        kept = _wait_for_documents(folder)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    told = [line for line in err.decode().splitlines() if not line.startswith("the rest takes about")]
    assert told == ["smsearch: interrupted; finished batches are kept, and the same command goes on from there"]
    with smsearch.open_index(folder) as index:
        stored = len(index)
        assert kept <= stored < 9000
        assert stored % 500 == 0
        assert index.search("harbour boats", 3)[0].text.startswith("Harbour number ")
        report = index.update()
        assert (report.added, report.unchanged) == (9000 - stored, stored)
        assert index.verify() == []


@posix
def test_control_c_that_python_swallows_in_a_finalizer_is_heard_all_the_same(environment: dict[str, str]) -> None:
    pressed_in_a_finalizer = """
import signal, sys, time
from smsearch import api, cli

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def build_index(*_, **__):
    Finalized()
    time.sleep(30)

api.build_index = build_index
sys.argv = ["smsearch", "index", "seeds"]
cli.main()
"""
    ran = subprocess.run(
        [sys.executable, "-c", pressed_in_a_finalizer], capture_output=True, env=environment, check=False, timeout=25
    )
    assert (ran.returncode, ran.stdout) == (130, b"")
    assert ran.stderr.decode().splitlines() == [
        "smsearch: interrupted; finished batches are kept, and the same command goes on from there"
    ]


@posix
def test_control_c_that_python_swallows_at_the_very_end_leaves_no_trace() -> None:
    at_the_end = """
import signal, sys
from smsearch.cli.interrupts import repeat_swallowed_interrupts

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

repeat_swallowed_interrupts()
for _ in range(3):
    Finalized()
sys.exit(3)
"""
    ran = subprocess.run([sys.executable, "-c", at_the_end], capture_output=True, check=False, timeout=25)
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, b"", b"")


def test_other_faults_in_finalizers_are_told_as_python_tells_them(environment: dict[str, str]) -> None:
    fault_in_a_finalizer = """
import sys
from smsearch import cli

class Finalized:
    def __del__(self):
        raise ValueError("not an interrupt")

sys.argv = ["smsearch", "--version"]
try:
    cli.main()
finally:
    Finalized()
"""
    ran = subprocess.run(
        [sys.executable, "-c", fault_in_a_finalizer], capture_output=True, env=environment, check=False, timeout=25
    )
    assert ran.returncode == 0
    assert b"ValueError: not an interrupt" in ran.stderr


def _wait_for_documents(folder: Path) -> int:
    """Documents in an index that another process has begun to write, once there are any."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        time.sleep(0.01)
        if (folder / "index.sqlite").exists():
            with closing(sqlite3.connect(f"file:{folder / 'index.sqlite'}?mode=ro", uri=True)) as connection:
                (n,) = connection.execute("SELECT COUNT(*) FROM documents").fetchone()
            if n:
                return int(n)
    raise TimeoutError("nothing was stored")


def _unprivileged() -> list[str]:
    """What to put before a command so that the rights of files hold for it, even for root."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("runs as root, for whom rights do not hold, and there is no setpriv")
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search", "--"]


@posix
@pytest.mark.parametrize("words", [["index", "seeds"], ["update"], ["remove", "003_820c8e683cad6f24.txt"]])
def test_a_folder_that_may_not_be_written_is_one_sentence(
    environment: dict[str, str], seeds: Path, words: list[str]
) -> None:
    folder = seeds.with_name("index")
    modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        ran = subprocess.run(
            [*_unprivileged(), *COMMAND, *words],
            capture_output=True,
            env=environment,
            cwd=seeds.parent,
            check=False,
            timeout=30,
        )
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.decode().startswith("smsearch: ")
    assert str(folder) in ran.stderr.decode()
    assert ran.stderr.count(b"\n") == 1
