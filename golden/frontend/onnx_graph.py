"""The tensors of an ONNX graph: which operators use them, and what that makes of them."""

from collections import Counter
from typing import NamedTuple

from .names import Names
from .unsound import Unsound, library
from .verdicts import Verdict, follow

__all__ = ["Graph", "Quantization", "attribute"]

#: For each operator the inputs that are weights, and the axis of the output channels. Gemm's depends on attributes.
WEIGHTS = {
    "Conv": {1: 0}, "FusedConv": {1: 0}, "ConvInteger": {1: 0}, "QLinearConv": {3: 0}, "DeformConv": {1: 0},
    "ConvTranspose": {1: 1},
    "MatMul": {0: -2, 1: -1}, "FusedMatMul": {0: -2, 1: -1}, "MatMulInteger": {0: -2, 1: -1},
    "QLinearMatMul": {0: -2, 3: -1}, "DynamicQuantizeMatMul": {1: -1}, "MatMulIntegerToFloat": {1: -1},
    "Gemm": {0: None, 1: None}, "FusedGemm": {0: None, 1: None}, "QGemm": {3: None},
    "RNN": {1: 1, 2: 1}, "GRU": {1: 1, 2: 1}, "LSTM": {1: 1, 2: 1},
    "Gather": {0: 0}, "Attention": {1: -1},
}
#: For each operator the inputs that are scale and zero point of an input.
SCALES = {
    "DequantizeLinear": {0: (1, 2)}, "QuantizeLinear": {0: (1, 2)}, "QLinearConv": {3: (4, 5)},
    "QLinearMatMul": {0: (1, 2), 3: (4, 5)}, "QGemm": {3: (4, 5)}, "ConvInteger": {1: (None, 3)},
    "MatMulInteger": {0: (None, 2), 1: (None, 3)},
    "DynamicQuantizeMatMul": {1: (2, 3)}, "MatMulIntegerToFloat": {1: (3, 5)},
}
#: For each operator the input that is a bias of integers, and those whose product is its scale.
BIAS_SCALES = {"QLinearConv": (8, (1, 4)), "QGemm": (6, (1, 4))}
#: Operators through which a tensor reaches the one that uses it; the axis gets lost in those that reshape.
PASSING = {"Identity", "Cast", "CastLike", "Transpose", "QuantizeLinear", "DequantizeLinear", "Dropout"}
RESHAPING = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}
#: Operators of the standard that do not say whether an input is a weight.
UNSURE = {"Einsum", "If", "Loop", "Scan"}
#: What the graph says instead of the library, where its names of inputs are single letters.
BIASES = {("Conv", 2), ("ConvTranspose", 2), ("QLinearConv", 8), ("Gemm", 2), ("LSTM", 3), ("GRU", 3), ("RNN", 3),
          ("LayerNormalization", 2), ("BatchNormalization", 2), ("InstanceNormalization", 2)}


class Use(NamedTuple):
    """An operator that takes a tensor, which of its inputs that is, and its number in order of execution."""

    node: object
    index: int
    number: int


class Quantization(NamedTuple):
    """Which tensors are scale and zero point of another, and along which axis."""

    scale: str | None
    zero_point: str | None
    axis: int


class Graph:
    """Constants of a graph and its uses of tensors, with those of the graphs within it.

    Parameters
    ----------
    loaded : golden.frontend.onnx_load.Loaded

    Attributes
    ----------
    constants : dict of str to TensorProto or attribute
        Initializers and constant nodes, by the names of the tensors.
    places : dict of str to (int, int)
        Of the constants whose data stayed in the file.
    uses : dict of str to list of Use
    nodes : list of NodeProto
        In order of execution, those of inner graphs after the node that holds them.
    outputs : set of str

    Raises
    ------
    Unsound
        If a name is no text, or two operators of a graph make one tensor.
    """

    def __init__(self, loaded):
        self.constants, self.places, self.uses, self.nodes, self.outputs = {}, {}, {}, [], set()
        self.names, self.known = Names(), {}
        self.makers = Counter()  # how many operators, of different branches, make a tensor of a name
        self._walk(loaded.graph, loaded.places)
        for number, node in enumerate(self.nodes):
            self.makers.update(node.output)
            for index, name in enumerate(node.input):
                if name:  # An input that may be left out has none.
                    self.uses.setdefault(name, []).append(Use(node, index, number))

    def _walk(self, graph, places):
        self.outputs.update(_text(value.name) for value in graph.output)
        for number, tensor in enumerate(graph.initializer):
            self._add(tensor.name, tensor, places.get((number,)))
        for tensor in graph.sparse_initializer:
            self._add(tensor.values.name, tensor)
        made = set()
        for number, node in enumerate(graph.node):
            for name in _texts(node):
                if name in made:
                    raise Unsound(f"two operators make the tensor {name}")
                made.add(name)
            if node.op_type == "Constant" and node.attribute and node.output:
                self._add(node.output[0], node.attribute[0], places.get((number, 0)))
                continue
            self.nodes.append(node)
            for each in node.attribute:
                for inner in (*([each.g] if each.HasField("g") else []), *each.graphs):
                    self._walk(inner, {})

    def _add(self, name, constant, place=None):
        name = self.names.give(_text(name))
        self.constants[name] = constant
        if place is not None:
            self.places[name] = place

    def verdict(self, name, dimensions) -> Verdict:
        """What the uses of a tensor say of it."""
        base = name.rpartition("#")[0] if name not in self.uses and "#" in name else name
        return follow((base, dimensions), lambda tensor: self.uses.get(tensor[0], []), _onward, self._say,
                      lambda tensor: tensor[0] in self.outputs, self.known)

    def _say(self, tensor, use, further):
        (_, dimensions), (node, index, number) = tensor, use
        kind = node.op_type
        if index in WEIGHTS.get(kind, {}):
            axis = WEIGHTS[kind][index]
            if axis is None:
                transposed = attribute(node, "transA" if index == 0 else "transB", 0)
                axis = index == 0 if transposed else index != 0
            axis = int(axis) + (dimensions if dimensions and axis < 0 else 0)
            return Verdict("weight", f"weight of {kind}", axis, (number, index))
        if _onward(tensor, use) is not None:
            return further._replace(axis=_back(node, further.axis, dimensions))
        return self._other(node, index)._replace(place=(number, index))

    def _other(self, node, index):
        import onnx

        kind, domain = node.op_type, node.domain if node.domain != "ai.onnx" else ""
        with library():
            schema = onnx.defs.get_schema(kind, domain) if onnx.defs.has(kind, domain) else None
        if kind in UNSURE or schema is None:
            known = "" if kind in UNSURE else "unknown "
            return Verdict(None, f"input {index} of {known}operator {domain + '.' if domain else ''}{kind}")
        if (kind, index) in BIASES:
            return Verdict("raw", f"bias of {kind}")
        inputs = schema.inputs
        name = inputs[min(index, len(inputs) - 1)].name if inputs else index
        return Verdict("raw", f"{name} of {kind}")

    def quantization(self, name) -> Quantization | None:
        """The constants that are scale and zero point of integers, if all uses of them agree."""
        found = {self._quantization(use) for use in self.uses.get(name, [])
                 if use.index in SCALES.get(use.node.op_type, {})}
        return found.pop() if len(found) == 1 else None

    def rounder(self, name):
        """The QuantizeLinear that alone takes a tensor, if all that follows it undoes it; else ``None``."""
        uses = self.uses.get(name, [])
        if len(uses) != 1 or uses[0].node.op_type != "QuantizeLinear" or uses[0].index or name in self.outputs:
            return None
        node = uses[0].node
        if not node.output or self.makers[node.output[0]] > 1:
            return None
        after = self.uses.get(node.output[0], [])
        undone = all(use.node.op_type == "DequantizeLinear" and use.index == 0 and use.node.input[1:] == node.input[1:]
                     for use in after)
        return node if after and undone and node.output[0] not in self.outputs else None

    def bias_scales(self, name) -> tuple[str, str] | None:
        """The constants whose product is the scale of a bias of integers, where the operator says so."""
        for node, index, _ in self.uses.get(name, []):
            bias, parts = BIAS_SCALES.get(node.op_type, (None, ()))
            names = tuple(node.input[part] for part in parts) if index == bias else ()
            if index == bias and all(part in self.constants for part in names):
                return names
        return None

    def serves_only(self, part, owners) -> bool:
        """Whether all that a tensor is used for is to be scale or zero point of these."""
        return part not in self.outputs and all(
            any(use.index in pair and use.node.input[index] in owners
                for index, pair in SCALES.get(use.node.op_type, {}).items()) for use in self.uses[part])

    def _quantization(self, use):
        node = use.node
        scale, zero_point = (node.input[index] if index is not None and index < len(node.input) else ""
                             for index in SCALES[node.op_type][use.index])
        axis = attribute(node, "axis", 1)
        if node.op_type not in ("DequantizeLinear", "QuantizeLinear"):
            axis = WEIGHTS[node.op_type][use.index]
            axis = axis if axis is not None else int(not attribute(node, "transB", 0))
        if attribute(node, "block_size", 0):
            return None
        if any(name and name not in self.constants for name in (scale, zero_point)):
            return None
        return Quantization(scale or None, zero_point or None, axis)


def attribute(node, name, default):
    """The value of an attribute of a node, or the default."""
    import onnx

    found = next((each for each in node.attribute if each.name == name), None)
    if found is None:
        return default
    with library():
        value = onnx.helper.get_attribute_value(found)
    if not isinstance(value, (list, range) if isinstance(default, range) else type(default)):
        raise Unsound(f"attribute {name} of {node.op_type} is of another type")
    return value


def _text(name):
    if not isinstance(name, str):  # The library hands over as bytes what is no UTF-8.
        raise Unsound(f"a name is no text: {name!r}")
    return name


def _texts(node):
    """The names of what a node makes; all its names must be text."""
    for name in (node.op_type, node.domain, *node.input, *(each.name for each in node.attribute)):
        _text(name)
    return [_text(name) for name in node.output if name]


def _onward(tensor, use):
    """The tensor that a tensor becomes in an operator that only hands it on, with its dimensions if they stay known."""
    (_, dimensions), (node, index, _) = tensor, use
    kind = node.op_type
    if index or 0 in WEIGHTS.get(kind, {}) or kind not in PASSING | RESHAPING or not (node.output and node.output[0]):
        return None
    return node.output[0], None if kind in RESHAPING else dimensions


def _back(node, axis, dimensions):
    """The axis of a tensor that becomes an axis of what a node makes of it; ``None`` where that cannot be said."""
    if node.op_type in RESHAPING or axis is None or dimensions is None:
        return None
    if node.op_type != "Transpose":
        return axis
    order = attribute(node, "perm", range(dimensions)[::-1])
    return int(order[axis]) if 0 <= axis < dimensions and sorted(order) == list(range(dimensions)) else None
