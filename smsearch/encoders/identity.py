"""Identity of a sentence-transformers model: its folder, prompts and options, whatever runs its network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from smsearch.encoders.digests import file_digests
from smsearch.encoders.hub import Backend, FoundModel, find_model
from smsearch.encoders.prompts import Prompts, find_prompts
from smsearch.errors import EncoderError, MissingExtraError

MAX_TOKENS: Final = 10**9  # tokenizers without a limit say infinity or 10**30
BATCH_SIZE: Final = 32  # texts, where the user says nothing else

_BACKENDS: Final = {"torch": (), "onnx": ("onnx", "onnxruntime"), "openvino": ("openvino", "optimum")}
_PACKAGES: Final = {
    "torch": "sentence-transformers",
    "onnx": "smsearch[onnx]",
    "openvino": "sentence-transformers[openvino]",
}
_DECIDING: Final = {".json", ".safetensors", ".txt", ".model", ".onnx", ".xml", ".bin"}


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

    def check(self) -> None:
        """Check that the options make sense together.

        Raises:
            EncoderError: If one of them does not.
        """
        if self.backend not in _BACKENDS:
            raise EncoderError(f"there is no backend {self.backend!r}; take one of {', '.join(_BACKENDS)}")
        for option in ("batch_size", "truncate_dim"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise EncoderError(f"{option} must be at least 1, got {value}")
        if self.backend == "onnx" and self.device not in {None, "cpu"}:
            raise EncoderError(f"the backend 'onnx' runs on the processor, got device {self.device!r}; leave it out")

    def require_backend(self) -> None:
        """Check that the libraries of the backend are installed, sentence-transformers among them.

        Raises:
            MissingExtraError: If one of them is not.
        """
        if any(find_spec(module) is None for module in ("sentence_transformers", *_BACKENDS[self.backend])):
            package = _PACKAGES[self.backend]
            raise MissingExtraError(f"the backend {self.backend!r} is not installed; pip install '{package}'")


@dataclass(frozen=True)
class ModelIdentity:
    """Name, folder and prompts of a model, and all that is derived from them.

    Attributes:
        name: The name on the hub, or the absolute directory.
        found: Where the model is.
        prompts: In use: the user's, else the model's own.
        options: As given.
    """

    name: str
    found: FoundModel
    prompts: Prompts
    options: TransformerOptions

    @classmethod
    def of(cls, model: str, options: TransformerOptions) -> ModelIdentity:
        """Find a model by a directory or a name on the hub.

        Raises:
            EncoderError: If there is no such model, it has pickled weights only, or an option makes no sense.
        """
        options.check()
        found = find_model(model, revision=options.revision, backend=options.backend)
        own = find_prompts(model, found.folder)
        query, passage = options.query_prompt, options.passage_prompt
        prompts = Prompts(
            query=own.query if query is None else query, passage=own.passage if passage is None else passage
        )
        return cls(model if found.named else str(found.folder), found, prompts, options)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.found.folder

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the weights, prompts, backend and dimension, 32 hexadecimal digits.

        A model of the hub is known by its name and commit; a directory by the content of its files.

        Raises:
            OSError: If a file cannot be read.
        """
        identity = [self.name, self.found.commit] if self.found.commit else self._digests()
        options = [self.options.backend, self.options.truncate_dim]
        content = json.dumps([identity, self.prompts.query, self.prompts.passage, options])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """Prompts in use, backend, dimensions kept and the commit: all that decides the vectors."""
        return {
            "query_prompt": self.prompts.query,
            "passage_prompt": self.prompts.passage,
            "backend": self.options.backend,
            "truncate_dim": self.options.truncate_dim,
            "revision": self.found.commit or self.options.revision,
        }

    def _digests(self) -> list[list[str]]:
        files = sorted(path for path in self.folder.rglob("*") if path.suffix in _DECIDING and path.is_file())
        return [[name, sha256] for name, sha256 in file_digests(self.folder, files)]
