"""A table of token vectors, mapped from a safetensors file; pooling of its rows in bulk."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import EncoderError

_PREFIX = struct.Struct("<Q")
_LONGEST_HEADER = 100_000_000  # the limit of the safetensors format
_DTYPES: dict[str, np.dtype[Any]] = {"I8": np.dtype("<i1"), "F16": np.dtype("<f2")}
_BLOCK = 1024  # tokens pooled at once: 1 MiB of float32 rows stays in the processor's cache


@dataclass(frozen=True, slots=True)
class TokenTable:
    """One vector per token: row i is `vectors[i] * scales[i]`.

    Attributes:
        vectors: `(n_tokens, dim)` int8, mapped.
        scales: `(n_tokens,)` float32.
    """

    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def open(cls, path: Path) -> TokenTable:
        """Map the tensors `vectors` (int8) and `scales` (float16) of a safetensors file.

        Only the header and the scales are read; rows come from the disk as they are used.

        Raises:
            EncoderError: If the file cannot be read, is truncated or holds other tensors.
        """
        try:
            tensors = _map_tensors(path)
            vectors, scales = tensors["vectors"], tensors["scales"]
        except OSError as error:
            raise EncoderError(f"cannot read the model weights {str(path)!r}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise EncoderError(f"the model weights {str(path)!r} are damaged ({error}); copy them anew") from None
        if vectors.ndim != 2 or vectors.dtype != np.int8 or scales.shape != vectors.shape[:1]:  # noqa: PLR2004
            raise EncoderError(
                f"the model weights {str(path)!r} must hold `vectors` int8 (n, dim) and `scales` (n,), "
                f"got {vectors.dtype} {vectors.shape} and {scales.shape}"
            )
        return cls(vectors=vectors, scales=scales.astype(np.float32))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def rows(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Rows of tokens; `(len(ids), dim)` float32, not normalised."""
        rows: NDArray[np.float32] = self.vectors[ids] * self.scales[ids, None]
        return rows

    def sums(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Sums of the rows of each text; `(len(lengths), dim)` float32, not normalised.

        Args:
            ids: Token ids of all texts, one after the other.
            lengths: Tokens of each text; they add up to `len(ids)`. A text may have none.
        """
        sums = np.zeros((len(lengths), self.dim), np.float32)
        filled = np.flatnonzero(lengths)
        ends = np.cumsum(lengths[filled])
        starts = ends - lengths[filled]
        for start in range(0, len(ids), _BLOCK):
            end = min(start + _BLOCK, len(ids))
            first = np.searchsorted(ends, start, side="right")
            last = np.searchsorted(starts, end, side="left")
            cuts = np.maximum(starts[first:last] - start, 0)
            sums[filled[first:last]] += np.add.reduceat(self.rows(ids[start:end]), cuts, axis=0)
        return sums


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their lengths; `(n, dim)` float32. A zero row stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return unit


def _map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            raise ValueError(f"{size} bytes are no safetensors file")
        header_size = _PREFIX.unpack(prefix)[0]
        if header_size > min(_LONGEST_HEADER, size - _PREFIX.size):
            raise ValueError(f"a header of {header_size} bytes in a file of {size}")
        header = json.loads(file.read(header_size))
    if not isinstance(header, dict):
        raise TypeError("the header is not an object")
    data = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)[_PREFIX.size + header_size :]
    return {name: _tensor(data, name, entry) for name, entry in header.items() if name != "__metadata__"}


def _tensor(data: NDArray[np.uint8], name: str, entry: dict[str, Any]) -> NDArray[Any]:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise ValueError(f"tensor {name!r} is {entry['dtype']}")
    start, end = entry["data_offsets"]
    shape = tuple(int(length) for length in entry["shape"])
    if not 0 <= start <= end <= len(data):
        raise ValueError(f"tensor {name!r} ends at byte {end} of {len(data)}")
    if end - start != dtype.itemsize * int(np.prod(shape)):
        raise ValueError(f"tensor {name!r} of shape {shape} has {end - start} bytes")
    tensor: NDArray[Any] = data[start:end].view(dtype).reshape(shape)
    return tensor
