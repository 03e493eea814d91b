"""The teacher's vectors of the English lines: cached by text, made once, taken up again where work was cut off."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders import load_encoder
from smsearch.encoders.onnx import export_onnx
from smsearch.encoders.session import onnx_runtime
from smsearch.errors import EncoderError, InputError, MissingExtraError
from smsearch.files import read_json_object, write_atomically
from smsearch.training.corpus import ENGLISH, read_lines

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BACKENDS: Final = ("torch", "int8")
_NOTE: Final = "teacher.json"
_SHARD: Final = 8192  # texts in a file: some seconds to a minute of work
_TOKENS_AT_ONCE: Final = 256  # more leave the processor's cache


@dataclass(frozen=True, slots=True)
class TeacherPlan:
    """Who teaches.

    Attributes:
        model: What `load_encoder` takes: a sentence-transformers model by its name on the hub or its
            directory, or a static one.
        backend: `torch`, or `int8`: weights rounded to 8 bits for each output channel, run by ONNX Runtime; some three
            times as fast on a processor, at a cosine of 0.99 to the exact vectors.
        max_tokens: Longer lines are cut there.
    """

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    backend: str = "torch"
    max_tokens: int = 64


def encode_english(
    corpus: Path, out: Path, plan: TeacherPlan, *, advance: Callable[[int], object] = lambda _n: None
) -> int:
    """Encode every English line that has no vector yet.

    Args:
        corpus: What `build_corpus` wrote.
        out: Folder of the cache, made if missing.
        plan: The teacher.
        advance: Called with the number of lines done since the last call.

    Returns:
        How many lines were encoded now.

    Raises:
        InputError: If the cache is another teacher's, or there is no such backend.
        EncoderError: If the model cannot be loaded.
        MissingExtraError: If the backend is not installed.
    """
    if plan.backend not in BACKENDS:
        raise InputError(f"there is no teacher backend {plan.backend!r}; choose from {', '.join(BACKENDS)}")
    out.mkdir(parents=True, exist_ok=True)
    known = read_json_object(out / _NOTE)
    if known and known != asdict(plan):
        raise InputError(
            f"{str(out)!r} holds the vectors of another teacher ({known}); name another folder or delete it"
        )
    write_atomically(out / _NOTE, json.dumps(asdict(plan)).encode())
    done = set(_keys(out).tolist())
    todo = [line for line in dict.fromkeys(read_lines(corpus / ENGLISH)) if text_number(line) not in done]
    advance(len(done))
    if todo:
        first = len(list(out.glob("*.keys.npy")))
        with _encoder(plan) as encode:
            for i, start in enumerate(range(0, len(todo), _SHARD)):
                shard = todo[start : start + _SHARD]
                _save(out, first + i, shard, encode(shard))
                advance(len(shard))
    return len(todo)


def teacher_vectors(corpus: Path, cache: Path, dim: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """The vectors of the English lines in their order, in as many dimensions as the student has.

    Returns:
        `(n_english, dim)` float16, unit rows, and the projection `(teacher_dim, dim)` float32: the directions that hold
        most of the energy (principal components, not centred).

    Raises:
        InputError: If a line has no vector, or the teacher has fewer dimensions than asked for.
    """
    keys = _keys(cache)
    vectors = np.concatenate([np.load(path) for path in sorted(cache.glob("*.vectors.npy"))])
    if dim > vectors.shape[1]:
        raise InputError(
            f"the student has {dim} dimensions, and its teacher {vectors.shape[1]}; take no more than those"
        )
    order = np.argsort(keys, kind="stable")
    wanted = np.fromiter(map(text_number, read_lines(corpus / ENGLISH)), np.uint64)
    places = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    if missing := int((keys[order][places] != wanted).sum()):
        raise InputError(f"{missing} English lines have no teacher vector; run the teacher stage first")
    rows = vectors[order][places]
    projection = _principal_directions(rows, dim)
    projected = np.empty((len(rows), dim), np.float16)
    for start in range(0, len(rows), _SHARD):
        block = rows[start : start + _SHARD].astype(np.float32) @ projection
        projected[start : start + _SHARD] = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-6)
    return projected, projection


def text_number(text: str) -> int:
    """What a text's vector is cached under: 8 bytes of BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _keys(cache: Path) -> NDArray[np.uint64]:
    found = [np.load(path) for path in sorted(cache.glob("*.keys.npy"))]
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def _save(out: Path, number: int, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Write a shard, the keys last: what has keys is whole."""
    np.save(out / f"{number:05}.vectors.npy", vectors.astype(np.float16))
    np.save(out / ".keys.npy", np.fromiter(map(text_number, texts), np.uint64))
    (out / ".keys.npy").replace(out / f"{number:05}.keys.npy")


def _principal_directions(rows: NDArray[np.float16], dim: int) -> NDArray[np.float32]:
    products = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), _SHARD):
        block = rows[start : start + _SHARD].astype(np.float32)
        products += block.T @ block
    _, directions = np.linalg.eigh(products)
    principal: NDArray[np.float32] = directions[:, ::-1][:, :dim].astype(np.float32)
    return principal


@contextmanager
def _encoder(plan: TeacherPlan) -> Iterator[Callable[[Sequence[str]], NDArray[np.float32]]]:
    """A function from texts to unit vectors."""
    encoder = load_encoder(plan.model)
    model = getattr(encoder, "sentence_transformer", None)
    if model is not None:
        model.max_seq_length = min(plan.max_tokens, model.max_seq_length or plan.max_tokens)
    if plan.backend == "torch":
        yield encoder.encode_passages
    elif model is None:
        raise EncoderError(f"{plan.model!r} is no transformer; use the teacher backend 'torch' for it")
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield _rounded(model, Path(folder))


def _rounded(model: SentenceTransformer, folder: Path) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """The model with 8-bit weights under ONNX Runtime."""
    runner = _onnx_runner(model, folder)
    names = [each.name for each in runner.get_inputs()]

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        features = model.tokenizer(list(texts), truncation=True, max_length=model.max_seq_length)
        lengths = np.array([len(ids) for ids in features["input_ids"]])
        order = np.argsort(lengths, kind="stable")
        rows: list[NDArray[np.float32]] = []
        start = 0
        while start < len(order):
            width = lengths[order[min(start + 7, len(order) - 1)]]
            chosen = order[start : start + max(8, _TOKENS_AT_ONCE // max(width, 1))]
            rows.append(runner.run(None, _padded(features, names, chosen, int(lengths[chosen].max())))[0])
            start += len(chosen)
        vectors = np.concatenate(rows)[np.argsort(order, kind="stable")]
        unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        return unit

    return encode


def _padded(features: Any, names: Sequence[str], chosen: NDArray[np.int64], width: int) -> dict[str, NDArray[np.int64]]:  # noqa: ANN401  transformers has no types
    padded = {name: np.zeros((len(chosen), width), np.int64) for name in names}
    for name, rows in padded.items():
        for row, i in zip(rows, chosen, strict=True):
            row[: len(features[name][i])] = features[name][i]
    return padded


def _onnx_runner(model: SentenceTransformer, folder: Path) -> Any:  # noqa: ANN401  onnxruntime has no types
    import torch

    try:
        runtime = onnx_runtime()
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise MissingExtraError(
            f"the teacher backend 'int8' needs {error.name}; pip install 'smsearch[train]'"
        ) from None
    exact, rounded = folder / "exact.onnx", folder / "rounded.onnx"
    names = [name for name in model.tokenizer.model_input_names if name != "token_type_ids"]
    if set(names) != {"input_ids", "attention_mask"}:
        raise EncoderError(f"the teacher wants {', '.join(names)}; use the backend 'torch' for it")

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = self.model(dict(zip(names, tensors, strict=True)))["sentence_embedding"]
            return output

    export_onnx(Whole(), exact, inputs=names, output="vectors")
    quantize_dynamic(str(exact), str(rounded), per_channel=True, weight_type=QuantType.QInt8)
    return runtime.InferenceSession(str(rounded), providers=["CPUExecutionProvider"])
