"""A sentence-transformers model by ONNX Runtime, tokenizers and numpy alone.

torch, transformers and sentence-transformers take seconds to import, for a question that is answered in
milliseconds. Where a folder holds nothing but what is known here, they are not needed; see `load_onnx`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.identity import BATCH_SIZE, ModelIdentity, TransformerOptions
from smsearch.encoders.modules import SentenceModules, read_modules
from smsearch.encoders.onnx_files import find_onnx_file, record_agreement
from smsearch.encoders.plain_tokenizer import PlainTokenizer, load_tokenizer
from smsearch.encoders.protocol import Encoder
from smsearch.encoders.session import INPUTS, make_session, states_output
from smsearch.encoders.table import unit_rows

PROBES: Final = (
    *("", " ", "Hello,  World! ", "hej\tdig\nverden", "naïve ÅNGSTRÖM ßtraße İstanbul", "don't re-think e-mails: 3.14"),
    *(
        "Привет, как дела?",
        "你好，世界",
        "こんにちは",
        "안녕하세요",
        "สวัสดีครับ",
        "مرحبا بالعالم",
        "नमस्ते दुनिया",
        "👩‍👩‍👧 💬",
    ),
    *("[CLS] <s> [MASK] </s>", "ﬁne ½ № ㍿ Ａ", "e\u0301 a\u200bb", "x" * 120),
)
LONG_PROBE: Final = "words and words, " * 300  # longer than most models read
_MOST_APART: Final = 2e-4  # squared distance of two unit vectors whose cosine is 0.9999


def load_onnx(model: str, options: TransformerOptions) -> Encoder:
    """Load a model for ONNX Runtime, without torch wherever that is possible.

    It is possible where the folder's modules and tokenizer are known here, and it has an ONNX file or one was exported
    before. The first time that a model is exported, vectors with and without sentence-transformers are compared.

    Raises:
        EncoderError: If the model is not there or cannot be loaded, or an option makes no sense.
        MissingExtraError: If ONNX Runtime is not installed.
    """
    from smsearch.encoders.transformer import TransformerEncoder

    options.check()
    if find_spec("onnxruntime") is None:
        options.require_backend()
    identity = ModelIdentity.of(model, options)
    file = find_onnx_file(identity.folder)
    if file is not None and file.agrees is not None:
        quick = OnnxEncoder.of(identity, file.path) if file.agrees else None
        return quick or TransformerEncoder(model, options)
    exact = TransformerEncoder(model, options)  # exports the network if need be
    file = find_onnx_file(identity.folder)
    quick = OnnxEncoder.of(identity, file.path) if file is not None else None
    if quick is None:
        return exact
    agrees = _agree(quick, exact)
    record_agreement(identity.folder, agrees=agrees)
    return quick if agrees else exact


class OnnxEncoder:
    """A transformer whose tokenizer, pooling and prompts are those of its folder, and whose network is an ONNX file."""

    def __init__(
        self,
        identity: ModelIdentity,
        modules: SentenceModules,
        tokenizer: PlainTokenizer,
        session: Any,  # noqa: ANN401  onnxruntime has no types
    ) -> None:
        """Take the parts; `of` finds them."""
        self._identity, self._modules, self._tokenizer, self._session = identity, modules, tokenizer, session
        self._inputs = [each.name for each in session.get_inputs()]
        self._output = states_output(session)

    @classmethod
    def of(cls, identity: ModelIdentity, file: Path) -> OnnxEncoder | None:
        """Load a model, or return None where its folder or its ONNX file holds something that is not known here.

        Raises:
            EncoderError: If the file cannot be run.
        """
        modules = read_modules(identity.folder)
        if modules is None:
            return None
        tokenizer = load_tokenizer(modules.folder, max_tokens=modules.max_tokens, lowercase=modules.lowercases)
        if tokenizer is None:
            return None
        session = make_session(file)
        known = {each.name for each in session.get_inputs()} <= INPUTS and states_output(session) is not None
        return cls(identity, modules, tokenizer, session) if known else None

    @property
    def name(self) -> str:
        """The name on the hub, or the absolute directory."""
        return self._identity.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        kept = self._identity.options.truncate_dim
        return self._modules.dim if kept is None else min(kept, self._modules.dim)

    @property
    def passage_tokens(self) -> int:
        """Length of a passage that suits the encoder: 160 tokens, a paragraph."""
        return 160

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of one text that count, prompt included; None for no limit."""
        return self._tokenizer.max_tokens

    @property
    def fingerprint(self) -> str:
        """Digest of the weights, prompts, backend and dimension, 32 hexadecimal digits.

        It is that of a `TransformerEncoder` with the same backend.

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
        prompt = self._identity.prompts.passage
        return np.array([len(ids) for ids in self._tokenizer.token_ids([prompt + text for text in texts])], np.int64)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries; `(n, dim)` float32, unit rows (zero rows for texts without tokens)."""
        return self._encode([self._identity.prompts.query + text for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages; `(n, dim)` float32, unit rows (zero rows for texts without tokens).

        A passage of more than `max_tokens` tokens counts as far as they reach.
        """
        return self._encode([self._identity.prompts.passage + text for text in texts])

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        rows = [self._tokenizer.truncated(ids) for ids in self._tokenizer.token_ids(texts)]
        for batch in _batches([len(row) for row in rows], self._identity.options.batch_size or BATCH_SIZE):
            vectors[batch] = self._pooled([rows[i] for i in batch])[:, : self.dim]
        return unit_rows(vectors)

    def _pooled(self, rows: Sequence[list[int]]) -> NDArray[np.float32]:
        ids, mask = self._tokenizer.batch(rows)
        features = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        given = {name: features[name] for name in self._inputs}
        states = self._session.run([self._output], given)[0]
        return self._modules.vectors(states.astype(np.float32, copy=False), mask)


def _batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Places of texts that are encoded together, longest first; texts without tokens are in none.

    Shorter texts are filled up to the longest of a batch, so only texts of at least three quarters of its length join.
    """
    batch: list[int] = []
    for i in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: -lengths[i]):
        if batch and (len(batch) == size or 4 * lengths[i] < 3 * lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _agree(quick: Encoder, exact: Encoder) -> bool:
    """Whether two encoders count the same tokens in texts of many scripts and give vectors with a cosine of 0.9999."""
    if (quick.dim, quick.max_tokens) != (exact.dim, exact.max_tokens):
        return False
    texts = [*PROBES, LONG_PROBE]
    if not np.array_equal(quick.count_tokens(texts), exact.count_tokens(texts)):
        return False
    apart = [quick.encode_queries(PROBES) - exact.encode_queries(PROBES)]
    apart.append(quick.encode_passages([LONG_PROBE]) - exact.encode_passages([LONG_PROBE]))
    return all(bool(np.all(np.square(each).sum(axis=1) <= _MOST_APART)) for each in apart)
