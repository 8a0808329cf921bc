"""The vectorized codec: all lanes of many spans at once, step by step. Equal to `golden.scalar` bit for bit."""

from collections.abc import Iterator

import numpy as np

from .errors import FormatError, InputError
from .packing import encode_block
from .stream import spans_of
from .unpacking import decode_block

__all__ = ["MAX_WEIGHTS", "decode", "decode_measured", "encode"]

MAX_WEIGHTS = 1 << 31  #: what `decode` takes on unless told otherwise
_BLOCK = 1 << 25  # tokens and preloaded units of a block: bounds the memory


def encode(config, tables, segments, weights) -> tuple[np.ndarray, ...]:
    """Encode the weights of all segments.

    Parameters
    ----------
    config : Config
    tables : sequence of Table
    segments : sequence of Segment
    weights : sequence of integer arrays
        Per segment its weights, each within -half .. half of the segment's table.

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
    for number, (segment, values) in enumerate(zip(segments, weights)):
        if len(values) != segment.weights:
            raise InputError(f"segment {number} must be given {segment.weights} weights, not {len(values)}")
    spans = spans_of(segments)
    words = [None] * len(spans)
    for block in _blocks(config, segments, spans):
        work = [[(tables[segments[i].table], weights[i]) for i in range(*spans[span])] for span in block]
        for span, encoded in zip(block, encode_block(config, work)):
            words[span] = encoded
    return tuple(words)


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
    if stream.weights > max_weights:
        raise FormatError(f"the stream must hold at most {max_weights} weights, not {stream.weights}")
    decoded = [None] * len(stream.segments)
    spans = stream.spans
    for block in _blocks(stream.config, stream.segments, spans):
        for span, parts in zip(block, decode_block(stream, block)):
            decoded[slice(*spans[span])] = parts
    return decoded


def _blocks(config, segments, spans) -> Iterator[list[int]]:
    """Groups of spans to work on at once, the longest spans first; the lanes of a group go in step."""
    beats = [sum(-(-segments[i].weights // config.beat_weights) for i in range(*span)) for span in spans]
    order = sorted(range(len(spans)), key=lambda i: -beats[i])
    preload = config.lanes * config.preload * max(config.word_bits // 32, 1)
    while order:
        fit = max(1, _BLOCK // (beats[order[0]] * config.beat_weights + 4 * preload))
        yield order[:fit]
        order = order[fit:]
