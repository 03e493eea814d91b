"""Text to vectors: the two built-in encoders, and any sentence-transformers model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.errors import EncoderError

if TYPE_CHECKING:
    from smsearch.encoders.hub import Backend

__all__ = [
    "E5_SMALL",
    "MODEL_VARIABLE",
    "STATIC",
    "Encoder",
    "TokenEncoder",
    "canonical_name",
    "default_model",
    "explain_choice",
    "export_static",
    "load_encoder",
    "token_encoder_for",
]

STATIC: Final = "static"
E5_SMALL: Final = "e5-small"
MODEL_VARIABLE: Final = "SMSEARCH_MODEL"
_BUILTIN_FOLDER: Final = Path(__file__).parent.parent / "models" / "builtin"
_ALIASES: Final = {"builtin": STATIC}
_E5_ON_THE_HUB: Final = "intfloat/multilingual-e5-small"


def canonical_name(model: str | os.PathLike[str]) -> str:
    """The name of a model as an index records it, short names written out."""
    name = os.fspath(model)
    return _ALIASES.get(name, name)


def default_model() -> str:
    """The model of a new index: `$SMSEARCH_MODEL`, else `e5-small` where its extra is installed, else `static`."""
    from smsearch.encoders.e5.encoder import has_e5

    return os.environ.get(MODEL_VARIABLE) or (E5_SMALL if has_e5() else STATIC)


def explain_choice(model: str | os.PathLike[str] | None) -> str:
    """Why a new index has its encoder, in a few words: it was named, or it is the default and why."""
    if model is not None:
        return "named when the index was made"
    if os.environ.get(MODEL_VARIABLE):
        return f"named by {MODEL_VARIABLE}"
    has_extra = default_model() == E5_SMALL
    return f"the default, for the extra e5 is {'' if has_extra else 'not '}installed"


def load_encoder(
    model: str | os.PathLike[str] | None = None,
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
        model: `static`, `e5-small`, a directory (static, or of sentence-transformers), or a name on the hub; None
            takes `default_model()`.
        query_prompt: Put before each query; None takes the model's own.
        passage_prompt: Put before each passage; None takes the model's own.
        device: Where a transformer runs (`cpu`, `cuda`, `mps`); None takes the best there is.
        batch_size: Texts a transformer encodes at once; None takes 32.
        backend: What runs a transformer: `torch`, `onnx` (on the processor), or `openvino` (with optimum).
        truncate_dim: Keep only the first so many dimensions, for models trained for that.
        revision: Branch, tag or commit of a model on the hub.

    Returns:
        The encoder; static ones are `TokenEncoder`s too.

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
    name = canonical_name(model or default_model())
    folder = _BUILTIN_FOLDER if name == STATIC else Path(name).expanduser()
    if name == STATIC or _is_static(folder):
        return _load_static(folder, name, options)
    if name == E5_SMALL or (name == _E5_ON_THE_HUB and not _is_at_hand(name, options)):
        return _load_e5(options)
    return _load_transformer(str(folder.absolute()) if folder.is_dir() else name, options)


def token_encoder_for(encoder: Encoder | None = None) -> TokenEncoder:
    """The encoder whose token vectors serve late interaction beside an encoder: itself, or the static table.

    Raises:
        EncoderError: If the static table is damaged.
    """
    if isinstance(encoder, TokenEncoder):
        return encoder
    static = load_encoder(STATIC)
    if not isinstance(static, TokenEncoder):
        raise TypeError("the static table has token vectors")
    return static


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


def _is_at_hand(name: str, options: dict[str, Any]) -> bool:
    """Whether a model of the hub is in the cache, or an option or the lack of the extra asks for it."""
    from smsearch.encoders.e5.encoder import has_e5

    if not has_e5() or _given(options):
        return True
    from smsearch.encoders.hub import is_cached

    return is_cached(name)


def _given(options: dict[str, Any]) -> list[str]:
    """Options that a built-in encoder does not take."""
    return [option for option, value in options.items() if value not in (None, "torch")]


def _load_e5(options: dict[str, Any]) -> Encoder:
    from smsearch.encoders.e5.encoder import E5Encoder

    for option in _given(options):
        raise EncoderError(f"the encoder {E5_SMALL!r} takes no {option}, got {options[option]!r}; leave it out")
    return E5Encoder()


def _load_static(folder: Path, name: str, options: dict[str, Any]) -> Encoder:
    from smsearch.encoders.static import StaticEncoder

    for option in _given(options):
        raise EncoderError(f"the static encoder {name!r} takes no {option}, got {options[option]!r}; leave it out")
    return StaticEncoder(folder, name=STATIC if name == STATIC else None)
