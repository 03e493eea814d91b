"""The tables of py3langid's model, unpacked once for all processes of a user.

Unpacking takes most of a second of a processor; mapping what was unpacked takes a millisecond. The unpacked form is
kept in the user's cache folder, under a name that holds the version of py3langid; where it cannot be kept,
or what stands there is not whole, the model is unpacked again.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.files import write_atomically

_MAGIC: Final = b"smsearch-languages-1\n"
_HEADER_BYTES: Final = 1 << 13
_ALIGNED: Final = 64
_DTYPES: Final = {
    "following": np.int32,
    "row": np.int32,
    "found": np.int32,
    "weights": np.float16,
    "priors": np.float32,
}


@dataclass(frozen=True, slots=True)
class LanguageTables:
    """An automaton over bytes, and what its states say of the languages.

    Attributes:
        labels: `n` languages by py3langid's codes; one may stand twice.
        following: The state after a byte: `following[row[state] + byte]`.
        row: Where the followers of each state begin.
        found: The feature that a state stands for; -1 for none.
        weights: `(n_features, n)`.
        priors: `(n,)`.
    """

    labels: list[str]
    following: NDArray[np.int32]
    row: NDArray[np.int32]
    found: NDArray[np.int32]
    weights: NDArray[np.float16]
    priors: NDArray[np.float32]


def load_tables() -> LanguageTables:
    """The tables of the installed py3langid: mapped where they were kept, else unpacked and kept."""
    path = cache_folder() / f"languages-{version('py3langid')}-{sys.byteorder}.bin"
    with suppress(OSError, ValueError):
        return _read_tables(path)
    tables = _unpacked()
    with suppress(OSError):  # a cache that cannot be written saves no time, and does no harm
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, *_pieces(tables))
        for older in path.parent.glob("languages-*.bin"):
            if older != path:
                older.unlink()
    return tables


def cache_folder() -> Path:
    """Where this user keeps what can be made again: `SMSEARCH_CACHE`, else a folder of the system's cache."""
    given = os.environ.get("SMSEARCH_CACHE")
    if given:
        return Path(given)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "smsearch"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "smsearch"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smsearch"


def _unpacked() -> LanguageTables:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    return LanguageTables(
        list(model.nb_classes),
        np.frombuffer(model.tk_nextmove, dtype=f"u{model.tk_nextmove.itemsize}").astype(np.int32),
        np.frombuffer(model.tk_row, dtype=f"u{model.tk_row.itemsize}").astype(np.int32) << 8,
        np.asarray(model.tk_output, np.int32),
        np.asarray(model.nb_ptc, np.float16),
        np.asarray(model.nb_pc, np.float32),
    )


def _pieces(tables: LanguageTables) -> Iterator[bytes]:
    """The file: a header of fixed length that says what it holds, then the arrays, each at a multiple of 64 bytes."""
    arrays = {name: np.ascontiguousarray(getattr(tables, name)) for name in _DTYPES}
    header = {"labels": tables.labels, "shapes": {name: array.shape for name, array in arrays.items()}}
    yield (_MAGIC + json.dumps(header).encode()).ljust(_HEADER_BYTES)
    for array in arrays.values():
        yield array.tobytes() + bytes(-array.nbytes % _ALIGNED)


def _read_tables(path: Path) -> LanguageTables:
    """Map the file.

    Raises:
        OSError: If there is none that can be read.
        ValueError: If it is not whole.
    """
    with path.open("rb") as file:
        data = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    head = data[:_HEADER_BYTES].tobytes()
    if not head.startswith(_MAGIC):
        raise ValueError(f"{str(path)!r} does not begin as tables of languages do")
    header = json.loads(head.removeprefix(_MAGIC))
    arrays: dict[str, NDArray[Any]] = {}
    at = _HEADER_BYTES
    for name, dtype in _DTYPES.items():
        shape = header["shapes"][name]
        n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        arrays[name] = data[at : at + n_bytes].view(dtype).reshape(shape)
        at += n_bytes + -n_bytes % _ALIGNED
    if at != len(data):
        raise ValueError(f"{str(path)!r} has {len(data)} bytes, {at} were written")
    return LanguageTables(header["labels"], **arrays)
