"""Where a model's files are: a directory, the hub's cache, or, when neither has it, the hub."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from smsearch.errors import EncoderError

Backend = Literal["torch", "onnx", "openvino"]

_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_DEFAULT_OWNER: Final = "sentence-transformers"
_PATIENCE: Final = 10.0  # seconds to wait for the hub's first answer
_UNUSED: Final = ["*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.tflite", "*.mlmodel"]
_FOLDERS: Final = {"onnx": "onnx/*", "openvino": "openvino/*"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundModel:
    """Where a model is.

    Attributes:
        folder: Absolute.
        named: Whether the user gave a name on the hub, not a directory.
        commit: Of a named model, where the cache says which it is.
    """

    folder: Path
    named: bool
    commit: str | None = None


def find_model(model: str, *, revision: str | None, backend: Backend) -> FoundModel:
    """The folder of a model; it is downloaded only if it is neither a directory nor in the cache.

    Raises:
        EncoderError: If there is no such model, or it is not on this machine and cannot be
            fetched, or it has no weights that can be loaded safely.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise EncoderError(f"a directory has no revisions, got revision {revision!r} for {model!r}")
        found = FoundModel(folder.absolute(), named=False)
    elif not _NAME.fullmatch(model):
        raise EncoderError(
            f"there is no directory {model!r}; name a model folder, `static`, `e5-small` or a model of the hub"
        )
    else:
        name = model if "/" in model else f"{_DEFAULT_OWNER}/{model}"
        found = _find_cached(name, revision, backend) or _download(name, revision, backend)
    if not _is_model(found.folder):
        raise EncoderError(f"{str(found.folder)!r} is no model: it has neither modules.json nor config.json")
    _refuse_pickles(found.folder, model, backend)
    return found


def is_cached(name: str) -> bool:
    """Whether a model of the hub is in the cache of this user, whole."""
    return _find_cached(name, None, "torch") is not None


def _find_cached(name: str, revision: str | None, backend: Backend) -> FoundModel | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    suffixes = {".safetensors", ".xml"} if backend == "openvino" else {".safetensors"}
    weights = any(path.suffix in suffixes for path in folder.rglob("*"))
    complete = _is_model(folder) and weights  # a broken download leaves a part
    return FoundModel(folder, named=True, commit=_commit(folder)) if complete else None


def _download(name: str, revision: str | None, backend: Backend) -> FoundModel:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().model_info(name, revision=revision, timeout=_PATIENCE)  # fails at once, without retries
        _log.info("fetching the model %s", name)
        folder = Path(snapshot_download(name, revision=revision, ignore_patterns=_unused_files(backend)))
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise EncoderError(f"the hub has no model {name!r} that may be fetched (it answered {status})") from None
    except Exception as error:  # noqa: BLE001  offline has as many errors as there are libraries
        _log.debug("cannot fetch %s: %r", name, error)
        raise EncoderError(
            f"the model {name!r} is not on this machine and could not be fetched; with a network run "
            f"`hf download {name}`, or copy its folder here and name the folder"
        ) from None
    return FoundModel(folder, named=True, commit=_commit(folder))


def _unused_files(backend: Backend) -> list[str]:
    folders = [pattern for name, pattern in _FOLDERS.items() if name != backend]
    return [*_UNUSED, *folders, "pytorch_model*.bin" if backend == "openvino" else "*.bin"]


def _commit(folder: Path) -> str | None:
    return folder.name if _COMMIT.fullmatch(folder.name) else None


def _is_model(folder: Path) -> bool:
    return (folder / "modules.json").is_file() or (folder / "config.json").is_file()


def _refuse_pickles(folder: Path, model: str, backend: Backend) -> None:
    """Pickled weights run code when they are loaded: refuse them wherever there are no others."""
    for pickled in folder.rglob("pytorch_model*.bin"):
        if backend != "openvino" and not any(pickled.parent.glob("*.safetensors")):
            raise EncoderError(
                f"the model {model!r} has pickled weights only ({pickled.name}), which can run code; "
                "convert them to safetensors or take another model"
            )
