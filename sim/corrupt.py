"""Ways to corrupt a stream. Plain ones are what a memory, a DMA engine or a bus may do. In mended ones all CRC-32s are
right again: they reach the checks behind those, or are streams of their own that must be decoded as what they say."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from golden.container import stream_bytes
from golden.header import header_bytes, header_nibbles, preamble_nibbles, table_nibbles
from golden.stream import Stream
from golden.table import Table

from .wrong import altered, sealed

__all__ = ["KINDS", "Kind", "Source", "corrupted"]

BURST = 32  #: bits within which those of a burst lie
TRIES = 50


@dataclass(frozen=True, eq=False)
class Source:
    """A right stream to be corrupted: the stream, its weights by segment, and its bytes."""

    stream: Stream
    weights: tuple[np.ndarray, ...]
    data: bytes


class Kind(NamedTuple):
    """A way to corrupt: its name; whether the CRC-32s are right again; and how the bytes are made from a source,
    another one for the same decoder, and a generator. What cannot be done to a source comes back unchanged."""

    name: str
    mended: bool
    make: Callable


def corrupted(kind: Kind, source: Source, other: Source, random) -> bytes | None:
    """The bytes of a corrupted stream, other than the source's; ``None`` if there is no such corruption of it."""
    for _ in range(TRIES):
        data = kind.make(source, other, random)
        if data != source.data:
            return data
    return None


def _word_bytes(source):
    return source.stream.config.word_bits // 8


def _header_size(source):
    return len(header_bytes(source.stream))


def _sealed_size(source):
    """Bytes of the header without the fill, which is under no CRC-32."""
    return 5 + len(header_nibbles(source.stream)) // 2 + 4


def _flip(data, places):
    """Some bytes with the bits at these places flipped."""
    data = bytearray(data)
    for place in places:
        data[place // 8] ^= 1 << place % 8
    return bytes(data)


def _places(count, random, size):
    """Bits to flip among so many: ``count`` of them, or for 0 those of a burst."""
    if count:
        return random.choice(size, count, replace=False)
    first = random.integers(size)
    return first + np.flatnonzero(random.integers(2, size=min(BURST, size - first)))


def _header_bits(count):
    def make(source, other, random):
        return _flip(source.data, _places(count, random, 8 * _sealed_size(source)))
    return make


def _fill_bit(source, other, random):
    first, last = _sealed_size(source), _header_size(source)
    return _flip(source.data, [random.integers(8 * first, 8 * last)]) if first < last else source.data


def _word_bits(count):
    def make(source, other, random):
        first = 8 * _header_size(source)
        size = 8 * len(source.data) - first
        return _flip(source.data, first + _places(count, random, size)) if size else source.data
    return make


def _transfers(change):
    """By a function of the transfers, an array of bytes of shape (transfers, W / 8), and a generator."""
    def make(source, other, random):
        transfers = np.frombuffer(source.data, np.uint8).reshape(-1, _word_bytes(source))
        return change(transfers, random).tobytes()
    return make


def _dropped(words, random):
    return np.delete(words, random.integers(len(words)), axis=0)


def _repeated(words, random):
    place = random.integers(len(words))
    return np.insert(words, place, words[place], axis=0)


def _swapped(words, random):
    if len(words) < 2:
        return words
    one, other = random.choice(len(words), 2, replace=False)
    words = words.copy()
    words[[one, other]] = words[[other, one]]
    return words


def _cut(words, random):
    return words[:random.integers(1, len(words))] if len(words) > 1 else words


def _longer(words, random):
    more = random.integers(256, size=(random.integers(1, 9), *words.shape[1:]))
    return np.concatenate([words, more.astype(words.dtype)])


def _stuck(transfers, random):
    """One line of the bus keeps its level from some transfer on."""
    transfers = transfers.copy()
    place, line = random.integers(len(transfers)), random.integers(8 * transfers.shape[1])
    mask = np.uint8(1 << line % 8)
    column = transfers[place:, line // 8]
    column[:] = column | mask if random.integers(2) else column & ~mask
    return transfers


def _other_words(source, other, random):
    return source.data[:_header_size(source)] + other.data[_header_size(other):]


def _other_tables(source, other, random):
    """The header goes on as that of another stream after its preamble, to where its own segments begin."""
    mine, its = header_nibbles(source.stream), header_nibbles(other.stream)
    first, last = len(preamble_nibbles(source.stream)), _first_segment(source.stream)
    its = its[len(preamble_nibbles(other.stream)):_first_segment(other.stream)]
    nibbles = [*mine[:first], *(its * last)[:last - first], *mine[last:]]
    data = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))
    return source.data[:5] + data + source.data[5 + len(data):]


def _first_segment(stream):
    """The nibble, of those after magic and version, where the segments begin."""
    return len(preamble_nibbles(stream)) + sum(len(table_nibbles(table)) for table in stream.tables)


def _words(change):
    """By a function of a span's words, bytes of shape (words, W / 8); lengths and CRC-32s follow."""
    def make(source, other, random):
        stream = source.stream
        span = random.integers(len(stream.words))
        words = stream.words[span]
        if not len(words):
            return source.data
        rows = np.frombuffer(words.tobytes(), np.uint8).reshape(len(words), -1)
        rows = np.frombuffer(np.ascontiguousarray(change(rows, random)).tobytes(), words.dtype)
        rows = rows.reshape(-1, *words.shape[1:])
        return stream_bytes(altered(stream, words=[*stream.words[:span], rows, *stream.words[span + 1:]]))
    return make


def _bits(count):
    def change(words, random):
        data = words.tobytes()
        return np.frombuffer(_flip(data, _places(count, random, 8 * len(data))), np.uint8).reshape(words.shape)
    return change


def _words_of_another(source, other, random):
    stream = source.stream
    span, its = random.integers(len(stream.words)), random.integers(len(other.stream.words))
    words = [*stream.words[:span], other.stream.words[its], *stream.words[span + 1:]]
    return stream_bytes(altered(stream, words=words))


def _table(change):
    """By a function of a table that returns another one, or ``None``."""
    def make(source, other, random):
        tables = list(source.stream.tables)
        place = random.integers(len(tables))
        made = change(tables[place], other.stream.tables, random)
        if made is None:
            return source.data
        tables[place] = made
        return stream_bytes(altered(source.stream, tables=tables))
    return make


def _slots(table, tables, random):
    """A slot list with two slots changed for each other, made of the spread where there is none."""
    slots = list(table.slot_tokens)
    one, other = random.choice(len(slots), 2, replace=False)
    slots[one], slots[other] = slots[other], slots[one]
    return Table(table.alphabet, table.table_log, table.counts, tuple(slots))


def _counts(gain):
    """One token has a slot more, and if the sum is kept another one less."""
    def change(table, tables, random):
        counts = list(table.counts)
        counts[random.integers(len(counts))] += 1
        if gain == 0:
            counts[random.choice(np.flatnonzero(table.counts))] -= 1
            return Table(table.alphabet, table.table_log, tuple(counts))
        return altered(table, counts=counts, slots=None)
    return change


def _another_table(table, tables, random):
    return tables[random.integers(len(tables))]


def _segment(change):
    """By a function of a segment and the number of tables that returns another one."""
    def make(source, other, random):
        segments = list(source.stream.segments)
        place = random.integers(len(segments))
        segments[place] = change(segments[place], len(source.stream.tables), random)
        return stream_bytes(altered(source.stream, segments=segments))
    return make


def _size(segment, tables, random):
    weights = segment.weights + (1 if random.integers(2) else -1) * int(random.integers(1, 65))
    return altered(segment, weights=max(0, weights))


def _table_number(segment, tables, random):
    return replace(segment, table=int(random.integers(tables + 1)))


def _segments_swapped(source, other, random):
    """Two segments change places, with their restarts or without."""
    segments = list(source.stream.segments)
    if len(segments) < 2:
        return source.data
    one, another = random.choice(len(segments), 2, replace=False)
    first, second = segments[one], segments[another]
    segments[one] = replace(second, restart=first.restart)
    segments[another] = replace(first, restart=second.restart)
    return stream_bytes(altered(source.stream, segments=segments))


def _nibble(source, other, random):
    nibbles = list(header_nibbles(source.stream))
    place = random.integers(len(nibbles))
    nibbles[place] = int(random.integers(16))
    return sealed(source.stream, nibbles)


KINDS = [
    Kind("1 bit of the header", False, _header_bits(1)),
    Kind("2 bits of the header", False, _header_bits(2)),
    Kind("a burst in the header", False, _header_bits(0)),
    Kind("1 bit of the fill", False, _fill_bit),
    Kind("tables of another stream", False, _other_tables),
    Kind("1 bit of the words", False, _word_bits(1)),
    Kind("2 bits of the words", False, _word_bits(2)),
    Kind("a burst in the words", False, _word_bits(0)),
    Kind("words of another stream", False, _other_words),
    Kind("a transfer dropped", False, _transfers(_dropped)),
    Kind("a transfer repeated", False, _transfers(_repeated)),
    Kind("two transfers swapped", False, _transfers(_swapped)),
    Kind("the end cut off", False, _transfers(_cut)),
    Kind("more transfers at the end", False, _transfers(_longer)),
    Kind("a line of the bus stuck", False, _transfers(_stuck)),
    Kind("1 bit of the words", True, _words(_bits(1))),
    Kind("2 bits of the words", True, _words(_bits(2))),
    Kind("a burst in the words", True, _words(_bits(0))),
    Kind("a word dropped", True, _words(_dropped)),
    Kind("a word repeated", True, _words(_repeated)),
    Kind("two words swapped", True, _words(_swapped)),
    Kind("the last words cut off", True, _words(_cut)),
    Kind("more words", True, _words(_longer)),
    Kind("words of another stream", True, _words_of_another),
    Kind("two slots swapped", True, _table(_slots)),
    Kind("a slot of another token", True, _table(_counts(0))),
    Kind("a slot too many", True, _table(_counts(1))),
    Kind("a table of another stream", True, _table(_another_table)),
    Kind("weights of a segment", True, _segment(_size)),
    Kind("table of a segment", True, _segment(_table_number)),
    Kind("two segments swapped", True, _segments_swapped),
    Kind("a nibble of the header", True, _nibble),
]
