"""A TFLite file: what golden reads of it, against a plain walk through its tables and the library's own reader."""

from pathlib import Path
from zlib import crc32

import numpy as np

from .accepted import Difference
from .flat import BEHIND, take_apart
from .model import read_model

__all__ = ["check_tflite"]

#: By the numbers of the format, with how many bits an element has.
TYPES = {0: ("<f4", 32), 1: ("<f2", 16), 2: ("<i4", 32), 3: ("u1", 8), 4: ("<i8", 64), 7: ("<i2", 16), 9: ("i1", 8),
         10: ("<f8", 64), 12: ("<u8", 64), 15: ("<u4", 32), 16: ("<u2", 16), 17: ("i1", 4)}


def check_tflite(data, folder) -> bool:
    """Whether a ``.tflite`` file is accepted; the constants must be those of a plain walk."""
    path = Path(folder, "input.tflite")
    path.write_bytes(data)
    tensors, arrays = read_model(path, crc32(data))
    if tensors is None:
        return False
    model = take_apart(data, strict=False)
    if model is None:
        raise Difference("golden accepts what has no sound tables")
    expected, found = {}, list(_constants(model))
    if [_summary(*each) for each in found] != list(_library(data)):
        raise Difference("the library reads other tensors than a plain walk does")
    for tensor, stored in found:
        expected.setdefault(tensor.get(3) or b"tensor", []).append((tensor, stored))
    if len(tensors) != sum(map(len, expected.values())):
        raise Difference(f"tensors {list(tensors)}, not {list(expected)}")
    for name, array in arrays.items():
        same = expected.get(name.encode()) or expected.get(name.rpartition("#")[0].encode(), [])
        if not any(_same(tensors[name], array, *each) for each in same):
            raise Difference(f"another tensor {name!r}")
    return True


def _constants(model):
    """The tensors that have data, with them."""
    buffers = model.get(4, [])
    for graph in model.get(2, []):
        for tensor in graph.get(0, []):
            number = int.from_bytes(tensor.get(2, b""), "little")
            if number:
                buffer = buffers[number]
                outside = int.from_bytes(buffer.get(1, b""), "little") > 1
                stored = buffer.get(BEHIND, b"") if outside else buffer.get(0, b"")
                if stored:
                    yield tensor, stored


def _summary(tensor, stored):
    return tensor.get(3, b""), tensor.get(0, b""), tensor.get(1, b"\0")[0], stored


def _library(data):
    """The same of what the library's own reader finds: name, shape, type and data of each constant."""
    from tflite import Model

    model = Model.GetRootAs(data, 0)
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            buffer = model.Buffers(tensor.Buffer()) if tensor.Buffer() else None
            if buffer is None:
                continue
            stored = data[buffer.Offset():][:buffer.Size()] if buffer.Offset() > 1 else \
                buffer.DataAsNumpy().tobytes() if buffer.DataLength() else b""
            if stored:
                shape = tensor.ShapeAsNumpy().tobytes() if tensor.ShapeLength() else b""
                yield tensor.Name() or b"", shape, tensor.Type() % 256, stored


def _same(info, array, tensor, stored):
    """Whether an array is the one of a tensor, with the same scales."""
    kind, bits = TYPES.get(tensor.get(1, b"\0")[0], (None, 0))
    if kind is None or 6 in tensor:
        return False
    shape = tuple(np.frombuffer(tensor.get(0, b""), "<i4").tolist())
    count = int(np.prod(shape, dtype=object))
    if bits == 4:
        halves = [half - 16 if half > 7 else half for byte in stored for half in (byte & 15, byte >> 4)]
        values = np.array(halves[:count], "i1")
    else:
        values = np.frombuffer(stored, kind)
    if array.shape != shape or (count * bits + 7) // 8 != len(stored):
        return False
    if array.dtype.kind != values.dtype.kind or (values.dtype.kind != "f" and array.dtype.itemsize != values.itemsize):
        return False
    if not np.array_equal(array.ravel(), values.astype(array.dtype), equal_nan=values.dtype.kind == "f"):
        return False
    scale = np.frombuffer(tensor.get(4, {}).get(2, b""), "<f4")
    if values.dtype.kind == "f" or not scale.size:
        return info.scale is None and info.zero_point is None
    if info.scale is None or info.zero_point is None:
        return False
    zero_point = np.frombuffer(tensor[4].get(3) or bytes(8), "<i8")
    return np.array_equal(info.scale.ravel(), scale, equal_nan=True) and info.zero_point.ravel().tolist() == \
        zero_point.tolist()
