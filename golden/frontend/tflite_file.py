"""TFLite models: float and integer, per tensor or per channel. Nothing is read before it is asked for."""

import math
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..formats import TensorFile, check_shape, missing_extra
from .flat_tables import root
from .mapped import forget, map_file
from .names import Names
from .unsound import Unsound, library
from .verdicts import Verdict, describe, follow

__all__ = ["TfliteFile"]

#: For each operator the inputs that are weights, and the axis of the output channels.
WEIGHTS = {
    "CONV_2D": {1: 0}, "DEPTHWISE_CONV_2D": {1: -1}, "TRANSPOSE_CONV": {1: 0}, "CONV_3D": {1: -1},
    "CONV_3D_TRANSPOSE": {1: -2}, "FULLY_CONNECTED": {1: 0}, "BATCH_MATMUL": {0: -2, 1: -1},
    "EMBEDDING_LOOKUP": {1: 0}, "GATHER": {0: 0}, "SVDF": {1: 0, 2: 0},
    "RNN": {1: 0, 2: 0}, "UNIDIRECTIONAL_SEQUENCE_RNN": {1: 0, 2: 0},
    "LSTM": {**dict.fromkeys(range(1, 9), 0), 16: 0},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {**dict.fromkeys(range(1, 9), 0), 16: 0},
    "BIDIRECTIONAL_SEQUENCE_RNN": dict.fromkeys((1, 2, 4, 5), 0),
}
BIASES = {("CONV_2D", 2), ("DEPTHWISE_CONV_2D", 2), ("TRANSPOSE_CONV", 3), ("FULLY_CONNECTED", 2), ("CONV_3D", 2)}
#: Operators that hand a constant on, as what it is.
PASSING = {"DEQUANTIZE", "QUANTIZE", "CAST"}
#: Operators that do not say whether an input is a weight.
UNSURE = {"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES", "CALL", "IF", "WHILE"}

#: Buffers of more bytes than this are let go as soon as their place is known.
LARGE = 1 << 16

#: NumPy's types by the names of the format; those of 4 bits are unpacked to 8.
TYPES = {"FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "INT8": "i1", "UINT8": "u1", "INT16": "<i2",
         "UINT16": "<u2", "INT32": "<i4", "UINT32": "<u4", "INT64": "<i8", "UINT64": "<u8", "INT4": "i1"}


#: The fields of tables, by their numbers in the schema.
MODEL_CODES, MODEL_GRAPHS, MODEL_BUFFERS = 1, 2, 4
CODE_OLD, CODE_CUSTOM, CODE_NUMBER = 0, 1, 3
GRAPH_TENSORS, GRAPH_OUTPUTS, GRAPH_OPERATORS = 0, 2, 3
TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANTIZATION, TENSOR_SPARSITY = 0, 1, 2, 3, 4, 6
QUANTIZATION_SCALE, QUANTIZATION_ZERO_POINT, QUANTIZATION_AXIS = 2, 3, 6
OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS = 0, 1, 2
BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE = 0, 1, 2


class Use(NamedTuple):
    """An operator that takes a tensor."""

    kind: str  #: the name of the operator
    index: int  #: which of its inputs the tensor is
    number: int  #: in order of execution
    output: int | None  #: the first tensor that it makes


class TfliteFile(TensorFile):
    """The constants of all graphs of a model, in order of execution."""

    def read(self, name):
        kind, shape, start, count = self.places[name]
        self.file.seek(start)  # Not from the mapping, whose pages would stay.
        data = np.frombuffer(self.file.read(count), np.uint8)
        if len(data) != count:
            raise InputError(f"{self.path}: not a sound .tflite file: it ends within {name}")
        if kind == "INT4":
            low = np.stack((data & 15, data >> 4), axis=-1).reshape(-1)[:math.prod(shape)].astype(np.int8)
            return np.where(low > 7, low - 16, low).astype(np.int8).reshape(shape)
        array = np.frombuffer(data, TYPES[kind]).reshape(shape)
        return np.array(array, self.tensors[name].dtype, order="C")

    def _open(self):
        try:
            import tflite
        except ImportError:
            raise missing_extra(self.path, "tflite") from None
        self.file = self._opened()
        self.places, self.names = {}, Names()
        self.labels = {number: label for label, number in vars(tflite.TensorType).items() if not label.startswith("_")}
        try:
            with library():
                data = map_file(self.file)
            with data:
                if data[4:8] != b"TFL3":
                    raise Unsound("its identifier is not TFL3")
                self._walk(data, root(data), tflite.BUILTIN_OPCODE2NAME)
        except Unsound as error:
            raise InputError(f"{self.path}: not a sound .tflite file: {error}") from None
        if not self.tensors:
            raise InputError(f"{self.path}: not a sound .tflite file: there is no constant tensor in it")

    def _walk(self, data, model, labels):
        """Fill `tensors` and `places`."""
        # One after the other: what is beside a table, which may be data, is let go before the next one is looked at.
        buffers = [_extent(data, buffer) for buffer in model.tables(MODEL_BUFFERS)]
        codes = [_operator(code, labels) for code in model.tables(MODEL_CODES)]
        found = []
        for number, graph in enumerate(model.tables(MODEL_GRAPHS)):
            tensors = list(graph.tables(GRAPH_TENSORS))
            dimensions = [tensor.span(TENSOR_SHAPE, 4)[1] for tensor in tensors]
            uses = _uses(graph, codes, len(tensors))
            outputs = set(graph.vector(GRAPH_OUTPUTS, "<i4").tolist())
            known = {}
            for index, tensor in enumerate(tensors):
                buffer = tensor.scalar(TENSOR_BUFFER, "<I")
                if buffer >= max(1, len(buffers)):
                    raise Unsound(f"a tensor is in buffer {buffer} of {len(buffers)}")
                if buffer and buffers[buffer][1]:  # A constant.
                    verdict = _verdict(index, uses, dimensions, outputs, known)
                    found.append(((number, *verdict.place), tensor, *buffers[buffer], verdict))
        for _, *constant in sorted(found, key=lambda item: item[0]):
            self._add(*constant)

    def _add(self, tensor, start, count, verdict):
        name = self.names.give(tensor.text(TENSOR_NAME) or "tensor")
        shape = tuple(tensor.vector(TENSOR_SHAPE, "<i4").tolist())
        kind = self.labels.get(tensor.scalar(TENSOR_TYPE, "<b"), "unknown")
        if tensor.table(TENSOR_SPARSITY) is not None:
            kind, verdict = "sparse", verdict._replace(reason=f"{verdict.reason}, sparse")
        dtype = None
        if kind in TYPES:
            stored = np.dtype(TYPES[kind])
            dtype = np.dtype(np.float64 if kind == "FLOAT64" else np.float32) if stored.kind == "f" else stored
            size = math.prod(shape)
            needed = (size + 1) // 2 if kind == "INT4" else size * stored.itemsize
            if min(shape, default=0) < 0 or needed != count:
                raise InputError(f"{self.path}: tensor {name} of {kind} and shape {shape} must have {needed} bytes of "
                                 f"data, not {count}")
            check_shape(self.path, name, shape, dtype)
            dtype = dtype.newbyteorder("=")
        scale, zero_point = _quantization(tensor, shape) if dtype is not None and dtype.kind in "iu" else (None, None)
        self.places[name] = (kind, shape, start, count)
        self.tensors[name] = describe(verdict, shape, dtype, scale, zero_point)


def _extent(data, buffer):
    """Start and length of a buffer's data, which must be in the file."""
    start, count = buffer.scalar(BUFFER_OFFSET, "<Q"), buffer.scalar(BUFFER_SIZE, "<Q")
    if start <= 1:  # The data are in the table, and not, for a large file, behind it.
        start, count = buffer.span(BUFFER_DATA, 1)
    buffer.file.check(start, count)
    if count > LARGE:
        forget(data)
    return start, count


def _operator(code, labels):
    """The name of an operator. Old files have its number in a field of one byte."""
    number = max(code.scalar(CODE_NUMBER, "<i"), code.scalar(CODE_OLD, "<b"))
    label = labels.get(number, f"number {number}")
    return f"CUSTOM {code.text(CODE_CUSTOM)}".strip() if label == "CUSTOM" else label


def _uses(graph, codes, tensors):
    """For each tensor of a graph its uses; ``tensors`` is how many there are."""
    uses = {}
    for number, node in enumerate(graph.tables(GRAPH_OPERATORS)):
        code = node.scalar(OPERATOR_CODE, "<I")
        inputs, outputs = (node.vector(field, "<i4").tolist() for field in (OPERATOR_INPUTS, OPERATOR_OUTPUTS))
        if code >= len(codes):
            raise Unsound(f"an operator has code {code} of {len(codes)}")
        if not all(-1 <= tensor < tensors for tensor in (*inputs, *outputs)):  # -1 is one that is left out.
            raise Unsound(f"an operator has tensors that are none of {tensors}")
        output = outputs[0] if outputs and outputs[0] >= 0 else None
        for index, tensor in enumerate(inputs):
            uses.setdefault(tensor, []).append(Use(codes[code], index, number, output))
    return uses


def _verdict(tensor, uses, dimensions, outputs, known):
    """What the uses of a tensor say of it."""
    return follow(tensor, lambda each: uses.get(each, []), _onward,
                  lambda each, use, further: _say(use, dimensions[each], further), outputs.__contains__, known)


def _onward(_tensor, use):
    """The tensor that a tensor becomes in an operator that only hands it on."""
    return use.output if use.kind in PASSING and use.index == 0 else None


def _say(use, dimensions, further):
    kind, index, number, _ = use
    axis = WEIGHTS.get(kind, {}).get(index)
    if axis is not None:
        return Verdict("weight", f"weight of {kind}", axis + (dimensions if axis < 0 else 0), (number, index))
    if _onward(None, use) is not None:
        return further
    if kind.split()[0] in UNSURE or kind.startswith("number "):
        return Verdict(None, f"input {index} of unknown operator {kind}", None, (number, index))
    return Verdict("raw", f"bias of {kind}" if (kind, index) in BIASES else f"input {index} of {kind}", None,
                   (number, index))


def _quantization(tensor, shape):
    """Scale and zero point of a tensor, of a shape that broadcasts; ``None`` for each that is not there."""
    quantization = tensor.table(TENSOR_QUANTIZATION)
    scale = None if quantization is None else quantization.vector(QUANTIZATION_SCALE, "<f4")
    if scale is None or not scale.size:
        return None, None
    zero_point = quantization.vector(QUANTIZATION_ZERO_POINT, "<i8")
    parts = [scale.astype(np.float32), zero_point.astype(np.int64) if zero_point.size else np.zeros(1, np.int64)]
    axis = quantization.scalar(QUANTIZATION_AXIS, "<i")
    for number, part in enumerate(parts):
        if part.size == 1:
            parts[number] = part.reshape(())
        elif 0 <= axis < len(shape) and part.size == shape[axis]:
            parts[number] = part.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        else:
            raise Unsound(f"there are {part.size} scales or zero points of a tensor of shape {shape}")
    return parts
