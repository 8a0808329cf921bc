"""What holds of the parts of a file for whatever they are given: header, stream, words, tail, configuration.

In this file and in those named after it each property is searched for a counter-example and says what of golden it is
about; `tests.test_properties_inventory` sees to it that all of golden has its property.
"""

import math
from dataclasses import fields, replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golden.config import MAX_LANES, MAX_RING, Config, OutputMode, TableMemory, TableStyle
from golden.errors import ConfigError, FormatError
from golden.header import (
    header_bytes,
    header_nibbles,
    parse_header,
    preamble_nibbles,
    segment_nibbles,
    table_nibbles,
    vint,
)
from golden.stream import Segment, Stream, spans_of, word_dtype, words_of
from golden.table import Alphabet, Table
from golden.tail import RAW_TYPES, Directory, parse_tail, tail_bytes, tail_parts
from tests import second_decoder
from tests.cases import random_case
from tests.properties import LIMITS, about, examples, flipped, refused
from tests.second_decoder import Nibbles
from tests.strategies import cases, names, seeds, shapes, tables


@about(vint)
@LIMITS
@given(st.integers(0, (1 << 32) - 1))
def test_vints(number):
    nibbles = vint(number)
    assert len(nibbles) == max(1, math.ceil(number.bit_length() / 3)) <= 11
    data = bytes(5) + bytes(low | high << 4 for low, high in zip(nibbles[::2], [*nibbles[1::2], 0]))
    assert Nibbles(data).vint(0, 1 << 32, "") == number


@about(header_bytes, parse_header, preamble_nibbles, segment_nibbles, table_nibbles)
@LIMITS
@given(st.data(), st.integers(1, 6), st.integers(1, 3))
def test_headers_come_back(data, table_log, count):
    made = tuple(data.draw(tables(table_log)) for _ in range(count))
    segments = tuple(Segment(data.draw(st.integers(1, (1 << 32) - 1)), data.draw(st.integers(0, count - 1)),
                             number == 0 or data.draw(st.booleans())) for number in range(data.draw(st.integers(1, 5))))
    bounds = {name: max(getattr(table.alphabet, name) for table in made) for name in ("max_run", "raw_bits")}
    config = Config(lanes=data.draw(st.integers(1, 64)), vector=data.draw(st.integers(1, 8)), table_log=table_log,
                    word_bits=data.draw(st.sampled_from((16, 32, 64, 128))), **bounds,
                    bins=2 * max(table.alphabet.half for table in made) + 1)
    words = tuple(np.zeros((k, 2)[:1 + (config.word_bits == 128)], f"<u{min(config.word_bits, 64) // 8}")
                  for k in range(len(spans_of(segments))))
    stream = Stream(config, made, segments, words)
    header = header_bytes(stream)
    assert len(header) % (config.word_bits // 8) == 0
    found = parse_header(header + b"\1" * 20)
    assert found[:3] == (config, made, segments) and found[4] == len(header)
    assert [count for count, _ in found[3]] == list(range(len(words)))
    nibbles = len(preamble_nibbles(stream)) + sum(len(table_nibbles(table)) for table in made)
    restarts = iter(words)
    nibbles += sum(len(segment_nibbles(s, next(restarts) if s.restart else None)) for s in segments)
    assert (5 + -(-nibbles // 2) + 4) + 8 * config.word_bits > len(header) >= 5 + -(-nibbles // 2) + 4
    second = second_decoder.read_header(header)
    assert [(s.weights, s.table, s.words is not None) for s in second.segments] == \
        [(s.weights, s.table, s.restart) for s in segments]


@about(header_nibbles, header_bytes)
@LIMITS
@given(cases())
def test_the_nibbles_of_a_header_are_its_bytes(case):
    stream = case.stream()
    data = header_bytes(stream)
    nibbles = header_nibbles(stream)
    assert len(nibbles) % 2 == 0 and set(nibbles) <= set(range(16))
    words = iter(stream.words)
    parts = preamble_nibbles(stream) + [nibble for table in stream.tables for nibble in table_nibbles(table)]
    for segment in stream.segments:
        parts += segment_nibbles(segment, next(words) if segment.restart else None)
    assert nibbles == parts + [0] * (len(nibbles) - len(parts)) and len(nibbles) - len(parts) < 2
    assert [byte >> 4 * half & 15 for byte in data[5:5 + len(nibbles) // 2] for half in (0, 1)] == nibbles
    assert len(data) == -(-(9 + len(nibbles) // 2) // (stream.config.word_bits // 8)) * (stream.config.word_bits // 8)


@about(parse_header)
@LIMITS
@given(seeds, st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_a_damaged_header_is_refused(seed, bit, cut):
    """Whatever bit is flipped, and wherever it ends; the last byte may be the fill, which no CRC covers."""
    data = header_bytes(random_case(seed, most=20).stream())
    for damaged in (flipped(data, bit), flipped(data, 8 * len(data) - 1), data[:cut % len(data)], data[:-1]):
        with refused(FormatError):
            parse_header(damaged)


@about(spans_of, Segment)
@LIMITS
@given(st.lists(st.booleans(), max_size=12))
def test_spans_begin_at_restarts(restarts):
    segments = [Segment(1, 0, restart) for restart in [True, *restarts]]
    spans = spans_of(segments)
    assert [i for first, last in spans for i in range(first, last)] == list(range(len(segments)))
    assert all(segments[i].restart == (i == first) for first, last in spans for i in range(first, last))


@about(Stream, Segment)
@LIMITS
@given(seeds, st.sampled_from(("table", "none", "many", "restart", "log", "half", "words", "empty")))
def test_a_stream_of_parts_that_do_not_fit_is_refused(seed, wrong):
    stream = random_case(seed, most=20).stream()
    config, made, segments, words = stream.config, stream.tables, stream.segments, stream.words
    assert stream.weights == sum(segment.weights for segment in segments) and stream.spans == spans_of(segments)
    first, rest = segments[0], segments[1:]
    if wrong in ("table", "none", "many", "restart"):
        change = {"table": {"table": len(made)}, "none": {"weights": 0}, "many": {"weights": 1 << 32},
                  "restart": {"restart": False}}
        segments = (replace(first, **change[wrong]), *rest)
    elif wrong == "log":
        other = config.table_log % 12 + 1
        made = (Table(Alphabet(1), other, (1 << other, 0, 0)), *made[1:])
    elif wrong == "half":
        config = replace(config, bins=2 * max(table.alphabet.half for table in made) - 1) \
            if max(table.alphabet.half for table in made) > 1 else config
        words = words if config.bins < 255 else words[1:]
    else:
        words = words + words[:1] if wrong == "words" else words
        segments = () if wrong == "empty" else segments
    with refused(FormatError):
        Stream(config, made, segments, words)


@about(word_dtype, words_of)
@LIMITS
@given(st.lists(st.integers(0, (1 << 128) - 1), max_size=6), st.sampled_from((8, 16, 32, 64, 128)), st.integers(0, 15))
def test_words_are_their_bytes(numbers, word_bits, cut):
    size = word_bits // 8
    numbers = [number >> 128 - word_bits for number in numbers]
    data = b"".join(number.to_bytes(size, "little") for number in numbers)
    assert words_of(data, word_bits) == numbers
    halves = np.frombuffer(data, word_dtype(word_bits)).reshape(len(numbers), 1 + (word_bits == 128)).tolist()
    assert [sum(half << 64 * i for i, half in enumerate(word)) for word in halves] == numbers
    kept = data[:max(0, len(data) - cut % size)]
    assert words_of(kept, word_bits) == [int.from_bytes(kept[i:i + size], "little") for i in range(0, len(kept), size)]
    assert b"".join(word.to_bytes(size, "little") for word in words_of(kept, word_bits))[:len(kept)] == kept


@about(tail_bytes, parse_tail, Directory)
@LIMITS
@given(st.dictionaries(names, hnp.arrays(st.sampled_from(RAW_TYPES), shapes), max_size=4),
       st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=3))
def test_tails_come_back(raw, others):
    coded = tuple((f"coded {number}", tuple(shape)) for number, shape in enumerate(others))
    directory = Directory(coded, raw)
    data = tail_bytes(directory)
    found = parse_tail(data)
    assert found.coded == coded and list(found.raw) == list(raw)
    for name, array in raw.items():
        assert (found.raw[name].dtype, found.raw[name].shape) == (array.dtype, array.shape)
        assert found.raw[name].tobytes() == array.tobytes()
    assert tail_bytes(found) == data


@about(tail_parts)
@LIMITS
@given(st.dictionaries(names, hnp.arrays(st.sampled_from(RAW_TYPES + (">i4", ">f8")), shapes), max_size=4))
def test_a_tail_has_a_piece_for_each_raw_tensor(raw):
    """And they are little-endian, whatever they were."""
    pieces = list(tail_parts(Directory((), raw)))
    assert b"".join(pieces) == tail_bytes(Directory((), raw)) and len(pieces) == len(raw) + 2
    for piece, array in zip(pieces[1:], raw.values()):
        assert piece == array.astype(array.dtype.newbyteorder("<")).tobytes()


@about(parse_tail)
@LIMITS
@given(st.dictionaries(names, hnp.arrays("f4", shapes), max_size=2), st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_a_damaged_tail_is_refused(raw, bit, cut):
    data = tail_bytes(Directory((("a", (3,)),), raw | {"b": np.ones(2)}))
    for damaged in (flipped(data, bit), data[:cut % len(data)], data + b"\0"):
        with refused(FormatError):
            parse_tail(damaged)


@about(Directory)
@LIMITS
@given(st.lists(st.lists(st.integers(1, 5), max_size=3), max_size=4), st.booleans(), st.integers(-2, 2))
def test_tensors_take_whole_segments(pieces, named, more):
    """A tensor of so many segments gets them back; one that is smaller or larger is refused."""
    sizes = [size for each in pieces for size in each]
    coded = [(f"t{i}", (sum(each),) if each or named else (0, 3)) for i, each in enumerate(pieces)]
    found = Directory(tuple(coded)).segments(sizes)
    assert [sizes[first:last] for first, last in found] == pieces
    if pieces and pieces[-1]:
        with refused(FormatError):
            Directory(tuple(coded[:-1])).segments(sizes)
    if more and pieces and sum(pieces[0]) + more >= 0:
        wrong = Directory((("t0", (sum(pieces[0]) + more,)), *coded[1:]))
        with refused(FormatError):
            wrong.segments(sizes)


#: Values at the bounds of the parameters, and beside them.
BOUNDS = {"lanes": (-1, 0, 1, 6, 64, 65, True), "vector": (0, 1, 8, 9, 2.0), "word_bits": (0, 8, 16, 33, 128, True),
          "preload": (None, 0, 1, 2, 40, 256, 257), "table_log": (0, 1, 9, 12, 13), "max_run": (0, 1, 16, 17),
          "raw_bits": (-1, 0, 7, 8), "bins": (1, 2, 3, 6, 255, 257), "ring": (0, 1, 2, 3, 16, 17),
          "queue": (None, 0, 2, 3, 16, True), "count_bits": (7, 8, 32, 33), "max_tables": (0, 1, 256, 257),
          "max_segments": (0, 1, 65536, 65537), "select": (True, 1), "protect": (True, None),
          "output": (OutputMode.SPARSE, "sparse")}


@about(Config)
@examples(200)
@given(st.lists(st.sampled_from([(name, value) for name, values in BOUNDS.items() for value in values]),
                max_size=3).map(dict))
def test_a_configuration_is_refused_or_valid(parameters):
    """By the ranges of `Config`, at whose bounds it is looked."""
    p = {"lanes": 8, "vector": 1, "word_bits": 32, "preload": None, "table_log": 7, "max_run": 1, "raw_bits": 0,
         "bins": 15, "ring": 1, "queue": None, "count_bits": 32, "max_tables": 8, "max_segments": 64} | parameters
    ranges = {"lanes": (1, 64), "vector": (1, 8), "table_log": (1, 12), "max_run": (1, 16), "raw_bits": (0, 7),
              "bins": (3, 255), "ring": (1, 16), "count_bits": (8, 32), "max_tables": (1, 256),
              "max_segments": (1, 65536)}
    valid = all(type(p[name]) is int and low <= p[name] <= high for name, (low, high) in ranges.items())
    valid = valid and p["word_bits"] in (8, 16, 32, 64, 128) and p["word_bits"] is not True and p["bins"] % 2 == 1
    valid = valid and p["lanes"] % p["ring"] == 0 and p["table_log"] + p["raw_bits"] <= p["word_bits"]
    valid = valid and p["queue"] in (None, 2, 4, 8, 16) and p["queue"] is not True
    valid = valid and all(parameters.get(name) in (None, True) and parameters.get(name, True) is True
                          for name in ("select", "protect")) and parameters.get("output") != "sparse"
    if valid:
        least = 1 + -(-p["vector"] * (p["table_log"] + p["raw_bits"]) // p["word_bits"])
        valid = p["preload"] is None or least <= p["preload"] <= 256
    if not valid:
        with refused(ConfigError):
            Config(**parameters)
        return
    config = Config(**parameters)
    assert config.preload == (p["preload"] or least)
    assert config.lanes == config.ring * config.rings and Config.from_dict(config.as_dict()) == config


@about(Config, TableStyle, TableMemory, OutputMode)
@LIMITS
@given(st.sampled_from((1, 2, 4, 6, 8, 48, MAX_LANES)), st.integers(1, MAX_RING),
       st.integers(1, 8), st.integers(1, 12), st.integers(0, 4),
       st.sampled_from(TableStyle), st.sampled_from(TableMemory), st.sampled_from(OutputMode),
       st.sampled_from((None, 2, 4, 8, 16)), st.integers(1, 127))
def test_what_follows_from_a_configuration(lanes, ring, vector, table_log, raw_bits, style, memory, output,
                                           queue, half):
    """By the definitions of `docs/architecture.md`, in other words than the code's."""
    given_parameters = dict(lanes=lanes, ring=ring, vector=vector, table_log=table_log, raw_bits=raw_bits, word_bits=16,
                            table_style=style, table_memory=memory, output=output, queue=queue, bins=2 * half + 1)
    if lanes % ring or memory is TableMemory.BLOCK and ring < 3:
        with refused(ConfigError):
            Config(**given_parameters)
        return
    config = Config(**given_parameters)
    plain = config.as_dict()
    assert list(plain) == [field.name for field in fields(Config)] and Config.from_dict(plain) == config
    assert all(isinstance(value, int | str | None) for value in plain.values())
    assert config.rings * ring == lanes and config.beat_weights == config.transfer_weights * ring == lanes * vector
    assert 2 ** config.lane_bits >= lanes > (2 ** (config.lane_bits - 1) if lanes > 2 else 0)
    assert config.slots == 2 ** table_log and config.half == half
    assert -(2 ** (config.weight_bits - 1)) < -half and half < 2 ** (config.weight_bits - 1) <= 2 * half
    bits = vector * (table_log + raw_bits)
    assert 16 * (config.words_per_beat - 1) < bits <= 16 * config.words_per_beat
    assert config.least_preload == config.preload == config.words_per_beat + 1
    assert config.request_words == config.words_per_beat * config.rings
    assert config.order_words ** 2 >= config.request_words and config.order_words >= 4
    assert config.order_words == 4 or (config.order_words // 2) ** 2 < config.request_words
    assert config.chunk_bits >= config.token_bits == table_log + raw_bits
    assert config.chunk_bits in (8, 16) and (config.chunk_bits == 8 or config.token_bits > 8)
    assert config.parts_ahead == queue if queue else 4 <= config.parts_ahead <= max(4, 16 // ring)
    assert config.parts_ahead < config.beats_ahead < 2 * max(config.parts_ahead, 8)
    assert 0 <= config.entry_latency <= config.step_latency < max(ring, 1) and config.token_latency <= 4
    assert 16 - config.token_room >= config.token_latency + 3
