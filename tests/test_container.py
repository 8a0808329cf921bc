"""Files: what is written is read back, and whatever is not to the letter is refused in one line."""

import json
import tracemalloc
import zlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from golden import codec, scalar
from golden.config import Config
from golden.container import Directory, pack, parse_stream, stream_bytes, unpack
from golden.errors import ConfigError, FormatError
from golden.header import header_bytes, preamble_nibbles, vint
from golden.stream import Segment, Stream
from golden.table import Alphabet, Table
from golden.tail import DIRECTORY_LIMIT, parse_tail, tail_bytes
from tests.cases import Case, laplacian, random_case
from tests.test_format_example import page_bytes, page_weights


def network():
    """A small file with one of everything, and the weights of its segments."""
    rng = np.random.default_rng(3)
    slots = tuple(rng.permutation([0] * 4 + [1] * 6 + [2] * 4 + [3] * 2).tolist())
    tables = (Table(Alphabet(1, 0, 2), 4, (2, 4, 1, 5, 4)), Table(Alphabet(3, 1), 4, (4, 6, 4, 2), slots))
    sizes = (9, 30, 12)
    segments = (Segment(9, 0, True), Segment(30, 1, False), Segment(12, 1, True))
    config = Config(lanes=2, vector=2, word_bits=16, table_log=4, max_run=2, raw_bits=1, bins=7)
    weights = [rng.integers(-1, 2, 9), rng.integers(-3, 4, 30), rng.integers(-3, 4, 12)]
    directory = Directory((("a", (3, 3)), ("empty", (0, 4)), ("b", (42,))),
                          {"a.scale": np.float32(0.25).reshape(()), "b.bias": np.arange(6.0).reshape(2, 3)})
    assert sum(sizes) == sum(len(w) for w in weights)
    return pack(Case(config, tables, segments, weights).stream(), directory), weights


def refused(data):
    """Whether a file is refused, with one line."""
    try:
        stream, _ = unpack(data)
        codec.decode(stream, 1 << 20)
    except FormatError as error:
        assert "\n" not in str(error) and str(error)
        return True
    return False


def test_round_trip():
    data, weights = network()
    stream, directory = unpack(data)
    assert directory.coded == (("a", (3, 3)), ("empty", (0, 4)), ("b", (42,)))
    assert directory.raw["a.scale"].shape == () and directory.raw["a.scale"].dtype == np.float32
    np.testing.assert_array_equal(directory.raw["b.bias"], np.arange(6.0).reshape(2, 3))
    assert directory.segments([9, 30, 12]) == [(0, 1), (1, 1), (1, 3)]
    for found, given in zip(codec.decode(stream), weights):
        np.testing.assert_array_equal(found, given)
    assert pack(stream, directory) == data


@pytest.mark.parametrize("seed", range(40))
def test_round_trip_of_random_streams(seed):
    stream = random_case(seed, most=100).stream()
    data = pack(stream)
    back, directory = unpack(data)
    assert (back.config, back.tables, back.segments) == (stream.config, stream.tables, stream.segments)
    for one, other in zip(back.words, stream.words):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert [name for name, _ in directory.coded] == [str(i) for i in range(len(stream.segments))]
    assert pack(back, directory) == data


@pytest.mark.parametrize("word_bits", [8, 16, 32, 64, 128])
def test_the_stream_is_whole_words(word_bits):
    config = Config(lanes=2, word_bits=word_bits, table_log=3, bins=3)
    table = Table(Alphabet(1), 3, (2, 4, 2))
    stream = Case(config, (table,), (Segment(40, 0, True),), [np.arange(40) % 3 - 1]).stream()
    data = stream_bytes(stream)
    assert len(header_bytes(stream)) % (word_bits // 8) == 0
    assert len(data) == len(header_bytes(stream)) + stream.words[0].nbytes
    assert parse_stream(data)[1] == len(data)


def test_truncated_at_every_byte():
    data, _ = network()
    for length in range(len(data)):
        assert refused(data[:length]), length
    assert refused(data + b"\0")


def test_every_bit_flipped():
    data, weights = network()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        assert refused(bytes(damaged)), bit
    assert not refused(data)


def test_random_bytes():
    rng = np.random.default_rng(0)
    for length in range(200):
        assert refused(rng.bytes(length))
        assert refused(b"TNSY\x01" + rng.bytes(length))


@pytest.mark.parametrize("data, message", [
    (b"", "^the file is empty$"),
    (b"PK\x03\x04abcdef", r"must begin with b'TNSY', not b'PK\\x03\\x04'$"),
    (b"TNS", "ends within the header, after 3 bytes"),
    (b"TNSY", "ends within the header, after 4 bytes"),
    (b"TNSY\x02", "format version 2, this reader knows version 1"),
    (b"TNSY\x01", "ends within the header, after 5 bytes"),
    (b"TNSY\x02" + bytes(100), "format version 2, this reader knows version 1"),
    (b"TNSY\x00" + bytes(100), "format version 0, this reader knows version 1"),
])
def test_first_bytes(data, message):
    with pytest.raises(FormatError, match=message):
        unpack(data)


def rewritten(changes):
    """The example of ``docs/format.md`` with nibbles of its header changed, and a CRC-32 that fits.

    ``changes`` has a new value, or a list of nibbles to stand there instead, by the place of a nibble.
    """
    data = page_bytes()
    nibbles = [half for byte in data[5:21] for half in (byte & 15, byte >> 4)][:31]
    for place in sorted(changes, reverse=True):
        value = changes[place]
        nibbles[place:place + 1] = value if isinstance(value, list) else [value]
    nibbles += [0] * (len(nibbles) % 2)
    header = data[:5] + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))
    return header + zlib.crc32(header).to_bytes(4, "little") + data[25:]


def test_rewritten_is_the_example():
    assert rewritten({}) == page_bytes()


@pytest.mark.parametrize("changes, message", [
    ({0: 0}, "lanes must be 1 to 64, not 0"),
    ({1: 0}, "weights per lane and beat must be 1 to 8, not 0"),
    ({2: 5}, "code of the word bits must be 0 to 4, not 5"),
    ({3: 1}, "preload .* must be a whole number from 2 to 256, not 1"),
    ({4: 0}, "table log must be 1 to 12, not 0"),
    ({5: 0}, "max run must be 1 to 16, not 0"),
    ({6: 6}, "word bits must be at least table log"),
    ({7: 0}, "half must be 1 to 127, not 0"),
    ({8: 0}, "number of tables must be 1 to 65536, not 0"),
    ({9: 0}, "number of segments must be 1 to 16777216, not 0"),
    ({10: 2}, "kind of table 0 must be 0 to 1, not 2"),
    ({11: 2}, "half of table 0 must be 1 to 1, not 2"),
    ({12: 1}, "raw bits of table 0 must be 0 to 0, not 1"),
    ({13: 3}, "max run of table 0 must be 1 to 2, not 3"),
    ({14: 2}, "counts of table 0 must sum to its 8 slots, not to 9"),
    ({18: 2}, "counts of table 0 must sum to its 8 slots, not to 7"),
    ({17: 0, 18: 7}, "a run of zero counts of table 0 must be 0 to 1, not 7"),
    ({20: 0}, "number of weights of segment 0 must be written with no more nibbles than it needs"),
    ({21: 0}, "^the first segment must restart the lanes$"),
    ({22: vint(1 << 32)}, "^number of words of segment 0 must be 0 to 4294967295, not 4294967296$"),
    ({21: 3}, "table of segment 0 must be 0 to 1, not 3"),
    ({22: 5}, "the CRC-32 of the words of span 0 does not match"),
    ({22: 7}, "the CRC-32 of the words of span 0 does not match"),
])
def test_header_numbers(changes, message):
    """Each number of the header, out of range, behind a CRC-32 that fits."""
    with pytest.raises(FormatError, match=message):
        unpack(rewritten(changes))


def test_header_vints():
    with pytest.raises(FormatError, match="number of weights of segment 0 must be 1 to 4294967295, not 8589934591"):
        unpack(rewritten({19: [15] * 10 + [7], 20: []}))
    with pytest.raises(FormatError, match="number of weights of segment 0 must be below 2"):
        unpack(rewritten({19: [8] * 11 + [1], 20: []}))
    with pytest.raises(FormatError, match="number of weights of segment 0 must be 1 to 4294967295, not 0"):
        unpack(rewritten({19: 0, 20: []}))


@pytest.mark.parametrize("part, count, message", [
    ("tables", 0, "^number of tables must be 1 to 65536, not 0$"),
    ("tables", 65537, "^number of tables must be 1 to 65536, not 65537$"),
    ("segments", 0, "^number of segments must be 1 to 16777216, not 0$"),
    ("segments", (1 << 24) + 1, "^number of segments must be 1 to 16777216, not 16777217$"),
])
def test_no_header_is_written_of_too_many(part, count, message):
    parts = {"config": Config(), "tables": range(1), "segments": range(1)} | {part: range(count)}
    with pytest.raises(FormatError, match=message):
        preamble_nibbles(SimpleNamespace(**parts))
    at_the_end = {"tables": 65536, "segments": 1 << 24}[part]
    assert preamble_nibbles(SimpleNamespace(**parts | {part: range(at_the_end)}))


def test_padding_and_crc_of_the_header():
    data = page_bytes()
    padded = bytearray(data[:21])
    padded[20] |= 0x10
    with pytest.raises(FormatError, match="^the padding nibble of the header must be zero$"):
        unpack(bytes(padded) + zlib.crc32(padded).to_bytes(4, "little") + data[25:])
    with pytest.raises(FormatError, match="^the CRC-32 of the header does not match$"):
        unpack(data[:21] + bytes(4) + data[25:])
    for length in (21, 24):
        with pytest.raises(FormatError, match=f"ends within the header, after {length} bytes"):
            unpack(data[:length])


def test_a_header_may_be_the_whole_stream():
    """Weights of one token take no words, and hardware needs no tail."""
    config = Config(lanes=2, word_bits=8, table_log=3, bins=3)
    stream = Stream(config, (Table(Alphabet(1), 3, (0, 8, 0)),), (Segment(5, 0, True),), (np.zeros(0, dtype="u1"),))
    data = header_bytes(stream)
    found, end = parse_stream(data)
    assert (found.tables, found.segments, end) == (stream.tables, stream.segments, len(data))


def test_more_words_than_the_file_holds():
    """A header that announces 2**32 - 1 words."""
    data = rewritten({22: [15] * 10 + [3]})
    with pytest.raises(FormatError, match="ends within the words of span 0: 4294967295 words of 1 bytes announced, 46 "
                                          "bytes there$"):
        unpack(data)


def test_more_weights_than_the_words_hold():
    """A segment longer than its words: the lanes go on over zeros, and some do not end in state 0."""
    rng = np.random.default_rng(1)
    table = Table(Alphabet(3), 7, (5, 10, 25, 48, 25, 10, 5))
    stream = Case(Config(bins=7), (table,), (Segment(500, 0, True),), [laplacian(rng, 3, 500, 0.9)]).stream()
    for more in range(1, 200):
        assert refused(pack(replace(stream, segments=(Segment(500 + more, 0, True),))))


def test_a_longer_segment_may_be_a_good_stream():
    """Two lanes of eight states come to state 0 again now and then: then nothing is wrong, and both codecs agree."""
    stream, _ = unpack(page_bytes())
    accepted = 0
    for more in range(1, 200):
        longer = replace(stream, segments=(Segment(21 + more, 0, True),))
        if not refused(pack(longer)):
            accepted += 1
            np.testing.assert_array_equal(codec.decode(longer)[0], scalar.decode(longer)[0])
    assert 0 < accepted < 100


def test_many_large_tables_take_little_room():
    """Ten tables of 4,065 tokens and 4,096 slots in 200 bytes, all used: what decoding keeps of each is small."""
    alphabet = Alphabet(127, 0, 16)
    counts = [(0,) * k + (4096,) + (0,) * (alphabet.size - k - 1) for k in range(127, 137)]
    tables = tuple(Table(alphabet, 12, each) for each in counts)
    segments = tuple(Segment(1, number, number == 0) for number in range(len(tables)))
    config = Config(lanes=1, table_log=12, max_run=16, bins=255)
    data = pack(Stream(config, tables, segments, (np.zeros(0, dtype="<u4"),)))
    tracemalloc.start()
    try:
        weights = codec.decode(unpack(data)[0])
        assert [int(each[0]) for each in weights] == list(range(1, 11))
        assert tracemalloc.get_traced_memory()[1] < len(tables) * (250 << 10)
    finally:
        tracemalloc.stop()


def test_last_word_zero():
    stream, directory = unpack(page_bytes())
    with pytest.raises(FormatError, match="the last word stored of span 0 must not be zero"):
        unpack(pack(replace(stream, words=(np.append(stream.words[0], np.uint8(0)),)), directory))


@pytest.mark.parametrize("parameters, message", [
    ((0,), "^half must be 1 to 127, not 0$"), ((128,), "^half must be 1 to 127, not 128$"),
    ((1, -1), "^raw bits must be 0 to 7, not -1$"), ((1, 8), "^raw bits must be 0 to 7, not 8$"),
    ((1, 0, 0), "^max run must be 1 to 16, not 0$"), ((1, 0, 17), "^max run must be 1 to 16, not 17$"),
    ((1, 1, 2), "^max run must be 1 where there are raw bits, not 2$"),
])
def test_alphabets_that_cannot_be(parameters, message):
    with pytest.raises(ConfigError, match=message):
        Alphabet(*parameters)


@pytest.mark.parametrize("table_log, counts, slots, message", [
    (0, (1, 0, 0), None, "^table log must be 1 to 12, not 0$"),
    (13, (1 << 13, 0, 0), None, "^table log must be 1 to 12, not 13$"),
    (1, (1, 1), None, "^a table of 3 tokens needs as many counts, not 2$"),
    (1, (1, 0, 0), None, "^counts must sum to the 2 slots of the table, not to 1$"),
    (1, (3, -1, 0), None, "^counts must sum to the 2 slots of the table, not to 2$"),
    (1, (1, 1, 0), (0, 3), "^slot list names token 3 of 3$"),
    (1, (1, 1, 0), (0, -1), "^slot list names token -1 of 3$"),
    (1, (1, 1, 0), (0, 0), "^slot list must hold each token as often as its count says$"),
])
def test_tables_that_cannot_be(table_log, counts, slots, message):
    with pytest.raises(FormatError, match=message):
        Table(Alphabet(1), table_log, counts, slots)


def test_slot_lists():
    data, _ = network()
    stream, _ = unpack(data)
    with pytest.raises(FormatError, match="as often as its count says"):
        replace(stream.tables[1], slots=(0,) * 16)
    one = Table(Alphabet(1), 3, (0, 8, 0), (1,) * 8)  # K = 1: no nibbles
    single = Stream(Config(table_log=3, bins=3), (one,), (Segment(5, 0, True),), (np.zeros(0, dtype="<u4"),))
    assert unpack(pack(single))[0].tables == (one,)


def test_segments_and_tensors():
    stream, _ = unpack(page_bytes())
    for shapes in ((), ((20,),), ((22,),), ((21,), (1,)), ((10,), (11,))):
        with pytest.raises(FormatError):
            pack(stream, Directory(tuple((str(i), shape) for i, shape in enumerate(shapes))))
    assert unpack(pack(stream))[1].coded == (("0", (21,)),)
    assert unpack(pack(stream, Directory((("x", (3, 7)),))))[1].coded == (("x", (3, 7)),)
    assert page_weights() == codec.decode(stream)[0].tolist()


def tail(listing, raw=b"", form=0):
    stored = listing if isinstance(listing, bytes) else json.dumps(listing).encode()
    data = bytes([form]) + len(stored).to_bytes(4, "little") + stored + raw
    return data + zlib.crc32(data).to_bytes(4, "little")


def listing(coded=(), raw=()):
    return {"coded": list(coded), "raw": list(raw)}


@pytest.mark.parametrize("data, message", [
    (b"12345678", "ends within its tail"),
    (tail(listing())[:-1] + b"x", "the CRC-32 of the tail does not match"),
    (tail(listing(), form=2), "form of the directory must be 0 or 1, not 2"),
    (tail(b"abc", form=1), "must be a zlib stream"),
    (tail(zlib.compress(b"{}")[:-1], form=1), "must be one whole zlib stream"),
    (tail(zlib.compress(b"{}") + b"x", form=1), "must be one whole zlib stream"),
    (tail(zlib.compress(b" " * (DIRECTORY_LIMIT + 1)), form=1), "must have at most 16777216 bytes"),
    (tail(b" " * (DIRECTORY_LIMIT + 1)), "must have at most 16777216 bytes"),
    (tail(zlib.compress(b" " * DIRECTORY_LIMIT), form=1), "must be JSON"),
    (tail(b"\xff"), "must be UTF-8"),
    (tail(b"{"), "must be JSON"),
    (tail(b"[" * 100000), "must be JSON"),
    (tail(b'{"coded":[],"raw":[],"raw":[]}'), "no member of the directory may come twice"),
    (tail(listing(raw=[["a", "|b1", [2]]]), b"\1\2"), "'a' must have bytes 0 and 1"),
    (tail(b"9" * 5000), "must be JSON|must be an object"),
    (tail([]), "must be an object"),
    (tail({"coded": []}), "must be an object"),
    (tail(listing() | {"more": 1}), "must be an object"),
    (tail(listing(coded=[["a"]])), '"coded" of the directory must be a list of lists of 2'),
    (tail(listing(raw=[["a", "<f4"]])), '"raw" of the directory must be a list of lists of 3'),
    (tail(listing(coded=[[1, [2]]])), "must be strings"),
    (tail(listing(coded=[["\ud800", [1]]])), "must be strings, without surrogates"),
    (tail(listing(coded=[["a", [-1]]])), "shape of tensor 'a'"),
    (tail(listing(coded=[["a", [1.0]]])), "shape of tensor 'a'"),
    (tail(listing(coded=[["a", [True]]])), "shape of tensor 'a'"),
    (tail(listing(coded=[["a", 3]])), "shape of tensor 'a'"),
    (tail(listing(coded=[["a", [1] * 33]])), "shape of tensor 'a'"),
    (tail(listing(coded=[["a", [0, 1 << 60]]])), "shape of tensor 'a'"),
    (tail(listing(coded=[["a", [1]], ["a", [1]]])), "different names"),
    (tail(listing(coded=[["a", [1]]], raw=[["a", "<f4", [0]]])), "different names"),
    (tail(listing(raw=[["a", ">f4", [0]]])), "type of raw tensor 'a'"),
    (tail(listing(raw=[["a", "|O", [0]]])), "type of raw tensor 'a'"),
    (tail(listing(raw=[["a", "<U4", [0]]])), "type of raw tensor 'a'"),
    (tail(listing(raw=[["a", "float32", [0]]])), "type of raw tensor 'a'"),
    (tail(listing(raw=[["a", "(", [0]]])), "type of raw tensor 'a'"),
    (tail(listing(raw=[["a", 4, [0]]])), "type of raw tensor 'a'"),
    (tail(listing(raw=[["a", "<f4", [2]]]), bytes(7)), "raw tensor 'a' is longer than the file"),
    (tail(listing(raw=[["a", "<f4", [1 << 40]]]), bytes(8)), "raw tensor 'a' is longer than the file"),
    (tail(listing(raw=[["a", "<f4", [2]]]), bytes(9)), "nothing may follow the tail, not 1 bytes"),
    (b"\x00\xff\xff\xff\xff" + zlib.crc32(b"\x00\xff\xff\xff\xff").to_bytes(4, "little"), "must fit in the tail"),
])
def test_tails(data, message):
    with pytest.raises(FormatError, match=message):
        parse_tail(data)


@pytest.mark.parametrize("directory, message", [
    (Directory((("a", (1,)), ("a", (1,)))), "different names"),
    (Directory((("a", (1,)),), {"a": np.zeros(1)}), "different names"),
    (Directory((("\udcff", (1,)),)), "without surrogates"),
    (Directory((("a", (1 << 48, 0)),)), "below 2\\*\\*48"),
    (Directory((), {"a": np.zeros(1, complex)}), "type of raw tensor 'a'"),
    (Directory((("a" * DIRECTORY_LIMIT, (1,)),)), "at most 16777216 bytes"),
])
def test_no_tail_is_written_that_is_not_read(directory, message):
    with pytest.raises(FormatError, match=message):
        tail_bytes(directory)


def test_tail_round_trip():
    """Big-endian and non-contiguous arrays come back little-endian and contiguous; a long directory is packed."""
    raw = {"é": np.arange(4, dtype=">i2"), "t": np.arange(6, dtype=np.float32).reshape(2, 3).T,
           "none": np.zeros((0, 3))}
    directory = Directory(tuple((f"layer{i}.weight", (i, 3)) for i in range(50)), raw)
    data = tail_bytes(directory)
    assert data[0] == 1
    back = parse_tail(data)
    assert back.coded == directory.coded and list(back.raw) == list(raw)
    for name, array in raw.items():
        np.testing.assert_array_equal(back.raw[name], array)
        assert back.raw[name].shape == array.shape and back.raw[name].flags.c_contiguous
    assert tail_bytes(back) == data
