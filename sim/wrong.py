"""Wrong streams for the tests, one for each thing that the decoder checks, with every other check satisfied."""

import zlib
from collections.abc import Callable
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from golden.container import stream_bytes
from golden.errors import FormatError
from golden.header import header_bytes, header_nibbles
from golden.scalar import decode
from golden.stream import Segment
from hw.errors import ErrorCode

__all__ = ["CASES", "Case", "altered", "sealed"]


class Case(NamedTuple):
    """What is wrong, what the decoder must say, and the bytes made from a right stream of two or more spans."""

    name: str
    code: ErrorCode
    make: Callable


def altered(value, **changes):
    """A copy of a validated object that nothing validates."""
    return SimpleNamespace(**{f.name: getattr(value, f.name) for f in fields(value)} | changes)


def _config(name, change):
    def make(stream):
        values = {"half": stream.config.half} | {name: change(getattr(stream.config, name))}
        return stream_bytes(altered(stream, config=altered(stream.config, **values)))
    return make


def _table(number, change):
    def make(stream):
        tables = list(stream.tables)
        tables[number] = change(tables[number])
        return stream_bytes(altered(stream, tables=tables))
    return make


def _alphabet(**changes):
    return _table(0, lambda table: altered(table, alphabet=altered(table.alphabet, **changes)))


def _count(change):
    """A table whose first count that is not 0 is another."""
    def alter(table):
        counts = list(table.counts)
        place = next(i for i, count in enumerate(counts) if count)
        counts[place] += change
        return altered(table, counts=counts, slots=None)
    return _table(0, alter)


def _zeros_past_the_end(stream):
    """A run of zero counts longer than there are tokens left."""
    alphabet = stream.tables[0].alphabet
    longer = altered(stream.tables[0], counts=[stream.config.slots] + [0] * alphabet.size, slots=None)
    return stream_bytes(altered(stream, tables=[longer, *stream.tables[1:]]))


def _twice(table):
    """A slot list that gives a token one slot more than its count, and another one less."""
    slots = list(table.slots)
    place = next(i for i, slot in enumerate(slots) if slot != slots[0])
    slots[place] = slots[0]
    return altered(table, slots=slots)


def _unknown_index(stream):
    """A slot list with an index that no token has: the first 15, of fewer than 15 tokens."""
    number = next(i for i, table in enumerate(stream.tables)
                  if table.slots is not None and 1 < sum(map(bool, table.counts)) < 15)
    right, changed = (header_nibbles(altered(stream, tables=[*stream.tables[:number], table,
                                                             *stream.tables[number + 1:]]))
                      for table in (stream.tables[number], _twice(stream.tables[number])))
    place = next(i for i, (one, other) in enumerate(zip(right, changed)) if one != other)
    return sealed(stream, [*right[:place], 15, *right[place + 1:]])


def sealed(stream, nibbles):
    """The bytes of a stream with other nibbles in its header, the CRC-32 renewed."""
    data = stream_bytes(stream)[:5] + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))
    data += zlib.crc32(data).to_bytes(4, "little")
    data += bytes(-len(data) % (stream.config.word_bits // 8))
    return data + stream_bytes(stream)[len(header_bytes(stream)):]


def _segment(number, **changes):
    def make(stream):
        segments = list(stream.segments)
        segments[number] = altered(segments[number], **changes)
        return stream_bytes(altered(stream, segments=segments))
    return make


def _unknown_table(stream):
    segments = [*stream.segments[:-1], replace(stream.segments[-1], table=len(stream.tables))]
    return stream_bytes(altered(stream, segments=segments))


def _no_restart(stream):
    segments = [altered(stream.segments[0], restart=False), *stream.segments[1:]]
    return stream_bytes(altered(stream, segments=segments))


def _too_many_segments(stream):
    more = stream.config.max_segments + 1 - len(stream.segments)
    return stream_bytes(altered(stream, segments=[*stream.segments, *[Segment(1, 0)] * more]))


def _too_many_tables(stream):
    more = stream.config.max_tables + 1 - len(stream.tables)
    return stream_bytes(altered(stream, tables=[*stream.tables, *[stream.tables[0]] * more]))


def _byte(place, change):
    """Another byte; ``place`` counts from the start, or from the end of the header without its fill."""
    def make(stream):
        data = bytearray(stream_bytes(stream))
        at = place if place >= 0 else 5 + len(header_nibbles(stream)) // 2 + 4 + place
        data[at] ^= change
        return bytes(data)
    return make


def _other_crc(stream):
    """The header has the CRC-32 of other words."""
    other = altered(stream, words=[*stream.words[:-1], stream.words[-1] ^ 1])
    return header_bytes(other) + stream_bytes(stream)[len(header_bytes(stream)):]


def _end_state(stream):
    """Other bits in the last words of the last span, so that all words are used and a lane does not end in state 0."""
    for word in reversed(range(len(stream.words[-1]))):
        for bit in range(min(stream.config.word_bits, 64)):
            words = stream.words[-1].copy()
            words.reshape(len(words), -1)[word, 0] ^= words.dtype.type(1 << bit)
            changed = replace(stream, words=(*stream.words[:-1], words))
            try:
                decode(changed)
            except FormatError as error:
                if " in state " in str(error):
                    return stream_bytes(changed)
    raise ValueError("no such bit")


def _more_words(stream):
    """The fewest words too many: the first fill the place of zero words that were not stored."""
    longer = stream
    while True:
        last = longer.words[-1]
        longer = replace(longer, words=(*stream.words[:-1], np.concatenate([last, last[-1:]])))
        try:
            decode(longer)
        except FormatError:
            return stream_bytes(longer)


def _cut(share):
    """Only a share of the transfers, at least one."""
    def make(stream):
        size = stream.config.word_bits // 8
        data = stream_bytes(stream)
        return data[:max(1, int(share * len(data) // size)) * size]
    return make


def _without_last(stream):
    return stream_bytes(stream)[:-(stream.config.word_bits // 8)]


CASES = [
    Case("one transfer", ErrorCode.TRUNCATED, _cut(0)),
    Case("a fifth of it", ErrorCode.TRUNCATED, _cut(0.2)),
    Case("four fifths of it", ErrorCode.TRUNCATED, _cut(0.8)),
    Case("without the last transfer", ErrorCode.TRUNCATED, _without_last),
    Case("magic", ErrorCode.MAGIC, _byte(2, 0x20)),
    Case("version", ErrorCode.VERSION, _byte(4, 3)),
    Case("lanes", ErrorCode.LANES, _config("lanes", lambda lanes: lanes + 1)),
    Case("vector", ErrorCode.VECTOR, _config("vector", lambda vector: vector + 1)),
    Case("word bits", ErrorCode.WORD_BITS, _config("word_bits", lambda bits: bits * 2)),
    Case("preload", ErrorCode.PRELOAD, _config("preload", lambda words: words + 1)),
    Case("table log", ErrorCode.TABLE_LOG, _config("table_log", lambda log: log - 1)),
    Case("max run", ErrorCode.CAPACITY, _config("max_run", lambda run: run + 1)),
    Case("raw bits", ErrorCode.CAPACITY, _config("raw_bits", lambda bits: bits + 1)),
    Case("half", ErrorCode.CAPACITY, _config("half", lambda half: half + 1)),
    Case("tables", ErrorCode.CAPACITY, _too_many_tables),
    Case("segments", ErrorCode.CAPACITY, _too_many_segments),
    Case("CRC-32 of the header", ErrorCode.HEADER_CRC, _byte(-1, 0x80)),
    Case("half 0 of a table", ErrorCode.TABLE, _alphabet(half=0)),
    Case("half of a table", ErrorCode.TABLE, _alphabet(half=127)),
    Case("raw bits of a table", ErrorCode.TABLE, _alphabet(raw_bits=7)),
    Case("max run 0 of a table", ErrorCode.TABLE, _alphabet(max_run=0)),
    Case("max run of a table", ErrorCode.TABLE, _alphabet(max_run=16)),
    Case("raw bits and runs", ErrorCode.TABLE, _alphabet(raw_bits=1, max_run=2)),
    Case("slot list", ErrorCode.TABLE, _table(1, _twice)),
    Case("slot list with an unknown token", ErrorCode.TABLE, _unknown_index),
    Case("counts too small", ErrorCode.COUNTS, _count(-1)),
    Case("counts too great", ErrorCode.COUNTS, _count(1)),
    Case("zero counts past the end", ErrorCode.COUNTS, _zeros_past_the_end),
    Case("a segment of no weights", ErrorCode.SEGMENT, _segment(1, weights=0)),
    Case("a segment of an unknown table", ErrorCode.SEGMENT, _unknown_table),
    Case("no restart at the start", ErrorCode.SEGMENT, _no_restart),
    Case("CRC-32 of the words", ErrorCode.WORDS_CRC, _other_crc),
    Case("end state", ErrorCode.END_STATE, _end_state),
    Case("a word too many", ErrorCode.WORDS_LEFT, _more_words),
]
