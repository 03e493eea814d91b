"""Models of sentence-transformers that read query and passage together, to order the best hits anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.hub import find_model
from smsearch.encoders.quiet import quiet_loading
from smsearch.errors import EncoderError
from smsearch.files import read_json_object

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_BATCH_SIZE: Final = 16
_MULTI_VECTOR: Final = ("MultiVectorEncoder", "ColBERT")


class Reranker(Protocol):
    """Gives passages new scores for a query."""

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """How well each text answers the query; `(len(texts),)` float32, higher is better."""


class CrossEncoderReranker:
    """A cross-encoder: one score for each pair of query and passage."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Reranker.score`."""
        if not texts:
            return np.empty(0, np.float32)
        pairs = [(query, text) for text in texts]
        scores = self._model.predict(pairs, batch_size=_BATCH_SIZE, show_progress_bar=False)
        return np.asarray(scores, dtype=np.float32)


class MultiVectorReranker:
    """A late-interaction model: one vector for each token in its context.

    As ColBERT (Khattab & Zaharia, SIGIR 2020): each query token counts with the cosine of its
    best match in the passage. The score is their mean, in `[-1, 1]`.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401  the class is new and has few types
        self._model = model

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Reranker.score`."""
        if not texts:
            return np.empty(0, np.float32)
        wanted = np.asarray(self._model.encode_query(query, show_progress_bar=False), np.float32)
        found = self._model.encode_document(list(texts), batch_size=_BATCH_SIZE, show_progress_bar=False)
        best = [float((wanted @ np.asarray(tokens, np.float32).T).max(axis=1).mean()) for tokens in found]
        return np.array(best, dtype=np.float32)


def load_reranker(model: str | os.PathLike[str]) -> Reranker:
    """Load a cross-encoder or a multi-vector encoder by name or from a directory.

    Raises:
        EncoderError: If there is no such model, it cannot be loaded, or it is neither of them.
    """
    name = os.fspath(model)
    folder = find_model(name, revision=None, backend="torch").folder
    kind = _kind(folder)
    if kind not in {"CrossEncoder", *_MULTI_VECTOR}:
        raise EncoderError(f"the model {name!r} is no reranker; name a cross-encoder or a multi-vector encoder")
    with quiet_loading():
        from sentence_transformers import CrossEncoder, MultiVectorEncoder

        keywords: dict[str, Any] = {"model_kwargs": {"use_safetensors": True}, "local_files_only": True}
        try:
            if kind == "CrossEncoder":
                return CrossEncoderReranker(CrossEncoder(str(folder), **keywords))
            return MultiVectorReranker(MultiVectorEncoder(str(folder), **keywords))
        except Exception as error:  # the libraries below raise errors of every kind
            reason = " ".join(str(error).split()) or type(error).__name__
            raise EncoderError(f"cannot load the model {name!r}: {reason}") from error


def _kind(folder: Path) -> str:
    """What the model says it is; a bare classifier of transformers is a cross-encoder."""
    own = read_json_object(folder / "config_sentence_transformers.json").get("model_type")
    if own:
        return str(own)
    architectures = read_json_object(folder / "config.json").get("architectures") or [""]
    return "CrossEncoder" if str(architectures[0]).endswith("ForSequenceClassification") else "SentenceTransformer"
