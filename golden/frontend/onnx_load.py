"""An ONNX file without its large tensors, which stay on disk until they are read.

The library parses a file as a whole, tensors and all. Here the fields of the outermost messages are found by their
lengths (the wire format of protocol buffers) and handed to the library piece by piece; a large tensor is handed over
without its data and marked, as ONNX marks data in another file, with their place in this one. Large integers that are
stored as numbers of variable length, which no exporter does by itself, are parsed as they are.
"""

import math
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..formats import missing_extra, one_line
from .mapped import forget, map_file

__all__ = ["load_graph", "read_data"]

#: Tensors up to this many bytes are parsed at once.
SMALL = 4096
#: The file itself, as a place of data: no file has this name.
THIS_FILE = ""

#: Field numbers of onnx.proto: the ways from the outermost message to tensors.
GRAPH, NODE, INITIALIZER, ATTRIBUTE, TENSOR = 7, 1, 5, 5, 5
#: The fields of a tensor whose bytes are its data: ``raw_data``, and floats and doubles one after the other.
DATA = (9, 4, 10)
LENGTH_DELIMITED = 2

#: Bits per element of the types that share bytes, by the ends of their names.
PACKED = {"INT4": 4, "INT2": 2, "FLOAT4E2M1": 4}


def load_graph(path):
    """The graph of a file, as the library's ``GraphProto``.

    Raises
    ------
    InputError
        If the package is missing, the file cannot be read, or is not a model.
    """
    try:
        import onnx
    except ImportError:
        raise missing_extra(path, "onnx") from None
    try:
        with open(path, "rb") as file, map_file(file) as data:
            model = _pieces(data, 0, len(data), onnx.ModelProto(), {GRAPH: _graph})
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except Exception as error:  # What garbage makes the library raise is an open set.
        raise InputError(f"{path}: not a sound .onnx file: {one_line(error)}") from None
    if not model.HasField("graph") or not (model.graph.node or model.graph.initializer):
        raise InputError(f"{path}: not a sound .onnx file: there is no graph in it")
    if model.ir_version >= 3 and not model.opset_import:  # What is written last.
        raise InputError(f"{path}: not a sound .onnx file: it ends after the graph")
    return model.graph


def read_data(path, name, tensor) -> np.ndarray:
    """The array of a ``TensorProto`` of a file at ``path``, wherever its data are; floats are widened as `_Npz` does.

    Raises
    ------
    InputError
        If the data are missing, cut, or outside the folder of the model.
    """
    import onnx

    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        try:
            array = onnx.numpy_helper.to_array(tensor)
        except Exception as error:  # As above.
            raise InputError(f"{path}: tensor {name} is damaged: {one_line(error)}") from None
        return _plain(array)
    place = {entry.key: entry.value for entry in tensor.external_data}
    data = _external(path, name, place)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    label = onnx.TensorProto.DataType.Name(tensor.data_type)
    bits = next((bits for end, bits in PACKED.items() if label.endswith(end)), 8 * dtype.itemsize)
    needed = (math.prod(tensor.dims) * bits + 7) // 8
    if len(data) != needed:
        raise InputError(f"{path}: tensor {name} must have {needed} bytes of data, not {len(data)}")
    if bits < 8:
        return _plain(onnx.numpy_helper.to_array(onnx.TensorProto(data_type=tensor.data_type, dims=tensor.dims,
                                                                 raw_data=data)))
    return _plain(np.frombuffer(data, dtype.newbyteorder("<") if dtype.kind in "iuf" else dtype).reshape(tensor.dims))


def _plain(array):
    """Integers of at least 8 bits as they are, everything else as floats."""
    if array.dtype.kind in "iu":
        return np.asarray(array, array.dtype.newbyteorder("="), order="C")
    if array.dtype.name in ("int4", "uint4", "int2", "uint2"):
        return np.asarray(array, np.int8 if array.dtype.name.startswith("int") else np.uint8, order="C")
    return np.asarray(array, np.float64 if array.dtype == np.float64 else np.float32, order="C")


def _external(path, name, place):
    """The bytes of a tensor at its place in a file."""
    location = place.get("location", THIS_FILE)
    folder = Path(path).resolve().parent
    file = Path(path) if location == THIS_FILE else folder / location
    if location != THIS_FILE and folder not in file.resolve().parents:
        raise InputError(f"{path}: data of tensor {name} must be beside the model, not in {location}")
    numbers = [place.get("offset", "0"), place.get("length", "0")]
    if not all(number.isdecimal() and len(number) < 19 for number in numbers):
        raise InputError(f"{path}: data of tensor {name} must have a place in {file}, not {' + '.join(numbers)}")
    try:
        with open(file, "rb") as data:
            data.seek(int(numbers[0]))
            return data.read(int(numbers[1]) if "length" in place else -1)
    except OSError as error:
        raise InputError(f"{path}: data of tensor {name} in {file}: {error.strerror}") from None


def _graph(data, start, end, model):
    _pieces(data, start, end, model.graph, {NODE: _node, INITIALIZER: lambda *of: _tensor(*of[:3], of[3].initializer)})


def _node(data, start, end, graph):
    _pieces(data, start, end, graph.node.add(), {ATTRIBUTE: _attribute})


def _attribute(data, start, end, node):
    attribute = node.attribute.add()
    held = []
    _pieces(data, start, end, attribute, {TENSOR: lambda *of: _tensor(*of[:3], held)})
    if held:
        attribute.t.CopyFrom(held[0])


def _tensor(data, start, end, tensors):
    """Append a tensor to a field; a large one without its data, but with their place."""
    import onnx

    tensor, places = onnx.TensorProto(), []
    if end - start > SMALL:
        places = [(first, last) for number, _, first, last in _fields(data, start, end) if number in DATA]
    if len(places) != 1:
        tensor.MergeFromString(data[start:end])
    else:
        first, last = places[0]
        _pieces(data, start, end, tensor, dict.fromkeys(DATA, lambda *_: None))
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in (("location", THIS_FILE), ("offset", first), ("length", last - first)):
            tensor.external_data.add(key=key, value=str(value))
        forget(data)
    tensors.append(tensor)


def _pieces(data, start, end, message, special):
    """Merge the fields of a message into the library's, but leave some to functions."""
    for number, whole, first, last in _fields(data, start, end):
        if number in special:
            special[number](data, first, last, message)
        else:
            message.MergeFromString(data[whole:last])
    return message


def _fields(data, start, end):
    """Number, start, start of the content, and end of each field of a message."""
    while start < end:
        key, content = _varint(data, start, end)
        number, kind = key >> 3, key & 7
        if kind == LENGTH_DELIMITED:
            length, content = _varint(data, content, end)
            last = content + length
        elif kind == 0:
            _, last = _varint(data, content, end)
        elif kind in (1, 5):
            last = content + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"a field of kind {kind}")
        if last > end:
            raise ValueError("the file ends within a field")
        yield number, start, content, last
        start = last


def _varint(data, start, end):
    """A number of variable length, and where it ends."""
    number = 0
    for place in range(start, min(end, start + 10)):
        number |= (data[place] & 127) << 7 * (place - start)
        if data[place] < 128:
            return number, place + 1
    raise ValueError("the file ends within a number")
