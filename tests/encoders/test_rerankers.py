from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import smsearch
from smsearch.encoders.rerankers import load_reranker
from smsearch.errors import EncoderError
from tests.encoders.tiny_model import DIM, MAX_TOKENS, WORDS, save_tiny_model


def _save_bert(kind: str, folder: Path) -> Path:
    """A Bert of one layer with random weights, always the same ones, as transformers saves it."""
    import torch
    import transformers

    with torch.random.fork_rng():
        torch.manual_seed(11)
        config = transformers.BertConfig(
            vocab_size=len(WORDS),
            hidden_size=DIM,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=MAX_TOKENS * 4,
            num_labels=1,
            initializer_range=1.0,
        )
        getattr(transformers, kind)(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_bert("BertForSequenceClassification", tmp_path_factory.mktemp("cross") / "tiny-reranker")


@pytest.fixture(scope="module")
def multi_vector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sentence_transformers import MultiVectorEncoder

    parent = tmp_path_factory.mktemp("multi")
    model = MultiVectorEncoder(str(_save_bert("BertModel", parent / "parts")), device="cpu")
    model.save(str(parent / "tiny-colbert"), create_model_card=False)
    return parent / "tiny-colbert"


def test_a_cross_encoder_scores_as_sentence_transformers_does(cross_encoder: Path) -> None:
    from sentence_transformers import CrossEncoder

    expected = CrossEncoder(str(cross_encoder), device="cpu").predict(
        [("hej", "hej verden"), ("hej", "brød")], show_progress_bar=False
    )
    np.testing.assert_allclose(load_reranker(cross_encoder).score("hej", ["hej verden", "brød"]), expected, atol=1e-6)


def test_a_multi_vector_encoder_scores_by_the_mean_of_best_matches(multi_vector: Path) -> None:
    from sentence_transformers import MultiVectorEncoder

    model: Any = MultiVectorEncoder(str(multi_vector), device="cpu")
    query = np.asarray(model.encode_query("hej dig"))
    passage = np.asarray(model.encode_document(["verden hej brød"])[0])
    expected = np.mean([max(float(token @ other) for other in passage) for token in query])
    (score,) = load_reranker(multi_vector).score("hej dig", ["verden hej brød"])
    assert score == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["cross_encoder", "multi_vector"])
def test_no_texts_get_no_scores(kind: str, request: pytest.FixtureRequest) -> None:
    scores = load_reranker(request.getfixturevalue(kind)).score("hej", [])
    assert scores.shape == (0,)
    assert scores.dtype == np.float32


def test_an_encoder_is_refused_as_a_reranker(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="is no reranker"):
        load_reranker(save_tiny_model(tmp_path / "tiny"))


def test_a_missing_reranker_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no-such-folder"):
        load_reranker(tmp_path / "no-such-folder")


def test_reranking_orders_hits_by_the_models_scores(cross_encoder: Path, tmp_path: Path) -> None:
    texts = {"a": "hej verden, et brød", "b": "brød og brød igen", "c": "hej dig, hej verden"}
    (tmp_path / "posts").mkdir()
    for name, text in texts.items():
        (tmp_path / "posts" / f"{name}.txt").write_text(text, encoding="utf-8")
    with smsearch.build_index(tmp_path / "posts", tmp_path / "index") as index:
        hits = index.search("hej", rerank=cross_encoder)
    scores = load_reranker(cross_encoder).score("hej", list(texts.values()))
    expected = sorted(zip(texts, scores.tolist(), strict=True), key=lambda pair: -pair[1])
    assert [hit.doc_id for hit in hits] == [f"{name}.txt" for name, _ in expected]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])
