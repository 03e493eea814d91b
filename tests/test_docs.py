"""The README holds what it shows: its commands and its Python run over a copy of the seeds."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
ELSEWHERE = re.compile(r"\b(pip|git|uv|pipx|curl|wget|hf|docker|http|huggingface)\b|--model|--rerank|PATH|\.\.\.")
INTERACTIVE = {"smsearch ask"}


def fenced(language: str) -> list[str]:
    """The blocks of a language, in order."""
    text = README.read_text("utf-8") if README.is_file() else ""
    return re.findall(rf"^```(?:{language})\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The lines that begin with smsearch, continued lines joined, without what needs a network."""
    lines = "\n".join(fenced("sh|bash|console|shell")).replace("\\\n", " ").splitlines()
    typed = [re.sub(r"\s+#\s.*$", "", line.strip().removeprefix("$ ")) for line in lines]
    return [line for line in typed if re.match(r"smsearch\b", line) and not ELSEWHERE.search(line)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the seeds in it and the commands on the path, where the README's reader stands."""
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", folder, prepend=os.pathsep)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("SMSEARCH_INDEX", raising=False)
    monkeypatch.delenv("SMSEARCH_MODEL", raising=False)  # the README shows the default
    return tmp_path


def test_the_readme_shows_what_is_printed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("PYTHONUTF8", "1")
    shown, *_ = fenced("text")
    first, _, expected = shown.partition("\n")
    subprocess.run(["smsearch", "index", "seeds"], cwd=place, capture_output=True, check=True, timeout=60)  # noqa: S607
    command = shlex.split(first.removeprefix("$ "))
    printed = subprocess.run(command, cwd=place, capture_output=True, check=True, timeout=60).stdout.decode("utf-8")
    assert [line.rstrip() for line in printed.splitlines() if line.strip()] == expected.splitlines()


def test_every_command_of_the_readme_runs_in_order(place: Path) -> None:
    if not commands():
        pytest.skip("README.md shows no commands")
    for line in commands():
        if line in INTERACTIVE:
            continue
        ran = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],  # noqa: S607  the reader's shell
            cwd=place,
            input="why say no to social media\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (ran.returncode, ran.stderr) == (0, ""), line


def test_every_command_of_the_readme_is_one_we_have() -> None:
    from smsearch.cli import app

    names = {command.name for command in app.registered_commands} | {"--help", "--version", "-h"}
    assert {shlex.split(line)[1] for line in commands() if line != "smsearch"} <= names


def test_the_python_of_the_readme_runs_in_order(place: Path) -> None:
    blocks = [block for block in fenced("python|py") if not ELSEWHERE.search(block.replace("...", ""))]
    if not blocks:
        pytest.skip("README.md shows no Python")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
