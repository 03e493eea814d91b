"""Line editing and history at the prompt, where the platform has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LONGEST_HISTORY = 1000


@contextmanager
def line_editing() -> Iterator[None]:
    """Let `input` edit lines, recall earlier queries, and remember them for the next time."""
    try:
        import readline
    except ImportError:
        yield
        return
    path = _history_file()
    with suppress(OSError):  # no history yet, or none to be had
        readline.read_history_file(path)
    readline.set_history_length(_LONGEST_HISTORY)
    try:
        yield
    finally:
        with suppress(OSError):  # a home that cannot be written is no reason to fail
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(path)


def _history_file() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "smsearch" / "history"
