"""A whole network to the bytes of a ``.tsy`` file, and back."""

import numpy as np

from .codec import MAX_WEIGHTS, decode, encode
from .container import Directory, pack, stream_bytes, unpack
from .errors import InputError
from .formats import owner_of
from .plan import plan
from .stream import Stream

__all__ = ["decode_network", "encode_network", "encode_stream", "restore"]


def encode_stream(tensors, **options) -> tuple[Stream, Directory]:
    """Encode a network.

    Parameters
    ----------
    tensors : dict of str to ndarray
        Arrays of integers within -127..127, which are coded, and of floats, which go raw; so do integers that have a
        ``NAME.zero_point``, and what goes beside integers (`golden.formats`).
    **options
        Those of `golden.plan.plan`. With a search the stream is never larger than without one of the same table log.

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
        tensor = np.asarray(tensor)
        if tensor.dtype.kind not in "iuf":
            raise InputError(f"{name} must be an array of integers or floats, not of {tensor.dtype}")
        (raw if tensor.dtype.kind == "f" or _is_raw(name, tensors) else coded)[name] = tensor
    directory = Directory(tuple((name, tensor.shape) for name, tensor in coded.items()), raw)
    chosen = plan(coded, **options)
    stream = _coded(chosen, coded, directory)
    if options.get("search_rounds"):
        # What a search gains on a small network can be less than what the lanes' last words happen to hold.
        plain = plan(coded, **{**options, "search_rounds": 0, "table_log": chosen.config.table_log, "progress": False})
        stream = min(_coded(plain, coded, directory), stream, key=lambda each: len(stream_bytes(each)))
    return stream, directory


def _is_raw(name, tensors):
    """Whether integers are no weights, by the names of the arrays around them."""
    owner = owner_of(name, tensors)
    return f"{name}.zero_point" in tensors or (owner is not None and np.asarray(tensors[owner]).dtype.kind in "iu")


def _coded(chosen, coded, directory):
    """The stream of the coded tensors by a plan."""
    sizes = [segment.weights for segment in chosen.segments]
    weights = []
    for tensor, (first, last) in zip(coded.values(), directory.segments(sizes)):
        bounds = np.cumsum(sizes[first:last])[:-1]
        weights += np.split(tensor.astype(np.int8).reshape(-1), bounds) if last > first else []
    return Stream(chosen.config, chosen.tables, chosen.segments,
                  encode(chosen.config, chosen.tables, chosen.segments, weights))


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
    return restore(directory, decode(stream, max_weights))
