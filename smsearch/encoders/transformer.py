"""Encoders of sentence-transformers; torch is imported when one is made, not before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.identity import BATCH_SIZE, MAX_TOKENS, ModelIdentity, TransformerOptions
from smsearch.encoders.quiet import quiet_loading
from smsearch.encoders.table import unit_rows
from smsearch.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


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
        self._options.check()
        self._options.require_backend()
        self._identity = ModelIdentity.of(model, self._options)
        self._prompts = self._identity.prompts
        self._model = _load(self._identity)
        self._dim = _dimension(self._model, self.name)

    @property
    def name(self) -> str:
        """The name on the hub, or the absolute directory."""
        return self._identity.name

    @property
    def sentence_transformer(self) -> SentenceTransformer:
        """The model itself, for training and export."""
        return self._model

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def passage_tokens(self) -> int:
        """Length of a passage that suits the encoder: 160 tokens, a paragraph."""
        return 160

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of one text that count, prompt included; None for no limit."""
        limit = self._model.max_seq_length
        return int(limit) if limit is not None and limit < MAX_TOKENS else None

    @property
    def fingerprint(self) -> str:
        """Digest of the weights, prompts, backend and dimension, 32 hexadecimal digits.

        Raises:
            OSError: If a file cannot be read.
        """
        return self._identity.fingerprint

    @property
    def settings(self) -> dict[str, Any]:
        """Prompts in use, backend, dimensions kept and the commit: all that decides the vectors."""
        return self._identity.settings

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
        size = self._options.batch_size or BATCH_SIZE
        vectors = encode(list(texts), prompt=prompt, batch_size=size, show_progress_bar=False)
        return unit_rows(np.asarray(vectors, np.float32))


def _load(identity: ModelIdentity) -> SentenceTransformer:
    """Load from the disk alone; code and pickled weights that come with a model are refused."""
    folder, options, prompts = identity.folder, identity.options, identity.prompts
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
            raise EncoderError(f"cannot load the model {identity.name!r}: {reason}") from error
    return model


def _dimension(model: SentenceTransformer, name: str) -> int:
    dim = model.get_embedding_dimension()
    if dim is None:
        raise EncoderError(f"the model {name!r} does not say how long its vectors are")
    return int(dim)
