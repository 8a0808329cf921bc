"""The plain description of a convolutional network, feed-forward or residual: what its weights are multiplied with.

A description is JSON, and says nothing of numbers but shapes::

    {"name": "resnet8", "input": {"shape": [32, 32, 3], "zero": 0, "scale": 1},
     "nodes": [{"name": "conv2d", "kind": "conv", "outputs": 16, "size": [3, 3], "activation": "relu"},
               {"name": "add", "kind": "add", "inputs": ["conv2d", "conv2d_2"], "activation": "relu"}, ...]}

Pixels p become ``(p - zero) * scale``. Each node takes the one before it, or those that ``inputs`` names; ``input`` is
the image. The last node hands out the scores. Kinds:

- ``conv``: weights OHWI, ``size`` [H, W], ``stride`` (default [1, 1]), ``padding`` "same" (default) or "valid";
- ``depthwise``: weights HWC, the same options but ``outputs``;
- ``dense``: weights OI, inputs in the order (height, width, channel);
- ``add``: the sum of two or more inputs of one shape;
- ``mean``: the mean over height and width; ``max_pool`` and ``average_pool``: ``size``, ``stride`` (default: the size).

Arrays of a node are ``NAME.weight`` and ``NAME.bias``. Activations are NHWC; "same" pads as TensorFlow does, an odd
remainder at the bottom and right; a padded place counts for neither pool. ``activation`` is "none" (default) or "relu".
"""

import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path

from ..cli import read_bytes
from ..errors import ConfigError, InputError

__all__ = ["ACTIVATIONS", "KINDS", "PADDINGS", "Network", "Node", "find_network", "parse_network", "shipped_networks"]

KINDS = ("conv", "depthwise", "dense", "add", "mean", "max_pool", "average_pool")
WEIGHTED = ("conv", "depthwise", "dense")
WINDOWED = ("conv", "depthwise", "max_pool", "average_pool")
PADDINGS = ("same", "valid")
ACTIVATIONS = ("none", "relu")
INPUT = "input"


@dataclass(frozen=True)
class Node:
    """One node of a network; see the page above for what its kind makes of the fields.

    Raises
    ------
    ConfigError
        If a field is out of range or does not belong to the kind.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: int | None = None
    size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: str = "same"
    activation: str = "none"

    def __post_init__(self):
        for name, words in (("kind", KINDS), ("padding", PADDINGS), ("activation", ACTIVATIONS)):
            if getattr(self, name) not in words:
                raise ConfigError(f"{name} of {self.name} must be one of {', '.join(words)}, not "
                                  f"{getattr(self, name)!r}")
        for name, kinds in (("outputs", ("conv", "dense")), ("size", WINDOWED), ("stride", WINDOWED)):
            given = getattr(self, name) is not None
            if given and self.kind not in kinds or not given and self.kind in kinds and name != "stride":
                raise ConfigError(f"{name} of {self.name}, of kind {self.kind}, must {'not ' * given}be given")
        if self.stride is None and self.kind in WINDOWED:
            object.__setattr__(self, "stride", self.size if self.kind.endswith("_pool") else (1, 1))
        for name in ("size", "stride"):
            pair = getattr(self, name)
            if pair is not None and (len(pair) != 2 or not all(_whole(each) for each in pair)):
                raise ConfigError(f"{name} of {self.name} must be two whole numbers from 1, not {list(pair)}")
        if self.outputs is not None and not _whole(self.outputs):
            raise ConfigError(f"outputs of {self.name} must be a whole number from 1, not {self.outputs!r}")
        if len(self.inputs) < 2 if self.kind == "add" else len(self.inputs) != 1:
            raise ConfigError(f"inputs of {self.name} must be {'two or more' if self.kind == 'add' else 'one'}, not "
                              f"{len(self.inputs)}")

    @property
    def weighted(self) -> bool:
        """Whether it has weights and biases."""
        return self.kind in WEIGHTED

    @property
    def output_axis(self) -> int:
        """The axis of the output channels in its weights."""
        return 2 if self.kind == "depthwise" else 0


@dataclass(frozen=True)
class Network:
    """A whole network.

    Parameters
    ----------
    name : str
    input_shape : tuple of int
        Height, width, channels.
    nodes : tuple of Node
        Each takes what stands before it.
    zero, scale : float
        A pixel p is taken as ``(p - zero) * scale``.

    Raises
    ------
    ConfigError
        If names repeat, an input does not stand before its node, or shapes do not fit.
    """

    name: str
    input_shape: tuple[int, int, int]
    nodes: tuple[Node, ...]
    zero: float = 0.0
    scale: float = 1.0
    #: The shape of what each node hands out, without the batch: (H, W, C) or (C,); and that of ``input``.
    shapes: dict[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if len(self.input_shape) != 3 or not all(_whole(each) for each in self.input_shape):
            raise ConfigError(f"shape of the input must be height, width, channels, not {list(self.input_shape)}")
        if not self.nodes:
            raise ConfigError(f"nodes of {self.name} must be at least one")
        if not math.isfinite(self.zero) or not math.isfinite(self.scale) or self.scale == 0:
            raise ConfigError(f"zero and scale of {self.name} must be finite, the scale not 0")
        object.__setattr__(self, "shapes", _shapes(self.input_shape, self.nodes))

    @cached_property
    def weights(self) -> dict[str, tuple[int, ...]]:
        """The shape of the weights of each node that has some, in order."""
        return {node.name: _weight_shape(node, self.shapes[node.inputs[0]]) for node in self.nodes if node.weighted}

    def node(self, name: str) -> Node:
        """The node of a name."""
        return next(node for node in self.nodes if node.name == name)

    def check(self, tensors) -> None:
        """Raise `InputError` unless all weights and biases are there, in the shapes of the description."""
        for name, shape in self.weights.items():
            outputs = shape[self.node(name).output_axis]
            for array, wanted in ((f"{name}.weight", shape), (f"{name}.bias", (outputs,))):
                if array not in tensors:
                    raise InputError(f"{array} of {self.name} must be there; it is not")
                if tuple(tensors[array].shape) != wanted:
                    raise InputError(f"{array} must be of shape {wanted}, as {self.name} says, not "
                                     f"{tuple(tensors[array].shape)}")

    def as_dict(self) -> dict:
        """What `parse_network` takes."""
        nodes, before = [], INPUT
        for node in self.nodes:
            fields = {"name": node.name, "kind": node.kind}
            if node.inputs != (before,):
                fields["inputs"] = list(node.inputs)
            default = node.size if node.kind.endswith("_pool") else (1, 1)
            fields |= {"outputs": node.outputs} if node.outputs else {}
            fields |= {"size": list(node.size)} if node.size else {}
            fields |= {"stride": list(node.stride)} if node.stride and node.stride != default else {}
            fields |= {key: value for key, value, usual in (("padding", node.padding, "same"),
                                                            ("activation", node.activation, "none")) if value != usual}
            nodes.append(fields)
            before = node.name
        return {"name": self.name, "input": {"shape": list(self.input_shape), "zero": self.zero, "scale": self.scale},
                "nodes": nodes}


def parse_network(text: str | bytes, source: str = "description") -> Network:
    """A network from its JSON.

    Raises
    ------
    InputError
        If it is no JSON, or not of the form above; ``source`` is named.
    """
    try:
        found = json.loads(text)
        nodes, before = [], INPUT
        for fields in found["nodes"]:
            fields = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
            nodes.append(Node(**({"inputs": (before,)} | fields)))
            before = nodes[-1].name
        image = found["input"]
        return Network(found["name"], tuple(image["shape"]), tuple(nodes), float(image.get("zero", 0)),
                       float(image.get("scale", 1)))
    except ConfigError as error:
        raise InputError(f"{source}: {error}") from None
    except KeyError as error:
        raise InputError(f"{source}: a description must have {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{source}: not the description of a network: {' '.join(str(error).split())}") from None


def shipped_networks() -> list[str]:
    """Names of the descriptions that ship with Tansy."""
    folder = resources.files(__package__) / "networks"
    return sorted(path.name.removesuffix(".json") for path in folder.iterdir() if path.name.endswith(".json"))


def find_network(name: str) -> Network:
    """The network of a file ``.json``, or one that ships with Tansy, by its name.

    Raises
    ------
    InputError
        If there is no such file or name, or it is no description.
    """
    if name in shipped_networks():
        return parse_network((resources.files(__package__) / "networks" / f"{name}.json").read_bytes(), name)
    if Path(name).suffix != ".json":
        raise InputError(f"network must be a file .json or one of {', '.join(shipped_networks())}, not {name!r}")
    return parse_network(read_bytes(name), name)


def _whole(number):
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _shapes(input_shape, nodes):
    found = {INPUT: input_shape}
    for node in nodes:
        if node.name in found:
            raise ConfigError(f"names must be different; two nodes are {node.name}")
        for name in node.inputs:
            if name not in found:
                raise ConfigError(f"inputs of {node.name} must stand before it; {name!r} does not")
        found[node.name] = _output_shape(node, [found[name] for name in node.inputs])
    return found


def _output_shape(node, shapes):
    shape = shapes[0]
    if node.kind == "dense":
        return (node.outputs,)
    if node.kind == "add":
        if any(other != shape for other in shapes):
            raise ConfigError(f"inputs of {node.name} must be of one shape, not {' and '.join(map(str, shapes))}")
        return shape
    if len(shape) != 3:
        raise ConfigError(f"input of {node.name} must have height, width and channels, not be of shape {shape}")
    if node.kind == "mean":
        return shape[2:]
    sides = [-(-(length if node.padding == "same" else length - size + 1) // stride)
             for length, size, stride in zip(shape, node.size, node.stride)]
    if min(sides) < 1:
        raise ConfigError(f"size of {node.name} must fit its input of shape {shape}, not be {list(node.size)}")
    return (*sides, node.outputs or shape[2])


def _weight_shape(node, shape):
    if node.kind == "dense":
        return (node.outputs, math.prod(shape))
    return (*node.size, shape[2]) if node.kind == "depthwise" else (node.outputs, *node.size, shape[2])
