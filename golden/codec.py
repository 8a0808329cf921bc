"""The vectorized codec: all lanes of many spans at once, step by step. Equal to `golden.scalar` bit for bit.

Spans are worked on in blocks, one after the other: memory is that of a block, of the words, and of what is kept.
"""

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from .errors import FormatError, InputError
from .packing import encode_block
from .stream import spans_of
from .unpacking import decode_block

__all__ = ["MAX_WEIGHTS", "decode", "decode_each", "decode_measured", "encode"]

MAX_WEIGHTS = 1 << 31  #: what `decode` takes on unless told otherwise
_BLOCK = 1 << 25  # tokens and preloaded units of a block: bounds the memory


def encode(config, tables, segments, weights, progress=False) -> tuple[np.ndarray, ...]:
    """Encode the weights of all segments.

    Parameters
    ----------
    config : Config
    tables : sequence of Table
    segments : sequence of Segment
    weights : sequence of integer arrays
        Per segment its weights, each within -half .. half of the segment's table. They are asked for once, in order,
        those of a block at a time, and not kept.
    progress : bool
        Whether to show a progress bar on a terminal.

    Returns
    -------
    tuple of ndarray
        Per span its words in need order, as `golden.stream.Stream` holds them.

    Raises
    ------
    InputError
        If a segment has another number of weights than it says, or a weight has no slot in its table.
    """
    if len(weights) != len(segments):
        raise InputError(f"{len(segments)} segments need as many arrays of weights, not {len(weights)}")
    spans, words = spans_of(segments), []
    with tqdm(total=len(spans), desc="encode", unit="span", disable=None if progress else True) as bar:
        for block in _blocks(config, segments, spans):
            words += encode_block(config, [[_coded(tables, segments, weights, i) for i in range(*spans[span])]
                                           for span in block])
            bar.update(len(block))
    return tuple(words)


def _coded(tables, segments, weights, number):
    """Table and weights of a segment."""
    segment, values = segments[number], weights[number]
    if len(values) != segment.weights:
        raise InputError(f"segment {number} must be given {segment.weights} weights, not {len(values)}")
    return tables[segment.table], values


def decode(stream, max_weights=MAX_WEIGHTS) -> list[np.ndarray]:
    """Decode a stream.

    Parameters
    ----------
    stream : Stream
    max_weights : int
        The most weights to take on; a table of one token can announce any number of them in a few bytes.

    Returns
    -------
    list of ndarray
        Per segment its weights, int8, shape (weights,).

    Raises
    ------
    FormatError
        If a lane does not end in state 0, stored words are left over, a weight is outside its table's bins, or the
        stream holds more weights than ``max_weights``.
    """
    return [weights for weights, _ in decode_measured(stream, max_weights)]


def decode_measured(stream, max_weights=MAX_WEIGHTS) -> list[tuple[np.ndarray, int]]:
    """As `decode`, with the exact number of bits that the tokens of each segment read: per segment (weights, bits)."""
    return list(decode_each(stream, max_weights))


def decode_each(stream, max_weights=MAX_WEIGHTS) -> Iterator[tuple[np.ndarray, int]]:
    """As `decode_measured`, one segment after the other: those of a block are in memory at a time."""
    if stream.weights > max_weights:
        raise FormatError(f"the stream must hold at most {max_weights} weights, not {stream.weights}")
    for block in _blocks(stream.config, stream.segments, stream.spans):
        for parts in decode_block(stream, block):
            yield from parts


def _blocks(config, segments, spans) -> Iterator[range]:
    """Neighbouring spans to work on at once; their lanes go in step, so each takes the room of the longest."""
    preload = config.lanes * config.preload * max(config.word_bits // 32, 1)
    first, longest = 0, 0
    for number, span in enumerate(spans):
        beats = sum(-(-segments[i].weights // config.beat_weights) for i in range(*span))
        room = max(longest, beats) * config.beat_weights + 4 * preload
        if number > first and (number + 1 - first) * room > _BLOCK:
            yield range(first, number)
            first, longest = number, 0
        longest = max(longest, beats)
    yield range(first, len(spans))
