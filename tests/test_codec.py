"""The vectorized codec: equal to the scalar one on everything, good or damaged."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden import codec, scalar
from golden.config import Config
from golden.errors import FormatError, InputError
from golden.stream import Segment, Stream, spans_of
from golden.table import Alphabet, Table
from golden.tokens import split_lanes
from tests.cases import Case, laplacian, random_case, table_for


def assert_equal_words(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def assert_equal_weights(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one.dtype == np.int8
        np.testing.assert_array_equal(one, other)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, 1 << 32))
def test_equal_to_scalar(seed):
    case = random_case(seed)
    stream = case.stream()
    assert_equal_words(codec.encode(*case), stream.words)
    assert_equal_weights(codec.decode(stream), case.weights)


@pytest.mark.parametrize("word_bits", [8, 16, 32, 64, 128])
@pytest.mark.parametrize("vector", [1, 2, 5, 8])
@pytest.mark.parametrize("spare", [0, 3])
def test_words_vectors_preloads(word_bits, vector, spare):
    config = Config(lanes=4, vector=vector, word_bits=word_bits, table_log=7, raw_bits=1, max_run=3, bins=255)
    case = random_case(word_bits + vector, replace(config, preload=config.preload + spare), most=1000)
    stream = case.stream()
    assert_equal_words(codec.encode(*case), stream.words)
    assert_equal_weights(codec.decode(stream), case.weights)


def many_spans(seed, max_run):
    """Spans of different lengths, two tables."""
    rng = np.random.default_rng(seed)
    config = Config(lanes=4, table_log=6, max_run=max_run, bins=15)
    sizes = rng.integers(1, 300, 60)
    weights = [laplacian(rng, 7, size, 0.7 + i % 2) for i, size in enumerate(sizes)]
    tables = [table_for(rng, Alphabet(7, 0, run), 6, [s for w in weights[i::2] for s in split_lanes(w, 4, 1)])
              for i, run in enumerate((1, max_run))]
    segments = [Segment(int(size), i % 2, i == 0 or bool(rng.integers(2))) for i, size in enumerate(sizes)]
    return Case(config, tuple(tables), tuple(segments), weights)


@pytest.mark.parametrize("block", [1, 500, 1 << 25])
@pytest.mark.parametrize("max_run", [1, 3])
def test_blocks_of_spans(monkeypatch, block, max_run):
    monkeypatch.setattr(codec, "_BLOCK", block)
    case = many_spans(max_run, max_run)
    stream = case.stream()
    assert_equal_words(codec.encode(*case), stream.words)
    assert_equal_weights(codec.decode(stream), case.weights)


@pytest.mark.parametrize("lanes, vector, word_bits, preload", [(2, 1, 32, 2), (3, 2, 64, 3), (4, 1, 8, 5)])
@pytest.mark.parametrize("room", [1, 300, 1000])
def test_blocks_fill_the_room(monkeypatch, lanes, vector, word_bits, preload, room):
    """All spans, in order; as many as fit if each is as long as the longest, and has the room of its preload."""
    config = Config(lanes=lanes, vector=vector, word_bits=word_bits, preload=preload, table_log=3)
    rng = np.random.default_rng(room)
    segments = [Segment(int(rng.integers(1, 90)), 0, number % 3 != 1) for number in range(60)]
    spans = spans_of(segments)

    def taken(block):
        beats = max(sum(-(-segments[i].weights // (lanes * vector)) for i in range(*spans[span])) for span in block)
        return len(block) * (beats * lanes * vector + 4 * lanes * preload * (2 if word_bits == 64 else 1))

    monkeypatch.setattr(codec, "_BLOCK", room)
    blocks = list(codec._blocks(config, segments, spans))
    assert [span for block in blocks for span in block] == list(range(len(spans)))
    for block, after in zip(blocks, [*blocks[1:], None]):
        assert taken(block) <= room or len(block) == 1
        assert after is None or taken(range(block[0], after[0] + 1)) > room


@pytest.mark.parametrize("max_run", [1, 4])
def test_one_long_span(max_run):
    rng = np.random.default_rng(max_run)
    weights = laplacian(rng, 7, 77360, 0.8)
    table = table_for(rng, Alphabet(7, 0, max_run), 8, split_lanes(weights, 8, 1))
    case = Case(Config(lanes=8, table_log=8, max_run=max_run), (table,), (Segment(77360, 0, True),), [weights])
    stream = Stream(*case[:3], codec.encode(*case))
    assert_equal_words(stream.words, case.stream().words)
    assert_equal_weights(codec.decode(stream), case.weights)


@pytest.mark.parametrize("seed", range(15))
def test_bits_of_the_segments(seed):
    """`decode_measured` counts the bits that the trace counts."""
    case = random_case(seed)
    stream = case.stream()
    expected = [0] * len(case.segments)
    for span in scalar.trace(stream):
        for token in (token for lane in span for token in lane):
            expected[token.segment] += token.bits
    assert [bits for _, bits in codec.decode_measured(stream)] == expected


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(0, 2))
def test_damaged_words_end_alike(seed, damage):
    """Flipped, lost or added bits: both codecs refuse, or both find the same weights."""
    case = random_case(seed, most=100)
    stream = case.stream()
    rng = np.random.default_rng(seed)
    words = [span.copy() for span in stream.words]
    span = int(rng.integers(len(words)))
    if damage == 0 and words[span].size:
        flat = words[span].reshape(-1)
        flat[rng.integers(flat.size)] ^= flat.dtype.type(1 << int(rng.integers(8 * flat.itemsize)))
    elif damage == 1:
        words[span] = words[span][:rng.integers(len(words[span]) + 1)]
    else:
        more = rng.integers(1, 255, (3, *words[span].shape[1:])).astype(words[span].dtype)
        words[span] = np.concatenate([words[span], more])
    damaged = replace(stream, words=tuple(words))
    try:
        expected = scalar.decode(damaged)
    except FormatError:
        with pytest.raises(FormatError):
            codec.decode(damaged)
    else:
        assert_equal_weights(codec.decode(damaged), expected)


def test_more_weights_than_the_limit():
    """A table of one token announces any number of weights in a few bytes."""
    segments = tuple(Segment((1 << 32) - 1, 0, True) for _ in range(256))
    stream = Stream(Config(table_log=3, bins=3), (Table(Alphabet(1), 3, (0, 8, 0)),), segments,
                    (np.zeros(0, dtype="<u4"),) * 256)
    with pytest.raises(FormatError, match="at most 2147483648 weights, not 1099511627520"):
        codec.decode(stream)
    small = replace(stream, segments=(Segment(1000, 0, True),), words=stream.words[:1])
    assert not codec.decode(small, max_weights=1000)[0].any()
    with pytest.raises(FormatError, match="at most 999 weights, not 1000"):
        codec.decode(small, max_weights=999)


def test_what_the_encoder_refuses():
    config, segments = Config(table_log=3, bins=5), (Segment(2, 0, True),)
    tables = (Table(Alphabet(2), 3, (0, 2, 4, 2, 0)),)
    with pytest.raises(InputError, match=r"token \(run 0, value 2\) of the weights has no slot"):
        codec.encode(config, tables, segments, [np.array([0, 2])])
    with pytest.raises(InputError, match="-2 to 2, not 3"):
        codec.encode(config, tables, segments, [np.array([0, 3])])
    with pytest.raises(InputError, match="segment 0 must be given 2 weights, not 1"):
        codec.encode(config, tables, segments, [np.array([0])])
    with pytest.raises(InputError, match="1 segments need as many arrays of weights, not 2"):
        codec.encode(config, tables, segments, [np.array([0, 1])] * 2)


def test_weight_outside_its_bins():
    config, segments = Config(lanes=1, word_bits=8, table_log=3, raw_bits=1, bins=3), (Segment(1, 0, True),)
    words = codec.encode(replace(config, bins=5), (Table(Alphabet(2, 1), 3, (4, 4, 0)),), segments, [np.array([-2])])
    with pytest.raises(FormatError, match="segment 0 holds a weight outside -1 to 1"):
        codec.decode(Stream(config, (Table(Alphabet(1, 1), 3, (4, 4)),), segments, words))
