from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smsearch.encoders import TokenEncoder, canonical_name, load_encoder, token_encoder_for
from smsearch.encoders.static import StaticEncoder, _blocks
from smsearch.errors import EncoderError
from tests.fakes import KeywordEncoder
from tests.whole_texts import WholeTextEncoder

BUILTIN = Path(__file__).parents[2] / "smsearch" / "models" / "builtin"
TEXTS = ["why say no to social media", "hvorfor sige nej til sociale medier", "opskrift på rugbrød"]


def builtin() -> StaticEncoder:
    encoder = load_encoder("builtin")
    assert isinstance(encoder, StaticEncoder)
    return encoder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(BUILTIN, folder)
    return folder


def test_translations_are_near_and_other_subjects_far() -> None:
    vectors, passages = builtin().encode_queries(TEXTS), builtin().encode_passages(TEXTS)
    np.testing.assert_allclose(vectors[0] @ vectors[1:].T, [0.8476, -0.0101], atol=5e-4)
    np.testing.assert_allclose(vectors[0] @ passages[1:].T, [0.8014, -0.0110], atol=5e-4)


def test_a_query_weighs_its_rows_and_a_passage_is_turned() -> None:
    encoder = builtin()
    assert encoder.matrix is not None
    for text in TEXTS:
        rows = encoder.table.rows(encoder.token_ids([text])[0]).astype(float)
        weighted = rows * np.linalg.norm(rows, axis=1, keepdims=True) ** -0.35
        for vector, total in [
            (encoder.encode_queries([text])[0], weighted.sum(axis=0)),
            (encoder.encode_passages([text])[0], rows.sum(axis=0) @ encoder.matrix.astype(float)),
        ]:
            np.testing.assert_allclose(vector, total / np.linalg.norm(total), atol=1e-5)
    np.testing.assert_array_equal(encoder.matrix, encoder.matrix.T)


def test_a_model_of_format_2_encodes_queries_and_passages_alike(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "format": 2}))
    (copy / "passages.safetensors").unlink()
    encoder = StaticEncoder(copy)
    assert encoder.encode_queries(TEXTS).tobytes() == encoder.encode_passages(TEXTS).tobytes()
    rows = encoder.table.rows(encoder.token_ids(TEXTS[:1])[0]).sum(axis=0)
    np.testing.assert_allclose(encoder.encode_passages(TEXTS[:1])[0], rows / np.linalg.norm(rows), atol=1e-5)
    assert encoder.fingerprint == "859c064579854fb1eac9739f1c0dfc2b"  # another digest would make indexes foreign


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.eye(3, dtype=np.float16), r"must hold `matrix` float16 \(384, 384\), got float16 \(3, 3\)"),
        (np.eye(384, dtype=np.uint8), "must hold `matrix` float16 .*, got uint8"),
        (np.full((384, 384), np.nan, np.float16), "a number is not finite"),
        (None, r"passages\.safetensors' is damaged"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(copy: Path, matrix: NDArray[np.float16] | None, reason: str) -> None:
    from safetensors.numpy import save_file

    if matrix is None:
        (copy / "passages.safetensors").write_bytes(b"\x10\x00")
    else:
        save_file({"matrix": matrix}, copy / "passages.safetensors")
    with pytest.raises(EncoderError, match=reason):
        load_encoder(copy)
    (copy / "passages.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"has no passages\.safetensors"):
        load_encoder(copy)


def test_it_is_a_token_encoder() -> None:
    encoder = builtin()
    assert isinstance(encoder, TokenEncoder)
    assert (encoder.name, encoder.dim, encoder.max_tokens, encoder.settings) == ("static", 384, None, {})


def test_texts_without_tokens_are_zero_rows() -> None:
    encoder = builtin()
    assert not encoder.encode_passages(["", "  \n"]).any()
    assert encoder.count_tokens(["", "hej med dig"]).tolist() == [0, 3]
    assert [ids.tolist() for ids in encoder.token_ids([""])] == [[]]
    assert encoder.token_vectors(np.zeros(0, np.int32)).shape == (0, 384)


def test_short_and_bulk_tokenisers_give_the_same_vectors() -> None:
    short, bulk = builtin(), builtin()
    bulk.encode_passages(["lang tekst " * 4000])
    assert "_tokenizer" in bulk.__dict__
    assert short.encode_queries(TEXTS).tobytes() == bulk.encode_queries(TEXTS).tobytes()
    assert "_tokenizer" not in short.__dict__


def test_without_a_mapped_vocabulary_vectors_are_the_same() -> None:
    encoder = builtin()
    encoder.__dict__["_vocabulary"] = None
    assert encoder.encode_queries(TEXTS).tobytes() == builtin().encode_queries(TEXTS).tobytes()


def test_lone_surrogates_are_replaced_on_both_ways() -> None:
    encoder = builtin()
    few = encoder.encode_queries(["hej \udcff dig"])
    many = encoder.encode_queries(["hej \udcff dig", "x" * 3000])
    assert few[0].tobytes() == many[0].tobytes() == encoder.encode_queries(["hej \ufffd dig"])[0].tobytes()


def test_weights_are_norms_to_the_configured_power() -> None:
    encoder = builtin()
    ids = encoder.token_ids(["og medier"])[0]
    norms = np.linalg.norm(encoder.table.rows(ids).astype(float), axis=1)
    weights = encoder.token_weights(ids)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, norms**2, rtol=1e-5)
    assert weights[-1] > 2 * weights[0]  # media says more than and


def test_blocks_cover_every_text_once() -> None:
    assert list(_blocks([200, 200, 0, 900, 1], 260)) == [(0, 2), (2, 4), (4, 5)]
    assert list(_blocks([200, 100], 260)) == [(0, 2)]
    assert list(_blocks([], 260)) == []


def test_many_texts_equal_each_alone() -> None:
    texts = [f"{TEXTS[i % 3]} {i}" * (1 + i % 50) for i in range(2000)]
    encoder = builtin()
    np.testing.assert_allclose(
        encoder.encode_passages(texts)[::97], [encoder.encode_passages([text])[0] for text in texts[::97]], atol=1e-6
    )


def test_threads_that_share_an_encoder_get_the_vectors_of_one_alone() -> None:
    draw = random.Random(5)  # noqa: S311  no secret
    texts = [" ".join("".join(draw.choices("abcdefgh", k=4)) for _ in range(40)) for _ in range(400)]
    parts = [texts[i::8] for i in range(8)]
    expected = [builtin().encode_passages(part) for part in parts]
    shared = builtin()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(shared.encode_passages, parts))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_static_and_its_alias_are_one_encoder() -> None:
    static = load_encoder("static")
    assert (static.name, builtin().name, canonical_name("builtin")) == ("static", "static", "static")
    assert static.fingerprint == builtin().fingerprint
    assert canonical_name(Path("models") / "mine") == str(Path("models") / "mine")


def test_the_tokens_beside_an_encoder_are_its_own_or_those_of_the_static_table() -> None:
    static, own, whole = builtin(), KeywordEncoder(), WholeTextEncoder()
    assert token_encoder_for(static) is static
    assert token_encoder_for(own) is own
    for found in (token_encoder_for(whole), token_encoder_for()):
        assert found.fingerprint == static.fingerprint


def test_the_sum_of_a_texts_tokens_tells_its_cosine_with_a_query() -> None:
    encoder = builtin()
    (vector,) = encoder.encode_queries([TEXTS[0]])
    ids = encoder.token_ids(TEXTS)
    sums = np.stack([(encoder.token_vectors(of) * encoder.token_norms(of)[:, None]).sum(axis=0) for of in ids])
    told = sums @ encoder.query_direction(TEXTS[0]) / encoder.sum_lengths(ids)
    np.testing.assert_allclose(told, encoder.encode_passages(TEXTS) @ vector, atol=1e-4)
    assert encoder.sum_lengths([]).shape == (0,)


def test_recorded_digests_are_those_of_the_shipped_files() -> None:
    encoder = builtin()
    assert sorted(encoder.config.sha256) == ["model.safetensors", "passages.safetensors", "tokenizer.json"]
    encoder.verify()


def test_fingerprint_is_the_same_recorded_or_computed(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    del config["sha256"]
    (copy / "config.json").write_text(json.dumps(config))
    assert load_encoder(copy).fingerprint == builtin().fingerprint
    tokenizer = copy / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text("utf-8") + "\n", "utf-8")
    assert load_encoder(copy).fingerprint != builtin().fingerprint


def test_a_copied_folder_gives_the_same_vectors_under_its_own_name(copy: Path) -> None:
    encoder = load_encoder(copy)
    assert encoder.name == str(copy)
    assert encoder.encode_queries(TEXTS).tobytes() == builtin().encode_queries(TEXTS).tobytes()


def test_verify_names_a_changed_file(copy: Path) -> None:
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(5_000_000)
        file.write(b"\x7f\x7f")
    encoder = load_encoder(copy)
    assert isinstance(encoder, StaticEncoder)
    with pytest.raises(EncoderError, match=r"model\.safetensors' has SHA-256"):
        encoder.verify()


def test_truncated_weights_are_refused_in_one_sentence(copy: Path) -> None:
    with (copy / "model.safetensors").open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(EncoderError, match=r"damaged .tensor '(packed|scales)' ends at byte") as caught:
        load_encoder(copy)
    assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_tokenizer_is_refused(copy: Path) -> None:
    (copy / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(EncoderError, match=r"tokenizer\.json' is damaged"):
        load_encoder(copy).encode_queries(["hej"])
    (copy / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match=r"has no tokenizer\.json"):
        load_encoder(copy)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 1}, "format 1, and this smsearch reads 2 and 3"),
        ({"query_power": None}, "damaged"),
        ({"query_power": float("nan")}, "nan is no exponent from -10 to 10"),
        ({"late_exponent": 11}, "11 is no exponent"),
        ({"late_exponent": "x"}, "damaged"),
        ({"name": None}, None),
    ],
)
def test_configurations_of_other_formats_are_refused(copy: Path, change: dict[str, object], reason: str | None) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | change))
    if reason is None:
        assert load_encoder(copy).dim == 384
        return
    with pytest.raises(EncoderError, match=reason):
        load_encoder(copy)


def test_a_query_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import smsearch.encoders\n"
        "early = sorted({'numpy', 'torch', 'tokenizers'} & set(sys.modules))\n"
        "encoder = smsearch.encoders.load_encoder('builtin')\n"
        "encoder.encode_queries(['hvorfor sige nej?']), encoder.fingerprint\n"
        "heavy = {'torch', 'transformers', 'scipy', 'sklearn', 'tokenizers', 'huggingface_hub'}\n"
        "print(early, sorted(heavy & set(sys.modules)))\n"
    )
    builtin().encode_queries(["hej"])  # the mapped vocabulary is there
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[] []\n"
