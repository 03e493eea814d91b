from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from smsearch import load_encoder
from smsearch.errors import InputError
from smsearch.training.batches import Batch, SamplingPlan, Side
from smsearch.training.compression import whiten, whitening_of
from smsearch.training.pieces import Pieces
from smsearch.training.pipeline import TrainingRun
from smsearch.training.settling import CuttingSampler, SettlingPlan, turned
from smsearch.training.student import StudentPlan
from smsearch.training.tokens import CorpusTokens
from tests.training.parallel import CONFIG, english_lines, translate, write_parallel

PIECES = Pieces.from_lists([[], [], [], [1, 2], [1, 2, 1], []], 1.0)
SETTLING = """
[settling]
steps = 12
cut_shares = { xx = 0.5 }
"""


def test_chosen_entries_are_cut_into_their_pieces() -> None:
    ids = np.array([4, 3, 3, 5, 0], np.int32)
    found, counts = PIECES.cut(ids, np.array([True, False, True, True, False]))
    assert found.tolist() == [1, 2, 1, 3, 1, 2, 5, 0]
    assert counts.tolist() == [3, 1, 2, 1, 1]


def test_nothing_is_cut_into_nothing() -> None:
    found, counts = PIECES.cut(np.empty(0, np.int32), np.empty(0, np.bool_))
    assert (found.tolist(), counts.tolist()) == ([], [])


class OneBatch:
    """Draws the same rows again and again."""

    def draw(self, n_rows: int) -> Batch:
        lines = np.arange(n_rows, dtype=np.int64)
        one = Side(np.array([3, 5, 4], np.int32), np.array([2, 1]), lines, np.ones_like(lines))
        return Batch(one, Side(np.array([3, 4], np.int32), np.array([0, 2]), lines, np.ones_like(lines)))


def tokens_of(english: list[int], other: list[int]) -> CorpusTokens:
    """One English line and one pair."""
    return CorpusTokens(
        ids=np.array([*english, *other], np.int32),
        starts=np.array([0, len(english), len(english) + len(other)]),
        n_english=1,
        lines=np.array([0], np.int32),
        langs=np.array([0], np.int16),
        sources=np.array([0], np.int16),
        lang_names=("xx",),
        source_names=("a",),
    )


@pytest.mark.parametrize(
    ("shares", "one", "other"),
    [
        ({}, ([3, 5, 4], [2, 1]), ([3, 4], [0, 2])),
        ({"xx": 1.0}, ([1, 2, 5, 4], [3, 1]), ([1, 2, 4], [0, 3])),
        ({"en": 1.0}, ([3, 5, 1, 2, 1], [2, 3]), ([3, 1, 2, 1], [0, 4])),
        ({"other": 1.0, "en": 0.0}, ([1, 2, 5, 4], [3, 1]), ([1, 2, 4], [0, 3])),
    ],
)
def test_entries_are_cut_as_often_as_the_language_says_that_uses_them_most(
    shares: dict[str, float], one: tuple[list[int], list[int]], other: tuple[list[int], list[int]]
) -> None:
    tokens = tokens_of([4, 4, 3], [3, 3, 4])
    batch = CuttingSampler(OneBatch(), tokens, PIECES, SettlingPlan(cut_shares=shares)).draw(2)
    assert (batch.one.ids.tolist(), batch.one.lengths.tolist()) == one
    assert (batch.other.ids.tolist(), batch.other.lengths.tolist()) == other


def test_the_teacher_is_turned_as_the_table_is_whitened() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 8)).astype(np.float32) * np.linspace(3, 1, 8, dtype=np.float32)
    counts = rng.integers(1, 9, 50)
    whitened = whiten(rows, counts, 0.3)
    found = turned(rows.astype(np.float16), whitening_of(rows, counts, 0.3))
    np.testing.assert_allclose(found, whitened / np.linalg.norm(whitened, axis=1, keepdims=True), atol=2e-3)


def test_weights_are_those_of_the_sampling_where_settling_has_none() -> None:
    plan = SettlingPlan(passage_share=0.1, lang_weights={"ko": 2.0, "sv": 3.0}, source_weights={"ms_": 0.5, "b": 4.0})
    sampling = plan.sampling(
        SamplingPlan(lang_weights={"sv": 2.0, "da": 2.0, "other": 0.25}, source_weights={"b": 1.0, "ms_x": 9.0})
    )
    assert sampling.lang_weights == {"sv": 6.0, "da": 2.0, "other": 0.25, "ko": 0.5}
    assert list(sampling.source_weights.items()) == [("ms_", 0.5), ("b", 4.0), ("ms_x", 9.0)]
    assert (sampling.passage_share, sampling.most_lines) == (0.1, SamplingPlan().most_lines)
    assert plan.student(StudentPlan(narrow_steps=5, piece_share=0.5)).piece_share == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """A small student that is to be settled."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.toml").write_text(CONFIG + SETTLING)
    run = TrainingRun(folder / "small.toml", folder / "out")
    run.build_corpus(write_parallel(folder / "texts", 800))
    run.train_vocabulary()
    run.encode_english()
    run.train_student(threads=2)
    return run


def copied(trained: TrainingRun, folder: Path, settling: str = SETTLING) -> TrainingRun:
    shutil.copytree(trained.folder, folder / "out")
    (folder / "small.toml").write_text(CONFIG + settling)
    return TrainingRun(folder / "small.toml", folder / "out")


def test_the_model_is_the_settled_table(trained: TrainingRun, tmp_path: Path) -> None:
    run = copied(trained, tmp_path)
    assert run.settle(threads=2, until=5)
    assert json.loads((run.folder / "settled" / "state.json").read_text())["step"] == 5
    half = run.finished_rows()
    assert run.settle(threads=2)
    assert not np.array_equal(half, run.finished_rows())
    encoder = run.export()
    assert "Settled: 12 more batches" in (run.model / "README.md").read_text()
    english = english_lines(800)[:200]
    vectors = encoder.encode_passages(english)
    found = (load_encoder(run.model).encode_queries([translate(line, "xx") for line in english]) @ vectors.T).argmax(1)
    assert (found == np.arange(len(english))).mean() > 0.9


def test_settling_begins_with_the_whitened_table_and_its_smaller_norms(trained: TrainingRun, tmp_path: Path) -> None:
    run = copied(trained, tmp_path, SETTLING + "learning_rate = 0.0\n")
    run.settle(threads=2)
    plain = copied(trained, tmp_path / "plain", "").finished_rows()
    settled = run.finished_rows()
    np.testing.assert_allclose(settled, plain * (np.linalg.norm(settled) / np.linalg.norm(plain)), atol=1e-4)


def test_a_table_that_is_to_be_settled_is_not_exported_before(trained: TrainingRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run the stage 'settle' first"):
        copied(trained, tmp_path).export()
    assert copied(trained, tmp_path / "plain", "").settle() == {}
