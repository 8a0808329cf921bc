# amaranth: UnusedElaboratable=no
"""Whole streams through the decoder in amaranth.sim: bit for bit, and cycle for cycle as the cycle model says."""

import numpy as np
import pytest

from golden.config import Config, TableMemory, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.errors import ConfigError
from golden.patterns import ALWAYS, Pattern
from golden.table import Alphabet
from hw.axis import AxisDecoder
from hw.contents import contents_of, rom_config
from hw.decoder import Decoder
from sim.checks import difference, wrong_weights
from sim.streams import Layer, alphabets, make_stream
from tests.support import AxisBench, decoder_config, decoder_for, play, run_bench

SMALL = Config(lanes=2, word_bits=16, table_log=4, bins=3)
PATTERNS = [
    (ALWAYS, ALWAYS),
    (Pattern("random", (0.3, 1)), ALWAYS),
    (Pattern("burst", (1, 11)), Pattern("random", (0.8, 2))),
    (ALWAYS, Pattern("burst", (3, 4))),
    (Pattern("random", (0.7, 3)), Pattern("random", (0.4, 4))),
]
BLOCK = {"table_memory": TableMemory.BLOCK}
RAM = {"table_style": TableStyle.RAM}
IN_A_ROW = {
    "ROM": SMALL,
    "RAM, C 2": Config(lanes=4, word_bits=16, table_log=4, bins=3, max_run=2, ring=2, queue=2, **RAM),
    "block, C 3": Config(lanes=3, word_bits=8, table_log=4, bins=3, ring=3, **BLOCK),
}
CONFIGS = {
    "N 1": Config(lanes=1, word_bits=8, table_log=4, bins=3, **RAM),
    "N 2, V 2, rests": Config(lanes=2, vector=2, word_bits=8, table_log=5, max_run=5, bins=7),
    "N 3, V 4, raw bits": Config(lanes=3, vector=4, word_bits=16, table_log=5, max_run=3, raw_bits=2, bins=31, **RAM),
    "N 4": Config(lanes=4, vector=1, word_bits=32, table_log=7, bins=15),
    "N 5, V 3, W 128": Config(lanes=5, vector=3, word_bits=128, preload=4, table_log=3, max_run=8, bins=3),
    "C 2": Config(lanes=2, word_bits=16, table_log=4, max_run=2, bins=5, ring=2, **RAM),
    "C 2, G 2, whole words": Config(lanes=4, vector=2, word_bits=8, table_log=5, bins=7, ring=2, queue=2),
    "C 3, rests": Config(lanes=6, vector=2, word_bits=16, table_log=5, max_run=8, bins=3, ring=3, **RAM),
    "C 4, raw bits": Config(lanes=4, word_bits=32, preload=3, table_log=6, raw_bits=3, bins=63, ring=4),
    "C 4, G 2, V 3": Config(lanes=8, vector=3, word_bits=16, table_log=5, max_run=3, bins=7, ring=4, queue=8, **RAM),
    "C 5, W 8": Config(lanes=5, word_bits=8, table_log=7, max_run=2, bins=15, ring=5, queue=2),
    "C 8": Config(lanes=8, vector=2, word_bits=64, table_log=6, max_run=4, bins=7, ring=8),
    "block, C 3": Config(lanes=3, vector=4, word_bits=32, table_log=5, max_run=4, bins=7, ring=3, **BLOCK, **RAM),
    "block, C 4, three rings, R 11": Config(lanes=12, word_bits=32, table_log=11, bins=127, ring=4, queue=2, **BLOCK),
    "block, C 5, rests": Config(lanes=5, vector=2, word_bits=128, table_log=7, max_run=16, bins=3, ring=5, **BLOCK),
    "block, C 4, W 8": Config(lanes=8, word_bits=8, table_log=7, raw_bits=1, bins=31, ring=4, queue=8, **BLOCK),
}


def stream_for(config, seed, weights=90):
    """Three segments of two spans; the sizes leave partial beats and lanes without weights."""
    rng = np.random.default_rng(seed)
    choice = alphabets(config)
    layers = [Layer(int(rng.integers(1, weights)), choice[rng.integers(len(choice))], float(rng.choice([0.4, 1.5])),
                    restart=number == 2, listed=bool(rng.integers(2))) for number in range(3)]
    return make_stream(config, layers, seed)


@pytest.mark.parametrize("name", CONFIGS)
def test_streams(name):
    """Every pattern on one decoder, with a ``clear`` between two; where the header is long, every other one."""
    stream, weights = stream_for(CONFIGS[name], len(name))
    style = CONFIGS[name].table_style
    dut = decoder_for(stream, style)
    data = stream_bytes(stream)
    patterns = PATTERNS[::2] if CONFIGS[name].table_log > 7 else PATTERNS
    steps = [{"data": data, "source": source, "sink": sink} for source, sink in patterns]
    for (source, sink), episode in zip(patterns, play(dut, stream.config.word_bits, *steps), strict=True):
        timing = simulate(stream, decoder_config(stream, style), source, sink)
        assert difference(episode, weights, timing, stream.config) is None, f"{source} {sink}"
        assert [tuple(status[1:]) for status in episode.status] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
        assert episode.status[-1][0] == timing.end


@pytest.mark.parametrize("pauses", [5, 14])
@pytest.mark.parametrize("ring", [1, 2])
def test_pauses_at_segments_ends(ring, pauses):
    """A sink that pauses for so long that lanes get two beats ahead, which is all they may: the last beat of a segment
    is announced meanwhile, and is known for what it is."""
    config = Config(lanes=ring, word_bits=16, table_log=4, max_run=2, bins=3, ring=ring, queue=2, max_tables=3,
                    max_segments=64, **RAM)
    kind = alphabets(config)[0]
    stream, weights = make_stream(config, [Layer(80, kind, 1, pieces=pieces) for pieces in (9, 12, 27)], 1)
    dut = decoder_for(stream, TableStyle.RAM)
    sinks = [Pattern("burst", (on, pauses)) for on in (1, 2, 3)]
    steps = [{"data": stream_bytes(stream), "sink": sink} for sink in sinks]
    for sink, episode in zip(sinks, play(dut, config.word_bits, *steps), strict=True):
        assert difference(episode, weights, simulate(stream, config, sink=sink), config) is None, str(sink)


@pytest.mark.parametrize("tail", [b"", b"tail of an odd length"])
@pytest.mark.parametrize("name", ["ROM", "RAM, C 2", "block, C 3"])
def test_back_to_back(name, tail):
    """Two streams without ``clear``; what follows the words in the input up to ``tlast`` is skipped."""
    config = IN_A_ROW[name]
    stream, weights = stream_for(config, 1)
    dut = decoder_for(stream, config.table_style)

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, config.word_bits)
        await bench.send(stream_bytes(stream) + tail)
        assert bench.episode.done and not wrong_weights(bench.episode.weights(config), weights)
        await bench.send(stream_bytes(stream) + tail)
        assert bench.episode.done and not bench.episode.error
        assert not wrong_weights(bench.episode.weights(config), weights * 2)

    run_bench(dut, testbench)


def test_another_stream_into_the_same_memories():
    """Style RAM: two streams of other tables, segments and sizes without ``clear``; the second by the cycle model."""
    one, two = stream_for(SMALL, 2), stream_for(SMALL, 3)
    config = decoder_config(one[0], TableStyle.RAM)
    dut = AxisDecoder(config)

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, SMALL.word_bits)
        await bench.send(stream_bytes(one[0]), settle=0)
        start = simulate(one[0], config).end + 2
        assert len(bench.trace) <= start
        await bench.send(stream_bytes(two[0]), Pattern("always"))
        timing = simulate(two[0], config, start=start)
        episode = bench.episode
        assert not wrong_weights(episode.weights(SMALL), one[1] + two[1])
        assert episode.inputs.tolist()[-len(timing.inputs):] == timing.inputs
        assert episode.outputs.tolist()[-len(timing.beats):] == timing.beats

    run_bench(dut, testbench)


@pytest.mark.parametrize("name", ["ROM", "RAM, C 2", "block, C 3"])
def test_clear_in_mid_stream(name):
    """Cleared in the header, in the preload, while a beat waits, at the end: the next stream is not disturbed."""
    config = IN_A_ROW[name]
    stream, weights = stream_for(config, 4)
    dut = decoder_for(stream, config.table_style)
    data = stream_bytes(stream)
    timing = simulate(stream, decoder_config(stream, config.table_style))
    stops = [5, timing.causes["header"] + 3, timing.beats[4], timing.beats[-1], timing.end]
    sinks = [ALWAYS, ALWAYS, Pattern("never"), ALWAYS, ALWAYS]
    steps = [{"data": data, "stop": stop, "sink": sink} for stop, sink in zip(stops, sinks)]
    whole = {"data": data}
    episodes = play(dut, config.word_bits, *(step for stop in steps for step in (stop, whole)))
    for episode in episodes[1::2]:
        assert difference(episode, weights, timing, config) is None


@pytest.mark.parametrize("make, message", [
    (lambda s: Decoder(Config(table_log=8), contents_of(s)), "table log must be at most 7 for tables in logic, not 8"),
    (lambda s: Decoder(Config(table_log=12, ring=4, **BLOCK, **RAM)),
     "table log must be at most 11 for tables in block, not 12"),
    (lambda s: Decoder(Config(table_log=8, word_bits=8, ring=4, **BLOCK, **RAM)),
     "word bits must be more than the table log 8 in hardware"),
    (lambda s: Decoder(Config(table_log=9, max_tables=5, ring=4, **BLOCK, **RAM), target="ice40"),
     "5 tables of table log 9: depth of a block memory must be from 2 to 2048 here, not 2560"),
    (lambda s: Decoder(Config(ring=4, **BLOCK, **RAM), target="xc7"), "target must be one of ecp5, ice40, gowin"),
    (lambda s: Decoder(rom_config(s)), "a decoder of style ROM must be built with the contents of a stream"),
    (lambda s: Decoder(Config(**RAM), contents_of(s)),
     "a decoder of style RAM must be built without the contents of a stream"),
])
def test_wrong_arguments(make, message):
    stream, _ = make_stream(SMALL, [Layer(5, Alphabet(1), 1.0)])
    with pytest.raises(ConfigError, match=message):
        make(stream)
