"""Ctrl-C: one sentence that says what was kept, also where Python would swallow it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_SOON = 0.01  # seconds, after which Python is past what it swallowed an interrupt in


class Interrupted(Exception):  # noqa: N818  not a fault
    """The user pressed Ctrl-C; the message says what was kept."""


@contextmanager
def kept_on_interrupt(message: str) -> Iterator[None]:
    """Turn Ctrl-C into one sentence."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(message) from None


def repeat_swallowed_interrupts() -> None:
    """Let Ctrl-C come again where nothing can be raised: in a finalizer, or a callback of Python's importer.

    Python prints a traceback there and goes on as if nothing had been pressed. What comes when the command is about to
    end has nothing left to end.
    """
    say_others = sys.unraisablehook
    is_due = threading.Event()

    def interrupt_again() -> None:
        is_due.clear()
        _interrupt()

    def hear(swallowed: sys.UnraisableHookArgs) -> None:
        if not issubclass(swallowed.exc_type, KeyboardInterrupt):
            say_others(swallowed)
        elif not is_due.is_set():
            is_due.set()
            timer = threading.Timer(_SOON, interrupt_again)
            timer.daemon = True
            with suppress(RuntimeError):  # Python ends, and starts no threads any more
                timer.start()

    sys.unraisablehook = hear


def _interrupt() -> None:
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)  # also ends what it waits for
    else:
        signal.raise_signal(signal.SIGINT)
