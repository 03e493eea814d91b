"""Text to vectors: the built-in static encoder, and any sentence-transformers model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.errors import EncoderError

if TYPE_CHECKING:
    from smsearch.encoders.hub import Backend

__all__ = ["BUILTIN", "Encoder", "TokenEncoder", "export_static", "load_encoder"]

BUILTIN: Final = "builtin"
_BUILTIN_FOLDER: Final = Path(__file__).parent.parent / "models" / "builtin"


def load_encoder(
    model: str | os.PathLike[str] = BUILTIN,
    *,
    query_prompt: str | None = None,
    passage_prompt: str | None = None,
    device: str | None = None,
    batch_size: int | None = None,
    backend: Backend = "torch",
    truncate_dim: int | None = None,
    revision: str | None = None,
) -> Encoder:
    """Load an encoder by name or from a directory.

    A directory is read from the disk and nothing else. A name is looked up among the models
    already downloaded, and fetched only when it is not there.

    Args:
        model: `builtin`, a directory (static, or of sentence-transformers), or a name on the hub.
        query_prompt: Put before each query; None takes the model's own.
        passage_prompt: Put before each passage; None takes the model's own.
        device: Where a transformer runs (`cpu`, `cuda`, `mps`); None takes the best there is.
        batch_size: Texts a transformer encodes at once; None takes 32.
        backend: What runs a transformer: `torch`, `onnx` (on the processor), or `openvino` (with optimum).
        truncate_dim: Keep only the first so many dimensions, for models trained for that.
        revision: Branch, tag or commit of a model on the hub.

    Returns:
        The encoder; the built-in and other static ones are `TokenEncoder`s too.

    Raises:
        EncoderError: If there is no such model, it cannot be loaded, or an option makes no sense
            for it.
        MissingExtraError: If the backend is not installed.
    """
    options: dict[str, Any] = {
        "query_prompt": query_prompt,
        "passage_prompt": passage_prompt,
        "device": device,
        "batch_size": batch_size,
        "backend": backend,
        "truncate_dim": truncate_dim,
        "revision": revision,
    }
    name = os.fspath(model)
    folder = _BUILTIN_FOLDER if name == BUILTIN else Path(name).expanduser()
    if name == BUILTIN or _is_static(folder):
        return _load_static(folder, name, options)
    return _load_transformer(str(folder.absolute()) if folder.is_dir() else name, options)


def export_static(encoder: Encoder, path: str | os.PathLike[str]) -> None:
    """Write a static encoder as a sentence-transformers folder that gives the same vectors.

    Raises:
        EncoderError: If the encoder is not a static one, or the folder exists and is not empty.
        OSError: If the folder cannot be written.
    """
    from smsearch.encoders.export import write_static_embedding
    from smsearch.encoders.static import StaticEncoder

    if not isinstance(encoder, StaticEncoder):
        raise EncoderError(f"only a static encoder can be exported, and {encoder.name!r} is a transformer")
    write_static_embedding(encoder, Path(path))


def _is_static(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    from smsearch.encoders.static import is_static_folder

    return is_static_folder(folder)


def _load_transformer(model: str, options: dict[str, Any]) -> Encoder:
    from smsearch.encoders.identity import TransformerOptions
    from smsearch.encoders.transformer import TransformerEncoder

    if options["backend"] == "onnx":
        from smsearch.encoders.onnx_encoder import load_onnx

        return load_onnx(model, TransformerOptions(**options))
    return TransformerEncoder(model, TransformerOptions(**options))


def _load_static(folder: Path, name: str, options: dict[str, Any]) -> Encoder:
    from smsearch.encoders.static import StaticEncoder

    unfit = [option for option, value in options.items() if value not in (None, "torch")]
    if unfit:
        raise EncoderError(f"the static encoder {name!r} takes no {unfit[0]}, got {options[unfit[0]]!r}; leave it out")
    return StaticEncoder(folder, name=BUILTIN if name == BUILTIN else None)
