from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smsearch import load_encoder
from smsearch.encoders.static import StaticEncoder
from smsearch.errors import SourceError
from smsearch.evaluation.encoding import evaluate_encoder, table_of
from tests.evaluation.sets import write_sets


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sets(tmp_path_factory.mktemp("sets") / "sets")


def test_the_built_in_encoder_is_right_everywhere_on_easy_sets(sets: Path) -> None:
    quality = evaluate_encoder(load_encoder(), sets)
    assert set(quality.tatoeba.values()) == set(quality.tatoeba_from_english.values()) == {100.0}
    assert quality.summary() == {
        "Tatoeba, mean": 100.0,
        "XQuAD same language, dense": 100.0,
        "XQuAD across, dense": 100.0,
        "SweFAQ, dense": 100.0,
        "XQuAD same language, dense + 2 late": 100.0,
        "XQuAD across, dense + 2 late": 100.0,
        "SweFAQ, dense + 2 late": 100.0,
    }
    assert quality.mixed_right == 100.0
    assert quality.hubness == pytest.approx(20.0)  # five paragraphs, each on top once
    assert quality.control < 100


class Reversed(StaticEncoder):
    """Passages are the opposite of what they say."""

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return -super().encode_passages(texts)


def test_sentences_and_their_translations_are_both_compared_as_queries(sets: Path) -> None:
    builtin = load_encoder()
    assert isinstance(builtin, StaticEncoder)
    quality = evaluate_encoder(Reversed(builtin.folder), sets)
    assert set(quality.tatoeba.values()) == set(quality.tatoeba_from_english.values()) == {100.0}
    assert quality.tatoeba_passages < 50
    assert quality.swefaq < 50
    assert evaluate_encoder(builtin, sets).tatoeba_passages == 100.0


def test_other_data_have_another_digest_and_missing_ones_are_named(sets: Path, tmp_path: Path) -> None:
    other = write_sets(tmp_path / "other")
    (other / "tatoeba" / "swe.tsv").write_text("We like tea.\tyou like tea\n")
    assert evaluate_encoder(load_encoder(), sets).data != evaluate_encoder(load_encoder(), other).data
    (other / "tatoeba" / "dan.tsv").unlink()
    with pytest.raises(SourceError, match=r"cannot read the evaluation set .*dan\.tsv"):
        evaluate_encoder(load_encoder(), other)


def test_figures_stand_in_columns_and_missing_ones_are_dashes() -> None:
    assert table_of({"one": {"a": 1.25, "b": 2}, "two": {"b": 3}}).splitlines() == [
        "| | a | b |",
        "|---|--:|--:|",
        "| one | 1.2 | 2.0 |",
        "| two | - | 3.0 |",
    ]
