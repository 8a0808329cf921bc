"""ONNX models: float, QDQ and QOperator, with data in the file or beside it."""

from functools import partial

import numpy as np

from ..errors import InputError
from ..formats import TensorFile
from ..rules import check_finite
from .onnx_data import kind_of, read_constant
from .onnx_fold import find_folds
from .onnx_graph import Graph
from .onnx_load import load_graph
from .unsound import Unsound
from .verdicts import describe

__all__ = ["OnnxFile"]


class OnnxFile(TensorFile):
    """The constants of a graph, in order of execution.

    Parameters
    ----------
    path : str or Path
    fold : bool
        Fold batch normalizations where `golden.frontend.onnx_fold` can.
    """

    def __init__(self, path, fold=True):
        self.fold = fold
        self.made = {}  # name: the function that makes this tensor from those of the file
        super().__init__(path)

    def read(self, name):
        return self.made[name](self._stored) if name in self.made else self._stored(name)

    def _open(self):
        try:
            self.graph = Graph(load_graph(self.path))
            self.kinds = {name: kind_of(self.path, name, constant) for name, constant in self.graph.constants.items()}
            self._understand()
        except Unsound as error:
            raise InputError(f"{self.path}: not a sound .onnx file: {error}") from None

    def _understand(self):
        """Fill `tensors`."""
        verdicts = {name: self.graph.verdict(name, len(shape)) for name, (shape, _) in self.kinds.items()}
        order = sorted(self.kinds, key=lambda name: verdicts[name].place)
        self.tensors = {name: describe(verdicts[name], *self.kinds[name]) for name in order}
        self._round_weights()
        self._attach_scales()
        if self.fold:
            self._fold_all()

    def _stored(self, name):
        """A constant as the file has it."""
        return read_constant(self.path, name, self.graph.constants[name], self.graph.places.get(name))

    def _round_weights(self):
        """Take float weights that the graph rounds itself as the integers that it makes of them."""
        for name, info in self.tensors.items():
            node = self.graph.rounder(name) if info.action == "weight" and info.dtype.kind == "f" else None
            found = self.graph.quantization(name) if node is not None else None
            if found is None or found.scale is None or found.zero_point is None:
                continue
            dtype = self.kinds[found.zero_point][1]
            scale, zero_point = (self._shaped(part, info.shape, found.axis) for part in found[:2])
            if dtype in (np.int8, np.uint8) and scale is not None and zero_point is not None:
                self.made[name] = partial(_rounded, name, scale, zero_point)
                self.tensors[name] = info._replace(dtype=dtype, reason=f"{info.reason}, rounded by {node.op_type}")

    def _attach_scales(self):
        """Give integers their scale and zero point; what serves nothing else is not written by its own name."""
        served = {}
        for name, info in self.tensors.items():
            if info.dtype is None or info.dtype.kind not in "iu":
                continue
            found, factors = self.graph.quantization(name), self.graph.bias_scales(name)
            if factors is not None:
                self.tensors[name] = info._replace(scale=self._product(factors, info.shape))
            if found is None:
                continue
            beside = [self._shaped(part, info.shape, found.axis) for part in found[:2]]
            if any(part is not None and array is None for part, array in zip(found[:2], beside)):
                continue
            self.tensors[name] = info._replace(scale=beside[0], zero_point=beside[1])
            for part in found[:2]:
                served.setdefault(part, []).append(name)
        for part, owners in served.items():
            rounded = [self.graph.rounder(name).output[0] for name in owners if name in self.made]
            if part is not None and self.graph.serves_only(part, {*owners, *rounded}):
                self.tensors[part] = self.tensors[part]._replace(
                    action="merged", reason=f"scale or zero point of {', '.join(owners)}, written beside")

    def _product(self, names, shape):
        """The product of scales, if that has a shape that broadcasts."""
        parts = [self._shaped(name, shape, 0) for name in names]
        if any(part is None for part in parts):
            return None
        with np.errstate(over="ignore", invalid="ignore"):  # What comes of it is checked where it is used.
            return np.multiply(*(part.astype(np.float32) for part in parts))

    def _shaped(self, part, shape, axis):
        """A scale or zero point of a shape that broadcasts; ``None`` if there is none, or it has no such shape."""
        if part is None or self.tensors[part].dtype is None:
            return None
        array = self._stored(part)
        if array.size == 1:
            return array.reshape(())
        if array.ndim == 1 and -len(shape) <= axis < len(shape) and array.size == shape[axis]:
            return array.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))])
        fits = array.ndim == len(shape) and all(n in (1, whole) for n, whole in zip(array.shape, shape))
        return array if fits else None

    def _fold_all(self):
        folds = {fold.weight: fold for fold in find_folds(self.graph, self.tensors)}
        gone = {}
        for fold in folds.values():
            for name in fold.norm:
                gone.setdefault(name, []).append(fold)
        tensors, taken = {}, set(self.tensors)
        for name, info in self.tensors.items():
            if len(gone.get(name, [])) == len(self.graph.uses.get(name, [])) > 0:
                info = info._replace(action="folded", reason=f"folded into {gone[name][0].weight}")
            tensors[name] = info
            fold = folds.get(name)
            if fold is not None:
                tensors[name] = info._replace(reason=f"{info.reason}, batch normalization folded in",
                                              dtype=np.dtype(np.float32))
                self.made[name] = fold.folded_weight
                if fold.bias is None:
                    bias = _bias_name(name, taken)
                    taken.add(bias)
                    tensors[bias] = tensors[name]._replace(shape=(info.shape[fold.axis],), action="raw", axis=None)
                    self.made[bias] = fold.folded_bias
        for fold in folds.values():
            if fold.bias is not None:
                tensors[fold.bias] = tensors[fold.bias]._replace(dtype=np.dtype(np.float32))
                self.made[fold.bias] = fold.folded_bias
        for name, info in tensors.items():
            if name in self.made and info.action == "raw":
                tensors[name] = info._replace(reason="bias, batch normalization folded in")
        self.tensors = tensors


def _bias_name(weight, taken):
    """A name for the bias of a layer that had none."""
    name = f"{weight.removesuffix('.weight')}.bias"
    while name in taken:
        name += "_"
    return name


def _rounded(name, scale, zero_point, read):
    """What QuantizeLinear makes of a tensor: a tie goes to the even integer, then the zero point is added."""
    weights = read(name)
    check_finite(name, weights)
    check_finite(f"scale of {name}", scale)
    if not (scale > 0).all():
        raise InputError(f"scale of {name} must be positive, not {scale.min()}")
    limits = np.iinfo(zero_point.dtype)
    with np.errstate(over="ignore"):  # What is beyond any float is beyond the limits.
        steps = np.rint(weights / scale)
    return np.clip(steps + zero_point, limits.min, limits.max).astype(zero_point.dtype)
