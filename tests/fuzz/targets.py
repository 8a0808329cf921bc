"""What one execution does: a reader is given bytes, and must refuse them by a typed error or read them right.

Anything else is a finding: another exception, a warning, weights that differ from those of the second decoder, arrays
that differ from those of the libraries, a `MemoryError` under the limit of `tests.fuzz.child`, or no end in time.
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from golden.codec import decode
from golden.container import unpack
from golden.errors import FormatError
from golden.formats import read_tensors
from golden.network import restore
from tests.second_decoder import Refused, decode_file

from .accepted import Difference, one_line, refused
from .onnx import check_onnx
from .tflite import check_tflite

__all__ = ["MAX_WEIGHTS", "TARGETS", "Difference"]

MAX_WEIGHTS = 1 << 12  #: both decoders refuse more


def check_tsy(data, _folder) -> bool:
    """Whether a ``.tsy`` file is accepted; golden and the second decoder must agree, on that and on every value."""
    try:
        stream, directory = unpack(data)
        found = restore(directory, decode(stream, MAX_WEIGHTS))
    except FormatError as error:
        one_line(error)
        found = None
    try:
        coded, raw = decode_file(data, MAX_WEIGHTS)
    except Refused as error:
        if found is not None:
            raise Difference(f"golden accepts what the second decoder refuses: {error}") from None
        return False
    if found is None:
        raise Difference("golden refuses what the second decoder accepts")
    if list(found) != [*coded, *raw]:
        raise Difference(f"tensors {list(found)}, not {[*coded, *raw]}")
    for name, (shape, weights) in coded.items():
        if found[name].dtype != np.int8 or list(found[name].shape) != shape or found[name].ravel().tolist() != weights:
            raise Difference(f"other weights in {name!r}")
    for name, (shape, kind, stored) in raw.items():
        array = found[name]
        if array.dtype != np.dtype(kind) or list(array.shape) != shape or array.tobytes() != stored:
            raise Difference(f"another raw tensor {name!r}")
    return True


def check_npz(data, folder) -> bool:
    """Whether a ``.npz`` file is accepted; the arrays must be those that `numpy.load` finds in its members."""
    found = _read(data, Path(folder, "input.npz"))
    if found is None:
        return False
    with zipfile.ZipFile(io.BytesIO(data)) as archive:  # which, unlike numpy.load, takes one with bytes before it
        members = {name: archive.read(name) for name in archive.namelist()}
    _same(found, {name.removesuffix(".npy"): np.load(io.BytesIO(member)) for name, member in members.items()})
    return True


def check_safetensors(data, folder) -> bool:
    """Whether a ``.safetensors`` file is accepted; the arrays must be those of the package."""
    from safetensors.numpy import load

    found = _read(data, Path(folder, "input.safetensors"))
    if found is None:
        return False
    if b"BF16" not in data:  # which NumPy has no type for
        _same(found, load(data))
    return True


#: By suffix: each takes the bytes and a folder for a file of them, and returns whether they were accepted.
TARGETS = {"tsy": check_tsy, "npz": check_npz, "safetensors": check_safetensors,
           "onnx": check_onnx, "tflite": check_tflite}


def _read(data, path):
    path.write_bytes(data)
    with refused():
        return read_tensors(path, widen=False)
    return None


def _same(found, expected):
    """The same arrays in any order; floats may have become longer ones."""
    if found.keys() != expected.keys():
        raise Difference(f"arrays {sorted(found)}, not {sorted(expected)}")
    for name, array in found.items():
        other = expected[name]
        if array.shape != other.shape or not np.array_equal(array, other.astype(array.dtype), equal_nan=True):
            raise Difference(f"other values in {name!r}")
        if other.dtype.kind in "iu" and array.dtype != other.dtype.newbyteorder("="):
            raise Difference(f"another type of {name!r}")
