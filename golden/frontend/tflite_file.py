"""TFLite models: float and integer, per tensor or per channel. Nothing is read before it is asked for."""

import math

import numpy as np

from ..errors import InputError
from ..formats import TensorFile, missing_extra, one_line
from .mapped import forget, map_file
from .verdicts import Verdict, best, describe

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


class TfliteFile(TensorFile):
    """The constants of all graphs of a model, in order of execution."""

    def read(self, name):
        kind, shape, start, count = self.places[name]
        self.file.seek(start)  # Not from the mapping, whose pages would stay.
        data = np.frombuffer(self.file.read(count), np.uint8)
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
        try:
            # The package's arrays may still look at the mapping when the file is closed; it goes with the last of them.
            self.data = map_file(self.file)
            if not tflite.Model.ModelBufferHasIdentifier(self.data, 0):
                raise ValueError("its identifier is not TFL3")
            self._walk(tflite, tflite.Model.GetRootAs(self.data, 0))
        except InputError:
            raise
        except Exception as error:  # The package does not check what it reads: what garbage raises is an open set.
            raise InputError(f"{self.path}: not a sound .tflite file: {one_line(error)}") from None
        if not self.tensors:
            raise InputError(f"{self.path}: not a sound .tflite file: there is no constant tensor in it")

    def _walk(self, tflite, model):
        """Fill `tensors` and `places`."""
        labels = {number: label for label, number in vars(tflite.TensorType).items() if not label.startswith("_")}
        found, self.places = [], {}
        for number in range(self._length(model.BuffersLength())):
            self._extent(model.Buffers(number))
        for number in range(self._length(model.SubgraphsLength())):
            graph = model.Subgraphs(number)
            uses = self._uses(tflite, model, graph)
            outputs = set(graph.OutputsAsNumpy().tolist()) if graph.OutputsLength() else set()
            for index in range(self._length(graph.TensorsLength())):
                tensor = graph.Tensors(index)
                place = self._place(model, tensor)
                if place is not None:
                    verdict = _verdict(graph, uses, outputs, index)
                    kind = labels.get(tensor.Type(), "unknown")
                    found.append(((number, *verdict.place), tensor, kind, *place, verdict))
        for _, *constant in sorted(found, key=lambda item: item[0]):
            self._add(*constant)

    def _add(self, tensor, kind, start, count, verdict):
        name = self._unique((tensor.Name() or b"tensor").decode())
        shape = tuple(tensor.ShapeAsNumpy().tolist()) if tensor.ShapeLength() else ()
        if tensor.Sparsity() is not None:
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
            dtype = dtype.newbyteorder("=")
        scale, zero_point = _quantization(tensor, shape) if dtype is not None and dtype.kind in "iu" else (None, None)
        self.places[name] = (kind, shape, start, count)
        self.tensors[name] = describe(verdict, shape, dtype, scale, zero_point)

    def _uses(self, tflite, model, graph):
        """For each tensor of a graph: name of the operator, which input, number of the operator, first output."""
        uses = {}
        for number in range(self._length(graph.OperatorsLength())):
            node = graph.Operators(number)
            code = model.OperatorCodes(node.OpcodeIndex())
            kind = _operator(tflite, code)
            output = node.Outputs(0) if node.OutputsLength() else None
            for index, tensor in enumerate(node.InputsAsNumpy().tolist() if node.InputsLength() else ()):
                uses.setdefault(tensor, []).append((kind, index, number, output))
        return uses

    def _place(self, model, tensor):
        """Start and length of the data of a tensor; ``None`` if it is not a constant."""
        if not 0 < tensor.Buffer() < model.BuffersLength():
            if tensor.Buffer():
                raise ValueError(f"a tensor in buffer {tensor.Buffer()} of {model.BuffersLength()}")
            return None
        start, count = self._extent(model.Buffers(tensor.Buffer()))
        return (start, count) if count else None

    def _extent(self, buffer):
        """Start and length of a buffer's data, which must be in the file."""
        start, count = buffer.Offset(), buffer.Size()
        if start <= 1:  # The data are in the table, and not, for a large file, behind it.
            count = self._length(buffer.DataLength())
            start = buffer.DataAsNumpy().__array_interface__["data"][0] - self._address() if count else 0
        if not 0 <= start <= start + count <= len(self.data):
            raise ValueError(f"{count} bytes of data at {start} of {len(self.data)}")
        if count > LARGE:
            forget(self.data)
        return start, count

    def _address(self):
        return np.frombuffer(self.data, np.uint8, 1).__array_interface__["data"][0]

    def _length(self, count):
        """A number of elements, if so many fit the file."""
        if count > len(self.data):
            raise ValueError(f"a vector of {count} elements")
        return count

    def _unique(self, name):
        number, found = 1, name
        while found in self.tensors:
            number += 1
            found = f"{name}#{number}"
        return found


def _operator(tflite, code):
    """The name of an operator. Old files have its number in a field of one byte."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    label = tflite.BUILTIN_OPCODE2NAME.get(number, f"number {number}")
    return f"CUSTOM {(code.CustomCode() or b'').decode()}".strip() if label == "CUSTOM" else label


def _verdict(graph, uses, outputs, tensor, seen=()):
    """What the uses of a tensor say of it."""
    if tensor in seen:
        return Verdict("raw", "an input of its own operator")
    verdicts = [_use(graph, uses, outputs, tensor, use, (*seen, tensor)) for use in uses.get(tensor, [])]
    if not verdicts and tensor in outputs:
        return Verdict("raw", "an output of the graph")
    return best(verdicts)


def _use(graph, uses, outputs, tensor, use, seen):
    kind, index, number, output = use
    axis = WEIGHTS.get(kind, {}).get(index)
    if axis is not None:
        dimensions = graph.Tensors(tensor).ShapeLength()
        return Verdict("weight", f"weight of {kind}", axis + (dimensions if axis < 0 else 0), (number, index))
    if kind in PASSING and index == 0 and output is not None:
        return _verdict(graph, uses, outputs, output, seen)
    if kind.split()[0] in UNSURE or kind.startswith("number "):
        return Verdict(None, f"input {index} of unknown operator {kind}", None, (number, index))
    return Verdict("raw", f"bias of {kind}" if (kind, index) in BIASES else f"input {index} of {kind}", None,
                   (number, index))


def _quantization(tensor, shape):
    """Scale and zero point of a tensor, of a shape that broadcasts; ``None`` for each that is not there."""
    quantization = tensor.Quantization()
    if quantization is None or not quantization.ScaleLength():
        return None, None
    parts = [quantization.ScaleAsNumpy().astype(np.float32)]
    parts.append(quantization.ZeroPointAsNumpy() if quantization.ZeroPointLength() else np.zeros(1, np.int64))
    axis = quantization.QuantizedDimension()
    for number, part in enumerate(parts):
        if part.size == 1:
            parts[number] = part.reshape(())
        elif axis < len(shape) and part.size == shape[axis]:
            parts[number] = part.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        else:
            raise ValueError(f"{part.size} scales or zero points of a tensor of shape {shape}")
    return parts
