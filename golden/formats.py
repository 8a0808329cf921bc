"""Files of named arrays: ``.npz`` and ``.safetensors`` in, one array at a time; ``.npz`` out, the same bytes each time.

Companions
----------
Beside an integer array NAME there may be arrays of these names; the codec leaves them raw:

- ``NAME.scale``: the real weights are NAME times this.
- ``NAME.offset``: the integers that the model had are NAME plus this, and of this type.
- ``NAME.zero_point``: NAME holds the integers that the model had, and goes raw itself; the real ones are
  ``scale * (NAME - zero_point)``.
"""

import contextlib
import json
import math
import os
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .cli import atomic_write
from .errors import InputError

__all__ = ["COMPANIONS", "Stored", "TensorFile", "TensorInfo", "check_shape", "missing_extra", "one_line",
           "open_tensors", "owner_of", "read_tensors", "write_npz"]

COMPANIONS = (".scale", ".offset", ".zero_point")

#: NumPy's types for those of safetensors that NumPy has; BF16 is widened by hand.
SAFETENSORS_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
                     "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"}

#: How the members of an archive may be compressed, and how many times its size one may then hold.
RATIOS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}

#: Bytes of an array's name: with its suffix, what a zip file has room for.
LONGEST_NAME = (1 << 16) - 1 - len(".npy")

#: The oldest date that a zip file can hold: no time of writing enters the bytes.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class TensorInfo(NamedTuple):
    """What is known of an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype | None  #: as `read` returns it; ``None`` if it does not hold integers or floats
    action: str | None = None  #: what a graph makes of it, as in `golden.rules.Decision`; ``None`` without a graph
    reason: str = ""  #: why, in words
    axis: int | None = None  #: of the output channels, where a graph says it
    scale: np.ndarray | None = None  #: of integers, of a shape that broadcasts against them
    zero_point: np.ndarray | None = None  #: likewise; ``None`` for 0


class TensorFile(ABC):
    """An open file of named arrays, of which one is read at a time: a context manager.

    Attributes
    ----------
    path : Path
    tensors : dict of str to TensorInfo
        In the order of the file, or of the graph's execution.
    """

    def __init__(self, path, widen=True):
        self.path = Path(path)
        self.widen = widen
        self.tensors = {}
        self.closing = contextlib.ExitStack()
        try:
            self._open()
        except BaseException:
            self.closing.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.close()

    @abstractmethod
    def read(self, name) -> np.ndarray:
        """The array of this name, in C order and of the machine's byte order.

        Raises
        ------
        InputError
            If its data are damaged or missing.
        """

    def stored(self) -> dict[str, "Stored"]:
        """All arrays by name, in the order of the file, none of them read yet."""
        return {name: Stored(self, name) for name in self.tensors}

    @abstractmethod
    def _open(self):
        """Open the file, check what can be checked without its data, and fill `tensors`."""

    def _opened(self, path=None):
        """An open file, this one or another, until this one is closed."""
        path = path or self.path
        try:
            return self.closing.enter_context(open(path, "rb"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None


class Stored:
    """An array in an open file: `numpy.asarray` reads it, anew each time.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
        As `TensorFile.read` returns it.
    """

    def __init__(self, file, name):
        self.file = file
        self.name = name
        self.shape = file.tensors[name].shape
        self.dtype = file.tensors[name].dtype

    def __array__(self, dtype=None, copy=None):
        array = self.file.read(self.name)
        return array if dtype is None else array.astype(dtype, copy=False)


def open_tensors(path, widen: bool = True) -> TensorFile:
    """Open a ``.npz`` or ``.safetensors`` file; the suffix says which of the two it is.

    Integer types stay as they are; floats come back as float32, or float64 where they were longer than 32 bits.

    Parameters
    ----------
    path : str or Path
    widen : bool
        Floats of NumPy's 16 bits become float32, too; otherwise they stay.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or holds anything but integer and float arrays; if the suffix is
        another, or the optional package ``safetensors`` is needed and missing.
    """
    readers = {".npz": _Npz, ".safetensors": _Safetensors}
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise InputError(f"{path}: weights must be in a file .npz or .safetensors, not {suffix or 'without suffix'!r}")
    return readers[suffix](path, widen)


def read_tensors(path, widen: bool = True) -> dict[str, np.ndarray]:
    """Read all arrays of a ``.npz`` or ``.safetensors`` file; see `open_tensors`.

    Returns
    -------
    dict of str to ndarray
        The arrays in the order of the file.
    """
    with open_tensors(path, widen) as file:
        return {name: file.read(name) for name in file.tensors}


def write_npz(path, tensors) -> None:
    """Write arrays to a ``.npz`` file: whole or not at all, equal bytes for equal arrays.

    Members are stored without compression, in the order given, with a fixed date, so that neither the clock nor the
    version of zlib shows in the bytes. Each is written before the next one is asked for.

    Parameters
    ----------
    path : str or Path
    tensors : dict of str to ndarray, or iterable of (str, ndarray)
        Arrays of any shape, of an integer or float type.

    Raises
    ------
    InputError
        If the file cannot be written, a name is too long for it, or two arrays have the same name.
    """
    written = set()
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in tensors.items() if hasattr(tensors, "items") else tensors:
            if "\0" in name:
                raise InputError(f"{path}: names of arrays must be without zero characters, not {name!r}")
            if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
                raise InputError(f"{path}: names of arrays must have at most {LONGEST_NAME} bytes, unlike "
                                 f"{name[:40]}...")
            if name in written:
                raise InputError(f"{path}: arrays must have different names; there would be two of name {name}")
            written.add(name)
            array = np.asarray(array, order="C")
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            member = zipfile.ZipInfo(f"{name}.npy", ZIP_DATE)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            member.file_size = array.nbytes  # Decides whether the member gets fields of 64 bits.
            with archive.open(member, "w") as data:
                np.lib.format.write_array(data, array, version=(1, 0), allow_pickle=False)


def owner_of(name, names) -> str | None:
    """The array of these names whose companion this one is by its name, if there is one."""
    return next((name.removesuffix(suffix) for suffix in COMPANIONS
                 if name.endswith(suffix) and name.removesuffix(suffix) in names), None)


def missing_extra(path, extra) -> InputError:
    """The complaint that an optional package is not there."""
    return InputError(f"{path}: reading {Path(path).suffix} needs an extra: pip install 'tansy[{extra}]'")


def one_line(error) -> str:
    """The first line of what an exception says, or its kind."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def check_shape(path, name, shape, dtype) -> None:
    """Raise `InputError` for a shape that no array of this type can have."""
    try:
        np.broadcast_to(np.empty((), dtype), shape)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: {name} must have a shape that an array can have: {one_line(error)}") from None


def _describe(file, name, shape, dtype):
    """What is known of an array by its header: the type is the one in which it is handed over."""
    if dtype.kind not in "iuf":
        raise InputError(f"{file.path}: {name} must be an array of integers or floats, not of {dtype}")
    if dtype.kind == "f" and (file.widen or dtype.itemsize != 2):
        dtype = np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)
    check_shape(file.path, name, shape, dtype)
    return TensorInfo(tuple(map(int, shape)), dtype.newbyteorder("="))


class _Npz(TensorFile):
    """An archive of arrays, read member by member."""

    def _open(self):
        data = self._opened()
        size = os.fstat(data.fileno()).st_size
        with self._sound():
            self.archive = self.closing.enter_context(zipfile.ZipFile(data))
            names = self.archive.namelist()
            if len({name.removesuffix(".npy") for name in names}) != len(names):
                raise ValueError("two arrays of one name")
            for member in self.archive.infolist():
                name = member.filename
                if not name.endswith(".npy"):
                    raise ValueError(f"member {name} is not an array")
                if member.compress_type not in RATIOS:
                    raise ValueError(f"member {name} is compressed in another way than NumPy does it")
                most = member.compress_size * RATIOS[member.compress_type]
                if member.compress_size > size or member.file_size > most:
                    raise ValueError(f"member {name} has sizes that it cannot have")
                self.tensors[name.removesuffix(".npy")] = self._header(member)

    def read(self, name):
        # The whole member is read, so that the archive's own CRC-32 is checked.
        with self._sound(), self.archive.open(f"{name}.npy") as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
            if member.read(1):
                raise ValueError(f"data after the array {name}")
        return np.asarray(array, self.tensors[name].dtype, order="C")

    def _header(self, member):
        name = member.filename.removesuffix(".npy")
        with self.archive.open(member) as data:
            readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            version = np.lib.format.read_magic(data)
            if version not in readers:
                raise ValueError(f"version {version} of {member.filename}")
            shape, _, dtype = readers[version](data)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
        info = _describe(self, name, shape, dtype)
        if math.prod(shape) * dtype.itemsize > member.file_size:  # before room is made for it
            raise ValueError(f"array {name} of shape {list(shape)} does not fit in its {member.file_size} bytes")
        return info

    @contextlib.contextmanager
    def _sound(self):
        try:
            yield
        except (InputError, MemoryError):
            raise
        except Exception as error:  # What a damaged file makes zipfile, its codecs and NumPy raise is an open set.
            raise InputError(f"{self.path}: not a sound .npz file: {one_line(error)}") from None


class _Safetensors(TensorFile):
    """A file whose header gives the place of each array; the package checks that header."""

    def _open(self):
        path = self.path
        try:
            import safetensors
        except ImportError:
            raise missing_extra(path, "safetensors") from None
        self.file = self._opened()
        try:
            with safetensors.safe_open(str(path), "numpy"):
                length = int.from_bytes(self.file.read(8), "little")
        except (safetensors.SafetensorError, OSError) as error:
            raise InputError(f"{path}: not a sound .safetensors file: {one_line(error)}") from None
        self.start = 8 + length
        header = json.loads(self.file.read(length))
        header.pop("__metadata__", None)
        self.places = dict(sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0])))
        for name, place in self.places.items():
            kind = place["dtype"]
            if kind != "BF16" and kind not in SAFETENSORS_TYPES:
                raise InputError(f"{path}: {name} must be an array of integers or floats, not of {kind}")
            dtype = np.dtype(SAFETENSORS_TYPES.get(kind, "<f4"))
            self.tensors[name] = _describe(self, name, place["shape"], dtype)

    def read(self, name):
        first, end = self.places[name]["data_offsets"]
        self.file.seek(self.start + first)
        data = self.file.read(end - first)
        info = self.tensors[name]
        if len(data) != end - first:
            raise InputError(f"{self.path}: not a sound .safetensors file: it ends within {name}")
        if self.places[name]["dtype"] == "BF16":
            array = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            array = np.frombuffer(data, SAFETENSORS_TYPES[self.places[name]["dtype"]])
        return np.asarray(array.reshape(info.shape), info.dtype, order="C")
