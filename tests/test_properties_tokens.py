"""What holds of alphabets, tables and tokens for whatever they are given."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import ConfigError, FormatError, InputError
from golden.search import spreads
from golden.stream import lane_counts
from golden.table import Alphabet, Entry, Table, spread
from golden.tokens import (
    Tokens,
    detokenize,
    histogram,
    histograms,
    merge_lanes,
    split_lanes,
    token_columns,
    token_lengths,
    token_numbers,
    tokenize,
)
from tests import second_decoder
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import alphabets, counts_of_sum, tables, weights_of


@about(Alphabet, token_columns, token_lengths, token_numbers)
@LIMITS
@given(alphabets)
def test_alphabets(alphabet):
    tokens = alphabet.tokens
    assert len(set(tokens)) == len(tokens) == alphabet.size and list(tokens) == sorted(tokens)
    assert [alphabet.index[token] for token in tokens] == list(range(alphabet.size))
    assert {run for run, value in tokens if value == 0} == {alphabet.max_run - 1}
    assert [(u << alphabet.raw_bits) for u in (alphabet.value_min, alphabet.value_max + 1)] == pytest.approx(
        [-alphabet.half, alphabet.half + 1], abs=(1 << alphabet.raw_bits) - 1)
    runs, values = token_columns(alphabet)
    assert list(zip(runs.tolist(), values.tolist())) == list(tokens)
    assert token_numbers(runs, values, alphabet).tolist() == list(range(alphabet.size))
    assert token_lengths(alphabet).tolist() == [run + 1 for run, _ in tokens]
    assert list(second_decoder.alphabet(alphabet.half, alphabet.raw_bits, alphabet.max_run)) == list(tokens)


@about(Alphabet)
@examples(100)
@given(st.sampled_from((0, 1, 9, 127, 128)), st.sampled_from((-1, 0, 1, 7, 8)), st.sampled_from((0, 1, 2, 16, 17)))
def test_an_alphabet_is_refused_or_valid(half, raw_bits, max_run):
    valid = 1 <= half <= 127 and 0 <= raw_bits <= 7 and 1 <= max_run <= 16 and (raw_bits == 0 or max_run == 1)
    if valid:
        alphabet = Alphabet(half, raw_bits, max_run)
        assert {(u << raw_bits) + r for u in range(alphabet.value_min, alphabet.value_max + 1)
                for r in range(1 << raw_bits)} >= set(range(-half, half + 1))
        return
    with refused(ConfigError):
        Alphabet(half, raw_bits, max_run)


@about(spread, spreads)
@LIMITS
@given(st.data(), st.integers(1, 7), st.integers(1, 30))
def test_spreads(data, table_log, size):
    """Each token as often as its count says, and never far from its share of the slots so far."""
    counts = data.draw(counts_of_sum(size, 1 << table_log))
    slots = spread(counts)
    assert [slots.count(token) for token in range(size)] == list(counts)
    assert spreads(np.array([counts, counts[::-1]])).tolist() == [slots, spread(counts[::-1])]
    far = max(1, sum(map(bool, counts)) - 1)
    for token, count in enumerate(counts):
        for end in range(1, len(slots) + 1):
            assert abs(Fraction(count * end, len(slots)) - slots[:end].count(token)) < far


@about(Table, Entry)
@LIMITS
@given(tables())
def test_entries_of_a_token_divide_the_states(table):
    """The states that a token leads to are all states, each once: so every state has exactly one way back."""
    size = 1 << table.table_log
    reached = {}
    for entry, token in zip(table.entries, table.slot_tokens):
        assert (entry.run, entry.value) == table.alphabet.tokens[token]
        assert entry.base % (1 << entry.nbits) == 0
        reached.setdefault(token, []).extend(range(entry.base, entry.base + (1 << entry.nbits)))
    assert all(sorted(states) == list(range(size)) for states in reached.values())
    assert tuple(table.each_entry()) == table.entries
    other = second_decoder.Table(table.alphabet.half, table.alphabet.raw_bits, table.alphabet.max_run,
                                 {k: count for k, count in enumerate(table.counts) if count}, table.slots)
    assert other.entries(table.table_log) == [tuple(entry) for entry in table.entries]


@about(Table)
@LIMITS
@given(tables(), st.data())
def test_tables_refuse_other_counts_and_slots(table, data):
    place = data.draw(st.integers(0, len(table.counts) - 1))
    for counts in (table.counts[:place] + table.counts[place + 1:],
                   table.counts[:place] + (table.counts[place] + 1,) + table.counts[place + 1:]):
        with refused(FormatError):
            Table(table.alphabet, table.table_log, counts)
    slots = list(table.slot_tokens)
    slots[data.draw(st.integers(0, len(slots) - 1))] += data.draw(st.sampled_from((-1, 1, 1000)))
    with refused(FormatError):
        Table(table.alphabet, table.table_log, table.counts, tuple(slots))


@about(split_lanes, merge_lanes, lane_counts)
@LIMITS
@given(st.integers(0, 3000), st.integers(1, 64), st.integers(1, 8))
def test_dealing(count, lanes, vector):
    weights = np.arange(count)
    dealt = split_lanes(weights, lanes, vector)
    assert [len(lane) for lane in dealt] == lane_counts(count, lanes, vector).tolist()
    for number, lane in enumerate(dealt):
        assert lane.tolist() == [i for i in range(count) if i // vector % lanes == number]
    assert merge_lanes(dealt, vector).tolist() == weights.tolist()


@about(merge_lanes)
@LIMITS
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 4))
def test_only_lanes_that_were_dealt_are_merged(lengths, vector):
    dealt = [[i for i in range(sum(lengths)) if i // vector % len(lengths) == lane] for lane in range(len(lengths))]
    sequences = [np.zeros(length, np.int8) for length in lengths]
    if [len(lane) for lane in dealt] == lengths:
        assert len(merge_lanes(sequences, vector)) == sum(lengths)
        return
    with refused(InputError):
        merge_lanes(sequences, vector)


@about(tokenize, detokenize, Tokens, histogram)
@LIMITS
@given(st.data(), alphabets)
def test_tokens_come_back(data, alphabet):
    weights = data.draw(weights_of(alphabet))
    tokens = tokenize(weights, alphabet)
    assert detokenize(tokens.index, tokens.raw, len(weights), alphabet).tolist() == weights.tolist()
    lengths = token_lengths(alphabet)[tokens.index]
    assert tokens.first.tolist() == np.cumsum([0, *lengths])[:-1].tolist()
    assert len(weights) <= lengths.sum() < len(weights) + alphabet.max_run
    assert histogram([weights], alphabet).tolist() == np.bincount(tokens.index, minlength=alphabet.size).tolist()


def naive_tokens(weights, alphabet):
    """Tokens by the words of the format: (run, value, raw bits)."""
    tokens, place = [], 0
    while place < len(weights):
        run = 0
        while run < alphabet.max_run and place + run < len(weights) and weights[place + run] >> alphabet.raw_bits == 0:
            run += 1
        if run == alphabet.max_run or place + run == len(weights):
            last, token = min(place + alphabet.max_run, place + run) - 1, (alphabet.max_run - 1, 0)
        else:
            last, token = place + run, (run, weights[place + run] >> alphabet.raw_bits)
        tokens.append((*token, weights[last] & (1 << alphabet.raw_bits) - 1))
        place = last + 1
    return tokens


@about(tokenize, histogram)
@LIMITS
@given(st.data(), alphabets)
def test_tokens_are_those_of_the_format(data, alphabet):
    weights = data.draw(weights_of(alphabet))
    tokens = tokenize(weights, alphabet)
    wanted = naive_tokens(weights.tolist(), alphabet)
    assert [(*alphabet.tokens[i], raw) for i, raw in zip(tokens.index.tolist(), tokens.raw.tolist())] == wanted
    counted = histogram([weights, weights[::-1]], alphabet)
    both = wanted + naive_tokens(weights[::-1].tolist(), alphabet)
    assert counted.tolist() == [sum(token[:2] == each for token in both) for each in alphabet.tokens]


@about(histograms)
@LIMITS
@given(st.data(), st.integers(1, 20), st.lists(st.integers(1, 16), min_size=1, max_size=3))
def test_histograms_of_several_alphabets(data, half, runs):
    several = [Alphabet(half, 0, run) for run in runs]
    pieces = st.lists(st.tuples(st.integers(0, 50), st.integers(-half, half)), max_size=6)
    sequences = [np.array([w for zeros, value in data.draw(pieces) for w in (*[0] * zeros, value)], np.int8)
                 for _ in range(data.draw(st.integers(1, 3)))]
    for alphabet, found in zip(several, histograms(sequences, several)):
        expected = sum(np.bincount(tokenize(s, alphabet).index, minlength=alphabet.size) for s in sequences)
        assert found.tolist() == expected.tolist()


@about(tokenize, histogram, histograms)
@LIMITS
@given(st.data(), alphabets, st.sampled_from((np.int8, np.int16, np.uint8, np.int64)))
def test_weights_out_of_range_are_refused(data, alphabet, dtype):
    limits, half = np.iinfo(dtype), alphabet.half
    near = st.sampled_from((-half - 1, -half, half, half + 1, 0, 300)).map(
        lambda value: min(max(value, limits.min), limits.max))
    weights = np.array(data.draw(st.lists(near, max_size=4)), dtype)
    if (np.abs(weights.astype(int)) <= alphabet.half).all():
        assert len(tokenize(weights, alphabet).index) >= 0
        return
    for refuse in (tokenize, lambda *of: histogram([of[0]], of[1]), lambda *of: histograms([of[0]], [of[1]])):
        with refused(InputError):
            refuse(weights, alphabet)


@about(detokenize)
@LIMITS
@given(st.data(), alphabets, st.integers(-3, 3).filter(bool))
def test_tokens_of_another_number_of_weights_are_refused(data, alphabet, more):
    weights = data.draw(weights_of(alphabet))
    tokens = tokenize(weights, alphabet)
    covered = int(token_lengths(alphabet)[tokens.index].sum())
    last = int(tokens.first[-1]) if len(weights) else 0
    count = max(len(weights) + more, 0)
    cut = len(weights) > 0 and alphabet.tokens[tokens.index[-1]][1] == 0 and alphabet.max_run > 1
    if count == len(weights) or cut and last < count <= covered:  # "M zeros" may be cut anywhere
        return
    with refused(FormatError):
        detokenize(tokens.index, tokens.raw, count, alphabet)
