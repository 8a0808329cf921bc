"""The emitted sparse decoder against the golden model: token for token, cycle for cycle, in both table memories."""

from dataclasses import replace

import numpy as np
import pytest

from golden.config import Config, OutputMode, TableMemory, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.network import encode_stream
from golden.patterns import ALWAYS, Pattern
from golden.scalar import lane_tokens
from hw.contents import rom_config
from hw.errors import ErrorCode

from .checks import sparse_difference, wrong_tokens
from .jobs import Steps
from .streams import Layer, alphabets, make_stream

SPARSE = {"output": OutputMode.SPARSE}
BLOCK = {"table_memory": TableMemory.BLOCK}
RAM = {"table_style": TableStyle.RAM}
DESIGNS = {
    "ram, V 8": Config(lanes=3, vector=8, word_bits=16, table_log=6, max_run=4, raw_bits=2, bins=31, **RAM, **SPARSE),
    "rom, C 2, M over V": Config(lanes=6, word_bits=16, table_log=5, max_run=16, bins=3, ring=2, queue=2, **SPARSE),
    "block, ram, C 3": Config(lanes=6, vector=2, word_bits=8, table_log=6, max_run=4, bins=7, ring=3, **RAM, **BLOCK,
                              **SPARSE),
}
PATTERNS = [  # source, sink
    ("always", "always"),
    ("random:0.3:3", "random:0.7:4"),
    ("always", "burst:1:6"),
    ("burst:9:40", "burst:30:211"),
]


def stream_of(config, seed):
    """Segments of every table the configuration has, in two spans, some shorter than a beat."""
    kinds, beat = alphabets(config), config.beat_weights
    sizes = (5 * beat + 1, 1, 40 * beat, max(1, beat - 1), 17 * beat + beat // 2)
    layers = [Layer(size, kinds[-1 - i % len(kinds)], (0.3, 1, 0.5, 2, 0)[i] * kinds[-1 - i % len(kinds)].half / 2,
                    restart=i == 3, listed=i == 2) for i, size in enumerate(sizes)]
    return make_stream(replace(config, output=OutputMode.DENSE), layers, seed)


def design_for(design_of, config, stream):
    """A compiled design for the stream, and its configuration."""
    if config.table_style is TableStyle.RAM:
        return design_of(config), config
    return design_of(config, stream), rom_config(stream, config)


def check(design, config, stream, weights, patterns):
    """Hold one episode for each pair of patterns against the model."""
    tokens, pairs = lane_tokens(stream), [tuple(map(Pattern.parse, pair)) for pair in patterns]
    timings = [simulate(stream, config, *pair) for pair in pairs]
    steps = Steps()
    for pair, timing in zip(pairs, timings):
        steps.clear().stream(stream_bytes(stream), *pair, timing.end + 100)
    episodes = design.run(steps, config.word_bits)[1:]
    for pair, timing, episode in zip(pairs, timings, episodes, strict=True):
        assert (*pair, sparse_difference(episode, tokens, weights, timing, config)) == (*pair, None)


@pytest.mark.parametrize("name", DESIGNS)
def test_streams_by_patterns(design_of, name):
    stream, weights = stream_of(DESIGNS[name], len(name))
    check(*design_for(design_of, DESIGNS[name], stream), stream, weights, PATTERNS)


@pytest.mark.parametrize("name", DESIGNS)
def test_stopped_and_wrong(design_of, name):
    """Cleared in mid-stream, then a wrong word in the last span, then the right stream: no end is told too early."""
    stream, weights = stream_of(DESIGNS[name], len(name))
    design, config = design_for(design_of, DESIGNS[name], stream)
    data, timing = stream_bytes(stream), simulate(stream, config)
    wrong = bytearray(data)
    wrong[-config.word_bits // 8 * (len(stream.words[-1]) // 2)] ^= 1
    first = min(map(min, timing.tokens))
    steps = Steps()
    for stop in range(first, first + 12, 2):
        steps.stream(data, stop=stop).clear()
    steps.stream(bytes(wrong), settle=80).clear().stream(data)
    *cut, bad, good = design.run(steps, config.word_bits)
    assert not any(episode.done or episode.error for episode in cut)
    assert ErrorCode(bad.error) in (ErrorCode.WORDS_CRC, ErrorCode.WORDS_LEFT, ErrorCode.TRUNCATED) and not bad.done
    marks = [sum(record[4] == lane and record[5] for record in bad.tokens) for lane in range(config.lanes)]
    ends = [last for _, last in stream.spans]
    assert max(marks) < ends[-1] and min(marks) >= ends[-2]
    assert sparse_difference(good, lane_tokens(stream), weights, timing, config) is None


def test_back_to_back(design_of):
    """Streams offered without a gap: each is decoded with the timing that it has alone."""
    config = DESIGNS["block, ram, C 3"]
    streams = [stream_of(config, seed)[0] for seed in range(3)]
    steps = Steps()
    for stream in streams:
        steps.stream(stream_bytes(stream), settle=None)
    steps.list[-1]["settle"] = 4
    episode, = design_of(config).run(steps, config.word_bits)
    assert wrong_tokens(episode, sum(map(lane_tokens, streams), []), config) is None and episode.done
    inputs = list(episode.inputs)
    taken = [[edge for edge, ring, *_ in episode.tokens if ring == number] for number in range(config.rings)]
    for stream in streams:
        timing = simulate(stream, config, start=int(inputs[0]))
        assert inputs[:len(timing.inputs)] == timing.inputs
        del inputs[:len(timing.inputs)]
        for edges, expected in zip(taken, timing.tokens, strict=True):
            assert edges[:len(expected)] == expected
            del edges[:len(expected)]
    assert inputs == [] and not any(taken)


def test_a_ternary_source(design_of):
    """8 lanes in two rings of 4 on block RAM, V = M = 8, at 0.6 bits per weight: the sparse network of the results."""
    draw = np.random.default_rng(6).random(20_003)
    weights = np.where(draw < 0.0475, -1, np.where(draw < 0.095, 1, 0)).astype(np.int8)
    stream, _ = encode_stream({"w": weights}, lanes=8, vector=8, word_bits=32, table_log=6, max_run=8, raw_bits=0,
                              restart_every=0)
    config = replace(stream.config, ring=4, **BLOCK, **SPARSE)
    timing = simulate(stream, rom_config(stream, config), ALWAYS, ALWAYS)
    assert len(weights) > 8 * (timing.end - timing.causes["header"])  # more than a weight per lane and cycle
    check(*design_for(design_of, config, stream), stream, [weights], PATTERNS[:2])
