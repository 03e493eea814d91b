"""`smsearch train`, in the process of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsearch.cli import main
from tests.evaluation.sets import write_sets
from tests.training.parallel import CONFIG, write_parallel


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["smsearch", "train", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the configuration lies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(CONFIG.replace("steps = 120", "steps = 12"))
    return tmp_path


def test_all_stages_and_the_evaluation_run_one_after_the_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_parallel(folder / "texts", 300)
    write_sets(folder / "sets")
    assert run(monkeypatch, "all", "small.toml", "--texts", "texts", "--threads", "1") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "600 pairs in 2 languages, 300 English lines"
    assert out[-1] == str(folder / "training" / "model")
    assert run(monkeypatch, "evaluate", "small.toml", "--eval", "sets") == 0
    assert capsys.readouterr().out.startswith("Tatoeba, mean: ")
    card = (folder / "training" / "model" / "README.md").read_text()
    assert "## What it is worth (x100)" in card
    assert (folder / "training" / "model" / "evaluation.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("vocabulary", "missing.toml"), "cannot read the configuration 'missing.toml': No such file or directory"),
        (("student", "small.toml"), "run the stage 'vocabulary' first"),
        (("corpus", "small.toml", "--texts", "nowhere"), "'nowhere' holds no parallel text"),
        (
            ("corpus", "small.toml", "--texts", "nowhere", "--out", "small.toml"),
            "cannot make the folder 'small.toml/corpus'",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    assert (folder / "small.toml").is_file()
    assert run(monkeypatch, *words) == 2
    said = capsys.readouterr().err
    assert said.startswith("smsearch: ")
    assert message in said
    assert said.count("\n") == 1
