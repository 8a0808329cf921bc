"""A second decoder of Tansy files, in plain Python integers, written from docs/format.md alone.

It shares nothing with `golden`: no import, no NumPy, another style. Where both agree, the page says enough. Sections
are those of the page. It is slow, and it refuses whatever the page does not allow, with `Refused`.
"""

import json
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, repeat
from math import prod
from struct import unpack

BYTES_PER_ELEMENT = {f"{order}{kind}{size}": size for order, kind, size in [
    ("|", "b", 1), ("|", "i", 1), ("|", "u", 1), ("<", "i", 2), ("<", "u", 2), ("<", "i", 4), ("<", "u", 4),
    ("<", "i", 8), ("<", "u", 8), ("<", "f", 2), ("<", "f", 4), ("<", "f", 8)]}


class Refused(Exception):
    """The bytes are not what the format page allows."""


def demand(condition, message):
    """Refuse with a message where a condition does not hold."""
    if not condition:
        raise Refused(message)


def whole_ceil(a, b):
    """The quotient of two whole numbers, rounded up."""
    return -(-a // b)


class Nibbles:
    """The bytes of a header, nibble by nibble from byte 5 on (section 2)."""

    def __init__(self, data):
        self.data = data
        self.place = 10  # in nibbles: magic and version are the first ten

    def nibble(self):
        """The next nibble."""
        byte, high = divmod(self.place, 2)
        demand(byte < len(self.data), "the header is cut")
        self.place += 1
        return self.data[byte] >> 4 if high else self.data[byte] & 15

    def fixed(self, count):
        """A number of `count` nibbles, the low one first."""
        return sum(self.nibble() << 4 * k for k in range(count))

    def vint(self, low, high, name):
        """A vint within low..high."""
        number = 0
        for k in range(11):
            nibble = self.nibble()
            number |= (nibble & 7) << 3 * k
            if nibble < 8:
                demand(nibble or k == 0, f"the vint of {name} is longer than it needs to be")
                demand(low <= number <= high, f"{name} is {number}, not within {low}..{high}")
                return number
        raise Refused(f"the vint of {name} does not end")


@dataclass
class Table:
    """A table record (section 3): counts above 0 by number of token, and the number per slot where slots are listed."""

    half: int
    raw_bits: int
    max_run: int
    counts: dict
    listed: list | None
    made: list | None = None

    def entries(self, table_log):
        """Per state (run, value, nbits, base); made when first asked for."""
        if self.made is None:
            self.made = list(self._entries(table_log))
        return self.made

    def _entries(self, table_log):
        tokens = alphabet(self.half, self.raw_bits, self.max_run)
        seen = dict(self.counts)  # f + k for the slot that is k-th of its token
        for token in self.listed if self.listed is not None else self._spread(1 << table_log):
            nbits = table_log - (seen[token].bit_length() - 1)
            yield *tokens[token], nbits, (seen[token] << nbits) - (1 << table_log)
            seen[token] += 1

    def _spread(self, slots):
        credit = dict.fromkeys(self.counts, 0)
        for _ in range(slots):
            for token, count in self.counts.items():
                credit[token] += count
            chosen = max(credit, key=credit.__getitem__)  # the first of the greatest
            credit[chosen] -= slots
            yield chosen


@dataclass
class Segment:
    """A segment record (section 5); `words` and `crc` are None where the lanes go on."""

    weights: int
    table: int
    words: int | None = None
    crc: int | None = None


@dataclass
class Header:
    """What a header says, and the number of its bytes."""

    lanes: int
    vector: int
    word_bits: int
    preload: int
    table_log: int
    max_run: int
    raw_bits: int
    half: int
    tables: list
    segments: list
    length: int


@cache
def alphabet(half, raw_bits, max_run):
    """The tokens (run, value) of a table, in order (section 3)."""
    lowest, highest = -half >> raw_bits, half >> raw_bits
    runs, values = range(max_run), range(lowest, highest + 1)
    return [(run, value) for run in runs for value in values if value or run == max_run - 1]


def read_table(nibbles, table_log, max_run, raw_bits, half):
    """A table record within the bounds of its header."""
    slots = 1 << table_log
    kind = nibbles.vint(0, 1, "the kind of a table")
    h = nibbles.vint(1, half, "the half of a table")
    s = nibbles.vint(0, raw_bits, "the raw bits of a table")
    m = nibbles.vint(1, 1 if s else max_run, "the max run of a table")
    counts = read_counts(nibbles, len(alphabet(h, s, m)), slots)
    return Table(h, s, m, counts, read_slots(nibbles, counts, slots) if kind else None)


def read_counts(nibbles, tokens, slots):
    """The counts above 0 of a table, by the numbers of their tokens."""
    counts = {}
    token = 0
    while token < tokens:
        count = nibbles.vint(0, slots, "a count")
        token += 1
        if count:
            counts[token - 1] = count
        else:
            token += nibbles.vint(0, tokens - token, "a run of zero counts")
    demand(sum(counts.values()) == slots, f"counts sum to {sum(counts.values())}, not to {slots}")
    return counts


def read_slots(nibbles, counts, slots):
    """The number of the token of every slot, from the list of a table of kind 1."""
    present = list(counts)
    digits = next(d for d in range(4) if 16 ** d >= len(present))
    indices = [nibbles.fixed(digits) for _ in range(slots)]
    demand(max(indices) < len(present), "a slot's token is not there")
    listed = [present[index] for index in indices]
    demand(Counter(listed) == counts, "a slot list is not that of its counts")
    return listed


def read_segment(nibbles, tables, first):
    """A segment record."""
    weights = nibbles.vint(1, 2 ** 32 - 1, "the weights of a segment")
    table, restart = divmod(nibbles.vint(0, 2 * tables - 1, "the table of a segment"), 2)
    demand(restart or not first, "the first segment does not restart")
    if not restart:
        return Segment(weights, table)
    return Segment(weights, table, nibbles.vint(0, 2 ** 32 - 1, "the words of a span"), nibbles.fixed(8))


def read_header(data, nibbles=None):
    """The header at the start of a stream (sections 2, 3, 5); `nibbles` reads it, for those who want to look on."""
    demand(data[:4] == b"TNSY", "not a Tansy stream")
    demand(data[4:5] == b"\1", "not version 1")
    nibbles = nibbles or Nibbles(data)
    lanes = nibbles.vint(1, 64, "N")
    vector = nibbles.vint(1, 8, "V")
    word_bits = 8 << nibbles.vint(0, 4, "w")
    preload = nibbles.vint(1, 256, "P")
    table_log = nibbles.vint(1, 12, "R")
    max_run = nibbles.vint(1, 16, "M")
    raw_bits = nibbles.vint(0, 7, "S")
    half = nibbles.vint(1, 127, "H")
    demand(word_bits >= table_log + raw_bits, "W is less than R + S")
    demand(preload >= 1 + whole_ceil(vector * (table_log + raw_bits), word_bits), "P is too small")
    tables = nibbles.vint(1, 65536, "T")
    segments = nibbles.vint(1, 2 ** 24, "G")
    tables = [read_table(nibbles, table_log, max_run, raw_bits, half) for _ in range(tables)]
    segments = [read_segment(nibbles, len(tables), first=number == 0) for number in range(segments)]
    if nibbles.place % 2:
        demand(nibbles.nibble() == 0, "the padding is not zero")
    end = nibbles.place // 2
    demand(len(data) >= end + 4, "the header is cut")
    demand(unpack("<I", data[end:end + 4]) == (zlib.crc32(data[:end]),), "the CRC-32 of the header is wrong")
    length = whole_ceil(end + 4, word_bits // 8) * word_bits // 8
    demand(len(data) >= length, "the header is cut")
    demand(not any(data[end + 4:length]), "the fill is not zero")
    return Header(lanes, vector, word_bits, preload, table_log, max_run, raw_bits, half, tables, segments, length)


class Lane:
    """One lane in a span: its state, the bits it has received and not read, and how many it has read."""

    def __init__(self):
        self.state = self.bits = self.held = self.read = 0

    def receive(self, word, word_bits):
        """Put a word behind the bits that are there."""
        self.bits |= word << self.held
        self.held += word_bits

    def take(self, count):
        """Read a field of `count` bits."""
        assert count <= self.held, "the least P of section 4 was not enough"
        field = self.bits & (1 << count) - 1
        self.bits >>= count
        self.held -= count
        self.read += count
        return field


def decode_segment(header, segment, lanes, supply):
    """The weights of one segment; `supply(lane, count)` gives a lane its next words (section 4)."""
    n, v = header.lanes, header.vector
    table = header.tables[segment.table]
    entries = table.entries(header.table_log)
    weights = [0] * segment.weights
    beats, rest = divmod(segment.weights, n * v)
    owned = [beats * v + min(max(rest - v * number, 0), v) for number in range(n)]
    covered = [0] * n
    for beat in range(whole_ceil(segment.weights, n * v)):
        for number, lane in enumerate(lanes):
            before = lane.read
            while covered[number] < min((beat + 1) * v, owned[number]):
                run, value, nbits, base = entries[lane.state]
                lane.state = base + lane.take(nbits)
                weight = (value << table.raw_bits) + lane.take(table.raw_bits)
                demand(-table.half <= weight <= table.half, f"a weight is {weight}, beyond {table.half}")
                covered[number] += run + 1
                if covered[number] <= owned[number]:
                    its_beat, place = divmod(covered[number] - 1, v)
                    weights[(its_beat * n + number) * v + place] = weight
            supply(lane, lane.read // header.word_bits - before // header.word_bits)
    return weights


def decode_span(header, segments, stored):
    """The weights of the segments of one span, a list for each; `stored` are its words as numbers."""
    words = chain(stored, repeat(0))
    asked = 0

    def supply(lane, count):
        nonlocal asked
        asked += count
        for _ in range(count):
            lane.receive(next(words), header.word_bits)

    lanes = [Lane() for _ in range(header.lanes)]
    for lane in lanes:
        supply(lane, header.preload)
    for lane in lanes:
        lane.state = lane.take(header.table_log)
        supply(lane, lane.read // header.word_bits)
    weights = [decode_segment(header, segment, lanes, supply) for segment in segments]
    demand(not any(lane.state for lane in lanes), "a lane does not end in state 0")
    demand(len(stored) <= asked, "words are stored that no lane asks for")
    return weights


def read_stream(data, limit):
    """The header, per span its segments and its words as numbers, and where the words end."""
    header = read_header(data)
    total = sum(segment.weights for segment in header.segments)
    demand(total <= limit, f"{total} weights are more than {limit}")
    size = header.word_bits // 8
    starts = [number for number, segment in enumerate(header.segments) if segment.words is not None]
    ends = list(accumulate((header.segments[start].words * size for start in starts), initial=header.length))
    demand(ends[-1] <= len(data), "the words are cut")
    spans = []
    for start, after, begin, end in zip(starts, [*starts[1:], None], ends, ends[1:]):
        stored = data[begin:end]
        demand(zlib.crc32(stored) == header.segments[start].crc, "the CRC-32 of the words is wrong")
        words = [int.from_bytes(stored[k:k + size], "little") for k in range(0, len(stored), size)]
        demand(not words or words[-1], "the last word stored of a span is zero")
        spans.append((header.segments[start:after], words))
    return header, spans, ends[-1]


def decode_spans(header, spans):
    """The weights of all segments, a list for each."""
    return [weights for segments, words in spans for weights in decode_span(header, segments, words)]


def decode_stream(data, limit=2 ** 24):
    """The weights of all segments of a stream, a list for each; what follows its words is not looked at.

    More than `limit` weights are refused before any is decoded.
    """
    header, spans, _ = read_stream(data, limit)
    return decode_spans(header, spans)


def is_shape(shape):
    """Whether a member of the directory is a shape."""
    if not isinstance(shape, list) or len(shape) > 32:
        return False
    return all(type(length) is int and length >= 0 for length in shape) and prod(max(d, 1) for d in shape) < 2 ** 48


def is_name(name):
    """Whether a member of the directory is a name."""
    return isinstance(name, str) and not any(0xD800 <= ord(character) < 0xE000 for character in name)


def members(pairs):
    """A JSON object as a dict, refused where a name comes twice."""
    demand(len(dict(pairs)) == len(pairs), "a name comes twice in the directory")
    return dict(pairs)


def inflate(stored):
    """The plain bytes of a directory that is a zlib stream."""
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(stored, 2 ** 24 + 1)
    except zlib.error as error:
        raise Refused(f"the directory is no zlib stream: {error}") from error
    demand(len(plain) <= 2 ** 24, "the directory has more than 2^24 bytes")
    demand(machine.eof and not machine.unused_data, "the directory is not exactly one zlib stream")
    return plain


def read_directory(plain):
    """The lists `coded` and `raw` of a directory (section 6)."""
    demand(len(plain) <= 2 ** 24, "the directory has more than 2^24 bytes")
    try:
        directory = json.loads(plain.decode("utf-8"), object_pairs_hook=members)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the directory is no JSON: {error}") from error
    demand(isinstance(directory, dict) and directory.keys() == {"coded", "raw"}, "the directory's members are others")
    coded, raw = directory["coded"], directory["raw"]
    demand(isinstance(coded, list) and isinstance(raw, list), "the directory's members are no lists")
    for row, length in [*((row, 2) for row in coded), *((row, 3) for row in raw)]:
        demand(isinstance(row, list) and len(row) == length and is_name(row[0]) and is_shape(row[-1]),
               f"{row} does not describe a tensor")
        demand(length == 2 or isinstance(row[1], str) and row[1] in BYTES_PER_ELEMENT, f"{row} has no known type")
    names = [row[0] for row in coded + raw]
    demand(len(set(names)) == len(names), "two tensors have one name")
    return coded, raw


def deal_segments(coded, segments):
    """The coded tensors {name: (shape, weights)}: each takes whole segments."""
    tensors = {}
    left = iter(segments)
    for name, shape in coded:
        weights = []
        while len(weights) < prod(shape):
            more = next(left, None)
            demand(more is not None, f"{name} is larger than the segments that are left")
            weights += more
        demand(len(weights) == prod(shape), f"{name} does not end with a segment")
        tensors[name] = shape, weights
    demand(next(left, None) is None, "segments are left over")
    return tensors


def cut_raw(raw, data):
    """The raw tensors {name: (shape, type, bytes)}."""
    tensors = {}
    place = 0
    for name, kind, shape in raw:
        end = place + prod(shape) * BYTES_PER_ELEMENT[kind]
        demand(kind != "|b1" or set(data[place:end]) <= {0, 1}, f"{name} has a bool that is neither 0 nor 1")
        tensors[name] = shape, kind, data[place:end]
        place = end
    demand(place == len(data), f"raw tensors take {place} bytes, {len(data)} are there")
    return tensors


def decode_file(data, limit=2 ** 24):
    """The tensors of a file: {name: (shape, weights)} of the coded and {name: (shape, type, bytes)} of the raw ones.

    Parameters
    ----------
    data : bytes
        The whole file.
    limit : int
        The most weights that are decoded.

    Raises
    ------
    Refused
        If the file is not what the page allows, or has more weights than `limit`.
    """
    header, spans, end = read_stream(data, limit)
    tail = data[end:]
    demand(len(tail) >= 9, "the tail is cut")
    form, length = unpack("<BI", tail[:5])
    demand(unpack("<I", tail[-4:]) == (zlib.crc32(tail[:-4]),), "the CRC-32 of the tail is wrong")
    demand(form <= 1, f"the directory's form is {form}")
    demand(5 + length <= len(tail) - 4, "the directory is cut")
    stored = tail[5:5 + length]
    coded, raw = read_directory(inflate(stored) if form else stored)
    raw = cut_raw(raw, tail[5 + length:-4])
    return deal_segments(coded, decode_spans(header, spans)), raw
