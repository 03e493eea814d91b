"""Files opened so that nothing but what was found is read: no pipe, no link put in its place, no endless growth."""

from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IRREGULAR = "no regular file (a pipe, socket or device)"

_BUFFER_BYTES = 1 << 16
# a pipe that took the place of a file would keep an ordinary open waiting for ever; Windows knows none of these
_FLAGS = sum(getattr(os, name, 0) for name in ("O_RDONLY", "O_BINARY", "O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW"))


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A regular file, seekable, as long as it is when it is opened: what is appended later is not read.

    Args:
        path: The file itself; a link is refused.

    Raises:
        OSError: If it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        about = os.fstat(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, IRREGULAR)
    with io.BufferedReader(_AsFound(descriptor, about), _BUFFER_BYTES) as file:
        yield cast("BinaryIO", file)


def has_changed(file: BinaryIO) -> bool:
    """Whether a file that `open_regular` gave was written to, cut or replaced in place since it was opened."""
    raw = getattr(file, "raw", None)
    return isinstance(raw, _AsFound) and raw.has_changed()


class _AsFound(io.RawIOBase):
    """The bytes a file had when it was opened."""

    def __init__(self, descriptor: int, about: os.stat_result) -> None:
        self._file = io.FileIO(descriptor, "rb")
        self._about = about

    def has_changed(self) -> bool:
        now = os.fstat(self._file.fileno())
        return (now.st_size, now.st_mtime_ns) != (self._about.st_size, self._about.st_mtime_ns)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_END:
            return self._file.seek(self._about.st_size + offset)
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  any writable buffer, as in the class above
        left = max(self._about.st_size - self._file.tell(), 0)
        return self._file.readinto(memoryview(buffer)[:left])

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
