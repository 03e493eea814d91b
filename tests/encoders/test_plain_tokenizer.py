from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsearch.encoders.onnx_encoder import LONG_PROBE, PROBES
from smsearch.encoders.plain_tokenizer import PlainTokenizer, load_tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyzåäö'.,:-0123456789"
TEXTS = [*PROBES, LONG_PROBE, "Hej, på DIG", "  two  spaces ", "a\u00a0b\u3000c", "İ ß ǆ"]


def of_bert(folder: Path, **options: Any) -> None:
    from transformers import BertTokenizer

    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *LETTERS,
        *(f"##{letter}" for letter in LETTERS),
        "hej",
        "H",
    ]
    BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, **options).save_pretrained(folder)


def of_mpnet(folder: Path, **options: Any) -> None:
    from transformers import MPNetTokenizer

    pieces = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>", *LETTERS, *(f"##{letter}" for letter in LETTERS), "hej"]
    MPNetTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, **options).save_pretrained(folder)


def of_xlm_roberta(folder: Path, **options: Any) -> None:
    from transformers import XLMRobertaTokenizer

    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocab += [(piece, -2.0) for piece in ("▁", "▁hej", *LETTERS)]
    XLMRobertaTokenizer(vocab=[*vocab, ("<mask>", 0.0)], **options).save_pretrained(folder)


def of_roberta(folder: Path, **options: Any) -> None:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import RobertaTokenizer

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet()), "he", "Ġh"]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    RobertaTokenizer(vocab=vocab, merges=[("h", "e"), ("Ġ", "h")], **options).save_pretrained(folder)


MAKERS: dict[str, Callable[..., None]] = {
    "bert": of_bert,
    "mpnet": of_mpnet,
    "xlm-roberta": of_xlm_roberta,
    "roberta": of_roberta,
}


def made(folder: Path, model_type: str, maker: Callable[..., None], **options: Any) -> Path:
    maker(folder, **options)
    network = {"model_type": model_type, "max_position_embeddings": 40, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(network))
    return folder


def loaded(folder: Path, *, max_tokens: int | None = None, lowercase: bool = False) -> PlainTokenizer | None:
    return load_tokenizer(folder, max_tokens=max_tokens, lowercase=lowercase)


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("model_type", "maker", "options"),
    [
        *((model_type, maker, {}) for model_type, maker in MAKERS.items()),
        ("bert", of_bert, {"do_lower_case": False}),
        ("bert", of_bert, {"strip_accents": False, "tokenize_chinese_chars": False}),
        ("distilbert", of_bert, {}),
        ("bert", of_xlm_roberta, {}),  # the multilingual ones of MiniLM
        ("roberta", of_roberta, {"add_prefix_space": True}),
        ("xlm-roberta", of_xlm_roberta, {"model_max_length": 24}),
    ],
)
def test_tokens_are_those_of_transformers(
    tmp_path: Path, model_type: str, maker: Callable[..., None], options: dict[str, Any]
) -> None:
    from transformers import AutoTokenizer

    folder = made(tmp_path, model_type, maker, **options)
    expected = AutoTokenizer.from_pretrained(folder)
    tokenizer = loaded(folder)
    assert tokenizer is not None
    ids = tokenizer.token_ids(TEXTS)
    assert ids == expected(TEXTS, verbose=False)["input_ids"]
    assert tokenizer.max_tokens == min(40, options.get("model_max_length", 40))
    assert tokenizer.pad_id == expected.pad_token_id
    for most in (3, 10):
        short = loaded(folder, max_tokens=most)
        assert short is not None
        assert [short.truncated(row) for row in ids] == expected(TEXTS, truncation=True, max_length=most)["input_ids"]


def test_a_batch_is_filled_up_at_the_right(tmp_path: Path) -> None:
    tokenizer = loaded(made(tmp_path, "mpnet", of_mpnet))
    assert tokenizer is not None
    ids, mask = tokenizer.batch([[0, 7, 8, 2], [0, 2]])
    assert ids.tolist() == [[0, 7, 8, 2], [0, 2, 1, 1]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]


def test_texts_are_lowercased_where_the_model_says_so(tmp_path: Path) -> None:
    folder = made(tmp_path, "bert", of_bert, do_lower_case=False)
    plain, lowercasing = loaded(folder), loaded(folder, lowercase=True)
    assert plain is not None
    assert lowercasing is not None
    assert plain.token_ids(["HEJ"]) != plain.token_ids(["hej"])
    assert lowercasing.token_ids(["HEJ"]) == plain.token_ids(["hej"])


def test_a_tokenizer_that_transformers_would_make_anew_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path, "bert", of_bert)
    changed(folder / "tokenizer_config.json", do_lower_case=False)  # the file says otherwise
    assert loaded(folder) is None
    changed(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")  # takes the file as it is
    assert loaded(folder) is not None


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer"}),
        ("tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["code.Tokenizer", None]}}),
        ("tokenizer_config.json", {"add_eos_token": True}),
        ("tokenizer_config.json", {"padding_side": "left"}),
        ("tokenizer_config.json", {"truncation_side": "left"}),
        ("tokenizer_config.json", {"cls_token": "[SEP]"}),
        ("tokenizer_config.json", {"mask_token": "<mask>"}),
        ("tokenizer_config.json", {"extra_special_tokens": ["<extra>"]}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"5": {"content": "[MASK]"}}}),
        ("tokenizer_config.json", {"strip_accents": True}),
        ("config.json", {"auto_map": {"AutoModel": "code.Model"}}),
        ("config.json", {"max_position_embeddings": None}),
        ("tokenizer.json", {"post_processor": None}),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}),
        ("tokenizer.json", {"version": "9.0"}),
    ],
)
def test_settings_that_are_not_known_are_refused(tmp_path: Path, file: str, values: dict[str, Any]) -> None:
    folder = made(tmp_path, "bert", of_bert)
    assert loaded(folder) is not None
    changed(folder / file, **values)
    assert loaded(folder) is None


def test_folders_with_another_processor_or_without_a_tokenizer_are_refused(tmp_path: Path) -> None:
    folder = made(tmp_path, "bert", of_bert)
    (folder / "processor_config.json").write_text("{}")
    assert loaded(folder) is None
    (folder / "processor_config.json").unlink()
    (folder / "tokenizer.json").unlink()
    assert loaded(folder) is None
