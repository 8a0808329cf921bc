"""ONNX models: float, QDQ and QOperator, with data in the file or beside it."""

from functools import partial

import numpy as np

from ..errors import InputError
from ..formats import TensorFile, one_line
from ..rules import check_finite
from .onnx_fold import find_folds
from .onnx_graph import Graph
from .onnx_load import load_graph, read_data
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
            self._understand()
        except InputError:
            raise
        except Exception as error:  # The library does not check a graph: what a damaged one raises is an open set.
            raise InputError(f"{self.path}: not a sound .onnx file: {one_line(error)}") from None

    def _understand(self):
        """Fill `tensors`."""
        self.graph = Graph(load_graph(self.path))
        self.kinds = {name: self._kind(name) for name in self.graph.constants}
        verdicts = {name: self.graph.verdict(name, len(shape)) for name, (shape, _) in self.kinds.items()}
        order = sorted(self.kinds, key=lambda name: verdicts[name].place)
        self.tensors = {name: describe(verdicts[name], *self.kinds[name]) for name in order}
        self._round_weights()
        self._attach_scales()
        if self.fold:
            self._fold_all()

    def _kind(self, name):
        """Shape and type of a constant; no type if it holds neither integers nor floats."""
        import onnx

        constant = self.graph.constants[name]
        if isinstance(constant, onnx.SparseTensorProto) or (isinstance(constant, onnx.AttributeProto)
                                                            and constant.name == "sparse_value"):
            return (), None
        if isinstance(constant, onnx.AttributeProto) and constant.name != "value":
            values = onnx.helper.get_attribute_value(constant)
            array = np.asarray(values, {"value_int": np.int64, "value_ints": np.int64, "value_float": np.float32,
                                        "value_floats": np.float32}.get(constant.name, np.str_))
            return array.shape, array.dtype if array.dtype.kind in "if" else None
        tensor = constant.t if isinstance(constant, onnx.AttributeProto) else constant
        shape = tuple(tensor.dims)
        if min(shape, default=0) < 0:
            raise InputError(f"{self.path}: tensor {name} must have no negative dimension, not {shape}")
        label = onnx.TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in (
            onnx.TensorProto.DataType.values()) else "UNDEFINED"
        if label in ("UNDEFINED", "STRING", "BOOL", "COMPLEX64", "COMPLEX128"):
            return shape, None
        if label.startswith(("INT", "UINT")):
            bits = max(8, int(label.removeprefix("U").removeprefix("INT")))
            return shape, np.dtype(f"{'u' if label[0] == 'U' else ''}int{bits}")
        return shape, np.dtype(np.float64 if label == "DOUBLE" else np.float32)

    def _stored(self, name):
        """A constant as the file has it."""
        import onnx

        constant, (shape, dtype) = self.graph.constants[name], self.kinds[name]
        if isinstance(constant, onnx.AttributeProto):
            if constant.name != "value":
                return np.asarray(onnx.helper.get_attribute_value(constant), dtype)
            constant = constant.t
        array = read_data(self.path, name, constant)
        if array.shape != shape or array.dtype != dtype:
            raise InputError(f"{self.path}: tensor {name} must be {dtype} of shape {shape}, not {array.dtype} of "
                             f"{array.shape}")
        return array

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
            if part is not None and self.graph.serves_only(part, owners + rounded):
                self.tensors[part] = self.tensors[part]._replace(
                    action="merged", reason=f"scale or zero point of {', '.join(owners)}, written beside")

    def _product(self, names, shape):
        """The product of scales, if that has a shape that broadcasts."""
        parts = [self._shaped(name, shape, 0) for name in names]
        return None if any(part is None for part in parts) else np.multiply(*parts, dtype=np.float32)

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
        tensors = {}
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
                    bias = _bias_name(name, self.tensors.keys() | tensors.keys())
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
    return np.clip(np.rint(weights / scale) + zero_point, limits.min, limits.max).astype(zero_point.dtype)
