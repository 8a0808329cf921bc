"""The vectors that must be refused: each is wrong in one thing, with every CRC-32 right but where that is the thing.

A vector's ``error`` is what `golden` says, as a regular expression; the type is `golden.errors.FormatError`.
"""

import json
import zlib
from collections.abc import Callable
from typing import NamedTuple

from golden.container import Directory
from tests.parts import put_together, take_apart

from .valid import small, table

__all__ = ["REFUSED", "Refusal"]


class Refusal(NamedTuple):
    """A vector to be made."""

    name: str
    section: int
    error: str
    make: Callable[[], bytes]


def base():
    """A file of two segments by one table of three tokens, two lanes, 16-bit words."""
    return small([(0, 20, True), (0, 13, True)], lambda: [table(4)])()


def field(place, number, make=base):
    """A maker: another number in the header, by its place or by its name."""
    def changed():
        parts = take_apart(make())
        if isinstance(place, str):
            next(f for f in parts.fields if f[0] == place)[1] = number
        else:
            parts.fields[place][1] = number
        return put_together(parts)
    return changed


def nibbles(place, digits, make=base):
    """A maker: the number at this place of the header written as these nibbles, the first one in the lowest digit."""
    def changed():
        parts = take_apart(make())
        parts.fields[place] = ["", sum(digit << 4 * k for k, digit in enumerate(digits)), len(digits)]
        return put_together(parts)
    return changed


def at(place, value, make=base):
    """A maker: another byte, from the start or the end of the file; no CRC-32 is renewed."""
    def changed():
        data = bytearray(make())
        data[place] ^= value
        return bytes(data)
    return changed


def cut(count, make=base):
    """A maker: only the first bytes, or without the last ones."""
    return lambda: make()[:count]


def words(change, make=base):
    """A maker: ``change`` works on the pieces."""
    def changed():
        parts = take_apart(make())
        change(parts)
        return put_together(parts)
    return changed


def directory(value, raw=b"", form=0):
    """A maker: another directory, as JSON or as bytes."""
    def change(parts):
        parts.directory = value if isinstance(value, bytes) else json.dumps(value).encode()
        parts.raw, parts.form = raw, form
    return words(change)


def tensors(coded=(("w", (33,)),), raw=()):
    """The directory of `base`, or another one."""
    return {"coded": [list(row) for row in coded], "raw": [list(row) for row in raw]}


def _stored(stored, form):
    """A maker: the directory as it is stored, whatever it is."""
    def make():
        data = base()
        tail = len(base()) - len(_tail(data))
        body = bytes([form]) + len(stored).to_bytes(4, "little") + stored
        return data[:tail] + body + zlib.crc32(body).to_bytes(4, "little")
    return make


def _tail(data):
    """The tail of a file whose directory is plain and alone."""
    parts = take_apart(data)
    return b"\0" + len(parts.directory).to_bytes(4, "little") + parts.directory + bytes(4)


def _header_crc():
    """The CRC-32 of the header with one bit flipped."""
    data = bytearray(base())
    parts = take_apart(bytes(data))
    after = len(data) - len(_tail(bytes(data))) - len(parts.words)  # the header with its fill
    data[after - 4] ^= 1
    return bytes(data)


def _fill():
    """A byte of the fill of a 128-bit header that is not zero."""
    data = bytearray(small(word_bits=128)())
    after = len(data) - len(_tail(bytes(data))) - len(take_apart(bytes(data)).words)
    assert data[after - 1] == 0
    data[after - 1] = 1
    return bytes(data)


def _padding():
    """A padding nibble that is not zero: one nibble more than the fields have."""
    for count in (5, 20, 200):
        parts = take_apart(small([(0, count, True)])())
        if sum(len(_as_nibbles(f)) for f in parts.fields) % 2:
            parts.fields.append(["", 1, 1])  # where the padding is
            return put_together(parts)
    raise AssertionError("no header of an odd number of nibbles")


def _as_nibbles(entry):
    _, number, digits = entry
    return [0] * (digits or max(1, -(-number.bit_length() // 3)))


def _last_word_zero(parts):
    _count_of_last_span(parts, 1)
    parts.words += bytes(2)


def _word_too_many(parts):
    _count_of_last_span(parts, 9)
    parts.words += b"\1\0" * 9


def _count_of_last_span(parts, more):
    [f for f in parts.fields if f[0] == "the words of a span"][-1][1] += more


def _end_state(parts):
    """Another bit in the last word of a span of two lanes."""
    parts.words = parts.words[:-1] + bytes([parts.words[-1] ^ 1])


def _words_crc():
    """Another bit in the words, under the CRC-32 of those before."""
    data = bytearray(base())
    data[len(data) - len(_tail(bytes(data))) - 1] ^= 0x10
    return bytes(data)


def _slots(change):
    """A maker: another slot list."""
    def made():
        def listed():
            counts = table(4).counts
            slots = tuple(token for token, count in enumerate(counts) for _ in range(count))
            return [table(4, counts=counts, slots=slots)]
        parts = take_apart(small([(0, 20, True)], listed)())
        first = next(k for k, f in enumerate(parts.fields) if f[2] == 1)
        change(parts.fields[first:first + 16])
        return put_together(parts)
    return made


def _unknown_slot(slots):
    slots[3][1] = 3


def _other_slot(slots):
    slots[0][1] = 2


def _beyond_half():
    """A weight u = 0 with raw bits that make it 2, under h = 1; its token and the start state take no bits but one."""
    parts = take_apart(small([(0, [0] * 9, True)], lambda: [table(1, 1, 3, counts=(0, 2))], lanes=1)())
    _count_of_last_span(parts, 1)
    parts.words = b"\4\0"
    return put_together(parts)


def _two_to_the_40():
    """257 segments of 2^32 - 1 weights of one token, in no words."""
    parts = take_apart(small([(0, [0] * 8, True)] + [(0, [0] * 8, False)] * 256,
                             lambda: [table(4, counts=(0, 16, 0))], directory=Directory((("w", (8 * 257,)),)))())
    for f in parts.fields:
        if f[0] == "the weights of a segment":
            f[1] = (1 << 32) - 1
    parts.directory = json.dumps(tensors([("w", (257, (1 << 32) - 1))])).encode()
    return put_together(parts)


def _past_the_last():
    return field("a run of zero counts", 3, small([(0, [0] * 9, True)], lambda: [table(4, counts=(0, 16, 0))]))()


def _with_runs():
    return small([(0, 20, True)], lambda: [table(4, max_run=2), table(4, half=2, raw_bits=1)])()


HEADER = "ends within the header"
REFUSED = [
    Refusal("empty", 1, "the file is empty", lambda: b""),
    Refusal("cut-in-the-magic", 2, HEADER, cut(3)),
    Refusal("cut-in-the-numbers", 2, HEADER, cut(9)),
    Refusal("cut-in-the-tables", 2, HEADER, cut(13)),
    Refusal("magic", 2, "must begin with b'TNSY'", at(2, 0x20)),
    Refusal("version-0", 2, "format version 0", at(4, 1)),
    Refusal("version-2", 2, "format version 2", at(4, 3)),
    Refusal("n-0", 2, "lanes must be 1 to 64, not 0", field(0, 0)),
    Refusal("n-65", 2, "lanes must be 1 to 64, not 65", field(0, 65)),
    Refusal("v-0", 2, "weights per lane and beat must be 1 to 8, not 0", field(1, 0)),
    Refusal("v-9", 2, "weights per lane and beat must be 1 to 8, not 9", field(1, 9)),
    Refusal("w-5", 2, "code of the word bits must be 0 to 4, not 5", field(2, 5)),
    Refusal("w-less-than-r-plus-s", 2, "word bits must be at least table log", field(4, 10, field(6, 7))),
    Refusal("p-1", 2, "preload .* must be a whole number from 2 to 256, not 1", field(3, 1)),
    Refusal("p-less-than-the-least", 2, "preload .* from 3 to 256, not 2", field(1, 5)),
    Refusal("p-257", 2, "preload must be 1 to 256, not 257", field(3, 257)),
    Refusal("r-0", 2, "table log must be 1 to 12, not 0", field(4, 0)),
    Refusal("r-13", 2, "table log must be 1 to 12, not 13", field(4, 13)),
    Refusal("m-0", 2, "max run must be 1 to 16, not 0", field(5, 0)),
    Refusal("m-17", 2, "max run must be 1 to 16, not 17", field(5, 17)),
    Refusal("s-8", 2, "raw bits must be 0 to 7, not 8", field(6, 8)),
    Refusal("h-0", 2, "half must be 1 to 127, not 0", field(7, 0)),
    Refusal("h-128", 2, "half must be 1 to 127, not 128", field(7, 128)),
    Refusal("t-0", 2, "number of tables must be 1 to 65536, not 0", field(8, 0)),
    Refusal("t-65537", 2, "number of tables must be 1 to 65536, not 65537", field(8, 65537)),
    Refusal("t-more-than-there-are", 2, "kind of table 1 must be 0 to 1", field(8, 2)),
    Refusal("g-0", 2, "number of segments must be 1 to 16777216, not 0", field(9, 0)),
    Refusal("g-too-great", 2, "number of segments must be 1 to 16777216, not 16777217", field(9, (1 << 24) + 1)),
    Refusal("g-more-than-there-are", 2, "table of segment 2 must be 0 to 1", field(9, 3)),
    Refusal("vint-too-long", 2, "lanes must be written with no more nibbles than it needs", nibbles(0, [8 | 2, 0])),
    Refusal("vint-without-end", 2, "lanes must be below 2", nibbles(0, [15] * 16)),
    Refusal("vint-2-to-the-32", 2, "number of weights of segment 0 must be 1 to 4294967295, not 4294967296",
            field("the weights of a segment", 1 << 32)),
    Refusal("padding", 2, "the padding nibble of the header must be zero", _padding),
    Refusal("header-crc", 2, "the CRC-32 of the header does not match", _header_crc),
    Refusal("fill", 2, "must be filled up to a whole word with zero bytes", _fill),
    Refusal("kind-2", 3, "kind of table 0 must be 0 to 1, not 2", field("the kind of a table", 2)),
    Refusal("half-0-of-a-table", 3, "half of table 0 must be 1 to 1, not 0", field("the half of a table", 0)),
    Refusal("half-of-a-table", 3, "half of table 0 must be 1 to 1, not 2", field("the half of a table", 2)),
    Refusal("raw-bits-of-a-table", 3, "raw bits of table 0 must be 0 to 0, not 1", field("the raw bits of a table", 1)),
    Refusal("max-run-0-of-a-table", 3, "max run of table 0 must be 1 to 2, not 0",
            field("the max run of a table", 0, _with_runs)),
    Refusal("max-run-of-a-table", 3, "max run of table 0 must be 1 to 2, not 3",
            field("the max run of a table", 3, _with_runs)),
    Refusal("raw-bits-and-runs", 3, "max run of table 0 must be 1 to 1, not 2",
            field("the raw bits of a table", 1, _with_runs)),
    Refusal("counts-too-small", 3, "must sum to its 16 slots, not to", field("a count", 1)),
    Refusal("counts-too-great", 3, "must sum to its 16 slots, not to", field("a count", 9)),
    Refusal("count-beyond-the-slots", 3, "a count of table 0 must be 0 to 16, not 17", field("a count", 17)),
    Refusal("zero-counts-past-the-last", 3, "a run of zero counts of table 0 must be 0 to", _past_the_last),
    Refusal("slot-of-no-token", 3, "a slot of table 0 must be 0 to 2, not 3", _slots(_unknown_slot)),
    Refusal("slots-not-of-the-counts", 3, "slot list must hold each token as often as its count says",
            _slots(_other_slot)),
    Refusal("no-weights", 5, "number of weights of segment 0 must be 1 to 4294967295, not 0",
            field("the weights of a segment", 0)),
    Refusal("unknown-table", 5, "table of segment 0 must be 0 to 1, not 3", field("the table of a segment", 3)),
    Refusal("no-restart", 5, "the first segment must restart the lanes", field("the table of a segment", 0)),
    Refusal("words-crc", 5, "the CRC-32 of the words of span 1 does not match", _words_crc),
    Refusal("words-cut", 5, "ends within the words of span 0: 4294967295 words",
            field("the words of a span", (1 << 32) - 1)),
    Refusal("last-word-zero", 5, "the last word stored of span 1 must not be zero", words(_last_word_zero)),
    Refusal("words-left", 7, "a span leaves . of its words unused", words(_word_too_many)),
    Refusal("end-state", 7, "lane . must end a span in state 0", words(_end_state)),
    Refusal("weight-beyond-half", 7, "segment 0 holds a weight outside -1 to 1", _beyond_half),
    Refusal("two-to-the-40-weights", 7, "the stream must hold at most .* weights, not 1103806594815", _two_to_the_40),
    Refusal("no-tail", 6, "the file ends within its tail", lambda: base()[:-len(_tail(base()))]),
    Refusal("tail-cut", 6, "the CRC-32 of the tail does not match", cut(-1)),
    Refusal("tail-crc", 6, "the CRC-32 of the tail does not match", at(-1, 1)),
    Refusal("after-the-tail", 6, "the CRC-32 of the tail does not match", lambda: base() + b"\0"),
    Refusal("raw-data-too-long", 6, "nothing may follow the tail, not 1 bytes", directory(tensors(), b"\0")),
    Refusal("raw-data-too-short", 6, "raw tensor 'x' is longer than the file",
            directory(tensors(raw=[("x", "<f4", [2])]), bytes(7))),
    Refusal("form-2", 6, "the form of the directory must be 0 or 1, not 2", directory(tensors(), form=2)),
    Refusal("no-zlib-stream", 6, "the directory must be a zlib stream", _stored(b"{}", 1)),
    Refusal("zlib-stream-cut", 6, "must be one whole zlib stream", _stored(zlib.compress(b"{}")[:-1], 1)),
    Refusal("after-the-zlib-stream", 6, "must be one whole zlib stream", _stored(zlib.compress(b"{}") + b"x", 1)),
    Refusal("directory-too-large", 6, "must have at most 16777216 bytes",
            _stored(zlib.compress(b" " * ((1 << 24) + 1), 9), 1)),
    Refusal("no-utf-8", 6, "the directory must be UTF-8", _stored(b"\xff", 0)),
    Refusal("no-json", 6, "the directory must be JSON", _stored(b'{"coded":[', 0)),
    Refusal("no-object", 6, "the directory must be an object", directory([])),
    Refusal("member-missing", 6, "the directory must be an object", directory({"coded": [["w", [33]]]})),
    Refusal("member-more", 6, "the directory must be an object", directory(tensors() | {"more": 1})),
    Refusal("member-twice", 6, "no member of the directory may come twice",
            directory(b'{"coded":[["w",[33]]],"raw":[],"raw":[]}')),
    Refusal("row-of-three", 6, '"coded" of the directory must be a list of lists of 2',
            directory(tensors([("w", (33,), 1)]))),
    Refusal("name-twice", 6, "must have different names", directory(tensors([("w", (20,)), ("w", (13,))]))),
    Refusal("name-in-both-lists", 6, "must have different names", directory(tensors(raw=[("w", "<f4", [0])]))),
    Refusal("name-no-string", 6, "must be strings", directory(tensors([(1, (33,))]))),
    Refusal("name-surrogate", 6, "without surrogates", directory(tensors([("\ud800", (33,))]))),
    Refusal("shape-negative", 6, "the shape of tensor 'w'", directory(tensors([("w", (-33,))]))),
    Refusal("shape-with-a-point", 6, "the shape of tensor 'w'", directory(tensors([("w", (33.0,))]))),
    Refusal("shape-of-33", 6, "the shape of tensor 'w'", directory(tensors([("w", (1,) * 32 + (33,))]))),
    Refusal("shape-too-great", 6, "product below", directory(tensors([("w", (33,)), ("x", (0, 1 << 48))]))),
    Refusal("type-unknown", 6, "the type of raw tensor 'x'", directory(tensors(raw=[("x", ">f4", [0])]))),
    Refusal("bool-2", 6, "must have bytes 0 and 1", directory(tensors(raw=[("x", "|b1", [1])]), b"\2")),
    Refusal("tensor-of-half-a-segment", 6, "must take whole segments",
            directory(tensors([("w", (19,)), ("x", (14,))]))),
    Refusal("tensor-too-large", 6, "must take whole segments", directory(tensors([("w", (34,))]))),
    Refusal("segment-left", 6, "2 segments must all belong to tensors, not only 1",
            directory(tensors([("w", (20,))]))),
]
