"""Transformers under ONNX Runtime: the network of a sentence-transformers model run from an ONNX file.

sentence-transformers has an `onnx` backend of its own, through optimum, whose ONNX part wants an older
transformers than sentence-transformers 6 does. Here only the network changes hands; tokenizer, prompts, pooling and
normalisation stay those of the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smsearch.encoders.modules import HIDDEN_STATES
from smsearch.encoders.onnx_files import exported_once, find_onnx_file
from smsearch.encoders.session import INPUTS, make_session, states_output
from smsearch.errors import EncoderError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

_OPSET: Final = 17


def run_under_onnx(model: SentenceTransformer, folder: Path) -> None:
    """Hand the network of a model to ONNX Runtime, on the processor.

    The model's own ONNX file is taken where its folder has one; otherwise the network is exported, which takes some
    seconds, and kept for the next time.

    Args:
        model: Loaded with torch; changed in place.
        folder: Of the model.

    Raises:
        EncoderError: If the model is no text encoder that gives a vector for each token, or its
            file cannot be run.
    """
    first = model[0]
    text = getattr(first, "modality_config", {}).get("text", {})
    if text.get("method") != "forward" or text.get("method_output_name") != HIDDEN_STATES:
        raise EncoderError(
            f"only models with {HIDDEN_STATES} run under ONNX, and this one gives {text or 'something else'}"
        )
    found = find_onnx_file(folder)
    if found is not None:
        first.model = _network()(found.path, first.model)
        return
    names = [name for name in model.tokenizer.model_input_names if name in INPUTS]

    def export(path: Path) -> None:
        export_onnx(_hidden_states(first.model, names), path, inputs=names, output=HIDDEN_STATES, per_token=True)

    with exported_once(folder, export) as exported:
        first.model = _network()(exported, first.model)


def export_onnx(
    network: torch.nn.Module, path: Path, *, inputs: Sequence[str], output: str, per_token: bool = False
) -> None:
    """Write a network over token numbers as an ONNX file for any number of texts of any length.

    Args:
        network: Takes one `(texts, tokens)` int64 tensor for each input, in this order.
        path: Of the file.
        inputs: Their names.
        output: Name of what it gives.
        per_token: Whether that has a row for each token, `(texts, tokens, dim)`, or `(texts, dim)`.
    """
    import torch

    axes = {0: "texts", 1: "tokens"}
    ones = torch.ones((2, 8), dtype=torch.long)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(
            network.eval(),
            (ones,) * len(inputs),
            str(path),
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes=dict.fromkeys(inputs, axes) | {output: axes if per_token else {0: "texts"}},
            dynamo=False,
            opset_version=_OPSET,
        )


def _hidden_states(network: Any, names: Sequence[str]) -> torch.nn.Module:  # noqa: ANN401  typed as a tensor or a module
    """The network with its inputs in a row and one tensor as its answer."""
    import torch

    class HiddenStates(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.network(**dict(zip(names, tensors, strict=True)), return_dict=True)[
                HIDDEN_STATES
            ]
            return states

    return HiddenStates()


@cache
def _network() -> Any:  # noqa: ANN401  a class over torch's, which is imported here and not before
    import numpy as np
    import torch

    class OnnxNetwork(torch.nn.Module):
        """What sentence-transformers calls in the place of the network."""

        def __init__(self, path: Path, original: torch.nn.Module) -> None:
            super().__init__()
            self.config = original.config
            self.dtype = torch.float32
            self.runner = make_session(path)
            self.output = states_output(self.runner)
            self.names = [each.name for each in self.runner.get_inputs()]

        def forward(self, **features: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401  tensors and flags
            missing = np.zeros(tuple(features["input_ids"].shape), np.int64)  # token types of a tokenizer without any
            given = {name: features[name].numpy() if name in features else missing for name in self.names}
            return {HIDDEN_STATES: torch.from_numpy(self.runner.run([self.output], given)[0])}

    return OnnxNetwork
