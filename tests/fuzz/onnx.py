"""An ONNX file: what golden reads of it, against the library's own parser and the bytes of each tensor."""

import math
import sys
from pathlib import Path
from unittest.mock import patch
from zlib import crc32

import numpy as np

from .accepted import Difference
from .model import read_model

__all__ = ["BESIDE", "check_onnx"]

BESIDE = bytes(range(1, 64))  #: the content of ``net.data``, a file beside the model
SMALL = 24  #: bytes of a tensor which the second reading leaves on disk, not `golden.frontend.onnx_load.SMALL`

#: Types of integers, with their bits, and the field that has their numbers if they are not raw bytes.
INTEGERS = {2: ("u1", 8, "int32_data"), 3: ("i1", 8, "int32_data"), 4: ("<u2", 16, "int32_data"),
            5: ("<i2", 16, "int32_data"), 6: ("<i4", 32, "int32_data"), 7: ("<i8", 64, "int64_data"),
            12: ("<u4", 32, "uint64_data"), 13: ("<u8", 64, "uint64_data"), 21: ("u1", 4, "int32_data"),
            22: ("i1", 4, "int32_data"), 25: ("u1", 2, "int32_data"), 26: ("i1", 2, "int32_data")}
FIELDS = ("float_data", "int32_data", "int64_data", "uint64_data", "double_data", "string_data")


def check_onnx(data, folder) -> bool:
    """Whether an ``.onnx`` file is accepted; it must be read as the library does.

    By chance, for which the data stand, small tensors stay on disk as large ones do, and normalizations are folded;
    what comes of that is not compared.
    """
    path = Path(folder, "input.onnx")
    path.write_bytes(data)
    beside = path.with_name("net.data")
    if not beside.is_file():
        beside.write_bytes(BESIDE)
    choice = crc32(data)
    with patch("golden.frontend.onnx_load.SMALL", SMALL if choice % 2 else 4096):
        tensors, arrays = read_model(path, choice >> 2, fold=choice % 4 < 2)
    if tensors is None:
        return False
    folded = {name for name, info in tensors.items() if "normalization folded in" in info.reason}
    _compare(_constants(data), tensors, arrays, path, folded)
    return True


def _constants(data):
    """All constants of a file, and the arrays of all lists of numbers, by names."""
    from onnx import ModelProto

    model, found = ModelProto(), {}
    try:
        model.ParseFromString(data)
    except Exception:  # whatever it is that the library complains of
        raise Difference("golden accepts what the library refuses") from None
    for name, constant in _walk(model.graph):
        found.setdefault(name, []).append(constant)
    return found


def _walk(graph):
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for tensor in graph.sparse_initializer:
        yield tensor.values.name, None
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.output:
            attribute = node.attribute[0]
            yield node.output[0], attribute.t if attribute.name == "value" else _numbers(attribute)
            continue
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _walk(inner)


def _numbers(attribute):
    """The array of a constant that is no tensor; ``None`` for anything but numbers of the type that its name says."""
    kinds = {"value_int": (2, "i", "i8"), "value_ints": (7, "ints", "i8"), "value_float": (1, "f", "f4"),
             "value_floats": (6, "floats", "f4")}
    kind, field, dtype = kinds.get(attribute.name, (None, None, None))
    if kind is None or attribute.type != kind:
        return None
    value = getattr(attribute, field)
    return np.array(list(value) if field.endswith("s") else value, dtype)


def _compare(constants, tensors, arrays, path, folded):
    names = {name.rpartition("#")[0] if name not in constants else name for name in tensors if name not in folded}
    missing = constants.keys() - names - folded
    if missing or not names <= constants.keys() or (
            not folded and len(tensors) != sum(map(len, constants.values()))):
        raise Difference(f"tensors {list(tensors)}, not {list(constants)}")
    for name, array in arrays.items():
        if name in folded:
            continue
        expected = []
        for constant in constants.get(name) or constants[name.rpartition("#")[0]]:
            values = constant if constant is None or isinstance(constant, np.ndarray) else _array(constant, path)
            if values is not None:
                expected.append(values)
        rounded = "rounded by" in tensors[name].reason
        if rounded:
            info = tensors[name]
            expected = [_rounded(values, info.scale, info.zero_point) for values in expected]
        if not any(_same(array, values) for values in expected):
            raise Difference(f"another tensor {name!r}: {array!r}, not {expected}")


def _same(array, values):
    if array.shape != values.shape or array.dtype.kind != values.dtype.kind:
        return False
    if array.dtype.kind in "iu":
        return array.dtype == values.dtype and np.array_equal(array, values)
    return np.array_equal(array, values, equal_nan=True)


def _array(tensor, path):
    """The numbers of a tensor by its bytes; ``None`` for one that must be refused, or that holds no numbers."""
    shape = tuple(tensor.dims)
    if min(shape, default=0) < 0 or len(shape) > 64:
        return None
    count = math.prod(shape)
    data = tensor.raw_data if tensor.HasField("raw_data") else None
    if tensor.data_location == 1:
        data = _beside(tensor, path)
        if data is None:
            return None
    else:
        filled = [field for field in FIELDS if len(getattr(tensor, field))]
        if tensor.HasField("segment") or len(filled) + bool(data) > 1:
            return None
    if tensor.data_type not in INTEGERS:
        return _floats(tensor, data, shape, count)
    kind, bits, field = INTEGERS[tensor.data_type]
    if data is None:
        data = _bytes(list(getattr(tensor, field)), bits, kind)
        if data is None:
            return None
    if len(data) != (count * bits + 7) // 8:
        return None
    if bits >= 8:
        return np.frombuffer(data, kind).astype(np.dtype(kind).newbyteorder("=")).reshape(shape)
    parts = [byte >> low & (1 << bits) - 1 for byte in data for low in range(0, 8, bits)][:count]
    if kind == "i1":
        parts = [part - (1 << bits) if part >> bits - 1 else part for part in parts]
    return np.array(parts, kind).reshape(shape)


def _bytes(numbers, bits, kind):
    """Numbers as raw bytes would have them; ``None`` if one is beyond its type. Packed ones come packed."""
    width = max(1, bits // 8)
    if bits < 8:
        return bytes(number & 255 for number in numbers) if all(-128 <= number < 256 for number in numbers) else None
    try:
        return b"".join(number.to_bytes(width, "little", signed=kind[-2] == "i") for number in numbers)
    except OverflowError:
        return None


def _floats(tensor, data, shape, count):
    """Floats as the library has them; those of 32 and 64 bits by their bytes, too."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_type in (8, 9, 14, 15):
        return None
    if tensor.data_type in (1, 11):
        kind, field = ("<f4", tensor.float_data) if tensor.data_type == 1 else ("<f8", tensor.double_data)
        values = np.array(field, kind) if data is None else np.frombuffer(data, kind) \
            if not len(data) % int(kind[2]) else None
        return values.reshape(shape) if values is not None and values.size == count else None
    whole = TensorProto()
    whole.CopyFrom(tensor)
    whole.data_location = 0
    if data is not None:
        whole.raw_data = data
    try:
        return numpy_helper.to_array(whole).astype(np.float32)
    except Exception:  # whatever it is that the library complains of
        return None


def _beside(tensor, path):
    """The bytes of a tensor in another file."""
    place = {entry.key: entry.value for entry in tensor.external_data}
    location = place.get("location", "")
    if location not in ("net.data", "input.onnx"):
        return None
    data = Path(path).with_name(location).read_bytes()
    try:
        start = int(place.get("offset", "0"))
        return data[start:start + int(place["length"])] if "length" in place else data[start:]
    except ValueError:
        return None


def _rounded(values, scale, zero_point):
    """What QuantizeLinear makes of numbers, one after the other."""
    steps, zeros = np.broadcast_to(scale, values.shape), np.broadcast_to(zero_point, values.shape)
    limits = np.iinfo(zeros.dtype)
    found = []
    with np.errstate(all="ignore"):
        for value, step, zero in zip(values.ravel(), steps.ravel(), zeros.ravel()):
            quotient = float(value / step)
            quotient = max(-sys.float_info.max, min(quotient, sys.float_info.max))
            found.append(min(max(round(quotient) + int(zero), limits.min), limits.max))
    return np.array(found, zeros.dtype).reshape(values.shape)
