from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from smsearch import load_encoder
from smsearch.errors import InputError
from smsearch.training import pipeline
from smsearch.training.growing import entries_of
from smsearch.training.pipeline import TrainingRun
from smsearch.training.vocabulary import build_tokenizer
from smsearch.training.words import ChosenWords, Word, WordsPlan, choose_words, first_rows, with_words, word_frequencies
from tests.training.parallel import CONFIG, english_lines, translate, write_parallel

WORDS = """
[words]
steps = 150
learning_rate = 0.01
known = 40
neighbours = 3
entries = { xx = 60, en = 60 }
"""
ENTRIES = ("▁", "a", "b", "c", "▁abba", "▁caba")


def tokenizer() -> Tokenizer:
    return build_tokenizer(dict.fromkeys(ENTRIES, -9.0))


def texts(words: Sequence[Word]) -> list[str]:
    return [word.text for word in words]


def test_the_commonest_words_without_an_entry_are_chosen_and_the_commonest_with_one_are_examples() -> None:
    counts = {
        "xx": Counter({"▁abab": 9, "▁abba": 8, "▁cab": 7, "▁caba": 6, "▁bac": 5, "▁ab": 99, "▁a1b": 99, "▁...": 99}),
        "yy": Counter({"▁cab": 50, "▁cca": 1}),
        "zz": Counter({"▁bbb": 9}),
        "th": Counter({"▁ccc": 9}),
    }
    plan = WordsPlan(entries={"xx": 2, "yy": 1, "th": 5}, known=1)
    chosen = choose_words(counts, tokenizer(), plan, unspaced=["th"])
    assert texts(chosen.new) == ["abab", "cab", "cca"]
    assert [word.lang for word in chosen.new] == ["xx", "xx", "yy"]
    assert texts(chosen.known) == ["abba"]
    assert chosen.new[2].frequency == pytest.approx(1 / 51)


def test_lists_of_word_frequencies_count_beside_the_corpus() -> None:
    pytest.importorskip("wordfreq")
    normalize = tokenizer().normalizer.normalize_str
    found = dict(word_frequencies("no", {"▁rørleggersvenn": 1, "▁og": 1}, normalize))
    assert found["rørleggersvenn"] == 0.5
    assert "hvorfor" in found  # of the list for Bokmål
    assert all(len(word) > 2 for word in found)
    greek = dict(word_frequencies("el", {}, normalize))
    assert "της" in greek
    assert "τησ" not in greek


def test_new_words_stand_behind_all_entries_and_are_cut_no_more() -> None:
    larger = with_words(tokenizer(), [Word("abab", "xx", 0.01), Word("bac", "xx", 0.001)])
    assert entries_of(larger) == [*entries_of(tokenizer()), "▁abab", "▁bac"]
    assert larger.encode("bac abab abba").tokens == ["▁bac", "▁abab", "▁abba"]


def test_a_row_begins_as_the_mean_of_its_neighbours_by_the_encoder_with_their_length() -> None:
    rows = np.zeros((7, 2), np.float32)
    vocabulary = tokenizer()
    rows[vocabulary.token_to_id("▁abba")] = (3, 0)
    rows[vocabulary.token_to_id("▁caba")] = (0, 5)
    rows[vocabulary.token_to_id("c")] = (0, 1)
    chosen = ChosenWords(
        (Word("abab", "xx", 0.1), Word("ccc", "yy", 0.1)), (Word("abba", "xx", 0.1), Word("caba", "yy", 0.1))
    )
    vectors = {"abab": (1, 0, 0.1), "abba": (1, 0, 0), "ccc": (0, 1, 0.1), "caba": (0, 1, 0)}

    def encode(words: Sequence[str]) -> NDArray[np.float32]:
        found = np.array([vectors[word] for word in words], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    near = WordsPlan(neighbours=1, centring=0.0, pieces_share=0.0)
    np.testing.assert_allclose(first_rows(chosen, rows, vocabulary, near, encode), [[3, 0], [0, 5]], atol=1e-5)
    mixed = first_rows(chosen, rows, vocabulary, WordsPlan(neighbours=1, centring=0.0, pieces_share=1.0), encode)
    np.testing.assert_allclose(mixed, [[3, 0], [0, 5]], atol=1e-5)  # abab has no pieces with a row; ccc is 3 c
    both = first_rows(
        chosen, rows, vocabulary, WordsPlan(neighbours=9, temperature=1e6, centring=0.0, pieces_share=0.0), encode
    )
    np.testing.assert_allclose(both, np.full((2, 2), 4 / np.sqrt(2)), rtol=1e-4)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """A small model whose vocabulary lacks most words."""
    folder = tmp_path_factory.mktemp("run")
    small = CONFIG.replace("size = 400", "size = 60").replace("pieces = 100", "pieces = 5").replace("= 80", "= 5")
    (folder / "small.toml").write_text(small)
    run = TrainingRun(folder / "small.toml", folder / "out")
    run.build_corpus(write_parallel(folder / "texts", 800))
    run.train_vocabulary()
    run.encode_english()
    run.train_student(threads=2)
    run.export()
    return run


def found_share(run: TrainingRun) -> float:
    english = english_lines(800)[:200]
    encoder = load_encoder(run.model)
    queries = encoder.encode_queries([translate(line, "xx") for line in english])
    found = (queries @ encoder.encode_passages(english).T).argmax(axis=1)
    return float((found == np.arange(len(english))).mean())


def test_a_finished_model_is_given_words_and_keeps_all_other_rows(
    exported: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wordfreq")
    monkeypatch.setattr(pipeline, "load_text_encoder", lambda: load_encoder("builtin").encode_queries)
    settings = tmp_path / "more.toml"
    settings.write_text(exported.config_file.read_text() + WORDS)
    run = TrainingRun(settings, tmp_path / "out")
    shutil.copytree(exported.corpus, run.corpus)
    run.begin(exported.model)
    with pytest.raises(InputError, match="has begun already"):
        run.begin(exported.model)
    with pytest.raises(InputError, match="run the stage 'words' first"):
        run.export()
    assert run.add_words(threads=2, until=5)
    assert run.add_words(threads=2)
    encoder = run.export()
    encoder.verify()
    before = load_encoder(exported.model)
    n_before = len(before.table)
    assert n_before < len(encoder.table) <= n_before + 120
    np.testing.assert_array_equal(encoder.table.packed[:n_before], before.table.packed)
    np.testing.assert_array_equal(encoder.table.scales[:n_before], before.table.scales)
    card = (run.model / "README.md").read_text()
    assert f"Grown to {len(encoder.table):,} entries by whole words" in card
    assert "over 150 batches" in card
    assert found_share(run) > found_share(exported) + 0.2, (found_share(run), found_share(exported))
