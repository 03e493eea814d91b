"""ONNX files of models: the one in a model's folder, or one exported once and kept in the user's cache folder.

A kept model is two files, the graph and the weights, for ONNX Runtime maps weights that are a file of their own and is
ready in half the time. Their digests are in a record, which is written last: files that are missing, cut short,
damaged or made of other weights are not found, and exported again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from smsearch.encoders.digests import file_digests
from smsearch.encoders.vocabulary import cache_folder
from smsearch.files import read_json_object, write_atomically, written_atomically

_OWN: Final = ("onnx/model.onnx", "model.onnx")  # where models of the hub keep it
_DECIDING: Final = {".safetensors", ".bin", ".json"}  # weights and configurations
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
    digests = kept.get("sha256")
    if record is None or not isinstance(digests, dict) or any(Path(name).name != name for name in digests):
        return None
    files = [record.with_name(name) for name in digests]
    try:
        is_sound = dict(file_digests(record.parent, files)) == digests
    except OSError:
        return None
    return OnnxFile(files[0], kept.get("agrees")) if is_sound and files else None


@contextmanager
def exported_once(folder: Path, export: Callable[[Path], None]) -> Iterator[Path]:
    """Export the network of a model, and keep the file where that is possible.

    Args:
        folder: Of the model.
        export: Writes the network to the path it is given.

    Yields:
        The file; where the cache folder cannot be written, it goes with the context.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        exported = Path(place) / "model.onnx"
        export(exported)
        record = _record_of(folder)
        kept = None
        if record is not None:
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
    deciding = (path for path in folder.rglob("*") if path.suffix in _DECIDING)
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
    import onnx

    stem = f"{record.stem}-{os.urandom(4).hex()}"
    names = [f"{stem}.onnx", f"{stem}.data"]
    with TemporaryDirectory(dir=exported.parent, ignore_cleanup_errors=True) as place:
        graph = Path(place) / names[0]
        onnx.save(onnx.load(exported), graph, save_as_external_data=True, location=names[1])
        record.parent.mkdir(parents=True, exist_ok=True)
        written = [name for name in names if graph.with_name(name).exists()]  # a tiny one has no weights apart
        digests = {name: _copy(graph.with_name(name), record.with_name(name)) for name in written}
    _write_record(record, {"sha256": digests, "agrees": None})
    for pattern in (f"{record.stem}-*", f".{record.stem}-*"):  # the latter of processes that were killed
        for old in record.parent.glob(pattern):
            if old.name not in digests:
                old.unlink(missing_ok=True)
    return record.with_name(names[0])


def _copy(source: Path, target: Path) -> str:
    """Copy a file, whole or not at all, and return its SHA-256."""
    with source.open("rb") as read, written_atomically(target) as copy:
        while piece := read.read(_BLOCK):
            copy.write(piece)
    return copy.sha256


def _write_record(record: Path, content: dict[str, Any]) -> None:
    write_atomically(record, json.dumps(content).encode())
