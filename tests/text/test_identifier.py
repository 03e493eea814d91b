from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from smsearch.text.identifier import identifier
from smsearch.text.language_tables import LanguageTables, cache_folder, load_tables

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


def assert_same_tables(found: LanguageTables, expected: LanguageTables) -> None:
    assert found.labels == expected.labels
    for name in ("following", "row", "found", "weights", "priors"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_tables_that_were_kept_are_those_that_were_unpacked_and_older_ones_go(cache: Path) -> None:
    cache.mkdir()
    (cache / "languages-0.0-little.bin").write_bytes(b"of an older version")
    unpacked = load_tables()
    (kept,) = cache.iterdir()
    before = kept.stat().st_mtime_ns
    assert_same_tables(load_tables(), unpacked)
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [b"", b"nothing of ours", None])
def test_tables_that_are_not_whole_are_unpacked_again(cache: Path, damage: bytes | None) -> None:
    unpacked = load_tables()
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    kept.unlink()  # a file that is mapped must not shrink
    kept.write_bytes(whole[:-1] if damage is None else damage)
    assert_same_tables(load_tables(), unpacked)
    assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "file" / "below"))
    assert_same_tables(load_tables(), load_tables())


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SMSEARCH_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "smsearch"
