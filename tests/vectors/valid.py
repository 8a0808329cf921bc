"""The vectors that decode: a name, the section of ``docs/format.md``, what is in it, and how its bytes were made.

What no encoder writes (runs of zeros in pieces, tokens cut before their value, bits after the last) is made by changing
a file of the encoder, by `tests.parts`.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from golden.config import Config
from golden.container import Directory, pack
from golden.scalar import encode
from golden.stream import Segment, Stream
from golden.table import Alphabet, Table
from tests.parts import put_together, take_apart

__all__ = ["VALID", "Vector"]

PAGE = Path(__file__).parents[2] / "docs" / "format.md"
RAW_TYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")


class Vector(NamedTuple):
    """A vector to be made."""

    name: str
    section: int
    what: str
    make: Callable[[], bytes]


def table(table_log, half=1, raw_bits=0, max_run=1, counts=None, slots=None):
    """A table; without counts, those that fall off with the value and the run, none of them 0."""
    alphabet = Alphabet(half, raw_bits, max_run)
    if counts is None:
        sizes = [(1 << 20) // ((1 + abs(value)) ** 2 * (1 + run)) for run, value in alphabet.tokens]
        spare = (1 << table_log) - alphabet.size
        counts = [1 + size * spare // sum(sizes) for size in sizes]
        counts[alphabet.index[max_run - 1, 0]] += (1 << table_log) - sum(counts)
    return Table(alphabet, table_log, tuple(counts), slots)


def drawn(name, half, count):
    """Weights of -half..half, mostly small."""
    values = range(-half, half + 1)
    return Random(name).choices(values, [1 / (1 + abs(value)) ** 2 for value in values], k=count)


def encoded(config, tables, layers, directory=None):
    """A file; a layer is (number of the table, weights, whether the lanes restart)."""
    segments = tuple(Segment(len(weights), number, restart) for number, weights, restart in layers)
    words = encode(config, tables, segments, [np.array(weights) for _, weights, _ in layers])
    return pack(Stream(config, tuple(tables), segments, words), directory)


def plain(name, count=40, half=1, table_log=4, raw_bits=0, max_run=1, **config):
    """A maker: one segment by one table."""
    def make():
        configured = Config(table_log=table_log, raw_bits=raw_bits, max_run=max_run, bins=2 * half + 1,
                            **{"lanes": 2, "word_bits": 8, **config})
        used = table(table_log, half, raw_bits, max_run)
        return encoded(configured, [used], [(0, drawn(name, half, count), True)])
    return make


def small(layers=((0, 40, True),), tables=None, directory=None, **config):
    """A maker: two lanes of 16-bit words, R = 4; a layer is (table, number of weights or the weights, restart)."""
    def make():
        used = tables() if tables else [table(4)]
        given = []
        for place, (number, weights, restart) in enumerate(layers):
            if isinstance(weights, int):
                weights = drawn(f"{place}", used[number].alphabet.half, weights)
            given.append((number, weights, restart))
        alphabets = [each.alphabet for each in used]
        bounds = {name: max(getattr(a, name) for a in alphabets) for name in ("max_run", "raw_bits")}
        bounds["bins"] = 2 * max(a.half for a in alphabets) + 1
        configured = Config(**{"lanes": 2, "word_bits": 16, "table_log": used[0].table_log, **bounds, **config})
        return encoded(configured, used, given, directory)
    return make


def changed(make, change):
    """A maker: ``change`` works on the pieces of another one's file."""
    def changed_make():
        parts = take_apart(make())
        change(parts)
        return put_together(parts)
    return changed_make


def page(number):
    """A maker: the bytes of an example on the page."""
    def make():
        text = PAGE.read_text(encoding="utf-8").split(f"## {number}. ")[1]
        if number == 8:
            rows = re.findall(r"^\| \d+ \| `([0-9A-F ]+)` \|", text.split("The tokens of h = 1")[0], re.M)
        else:
            rows = re.findall(r"^    [0-9a-f]{2}: ([0-9a-f ]+)$", text, re.M)
        return bytes.fromhex("".join(rows))
    return make


def _same_value(value, count=40):
    """One token of an alphabet has all slots; the others' counts are 0."""
    counts = {0: (0, 16, 0), 1: (0, 0, 16), -1: (16, 0, 0)}[value]
    return small([(0, [value] * count, True)], lambda: [table(4, counts=counts)])


def _listed(table_log, half, max_run=1, shuffled=True):
    """A table by a slot list: tokens in order, or shuffled."""
    def tables():
        counts = table(table_log, half, 0, max_run).counts
        slots = [token for token, count in enumerate(counts) for _ in range(count)]
        if shuffled:
            Random(f"{half}").shuffle(slots)
        return [table(table_log, half, 0, max_run, counts, tuple(slots))]
    return tables


def _cut_by(weights):
    """Fewer weights in the first segment: its last tokens reach beyond the end."""
    def change(parts):
        next(field for field in parts.fields if field[0] == "the weights of a segment")[1] -= weights
        listing = json.loads(parts.directory)
        listing["coded"][0][1][0] -= weights
        parts.directory = json.dumps(listing).encode()
    return change


def _split_zeros(parts):
    """Runs of zero counts written as several runs, one of them empty."""
    place = next(k for k, field in enumerate(parts.fields) if field[0] == "a run of zero counts" and field[1] == 4)
    parts.fields[place:place + 1] = [["", number, None] for number in (0, 0, 0, 0, 2)]


def _bits_after_the_last(parts):
    """The highest bit of the last words of both lanes, which no token reads."""
    parts.words = bytes([*parts.words[:-1], parts.words[-1] | 0x80])


def _greater_bounds(parts):
    """M, S and H greater than any table needs, and P more than the least."""
    for place, number in ((5, 16), (6, 3), (7, 127)):
        parts.fields[place][1] = number


def _rewritten_directory(parts):
    """The members the other way round, white space, escapes."""
    parts.directory = b' { "raw" : [\n] , "coded": [ [ "\\u0030" , [ 4\t,10 ] ] ] } '
    parts.form = 0


def _compressed_directory(parts):
    parts.form = 1


def _many_layers():
    layers, random = [], Random("many segments")
    for place in range(40):
        layers.append((random.randrange(3), random.choice((1, 1, 2, 3, 5, 8, 30)), place == 0 or random.random() < 0.3))
    return layers


def _many_tables():
    return [table(4, max_run=3), table(4, half=3, raw_bits=1), table(4, half=2)]


def _arrays():
    random = Random("raw")
    arrays = {code: np.frombuffer(random.randbytes(6 * np.dtype(code).itemsize), code).reshape(2, 3)
              for code in RAW_TYPES}
    return {**arrays, "|b1": np.array([True, False, True]), "a scalar": np.array(0.25, "<f4"),
            "of no elements": np.zeros((3, 0), "<i2"), "größe\n": np.array([-0.0, np.inf, np.nan], "<f8")}


def _thirty_two():
    return (1,) * 31 + (40,)


VALID = [
    Vector("example-8", 8, "the worked example of the page", page(8)),
    Vector("example-9", 9, "the second example of the page", page(9)),
    Vector("one-weight", 2, "one lane, one weight", plain("one", 1, table_log=2, lanes=1)),
    Vector("defaults", 2, "eight lanes, 32-bit words, R = 7, 15 bins",
           plain("defaults", 300, half=7, table_log=7, lanes=8, word_bits=32)),
    Vector("lanes-64", 2, "N = 64, V = 8, with a partial beat", plain("64", 700, lanes=64, vector=8, word_bits=32)),
    Vector("lanes-3", 4, "N = 3, V = 3: neither is a power of two", plain("3", 100, lanes=3, vector=3, half=2)),
    Vector("word-bits-8", 2, "W = 8 = R: the start states ask for words", plain("w8", 60, half=5, table_log=8)),
    Vector("word-bits-16", 2, "W = 16", plain("w16", 60, half=5, table_log=5, word_bits=16)),
    Vector("word-bits-64", 2, "W = 64", plain("w64", 60, half=5, table_log=5, word_bits=64)),
    Vector("word-bits-128", 2, "W = 128, with fill", plain("w128", 200, half=5, table_log=5, word_bits=128)),
    Vector("w-is-r-plus-s", 2, "W = R + S", plain("rs", 60, half=60, table_log=5, raw_bits=3)),
    Vector("preload-256", 2, "P = 256", plain("p256", 40, preload=256)),
    Vector("preload-more", 4, "P two more than the least", plain("p4", 80, half=5, table_log=6, preload=4)),
    Vector("many-bits-a-beat", 4, "V = 8, W = 8, R = 8: a lane asks for up to 8 words in a beat",
           plain("v8", 200, half=100, table_log=8, vector=8)),
    Vector("r-1", 3, "R = 1: two slots", small(tables=lambda: [table(1, counts=(1, 1, 0))],
                                               layers=[(0, [-1, 0, 0, -1, -1, 0, -1] * 5, True)])),
    Vector("r-12", 3, "R = 12, by the spread", plain("r12", 100, half=7, table_log=12, word_bits=32)),
    Vector("half-127", 3, "H = 127, s = 0: 255 tokens", plain("h127", 200, half=127, table_log=8, word_bits=32)),
    Vector("max-run-16", 3, "M = 16: tokens over many beats",
           small([(0, [0] * 50 + [1] + [0] * 31 + [-1, 1] + [0] * 40, True)], lambda: [table(6, max_run=16)])),
    Vector("max-run-5", 3, "runs of zeros shorter and longer than M", plain("m5", 150, max_run=5, table_log=5)),
    Vector("runs-and-vector", 4, "V = 4, M = 3: tokens begin and end within parts",
           plain("mv", 150, half=2, max_run=3, table_log=5, vector=4)),
    Vector("raw-bits-7", 3, "s = 7: u is -1 or 0", plain("s7", 60, half=127, table_log=2, raw_bits=7, word_bits=16)),
    Vector("raw-bits-1", 3, "s = 1, h odd: u from -3 to 2", plain("s1", 80, half=5, table_log=4, raw_bits=1)),
    Vector("raw-bits-beyond-half", 3, "s = 3, h = 1: u * 8 + r within -1..1",
           plain("s3", 60, half=1, table_log=3, raw_bits=3)),
    Vector("one-token", 3, "a table of one token, 0: no bits, no words, CRC-32 0", _same_value(0)),
    Vector("one-token-value", 3, "a table of one token, 1", _same_value(1)),
    Vector("one-token-first", 3, "a table of one token, the first of the alphabet", _same_value(-1)),
    Vector("one-token-long", 3, "one token for 2,000 weights in no bits", _same_value(0, 2000)),
    Vector("zero-counts", 3, "runs of zero counts, one at the end",
           small([(0, [-4, 1, -4, 1, 1, 1, -4], True)], lambda: [table(4, 4, counts=(5, 0, 0, 0, 0, 11, 0, 0, 0))])),
    Vector("zero-counts-split", 3, "a run of zero counts written as several",
           changed(small([(0, [-4, 2, -4, 2, 2, 2, -4], True)],
                         lambda: [table(4, 4, counts=(5, 0, 0, 0, 0, 0, 11, 0, 0))]), _split_zeros)),
    Vector("zero-count-last", 3, "a count of 0 for the last token, a run of none after it",
           small([(0, [-1, 0, -1, -1, 0], True)], lambda: [table(4, counts=(9, 7, 0))])),
    Vector("slots-sorted", 3, "a slot list in the order of the alphabet", small(tables=_listed(4, 1, shuffled=False))),
    Vector("slots-1-nibble", 3, "a slot list of 15 tokens, one nibble a slot",
           small(tables=_listed(5, 7))),
    Vector("slots-2-nibbles", 3, "a slot list of 17 tokens, two nibbles a slot",
           small(tables=_listed(5, 8))),
    Vector("slots-3-nibbles", 3, "a slot list of 271 tokens, three nibbles a slot",
           small(tables=_listed(9, 9, 15))),
    Vector("slots-of-one-token", 3, "a slot list of one token, no nibbles",
           small([(0, [1] * 9, True)], lambda: [table(4, counts=(0, 0, 16), slots=(2,) * 16)])),
    Vector("bounds-not-reached", 2, "M, S and H greater than any table needs",
           changed(small(word_bits=32, preload=2), _greater_bounds)),
    Vector("table-not-used", 3, "three tables, of which one is used twice and one not at all",
           small([(0, 20, True), (2, 20, True), (0, 20, False)], _many_tables)),
    Vector("state-goes-over", 4, "three segments in one span, each with another table",
           small([(0, 31, True), (1, 18, False), (2, 23, False)], _many_tables)),
    Vector("restarts", 5, "three spans, the second without words",
           small([(0, 31, True), (1, [0] * 6, True), (0, 23, True)],
                 lambda: [table(4), table(4, counts=(0, 16, 0))])),
    Vector("many-segments", 5, "40 segments in several spans, three shared tables",
           small(_many_layers(), _many_tables)),
    Vector("fewer-weights-than-lanes", 4, "lanes without weights", plain("few", 3, lanes=8)),
    Vector("lane-without-weights", 4, "a lane that has weights in the first and third segment only",
           small([(0, 8, True), (0, 1, False), (0, 9, False)], lanes=4)),
    Vector("partial-part", 4, "the last beat ends within a lane's part", plain("part", 13, lanes=4, vector=3)),
    Vector("whole-beats", 4, "the last beat is whole", plain("whole", 24, lanes=4, vector=3)),
    Vector("cut-zeros", 4, '"M zeros" cut at the end of a segment, the state goes over',
           small([(0, [0, 0, 0, 1, -1, 0, 0, 0, 0], True), (0, [0, 1, 0, 0, 0, 0], False)],
                 lambda: [table(5, max_run=4)])),
    Vector("cut-value", 4, "a token cut before its value, as no encoder needs to do",
           changed(small([(0, [1, 0, -1, 0, 0, 0, 1], True)], lambda: [table(5, max_run=4)], lanes=1), _cut_by(1))),
    Vector("bits-after-the-last", 4, "bits set after a lane's last",
           changed(small([(0, [1, -1, 0, 1, 0], True)], lanes=1), _bits_after_the_last)),
    Vector("shapes", 6, "a scalar, an empty tensor, one of two segments, one of no weights at the end",
           small([(0, 1, True), (0, 17, False), (0, 7, True)], directory=Directory(
               (("scalar", ()), ("empty", (2, 0)), ("two segments", (4, 6)), ("none", (0,)))))),
    Vector("shape-of-32", 6, "a shape of 32 numbers", small(directory=Directory((("w", _thirty_two()),)))),
    Vector("raw", 6, "raw tensors of all twelve types, a scalar, one of no elements, a name of other letters",
           small(directory=Directory((("w", (40,)),), _arrays()))),
    Vector("directory-as-json", 6, "a directory with white space, escapes and its members the other way round",
           changed(small(), _rewritten_directory)),
    Vector("directory-compressed", 6, "a zlib stream that is longer than the plain directory",
           changed(small(), _compressed_directory)),
    Vector("scales", 6, "the conventions of quantized layers: scale per channel, offset, zero point",
           small([(0, 6, True)], directory=Directory((("w", (2, 3)),), {
               "w.scale": np.array([[0.5], [0.25]], "<f4"), "w.offset": np.array(3, "|u1"),
               "x": np.array([7, 9], "|u1"), "x.zero_point": np.array(8, "|u1"), "x.scale": np.array(0.125, "<f4")}))),
]

