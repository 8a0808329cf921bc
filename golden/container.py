"""The file: header, words, tail (``docs/format.md``)."""

import zlib
from collections.abc import Iterator

import numpy as np

from .errors import FormatError
from .header import header_bytes, parse_header
from .stream import Stream, word_dtype
from .tail import Directory, parse_tail, tail_parts

__all__ = ["Directory", "file_parts", "header_bytes", "pack", "parse_stream", "stream_bytes", "unpack"]


def stream_bytes(stream) -> bytes:
    """Header and words of a stream: what a DMA engine sends to the decoder, a whole number of words.

    Parameters
    ----------
    stream : Stream

    Returns
    -------
    bytes
    """
    return header_bytes(stream) + b"".join(words.tobytes() for words in stream.words)


def pack(stream, directory=None) -> bytes:
    """The bytes of a ``.tsy`` file.

    Parameters
    ----------
    stream : Stream
    directory : Directory or None
        Names and shapes of the coded tensors and the raw tensors; ``None`` calls each segment by its number.

    Returns
    -------
    bytes

    Raises
    ------
    FormatError
        If the coded tensors and the segments do not match.
    """
    return b"".join(file_parts(stream, directory))


def file_parts(stream, directory=None) -> Iterator[bytes]:
    """The bytes of `pack` in pieces: the header, the words of each span, those of the tail."""
    sizes = [segment.weights for segment in stream.segments]
    if directory is None:
        directory = Directory(tuple((str(i), (size,)) for i, size in enumerate(sizes)))
    directory.segments(sizes)
    yield header_bytes(stream)
    yield from (words.tobytes() for words in stream.words)
    yield from tail_parts(directory)


def parse_stream(data) -> tuple[Stream, int]:
    """Read and check header and words at the start of a file.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    tuple of (Stream, int)
        The stream, and the number of its bytes: where the tail begins.

    Raises
    ------
    FormatError
        If they are not what the format says.
    """
    config, tables, segments, spans, position = parse_header(data)
    size = config.word_bits // 8
    words, data = [], memoryview(data)
    for number, (count, crc) in enumerate(spans):
        end = position + count * size
        if end > len(data):
            raise FormatError(f"the file ends within the words of span {number}: {count} words of {size} bytes "
                              f"announced, {len(data) - position} bytes there")
        if zlib.crc32(data[position:end]) != crc:
            raise FormatError(f"the CRC-32 of the words of span {number} does not match")
        if count and not any(data[end - size:end]):
            raise FormatError(f"the last word stored of span {number} must not be zero")
        span = np.frombuffer(data[position:end], word_dtype(config.word_bits))  # no copy
        words.append(span.reshape(-1, 2) if config.word_bits == 128 else span)
        position = end
    return Stream(config, tables, segments, tuple(words)), position


def unpack(data) -> tuple[Stream, Directory]:
    """Read and check a whole file.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    tuple of (Stream, Directory)

    Raises
    ------
    FormatError
        If it is not what the format says, to the last byte. That the weights decode is for the codec to say.
    """
    stream, position = parse_stream(data)
    directory = parse_tail(data[position:])
    directory.segments([segment.weights for segment in stream.segments])
    return stream, directory
