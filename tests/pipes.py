"""Pipes between processes, on POSIX systems."""

from __future__ import annotations

import sys
import time
from typing import IO


def wait_until_full(pipe: IO[bytes]) -> int:
    """Wait until whoever writes to a pipe waits for it to be read; returns how many bytes stand in it."""
    import fcntl
    import termios

    before, now = -1, 0
    deadline = time.monotonic() + 60
    while not now or now != before:
        assert time.monotonic() < deadline
        time.sleep(0.3)
        before, now = now, int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
    return now
