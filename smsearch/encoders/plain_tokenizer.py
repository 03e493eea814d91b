"""The tokenizer of a transformer by `tokenizers` alone, where transformers would make the same one.

transformers does not use a `tokenizer.json` as it is: for many classes it takes the vocabulary out of the file and
builds normaliser and pre-tokenizer anew, by `tokenizer_config.json`. `load_tokenizer` accepts a file only where both
ways lead to the same tokens, and returns None where that is not certain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.identity import MAX_TOKENS
from smsearch.files import read_json_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_AS_IT_IS: Final = {"PreTrainedTokenizer", "TokenizersBackend"}  # without "Fast"
_CLASSES: Final = {  # where no configuration names one
    **dict.fromkeys(("bert", "distilbert", "electra", "nomic_bert"), "BertTokenizer"),
    "mpnet": "MPNetTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
}
_ENDS: Final = {  # special tokens before and after a text: their names in the configuration, and the usual ones
    "BertTokenizer": {"cls_token": "[CLS]", "sep_token": "[SEP]"},
    "DistilBertTokenizer": {"cls_token": "[CLS]", "sep_token": "[SEP]"},
    "MPNetTokenizer": {"cls_token": "<s>", "sep_token": "</s>"},
    "RobertaTokenizer": {"cls_token": "<s>", "sep_token": "</s>"},
    "XLMRobertaTokenizer": {"bos_token": "<s>", "eos_token": "</s>"},
}
_OTHER_PROCESSORS: Final = ("processor_config.json", "preprocessor_config.json")
_UNFOLLOWED: Final = {"auto_map", "add_bos_token", "add_eos_token", "split_special_tokens", "fix_mistral_regex"}
_SPLIT_AT_SPACES: Final = {"type": "WhitespaceSplit"}
_XLM_UNKNOWN: Final = 3  # the id of the unknown token, which transformers takes for granted


@dataclass(frozen=True, slots=True)
class PlainTokenizer:
    """Texts to token ids, special tokens before and after.

    Attributes:
        tokenizer: Neither truncates nor pads.
        n_after: Special tokens after a text.
        max_tokens: Most tokens of a text that count; None for no limit.
        pad_id: Token that fills up a row of a batch.
    """

    tokenizer: Tokenizer
    n_after: int
    max_tokens: int | None
    pad_id: int

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return all token ids of each text."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def truncated(self, ids: list[int]) -> list[int]:
        """Return the ids of a text, shortened at its end to `max_tokens`; special tokens stay."""
        if self.max_tokens is None or len(ids) <= self.max_tokens:
            return ids
        return ids[: self.max_tokens - self.n_after] + ids[len(ids) - self.n_after :]

    def batch(self, rows: Sequence[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows of ids filled up to the longest, and the mask that tells which are tokens; `(n, tokens)` each."""
        ids = np.full((len(rows), max(map(len, rows))), self.pad_id, np.int64)
        mask = np.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return ids, mask


def load_tokenizer(folder: Path, *, max_tokens: int | None, lowercase: bool) -> PlainTokenizer | None:
    """Load the tokenizer of a transformer, or return None where transformers might make another one of its files.

    Args:
        folder: With `tokenizer.json`, `tokenizer_config.json` and `config.json`.
        max_tokens: Most tokens of a text; None takes what the configurations say.
        lowercase: Whether texts are lower-cased first, whatever the tokenizer does.
    """
    from tokenizers import Tokenizer

    if any((folder / name).exists() for name in _OTHER_PROCESSORS):
        return None
    config, network = read_json_object(folder / "tokenizer_config.json"), read_json_object(folder / "config.json")
    tokens = {**read_json_object(folder / "special_tokens_map.json"), **config}
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        limit = _limit(config, network) if max_tokens is None else max_tokens
        pad_id = _pad_id(tokenizer, tokens, network)
        if "auto_map" in network or not _cuts_right(tokenizer, config) or not _is_certain(tokenizer, tokens, network):
            return None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        n_after = _specials_after(tokenizer, tokens, _class(tokens, network))
    except Exception:  # noqa: BLE001  tokenizers raises bare exceptions, and the files are anybody's
        return None
    if lowercase:
        _lowercase(tokenizer)
    return PlainTokenizer(tokenizer, n_after, limit if limit < MAX_TOKENS else None, pad_id)


def _limit(config: dict[str, Any], network: dict[str, Any]) -> int:
    """Most tokens of a text by the tokenizer and the network; KeyError where the latter has a default of its own."""
    positions = network["max_position_embeddings"]
    longest = config.get("model_max_length", MAX_TOKENS)
    return int(longest if positions == -1 else min(longest, positions))


def _pad_id(tokenizer: Tokenizer, tokens: dict[str, Any], network: dict[str, Any]) -> int:
    token = _content(tokens.get("pad_token")) or _settings(tokenizer.padding).get("pad_token")
    found = tokenizer.token_to_id(token) if token else None
    return int(network.get("pad_token_id") or 0) if found is None else int(found)


def _cuts_right(tokenizer: Tokenizer, config: dict[str, Any]) -> bool:
    """Whether texts are cut off, and filled up, at their right end."""
    own = [_settings(each).get("direction", "right") for each in (tokenizer.truncation, tokenizer.padding)]
    return {*own, config.get("truncation_side", "right"), config.get("padding_side", "right")} == {"right"}


def _class(tokens: dict[str, Any], network: dict[str, Any]) -> str:
    """The class of transformers that a folder asks for, without "Fast"; empty where it asks for none."""
    declared = tokens.get("tokenizer_class") or network.get("tokenizer_class")
    return str(declared).removesuffix("Fast") if declared else _CLASSES.get(network.get("model_type", ""), "")


def _is_certain(tokenizer: Tokenizer, tokens: dict[str, Any], network: dict[str, Any]) -> bool:
    """Whether the class of transformers would make the same tokenizer of this one's vocabulary."""
    if not _state(tokenizer.post_processor) or any(tokens.get(name) not in {None, False} for name in _UNFOLLOWED):
        return False
    added = {token.content: number for number, token in tokenizer.get_added_tokens_decoder().items()}
    if any(token not in added for token in _named(tokens)):
        return False
    if any(added.get(_content(token)) != int(i) for i, token in tokens.get("added_tokens_decoder", {}).items()):
        return False
    name = _class(tokens, network)
    return name in _AS_IT_IS or (name in _REBUILT and _REBUILT[name](tokenizer, tokens))


def _named(tokens: dict[str, Any]) -> Iterator[str]:
    """Special tokens that a configuration names."""
    for name, value in tokens.items():
        if name.endswith("_token") and isinstance(value, str | dict):
            yield _content(value)
    for name in ("additional_special_tokens", "extra_special_tokens"):
        more = tokens.get(name) or []
        yield from (_content(token) for token in (more.values() if isinstance(more, dict) else more))


def _content(token: Any) -> str:  # noqa: ANN401  whatever JSON holds
    """The characters of a token, empty for none."""
    return str((token["content"] if isinstance(token, dict) else token) or "")


def _settings(given: Any) -> dict[str, Any]:  # noqa: ANN401  its types leave out None
    return given or {}


def _state(component: Any) -> dict[str, Any]:  # noqa: ANN401  a normaliser or pre-tokenizer; its types tell nothing
    """A part of a tokenizer as it stands in `tokenizer.json`."""
    state: dict[str, Any] = {} if component is None else json.loads(component.__getstate__())
    return state


def _is_bert(tokenizer: Tokenizer, tokens: dict[str, Any]) -> bool:
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": tokens.get("tokenize_chinese_chars", True),
        "strip_accents": tokens.get("strip_accents"),
        "lowercase": tokens.get("do_lower_case", True),
    }
    model: Any = tokenizer.model
    return (
        type(model).__name__ == "WordPiece"
        and (model.continuing_subword_prefix, model.max_input_chars_per_word) == ("##", 100)
        and model.unk_token == (_content(tokens.get("unk_token")) or "[UNK]")
        and _state(tokenizer.normalizer) == normalizer
        and _state(tokenizer.pre_tokenizer) == {"type": "BertPreTokenizer"}
    )


def _is_xlm(tokenizer: Tokenizer, tokens: dict[str, Any]) -> bool:
    scheme = "always" if tokens.get("add_prefix_space", True) else "never"
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": True}
    return (
        type(tokenizer.model).__name__ == "Unigram"
        and tokenizer.token_to_id(_content(tokens.get("unk_token")) or "<unk>") == _XLM_UNKNOWN
        and _state(tokenizer.normalizer).get("type") in {None, "Precompiled"}
        and _state(tokenizer.pre_tokenizer) == {"type": "Sequence", "pretokenizers": [_SPLIT_AT_SPACES, metaspace]}
    )


def _is_roberta(tokenizer: Tokenizer, tokens: dict[str, Any]) -> bool:
    model: Any = tokenizer.model
    cut = {**_state(tokenizer.pre_tokenizer), "trim_offsets": True}
    space = bool(tokens.get("add_prefix_space", False))
    return (
        type(model).__name__ == "BPE"
        and not any((model.continuing_subword_prefix, model.end_of_word_suffix, model.dropout))
        and not any((model.fuse_unk, model.byte_fallback, model.ignore_merges))
        and tokenizer.normalizer is None
        and cut == {"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": True, "use_regex": True}
    )


_REBUILT: Final = {
    "BertTokenizer": _is_bert,
    "DistilBertTokenizer": _is_bert,
    "MPNetTokenizer": _is_bert,
    "RobertaTokenizer": _is_roberta,
    "XLMRobertaTokenizer": _is_xlm,
}


def _specials_after(tokenizer: Tokenizer, tokens: dict[str, Any], name: str) -> int:
    """Count the special tokens after a text.

    Raises:
        ValueError: If others stand around a text than the class would put there, or it is no text of the first kind.
    """
    encoding = tokenizer.encode("a")
    ids, mask = list(encoding.ids), "".join(map(str, encoding.special_tokens_mask))
    if any(encoding.type_ids) or "0" not in mask or "1" in mask.strip("1"):
        raise ValueError(mask)
    if name in _ENDS:
        ends = [tokenizer.token_to_id(_content(tokens.get(key)) or usual) for key, usual in _ENDS[name].items()]
        if mask.strip("0") != "1" + "0" * mask.count("0") + "1" or [ids[0], ids[-1]] != ends:
            raise ValueError(ids)
    return len(mask) - len(mask.rstrip("1"))


def _lowercase(tokenizer: Tokenizer) -> None:
    """Lower-case texts first, unless the tokenizer does so in a step of its own."""
    from tokenizers.normalizers import Lowercase, Sequence

    normalizer = tokenizer.normalizer
    state = _state(normalizer)
    if any(each.get("type") == "Lowercase" for each in (state, *state.get("normalizers", ()))):
        return
    tokenizer.normalizer = Sequence([Lowercase()] if normalizer is None else [Lowercase(), normalizer])
