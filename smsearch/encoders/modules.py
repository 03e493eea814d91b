"""Modules of a sentence-transformers folder, read without sentence-transformers: pooling, dense layers, norms.

A folder with anything else in it, or with a setting that is not known here, is not read: `read_modules` returns None,
and sentence-transformers itself must run the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.table import unit_rows
from smsearch.files import read_json_object

Rows: TypeAlias = NDArray[np.float32]

HIDDEN_STATES: Final = "last_hidden_state"

_PACKAGE: Final = "sentence_transformers."
_ENTRY: Final = {"idx", "name", "path", "type"}
_SETTINGS: Final = (  # files in which sentence-transformers looks for the settings of a transformer
    *("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json"),
    *("sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json"),
    "sentence_xlnet_config.json",
)
_USUAL: Final[dict[str, tuple[Any, ...]]] = {  # settings of a transformer that change nothing
    "transformer_task": ("feature-extraction",),
    "module_output_name": ("token_embeddings",),
    "modality_config": ({"text": {"method": "forward", "method_output_name": HIDDEN_STATES}},),
    **dict.fromkeys(("model_args", "tokenizer_args", "config_args"), ({},)),
    **dict.fromkeys(("model_kwargs", "processor_kwargs", "config_kwargs", "processing_kwargs"), ({},)),
}
_OLD_MODES: Final = {  # in the order in which several are joined
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS: Final[dict[str, Callable[[Rows], Rows]]] = {
    "torch.nn.modules.activation.Tanh": np.tanh,
    "torch.nn.modules.linear.Identity": lambda rows: rows,
    "torch.nn.modules.activation.ReLU": lambda rows: np.maximum(rows, 0),
}


@dataclass(frozen=True, slots=True)
class SentenceModules:
    """All that a model does to a text besides cutting it into tokens and running the network.

    Attributes:
        folder: Of the transformer: its configuration and tokenizer.
        max_tokens: Most tokens that the folder allows; None where it leaves it to the tokenizer.
        lowercases: Whether texts are lower-cased before anything else.
        modes: How the rows of tokens are pooled; vectors of several modes are joined.
        steps: What is done to the pooled vectors, in this order.
        dim: Length of a vector.
    """

    folder: Path
    max_tokens: int | None
    lowercases: bool
    modes: tuple[str, ...]
    steps: tuple[Callable[[Rows], Rows], ...]
    dim: int

    def vectors(self, states: Rows, mask: NDArray[np.int64]) -> Rows:
        """Return a vector for each text from the rows of its tokens.

        Args:
            states: What the network gives, `(n, tokens, width)`.
            mask: 1 where there is a token and 0 where there is none, `(n, tokens)`; tokens come first, at least one.

        Returns:
            `(n, dim)` float32, of any length.
        """
        rows = np.concatenate([_POOLED[mode](states, mask) for mode in self.modes], axis=1)
        for step in self.steps:
            rows = step(rows)
        return rows


def read_modules(folder: Path) -> SentenceModules | None:
    """Return the modules of a sentence-transformers folder, or None where one of them is not known here."""
    try:
        entries = json.loads((folder / "modules.json").read_bytes())
        kinds = [(_kind(entry), folder / entry["path"]) for entry in entries]
        if [kind for kind, _ in kinds[:2]] != ["Transformer", "Pooling"]:
            return None
        settings = _transformer_settings(kinds[0][1])
        modes, dim = _pooling(read_json_object(kinds[1][1] / "config.json"))
        steps = []
        for kind, place in kinds[2:]:
            step, dim = _STEPS[kind](place, dim)
            steps.append(step)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    limit = settings.get("max_seq_length")
    if limit is not None and not isinstance(limit, int):
        return None
    return SentenceModules(kinds[0][1], limit, bool(settings.get("do_lower_case")), modes, tuple(steps), dim)


def _kind(entry: Mapping[str, Any]) -> str:
    """The class of a module, without its place in the library, which has changed with its versions."""
    if not entry["type"].startswith(_PACKAGE) or set(entry) - _ENTRY or ".." in Path(entry["path"]).parts:
        raise ValueError(entry)
    return str(entry["type"].rpartition(".")[2])


def _transformer_settings(folder: Path) -> dict[str, Any]:
    settings = next((found for name in _SETTINGS if (found := read_json_object(folder / name))), {})
    for name, value in settings.items():
        if name not in {"max_seq_length", "do_lower_case"} and value not in _USUAL[name]:
            raise ValueError(name)
    return settings


def _pooling(config: dict[str, Any]) -> tuple[tuple[str, ...], int]:
    """How tokens are pooled, and how long the vector is."""
    modes = config.get("pooling_mode") or [mode for key, mode in _OLD_MODES.items() if config.get(key)] or "mean"
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    width = config.get("embedding_dimension", config.get("word_embedding_dimension"))
    if not config.get("include_prompt", True) or not set(modes) <= _POOLED.keys() or not isinstance(width, int):
        raise ValueError(config)
    return modes, len(modes) * width


def _normalize(folder: Path, dim: int) -> tuple[Callable[[Rows], Rows], int]:
    config = read_json_object(folder / "config.json")
    _require(config, module_input_name="sentence_embedding", module_output_name="sentence_embedding")
    return unit_rows, dim


def _dense(folder: Path, dim: int) -> tuple[Callable[[Rows], Rows], int]:
    from safetensors.numpy import load_file

    config = read_json_object(folder / "config.json")
    _require(config, module_input_name="sentence_embedding", module_output_name="sentence_embedding")
    weights = {name: rows.astype(np.float32) for name, rows in load_file(folder / "model.safetensors").items()}
    matrix = weights.pop("linear.weight").T
    bias = weights.pop("linear.bias") if config.get("bias", True) else np.float32(0)
    activation = _ACTIVATIONS[config.get("activation_function", "torch.nn.modules.activation.Tanh")]
    if weights or config.get("use_residual") or matrix.shape != (dim, config["out_features"]):
        raise ValueError(config)
    return lambda rows: activation(rows @ matrix + bias), matrix.shape[1]


def _require(config: dict[str, Any], **usual: str) -> None:
    """Check that settings which are there have their usual values."""
    for name, value in usual.items():
        if config.get(name) not in {None, value}:
            raise ValueError(name)


_STEPS: Final = {"Normalize": _normalize, "Dense": _dense}


def _first(states: Rows, _mask: NDArray[np.int64]) -> Rows:
    return states[:, 0]


def _last(states: Rows, mask: NDArray[np.int64]) -> Rows:
    rows: Rows = states[np.arange(len(states)), mask.sum(axis=1) - 1]
    return rows


def _highest(states: Rows, mask: NDArray[np.int64]) -> Rows:
    rows: Rows = np.where(mask[:, :, None] > 0, states, np.float32(-np.inf)).max(axis=1)
    return rows


def _sum(states: Rows, mask: NDArray[np.int64]) -> Rows:
    rows: Rows = (mask[:, None, :].astype(np.float32) @ states)[:, 0]
    return rows


def _count(mask: NDArray[np.int64]) -> Rows:
    count: Rows = mask.sum(axis=1, keepdims=True).astype(np.float32)  # at least 1
    return count


def _mean(states: Rows, mask: NDArray[np.int64]) -> Rows:
    rows: Rows = _sum(states, mask) / _count(mask)
    return rows


def _mean_by_root(states: Rows, mask: NDArray[np.int64]) -> Rows:
    root: Rows = np.sqrt(_count(mask))
    rows: Rows = _sum(states, mask) / root
    return rows


_POOLED: Final[dict[str, Callable[[Rows, NDArray[np.int64]], Rows]]] = {
    "cls": _first,
    "max": _highest,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_by_root,
    "lasttoken": _last,
}
