"""Encoders of sentence-transformers; torch is imported when one is made, not before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.hub import Backend, find_model
from smsearch.encoders.prompts import Prompts, find_prompts
from smsearch.encoders.quiet import quiet_loading
from smsearch.encoders.table import unit_rows
from smsearch.errors import EncoderError, MissingExtraError
from smsearch.files import file_sha256

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BACKENDS: Final = {"torch": (), "onnx": ("onnx", "onnxruntime"), "openvino": ("openvino", "optimum")}
_PACKAGES: Final = {
    "torch": "sentence-transformers",
    "onnx": "smsearch[onnx]",
    "openvino": "sentence-transformers[openvino]",
}
_BATCH_SIZE: Final = 32
_DECIDING: Final = {".json", ".safetensors", ".txt", ".model", ".onnx", ".xml", ".bin"}
_MAX_TOKENS: Final = 10**9  # tokenizers without a limit say infinity or 10**30


@dataclass(frozen=True, slots=True)
class TransformerOptions:
    """How a transformer is loaded and run; None takes the model's own or the library's.

    Attributes:
        query_prompt: Put before each query.
        passage_prompt: Put before each passage.
        device: `cpu`, `cuda`, `mps`.
        batch_size: Texts encoded at once.
        backend: `torch`, `onnx` or `openvino`.
        truncate_dim: Dimensions kept.
        revision: Branch, tag or commit on the hub.
    """

    query_prompt: str | None = None
    passage_prompt: str | None = None
    device: str | None = None
    batch_size: int | None = None
    backend: Backend = "torch"
    truncate_dim: int | None = None
    revision: str | None = None


class TransformerEncoder:
    """A sentence-transformers model that puts the right prompt before each text."""

    def __init__(self, model: str, options: TransformerOptions | None = None) -> None:
        """Load the model.

        Args:
            model: A directory, or a name on the hub.
            options: How it is loaded and run.

        Raises:
            EncoderError: If the model is not there, cannot be loaded, would run code or has
                pickled weights, or an option makes no sense.
            MissingExtraError: If the backend is not installed.
        """
        self._options = options or TransformerOptions()
        _check_options(self._options)
        found = find_model(model, revision=self._options.revision, backend=self._options.backend)
        self._folder, self._commit = found.folder, found.commit
        self._name = model if found.named else str(found.folder)
        own = find_prompts(model, self._folder)
        query, passage = self._options.query_prompt, self._options.passage_prompt
        self._prompts = Prompts(
            query=own.query if query is None else query, passage=own.passage if passage is None else passage
        )
        self._model = _load(self._folder, self._name, self._options, self._prompts)
        self._dim = _dimension(self._model, self._name)

    @property
    def name(self) -> str:
        """The name on the hub, or the absolute directory."""
        return self._name

    @property
    def sentence_transformer(self) -> SentenceTransformer:
        """The model itself, for training and export."""
        return self._model

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of one text that count, prompt included; None for no limit."""
        limit = self._model.max_seq_length
        return int(limit) if limit is not None and limit < _MAX_TOKENS else None

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the weights, prompts, backend and dimension, 32 hexadecimal digits.

        A model of the hub is known by its name and commit; a directory by what its files hold,
        which reads them all once.

        Raises:
            OSError: If a file cannot be read.
        """
        identity = [self._name, self._commit] if self._commit else _digests(self._folder)
        options = [self._options.backend, self._options.truncate_dim]
        content = json.dumps([identity, self._prompts.query, self._prompts.passage, options])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """Prompts in use, backend, dimensions kept and the commit: all that decides the vectors."""
        return {
            "query_prompt": self._prompts.query,
            "passage_prompt": self._prompts.passage,
            "backend": self._options.backend,
            "truncate_dim": self._options.truncate_dim,
            "revision": self._commit or self._options.revision,
        }

    @property
    def language_means(self) -> None:
        """None: vectors are compared as they are."""

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text as a passage, prompt and special tokens included, none cut off; `(n,)`."""
        if not texts:
            return np.zeros(0, np.int64)
        prompted = [self._prompts.passage + text for text in texts]
        tokenizer = self._model.tokenizer
        if hasattr(tokenizer, "encode_batch_fast"):  # of a StaticEmbedding: adds no special tokens
            return np.array([len(e.ids) for e in tokenizer.encode_batch_fast(prompted, add_special_tokens=False)])
        encoded = tokenizer(prompted, truncation=False, return_attention_mask=False, verbose=False)
        return np.array([len(ids) for ids in encoded["input_ids"]], np.int64)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries; `(n, dim)` float32, unit rows (zero rows for texts without tokens)."""
        return self._encode(texts, self._prompts.query, "query")

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages; `(n, dim)` float32, unit rows (zero rows for texts without tokens).

        A passage of more than `max_tokens` tokens counts as far as they reach.
        """
        return self._encode(texts, self._prompts.passage, "document")

    def _encode(self, texts: Sequence[str], prompt: str, task: str) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self._dim), np.float32)
        encode = self._model.encode_query if task == "query" else self._model.encode_document
        size = self._options.batch_size or _BATCH_SIZE
        vectors = encode(list(texts), prompt=prompt, batch_size=size, show_progress_bar=False)
        return unit_rows(np.asarray(vectors, np.float32))


def _check_options(options: TransformerOptions) -> None:
    if options.backend not in _BACKENDS:
        raise EncoderError(f"there is no backend {options.backend!r}; take one of {', '.join(_BACKENDS)}")
    for option in ("batch_size", "truncate_dim"):
        value = getattr(options, option)
        if value is not None and value < 1:
            raise EncoderError(f"{option} must be at least 1, got {value}")
    if any(find_spec(module) is None for module in ("sentence_transformers", *_BACKENDS[options.backend])):
        package = _PACKAGES[options.backend]
        raise MissingExtraError(f"the backend {options.backend!r} is not installed; pip install '{package}'")
    if options.backend == "onnx" and options.device not in {None, "cpu"}:
        raise EncoderError(f"the backend 'onnx' runs on the processor, got device {options.device!r}; leave it out")


def _load(folder: Path, name: str, options: TransformerOptions, prompts: Prompts) -> SentenceTransformer:
    """Load from the disk alone; code and pickled weights that come with a model are refused."""
    openvino, onnx = options.backend == "openvino", options.backend == "onnx"
    with quiet_loading():
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(
                str(folder),
                device="cpu" if onnx else options.device,
                prompts={"query": prompts.query, "document": prompts.passage},
                backend="openvino" if openvino else "torch",
                truncate_dim=options.truncate_dim,
                model_kwargs=None if openvino else {"use_safetensors": True},
                local_files_only=True,
            )
            if onnx:
                from smsearch.encoders.onnx import run_under_onnx

                run_under_onnx(model, folder)
        except Exception as error:  # the libraries below raise errors of every kind
            reason = " ".join(str(error).split()) or type(error).__name__
            raise EncoderError(f"cannot load the model {name!r}: {reason}") from error
    return model


def _dimension(model: SentenceTransformer, name: str) -> int:
    dim = model.get_embedding_dimension()
    if dim is None:
        raise EncoderError(f"the model {name!r} does not say how long its vectors are")
    return int(dim)


def _digests(folder: Path) -> list[list[str]]:
    files = sorted(path for path in folder.rglob("*") if path.suffix in _DECIDING and path.is_file())
    return [[path.relative_to(folder).as_posix(), file_sha256(path)] for path in files]
