import heapq
import itertools
import math

import numpy as np
import pytest

from golden.errors import ConfigError
from golden.rate import rates
from golden.table import Alphabet, Table, spread
from golden.tokens import token_lengths
from golden.tune import (
    coding_cost,
    exact_rate,
    fit,
    normalize,
    record_bits,
    search,
    search_counts,
    spread_tuned,
)

from .sources import laplacian_probabilities, source, tuned_table


def greedy(frequencies, table_log):
    """One slot after the other to the token that gains most."""
    counts = [int(f > 0) for f in frequencies]
    heap = [(-f, i) for i, f in enumerate(frequencies) if f]
    heapq.heapify(heap)
    while sum(counts) < 1 << table_log:
        i = heapq.heappop(heap)[1]
        counts[i] += 1
        heapq.heappush(heap, (-frequencies[i] * math.log2((counts[i] + 1) / counts[i]), i))
    return counts


def test_normalize_is_the_best_of_all_counts():
    random = np.random.default_rng(1)
    for _ in range(20):
        frequencies = random.integers(1, 1000, 4) ** random.integers(1, 3)
        every = [c for c in itertools.product(range(1, 14), repeat=4) if sum(c) == 16]
        best = min(coding_cost(frequencies, counts) for counts in every)
        assert coding_cost(frequencies, normalize(frequencies, 4)) == pytest.approx(best, rel=1e-12)


def test_normalize_equals_one_slot_after_the_other():
    random = np.random.default_rng(2)
    for table_log in (3, 6, 8, 10):
        for _ in range(20):
            frequencies = (random.lognormal(0, 3, 40) * 100).astype(int)
            frequencies[8:] *= table_log > 5
            frequencies[0] += 1
            counts = normalize(frequencies, table_log)
            assert sum(counts) == 1 << table_log
            assert all((count > 0) == (f > 0) for count, f in zip(counts, frequencies))
            assert coding_cost(frequencies, counts) == pytest.approx(
                coding_cost(frequencies, greedy(frequencies.tolist(), table_log)), rel=1e-12, abs=1e-9)


def test_normalize_at_its_limits():
    assert normalize([0, 7, 0], 5) == (0, 32, 0)
    assert normalize([1] * 32, 5) == (1,) * 32
    assert normalize([10**12, 1], 4) == (15, 1)
    with pytest.raises(ConfigError, match="8 slots must have 1 to 8 tokens that occur, not 9"):
        normalize([1] * 9, 3)
    with pytest.raises(ConfigError, match="1 to 8 tokens that occur, not 0"):
        normalize([0, 0], 3)


def test_tuned_spread_keeps_the_counts_and_is_pinned():
    # Visits p ln((y + 1) / y): 1.82 1.54 1.34 1.18 1.05 (y = 5..9), 1.62 1.15 (y = 2, 3), 1.39 (y = 1).
    assert spread_tuned((5, 2, 1), (10, 4, 2)) == [0, 1, 0, 2, 0, 0, 1, 0]
    counts = normalize(laplacian_probabilities(15, 3.0), 8)
    assert np.bincount(spread_tuned(counts, laplacian_probabilities(15, 3.0))).tolist() == list(counts)


def chain_by_the_book(table, p):
    """Step matrix and mean bits of the encoder, from its definition in the format's text."""
    size = 1 << table.table_log
    slot_of = {}
    for slot, token in enumerate(table.slot_tokens):
        slot_of[token, table.counts[token] + sum(token == t for t in table.slot_tokens[:slot])] = slot
    chain, bits = np.zeros((size, size)), np.zeros(size)
    for x in range(size):
        for token, count in enumerate(table.counts):
            if p[token]:
                n = next(n for n in range(99) if count <= x + size >> n < 2 * count)
                chain[slot_of[token, x + size >> n], x] += p[token]
                bits[x] += p[token] * n
    return chain, bits


@pytest.mark.parametrize("bins, bits, max_run, table_log",
                         [(3, 0.6, 4, 6), (7, 1.5, 1, 5), (15, 3.0, 1, 7), (3, 1.512, 1, 6)])
def test_exact_rate_is_that_of_the_encoders_chain(bins, bits, max_run, table_log):
    alphabet, q, _ = source(bins, bits, max_run)
    for table in (Table(alphabet, table_log, normalize(q, table_log)), tuned_table(alphabet, table_log, q)):
        chain, mean_bits = chain_by_the_book(table, q)
        size = len(chain)
        system = np.vstack([chain - np.eye(size), np.ones(size)])
        stationary = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
        assert exact_rate(table, q * 1000) == pytest.approx(stationary @ mean_bits, rel=1e-9)


def test_exact_rate_of_chains_that_never_settle():
    assert exact_rate(Table(Alphabet(1), 5, (0, 32, 0)), [0, 9, 0]) == 0
    assert exact_rate(Table(Alphabet(1), 5, (8, 16, 8)), [1, 2, 1]) == pytest.approx(1.5, abs=1e-9)
    assert exact_rate(Table(Alphabet(1), 10, (256, 512, 256)), [1, 2, 1]) == pytest.approx(1.5, abs=1e-9)


def test_exact_rate_without_a_slot_is_infinite():
    assert exact_rate(Table(Alphabet(1), 3, (4, 4, 0)), [1, 1, 1]) == math.inf


def test_rates_of_several_lists_are_those_of_each():
    alphabet, q, _ = source(7, 1.5, 1)
    tables = [Table(alphabet, 6, normalize(q, 6)), tuned_table(alphabet, 6, q),
              Table(alphabet, 6, (3, 5, 9, 30, 9, 5, 3))]
    together = rates(np.array([t.slot_tokens for t in tables]), np.array([t.counts for t in tables]), q)
    assert together.tolist() == pytest.approx([exact_rate(t, q) for t in tables], rel=1e-12)


@pytest.mark.parametrize("bins, bits, table_log, max_run, per_token, percent", [
    (3, 0.4, 6, 8, 6.45, 0.31), (3, 0.6, 6, 8, 5.56, 0.15), (3, 0.6, 6, 4, 3.40, 0.10), (3, 1.0, 6, 4, 2.83, 0.05),
    (15, 3.0, 8, 1, 1.00, 0.02)])
def test_tuned_spread_reaches_the_figures_of_the_design(bins, bits, table_log, max_run, per_token, percent):
    alphabet, q, entropy = source(bins, bits, max_run)
    assert q @ token_lengths(alphabet) == pytest.approx(per_token, abs=0.006)
    excess = 100 * (exact_rate(tuned_table(alphabet, table_log, q), q) / entropy - 1)
    assert excess == pytest.approx(percent, abs=0.0051)


@pytest.mark.parametrize("bins, bits, table_log, max_run",
                         [(3, 0.6, 6, 8), (3, 0.6, 6, 4), (3, 1.0, 6, 4), (7, 1.5, 7, 1)])
def test_search_beats_both_spreads(bins, bits, table_log, max_run):
    alphabet, q, entropy = source(bins, bits, max_run)
    plain, tuned = Table(alphabet, table_log, normalize(q, table_log)), tuned_table(alphabet, table_log, q)
    found = search(plain, q, seed=0, rounds=30)
    assert entropy < exact_rate(found, q) < exact_rate(tuned, q) < exact_rate(plain, q)
    assert found == search(plain, q, seed=0, rounds=30)


def test_search_never_gets_worse():
    random = np.random.default_rng(3)
    for seed in range(6):
        frequencies = random.integers(0, 50, 7)
        frequencies[3] += 1
        counts = normalize(frequencies + (frequencies == 0), 5)
        table = Table(Alphabet(3), 5, counts, tuple(random.permutation(spread(counts)).tolist()))
        found = search(table, frequencies, seed, 5)
        assert exact_rate(found, frequencies) <= exact_rate(table, frequencies)
        assert exact_rate(search(found, frequencies, seed + 1, 5), frequencies) <= exact_rate(found, frequencies)
        plain = Table(Alphabet(3), 5, counts)
        assert exact_rate(search_counts(plain, frequencies, 5), frequencies) <= exact_rate(plain, frequencies)


def test_search_of_one_token_leaves_it_alone():
    table = Table(Alphabet(1), 4, (0, 16, 0))
    assert search(table, [0, 5, 0], 0, 3) == table
    assert search_counts(table, [0, 5, 0], 3) == table


def test_search_counts_lowers_the_rate_without_a_list():
    alphabet, q, _ = source(3, 0.6, 4)
    plain = Table(alphabet, 6, normalize(q, 6))
    found = search_counts(plain, q, 20)
    assert found.slots is None
    assert exact_rate(found, q) < exact_rate(plain, q)


def test_record_bits_count_every_nibble():
    # kind, half, s, m: 4 nibbles; counts 7 | 9 (two nibbles) | 0 and the length of its run
    assert record_bits(Table(Alphabet(1), 4, (7, 9, 0))) == 4 * (4 + 1 + 2 + 2)
    assert record_bits(Table(Alphabet(1), 4, (7, 9, 0), (0,) * 7 + (1,) * 9)) == 4 * (4 + 1 + 2 + 2 + 16)


def test_fit_takes_a_list_only_where_it_pays():
    alphabet, q, _ = source(7, 1.5, 1)
    few, many = (q * 2000).astype(int), (q * 2000000).astype(int)
    assert fit(alphabet, few, 7)[0].slots is None
    table, cost = fit(alphabet, many, 7)
    assert table.slots is not None
    assert cost == pytest.approx(many.sum() * exact_rate(table, many) + record_bits(table), rel=1e-12)
    assert fit(alphabet, many, 7, rounds=20)[1] < cost
