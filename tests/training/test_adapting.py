from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smsearch import load_encoder
from smsearch.encoders.static import StaticEncoder
from smsearch.encoders.table import unit_rows, weighted_rows
from smsearch.errors import InputError
from smsearch.training.adapting import Adapter, AdapterPlan, HeadingSampler, headings_of
from smsearch.training.batches import SamplingPlan
from smsearch.training.pieces import Pieces
from smsearch.training.pipeline import TrainingRun
from smsearch.training.preparing import BatchPreparer
from smsearch.training.student import StudentPlan, train_student
from smsearch.training.tokens import CorpusTokens
from tests.training.parallel import CONFIG, OBJECTS, PLACES, SUBJECTS, VERBS, translate, write_parallel

N_TOPICS = 24
DIM = 32
BODY = 9  # tokens, the fewest of running text
ADAPTER = """
[adapter]
steps = 40
heading_share = 0.5
pull = 0.0
"""


def test_headings_and_questions_stand_above_running_text() -> None:
    lines = [
        "How does it work?",  # a question
        "It works by turning a wheel of wood.",
        "Turning the wheel",  # a heading
        "You turn the wheel by a handle of iron.",
        "Who asks?",  # a question above a question
        "Who else asks?",
        "Nobody asks the one who knows all of it.",
        "It ends a sentence.",  # no heading
        "Nobody asks the one who knows all of it.",
        "small letters",  # no heading
        "Nobody asks the one who knows all of it.",
        "Above what is too short",  # no heading
        "Short.",
        "The last line",  # nothing stands below it
    ]
    lengths = np.array([12 if line.endswith(".") and len(line) > 20 else 3 for line in lines])
    found, asks = headings_of(lines, lengths)
    assert [line for line, is_heading in zip(lines, found, strict=True) if is_heading] == [
        "How does it work?",
        "Turning the wheel",
        "Who else asks?",
    ]
    assert np.flatnonzero(asks).tolist() == [0, 4, 5]


def topics(seed: int = 0) -> tuple[CorpusTokens, list[str], NDArray[np.float32]]:
    """Headings of two tokens above a line of others, which no heading has, in English and `xx`; rows of all tokens."""
    rng = np.random.default_rng(seed)
    heads = np.arange(2 * N_TOPICS).reshape(N_TOPICS, 2)
    bodies = 2 * N_TOPICS + np.arange(BODY * N_TOPICS).reshape(N_TOPICS, BODY)
    texts = [list(text) for pair in zip(heads, bodies, strict=True) for text in pair]
    lengths = [len(text) for text in texts] * 2
    tokens = CorpusTokens(
        ids=np.concatenate(texts * 2).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        n_english=2 * N_TOPICS,
        lines=np.arange(2 * N_TOPICS, dtype=np.int32),
        langs=np.zeros(2 * N_TOPICS, np.int16),
        sources=np.zeros(2 * N_TOPICS, np.int16),
        lang_names=("xx",),
        source_names=("manual",),
    )
    lines = [line for i in range(N_TOPICS) for line in (f"Heading {i}", f"What stands below heading {i}.")]
    rows = rng.normal(size=(int(tokens.ids.max()) + 1, DIM)).astype(np.float32)
    return tokens, lines, rows


def found_share(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> float:
    """Share of the headings whose own text is the nearest of all."""
    queries = unit_rows(rows[: 2 * N_TOPICS].reshape(N_TOPICS, 2, DIM).sum(axis=1))
    sums = rows[2 * N_TOPICS :].reshape(N_TOPICS, BODY, DIM).sum(axis=1)
    return float(((queries @ unit_rows(sums @ matrix).T).argmax(axis=1) == np.arange(N_TOPICS)).mean())


def adapted(folder: Path, plan: AdapterPlan, *, until: int | None = None) -> Adapter:
    tokens, lines, rows = topics()
    adapter = Adapter(rows, rows, plan, StudentPlan(dim=DIM))
    adapter.load(folder)
    sampler = HeadingSampler(tokens, SamplingPlan(held_out=1000), plan, lines, seed=plan.seed + adapter.step)
    preparer = BatchPreparer(sampler, None, Pieces.from_lists([[]] * len(rows), 0.0), n_rows=64)
    train_student(adapter, preparer, folder, until=until)
    return adapter


def test_a_symmetric_matrix_learns_which_text_stands_below_which_heading(tmp_path: Path) -> None:
    rows = topics()[2]
    assert found_share(rows, np.eye(DIM, dtype=np.float32)) < 0.25
    plan = AdapterPlan(steps=150, learning_rate=0.02, heading_share=1.0, pull=0.0)
    matrix = adapted(tmp_path / "free", plan).table.numpy()
    assert found_share(rows, matrix) > 0.75
    np.testing.assert_array_equal(matrix, matrix.T)
    held = AdapterPlan(steps=150, learning_rate=0.02, heading_share=1.0, pull=10.0)
    assert np.abs(adapted(tmp_path / "held", held).table.numpy() - np.eye(DIM)).max() < 0.1


def test_its_gradient_is_that_of_its_loss() -> None:
    rng = np.random.default_rng(3)
    import torch

    adapter = Adapter(*[np.zeros((1, 6), np.float32)] * 2, AdapterPlan(steps=1), StudentPlan(dim=6))
    queries = torch.from_numpy(unit_rows(rng.normal(size=(5, 6)).astype(np.float32)))
    sums = torch.from_numpy(rng.normal(size=(5, 6)).astype(np.float32))
    near = torch.zeros(5, 5, dtype=torch.bool)
    near[0, 1] = True
    matrix = torch.eye(6, dtype=torch.float64, requires_grad=True)
    units = torch.nn.functional.normalize(sums.double() @ matrix)
    scores = (queries.double() @ units.T / 0.05).masked_fill(near, -torch.inf)
    expected = torch.nn.functional.cross_entropy(scores, torch.arange(5))
    expected.backward()
    loss, grad = adapter._contrast(queries, sums, near)
    assert loss == pytest.approx(expected.item(), rel=1e-4)
    assert matrix.grad is not None
    np.testing.assert_allclose(grad.numpy(), matrix.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_stopped_learning_goes_on_to_the_same_number_of_steps(tmp_path: Path) -> None:
    plan = AdapterPlan(steps=12, heading_share=1.0)
    assert adapted(tmp_path, plan, until=5).step == 5
    assert adapted(tmp_path, plan).step == 12
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 12


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """A small model of headings with a line below each, every stage but its last ones."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.toml").write_text(CONFIG.replace("steps = 120", "steps = 10") + ADAPTER)
    texts = folder / "texts"
    texts.mkdir()
    lines = []
    for subject in SUBJECTS:
        for verb, thing, place in zip(VERBS * 4, OBJECTS * 4, PLACES * 4, strict=True):
            lines += [f"The {subject} {verb}", f"It is the old {thing} of the town that stands by the {place}."]
    for lang in ("xx", "yy"):
        rows = [f"{line}\t{translate(line, lang)}\n" for line in dict.fromkeys(lines)]
        (texts / f"{lang}.tsv").write_text("".join(rows), encoding="utf-8")
    run = TrainingRun(folder / "small.toml", folder / "out")
    run.build_corpus(texts)
    run.train_vocabulary()
    run.encode_english()
    run.train_student(threads=2)
    return run


def test_passages_are_turned_and_the_table_stays(trained: TrainingRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run the stage 'adapt' first"):
        trained.export()
    assert set(trained.adapt(threads=2)) == {"pairs", "distance"}
    config = tmp_path / "weighed.toml"
    config.write_text(trained.config_file.read_text().replace('version = "1"', 'version = "1"\nquery_power = -0.5'))
    run = TrainingRun(config, trained.folder)
    encoder = run.export()
    encoder.verify()
    assert "matrix in `passages.safetensors`" in (run.model / "README.md").read_text()
    plain = tmp_path / "plain.toml"
    plain.write_text(CONFIG)
    shutil.copytree(trained.folder, tmp_path / "plain", ignore=shutil.ignore_patterns("model", "adapted"))
    alike = TrainingRun(plain, tmp_path / "plain").export()
    assert (run.model / "model.safetensors").read_bytes() == (alike.folder / "model.safetensors").read_bytes()
    assert encoder.fingerprint != alike.fingerprint
    text = ["The farmer sees the old house."]
    rows = encoder.table.rows(encoder.token_ids(text)[0])
    assert encoder.matrix is not None
    np.testing.assert_allclose(encoder.encode_passages(text)[0], unit(rows.sum(axis=0) @ encoder.matrix), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_queries(text)[0], unit(weighted_rows(rows, -0.5).sum(axis=0)), atol=1e-5)
    np.testing.assert_allclose(alike.encode_queries(text)[0], unit(rows.sum(axis=0)), atol=1e-5)
    assert alike.encode_queries(text).tobytes() == alike.encode_passages(text).tobytes()
    assert isinstance(load_encoder(run.model), StaticEncoder)


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return scaled


def test_a_corpus_without_headings_is_said_to_have_none(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(CONFIG.replace("steps = 120", "steps = 2") + ADAPTER)
    run = TrainingRun(tmp_path / "small.toml", tmp_path / "out")
    with pytest.raises(InputError, match="run the stage 'student' first"):
        run.adapt()
    run.build_corpus(write_parallel(tmp_path / "texts", 300))
    run.train_vocabulary()
    run.encode_english()
    run.train_student(threads=2)
    with pytest.raises(InputError, match=r"no heading with text below it; set `adapter\.steps` to 0"):
        run.adapt()


def test_nothing_is_adapted_where_no_steps_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(CONFIG)
    assert TrainingRun(tmp_path / "small.toml", tmp_path).adapt() == {}
