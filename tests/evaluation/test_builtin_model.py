"""The built-in model keeps what it was measured to be worth; the floors hold for exactly these evaluation sets."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from smsearch import load_encoder
from smsearch.encoders.static import StaticEncoder
from smsearch.evaluation.datasets import digest_of
from smsearch.evaluation.encoding import evaluate_encoder

EVERY = 12  # of the XQuAD questions
DIGEST = "804da889659a0a16"
FLOORS = {
    "Tatoeba, mean": 88.6,
    "XQuAD same language, dense": 82.2,
    "XQuAD across, dense": 74.4,
    "SweFAQ, dense": 62.4,
    "XQuAD same language, dense + 2 late": 93.9,
    "XQuAD across, dense + 2 late": 83.7,
    "SweFAQ, dense + 2 late": 64.5,
}
LANG_FLOORS = {
    "sv": 93.0,
    "da": 93.3,
    "nb": 93.5,
    "de": 96.2,
    "fr": 91.4,
    "es": 94.1,
    "ru": 88.6,
    "pl": 90.6,
    "fi": 91.4,
    "zh": 90.5,
    "ja": 89.0,
    "ar": 79.4,
    "tr": 93.1,
    "hi": 88.6,
    "ko": 76.8,
}

needs_sets = pytest.mark.skipif("SMSEARCH_EVAL" not in os.environ, reason="SMSEARCH_EVAL names no evaluation sets")


@needs_sets
def test_floors_belong_to_these_sets() -> None:
    assert digest_of(Path(os.environ["SMSEARCH_EVAL"])) == DIGEST, "other sets: measure and pin floors and digest anew"


@needs_sets
def test_the_model_is_worth_at_least_what_was_measured() -> None:
    quality = evaluate_encoder(load_encoder(), Path(os.environ["SMSEARCH_EVAL"]), every=EVERY)
    summary = quality.summary()
    print(summary, {lang: round(quality.tatoeba[lang], 2) for lang in LANG_FLOORS})  # noqa: T201
    assert summary.keys() == FLOORS.keys()
    assert {name: value for name, value in summary.items() if value < FLOORS[name]} == {}
    assert {lang: quality.tatoeba[lang] for lang, floor in LANG_FLOORS.items() if quality.tatoeba[lang] < floor} == {}
    assert quality.control < 5


def test_the_card_was_measured_on_the_same_sets_and_says_what_the_file_beside_it_says() -> None:
    encoder = load_encoder()
    assert isinstance(encoder, StaticEncoder)
    measured = json.loads((encoder.folder / "evaluation.json").read_text())
    card = (encoder.folder / "README.md").read_text()
    assert measured["data"] == DIGEST
    assert f"| sv | {measured['tatoeba']['sv']:.1f} | {measured['tatoeba_from_english']['sv']:.1f} |" in card


def test_what_is_shipped_is_smaller_than_80_megabytes() -> None:
    encoder = load_encoder()
    assert isinstance(encoder, StaticEncoder)
    files = [path for path in encoder.folder.iterdir() if path.is_file() and path.name != "vocabulary.bin"]
    assert sum(path.stat().st_size for path in files) < 80e6
