from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from smsearch.training.batches import Batch, PairSampler, SamplingPlan, Side
from smsearch.training.pieces import Pieces, decomposition
from smsearch.training.preparing import BatchPreparer
from smsearch.training.student import Student, StudentPlan, contrast
from smsearch.training.tokens import CorpusTokens
from tests.training.parallel import CONFIG

ENTRIES = ["<unk>", "a", "b", "ab", "abb", "c"]
SCORES = [0.0, -3.0, -3.0, -4.0, -5.0, -3.0]


def test_contrast_and_its_gradients_are_those_of_autograd() -> None:
    torch.manual_seed(1)
    one, other = (torch.nn.functional.normalize(torch.randn(40, 16)).requires_grad_() for _ in range(2))
    near = torch.zeros(40, 40, dtype=torch.bool)
    near[3, 4] = near[7, 2] = True
    logits = (one @ other.T / 0.1).masked_fill(near, -torch.inf)
    right = torch.arange(40)
    loss = (torch.nn.functional.cross_entropy(logits, right) + torch.nn.functional.cross_entropy(logits.T, right)) / 2
    expected = torch.autograd.grad(loss, (one, other))
    value, *found = contrast(one.detach(), other.detach(), near, 0.1)
    assert value == pytest.approx(loss.item(), rel=0.01)  # bfloat16 products
    for got, wanted in zip(found, expected, strict=True):
        assert (got - wanted).norm() < 0.02 * wanted.norm()


def test_entries_are_cut_into_the_best_smaller_ones() -> None:
    assert decomposition(ENTRIES, SCORES) == [[], [], [], [1, 2], [3, 2], []]


def test_a_folded_vector_holds_a_share_of_the_mean_of_its_pieces() -> None:
    pieces = Pieces.from_lists(decomposition(ENTRIES, SCORES), 0.5)
    table = np.eye(6, dtype=np.float32)
    folded = pieces.fold(table)
    np.testing.assert_allclose(folded[3], [0, 0.25, 0.25, 1, 0, 0])
    np.testing.assert_allclose(folded[4], [0, 0, 0.25, 0.25, 1, 0])
    np.testing.assert_allclose(folded[1], [0, 1, 0, 0, 0, 0])


class OneBatch(PairSampler):
    """Draws the same two rows again and again."""

    def __init__(self) -> None:
        pass

    def draw(self, n_rows: int) -> Batch:
        lines = np.arange(n_rows, dtype=np.int64) * 100
        one = Side(np.array([4, 5], np.int32), np.array([1, 1]), lines, np.ones_like(lines))
        other = Side(np.array([1, 2, 5, 5], np.int32), np.array([2, 2]), lines, np.array([1, 2]))
        return Batch(one, other)


def preparer(teacher: np.ndarray, pieces: Pieces) -> BatchPreparer:
    return BatchPreparer(OneBatch(), teacher.astype(np.float16), pieces, n_rows=2)


def test_one_step_goes_down_the_slope_that_autograd_sees() -> None:
    pieces = Pieces.from_lists(decomposition(ENTRIES, SCORES), 0.5)
    rng = np.random.default_rng(0)
    teacher = rng.normal(size=(200, 8))
    plan = StudentPlan(dim=8, steps=10, batch=2, warm_up=0, learning_rate=0.0)
    student = Student(6, plan)
    with preparer(teacher, pieces).batches() as batches:
        student.learn(next(batches))
    table = student.table.detach().clone().requires_grad_()
    made = torch.from_numpy(pieces.made(np.arange(6)).toarray())
    vectors = made @ table
    units = [
        torch.nn.functional.normalize(torch.stack(rows))
        for rows in ([vectors[4], vectors[5]], [vectors[1] + vectors[2], 2 * vectors[5]])
    ]
    rows = teacher.astype(np.float16).astype(np.float32)
    own = torch.nn.functional.normalize(torch.from_numpy(np.stack([rows[0], rows[100]])))
    others = torch.nn.functional.normalize(torch.from_numpy(np.stack([rows[0], rows[100] + rows[101]])))

    def nce(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        right = torch.arange(2)
        logits = x @ y.T / plan.temperature
        return (
            torch.nn.functional.cross_entropy(logits, right) + torch.nn.functional.cross_entropy(logits.T, right)
        ) / 2

    loss = nce(*units) + 0.5 * (nce(units[0], others) + nce(units[1], own))
    loss = loss - (units[0] * own).sum(1).mean() - (units[1] * others).sum(1).mean()
    (expected,) = torch.autograd.grad(loss, table)
    assert student.learned.grad is not None
    assert (student.learned.grad - expected).norm() < 0.03 * expected.norm()


def test_a_checkpoint_holds_all_that_the_next_step_needs(tmp_path: Path) -> None:
    pieces = Pieces.from_lists([[]] * 6, 0.0)
    teacher = np.random.default_rng(0).normal(size=(200, 8))
    plan = StudentPlan(dim=8, steps=10, batch=2, warm_up=0)
    whole, first = Student(6, plan), Student(6, plan)
    with preparer(teacher, pieces).batches() as batches:
        drawn = list(islice(batches, 4))
    for batch in drawn:
        whole.learn(batch)
    for batch in drawn[:2]:
        first.learn(batch)
    first.save(tmp_path)
    second = Student(6, StudentPlan(dim=8, steps=10, batch=2, warm_up=0, seed=9))
    assert second.load(tmp_path)
    for batch in drawn[2:]:
        second.learn(batch)
    torch.testing.assert_close(second.table, whole.table)
    assert not Student(6, plan).load(tmp_path / "nothing")


def test_a_student_begins_narrow_and_goes_on_at_full_length(tmp_path: Path) -> None:
    pieces = Pieces.from_lists([[]] * 6, 0.0)
    teacher = np.random.default_rng(0).normal(size=(200, 8))
    plan = StudentPlan(dim=8, narrow_dim=4, narrow_steps=3, steps=40, batch=2, warm_up=0)
    student = Student(6, plan)
    with preparer(teacher, pieces).batches() as batches:
        drawn = list(islice(batches, 40))
    first = [student.learn(batch)["cosine"] for batch in drawn[:3]]
    assert student.table.shape == (6, 4)
    narrow = student.table.detach().clone()
    student.save(tmp_path)
    wide = Student(6, plan)
    assert wide.load(tmp_path)
    wide.learn(drawn[3])
    assert wide.table.shape == (6, 8)
    assert (wide.table[:, :4] - narrow).norm() < 0.5 * narrow.norm()
    last = [wide.learn(batch)["cosine"] for batch in drawn[4:]]
    assert last[-1] > max(first)


def test_an_error_while_drawing_reaches_the_caller() -> None:
    broken = preparer(np.zeros((1, 8)), Pieces.from_lists([[]] * 6, 0.0))
    with broken.batches() as batches, pytest.raises(IndexError):
        next(batches)


def corpus_tokens() -> CorpusTokens:
    """Ten English lines of two tokens (line i is 10i, 10i + 1) and their translations of three (1000 + 10i ...)."""
    english = [[10 * i, 10 * i + 1] for i in range(10)]
    other = [[1000 + 10 * i, 1001 + 10 * i, 1002 + 10 * i] for i in range(10)]
    texts = english + other
    return CorpusTokens(
        ids=np.array([i for text in texts for i in text], np.int32),
        starts=np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64),
        n_english=10,
        lines=np.arange(10, dtype=np.int32),
        sources=np.zeros(10, np.int16),
        langs=np.zeros(10, np.int16),
        source_names=("prose",),
        lang_names=("sv",),
    )


def rows_of(side: Side) -> list[list[int]]:
    ends = np.cumsum(side.lengths)
    return [side.ids[end - n : end].tolist() for end, n in zip(ends, side.lengths, strict=True)]


def test_without_passages_rows_are_a_text_and_its_english_line() -> None:
    batch = PairSampler(corpus_tokens(), SamplingPlan(passage_share=0, held_out=100), seed=3).draw(200)
    lines = batch.one.first_lines.tolist()
    assert set(lines) == set(range(10))
    assert rows_of(batch.one) == [[1000 + 10 * i, 1001 + 10 * i, 1002 + 10 * i] for i in lines]
    assert rows_of(batch.other) == [[10 * i, 10 * i + 1] for i in lines]


def test_held_out_lines_are_never_drawn() -> None:
    batch = PairSampler(corpus_tokens(), SamplingPlan(held_out=5, cluster=4, passage_share=0), seed=3).draw(500)
    assert set(batch.one.first_lines.tolist()) == {0, 1, 2, 3, 5, 6, 7, 8}


def test_a_question_is_a_stretch_of_a_line_of_its_passage() -> None:
    plan = SamplingPlan(passage_share=1, query_share=1, crop_share=1, removed_share=0, held_out=100)
    batch = PairSampler(corpus_tokens(), plan, seed=3).draw(500)
    for question, passage, line, first, n in zip(
        rows_of(batch.one),
        rows_of(batch.other),
        batch.one.first_lines,
        batch.other.first_lines,
        batch.other.n_lines,
        strict=True,
    ):
        assert first <= line < first + n
        assert {i % 1000 // 10 for i in question} == {line}
        assert {i % 1000 // 10 for i in passage} == set(range(first, first + n))
        assert question == list(range(question[0], question[0] + len(question)))


def test_a_removed_question_is_not_in_its_passage() -> None:
    plan = SamplingPlan(passage_share=1, query_share=1, crop_share=0, removed_share=1, same_lang_share=1, held_out=100)
    batch = PairSampler(corpus_tokens(), plan, seed=3).draw(300)
    together = [
        (q, p) for q, p, n in zip(rows_of(batch.one), rows_of(batch.other), batch.other.n_lines, strict=True) if n > 1
    ]
    assert len(together) > 200
    for question, passage in together:
        assert passage
        assert not set(question) & set(passage)


def test_the_configuration_of_the_tests_is_read(tmp_path: Path) -> None:
    from smsearch.training.configuration import TrainingConfig

    (tmp_path / "small.toml").write_text(CONFIG)
    config = TrainingConfig.read(tmp_path / "small.toml")
    assert (config.student.dim, config.vocabulary.words, config.teacher.model) == (
        32,
        {"en": 80, "other": 80},
        "builtin",
    )
