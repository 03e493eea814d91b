"""ONNX Runtime, on the processor; the one place that imports it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from smsearch.encoders.modules import HIDDEN_STATES
from smsearch.errors import EncoderError

INPUTS: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_OUTPUTS: Final = (HIDDEN_STATES, "token_embeddings")  # names of a row for each token


def onnx_runtime() -> Any:  # noqa: ANN401  onnxruntime has no types
    """Import ONNX Runtime with its telemetry off: since 1.31 it reports to its maker, and writes a file, on Linux too.

    Raises:
        ImportError: If it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def make_session(path: Path) -> Any:  # noqa: ANN401  onnxruntime has no types
    """Open an ONNX file.

    Raises:
        EncoderError: If it cannot be run.
    """
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads wait without using a processor
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class below Exception
        reason = " ".join(str(error).split())
        raise EncoderError(f"cannot run {str(path)!r} under ONNX: {reason}") from error


def states_output(session: Any) -> str | None:  # noqa: ANN401  onnxruntime has no types
    """Name of the output with a row for each token, or None where there is none."""
    names = {each.name for each in session.get_outputs()}
    return next((name for name in _OUTPUTS if name in names), None)
