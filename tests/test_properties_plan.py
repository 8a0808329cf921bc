"""What holds of the encoder's choices and of whole networks, for whatever layers they are given."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golden.codec import decode, decode_measured, encode
from golden.container import pack, unpack
from golden.errors import ConfigError, FormatError, InputError
from golden.figures import entropy, report
from golden.header import header_bytes
from golden.network import checked, decode_network, each_tensor, encode_network, encode_stream, restore
from golden.normalize import coding_cost, normalize
from golden.plan import Plan, cut, plan
from golden.rate import exact_rate
from golden.share import CYCLE_BITS, Group, Rules, choose, share
from golden.stream import Stream, spans_of
from golden.table import Alphabet, Table
from golden.tail import tail_bytes
from golden.tokens import split_lanes, tokenize
from golden.tune import record_bits
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import names, seeds

OPTIONS = [(0, 1), (0, 2), (0, 4), (1, 1), (2, 1)]
layer_lists = st.dictionaries(names.filter(lambda name: "." not in name), hnp.arrays(
    np.int8, hnp.array_shapes(min_dims=0, min_side=0, max_side=5), elements=st.integers(-127, 127)), max_size=3).filter(
    lambda layers: any(array.size for array in layers.values()))


def counted(sequences, alphabet):
    """The histogram of tokens, one by one."""
    found = np.zeros(alphabet.size, np.int64)
    for sequence in sequences:
        for token in tokenize(sequence, alphabet).index.tolist():
            found[token] += 1
    return found


def groups_of(seed, count):
    """Layers by themselves, as the encoder measures them."""
    rng, groups, weights = np.random.default_rng(seed), [], []
    for number in range(count):
        half = int(rng.choice([1, 3, 7]))
        weights.append(np.clip(rng.laplace(0, half * rng.random(), int(rng.integers(20, 900))).round(), -half, half)
                       .astype(np.int8))
        frequencies = {option: counted([weights[-1]], Alphabet(half, *option)) for option in OPTIONS
                       if half >> option[0]}
        groups.append(Group((number,), half, len(weights[-1]), frequencies))
    return groups, weights


def cost_of(group, option, rules):
    """What a group costs with an option, and its table's record: by the words of `Group`."""
    alphabet, frequencies = Alphabet(group.half, *option), group.frequencies[option]
    counts = normalize(frequencies, rules.table_log)
    record = record_bits(Table(alphabet, rules.table_log, counts))
    cycles = sum(count * math.ceil((run + 1) / rules.vector) for count, (run, _) in zip(frequencies, alphabet.tokens))
    return coding_cost(frequencies, counts) + option[0] * group.weights + record + CYCLE_BITS * cycles, record, cycles


@about(cut)
@LIMITS
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3)), max_size=8), st.integers(0, 200), st.booleans())
def test_cuts(layers, chunk, own):
    sizes, numbers = zip(*layers) if layers else ((), ())
    segments = cut(sizes, numbers, chunk, own)
    assert sum(s.weights for s in segments) == sum(sizes)
    assert all(1 <= s.weights <= (chunk or 500) for s in segments)
    assert not segments or segments[0].restart
    for first, last in spans_of(segments):
        held = [s.weights for s in segments[first:last]]
        assert not chunk or sum(held[:-1]) < chunk
    starts, place, held = np.cumsum([0, *sizes]), 0, 0
    for segment in segments:
        assert segment.restart == (place == 0 or 0 < chunk <= held or own and place in starts)
        held = segment.weights if segment.restart else held + segment.weights
        place += segment.weights
    for table in range(4):
        assert sum(s.weights for s in segments if s.table == table) == \
            sum(size for size, number in zip(sizes, numbers) if number == table)


@about(choose, Group, Rules)
@LIMITS
@given(seeds, st.integers(2, 6), st.integers(0, 2), st.integers(1, 8), st.booleans())
def test_the_cheapest_option_is_chosen(seed, table_log, most_raw_bits, vector, first_fit):
    (group,), _ = groups_of(seed, 1)
    rules = Rules(table_log, most_raw_bits, vector, first_fit)
    fitting = [option for option, frequencies in group.frequencies.items()
               if option[0] <= most_raw_bits and np.count_nonzero(frequencies) <= 1 << table_log]
    found = choose(group, rules)
    if not fitting:
        assert found.option is None and found.cost == math.inf
        return
    costs = {option: cost_of(group, option, rules)[0] for option in fitting[:1] if first_fit} or {
        option: cost_of(group, option, rules)[0] for option in fitting}
    cost, record, cycles = cost_of(group, found.option, rules)
    assert found.option in costs and found.cost == pytest.approx(min(costs.values())) == pytest.approx(cost)
    assert found.record == record and found.cycles(vector) == cycles == group.cycles(vector, found.option)
    frequencies = group.frequencies[found.option]
    assert found.least == pytest.approx(coding_cost(frequencies, frequencies) + found.option[0] * group.weights)
    assert found.alphabet() == Alphabet(group.half, *found.option)
    assert choose(group, rules, fitting[-1:]).option == fitting[-1]


@about(share, Group)
@examples(15)
@given(seeds, st.integers(1, 5), st.sampled_from((1, 4)))
def test_layers_share_tables_while_that_pays(seed, count, vector):
    """Each layer is in one group, whose histograms are those of all its weights; nothing got dearer, and no two groups
    that are left would cost less with one table and an option of one of them."""
    groups, weights = groups_of(seed, count)
    rules = Rules(6, 2, vector)
    groups = [choose(group, rules) for group in groups]
    found = share(groups, rules)
    assert sorted(layer for group in found for layer in group.layers) == list(range(count))
    assert [group.layers for group in found] == sorted(tuple(sorted(group.layers)) for group in found)
    assert sum(group.cost for group in found) <= sum(group.cost for group in groups) + 1e-6
    for group in found:
        parts = [weights[layer] for layer in group.layers]
        assert group.half == max(groups[layer].half for layer in group.layers)
        assert group.weights == sum(map(len, parts))
        assert group.cost == pytest.approx(cost_of(group, group.option, rules)[0])
        for option, frequencies in group.frequencies.items():
            assert frequencies.tolist() == counted(parts, Alphabet(group.half, *option)).tolist()
    for i, a in enumerate(found):
        for b in found[:i]:
            parts = [weights[layer] for layer in a.layers + b.layers]
            half = max(a.half, b.half)
            merged = Group((), half, sum(map(len, parts)), {
                option: counted(parts, Alphabet(half, *option)) for option in {a.option, b.option}
                if option in a.frequencies and option in b.frequencies})
            assert choose(merged, rules).cost >= (a.cost + b.cost) * (1 - 1e-3)


@about(plan, Plan)
@examples(15)
@given(layer_lists, st.integers(1, 4), st.integers(1, 3), st.sampled_from((0, 30)), st.booleans(), st.booleans(),
       st.sampled_from((None, 1, 3)), st.integers(0, 1))
def test_a_plan_codes_its_network_in_the_bits_foretold(layers, lanes, vector, chunk, own_tables, own_spans, max_run,
                                                       spare):
    found = plan(layers, lanes=lanes, vector=vector, restart_every=chunk, own_tables=own_tables, own_spans=own_spans,
                 max_run=max_run, spare=spare, table_log_limit=8)
    config, held = found.config, [array.reshape(-1) for array in layers.values() if array.size]
    beat = lanes * vector
    numbers = []
    for weights in held:  # The table of each layer is that of its first segment.
        done = sum(map(len, held[:len(numbers)]))
        ends = np.cumsum([s.weights for s in found.segments]) - [s.weights for s in found.segments]
        numbers.append(found.segments[ends.tolist().index(done)].table)
        assert weights is held[len(numbers) - 1]
    assert found.segments == cut([len(w) for w in held], numbers, -(-chunk // beat) * beat, own_spans)
    assert set(numbers) == set(range(len(found.tables))) and (not own_tables or numbers == list(range(len(held))))
    pieces, place, flat = [], 0, np.concatenate(held)
    for segment in found.segments:
        pieces.append(flat[place:place + segment.weights])
        place += segment.weights
    bits = len(spans_of(found.segments)) * lanes * ((config.word_bits - 1) / 2 + config.table_log)
    for number, table in enumerate(found.tables):
        mine = [piece for piece, segment in zip(pieces, found.segments) if segment.table == number]
        frequencies = counted([lane for piece in mine for lane in split_lanes(piece, lanes, vector)], table.alphabet)
        bits += record_bits(table) + frequencies.sum() * exact_rate(table, frequencies)
        bits += table.alphabet.raw_bits * sum(map(len, mine))
        assert max_run is None or table.alphabet.max_run == (1 if table.alphabet.raw_bits else max_run)
    assert found.bits == pytest.approx(bits) and config.preload == config.least_preload + spare
    stream = Stream(config, found.tables, found.segments, encode(config, found.tables, found.segments, pieces))
    assert [w.tolist() for w in decode(stream)] == [piece.tolist() for piece in pieces]


@about(plan, encode_stream)
@LIMITS
@given(hnp.arrays(st.sampled_from(["i2", "u1", "f4", "?", "c8"]), st.integers(0, 4)))
def test_what_is_no_network_is_refused(array):
    sound = array.dtype.kind in "iu" and array.size and np.abs(array.astype(int)).max() <= 127
    if sound:
        assert decode_network(encode_network({"a": array}))["a"].tolist() == array.tolist()
        return
    with refused(InputError):
        encode_stream({"a": array})
    with refused(InputError):
        plan({"a": array})
    for wrong in ({"lanes": 0}, {"word_bits": 7}, {"restart_every": -1}, {"table_log_limit": 0}, {"max_run": 99}):
        with refused(ConfigError):
            plan({"a": np.ones(3, np.int8)}, **wrong)


@about(encode_network, decode_network, encode_stream, pack, unpack)
@examples(12)
@given(layer_lists, st.integers(1, 9), st.integers(1, 4), st.sampled_from((16, 32, 128)), st.sampled_from((0, 40)))
def test_networks_come_back(coded, lanes, vector, word_bits, restart_every):
    tensors = coded | {"x.scale": np.float32(0.25).reshape(()), "bias": np.arange(3.0)}
    options = {"lanes": lanes, "vector": vector, "word_bits": word_bits, "restart_every": restart_every}
    data = encode_network(tensors, **options)
    found = decode_network(data)
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].shape == array.shape and found[name].tobytes() == array.tobytes(), name
    assert pack(*unpack(data)) == data == pack(*encode_stream(tensors, **options))
    limit = sum(array.size for array in coded.values())
    with refused(FormatError):
        decode_network(data, limit - 1)


@about(each_tensor, restore, checked)
@examples(12)
@given(layer_lists, seeds)
def test_a_network_is_decoded_in_pieces_and_checked(coded, seed):
    tensors = coded | {"bias": np.arange(3.0)}
    stream, directory = encode_stream(tensors, lanes=2, restart_every=40)
    pieces = list(each_tensor(stream, directory))
    assert [name for name, _ in pieces] == list(tensors)
    for found in (dict(pieces), restore(directory, decode(stream))):
        assert list(found) == list(tensors)
        assert all(found[name].tolist() == array.tolist() and found[name].shape == array.shape
                   for name, array in tensors.items())
    measured = decode_measured(stream)
    assert [(w.tolist(), bits) for w, bits in checked(stream, directory, tensors)] == [
        (w.tolist(), bits) for w, bits in measured]
    rng = np.random.default_rng(seed)
    name = rng.choice([name for name, array in coded.items() if array.size])
    changed = coded[name].copy()
    changed.reshape(-1)[rng.integers(changed.size)] ^= 1
    with refused(FormatError):
        list(checked(stream, directory, tensors | {name: changed}))


@about(entropy)
@LIMITS
@given(hnp.arrays(np.int8, st.integers(0, 40), elements=st.integers(-3, 3)))
def test_entropy_is_that_of_the_histogram(weights):
    counts = [weights.tolist().count(value) for value in set(weights.tolist())]
    assert entropy(weights) == pytest.approx(sum(c * math.log2(len(weights) / c) for c in counts), abs=1e-9)


@about(report)
@examples(12)
@given(layer_lists, st.booleans())
def test_figures_are_those_of_the_bytes(coded, own_tables):
    """The parts of a file add up to it, the layers to the total, and each figure is what it says."""
    tensors = coded | {"bias": np.arange(5, dtype=np.float32)}
    stream, directory = encode_stream(tensors, lanes=3, restart_every=50, own_tables=own_tables)
    decoded = decode_measured(stream)
    found, data = report(stream, directory, decoded), pack(stream, directory)
    total, layers, weights = found["total"], found["layers"], stream.weights
    assert total["file_bytes"] == len(data) == sum(total[f"{part}_bytes"] for part in ("header", "words", "tail"))
    assert (total["header_bytes"], total["tail_bytes"]) == (len(header_bytes(stream)), len(tail_bytes(directory)))
    assert (total["raw_bytes"], total["weights"], total["segments"]) == (20, weights, len(stream.segments))
    assert total["ratio_to_float32"] == pytest.approx(4 * weights / (total["header_bytes"] + total["words_bytes"]))
    least = sum(entropy(values) for values, _ in decoded)
    assert total["entropy"] * weights == pytest.approx(least) and total["spans"] == len(stream.spans)
    bits = {"coded": sum(bits for _, bits in decoded), "words": 8 * total["words_bytes"],
            "stream": 8 * (total["header_bytes"] + total["words_bytes"]), "file": 8 * (len(data) - 20)}
    for name, wanted in bits.items():
        assert total[f"{name}_bits"] == wanted and total[f"{name}_bits_per_weight"] == pytest.approx(wanted / weights)
        excess = total[f"{name}_excess_percent"]
        assert excess is None if not least else excess == pytest.approx(100 * (wanted - least) / least)
    assert [(row["name"], tuple(row["shape"]), row["weights"]) for row in layers] == [
        (name, array.shape, array.size) for name, array in coded.items()]
    assert sum(row["coded_bits"] for row in layers) == bits["coded"]
    assert [row["bytes"] * 8 for row in found["tables"]] == [record_bits(table) for table in stream.tables]
    for row, (first, last) in zip(layers, directory.segments([s.weights for s in stream.segments])):
        if row["weights"]:
            alphabet = stream.tables[row["table"]].alphabet
            assert (row["bins"], row["max_run"], row["raw_bits"], row["segments"]) == (
                2 * alphabet.half + 1, alphabet.max_run, alphabet.raw_bits, last - first)
            tokens = sum(len(tokenize(lane, alphabet).index) for values, _ in decoded[first:last]
                         for lane in split_lanes(values, 3, 1))
            assert row["weights_per_token"] == pytest.approx(row["weights"] / tokens)
            assert row["entropy"] * row["weights"] == pytest.approx(sum(entropy(v) for v, _ in decoded[first:last]))


