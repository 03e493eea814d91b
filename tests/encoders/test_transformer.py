from __future__ import annotations

import json
import logging
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from smsearch.encoders import export_static, load_encoder
from smsearch.encoders.identity import TransformerOptions
from smsearch.encoders.static import StaticEncoder
from smsearch.encoders.transformer import TransformerEncoder
from smsearch.errors import EncoderError, MissingExtraError
from tests.encoders.tiny_model import save_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "multilingual-e5-tiny")


def test_prompt_and_special_tokens_are_counted(tiny: Path) -> None:
    encoder = load_encoder(tiny)
    # [CLS] passage : hej dig [SEP]
    assert encoder.count_tokens(["hej dig", "", "hej " * 100]).tolist() == [6, 4, 104]
    assert load_encoder(tiny, passage_prompt="").count_tokens(["hej dig"]).tolist() == [4]
    assert encoder.max_tokens == 16


def test_prompts_are_put_before_the_text(tiny: Path) -> None:
    encoder, bare = load_encoder(tiny), load_encoder(tiny, query_prompt="", passage_prompt="")
    expected = bare.encode_queries(["query: hej", "passage: hej"])
    np.testing.assert_allclose(encoder.encode_queries(["hej"])[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(encoder.encode_passages(["hej"])[0], expected[1], atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_the_users_prompts_win(tiny: Path) -> None:
    encoder = load_encoder(tiny, query_prompt="verden ")
    assert encoder.settings["query_prompt"] == "verden "
    assert encoder.settings["passage_prompt"] == "passage: "


def test_truncated_vectors_are_unit_again(tiny: Path) -> None:
    whole, part = load_encoder(tiny), load_encoder(tiny, truncate_dim=3)
    assert part.dim == 3
    expected = whole.encode_queries(["hej dig"])[:, :3]
    np.testing.assert_allclose(part.encode_queries(["hej dig"]), expected / np.linalg.norm(expected), atol=1e-5)


def test_a_model_is_the_same_wherever_its_folder_stands(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "multilingual-e5-copy"))
    encoder = load_encoder(copy)
    assert encoder.name == str(copy)
    assert encoder.fingerprint == load_encoder(tiny).fingerprint
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert load_encoder(copy).fingerprint != encoder.fingerprint


def test_loading_is_silent_and_leaves_settings_as_they_were(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging as transformers_logging

    before = (are_progress_bars_disabled(), transformers_logging.get_verbosity())
    level = logging.getLogger("sentence_transformers").level
    load_encoder(tiny).encode_passages(["hej"] * 100)
    assert capfd.readouterr() == ("", "")
    assert (are_progress_bars_disabled(), transformers_logging.get_verbosity()) == before
    assert logging.getLogger("sentence_transformers").level == level


def test_pickled_weights_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "pickled"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="pickled weights only"):
        load_encoder(folder)


def test_damaged_weights_are_one_sentence(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "damaged"))
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(EncoderError, match="cannot load the model") as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_not_here_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    start = time.monotonic()
    with pytest.raises(EncoderError, match=r"'intfloat/multilingual-e5-none' is not on this machine.*hf download"):
        load_encoder("intfloat/multilingual-e5-none")
    assert time.monotonic() - start < 15


def test_a_model_in_the_hubs_cache_is_loaded_without_the_hub(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789" * 4
    model = tmp_path / "models--intfloat--multilingual-e5-tiny"
    shutil.copytree(tiny, model / "snapshots" / commit)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: pytest.fail("asked the hub"))
    encoder = load_encoder("intfloat/multilingual-e5-tiny")
    assert encoder.name == "intfloat/multilingual-e5-tiny"
    assert encoder.settings["revision"] == commit
    assert encoder.settings["query_prompt"] == "query: "
    assert load_encoder(encoder.name, **encoder.settings).fingerprint == encoder.fingerprint


def test_a_missing_backend_names_what_to_install(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsearch.encoders.identity.find_spec", lambda name: None if name == "optimum" else name)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentence-transformers\[openvino\]'"):
        load_encoder(tiny, backend="openvino")


def test_the_onnx_backend_gives_the_same_vectors(tiny: Path, model_cache: Path) -> None:
    texts = ["hej dig", "hej " * 100, "", "verden"]
    expected = load_encoder(tiny)
    encoder = TransformerEncoder(str(tiny), TransformerOptions(backend="onnx"))
    np.testing.assert_allclose(encoder.encode_queries(texts), expected.encode_queries(texts), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_passages(texts), expected.encode_passages(texts), atol=1e-5)
    assert encoder.fingerprint != expected.fingerprint
    assert "onnxruntime" in type(encoder.sentence_transformer[0].model.runner).__module__
    assert list((model_cache / "onnx").iterdir())


def test_options_that_make_no_sense_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="takes no query_prompt, got 'q'"):
        load_encoder("builtin", query_prompt="q")
    with pytest.raises(EncoderError, match="takes no backend, got 'onnx'"):
        load_encoder(backend="onnx")
    with pytest.raises(EncoderError, match="batch_size must be at least 1, got 0"):
        load_encoder(tiny, batch_size=0)
    with pytest.raises(EncoderError, match="no backend 'tpu'"):
        load_encoder(tiny, backend="tpu")  # type: ignore[arg-type]
    with pytest.raises(EncoderError, match="'onnx' runs on the processor, got device 'cuda'"):
        load_encoder(tiny, backend="onnx", device="cuda")
    with pytest.raises(EncoderError, match="no revisions"):
        load_encoder(tiny, revision="main")
    with pytest.raises(EncoderError, match="there is no directory"):
        load_encoder(tmp_path / "nothing")
    with pytest.raises(EncoderError, match="is no model"):
        load_encoder(tmp_path)


def encoding_alike(folder: Path) -> Path:
    """The rows of the built-in model as a model that encodes queries and passages alike."""
    builtin = load_encoder("static")
    assert isinstance(builtin, StaticEncoder)
    shutil.copytree(builtin.folder, folder / "of-format-2")
    config = json.loads((folder / "of-format-2" / "config.json").read_text())
    (folder / "of-format-2" / "config.json").write_text(json.dumps({**config, "format": 2}))
    return folder / "of-format-2"


def test_the_builtin_exported_gives_the_same_vectors(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    builtin = load_encoder("static")
    export_static(builtin, tmp_path / "exported")
    texts = ["why say no to social media", "hvorfor sige nej?", "", "你好"]
    queries, passages = builtin.encode_queries(texts), builtin.encode_passages(texts)
    assert not np.allclose(queries, passages, atol=0.1)
    encoder = load_encoder(tmp_path / "exported")
    assert isinstance(encoder, TransformerEncoder)
    assert not isinstance(encoder, StaticEncoder)
    assert encoder.max_tokens is None
    np.testing.assert_allclose(encoder.encode_queries(texts), queries, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_passages(texts), passages, atol=1e-5)
    assert encoder.count_tokens(texts).tolist() == builtin.count_tokens(texts).tolist()
    plain = SentenceTransformer(str(tmp_path / "exported"), device="cpu")
    np.testing.assert_allclose(plain.encode_query(texts, show_progress_bar=False), queries, atol=1e-3)
    np.testing.assert_allclose(plain.encode_document(texts, show_progress_bar=False), passages, atol=1e-3)
    with pytest.raises(EncoderError, match="exists already"):
        export_static(builtin, tmp_path / "exported")
    export_static(load_encoder(encoding_alike(tmp_path)), tmp_path / "alike")
    alike = SentenceTransformer(str(tmp_path / "alike"), device="cpu")
    assert [type(module).__name__ for module in alike] == ["StaticEmbedding", "Normalize"]
    np.testing.assert_allclose(
        alike.encode(texts, show_progress_bar=False),
        load_encoder(tmp_path / "of-format-2").encode_passages(texts),
        atol=1e-3,
    )
    with pytest.raises(EncoderError, match="only a static encoder"):
        export_static(encoder, tmp_path / "again")
