"""A whole network to the bytes of a ``.tsy`` file, and back."""

import math
from collections.abc import Iterator

import numpy as np

from .codec import MAX_WEIGHTS, decode_each, encode
from .container import Directory, pack, stream_bytes, unpack
from .errors import FormatError, InputError
from .formats import owner_of
from .plan import plan
from .stream import Stream

__all__ = ["checked", "decode_network", "each_tensor", "encode_network", "encode_stream", "restore"]


def encode_stream(tensors, **options) -> tuple[Stream, Directory]:
    """Encode a network.

    Parameters
    ----------
    tensors : dict of str to ndarray or Stored
        Arrays of integers within -127..127, which are coded, and of floats, which go raw; so do integers that have a
        ``NAME.zero_point``, and what goes beside integers (`golden.formats`). What is coded is read from `Stored` two
        or four times, one array at a time.
    **options
        Those of `golden.plan.plan`; with ``progress`` coding shows a bar, too. With a search the stream is never larger
        than without one of the same table log.

    Returns
    -------
    tuple of (Stream, Directory)

    Raises
    ------
    InputError
        If an array is of another type or out of range, or there is no weight to code.
    ConfigError
        If the options do not fit together.
    """
    coded, raw = {}, {}
    for name, tensor in tensors.items():
        kind = _dtype(tensor)
        if kind.kind not in "iuf":
            raise InputError(f"{name} must be an array of integers or floats, not of {kind}")
        if kind.kind == "f" or _is_raw(name, tensors):
            raw[name] = np.asarray(tensor)
        else:
            coded[name] = tensor if hasattr(tensor, "dtype") else np.asarray(tensor)
    directory = Directory(tuple((name, tensor.shape) for name, tensor in coded.items()), raw)
    chosen = plan(coded, **options)
    stream = _coded(chosen, coded, options.get("progress"))
    if options.get("search_rounds"):
        # What a search gains on a small network can be less than what the lanes' last words happen to hold.
        plain = plan(coded, **{**options, "search_rounds": 0, "table_log": chosen.config.table_log, "progress": False})
        stream = min(_coded(plain, coded, options.get("progress")), stream, key=lambda each: len(stream_bytes(each)))
    return stream, directory


def _dtype(tensor):
    return tensor.dtype if hasattr(tensor, "dtype") else np.asarray(tensor).dtype


def _is_raw(name, tensors):
    """Whether integers are no weights, by the names of the arrays around them."""
    owner = owner_of(name, tensors)
    return f"{name}.zero_point" in tensors or (owner is not None and _dtype(tensors[owner]).kind in "iu")


def _coded(chosen, coded, progress):
    """The stream of the coded tensors by a plan."""
    weights = _Pieces(coded, chosen.segments)
    return Stream(chosen.config, chosen.tables, chosen.segments,
                  encode(chosen.config, chosen.tables, chosen.segments, weights, progress))


class _Pieces:
    """The weights of each segment, int8, by its number. The tensor of the last one asked for is kept in memory."""

    def __init__(self, coded, segments):
        self.tensors = list(coded.values())
        self.places = []
        for number, tensor in enumerate(self.tensors):
            start, size = 0, math.prod(tensor.shape)
            while start < size:
                end = start + segments[len(self.places)].weights
                self.places.append((number, start, end))
                start = end
        self.held, self.weights = None, None

    def __len__(self):
        return len(self.places)

    def __getitem__(self, segment):
        number, start, end = self.places[segment]
        if number != self.held:
            self.held, self.weights = None, None  # before there is another
            self.weights = np.asarray(self.tensors[number]).reshape(-1)
            self.held = number
        return self.weights[start:end].astype(np.int8)


def encode_network(tensors, **options) -> bytes:
    """The bytes of the file of a network; see `encode_stream`."""
    return pack(*encode_stream(tensors, **options))


def restore(directory, weights) -> dict[str, np.ndarray]:
    """The tensors of a network, from the weights of its segments: the coded ones, int8, then the raw ones."""
    tensors = {}
    sizes = [len(values) for values in weights]
    for (name, shape), (first, last) in zip(directory.coded, directory.segments(sizes)):
        tensors[name] = np.concatenate([np.zeros(0, dtype=np.int8), *weights[first:last]]).reshape(shape)
    return tensors | directory.raw


def checked(stream, directory, tensors) -> Iterator[tuple[np.ndarray, int]]:
    """Decode a stream as `golden.codec.decode_each` does, and compare each segment with what it was made from.

    Parameters
    ----------
    stream : Stream
    directory : Directory
    tensors : dict of str to ndarray or Stored
        Those that were encoded; read once more, one at a time.

    Raises
    ------
    FormatError
        If a weight is another one.
    """
    weights = _Pieces({name: tensors[name] for name, _ in directory.coded}, stream.segments)
    for number, (values, bits) in enumerate(decode_each(stream, stream.weights)):
        if (values != weights[number]).any():
            raise FormatError("the encoded network must decode to the same weights")
        yield values, bits


def each_tensor(stream, directory, max_weights=MAX_WEIGHTS) -> Iterator[tuple[str, np.ndarray]]:
    """Decode a network tensor by tensor: names and arrays, first the coded ones, int8, then the raw ones.

    Raises
    ------
    FormatError
        If the stream does not decode, or holds more weights than ``max_weights``.
    """
    ranges = directory.segments([segment.weights for segment in stream.segments])
    decoded = decode_each(stream, max_weights)
    for (name, shape), (first, last) in zip(directory.coded, ranges):
        parts = [next(decoded)[0] for _ in range(first, last)]
        yield name, np.concatenate([np.zeros(0, dtype=np.int8), *parts]).reshape(shape)
    yield from directory.raw.items()


def decode_network(data, max_weights=MAX_WEIGHTS) -> dict[str, np.ndarray]:
    """Decode the bytes of a file.

    Parameters
    ----------
    data : bytes
    max_weights : int
        The most weights to take on.

    Returns
    -------
    dict of str to ndarray
        The coded tensors, int8, then the raw ones.

    Raises
    ------
    FormatError
        If the file is not what ``docs/format.md`` says.
    """
    stream, directory = unpack(data)
    return dict(each_tensor(stream, directory, max_weights))
