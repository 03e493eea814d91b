"""ONNX files of models: the one in a model's folder, or one exported once and kept in the user's cache folder.

A kept file has its digest in its name and in a record beside it, which is written last: a file that is missing, cut
short, damaged or of other weights is not found, and exported again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from smsearch.encoders.digests import file_digests
from smsearch.encoders.vocabulary import cache_folder
from smsearch.files import file_sha256, read_json_object, write_atomically, written_atomically

_OWN: Final = ("onnx/model.onnx", "model.onnx")  # where models of the hub keep it
_WEIGHTS: Final = {".safetensors", ".bin"}
_CONFIGURATIONS: Final = {"config.json", "tokenizer_config.json"}  # of the network, and of the inputs it is given
_FORMAT: Final = 1  # raise it when models are exported in another way
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The network of a model as an ONNX file.

    Attributes:
        path: Of the file.
        agrees: Whether the model runs without sentence-transformers and gives the same vectors; None where nobody has
            compared yet. A model's own file is not compared: that must not need torch.
    """

    path: Path
    agrees: bool | None


def find_onnx_file(folder: Path) -> OnnxFile | None:
    """Return the ONNX file of a model: its own, else the one exported of the very same weights, else None.

    Raises:
        OSError: If a file of the model cannot be read.
    """
    own = next((folder / name for name in _OWN if (folder / name).is_file()), None)
    if own is not None:
        return OnnxFile(own, agrees=True)
    record = _record_of(folder)
    kept = read_json_object(record) if record else {}
    if record is None or not isinstance(kept.get("name"), str) or Path(kept["name"]).name != kept["name"]:
        return None
    path = record.with_name(kept["name"])
    try:
        is_sound = file_digests(path.parent, [path])[0][1] == kept.get("sha256")
    except OSError:
        return None
    return OnnxFile(path, kept.get("agrees")) if is_sound else None


@contextmanager
def exported_once(folder: Path, export: Callable[[Path], None]) -> Iterator[Path]:
    """Export the network of a model, and keep the file where that is possible.

    Args:
        folder: Of the model.
        export: Writes the network to the path it is given.

    Yields:
        The file; where the cache folder cannot be written, or the network is so large that it is several files, it goes
        with the context.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        exported = Path(place) / "model.onnx"
        export(exported)
        record = _record_of(folder)
        kept = None
        if record is not None and [path.name for path in exported.parent.iterdir()] == [exported.name]:
            with suppress(OSError):
                kept = _kept(exported, record)
        yield kept or exported


def record_agreement(folder: Path, *, agrees: bool) -> None:
    """Record whether a model that was exported gives the same vectors without sentence-transformers."""
    record = _record_of(folder)
    if record is not None and (kept := read_json_object(record)):
        with suppress(OSError):  # it is compared again next time
            _write_record(record, {**kept, "agrees": agrees})


def _record_of(folder: Path) -> Path | None:
    """Where the record of a model's exported file is; its name covers the weights and configurations."""
    deciding = (path for path in folder.rglob("*") if path.suffix in _WEIGHTS or path.name in _CONFIGURATIONS)
    files = sorted(path for path in deciding if path.is_file())
    digests = file_digests(folder, files)
    content = [[name, path.stat().st_size, sha256] for path, (name, sha256) in zip(files, digests, strict=True)]
    key = hashlib.blake2b(json.dumps([_FORMAT, content]).encode(), digest_size=16).hexdigest()
    try:
        return cache_folder() / "onnx" / f"{key}.json"
    except RuntimeError:  # no home directory
        return None


def _kept(exported: Path, record: Path) -> Path:
    """Copy an exported file to the folder of its record, and record it; earlier ones of the same model are deleted."""
    sha256 = file_sha256(exported)
    path = record.with_name(f"{record.stem}-{sha256[:16]}.onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    with exported.open("rb") as source, written_atomically(path) as copy:
        while piece := source.read(_BLOCK):
            copy.write(piece)
    _write_record(record, {"name": path.name, "sha256": sha256, "agrees": None})
    for pattern in (f"{record.stem}-*.onnx", f".{record.stem}-*"):  # the latter of processes that were killed
        for old in record.parent.glob(pattern):
            if old != path:
                old.unlink(missing_ok=True)
    return path


def _write_record(record: Path, content: dict[str, Any]) -> None:
    write_atomically(record, json.dumps(content).encode())
