"""The network of multilingual-e5-small as an ONNX graph, written from the four-bit weights.

The graph begins behind the embeddings: the matrix of token vectors, three quarters of all weights, stays in the
mapped weight file, so that loading the graph takes 30 ms. Linear maps have weights of 7 bits, a scale for each output,
and inputs quantised to 8 bits as they come (`DynamicQuantizeMatMul`). With weights of 8 bits, processors without VNNI
instructions saturate the sums of two products: vectors differ from machine to machine, and the mean cosine of queries
with float32 falls to 0.9964. The second map of the feed-forward part of three layers has inputs with outliers; it keeps
the four-bit weights with a scale for each block (`MatMulNBits`). That brings the cosine from 0.996 to 0.998 and costs a
twentieth of the speed (`benchmarks/e5.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.e5.weights import BLOCK, DIM, HEADS, LAYERS, E5Weights, layer_linears
from smsearch.errors import MissingExtraError

if TYPE_CHECKING:
    from onnx import ModelProto

VERSION: Final = 2
"""Of the graph; a new number makes the stored one again."""

EMBEDDINGS: Final = "embeddings"
"""The input: `(1, tokens, 384)` float32, the embeddings of one text."""

_FINE: Final = frozenset({"l0.fo", "l4.fo", "l5.fo"})
_EPSILON: Final = 1e-12
_CONTRIB: Final = "com.microsoft"
_OPSET: Final = 18
_IR_VERSION: Final = 9
_LARGEST: Final = 63  # 2 * 63 * 255 fits in 16 bits


def network_bytes(weights: E5Weights) -> bytes:
    """The graph as the content of an ONNX file, 21 MB.

    Raises:
        MissingExtraError: If the package onnx is not installed.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise MissingExtraError("the model 'e5-small' needs onnx; pip install 'smsearch[e5]'") from None
    content: bytes = _Builder(weights).model().SerializeToString()
    return content


class _Builder:
    """Collects the nodes of the graph and its weights."""

    def __init__(self, weights: E5Weights) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []

    def model(self) -> ModelProto:
        """The whole graph; it gives the state of each token, `(1, tokens, 384)`."""
        from onnx import TensorProto, helper

        states = self._node("LayerNormalization", [EMBEDDINGS, *self._norm("emb.ln")], axis=-1, epsilon=_EPSILON)
        for layer in range(LAYERS):
            states = self._layer(f"l{layer}", states)
        inputs = [helper.make_tensor_value_info(EMBEDDINGS, TensorProto.FLOAT, [1, "tokens", DIM])]
        outputs = [helper.make_tensor_value_info(states, TensorProto.FLOAT, [1, "tokens", DIM])]
        graph = helper.make_graph(self._nodes, "multilingual-e5-small", inputs, outputs, self._tensors)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def _layer(self, layer: str, states: str) -> str:
        sizes = {name: (n_in, n_out) for name, n_in, n_out in layer_linears()}

        def linear(name: str, inputs: str) -> str:
            return self._linear(f"{layer}.{name}", inputs, *sizes[name])

        heads = [linear(name, states) for name in ("q", "k", "v")]
        attention = self._node("MultiHeadAttention", heads, domain=_CONTRIB, num_heads=HEADS)
        attended = self._add_norm(linear("ao", attention), states, f"{layer}.aln")
        inner = self._node("Gelu", [linear("fi", attended)], domain=_CONTRIB)
        return self._add_norm(linear("fo", inner), attended, f"{layer}.oln")

    def _add_norm(self, one: str, other: str, norm: str) -> str:
        inputs = [one, other, *self._norm(norm)]
        return self._node("SkipLayerNormalization", inputs, domain=_CONTRIB, epsilon=_EPSILON)

    def _linear(self, name: str, inputs: str, n_in: int, n_out: int) -> str:
        bias = self._tensor(f"{name}.b", self._weights.tensor(f"{name}.b", n_out))
        if name in _FINE:
            numbers, scales = self._weights.four_bit(f"{name}.w")
            packed = (numbers[:, 0::2] | numbers[:, 1::2] << 4).reshape(n_out, n_in // BLOCK, BLOCK // 2)
            held = [self._tensor(f"{name}.w", packed), self._tensor(f"{name}.scales", scales)]
            return self._node(
                "MatMulNBits",
                [inputs, *held, "", "", bias],
                domain=_CONTRIB,
                K=n_in,
                N=n_out,
                bits=4,
                block_size=BLOCK,
                accuracy_level=4,
            )
        matrix = self._weights.tensor(f"{name}.w", n_out, n_in).T
        scales = (np.abs(matrix).max(axis=0) / _LARGEST).astype(np.float32)
        rounded = np.round(matrix / np.where(scales > 0, scales, 1)).astype(np.int8)
        held = [self._tensor(f"{name}.w", rounded), self._tensor(f"{name}.scales", scales)]
        return self._node("DynamicQuantizeMatMul", [inputs, *held, "", bias], domain=_CONTRIB)

    def _norm(self, name: str) -> list[str]:
        return [self._tensor(f"{name}.{part}", self._weights.tensor(f"{name}.{part}", DIM)) for part in "wb"]

    def _tensor(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self._tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, op: str, inputs: list[str], *, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401  as onnx has it
        from onnx import helper

        output = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [output], domain=domain, **attributes))
        return output
