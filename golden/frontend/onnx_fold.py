"""Batch normalization behind a convolution or a fully connected layer, folded into its weight and its bias.

At inference a batch normalization is ``(x - mean) * gain + shift`` per channel, with ``gain = scale / sqrt(var +
epsilon)``. So ``weight * gain`` along the output channels and ``(bias - mean) * gain + shift`` do the same without it.
"""

from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..rules import check_finite
from .onnx_graph import attribute

__all__ = ["Fold", "find_folds"]


class Fold(NamedTuple):
    """A batch normalization that can be folded. All tensors by name."""

    node: object  #: the batch normalization
    layer: str  #: the operator before it
    weight: str
    bias: str | None  #: of the layer, if it has one
    axis: int  #: the output channels of the weight
    norm: tuple[str, str, str, str]  #: scale, shift, mean, variance
    epsilon: float

    def gain(self, read) -> np.ndarray:
        """The factor of each channel."""
        scale, _, _, variance = (_channels(read, name) for name in self.norm)
        if not (variance + self.epsilon > 0).all():
            index = int(np.argmin(variance + self.epsilon > 0))
            raise InputError(f"{self.norm[3]} plus epsilon must be positive, not {variance[index]} at index ({index},)")
        return scale / np.sqrt(variance + self.epsilon)

    def folded_weight(self, read) -> np.ndarray:
        """The weight of the layer times the gain."""
        weight = read(self.weight)
        check_finite(self.weight, weight)
        gain = self.gain(read).reshape([-1 if axis == self.axis else 1 for axis in range(weight.ndim)])
        return _float32(weight * gain)

    def folded_bias(self, read) -> np.ndarray:
        """The bias of the layer and the normalization together."""
        _, shift, mean, _ = (_channels(read, name) for name in self.norm)
        bias = 0.0 if self.bias is None else _channels(read, self.bias)
        return _float32((bias - mean) * self.gain(read) + shift)


def find_folds(graph, infos) -> list[Fold]:
    """The batch normalizations of a graph that can be folded.

    The layer is Conv, ConvTranspose without groups, or Gemm without factors. Its output goes nowhere else, its weight
    and bias serve nothing else, and all tensors are float constants.

    Parameters
    ----------
    graph : golden.frontend.onnx_graph.Graph
    infos : dict of str to TensorInfo
    """
    makers = {node.output[0]: node for node in graph.nodes if node.output and node.output[0]}
    found = (_fold(graph, infos, node, makers.get(node.input[0])) for node in graph.nodes
             if node.op_type == "BatchNormalization" and len(node.input) == 5)
    return [fold for fold in found if fold is not None]


def _fold(graph, infos, node, layer):
    if layer is None or layer.op_type not in ("Conv", "ConvTranspose", "Gemm") or len(layer.input) < 2:
        return None
    if attribute(node, "training_mode", 0) or len([name for name in node.output if name]) > 1:
        return None
    if len(graph.uses[layer.output[0]]) > 1 or layer.output[0] in graph.outputs:
        return None
    weight = layer.input[1]
    bias = layer.input[2] if len(layer.input) > 2 and layer.input[2] else None
    norm = tuple(node.input[1:])
    names = [weight, *norm, *([] if bias is None else [bias])]
    if any(name not in infos or infos[name].dtype is None or infos[name].dtype.kind != "f" for name in names):
        return None
    if any(len(graph.uses[name]) > 1 or name in graph.outputs for name in (weight, *([bias] if bias else []))):
        return None
    axis = 0 if layer.op_type == "Conv" else 1
    if layer.op_type == "ConvTranspose" and attribute(layer, "group", 1) != 1:
        return None
    if layer.op_type == "Gemm":
        if (attribute(layer, "alpha", 1.0), attribute(layer, "beta", 1.0)) != (1.0, 1.0):
            return None
        axis = int(not attribute(layer, "transB", 0))
    shape = infos[weight].shape
    if len(shape) < 2 or any(infos[name].shape != (shape[axis],) for name in names[1:]):
        return None
    return Fold(node, layer.op_type, weight, bias, axis, norm, attribute(node, "epsilon", 1e-5))


def _float32(array):
    """As float32; what is beyond it becomes infinite, of which the quantizer complains."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _channels(read, name):
    values = read(name)
    check_finite(name, values)
    return values.astype(np.float64)
