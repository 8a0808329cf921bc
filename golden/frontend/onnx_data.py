"""One constant of an ONNX graph: what it is, and its array, wherever its data are.

The library takes for granted that a tensor is as the format says. What it does not check is checked here: sizes,
numbers that their type cannot hold, data in two fields at once.
"""

import math
import os
from functools import cache
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..formats import check_shape, one_line
from .unsound import Unsound, library

__all__ = ["kind_of", "read_constant"]

#: Bits per element of the types that share bytes, by the ends of their names.
PACKED = {"INT4": 4, "INT2": 2, "FLOAT4E2M1": 4, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
#: The constants that are no tensors: NumPy's type, the attribute's own, and the field with the numbers.
NUMBERS = {"value_int": (np.int64, "INT", "i"), "value_ints": (np.int64, "INTS", "ints"),
           "value_float": (np.float32, "FLOAT", "f"), "value_floats": (np.float32, "FLOATS", "floats")}
#: Fields of a tensor that hold its numbers one by one.
FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def kind_of(path, name, constant) -> tuple[tuple[int, ...], np.dtype | None]:
    """Shape and type of a constant; no type if it holds neither integers nor floats.

    Raises
    ------
    InputError
        If no array can have that shape.
    Unsound
        If a list of numbers is of another type than its name says.
    """
    import onnx

    if isinstance(constant, onnx.SparseTensorProto):
        return (), None
    if isinstance(constant, onnx.AttributeProto) and constant.name != "value":
        if constant.name not in NUMBERS:
            return (len(constant.strings),) if constant.name == "value_strings" else (), None
        dtype, kind, field = NUMBERS[constant.name]
        if constant.type != onnx.AttributeProto.AttributeType.Value(kind):
            raise Unsound(f"{constant.name} of {name} is of another type")
        value = getattr(constant, field)
        return () if np.isscalar(value) else (len(value),), np.dtype(dtype)
    tensor = _tensor(constant)
    shape = tuple(tensor.dims)
    if min(shape, default=0) < 0:
        raise InputError(f"{path}: tensor {name} must have no negative dimension, not {shape}")
    dtype = _dtype(tensor.data_type)
    if dtype is not None:
        check_shape(path, name, shape, dtype)
    return shape, dtype


def _tensor(constant):
    import onnx

    return constant.t if isinstance(constant, onnx.AttributeProto) else constant


@cache
def _dtype(number):
    """The type in which a tensor is handed over, by the number that ONNX gives to its own."""
    import onnx

    label = _label(number)
    if label in ("UNDEFINED", "STRING", "BOOL", "COMPLEX64", "COMPLEX128"):
        return None
    if label.startswith(("INT", "UINT")):
        bits = max(8, int(label.removeprefix("U").removeprefix("INT")))
        return np.dtype(f"{'u' if label[0] == 'U' else ''}int{bits}")
    return np.dtype(np.float64 if number == onnx.TensorProto.DOUBLE else np.float32)


@cache
def _label(number):
    import onnx

    known = number in onnx.TensorProto.DataType.values()
    return onnx.TensorProto.DataType.Name(number) if known else "UNDEFINED"


@cache
def _bits(number):
    """Per element."""
    import onnx

    label = _label(number)
    with library():
        size = 8 * onnx.helper.tensor_dtype_to_np_dtype(number).itemsize
    return next((bits for end, bits in PACKED.items() if label.endswith(end)), size)


def read_constant(path, name, constant, place=None) -> np.ndarray:
    """The array of a constant that has a type, as `kind_of` says.

    Parameters
    ----------
    path : Path
        Of the model.
    name : str
    constant : TensorProto or AttributeProto
    place : (int, int) or None
        Where in the model its data are, if they stayed there.

    Raises
    ------
    InputError
        If the data are missing, damaged, or outside the folder of the model.
    """
    import onnx

    if isinstance(constant, onnx.AttributeProto) and constant.name != "value":
        dtype, _, field = NUMBERS[constant.name]
        value = getattr(constant, field)
        return np.array(value if np.isscalar(value) else list(value), dtype)
    tensor = _tensor(constant)
    try:
        if place is None and tensor.data_location != onnx.TensorProto.EXTERNAL:
            array = _inside(tensor)
        else:
            array = _of_bytes(tensor, _stored(path, name, tensor, place))
    except Unsound as error:
        raise InputError(f"{path}: tensor {name} is damaged: {error}") from None
    return np.asarray(array, _dtype(tensor.data_type), order="C")


def _inside(tensor):
    """The array of a tensor that has its data itself."""
    import onnx

    _check_fields(tensor, bool(tensor.raw_data))
    if tensor.HasField("raw_data"):
        return _of_bytes(tensor, tensor.raw_data)
    bits = _bits(tensor.data_type)
    with library():
        numbers = getattr(tensor, onnx.helper.tensor_dtype_to_field(tensor.data_type))
    # Types that share bytes do so in these numbers, too; but not those of 6 bits.
    needed = _needed(tensor) if bits < 6 else math.prod(tensor.dims)
    if len(numbers) != needed:
        raise Unsound(f"it must have {needed} numbers, not {len(numbers)}")
    _check_range(np.array(numbers), _dtype(tensor.data_type), bits)
    with library():
        return onnx.numpy_helper.to_array(tensor)


def _check_range(numbers, dtype, bits):
    """Complain of numbers that would be cut to their type's width."""
    if numbers.dtype.kind not in "iu" or not numbers.size:
        return
    if dtype.kind in "iu" and bits >= 8:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    else:  # Patterns of bits, of one byte or two.
        low, high = (-1 << 15, (1 << 16) - 1) if bits == 16 else (-1 << 7, (1 << 8) - 1)
    if numbers.min() < low or numbers.max() > high:
        raise Unsound(f"its numbers must be from {low} to {high}, not from {numbers.min()} to {numbers.max()}")


def _check_fields(tensor, elsewhere):
    """Complain of data in two fields."""
    filled = [field for field in FIELDS if len(getattr(tensor, field))]
    if len(filled) + elsewhere > 1:
        raise Unsound("it has data in two fields")
    if tensor.HasField("segment"):
        raise Unsound("it is a part of a tensor")


def _needed(tensor):
    """The bytes of a tensor's data."""
    return (math.prod(tensor.dims) * _bits(tensor.data_type) + 7) // 8


def _of_bytes(tensor, data):
    """The array of a tensor whose data are these bytes."""
    import onnx

    if len(data) != _needed(tensor):
        raise Unsound(f"it must have {_needed(tensor)} bytes of data, not {len(data)}")
    with library():
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        if _bits(tensor.data_type) < 8:
            return onnx.numpy_helper.to_array(onnx.TensorProto(data_type=tensor.data_type, dims=tensor.dims,
                                                               raw_data=data))
        return np.frombuffer(data, dtype.newbyteorder("<") if dtype.kind in "iuf" else dtype).reshape(tensor.dims)


def _stored(path, name, tensor, place):
    """The bytes of a tensor at its place in the model, or in a file beside it; none are read if they are not as many
    as they must be."""
    if place is not None:
        _check_fields(tensor, True)
        file, start, count = Path(path), place[0], place[1] - place[0]
    else:
        file, start, count = _beside(path, name, {entry.key: entry.value for entry in tensor.external_data})
    try:
        with open(file, "rb") as data:
            rest = max(0, os.fstat(data.fileno()).st_size - start)
            count = rest if count is None else min(count, rest)
            needed = _needed(tensor)
            if count != needed:
                raise InputError(f"{path}: tensor {name} must have {needed} bytes of data, not {count}")
            data.seek(start)
            return data.read(count)
    except OSError as error:
        raise InputError(f"{path}: data of tensor {name} in {file}: {error.strerror}") from None


def _beside(path, name, entries):
    """File, start and length of the data of a tensor."""
    location = entries.get("location")
    if not location or not isinstance(location, str):
        raise Unsound("its data are in a file without a name")
    folder = Path(path).resolve().parent
    file = folder / location
    try:
        inside = folder in file.resolve().parents
    except (OSError, ValueError, RuntimeError) as error:  # a name that no file can have; links in a circle
        raise InputError(f"{path}: data of tensor {name} in {location}: {one_line(error)}") from None
    if not inside:
        raise InputError(f"{path}: data of tensor {name} must be beside the model, not in {location}")
    numbers = [entries.get("offset", "0"), entries.get("length", "0")]
    if not all(isinstance(number, str) and number.isdecimal() and len(number) < 19 for number in numbers):
        found = " + ".join(map(str, numbers))
        raise InputError(f"{path}: data of tensor {name} must have a place in {file}, not {found}")
    return file, int(numbers[0]), int(numbers[1]) if "length" in entries else None
