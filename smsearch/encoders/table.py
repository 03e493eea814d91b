"""A table of token vectors, mapped from a safetensors file; pooling of its rows in bulk."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import EncoderError
from smsearch.ragged import distinct

_PREFIX = struct.Struct("<Q")
_LONGEST_HEADER = 100_000_000  # the limit of the safetensors format
_DTYPES: dict[str, np.dtype[Any]] = {"U8": np.dtype("u1"), "F16": np.dtype("<f2")}
_BLOCK = 512  # rows unpacked at once, which stay in the processor's cache
_MOST_WITHOUT_SCIPY = 1 << 13  # tokens; to load scipy takes a tenth of a second
_ALONE = 4 * 65_536  # multiplications that OpenBLAS leaves to one thread
_FEW = 16  # vectors at once
BITS = 4  # of a number
ZERO = 8  # the number that stands for zero
_LOW = 15  # masks the lower number of a byte


@dataclass(frozen=True, slots=True)
class TokenTable:
    """One vector per token, in numbers of four bits that share a scale in groups.

    A byte holds two numbers: number j of a row in the lower half of byte j, number j + dim / 2 in the
    upper; each less 8, times the scale of its group.

    Attributes:
        packed: `(n_tokens, dim / 2)` uint8, mapped.
        scales: `(n_tokens, n_groups)` float16, mapped; a group is `dim / n_groups` numbers.
    """

    packed: NDArray[np.uint8]
    scales: NDArray[np.float16]
    _lengths: NDArray[np.float32] = field(init=False, repr=False)  # of each row; not a number until asked

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lengths", np.full(len(self.packed), np.nan, np.float32))

    @classmethod
    def open(cls, path: Path) -> TokenTable:
        """Map the tensors `packed` (uint8) and `scales` (float16) of a safetensors file.

        Only the header is read; rows come from the disk as they are used.

        Raises:
            EncoderError: If the file cannot be read, is truncated or holds other tensors.
        """
        try:
            tensors = _map_tensors(path)
            packed, scales = tensors["packed"], tensors["scales"]
        except OSError as error:
            raise EncoderError(f"cannot read the model weights {str(path)!r}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise EncoderError(f"the model weights {str(path)!r} are damaged ({error}); copy them anew") from None
        if not _fit(packed, scales):
            raise EncoderError(
                f"the model weights {str(path)!r} must hold `packed` uint8 (n, dim / 2) and `scales` float16 "
                f"(n, n_groups), got {packed.dtype} {packed.shape} and {scales.dtype} {scales.shape}"
            )
        return cls(packed=packed, scales=scales)

    def __len__(self) -> int:
        """How many tokens there are."""
        return len(self.packed)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return 2 * int(self.packed.shape[1])

    def rows(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Rows of tokens; `(len(ids), dim)` float32, not normalised."""
        return self._scaled(ids, self.scales[ids].astype(np.float32))

    def unit_rows(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Unit rows of tokens, zero rows where a token has none; `(len(ids), dim)` float32."""
        return self._scaled(ids, self._unit_scales(ids))

    def cosines(self, vectors: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Cosines of unit vectors with tokens, 0 where a token has no row; `(len(vectors), len(ids))` float32.

        Numbers are multiplied as they are packed, group by group, and only what comes out is scaled and moved to where
        zero is: a third of the work. All on one thread, in pieces too small for BLAS to share out: its threads wait for
        each other, and on a machine that is busy a product of a tenth of a millisecond takes thirty.
        """
        cosines = np.empty((len(vectors), len(ids)), np.float32)
        n_groups = self.scales.shape[1]
        scales = self._unit_scales(ids)
        groups = vectors.reshape(len(vectors), n_groups, self.dim // n_groups).transpose(1, 2, 0)
        zeros = ZERO * groups.sum(axis=1)
        width = max(_ALONE // (min(max(len(vectors), 1), _FEW) * groups.shape[1]), 1)
        for start in range(0, len(ids), width):
            some = slice(start, start + width)
            numbers = self._numbers(ids[some]).reshape(-1, n_groups, groups.shape[1]).transpose(1, 0, 2)
            for first in range(0, len(vectors), _FEW):
                few = slice(first, first + _FEW)
                products = numbers @ groups[:, :, few]
                products *= scales[some].T[:, :, None]
                cosines[few, some] = (products.sum(axis=0) - scales[some] @ zeros[:, few]).T
        return cosines

    def lengths(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Lengths of rows, 0 where a token has none; `(len(ids),)` float32."""
        lengths = self._lengths[ids]
        unknown = np.flatnonzero(np.isnan(lengths))
        if len(unknown):
            rows = self.rows(ids[unknown])
            lengths[unknown] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
            self._lengths[ids[unknown]] = lengths[unknown]
        return lengths

    def _unit_scales(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """The scales of rows that are made unit rows; `(len(ids), n_groups)`."""
        lengths = self.lengths(ids)
        unit: NDArray[np.float32] = self.scales[ids].astype(np.float32)
        unit /= np.where(lengths > 0, lengths, np.float32(1))[:, None]
        return unit

    def _scaled(self, ids: NDArray[np.int32], scales: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = self._numbers(ids)
        rows -= ZERO
        rows *= np.repeat(scales, self.dim // scales.shape[1], axis=1)  # faster than stretches with a factor each
        return rows

    def _numbers(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """The numbers of rows as they are packed, from 0 to 15; `(len(ids), dim)`."""
        packed = self.packed[ids]
        halves = np.empty((len(ids), 2, packed.shape[1]), np.float32)
        halves[:, 0] = packed & _LOW
        halves[:, 1] = packed >> BITS
        return halves.reshape(len(ids), self.dim)

    def sums(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int64], *, norm_power: float = 0.0
    ) -> NDArray[np.float32]:
        """Sums of the rows of each text; `(len(lengths), dim)` float32, not normalised.

        Rows are added in the order of the text, so that the other texts do not change a bit of its sum.

        Args:
            ids: Token ids of all texts, one after the other.
            lengths: Tokens of each text; they add up to `len(ids)`. A text may have none.
            norm_power: Each row counts as its length to this power; below 0, telling tokens count for less.
        """
        found, places = distinct(ids)
        rows = np.empty((len(found), self.dim), np.float32)
        for start in range(0, len(found), _BLOCK):
            block = self.rows(found[start : start + _BLOCK].astype(np.int32))
            rows[start : start + _BLOCK] = weighted_rows(block, norm_power) if norm_power else block
        sums: NDArray[np.float32]
        if len(places) > _MOST_WITHOUT_SCIPY:
            from scipy.sparse import csr_matrix

            ends = np.concatenate([[0], np.cumsum(lengths)])
            counts = csr_matrix((np.ones(len(places), np.float32), places, ends), shape=(len(lengths), len(found)))
            sums = counts @ rows
            return sums
        sums = np.zeros((len(lengths), self.dim), np.float32)
        filled = np.flatnonzero(lengths)
        if len(filled):
            sums[filled] = np.add.reduceat(rows[places], (np.cumsum(lengths) - lengths)[filled])
        return sums


def _fit(packed: NDArray[Any], scales: NDArray[Any]) -> bool:
    if packed.dtype != np.uint8 or scales.dtype != np.float16 or not packed.ndim == scales.ndim == 2:  # noqa: PLR2004
        return False
    return len(packed) == len(scales) and bool(scales.shape[1]) and 2 * packed.shape[1] % scales.shape[1] == 0


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their lengths; `(n, dim)` float32. A zero row stays zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    unit: NDArray[np.float32] = rows * np.reciprocal(np.where(norms > 0, norms, 1)).astype(np.float32)[:, None]
    return unit


def weighted_rows(rows: NDArray[np.float32], norm_power: float) -> NDArray[np.float32]:
    """Rows times their lengths to a power; `(n, dim)` float32. A zero row stays zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    weights = np.power(norms, np.float32(norm_power), out=np.zeros_like(norms), where=norms > 0)
    weighted: NDArray[np.float32] = rows * weights[:, None]
    return weighted


def read_matrix(path: Path, dim: int) -> NDArray[np.float64]:
    """The tensor `matrix` (float16) of a safetensors file; `(dim, dim)` float64.

    Raises:
        EncoderError: If the file cannot be read, is truncated or holds something else.
    """
    try:
        matrix = _map_tensors(path)["matrix"]
    except OSError as error:
        raise EncoderError(f"cannot read the model's {str(path)!r}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"the model's {str(path)!r} is damaged ({error}); copy it anew") from None
    if matrix.dtype != np.float16 or matrix.shape != (dim, dim):
        raise EncoderError(
            f"the model's {str(path)!r} must hold `matrix` float16 {(dim, dim)}, got {matrix.dtype} {matrix.shape}"
        )
    if not np.isfinite(matrix).all():
        raise EncoderError(f"the model's {str(path)!r} is damaged (a number is not finite); copy it anew")
    return matrix.astype(np.float64)


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
