"""The tail of a file, for the host: names and shapes of the coded tensors, the raw tensors (``docs/format.md``, 6)."""

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .errors import FormatError

__all__ = ["Directory", "parse_tail", "tail_bytes", "tail_parts"]

DIRECTORY_LIMIT = 1 << 24
RAW_TYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")


@dataclass(frozen=True, eq=False)
class Directory:
    """What a file says beyond its stream.

    Parameters
    ----------
    coded : tuple of (str, tuple of int)
        Name and shape of each coded tensor, in the order of the segments.
    raw : dict of str to ndarray
        The raw tensors: arrays of bool, of integers, or of floats of 2, 4 or 8 bytes.
    """

    coded: tuple[tuple[str, tuple[int, ...]], ...] = ()
    raw: dict[str, np.ndarray] = field(default_factory=dict)

    def segments(self, sizes) -> list[tuple[int, int]]:
        """The segments of each coded tensor, as (first, past-the-last) segment numbers.

        Parameters
        ----------
        sizes : sequence of int
            The number of weights of each segment.

        Raises
        ------
        FormatError
            If a tensor does not take whole segments, or segments are left over.
        """
        ranges, segment = [], 0
        for name, shape in self.coded:
            first, left = segment, math.prod(shape)
            while left > 0 and segment < len(sizes):
                left -= sizes[segment]
                segment += 1
            if left:
                raise FormatError(f"tensor {name!r} of shape {list(shape)} must take whole segments, all of them there")
            ranges.append((first, segment))
        if segment != len(sizes):
            raise FormatError(f"{len(sizes)} segments must all belong to tensors, not only {segment} of them")
        return ranges


def tail_bytes(directory) -> bytes:
    """The tail of a file.

    Parameters
    ----------
    directory : Directory

    Returns
    -------
    bytes
        The directory is stored plain or as a zlib stream, whichever is shorter.

    Raises
    ------
    FormatError
        If a raw tensor is of another type than the format has, or a name or a shape is none that it has.
    """
    return b"".join(tail_parts(directory))


def tail_parts(directory) -> Iterator[bytes]:
    """The `tail_bytes` in pieces, a raw tensor at a time."""
    listing = {"coded": [[name, list(shape)] for name, shape in directory.coded],
               "raw": [[name, array.dtype.newbyteorder("<").str, list(array.shape)]
                       for name, array in directory.raw.items()]}
    text = json.dumps(listing, ensure_ascii=False, separators=(",", ":"))
    _listing(text)
    text = _limited(text.encode())
    packed = zlib.compress(text, 9)
    form, stored = (1, packed) if len(packed) < len(text) else (0, text)
    data = bytes([form]) + len(stored).to_bytes(4, "little") + stored
    crc = zlib.crc32(data)
    yield data
    for array in directory.raw.values():
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        crc = zlib.crc32(data, crc)
        yield data
    yield crc.to_bytes(4, "little")


def parse_tail(data) -> Directory:
    """Read and check a tail.

    Parameters
    ----------
    data : bytes
        All that follows the words of the file.

    Returns
    -------
    Directory

    Raises
    ------
    FormatError
        If it is cut, does not match its CRC-32, or is not what section 6 of the format says.
    """
    if len(data) < 9:
        raise FormatError("the file ends within its tail")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise FormatError("the CRC-32 of the tail does not match")
    length = int.from_bytes(data[1:5], "little")
    if length > len(data) - 9:
        raise FormatError(f"the directory must fit in the tail, not be {length} bytes long")
    coded, raw = _listing(_text(data[0], data[5:5 + length]))
    arrays, position = {}, 5 + length
    for name, dtype, shape in raw:
        count = math.prod(shape)
        if count * dtype.itemsize > len(data) - 4 - position:
            raise FormatError(f"raw tensor {name!r} is longer than the file")
        stored = np.frombuffer(data, np.uint8, count * dtype.itemsize, position)
        if dtype.kind == "b" and stored.max(initial=0) > 1:
            raise FormatError(f"raw tensor {name!r} must have bytes 0 and 1, being of type bool")
        arrays[name] = stored.view(dtype).reshape(shape).copy()
        position += len(stored)
    if position != len(data) - 4:
        raise FormatError(f"nothing may follow the tail, not {len(data) - 4 - position} bytes")
    return Directory(tuple(coded), arrays)


def _text(form, stored):
    """The directory as text."""
    if form not in (0, 1):
        raise FormatError(f"the form of the directory must be 0 or 1, not {form}")
    if form == 1:
        unpacker = zlib.decompressobj()
        try:
            stored = unpacker.decompress(stored, DIRECTORY_LIMIT + 1)
        except zlib.error as error:
            raise FormatError(f"the directory must be a zlib stream: {error}") from None
        if len(stored) <= DIRECTORY_LIMIT and (not unpacker.eof or unpacker.unused_data):
            raise FormatError("the directory must be one whole zlib stream")
    try:
        return _limited(stored).decode()
    except UnicodeDecodeError:
        raise FormatError("the directory must be UTF-8") from None


def _limited(text):
    if len(text) > DIRECTORY_LIMIT:
        raise FormatError(f"the directory must have at most {DIRECTORY_LIMIT} bytes")
    return text


def _listing(text):
    """The members of the directory, checked: lists of (name, shape) and of (name, dtype, shape)."""
    try:
        listing = json.loads(text, object_pairs_hook=_object)
    except FormatError:
        raise
    except (ValueError, RecursionError):
        raise FormatError("the directory must be JSON") from None
    if not isinstance(listing, dict) or set(listing) != {"coded", "raw"}:
        raise FormatError('the directory must be an object with the members "coded" and "raw"')
    for member, length in (("coded", 2), ("raw", 3)):
        rows = listing[member]
        if not isinstance(rows, list) or any(not isinstance(row, list) or len(row) != length for row in rows):
            raise FormatError(f'member "{member}" of the directory must be a list of lists of {length}')
        if any(not isinstance(row[0], str) or any("\ud800" <= character <= "\udfff" for character in row[0])
               for row in rows):
            raise FormatError(f'the names in member "{member}" of the directory must be strings, without surrogates')
    coded = [(name, _shape(name, shape)) for name, shape in listing["coded"]]
    raw = [(name, _dtype(name, code), _shape(name, shape)) for name, code, shape in listing["raw"]]
    names = [row[0] for row in coded + raw]
    if len(set(names)) != len(names):
        raise FormatError("the tensors of the directory must have different names")
    return coded, raw


def _object(pairs):
    """A JSON object, each of its names there once."""
    if len(dict(pairs)) != len(pairs):
        raise FormatError("no member of the directory may come twice")
    return dict(pairs)


def _shape(name, shape):
    whole = isinstance(shape, list) and len(shape) <= 32 and all(type(d) is int and d >= 0 for d in shape)
    if not whole or math.prod(max(d, 1) for d in shape) >= 1 << 48:
        raise FormatError(f"the shape of tensor {name!r} must be a list of at most 32 sizes, their product below 2**48")
    return tuple(shape)


def _dtype(name, code):
    if code not in RAW_TYPES:
        raise FormatError(f"the type of raw tensor {name!r} must be one of {', '.join(RAW_TYPES)}, not {code!r}")
    return np.dtype(code)
