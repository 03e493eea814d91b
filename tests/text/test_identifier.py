from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from smsearch.text.identifier import identifier

SEEDS = Path(__file__).parents[2] / "seeds"


@pytest.fixture(scope="module")
def reference() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def assert_alike(texts: list[str], reference: LanguageIdentifier) -> None:
    for text, (lang, confidence) in zip(texts, identifier().classify(texts), strict=True):
        expected, expected_confidence = reference.classify(text)
        assert confidence == pytest.approx(expected_confidence, abs=1e-4), text
        assert lang == expected or confidence < 0.5, text  # of equal chances either


def test_lines_of_the_seeds_are_told_as_py3langid_tells_them(reference: LanguageIdentifier) -> None:
    lines = [line for path in sorted(SEEDS.glob("*.txt")) for line in path.read_text("utf-8").splitlines()]
    assert len(lines) > 200
    assert_alike(lines, reference)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=30))
def test_any_texts_are_told_as_py3langid_tells_them(reference: LanguageIdentifier, texts: list[str]) -> None:
    assert_alike(texts, reference)


def test_a_text_is_told_alike_alone_and_among_others() -> None:
    texts = [line for line in (SEEDS / "README.md").read_text("utf-8").splitlines() if line] * 3
    texts += ["ΚΑΛΗΜΕΡΑ ΣΕ ΟΛΟΥΣ", "", "\ud800"]
    assert len(texts) > 20
    assert [identifier().classify([text])[0] for text in texts] == identifier().classify(texts)


def test_a_text_without_features_has_no_confidence() -> None:
    ((_, confidence),) = identifier().classify([""])
    assert confidence < 0.05
