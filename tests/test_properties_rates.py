"""What holds of counts, rates and searches for whatever frequencies they are given."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from golden.errors import ConfigError
from golden.header import table_nibbles
from golden.normalize import coding_cost, normalize
from golden.rate import Chain, exact_rate, forecast, rates, settled
from golden.search import search, search_counts, spread_tuned
from golden.table import Alphabet, Table
from golden.tune import fit, record_bits
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import counts_of_sum, tables

frequency_lists = st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any)


def frequencies_for(data, table):
    """Frequencies, positive where the table's counts are."""
    return [data.draw(st.integers(1, 100)) if count else 0 for count in table.counts]


def transitions(table, frequencies):
    """Probabilities of the encoder's next state, by state, and the bits of each step in the mean: from the entries."""
    size, total = 1 << table.table_log, sum(frequencies)
    moves, bits = np.zeros((size, size)), np.zeros(size)
    for slot, (token, entry) in enumerate(zip(table.slot_tokens, table.entries)):
        states = slice(entry.base, entry.base + (1 << entry.nbits))
        moves[states, slot] += frequencies[token] / total
        bits[states] += entry.nbits * frequencies[token] / total
    return moves, bits


def long_run(moves):
    """What a chain's steps come to in the mean, from each state: of a periodic one as well."""
    lazy = (moves + np.eye(len(moves))) / 2
    for _ in range(40):
        lazy = lazy @ lazy
        lazy /= lazy.sum(axis=1, keepdims=True)
    return lazy


@about(coding_cost)
@LIMITS
@given(frequency_lists, st.data())
def test_coding_cost_is_that_of_its_definition(frequencies, data):
    counts = [data.draw(st.integers(1, 50)) for _ in frequencies]
    wanted = sum(-f * math.log2(count / sum(counts)) for f, count in zip(frequencies, counts))
    assert coding_cost(frequencies, counts) == pytest.approx(wanted, abs=1e-9)
    assert coding_cost(frequencies, counts) >= coding_cost(frequencies, frequencies) - 1e-9


@about(normalize)
@LIMITS
@given(frequency_lists, st.integers(4, 8))
def test_normalized_counts_are_the_best(frequencies, table_log):
    """No slot is better given to another token; and no counts beat the entropy."""
    counts = list(normalize(frequencies, table_log))
    assert sum(counts) == 1 << table_log
    assert all((count > 0) == (frequency > 0) for count, frequency in zip(counts, frequencies))
    cost = coding_cost(frequencies, counts)
    assert cost >= coding_cost(frequencies, frequencies) - 1e-6
    for one, f in enumerate(frequencies):
        for other, g in enumerate(frequencies):
            if one != other and f and g and counts[other] > 1:
                moved = list(counts)
                moved[one] += 1
                moved[other] -= 1
                assert coding_cost(frequencies, moved) >= cost - 1e-6


@about(normalize)
@LIMITS
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 2))
def test_more_tokens_than_slots_are_refused(frequencies, table_log):
    present = np.count_nonzero(frequencies)
    if 1 <= present <= 1 << table_log:
        assert sum(normalize(frequencies, table_log)) == 1 << table_log
        return
    with refused(ConfigError):
        normalize(frequencies, table_log)


@about(exact_rate, record_bits)
@LIMITS
@given(tables(table_log=6, most=15), st.data())
def test_rates(table, data):
    """A table's exact rate is not below the entropy, and its records cost what the header takes."""
    frequencies = frequencies_for(data, table)
    assert exact_rate(table, frequencies) * sum(frequencies) >= coding_cost(frequencies, frequencies) - 1e-6
    assert record_bits(table) == 4 * len(table_nibbles(table))
    if 0 in table.counts:
        assert exact_rate(table, [1] * len(frequencies)) == math.inf


@about(exact_rate, rates)
@LIMITS
@given(st.integers(1, 5), st.data())
def test_rates_are_those_of_the_encoders_long_run(table_log, data):
    table = data.draw(tables(table_log, 9))
    frequencies = frequencies_for(data, table)
    moves, bits = transitions(table, frequencies)
    start = 1 / np.arange(1 << table_log, 2 << table_log)
    wanted = start / start.sum() @ long_run(moves) @ bits
    assert exact_rate(table, frequencies) == pytest.approx(wanted, abs=1e-4)
    other = data.draw(st.permutations(table.slot_tokens))
    both = np.array([table.slot_tokens, other])
    found = rates(both, np.array([table.counts] * 2), np.array(frequencies) / sum(frequencies))
    each = [exact_rate(Table(table.alphabet, table_log, table.counts, tuple(slots)), frequencies)
            for slots in both.tolist()]
    assert found == pytest.approx(each, abs=1e-9)


@about(Chain, settled, forecast)
@LIMITS
@given(st.integers(2, 5), st.data())
def test_a_settled_chain_stands_still(table_log, data):
    """Its states are those of the long run, its potential pays for all that is above the rate, and from there the rates
    of other lists are foretold."""
    table = data.draw(tables(table_log, 9))
    frequencies = frequencies_for(data, table)
    probabilities = np.array(frequencies) / sum(frequencies)
    moves, bits = transitions(table, frequencies)
    turns = np.abs(np.linalg.eigvals(moves))
    if np.sort(turns)[-2:][0] > 0.95:  # Periodic, or nearly: "has none of this in the strict sense".
        return
    slots, counts = np.array(table.slot_tokens), np.array(table.counts)
    chain = settled(slots, counts, probabilities)
    assert chain.slots.tolist() == slots.tolist() and chain.counts.tolist() == counts.tolist()
    assert chain.state == pytest.approx(long_run(moves)[0], abs=1e-7) and chain.state.sum() == pytest.approx(1)
    assert chain.rate == pytest.approx(chain.state @ bits, abs=1e-7)
    assert chain.potential[0] == 0
    assert chain.potential + chain.rate == pytest.approx(bits + moves @ chain.potential, abs=1e-6)
    again = settled(slots, counts, probabilities, chain)
    assert again.state == pytest.approx(chain.state, abs=1e-9) and again.rate == pytest.approx(chain.rate, abs=1e-9)
    assert forecast(chain, slots[None], counts[None], probabilities, 1) == pytest.approx([chain.rate], abs=1e-6)


@about(forecast)
@LIMITS
@given(st.integers(2, 5), st.data())
def test_a_forecast_of_many_steps_is_the_rate(table_log, data):
    table = data.draw(tables(table_log, 6))
    frequencies = np.array(frequencies_for(data, table))
    other = Table(table.alphabet, table_log, table.counts, tuple(data.draw(st.permutations(table.slot_tokens))))
    if any(np.sort(np.abs(np.linalg.eigvals(transitions(each, frequencies)[0])))[-2:][0] > 0.95
           for each in (table, other)):
        return
    probabilities = frequencies / frequencies.sum()
    chain = settled(np.array(table.slot_tokens), np.array(table.counts), probabilities)
    found = forecast(chain, np.array([other.slot_tokens]), np.array([other.counts]), probabilities, 600)
    assert found == pytest.approx([exact_rate(other, frequencies)], abs=1e-6)


@about(spread_tuned)
@LIMITS
@given(st.integers(1, 6), st.integers(1, 9), st.data())
def test_tuned_slots_are_in_the_order_of_visits(table_log, size, data):
    """By ``1 / (p ln((y + 1) / y))``, and each token as often as its count says."""
    counts = data.draw(counts_of_sum(size, 1 << table_log))
    frequencies = [data.draw(st.integers(1, 100)) for _ in counts]
    tuned, turn, keys = spread_tuned(counts, frequencies), list(counts), []
    assert [tuned.count(token) for token in range(size)] == list(counts)
    for token in tuned:
        keys.append(1 / (frequencies[token] * math.log((turn[token] + 1) / turn[token])))
        turn[token] += 1
    assert all(late >= early * (1 - 1e-12) for early, late in zip(keys, keys[1:]))


@about(search, search_counts, fit)
@examples(5)
@given(st.integers(0, 1000), st.integers(4, 6))
@example(0, 6)  # counts that save less than their record grows by
def test_searches_never_make_a_table_worse(seed, table_log):
    rng = np.random.default_rng(seed)
    alphabet = Alphabet(3)
    frequencies = (1 + rng.integers(0, 500, alphabet.size)).tolist()
    table = Table(alphabet, table_log, normalize(frequencies, table_log))
    before = exact_rate(table, frequencies)
    found, counted = search(table, frequencies, seed, 4), search_counts(table, frequencies, 2)
    assert exact_rate(found, frequencies) <= before + 1e-9
    assert search(table, frequencies, seed, 4) == found
    assert exact_rate(search(found, frequencies, seed, 0), frequencies) <= exact_rate(found, frequencies)
    assert exact_rate(counted, frequencies) <= before + 1e-9 and counted.slots is None
    best, bits = fit(alphabet, frequencies, table_log, 2, seed)
    assert bits == pytest.approx(sum(frequencies) * exact_rate(best, frequencies) + record_bits(best))
    assert bits <= sum(frequencies) * before + record_bits(table) + 1e-6


@about(search, search_counts)
@examples(5)
@given(st.integers(0, 1000))
def test_searches_undo_what_makes_a_table_bad(seed):
    """A list of slots in order of the tokens, and counts with slots given to the wrong token, are far from the best."""
    rng = np.random.default_rng(seed)
    frequencies = (1 + rng.integers(0, 500, 7)).tolist()
    good = normalize(frequencies, 5)
    slots = tuple(token for token, count in enumerate(good) for _ in range(count))
    bad = Table(Alphabet(3), 5, good, slots)
    assert exact_rate(search(bad, frequencies, seed, 6), frequencies) < exact_rate(bad, frequencies)
    counts = list(good)
    most, least = int(np.argmax(counts)), int(np.argmin(frequencies))
    counts[most] -= 3
    counts[least] += 3
    bad = Table(Alphabet(3), 5, tuple(counts))
    assert exact_rate(search_counts(bad, frequencies, 6), frequencies) < exact_rate(bad, frequencies)


@about(fit)
@LIMITS
@given(st.lists(st.integers(0, 2000), min_size=7, max_size=7).filter(any), st.integers(4, 6))
def test_a_table_that_fits_costs_least(frequencies, table_log):
    """Of the counts alone and of the tuned list, its own record included; a list only where it pays."""
    best, bits = fit(Alphabet(3), frequencies, table_log)
    counts = normalize(frequencies, table_log)
    tuned = Table(Alphabet(3), table_log, counts, tuple(spread_tuned(counts, frequencies)))
    costs = [sum(frequencies) * exact_rate(table, frequencies) + record_bits(table)
             for table in (Table(Alphabet(3), table_log, counts), tuned)]
    assert bits == pytest.approx(min(costs)) and best.counts == counts
