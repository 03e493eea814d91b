"""Loading models without the notices and bars of the libraries below."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_loading() -> Iterator[None]:
    """No progress bars and no notices while a model is loaded; the user's settings come back."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from transformers.utils import logging as transformers_logging

    notices: Any = transformers_logging  # has no types

    had_hub_bars, had_bars = not are_progress_bars_disabled(), notices.is_progress_bar_enabled()
    verbosity = notices.get_verbosity()
    library = logging.getLogger("sentence_transformers")
    level = library.level
    disable_progress_bars()
    notices.disable_progress_bar()
    notices.set_verbosity_error()
    library.setLevel(logging.ERROR)
    try:
        yield
    finally:
        library.setLevel(level)
        notices.set_verbosity(verbosity)
        if had_bars:
            notices.enable_progress_bar()
        if had_hub_bars:
            enable_progress_bars()
