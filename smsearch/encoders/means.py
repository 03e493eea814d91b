"""Means of an encoder's vectors by language, as a package ships them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import LanguageMeans
from smsearch.errors import EncoderError


def read_language_means(path: Path, dim: int) -> LanguageMeans:
    """Read what `write_language_means` wrote.

    Raises:
        EncoderError: If the file cannot be read, or holds something else.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata()
            langs, amount = tuple(about["langs"].split()), float(about["amount"])
            passages, queries = (file.get_tensor(name).astype(np.float32) for name in ("passages", "queries"))
    except Exception as error:  # noqa: BLE001  safetensors raises an error of its own below Exception
        raise EncoderError(
            f"the means by language {str(path)!r} cannot be read ({error}); install smsearch again"
        ) from None
    if not passages.shape == queries.shape == (len(langs), dim) or not 0 <= amount <= 1:
        raise EncoderError(f"the means by language {str(path)!r} are of shape {passages.shape}; install smsearch again")
    return LanguageMeans(langs, passages, queries, amount)


def write_language_means(path: Path, means: LanguageMeans) -> None:
    """Write means as a safetensors file, numbers as float16.

    Raises:
        OSError: If the file cannot be written.
    """
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[np.float16]] = {
        "passages": means.passages.astype(np.float16),
        "queries": means.queries.astype(np.float16),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"langs": " ".join(means.langs), "amount": str(means.amount)})
