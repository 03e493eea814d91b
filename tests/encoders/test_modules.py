from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smsearch.encoders.modules import SentenceModules, read_modules
from tests.encoders.tiny_model import DIM, save_tiny_model

STATES = np.array([[[1, -2], [3, 6], [9, 9]], [[4, 0], [2, 2], [-1, 3]]], np.float32)
MASK = np.array([[1, 1, 0], [1, 1, 1]])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def changed(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**content, **values}))


def pooled(*modes: str) -> Any:
    return SentenceModules(Path(), None, lowercases=False, modes=modes, steps=(), dim=2).vectors(STATES, MASK).tolist()


def test_rows_of_tokens_are_pooled() -> None:
    assert pooled("cls") == [[1, -2], [4, 0]]
    assert pooled("lasttoken") == [[3, 6], [-1, 3]]
    assert pooled("max") == [[3, 6], [4, 3]]
    assert pooled("mean") == [[2, 2], [np.float32(5 / 3), np.float32(5 / 3)]]
    np.testing.assert_allclose(pooled("mean_sqrt_len_tokens"), [[2 * 2**0.5] * 2, [5 / 3**0.5] * 2], rtol=1e-6)
    assert pooled("cls", "lasttoken") == [[1, -2, 3, 6], [4, 0, -1, 3]]


def test_folders_of_old_and_new_versions_are_read(folder: Path) -> None:
    modules = read_modules(folder)
    assert modules is not None
    assert (modules.modes, modules.dim, modules.max_tokens, modules.lowercases) == (("mean",), DIM, None, False)
    assert modules.folder == folder
    old = {"word_embedding_dimension": DIM, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(old))
    settings = {"max_seq_length": 12, "do_lower_case": True}
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings))
    modules = read_modules(folder)
    assert modules is not None
    assert (modules.modes, modules.dim, modules.max_tokens, modules.lowercases) == (("cls", "mean"), 2 * DIM, 12, True)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("sentence_bert_config.json", {"query_length": 32}),
        ("sentence_bert_config.json", {"tokenizer_args": {"model_max_length": 8}}),
        ("sentence_bert_config.json", {"max_seq_length": "12"}),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}),
        ("1_Pooling/config.json", {"include_prompt": False}),
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}),
        ("1_Pooling/config.json", {"embedding_dimension": None}),
    ],
)
def test_settings_that_are_not_known_are_refused(folder: Path, file: str, values: dict[str, Any]) -> None:
    changed(folder / file, **values)
    assert read_modules(folder) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "2_LSTM", "type": "sentence_transformers.models.LSTM"},
        {"path": "2_Own", "type": "own_code.Normalize"},
        {"path": "../2_Normalize", "type": "sentence_transformers.models.Normalize"},
        {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize", "kwargs": ["task"]},
        {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},  # without weights
    ],
)
def test_modules_that_are_not_known_are_refused(folder: Path, entry: dict[str, Any]) -> None:
    entries = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*entries, {"idx": 2, "name": "2", **entry}]))
    assert read_modules(folder) is None


def test_folders_without_modules_are_refused(folder: Path) -> None:
    for content in ("[]", "{", '{"type": 1}', '[{"idx": 0}]'):
        (folder / "modules.json").write_text(content)
        assert read_modules(folder) is None
    (folder / "modules.json").unlink()
    assert read_modules(folder) is None
