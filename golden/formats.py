"""Files of named arrays: ``.npz`` and ``.safetensors`` in, ``.npz`` out with the same bytes for the same arrays."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from .cli import atomic_write, read_bytes
from .errors import InputError

__all__ = ["read_tensors", "write_npz"]

#: NumPy's types for those of safetensors that NumPy has; BF16 is widened by hand.
SAFETENSORS_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
                     "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"}

#: The oldest date that a zip file can hold: no time of writing enters the bytes.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def read_tensors(path, widen: bool = True) -> dict[str, np.ndarray]:
    """Read the arrays of a ``.npz`` or ``.safetensors`` file; the suffix says which of the two it is.

    Parameters
    ----------
    path : str or Path
    widen : bool
        Floats of 16 bits become float32; otherwise they stay.

    Returns
    -------
    dict of str to ndarray
        The arrays in the order of the file. Integer types stay as they are; floats come back as float32, or float64
        where they were longer than 32 bits. All are in C order and of the machine's byte order.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or holds anything but integer and float arrays; if the suffix is
        another, or the optional package ``safetensors`` is needed and missing.
    """
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise InputError(f"{path}: weights must be in a file .npz or .safetensors, not {suffix or 'without suffix'!r}")
    return {name: _plain(path, name, array, widen) for name, array in readers[suffix](path)}


def write_npz(path, tensors) -> None:
    """Write arrays to a ``.npz`` file: whole or not at all, equal bytes for equal arrays.

    Members are stored without compression, in the order given, with a fixed date, so that neither the clock nor the
    version of zlib shows in the bytes.

    Parameters
    ----------
    path : str or Path
    tensors : dict of str to ndarray
        Arrays of any shape, of an integer or float type.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in tensors.items():
            array = np.asarray(array, order="C")
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            member = zipfile.ZipInfo(f"{name}.npy", ZIP_DATE)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            data = io.BytesIO()
            np.lib.format.write_array(data, array, version=(1, 0), allow_pickle=False)
            archive.writestr(member, data.getbuffer())


def _plain(path, name, array, widen):
    if array.dtype.kind not in "iuf":
        raise InputError(f"{path}: {name} must be an array of integers or floats, not of {array.dtype}")
    if array.dtype.kind == "f" and array.dtype.itemsize == 2 and not widen:
        return np.asarray(array, np.float16, order="C")
    if array.dtype.kind == "f":
        return np.asarray(array, np.float64 if array.dtype.itemsize > 4 else np.float32, order="C")
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _read_npz(path):
    data = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len({name.removesuffix(".npy") for name in names}) != len(names):
                raise ValueError("two arrays of one name")
            for name in names:
                if not name.endswith(".npy"):
                    raise ValueError(f"member {name} is not an array")
                # The whole member is read, so that the archive's own CRC-32 is checked.
                yield name.removesuffix(".npy"), np.lib.format.read_array(io.BytesIO(archive.read(name)),
                                                                          allow_pickle=False)
    except Exception as error:  # What a damaged file makes zipfile, its codecs and NumPy raise is an open set.
        raise InputError(f"{path}: not a sound .npz file: {_first_line(error)}") from None


def _read_safetensors(path):
    try:
        import safetensors
    except ImportError:
        raise InputError(f"{path}: reading .safetensors needs an extra: pip install tansy[safetensors]") from None
    data = read_bytes(path)
    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise InputError(f"{path}: not a sound .safetensors file: {_first_line(error)}") from None
    # The package hands the tensors over in an order that changes from run to run: take that of the data.
    header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    for name, tensor in sorted(tensors, key=lambda item: (header[item[0]]["data_offsets"], item[0])):
        kind = tensor["dtype"]
        if kind == "BF16":
            array = (np.frombuffer(tensor["data"], "<u2").astype(np.uint32) << 16).view(np.float32)
        elif kind in SAFETENSORS_TYPES:
            array = np.frombuffer(tensor["data"], SAFETENSORS_TYPES[kind])
        else:
            raise InputError(f"{path}: {name} must be an array of integers or floats, not of {kind}")
        yield name, array.reshape(tensor["shape"])


def _first_line(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
