from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from smsearch import load_encoder
from smsearch.errors import InputError
from smsearch.training.batches import SamplingPlan
from smsearch.training.growing import GrowthPlan, entries_of, grow_vocabulary, grown_rows
from smsearch.training.pipeline import TrainingRun
from smsearch.training.student import StudentPlan
from smsearch.training.vocabulary import VocabularyPlan, build_tokenizer
from tests.training.parallel import CONFIG, english_lines, translate, write_parallel

GROWTH = """
[growth]
steps = 150
learning_rate = 0.01
entries = { xx = 60, en = 60 }
"""
SETTLING = """
[settling]
steps = 12
learning_rate = 0.01
"""
SMALL = CONFIG  # but for a vocabulary of little more than letters
for one, other in (("size = 400", "size = 60"), ("pieces = 100", "pieces = 5"), ("= 80", "= 5")):
    SMALL = SMALL.replace(one, other)
LETTERS = ("▁", "a", "b", "c", "d")


def corpus_of(folder: Path, lines: list[str]) -> Path:
    """A corpus of one language, xx, as `build_corpus` writes it."""
    folder.mkdir()
    (folder / "english.txt").write_text("".join(f"{i}\n" for i in range(len(lines))), encoding="utf-8")
    (folder / "xx.tsv").write_text("".join(f"{i}\tours\t{line}\n" for i, line in enumerate(lines)), encoding="utf-8")
    return folder


def grown_from(folder: Path, lines: list[str], **plan: object) -> list[str]:
    """The new entries, in their order."""
    tokenizer = build_tokenizer(dict.fromkeys(LETTERS, -9.0))
    settings = {"entries": {"xx": 100}, **plan}
    grown = grow_vocabulary(corpus_of(folder / "corpus", lines), tokenizer, VocabularyPlan(), GrowthPlan(**settings))  # type: ignore[arg-type]
    assert entries_of(grown)[: 1 + len(LETTERS)] == entries_of(tokenizer)
    return entries_of(grown)[1 + len(LETTERS) :]


def test_the_commonest_neighbours_become_one_first(tmp_path: Path) -> None:
    assert grown_from(tmp_path, ["abc"] * 3 + ["ab"] * 5 + ["d"]) == ["▁ab", "▁abc"]


def test_what_stands_only_within_longer_entries_is_none(tmp_path: Path) -> None:
    lines = ["ab"] * 9 + ["bc"] * 2 + ["abc"] * 4  # "ab" begins thirteen words, and is always "▁ab"
    assert grown_from(tmp_path, lines) == ["▁ab", "▁abc", "▁bc"]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"entries": {"xx": 2}}, ["▁ab", "▁abc"]),
        ({"entries": {"other": 1}}, ["ab"]),
        ({"entries": {"yy": 5}}, []),
        ({"least_count": 4.0}, ["▁ab"]),
        ({"least_count": 9.0}, []),
        ({"source_weights": {"our": 2.0}, "least_count": 9.0}, ["▁ab"]),
    ],
)
def test_quotas_counts_and_weights_decide(tmp_path: Path, plan: dict[str, object], expected: list[str]) -> None:
    assert grown_from(tmp_path, ["abc"] * 3 + ["ab"] * 5, **plan) == expected


def test_digits_and_marks_do_not_grow_together(tmp_path: Path) -> None:
    assert grown_from(tmp_path, ["2019 ?!"] * 50) == []


def test_languages_without_spaces_take_no_long_entries(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", ["abcdabcd"] * 5)
    tokenizer = build_tokenizer(dict.fromkeys(LETTERS, -9.0))
    plan = GrowthPlan(entries={"xx": 100})
    for runs, expected in (({}, ["▁abcdabcd"]), ({"xx": 10}, ["abcd", "▁abcd"])):
        grown = grow_vocabulary(corpus, tokenizer, VocabularyPlan(runs=runs), plan)
        assert entries_of(grown)[1 + len(LETTERS) :] == expected


@settings(max_examples=20, deadline=None)  # each example counts words in processes of its own
@given(words=st.lists(st.text("abcd", min_size=1, max_size=7), min_size=1, max_size=30))
def test_every_text_keeps_its_vector_and_needs_no_more_tokens(
    words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tokenizer = build_tokenizer(dict.fromkeys(LETTERS, -9.0))
    corpus = corpus_of(tmp_path_factory.mktemp("run") / "corpus", words)
    grown = grow_vocabulary(corpus, tokenizer, VocabularyPlan(), GrowthPlan(entries={"xx": 20}, least_count=1.0))
    rows = np.random.default_rng(0).normal(size=(len(LETTERS) + 1, 4)).astype(np.float32)
    table = grown_rows(rows, tokenizer, entries_of(grown)[len(rows) :])
    for word in words:
        before, after = tokenizer.encode(word).ids, grown.encode(word).ids
        assert len(after) <= len(before)
        np.testing.assert_allclose(table[after].sum(axis=0), rows[before].sum(axis=0), atol=1e-4)


def test_an_entry_of_two_languages_is_added_once(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", ["abcd"] * 5)
    shutil.copyfile(corpus / "xx.tsv", corpus / "yy.tsv")
    tokenizer = build_tokenizer(dict.fromkeys(LETTERS, -9.0))
    grown = grow_vocabulary(corpus, tokenizer, VocabularyPlan(), GrowthPlan(entries={"xx": 3, "yy": 2}))
    assert entries_of(grown)[1 + len(LETTERS) :] == ["▁abcd"]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """A small settled table whose vocabulary is to grow."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.toml").write_text(SMALL + SETTLING)
    run = TrainingRun(folder / "small.toml", folder / "out")
    run.build_corpus(write_parallel(folder / "texts", 800))
    run.train_vocabulary()
    run.encode_english()
    run.train_student(threads=2)
    run.settle(threads=2)
    return run


def copied(settled: TrainingRun, folder: Path, more: str) -> TrainingRun:
    shutil.copytree(settled.folder, folder / "out")  # makes the folder too
    (folder / "small.toml").write_text(SMALL + more)
    return TrainingRun(folder / "small.toml", folder / "out")


def found_share(run: TrainingRun) -> float:
    english = english_lines(800)[:200]
    encoder = load_encoder(run.model)
    queries = encoder.encode_queries([translate(line, "xx") for line in english])
    found = (queries @ encoder.encode_passages(english).T).argmax(axis=1)
    return float((found == np.arange(len(english))).mean())


def test_new_entries_learn_what_their_pieces_could_not_and_all_others_stay(
    settled: TrainingRun, tmp_path: Path
) -> None:
    plain = copied(settled, tmp_path / "plain", SETTLING)
    assert plain.grow() == {}
    plain.export()
    assert not (plain.folder / "grown").exists()
    run = copied(settled, tmp_path / "grown", SETTLING + GROWTH)
    assert run.grow(threads=2, until=5)
    assert json.loads((run.folder / "grown" / "state.json").read_text())["step"] == 5
    assert run.grow(threads=2)
    before, after = plain.finished_rows(), run.finished_rows()
    n_before, n_after = len(before), len(after)
    assert n_before < n_after <= n_before + 60 + 60
    np.testing.assert_array_equal(after[:n_before], before)
    begun = grown_rows(
        before,
        Tokenizer.from_file(str(run.tokenizer)),
        entries_of(Tokenizer.from_file(str(run.grown_tokenizer)))[n_before:],
    )
    assert not np.isclose(after[n_before:], begun[n_before:], atol=1e-3).all(axis=1).any()
    encoder = run.export()
    encoder.verify()
    assert len(encoder.table) == n_after
    card = (run.model / "README.md").read_text()
    assert "- Grown by 120 entries at most" in card
    assert "over 150 batches" in card
    assert found_share(run) > max(found_share(plain) + 0.2, 0.7), (found_share(run), found_share(plain))


@pytest.mark.parametrize(
    ("more", "stage", "first"),
    [(GROWTH, "grow", "settle"), (SETTLING + GROWTH, "export", "grow")],
)
def test_a_stage_says_which_one_comes_first(
    settled: TrainingRun, tmp_path: Path, more: str, stage: str, first: str
) -> None:
    run = copied(settled, tmp_path, more)
    if first == "settle":
        shutil.rmtree(run.folder / "settled")
    with pytest.raises(InputError, match=f"run the stage '{first}' first"):
        getattr(run, stage)()


def test_only_languages_that_get_entries_are_drawn() -> None:
    plan = GrowthPlan(entries={"xx": 5, "yy": 0}, steps=7, learning_rate=0.5, seed=9)
    sampling = plan.sampling(SamplingPlan(lang_weights={"xx": 3.0, "zz": 2.0}, passage_share=0.1))
    assert (sampling.lang_weights, sampling.passage_share) == ({"other": 0.0, "xx": 1.0, "yy": 0.0}, 0.1)
    student = plan.student(StudentPlan(dim=8, warm_up=3))
    assert (student.steps, student.learning_rate, student.seed) == (7, 0.5, 9)
    assert (student.dim, student.warm_up) == (8, 3)
