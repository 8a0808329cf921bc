"""The scalar codec: pinned words, round trips, the trace, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from golden import scalar
from golden.config import Config
from golden.errors import FormatError, InputError
from golden.stream import Segment, Stream
from golden.table import Alphabet, Table
from golden.tokens import split_lanes, tokenize
from tests.cases import Case, random_case

PLAIN = Table(Alphabet(1), 3, (2, 4, 2))


def small(weights, **options):
    """A stream of one segment over three bins with eight slots."""
    config = Config(**{"lanes": 1, "word_bits": 8, "table_log": 3, "bins": 3} | options)
    return Case(config, (PLAIN,), (Segment(len(weights), 0, True),), [np.array(weights)]).stream()


def test_words_by_hand():
    """One lane, slots 0 -1 1 0 0 -1 1 0 of the spread: worked out with pencil and paper.

    Backwards from state 0: weight 1 (Y = 8, f = 2) leaves 2 bits 00 and y = 2, its first slot 2; weight 0 (Y = 10,
    f = 4) leaves bit 0 and y = 5, its second slot 3; weight -1 (Y = 11, f = 2) leaves bits 11 and y = 2, its first
    slot 1. Forwards: start state 001, then 11, 0, 00: the byte 00 0 11 001.
    """
    assert PLAIN.slot_tokens == (1, 0, 2, 1, 1, 0, 2, 1)
    stream = small([-1, 0, 1])
    assert stream.words[0].tolist() == [0b00011001]
    assert [tuple(token) for token in scalar.trace(stream)[0][0]] == [(0, 0, 1, 2), (0, 1, 1, 1), (0, 2, 1, 2)]


def test_words_that_are_all_zero_are_not_stored():
    table = Table(Alphabet(1), 3, (0, 8, 0))
    config = Config(lanes=4, word_bits=16, table_log=3, bins=3)
    stream = Case(config, (table,), (Segment(1000, 0, True),), [np.zeros(1000, dtype=int)]).stream()
    assert stream.words[0].shape == (0,)
    assert not scalar.decode(stream)[0].any()


@pytest.mark.parametrize("word_bits, shape, dtype", [(8, (3,), "<u1"), (64, (1,), "<u8"), (128, (1, 2), "<u8")])
def test_shape_and_type_of_words(word_bits, shape, dtype):
    words = small([1, -1, 0, 1, 1, -1, 1, -1, 1, 1], word_bits=word_bits).words[0]
    assert words.shape == shape and words.dtype == np.dtype(dtype)


@pytest.mark.parametrize("seed", range(60))
def test_round_trip(seed):
    case = random_case(seed, most=200)
    for given, back in zip(case.weights, scalar.decode(case.stream())):
        assert back.dtype == np.int8
        np.testing.assert_array_equal(given, back)


@pytest.mark.parametrize("seed", range(20))
def test_trace(seed):
    """The trace covers every lane's sequence, by the tokens that `tokenize` finds, and its bits fill the words."""
    case = random_case(seed, most=200)
    stream = case.stream()
    for span, words, (first, last) in zip(scalar.trace(stream), stream.words, stream.spans):
        for lane, tokens in enumerate(span):
            for number in range(first, last):
                alphabet = case.tables[case.segments[number].table].alphabet
                sequence = split_lanes(case.weights[number], case.config.lanes, case.config.vector)[lane]
                expected = tokenize(sequence, alphabet)
                mine = [token for token in tokens if token.segment == number]
                assert [token.first for token in mine] == expected.first.tolist()
                assert [token.length for token in mine] == [alphabet.tokens[i][0] + 1 for i in expected.index]
        bits = sum(token.bits for tokens in span for token in tokens) + case.config.lanes * case.config.table_log
        assert words.nbytes * 8 <= bits + case.config.lanes * case.config.preload * case.config.word_bits


def test_preload_is_enough_for_the_greediest_tokens():
    """Every token of a table of equal counts reads R bits; the least preload still serves all of a beat."""
    rng = np.random.default_rng(5)
    for vector in range(1, 9):
        config = Config(lanes=3, vector=vector, word_bits=8, table_log=5, raw_bits=3, bins=255)
        table = Table(Alphabet(127, 3), 5, (1,) * 32)
        weights = [rng.integers(-127, 128, 500)]
        stream = Case(config, (table,), (Segment(500, 0, True),), weights).stream()
        np.testing.assert_array_equal(scalar.decode(stream)[0], weights[0])
        assert {token.bits for lane in scalar.trace(stream)[0] for token in lane} == {8}


def test_weights_that_have_no_slot():
    table = Table(Alphabet(2), 3, (0, 2, 4, 2, 0))
    with pytest.raises(InputError, match="weight 2 has no slot in its table"):
        Case(Config(table_log=3, bins=5), (table,), (Segment(1, 0, True),), [[2]]).stream()
    with pytest.raises(InputError, match="weight 3 has no slot in its table"):
        Case(Config(table_log=3, bins=5), (table,), (Segment(1, 0, True),), [[3]]).stream()


def test_number_of_weights():
    case = Case(Config(table_log=3, bins=3), (PLAIN,), (Segment(5, 0, True),), [[0, 1, 0, 1]])
    with pytest.raises(InputError, match="segment 0 must be given 5 weights, not 4"):
        case.stream()
    with pytest.raises(InputError, match="1 segments need as many arrays of weights, not 0"):
        case._replace(weights=[]).stream()


def test_damaged_words():
    stream = small([-1, 0, 1])
    with pytest.raises(FormatError, match="lane 0 must end the span of segments 0 to 0 in state 0, not"):
        scalar.decode(replace(stream, words=(stream.words[0] ^ np.uint8(0x40),)))
    with pytest.raises(FormatError, match="must use all of its 9 words, not 3"):
        scalar.decode(replace(stream, words=(np.append(stream.words[0], np.ones(8, dtype=np.uint8)),)))


def test_weight_outside_its_bins():
    """h = 1 with s = 1 leaves room for the weight -2, which is none of the three bins."""
    table = Table(Alphabet(1, 1), 3, (4, 4))
    config = Config(lanes=1, word_bits=8, table_log=3, raw_bits=1, bins=3)
    wide = Table(Alphabet(2, 1), 3, (4, 4, 0))
    segments = (Segment(1, 0, True),)
    words = scalar.encode(replace(config, bins=5), (wide,), segments, [[-2]])
    with pytest.raises(FormatError, match="segment 0 holds a weight outside -1 to 1"):
        scalar.decode(Stream(config, (table,), segments, words))
