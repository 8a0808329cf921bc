import numpy as np
import pytest

from golden.codec import encode
from golden.config import Config
from golden.errors import ConfigError, InputError
from golden.plan import cut, plan
from golden.stream import Segment
from golden.tune import record_bits

from .sources import real_network


def laplacian(seed, count, scale, half):
    return np.clip(np.rint(np.random.default_rng(seed).laplace(0, scale, count)), -half, half).astype(np.int8)


def entropy(tensors):
    """Shannon entropy of the weights, summed over the layers, in bits."""
    total = 0.0
    for tensor in tensors.values():
        counts = np.unique(tensor, return_counts=True)[1]
        total -= counts @ np.log2(counts / tensor.size)
    return total


def coded_bits(planned, tensors):
    """Size of the words that the encoder really makes."""
    weights = np.concatenate([tensor.reshape(-1) for tensor in tensors.values()])
    ends = np.cumsum([segment.weights for segment in planned.segments])
    words = encode(planned.config, planned.tables, planned.segments, np.split(weights, ends[:-1]))
    return sum(span.size for span in words) * planned.config.word_bits


@pytest.mark.parametrize("name, bins, percent_of_words, percent_of_all", [
    ("resnet8", 3, 0.3, 0.4), ("resnet8", 7, 0.25, 0.35), ("resnet8", 15, 0.25, 0.35), ("kws", 15, 0.7, 1.1)])
def test_real_networks_cost_little_over_their_entropy(shared_data, name, bins, percent_of_words, percent_of_all):
    tensors = real_network(shared_data, name, bins)
    planned = plan(tensors)
    least = entropy(tensors)
    words = coded_bits(planned, tensors)
    tables = sum(record_bits(table) for table in planned.tables)
    assert words + tables == pytest.approx(planned.bits, rel=0.001)
    assert 100 * (words / least - 1) < percent_of_words
    assert 100 * ((words + tables) / least - 1) < percent_of_all


@pytest.mark.parametrize("half", [31, 127])
def test_many_bins_fit_a_small_table_by_raw_bits(half):
    tensors = {"a": laplacian(1, 20000, half / 7, half), "b": laplacian(2, 20000, 0.4, 1)}
    planned = plan(tensors, table_log=7)
    table = planned.tables[planned.segments[0].table]
    assert planned.config.table_log == 7
    assert table.alphabet.raw_bits > 0
    assert planned.tables[planned.segments[1].table].alphabet.raw_bits == 0
    assert planned.config.raw_bits == table.alphabet.raw_bits
    assert planned.config.bins == 2 * half + 1
    each = [plan({"a": tensors["a"]}, table_log=7, raw_bits=raw_bits).bits for raw_bits in range(2, 6)]
    assert plan({"a": tensors["a"]}, table_log=7).bits == min(each)
    assert coded_bits(planned, tensors) == pytest.approx(planned.bits, rel=0.003)


def test_table_log_is_chosen_by_size():
    small = plan({"a": laplacian(3, 2000, 2.0, 7)})
    large = plan({"a": laplacian(3, 500000, 2.0, 7)})
    assert small.config.table_log < large.config.table_log
    each = [plan({"a": laplacian(3, 500000, 2.0, 7)}, table_log=log).bits for log in (7, 8, 9, 10)]
    assert large.bits == min(each)
    assert plan({"a": laplacian(3, 500000, 2.0, 7)}, table_log_limit=5).config.table_log == 5


def test_layers_share_a_table_where_that_pays():
    alike = {f"layer{i}": laplacian(i, 3000, 1.5, 7) for i in range(5)}
    alike["narrow"] = laplacian(5, 60, 1.5, 5)
    planned = plan(alike)
    assert len(planned.tables) == 1
    assert {segment.table for segment in planned.segments} == {0}
    assert planned.config.bins == 15
    mixed = {**alike, "other": laplacian(9, 30000, 0.3, 2), "more": laplacian(10, 3000, 0.3, 2)}
    planned = plan(mixed)
    assert [segment.table for segment in planned.segments] == [0] * 6 + [1, 1]
    alone = sum(plan({name: weights}, table_log=planned.config.table_log).bits for name, weights in mixed.items())
    assert planned.bits < alone


def test_long_runs_and_speed():
    sparse = {"a": laplacian(4, 50000, 0.12, 1)}
    planned = plan(sparse, vector=8)
    assert planned.config.max_run == 8
    assert coded_bits(planned, sparse) < 1.08 * entropy(sparse)
    assert plan(sparse, vector=4).config.max_run == 4
    assert plan({"a": laplacian(4, 50000, 2.0, 7)}, vector=8).config.max_run == 1


@pytest.mark.parametrize("request_, expected", [
    ({"max_run": 4}, (0, 4)), ({"raw_bits": 1}, (1, 1)), ({"max_run": 3, "raw_bits": 0}, (0, 3)),
    ({"max_run": 1, "raw_bits": 0}, (0, 1)), ({"max_run": 16}, (0, 16))])
def test_fixed_options_are_kept(request_, expected):
    planned = plan({"a": laplacian(5, 4000, 0.8, 3)}, **request_)
    assert {(table.alphabet.raw_bits, table.alphabet.max_run) for table in planned.tables} == {expected}
    assert (planned.config.raw_bits, planned.config.max_run) == expected


def test_raw_bits_beside_a_fixed_max_run_where_nothing_else_fits():
    planned = plan({"a": laplacian(6, 9000, 30, 127), "b": laplacian(7, 9000, 0.5, 2)}, table_log=6, max_run=4)
    alphabets = [planned.tables[segment.table].alphabet for segment in planned.segments]
    assert alphabets[0].raw_bits > 0 and alphabets[0].max_run == 1
    assert alphabets[1].raw_bits == 0 and alphabets[1].max_run == 4


def test_zero_layers_and_empty_layers():
    tensors = {"zeros": np.zeros((5, 40), dtype=np.int8), "empty": np.zeros((0, 3), dtype=np.int8),
               "one": np.array(-1), "more": laplacian(14, 3000, 2.0, 7), "last": np.zeros(7, dtype=np.int16)}
    planned = plan(tensors, lanes=2)
    assert [segment.weights for segment in planned.segments] == [200, 1, 3000, 7]
    zeros = plan({"zeros": np.zeros(100000, dtype=np.int8)}, vector=8)
    assert zeros.tables[0].counts.count(0) == len(zeros.tables[0].counts) - 1
    assert zeros.config.max_run == 8
    assert zeros.config.bins == 3
    assert coded_bits(zeros, {"zeros": np.zeros(100000, dtype=np.int8)}) == 0


def test_words_and_preload_bound_what_a_token_may_take():
    tensors = {"a": laplacian(8, 9000, 30, 127)}
    planned = plan(tensors, word_bits=8)
    assert planned.config.table_log + planned.config.raw_bits <= 8
    planned = plan(tensors, vector=4, word_bits=16, preload=3)
    assert planned.config.preload == 3
    assert planned.config.table_log + planned.config.raw_bits <= 8
    assert plan(tensors, vector=4).config.preload == plan(tensors, vector=4).config.least_preload


def test_cut_makes_segments_and_spans():
    assert cut([10, 25, 5, 5, 3], [0, 1, 0, 2, 0], 10) == (
        Segment(10, 0, True), Segment(10, 1, True), Segment(10, 1, True), Segment(5, 1, True), Segment(5, 0, False),
        Segment(5, 2, True), Segment(3, 0, False))
    assert cut([10, 25], [0, 1], 0) == (Segment(10, 0, True), Segment(25, 1, False))


def test_segments_are_whole_beats():
    planned = plan({"a": laplacian(9, 1000, 1.0, 3)}, lanes=3, vector=2, restart_every=100)
    assert [segment.weights for segment in planned.segments] == [102] * 9 + [82]
    assert all(segment.restart for segment in planned.segments)
    assert len(plan({"a": laplacian(9, 1000, 1.0, 3)}, restart_every=0).segments) == 1


def test_search_saves_bits_and_a_plan_is_the_same_twice():
    tensors = {"a": laplacian(10, 200000, 0.8, 3)}
    plain, once, twice = (plan(tensors, table_log=5, search_rounds=rounds) for rounds in (0, 10, 10))
    assert once == twice
    assert once.bits < plain.bits
    assert coded_bits(once, tensors) < coded_bits(plain, tensors)


@pytest.mark.parametrize("tensors, line", [
    ({}, "a network must hold at least one weight, not 0"),
    ({"a": np.zeros(0, dtype=np.int8)}, "a network must hold at least one weight, not 0"),
    ({"a": np.zeros(3)}, "weights of a must be integers, not float64"),
    ({"b": np.array([-128], dtype=np.int8)}, "weights of b must be -127 to 127, not -128"),
    ({"c": np.array([5, 300])}, "weights of c must be -127 to 127, not 300")])
def test_bad_tensors(tensors, line):
    with pytest.raises(InputError, match=f"^{line}$"):
        plan(tensors)


@pytest.mark.parametrize("request_, line", [
    ({"lanes": 0}, "lanes must be"), ({"vector": 9}, "vector must be"), ({"table_log": 0}, "table log must be"),
    ({"table_log_limit": 13}, "table log limit must be"), ({"max_run": 0}, "max run must be 1 to 16"),
    ({"raw_bits": 8}, "raw bits must be"),
    ({"max_run": 2, "raw_bits": 1}, "max run must be 1 where there are raw bits"),
    ({"restart_every": -1}, "restart every must be"), ({"preload": 1}, "preload"),
    ({"word_bits": 24}, "word bits must be"),
    ({"table_log": 3, "raw_bits": 0}, "the tokens of every layer must fit a table of 8 slots")])
def test_bad_requests(request_, line):
    with pytest.raises(ConfigError, match=f"^{line}"):
        plan({"a": laplacian(12, 500, 3.0, 7)}, **request_)


def test_configuration_is_a_valid_one():
    planned = plan({"a": laplacian(13, 500, 3.0, 7)}, lanes=4, vector=2, word_bits=16)
    assert planned.config == Config(lanes=4, vector=2, word_bits=16, table_log=planned.config.table_log, bins=15,
                                    max_run=planned.config.max_run, raw_bits=planned.config.raw_bits)
