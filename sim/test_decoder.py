"""The emitted decoder against the golden model, bit for bit and cycle for cycle, over the space of configurations."""

import random

import pytest

from golden.config import QUEUES, Config, TableMemory, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.errors import ConfigError
from golden.patterns import Pattern

from .checks import difference, wrong_weights
from .jobs import Steps
from .streams import Layer, alphabets, make_stream

BLOCK = {"table_memory": TableMemory.BLOCK}
RAM = [  # name of what it is there for, parameters
    ("one lane", dict(lanes=1, table_log=6, max_run=4, bins=7)),
    ("two lanes", dict(lanes=2, word_bits=16, table_log=7, max_run=2, bins=31)),
    ("three lanes", dict(lanes=3, table_log=6, max_run=3, bins=9, max_tables=7, max_segments=9)),
    ("four lanes", dict(lanes=4, table_log=6, max_run=4, bins=7)),
    ("eight lanes", dict(lanes=8, table_log=7, max_run=4, bins=15)),
    ("sixteen lanes", dict(lanes=16, word_bits=64, table_log=6, max_run=4, bins=7)),
    ("thirty-two lanes", dict(lanes=32, table_log=5, max_run=2, bins=3)),
    ("V 2", dict(lanes=5, vector=2, word_bits=16, table_log=6, max_run=2, bins=7)),
    ("V 3", dict(lanes=4, vector=3, table_log=7, max_run=8, bins=5)),
    ("V 4", dict(lanes=4, vector=4, word_bits=8, table_log=6, raw_bits=2, max_run=4, bins=63)),
    ("V 4, one lane", dict(lanes=1, vector=4, word_bits=8, table_log=5, max_run=4, bins=5)),
    ("W 8", dict(lanes=4, word_bits=8, table_log=7, raw_bits=1, bins=31)),
    ("W 64", dict(lanes=2, vector=4, word_bits=64, table_log=7, max_run=16, bins=3)),
    ("W 128", dict(lanes=2, vector=3, word_bits=128, table_log=7, raw_bits=3, max_run=2, bins=255)),
    ("R 1", dict(lanes=2, word_bits=8, table_log=1, raw_bits=1, bins=3, max_tables=1, max_segments=1)),
    ("R 3", dict(lanes=3, word_bits=8, table_log=3, bins=5)),
    ("M 16", dict(lanes=4, table_log=6, max_run=16, bins=3)),
    ("255 bins", dict(lanes=4, table_log=7, raw_bits=7, bins=255)),
    ("255 bins and runs", dict(lanes=8, word_bits=16, table_log=7, raw_bits=3, max_run=4, bins=255)),
    ("large preload", dict(lanes=4, vector=2, word_bits=16, preload=9, table_log=6, raw_bits=1, bins=15)),
    ("C 2", dict(lanes=4, word_bits=16, table_log=6, max_run=4, bins=7, ring=2)),
    ("C 2, V 3, whole words", dict(lanes=6, vector=3, word_bits=8, table_log=6, max_run=2, bins=15, ring=2, queue=2)),
    ("C 3, rests", dict(lanes=6, vector=2, table_log=5, max_run=16, bins=3, ring=3, queue=16)),
    ("C 4", dict(lanes=16, vector=2, table_log=6, max_run=4, bins=7, ring=4)),
    ("C 5, raw bits", dict(lanes=5, vector=4, word_bits=16, preload=5, table_log=5, raw_bits=3, bins=63, ring=5)),
    ("C 8, W 8", dict(lanes=8, word_bits=8, table_log=7, bins=31, ring=8, queue=2)),
    ("C 16", dict(lanes=32, word_bits=64, table_log=5, max_run=2, bins=3, ring=16)),
    ("block, C 3", dict(lanes=9, word_bits=16, table_log=6, max_run=3, raw_bits=2, bins=31, ring=3, **BLOCK)),
    ("block, C 4", dict(lanes=8, vector=4, table_log=6, max_run=8, bins=3, ring=4, **BLOCK)),
    ("protect, V 2, raw bits", dict(lanes=3, vector=2, word_bits=16, table_log=6, raw_bits=1, max_run=4, bins=15,
                                    protect=True)),
    ("protect, C 2", dict(lanes=4, word_bits=16, table_log=5, bins=7, ring=2, protect=True)),
    ("protect, block, C 4", dict(lanes=4, vector=2, table_log=6, max_run=4, bins=15, ring=4, protect=True, **BLOCK)),
    ("block, C 4, R 9", dict(lanes=4, vector=2, word_bits=64, table_log=9, bins=31, max_tables=2, ring=4, queue=8,
                             **BLOCK)),
]
TARGETS = [  # of block RAM: family, parameters
    ("ecp5", dict(lanes=8, vector=2, table_log=7, max_run=4, bins=15, ring=4, **BLOCK)),
    ("ice40", dict(lanes=3, word_bits=16, table_log=6, raw_bits=1, bins=31, ring=3, **BLOCK)),
    ("gowin", dict(lanes=10, table_log=6, max_run=2, bins=7, ring=5, queue=2, **BLOCK)),
]
OFTEN = {  # those that run every time; the others by ``-m slow``
    "one lane", "eight lanes", "V 3", "V 4", "W 8", "W 128", "R 1", "255 bins and runs", "large preload",
    "C 2, V 3, whole words", "C 3, rests", "C 5, raw bits", "block, C 3", "protect, block, C 4", "block, C 4",
    "block, C 4, R 9"}
SELDOM = {"N 1", "C 2", "block", "protect", "protect, block, ecp5"}  # of those in ROM
PATTERNS = [  # source, sink
    ("always", "always"),
    ("random:0.5:1", "always"),
    ("always", "random:0.5:2"),
    ("random:0.15:3", "random:0.7:4"),
    ("alternate", "burst:1:6"),
    ("burst:9:40", "burst:30:11"),
]


def ram(parameters):
    return Config(**parameters, table_style=TableStyle.RAM)


def random_config(draw):
    """A configuration of style RAM with a table for at least one alphabet."""
    while True:
        try:
            config = ram(dict(
                lanes=draw.randint(1, 32), vector=draw.randint(1, 4), word_bits=draw.choice((8, 16, 32, 64, 128)),
                table_log=draw.randint(1, 7), max_run=draw.choice((1, 2, 3, 4, 8, 16)), raw_bits=draw.randint(0, 7),
                bins=2 * draw.choice((1, 2, 3, 7, 20, 127)) + 1, ring=draw.choice((1, 1, 2, 3, 4, 5, 8, 16)),
                queue=draw.choice((None, *QUEUES)), table_memory=draw.choice(list(TableMemory))))
        except ConfigError:
            continue
        if alphabets(config):
            return config


def streams_for(config):
    """Streams at the corners of a configuration: every kind of table; restarts; segments shorter than a beat."""
    kinds = alphabets(config)
    beat = config.beat_weights
    sizes = (3 * beat, 1, 17 * beat + 1, max(1, beat - 1), 9 * beat - 1, beat, 40 * beat + beat // 2)
    layers = [Layer(sizes[i % len(sizes)], kinds[i % len(kinds)], (0.4, 1, 3)[i % 3] * kinds[i % len(kinds)].half / 4,
                    restart=i % 4 == 3, listed=i % 2 == 1)
              for i in range(min(len(kinds) + 3, config.max_tables, config.max_segments))]
    widest = max(kinds, key=lambda alphabet: (alphabet.half, alphabet.raw_bits))
    yield make_stream(config, layers, 1)
    yield make_stream(config, [Layer(50 * beat + 3, widest, widest.half)], 2)
    yield make_stream(config, [Layer(60 * beat + 1, kinds[0], 0, listed=True)], 3)
    yield make_stream(config, [Layer(1, kinds[-1], 1)], 4)


def timed(stream, config, source, sink):
    return simulate(stream, config, Pattern.parse(source), Pattern.parse(sink))


def check_streams_by_patterns(design_of, config, target=None, every=False):
    """The first stream by every pattern, the others by two each, or by every one."""
    cases = [(stream, weights, *pattern) for number, (stream, weights) in enumerate(streams_for(config))
             for pattern in (PATTERNS if every or number == 0 else PATTERNS[number % 3::3])]
    timings = [timed(stream, config, source, sink) for stream, _, source, sink in cases]
    steps = Steps()
    for (stream, _, source, sink), timing in zip(cases, timings):
        steps.reset().stream(stream_bytes(stream), Pattern.parse(source), Pattern.parse(sink), timing.end + 100)
    episodes = design_of(config, target=target).run(steps, config.word_bits)[1:]
    assert len(episodes) == len(cases)
    for (_, weights, source, sink), timing, episode in zip(cases, timings, episodes):
        assert (source, sink, difference(episode, weights, timing, config)) == (source, sink, None)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name, _ in RAM])
def test_streams_by_patterns(design_of, name):
    check_streams_by_patterns(design_of, ram(dict(RAM)[name]), every=name not in OFTEN)


@pytest.mark.parametrize("target, parameters", [pytest.param(*case, id=case[0]) for case in TARGETS])
def test_primitives(design_of, target, parameters):
    """Tables in the block RAM primitives of a family, by their models."""
    check_streams_by_patterns(design_of, ram(parameters), target)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_configuration(design_of, seed):
    """Configurations drawn at random, as `test_streams_by_patterns` does the chosen ones."""
    check_streams_by_patterns(design_of, random_config(random.Random(seed)), every=True)


@pytest.mark.parametrize("name, step", [
    pytest.param(name, step, id=f"{step.__name__}, {name}", marks=() if often is step else pytest.mark.slow)
    for name, often in (("one lane", Steps.reset), ("V 3", Steps.clear), ("C 5, raw bits", Steps.reset),
                        ("block, C 3", Steps.clear))
    for step in (Steps.reset, Steps.clear)])
def test_stopped_in_mid_stream(design_of, name, step):
    """After a reset or a clear at any point the next stream is decoded as if it were the first."""
    config = ram(dict(RAM)[name])
    stream, weights = next(streams_for(config))
    data, timing = stream_bytes(stream), simulate(stream, config)
    points = [1, 2, *range(3, timing.end, max(1, timing.end // 9)), timing.end - 1, timing.end]
    steps = Steps()
    for point in points:
        step(steps.stream(data, stop=point)).stream(data, stop=timing.end + 100)
        step(steps)
    episodes = design_of(config).run(steps, config.word_bits)
    for point, cut, whole in zip(points, episodes[::2], episodes[1::2]):
        assert len(cut.trace) == point
        assert list(cut.inputs) == [edge for edge in timing.inputs if edge < point]
        assert list(cut.outputs) == [edge for edge in timing.beats if edge < point]
        assert (point, difference(whole, weights, timing, config)) == (point, None)


@pytest.mark.parametrize("name", ["eight lanes", "V 4", "W 128", "C 3, rests", "block, C 4"])
def test_back_to_back(design_of, name):
    """Streams offered without a gap: each is decoded with the timing that it has alone."""
    config = ram(dict(RAM)[name])
    streams = [case for case in streams_for(config) for _ in range(2)]
    steps = Steps()
    limit = 2 * sum(simulate(stream, config).end for stream, _ in streams)
    for stream, _ in streams:
        steps.stream(stream_bytes(stream), stop=limit, settle=None)
    steps.list[-1]["settle"] = 4
    episode, = design_of(config).run(steps, config.word_bits)
    expected = [segment for _, weights in streams for segment in weights]
    assert wrong_weights(episode.weights(config), expected) is None
    assert (episode.done, episode.error) == (True, 0)
    inputs, outputs = list(episode.inputs), list(episode.outputs)
    for stream, _ in streams:
        begin = inputs[0]
        timing = simulate(stream, config, start=begin)
        assert inputs[:len(timing.inputs)] == timing.inputs
        assert outputs[:len(timing.beats)] == timing.beats
        del inputs[:len(timing.inputs)], outputs[:len(timing.beats)]
    assert inputs == outputs == []


def test_a_tail_is_ignored(design_of):
    """What follows the words, up to the last transfer, is taken and means nothing; the next stream is found."""
    config = ram(dict(RAM)["V 3"])
    stream, weights = next(streams_for(config))
    data = stream_bytes(stream)
    steps = Steps()
    for tail in (b"", b"\xff", bytes(range(256)), data):
        steps.stream(data + tail)
    episode, = design_of(config).run(steps, config.word_bits)
    assert wrong_weights(episode.weights(config), 4 * weights) is None
    assert (episode.done, episode.error) == (True, 0)


ROM = [  # name, parameters, target
    ("N 1", dict(lanes=1, table_log=6, max_run=4, bins=7), None),
    ("N 4, V 2", dict(lanes=4, vector=2, word_bits=16, table_log=7, max_run=2, bins=15, raw_bits=1), None),
    ("N 16", dict(lanes=16, word_bits=64, table_log=6, bins=7), None),
    ("C 2", dict(lanes=4, vector=3, word_bits=16, table_log=6, max_run=8, bins=5, ring=2), None),
    ("C 8", dict(lanes=16, vector=2, table_log=7, max_run=2, bins=31, ring=8, queue=4), None),
    ("block", dict(lanes=12, table_log=8, max_run=4, bins=15, ring=4, **BLOCK), None),
    ("block, R 11", dict(lanes=4, word_bits=16, table_log=11, bins=255, ring=4, **BLOCK), None),
    ("block, ecp5", dict(lanes=8, vector=8, word_bits=64, table_log=6, max_run=8, bins=3, ring=4, **BLOCK), "ecp5"),
    ("protect", dict(lanes=4, table_log=6, bins=7, protect=True), None),
    ("protect, block, ecp5", dict(lanes=4, vector=4, table_log=6, max_run=8, bins=3, ring=4, protect=True, **BLOCK),
     "ecp5"),
    ("block, ice40", dict(lanes=5, vector=2, table_log=7, max_run=2, bins=7, ring=5, queue=2, **BLOCK), "ice40"),
    ("block, gowin", dict(lanes=6, word_bits=128, table_log=9, raw_bits=2, bins=127, ring=3, **BLOCK), "gowin"),
]


@pytest.mark.parametrize("parameters, target", [
    pytest.param(*case, id=name, marks=pytest.mark.slow if name in SELDOM else ())
    for name, *case in ROM])
def test_tables_in_rom(design_of, parameters, target):
    config = Config(**parameters)
    stream, weights = next(streams_for(config))
    timings = [timed(stream, config, *pattern) for pattern in PATTERNS]
    steps = Steps()
    for (source, sink), timing in zip(PATTERNS, timings):
        steps.clear().stream(stream_bytes(stream), Pattern.parse(source), Pattern.parse(sink), timing.end + 100)
    limit = 3 * timings[0].end
    steps.clear().stream(stream_bytes(stream), stop=limit, settle=None).stream(stream_bytes(stream), stop=limit)
    episodes = design_of(config, stream, target).run(steps, config.word_bits)[1:]
    for pattern, timing, episode in zip(PATTERNS, timings, episodes):
        assert (pattern, difference(episode, weights, timing, config)) == (pattern, None)
    assert wrong_weights(episodes[-1].weights(config), 2 * weights) is None


def test_an_idle_source(design_of):
    """A source that never offers: nothing is taken, nothing comes, nothing breaks."""
    config = ram(dict(RAM)["one lane"])
    stream, weights = next(streams_for(config))
    timing = simulate(stream, config)
    steps = Steps().stream(stream_bytes(stream), Pattern("never"), stop=50).clear().stream(stream_bytes(stream))
    idle, whole = design_of(config).run(steps, config.word_bits)
    assert (len(idle.inputs), idle.beats, idle.status) == (0, [], [(0, 0, 0, 0)])
    assert difference(whole, weights, timing, config) is None
