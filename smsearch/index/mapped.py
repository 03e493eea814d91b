"""Arrays in files: mapped, so that opening them costs nothing, or copied part by part, so that they take no memory."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from smsearch.errors import IndexDamagedError, IndexStateError
from smsearch.ragged import ranges

T = TypeVar("T", bound=np.generic)

_LONG: Final = 64  # numbers in a stretch, on average: these are copied one stretch after the other


class Held:
    """Reads parts of arrays that are in memory."""

    def part(self, values: NDArray[T], start: int, end: int) -> NDArray[T]:
        """`values[start:end]`."""
        return values[start:end]

    def parts(self, values: NDArray[T], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[T]:
        """`values[starts[i] : starts[i] + lengths[i]]`, one after the other; `(lengths.sum(),)`."""
        if lengths.sum() > _LONG * len(lengths):
            return np.concatenate([values[a : a + n] for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)])
        return values[ranges(starts, lengths)]


class MappedFile(Held):
    """A file mapped into memory, of whose arrays parts can be read into memory of their own.

    What is looked at through a mapping counts as memory of the process for as long as it lives, and a page costs more
    to map than to read. So arrays of which a little is needed at a time are read.

    Attributes:
        data: `(n_bytes,)` uint8, the whole file.
    """

    def __init__(self, path: Path) -> None:
        """Map a file.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it is empty.
        """
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self._mapping = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
        except BaseException:
            os.close(file)
            raise
        self.data: NDArray[np.uint8] = np.frombuffer(self._mapping, np.uint8)
        self._address = _address(self.data)
        self._name = path.name
        self._file = file if hasattr(os, "pread") else None
        if self._file is None:  # Windows
            os.close(file)
        else:
            weakref.finalize(self, os.close, file)

    def part(self, values: NDArray[T], start: int, end: int) -> NDArray[T]:
        """`values[start:end]` of an array that lies in `data`.

        Raises:
            IndexDamagedError: If the file was cut off since it was opened.
            IndexStateError: If it cannot be read any more.
        """
        if self._file is None:
            return super().part(values, start, end)
        size = values.itemsize
        with self._translated_errors():
            found = os.pread(self._file, size * (end - start), self._begin(values) + size * start)
        return self._whole(found, values, end - start)

    def parts(self, values: NDArray[T], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[T]:
        """`values[starts[i] : starts[i] + lengths[i]]`, one after the other, of an array that lies in `data`.

        Raises:
            IndexDamagedError: If the file was cut off since it was opened.
            IndexStateError: If it cannot be read any more.
        """
        if self._file is None:
            return super().parts(values, starts, lengths)
        file, pread, size = self._file, os.pread, values.itemsize
        begins = (self._begin(values) + size * starts).tolist()
        with self._translated_errors():
            found = b"".join([pread(file, n, at) for n, at in zip((size * lengths).tolist(), begins, strict=True)])
        return self._whole(found, values, int(lengths.sum()))

    def place_of(self, address: int) -> int:
        """Where in `data` an address of memory lies."""
        return address - self._address

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise IndexStateError(
                f"cannot read {self._name!r} of the index ({error.strerror}); open it again"
            ) from None

    def _begin(self, values: NDArray[Any]) -> int:
        return self.place_of(_address(values))

    def _whole(self, found: bytes, values: NDArray[T], n: int) -> NDArray[T]:
        if len(found) != values.itemsize * n:
            raise IndexDamagedError(f"{self._name!r} was cut off while it was read; say `smsearch verify --repair`")
        return np.frombuffer(found, values.dtype)

    def let_go(self) -> None:
        """Give mapped pages back to the system; what is looked at again is mapped again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._mapping.madvise(mmap.MADV_DONTNEED)


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
