"""What holds of golden's functions for whatever they are given: properties, searched for a counter-example."""

import math
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golden.codec import decode
from golden.config import Config
from golden.container import Directory, pack, unpack
from golden.cycles import simulate
from golden.errors import ConfigError, FormatError
from golden.formats import owner_of, read_tensors, write_npz
from golden.header import header_bytes, parse_header, preamble_nibbles, segment_nibbles, table_nibbles, vint
from golden.integers import code, dequantize, original_integers
from golden.network import decode_network, encode_network
from golden.patterns import Pattern
from golden.plan import cut
from golden.rate import exact_rate
from golden.search import search, search_counts, spread_tuned, spreads
from golden.stream import Segment, Stream, lane_counts, spans_of
from golden.table import Alphabet, Table, spread
from golden.tail import RAW_TYPES, parse_tail, tail_bytes
from golden.tokens import (
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
from golden.tune import coding_cost, fit, normalize, record_bits
from golden.zeropoint import best_step, entropy_bits, quantize_tensor, round_to_bins
from tests import second_decoder
from tests.cases import random_case
from tests.second_decoder import Nibbles

LIMITS = settings(max_examples=25, derandomize=True, deadline=None)

shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=3)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
alphabets = st.one_of(st.builds(Alphabet, st.integers(1, 20), st.just(0), st.integers(1, 6)),
                      st.builds(Alphabet, st.integers(1, 127), st.integers(1, 7)))


@st.composite
def counts_of_sum(draw, size, total):
    """Counts, some of them 0."""
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=size - 1, max_size=size - 1)))
    return tuple(b - a for a, b in zip([0, *cuts], [*cuts, total]))


@st.composite
def tables(draw, table_log=None, most=40):
    """A table by counts or by a slot list."""
    alphabet = draw(alphabets.filter(lambda a: a.size <= most))
    table_log = draw(st.integers(1, 7)) if table_log is None else table_log
    counts = draw(counts_of_sum(alphabet.size, 1 << table_log))
    slots = [token for token, count in enumerate(counts) for _ in range(count)]
    return Table(alphabet, table_log, counts, draw(st.none() | st.permutations(slots).map(tuple)))


@st.composite
def weights_of(draw, alphabet, most=60):
    """Weights that an alphabet has, zeros often among them."""
    half = alphabet.half
    return np.array(draw(st.lists(st.just(0) | st.integers(-half, half), max_size=most)), dtype=np.int8)


@LIMITS
@given(st.integers(0, (1 << 32) - 1))
def test_vints(number):
    nibbles = vint(number)
    assert len(nibbles) == max(1, math.ceil(number.bit_length() / 3)) <= 11
    data = bytes(5) + bytes(low | high << 4 for low, high in zip(nibbles[::2], [*nibbles[1::2], 0]))
    assert Nibbles(data).vint(0, 1 << 32, "") == number


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


@LIMITS
@given(tables(), st.data())
def test_tables_refuse_other_counts_and_slots(table, data):
    place = data.draw(st.integers(0, len(table.counts) - 1))
    for counts in (table.counts[:place] + table.counts[place + 1:],
                   table.counts[:place] + (table.counts[place] + 1,) + table.counts[place + 1:]):
        with pytest.raises(FormatError):
            Table(table.alphabet, table.table_log, counts)
    slots = list(table.slot_tokens)
    slots[data.draw(st.integers(0, len(slots) - 1))] += data.draw(st.sampled_from((-1, 1, 1000)))
    with pytest.raises(FormatError):
        Table(table.alphabet, table.table_log, table.counts, tuple(slots))


@LIMITS
@given(st.integers(0, 3000), st.integers(1, 64), st.integers(1, 8))
def test_dealing(count, lanes, vector):
    weights = np.arange(count)
    dealt = split_lanes(weights, lanes, vector)
    assert [len(lane) for lane in dealt] == lane_counts(count, lanes, vector).tolist()
    for number, lane in enumerate(dealt):
        assert lane.tolist() == [i for i in range(count) if i // vector % lanes == number]
    assert merge_lanes(dealt, vector).tolist() == weights.tolist()


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


@LIMITS
@given(st.data(), st.integers(1, 20), st.lists(st.integers(1, 16), min_size=1, max_size=3))
def test_histograms_of_several_alphabets(data, half, runs):
    several = [Alphabet(half, 0, run) for run in runs]
    sequences = [data.draw(weights_of(several[0])) for _ in range(data.draw(st.integers(1, 3)))]
    for alphabet, found in zip(several, histograms(sequences, several)):
        expected = sum(np.bincount(tokenize(s, alphabet).index, minlength=alphabet.size) for s in sequences)
        assert found.tolist() == expected.tolist()


@LIMITS
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any), st.integers(4, 8))
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


@LIMITS
@given(tables(table_log=6, most=15), st.data())
def test_rates(table, data):
    """A table's exact rate is not below the entropy, and its records cost what the header takes."""
    frequencies = [data.draw(st.integers(1, 100)) if count else 0 for count in table.counts]
    total = sum(frequencies)
    assert exact_rate(table, frequencies) * total >= coding_cost(frequencies, frequencies) - 1e-6
    assert record_bits(table) == 4 * len(table_nibbles(table))
    if 0 in table.counts:
        assert exact_rate(table, [1] * len(frequencies)) == math.inf
    tuned = spread_tuned(table.counts, frequencies)
    assert sorted(tuned) == sorted(table.slot_tokens)


@settings(max_examples=5, derandomize=True, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 6))
def test_searches_never_make_a_table_worse(seed, table_log):
    rng = np.random.default_rng(seed)
    alphabet = Alphabet(3)
    frequencies = (1 + rng.integers(0, 500, alphabet.size)).tolist()
    table = Table(alphabet, table_log, normalize(frequencies, table_log))
    before = exact_rate(table, frequencies)
    assert exact_rate(search(table, frequencies, seed, 4), frequencies) <= before + 1e-9
    assert exact_rate(search_counts(table, frequencies, 2), frequencies) <= before + 1e-9
    best, bits = fit(alphabet, frequencies, table_log, 2, seed)
    assert bits == pytest.approx(sum(frequencies) * exact_rate(best, frequencies) + record_bits(best))
    assert bits <= sum(frequencies) * before + record_bits(table) + 1e-6


@LIMITS
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3)), max_size=8), st.integers(0, 200))
def test_cuts(layers, chunk):
    sizes, numbers = zip(*layers) if layers else ((), ())
    segments = cut(sizes, numbers, chunk)
    assert sum(s.weights for s in segments) == sum(sizes)
    assert all(1 <= s.weights <= (chunk or 500) for s in segments)
    assert not segments or segments[0].restart
    for first, last in spans_of(segments):
        held = [s.weights for s in segments[first:last]]
        assert not chunk or sum(held[:-1]) < chunk
    for table in range(4):
        assert sum(s.weights for s in segments if s.table == table) == \
            sum(size for size, number in zip(sizes, numbers) if number == table)


@LIMITS
@given(hnp.arrays(st.sampled_from([np.int8, np.uint8, np.int16, np.int64]), hnp.array_shapes(min_side=0, max_side=4)),
       st.none() | st.integers(0, 127))
def test_integers_come_back(array, zero_point):
    point = None if zero_point is None else np.array(zero_point, array.dtype)
    passed = code(array, np.float32(0.5), point)
    tensors = {"w": passed.array} | {f"w{name}": value for name, value in passed.beside.items()}
    assert (passed.why_raw is None) == (passed.array.dtype == np.int8 and "w.zero_point" not in tensors)
    if passed.why_raw is None:
        assert passed.array.size == 0 or -127 <= passed.array.min() <= passed.array.max() <= 127
    found = original_integers(tensors)["w"]
    assert found.tolist() == array.tolist()
    real = (array.astype(object) - (zero_point or 0)) * 0.5
    np.testing.assert_allclose(dequantize(tensors)["w"].astype(np.float64), real.astype(np.float64), rtol=1e-6)


finite = st.floats(-1e6, 1e6, width=32)


@LIMITS
@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=6), elements=finite), st.sampled_from((3, 7, 255)))
def test_quantization(weights, bins):
    """Each weight goes to the nearest bin, and no step that is tried squares to less."""
    q, scale = quantize_tensor(weights, bins)
    half = bins // 2
    assert q.shape == weights.shape and np.abs(q).max(initial=0) <= half and scale > 0
    exact = weights.astype(np.float64) / float(scale)
    inside = np.abs(exact) <= half
    assert (np.abs(exact - q)[inside] <= 0.5 + 1e-9).all() and (np.abs(q)[~inside] == half).all()
    step = best_step(weights, bins)
    error = np.square(weights - step * round_to_bins(weights, step, half).astype(np.float64)).sum()
    for other in np.float32(step) * np.array([0.5, 0.9, 1.01, 1.3, 2]):
        if 0 < other < np.finfo(np.float32).max:
            worse = np.square(weights - other * round_to_bins(weights, other, half).astype(np.float64)).sum()
            assert error <= worse * (1 + 1e-5) + 1e-30
    assert 0 <= entropy_bits(q) <= math.log2(bins) + 1e-9


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


@LIMITS
@given(st.dictionaries(names, hnp.arrays(st.sampled_from(["i1", "u2", "i8", "f4", "f8"]), shapes), max_size=4))
def test_archives_come_back(arrays):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.npz")
        write_npz(path, arrays)
        found = read_tensors(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@LIMITS
@given(st.sets(names), names, st.sampled_from((".scale", ".offset", ".zero_point", ".bias", "")))
def test_owners(others, name, suffix):
    owner = owner_of(name + suffix, others | {name})
    assert owner == name if suffix in (".scale", ".offset", ".zero_point") else owner != name


@settings(max_examples=12, derandomize=True, deadline=None)
@given(st.dictionaries(names.filter(lambda name: "." not in name), hnp.arrays(
    np.int8, hnp.array_shapes(min_dims=0, min_side=0, max_side=5), elements=st.integers(-127, 127)), max_size=3),
    st.integers(1, 9), st.integers(1, 4), st.sampled_from((16, 32, 128)), st.sampled_from((0, 40)))
def test_networks_come_back(coded, lanes, vector, word_bits, restart_every):
    tensors = coded | {"x.scale": np.float32(0.25).reshape(()), "bias": np.arange(3.0)}
    if not any(array.size for array in coded.values()):
        return
    data = encode_network(tensors, lanes=lanes, vector=vector, word_bits=word_bits, restart_every=restart_every)
    found = decode_network(data)
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].shape == array.shape and found[name].tobytes() == array.tobytes(), name
    assert pack(*unpack(data)) == data


@settings(max_examples=6, derandomize=True, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 1 << 20), st.sampled_from(("always", "alternate", "burst:2:3", "random:0.5:1")),
       st.sampled_from(("always", "burst:1:4", "random:0.3:2")))
def test_cycles_of_slower_sides(seed, source, sink):
    """Everything is taken, in order, and no earlier than by sides that never pause."""
    case = random_case(seed, Config(lanes=2, vector=2, word_bits=16, table_log=5, max_run=3, raw_bits=1, bins=255), 20)
    stream = case.stream()
    swift = simulate(stream)
    slow = simulate(stream, source=Pattern.parse(source), sink=Pattern.parse(sink))
    assert sum(len(weights) for weights in decode(stream)) == stream.weights
    for timing in (swift, slow):
        assert len(timing.beats) == sum(-(-s.weights // 4) for s in stream.segments)
        assert timing.inputs == sorted(set(timing.inputs)) and timing.beats == sorted(set(timing.beats))
        assert sum(timing.causes.values()) == timing.beats[-1] + 1  # up to the last transfer
        assert timing.end - timing.beats[-1] in (1, 2)
    assert swift.end == swift.beats[-1] + 2
    assert slow.end >= swift.end and len(slow.inputs) == len(swift.inputs)
    assert all(late >= early for late, early in zip(slow.beats, swift.beats))


@LIMITS
@given(st.one_of(st.sampled_from(("always", "never", "alternate")).map(Pattern),
                 st.builds(lambda on, off: Pattern("burst", (on, off)), st.integers(1, 9), st.integers(0, 9)),
                 st.builds(lambda p, seed: Pattern("random", (p, seed)), st.floats(0.01, 1), st.integers(0, 99))))
def test_patterns_are_their_text(pattern):
    again = Pattern.parse(str(pattern))
    assert again == pattern and [again(k) for k in range(50)] == [pattern(k) for k in range(50)]


@LIMITS
@given(st.fixed_dictionaries({}, optional={
    "lanes": st.integers(-1, 66), "vector": st.integers(-1, 10),
    "word_bits": st.sampled_from((0, 8, 16, 33, 128, True)), "preload": st.none() | st.integers(0, 300),
    "table_log": st.integers(0, 14), "max_run": st.integers(0, 18),
    "raw_bits": st.integers(-1, 9), "bins": st.integers(0, 300), "ring": st.integers(0, 18)}))
def test_a_configuration_is_refused_or_valid(parameters):
    try:
        config = Config(**parameters)
    except ConfigError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert config.preload >= 1 + -(-config.vector * (config.table_log + config.raw_bits) // config.word_bits)
    assert config.word_bits >= config.table_log + config.raw_bits and config.bins % 2 == 1
    assert config.lanes == config.ring * config.rings and Config.from_dict(config.as_dict()) == config
