from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smsearch import load_encoder
from smsearch.encoders.static import StaticEncoder
from smsearch.errors import InputError
from smsearch.training.pipeline import TrainingRun
from tests.training.parallel import CONFIG, english_lines, translate, write_parallel


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """A small model, every stage of it."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.toml").write_text(CONFIG)
    run = TrainingRun(folder / "small.toml", folder / "out")
    run.build_corpus(write_parallel(folder / "texts", 2000))
    run.train_vocabulary()
    run.encode_english()
    run.train_student(threads=2)
    run.export()
    return run


def test_unseen_sentences_find_their_translation(trained: TrainingRun) -> None:
    seen = set(english_lines(2000))
    unseen = [line for line in english_lines(2600, seed=2) if line not in seen][:300]
    encoder = load_encoder(trained.model)
    english = encoder.encode_passages(unseen)
    for lang in ("xx", "yy"):
        found = (encoder.encode_queries([translate(line, lang) for line in unseen]) @ english.T).argmax(axis=1)
        assert (found == np.arange(len(unseen))).mean() > 0.95
    shuffled = (encoder.encode_queries([translate(line, "xx") for line in unseen[::-1]]) @ english.T).argmax(axis=1)
    assert (shuffled == np.arange(len(unseen))).mean() < 0.05


def test_the_folder_is_a_whole_model(trained: TrainingRun) -> None:
    encoder = StaticEncoder(trained.model)
    encoder.verify()
    assert encoder.dim == 32
    assert (trained.model / "training.toml").read_text() == CONFIG
    card = (trained.model / "README.md").read_text()
    assert "2,000 English lines and 4,000 pairs" in card
    assert "120 batches of 128 rows" in card
    assert "| xx | 2,000 | yy | 2,000 |" in card


def test_stopped_training_goes_on_to_the_same_number_of_steps(trained: TrainingRun, tmp_path: Path) -> None:
    run = copied(trained, tmp_path)
    run.train_student(until=40)
    state = run.folder / "student" / "state.json"
    assert json.loads(state.read_text())["step"] == 40
    before = (run.folder / "student" / "checkpoint.safetensors").read_bytes()
    run.train_student()
    assert json.loads(state.read_text())["step"] == 120
    assert (run.folder / "student" / "checkpoint.safetensors").read_bytes() != before


def test_the_same_seed_gives_the_same_table(trained: TrainingRun, tmp_path: Path) -> None:
    runs = [copied(trained, tmp_path / name) for name in ("one", "two")]
    for run in runs:
        run.train_student(threads=1, until=20)
    tables = [(run.folder / "student" / "checkpoint.safetensors").read_bytes() for run in runs]
    assert tables[0] == tables[1]


def copied(trained: TrainingRun, folder: Path) -> TrainingRun:
    """The same run before its student, in another folder."""
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("corpus", "teacher", "tokens"):
        shutil.copytree(trained.folder / name, folder / name)
    shutil.copyfile(trained.tokenizer, folder / "tokenizer.json")
    return TrainingRun(trained.config_file, folder)


def test_finished_stages_are_not_done_again(trained: TrainingRun) -> None:
    written = trained.tokenizer.stat().st_mtime_ns
    trained.train_vocabulary()
    assert trained.tokenizer.stat().st_mtime_ns == written
    assert trained.encode_english() == 0


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        ("train_vocabulary", "run the stage 'corpus' first"),
        ("encode_english", "run the stage 'corpus' first"),
        ("train_student", "run the stage 'vocabulary' first"),
        ("export", "run the stage 'student' first"),
        ("evaluate", "run the stage 'export' first"),
    ],
)
def test_a_stage_says_which_one_comes_first(trained: TrainingRun, tmp_path: Path, stage: str, missing: str) -> None:
    run = TrainingRun(trained.config_file, tmp_path)
    with pytest.raises(InputError, match=missing):
        getattr(run, stage)(*([tmp_path] if stage == "evaluate" else []))
