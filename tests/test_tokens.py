import numpy as np
import pytest

from golden.errors import FormatError, InputError
from golden.stream import lane_counts
from golden.table import Alphabet
from golden.tokens import detokenize, histogram, histograms, merge_lanes, split_lanes, token_lengths, tokenize

ALPHABETS = [Alphabet(1), Alphabet(7), Alphabet(127), Alphabet(1, 0, 8), Alphabet(3, 0, 4), Alphabet(7, 0, 3),
             Alphabet(2, 0, 16), Alphabet(15, 2), Alphabet(127, 4), Alphabet(127, 7), Alphabet(1, 1), Alphabet(100, 3)]


def draw(random, count, half, zeros, dtype=np.int8):
    weights = random.integers(-half, half + 1, count)
    return (weights * (random.random(count) >= zeros)).astype(dtype)


def tokens_by_the_book(sequence, alphabet):
    """The rules of the format, weight by weight: (token number, raw bits, first weight) of each token."""
    tokens, run = [], 0
    for position, weight in enumerate(sequence.tolist()):
        value, raw = weight >> alphabet.raw_bits, weight & ((1 << alphabet.raw_bits) - 1)
        if value == 0 and run < alphabet.max_run - 1:
            run += 1
            continue
        tokens.append((alphabet.index[run, value], raw, position - run))
        run = 0
    if run:
        tokens.append((alphabet.index[alphabet.max_run - 1, 0], 0, len(sequence) - run))
    return tokens


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=str)
def test_tokens_are_those_of_the_format_and_come_back(alphabet):
    random = np.random.default_rng(1)
    for count in (0, 1, 2, 15, 16, 17, 300):
        for zeros in (0.0, 0.5, 0.95, 1.0):
            sequence = draw(random, count, alphabet.half, zeros)
            tokens = tokenize(sequence, alphabet)
            expected = tokens_by_the_book(sequence, alphabet)
            assert list(zip(tokens.index.tolist(), tokens.raw.tolist(), tokens.first.tolist())) == expected
            assert (tokens.index.dtype, tokens.raw.dtype, tokens.first.dtype) == (np.int32, np.int32, np.int64)
            back = detokenize(tokens.index, tokens.raw, count, alphabet)
            assert back.dtype == np.int16
            assert np.array_equal(back, sequence)


def test_last_run_is_one_cut_token():
    alphabet = Alphabet(1, 0, 4)
    tokens = tokenize(np.array([0, 1, 0, 0, 0, 0, 0, 0]), alphabet)
    assert [alphabet.tokens[i] for i in tokens.index] == [(1, 1), (3, 0), (3, 0)]
    assert tokens.first.tolist() == [0, 2, 6]
    assert token_lengths(alphabet).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 4]


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, np.uint8])
def test_any_integer_type_gives_the_same_tokens(dtype):
    sequence = np.array([0, 3, 0, 0, 1, 2, 0], dtype=dtype)
    for alphabet in (Alphabet(3), Alphabet(3, 1), Alphabet(3, 0, 2)):
        same = tokenize(sequence.astype(np.int32), alphabet)
        assert np.array_equal(tokenize(sequence, alphabet).index, same.index)
        assert np.array_equal(histogram([sequence], alphabet), np.bincount(same.index, minlength=alphabet.size))


@pytest.mark.parametrize("lanes, vector", [(1, 1), (8, 1), (3, 2), (4, 4), (16, 3)])
def test_lanes_are_dealt_by_the_rule_and_merged_again(lanes, vector):
    for count in (0, 1, lanes * vector - 1, lanes * vector, 5 * lanes * vector + vector + 1, 997):
        weights = np.arange(count, dtype=np.int16)
        sequences = split_lanes(weights, lanes, vector)
        owner = weights // vector % lanes
        for lane, sequence in enumerate(sequences):
            assert np.array_equal(sequence, weights[owner == lane])
        assert [len(sequence) for sequence in sequences] == lane_counts(count, lanes, vector).tolist()
        merged = merge_lanes(sequences, vector)
        assert merged.dtype == weights.dtype
        assert np.array_equal(merged, weights)


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=str)
def test_histogram_counts_the_tokens(alphabet):
    random = np.random.default_rng(2)
    weights = draw(random, 4999, alphabet.half, 0.7)
    sequences = split_lanes(weights, 7, 3)
    counted = np.zeros(alphabet.size, dtype=np.int64)
    for sequence in sequences:
        np.add.at(counted, tokenize(sequence, alphabet).index, 1)
    assert np.array_equal(histogram(sequences, alphabet), counted)
    assert histogram([], alphabet).sum() == 0


def test_histograms_of_several_alphabets_agree_with_one_at_a_time():
    sequences = split_lanes(draw(np.random.default_rng(3), 3001, 5, 0.8), 4, 1)
    alphabets = [Alphabet(5), Alphabet(5, 1), Alphabet(5, 0, 2), Alphabet(5, 0, 3), Alphabet(5, 0, 8)]
    for alphabet, together in zip(alphabets, histograms(sequences, alphabets)):
        assert np.array_equal(together, histogram(sequences, alphabet))


@pytest.mark.parametrize("alphabet", [Alphabet(7), Alphabet(7, 2), Alphabet(7, 0, 4)], ids=str)
@pytest.mark.parametrize("bad", [8, -8, 127, -128])
def test_weight_out_of_range_is_named(alphabet, bad):
    weights = np.array([0, 1, bad, 0], dtype=np.int8)
    for use in (lambda: tokenize(weights, alphabet), lambda: histogram([weights], alphabet)):
        with pytest.raises(InputError, match=f"^weights must be -7 to 7, not {bad}$"):
            use()


def test_weights_that_are_no_integers_are_refused():
    with pytest.raises(InputError, match=r"^weights must be integers, not float32$"):
        tokenize(np.zeros(3, dtype=np.float32), Alphabet(7))


def test_tokens_that_do_not_fit_the_sequence_are_refused():
    plain, runs = Alphabet(1), Alphabet(1, 0, 4)
    zeros = runs.index[3, 0]
    with pytest.raises(FormatError, match="3 weights need as many tokens, not 2"):
        detokenize(np.array([1, 1]), np.array([0, 0]), 3, plain)
    for index, count in (([zeros], 5), ([zeros, zeros], 4), ([], 1), ([zeros], 0)):
        with pytest.raises(FormatError, match=f"tokens must end with the {count} weights"):
            detokenize(np.array(index, dtype=np.int32), np.zeros(len(index), dtype=np.int32), count, runs)


def test_sequences_of_no_segment_are_refused():
    with pytest.raises(InputError, match=r"lengths of 4 dealt weights, not \[1, 3\]"):
        merge_lanes([np.zeros(1), np.zeros(3)], 1)
