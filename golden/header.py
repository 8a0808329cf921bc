"""The header of a stream, nibble by nibble: ``docs/format.md``, sections 2, 3 and 5."""

import zlib
from functools import lru_cache

from .config import MAX_BINS, MAX_LANES, MAX_RAW_BITS, MAX_RUN, MAX_TABLE_LOG, MAX_VECTOR, WORD_BITS, Config
from .errors import ConfigError, FormatError
from .stream import Segment
from .table import Alphabet, Table

__all__ = ["MAGIC", "VERSION", "header_bytes", "header_nibbles", "parse_header", "preamble_nibbles",
           "segment_nibbles", "table_nibbles", "vint"]

MAGIC = b"TNSY"
VERSION = 1
MAX_TABLES = 1 << 16
MAX_SEGMENTS = 1 << 24
MAX_PRELOAD = 256
VINT_LIMIT = 1 << 32


def header_bytes(stream) -> bytes:
    """The header of a stream: magic to fill, a whole number of words long.

    Parameters
    ----------
    stream : Stream

    Returns
    -------
    bytes

    Raises
    ------
    FormatError
        If the stream has more tables or segments than the format can say.
    """
    nibbles = header_nibbles(stream)
    data = MAGIC + bytes([VERSION]) + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))
    data += zlib.crc32(data).to_bytes(4, "little")
    return data + bytes(-len(data) % (stream.config.word_bits // 8))


def header_nibbles(stream) -> list[int]:
    """All nibbles between the version and the CRC, the padding included."""
    nibbles = preamble_nibbles(stream)
    for table in stream.tables:
        nibbles += table_nibbles(table)
    words = iter(stream.words)
    for segment in stream.segments:
        nibbles += segment_nibbles(segment, next(words) if segment.restart else None)
    return nibbles + [0] * (len(nibbles) % 2)


def preamble_nibbles(stream) -> list[int]:
    """The configuration and the numbers of tables and segments, as nibbles: what follows magic and version."""
    config = stream.config
    _range("number of tables", len(stream.tables), 1, MAX_TABLES)
    _range("number of segments", len(stream.segments), 1, MAX_SEGMENTS)
    numbers = (config.lanes, config.vector, WORD_BITS.index(config.word_bits), config.preload, config.table_log,
               config.max_run, config.raw_bits, config.half, len(stream.tables), len(stream.segments))
    return [nibble for number in numbers for nibble in vint(number)]


def table_nibbles(table) -> list[int]:
    """The record of one table, as nibbles."""
    alphabet = table.alphabet
    nibbles = vint(0 if table.slots is None else 1)
    nibbles += vint(alphabet.half) + vint(alphabet.raw_bits) + vint(alphabet.max_run)
    token = 0
    while token < len(table.counts):
        nibbles += vint(table.counts[token])
        token += 1
        if table.counts[token - 1] == 0:
            end = token
            while end < len(table.counts) and table.counts[end] == 0:
                end += 1
            nibbles += vint(end - token)
            token = end
    if table.slots is not None:
        present = [i for i, count in enumerate(table.counts) if count]
        number = {token: k for k, token in enumerate(present)}
        for token in table.slots:
            nibbles += _fixed(number[token], _digits(len(present)))
    return nibbles


def segment_nibbles(segment, words) -> list[int]:
    """The record of one segment, as nibbles; ``words`` are those of its span, or ``None`` if it does not restart."""
    nibbles = vint(segment.weights) + vint(2 * segment.table + segment.restart)
    if segment.restart:
        nibbles += vint(len(words)) + _fixed(zlib.crc32(words.tobytes()), 8)
    return nibbles


def vint(number) -> list[int]:
    """A whole number as nibbles."""
    nibbles = [number & 7]
    while number := number >> 3:
        nibbles[-1] |= 8
        nibbles.append(number & 7)
    return nibbles


def _fixed(number, count):
    return [number >> 4 * i & 15 for i in range(count)]


def _digits(size):
    """The least number of nibbles that tell ``size`` things apart."""
    return (max(size - 1, 0).bit_length() + 3) // 4


def _range(name, value, low, high):
    if not low <= value <= high:
        raise FormatError(f"{name} must be {low} to {high}, not {value}")
    return value


class _Reader:
    """Nibbles of a header, in order."""

    def __init__(self, data, start):
        self.data = data
        self.position = 2 * start

    def nibble(self):
        if self.position >= 2 * len(self.data):
            raise FormatError(f"the file ends within the header, after {len(self.data)} bytes")
        byte = self.data[self.position >> 1]
        self.position += 1
        return byte & 15 if self.position & 1 else byte >> 4

    def fixed(self, count):
        return sum(self.nibble() << 4 * i for i in range(count))

    def vint(self, name, low, high):
        number, shift = 0, 0
        while True:
            nibble = self.nibble()
            number |= (nibble & 7) << shift
            shift += 3
            if not nibble & 8:
                break
            if number >= VINT_LIMIT or shift >= 33:
                raise FormatError(f"{name} must be below 2**32")
        if shift > 3 and nibble == 0:
            raise FormatError(f"{name} must be written with no more nibbles than it needs")
        return _range(name, number, low, high)

    def end(self):
        """The byte after the nibbles, the padding checked."""
        if self.position & 1 and self.nibble():
            raise FormatError("the padding nibble of the header must be zero")
        return self.position >> 1


def parse_header(data):
    """Read and check the header at the start of a file.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    tuple
        ``(config, tables, segments, spans, end)``: a Config, a tuple of Table, a tuple of Segment, per span the number
        of its words and their CRC-32, and the number of bytes of the header with its fill.

    Raises
    ------
    FormatError
        If anything is out of range, missing, or does not match the header's CRC-32.
    """
    if not data:
        raise FormatError("the file is empty")
    if data[:4] != MAGIC[:len(data)]:
        raise FormatError(f"the file must begin with {MAGIC!r}, not {bytes(data[:4])!r}")
    if len(data) < 5:
        raise FormatError(f"the file ends within the header, after {len(data)} bytes")
    if data[4] != VERSION:
        raise FormatError(f"the file has format version {data[4]}, this reader knows version {VERSION}")
    reader = _Reader(data, 5)
    config = _parse_config(reader)
    table_count = reader.vint("number of tables", 1, MAX_TABLES)
    segment_count = reader.vint("number of segments", 1, MAX_SEGMENTS)
    tables = tuple(_parse_table(reader, config, f"table {i}") for i in range(table_count))
    segments, spans = [], []
    for i in range(segment_count):
        segments.append(_parse_segment(reader, i, table_count))
        if segments[-1].restart:
            spans.append((reader.vint(f"number of words of segment {i}", 0, VINT_LIMIT - 1), reader.fixed(8)))
    end = reader.end()
    if len(data) < end + 4:
        raise FormatError(f"the file ends within the header, after {len(data)} bytes")
    if zlib.crc32(data[:end]) != int.from_bytes(data[end:end + 4], "little"):
        raise FormatError("the CRC-32 of the header does not match")
    end += 4
    fill = data[end:end + -end % (config.word_bits // 8)]
    if len(fill) != -end % (config.word_bits // 8) or any(fill):
        raise FormatError("the header must be filled up to a whole word with zero bytes")
    return config, tables, tuple(segments), spans, end + len(fill)


def _parse_config(reader):
    lanes = reader.vint("lanes", 1, MAX_LANES)
    vector = reader.vint("weights per lane and beat", 1, MAX_VECTOR)
    word_bits = WORD_BITS[reader.vint("code of the word bits", 0, len(WORD_BITS) - 1)]
    preload = reader.vint("preload", 1, MAX_PRELOAD)
    table_log = reader.vint("table log", 1, MAX_TABLE_LOG)
    max_run = reader.vint("max run", 1, MAX_RUN)
    raw_bits = reader.vint("raw bits", 0, MAX_RAW_BITS)
    bins = 2 * reader.vint("half", 1, MAX_BINS // 2) + 1
    try:
        return Config(lanes=lanes, vector=vector, word_bits=word_bits, preload=preload, table_log=table_log,
                      max_run=max_run, raw_bits=raw_bits, bins=bins)
    except ConfigError as error:
        raise FormatError(str(error)) from None


def _parse_table(reader, config, name):
    kind = reader.vint(f"kind of {name}", 0, 1)
    half = reader.vint(f"half of {name}", 1, config.half)
    raw_bits = reader.vint(f"raw bits of {name}", 0, config.raw_bits)
    max_run = reader.vint(f"max run of {name}", 1, 1 if raw_bits else config.max_run)
    alphabet = _alphabet(half, raw_bits, max_run)
    counts, slots = [], None
    while len(counts) < alphabet.size:
        counts.append(reader.vint(f"a count of {name}", 0, config.slots))
        if counts[-1] == 0:
            counts += [0] * reader.vint(f"a run of zero counts of {name}", 0, alphabet.size - len(counts))
    if sum(counts) != config.slots:
        raise FormatError(f"counts of {name} must sum to its {config.slots} slots, not to {sum(counts)}")
    if kind == 1:
        present = [i for i, count in enumerate(counts) if count]
        digits = _digits(len(present))
        numbers = [_range(f"a slot of {name}", reader.fixed(digits), 0, len(present) - 1) for _ in range(config.slots)]
        slots = tuple(present[k] for k in numbers)
    return Table(alphabet, config.table_log, tuple(counts), slots)


@lru_cache(maxsize=256)
def _alphabet(half, raw_bits, max_run):
    """Tables of one alphabet share it: a header can hold very many."""
    return Alphabet(half=half, raw_bits=raw_bits, max_run=max_run)


def _parse_segment(reader, number, tables):
    weights = reader.vint(f"number of weights of segment {number}", 1, VINT_LIMIT - 1)
    code = reader.vint(f"table of segment {number}", 0, 2 * tables - 1)
    if number == 0 and not code & 1:
        raise FormatError("the first segment must restart the lanes")
    return Segment(weights, code >> 1, bool(code & 1))
