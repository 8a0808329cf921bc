# amaranth: UnusedElaboratable=no
"""Choosing segments and keeping the header: in amaranth.sim, bit for bit and cycle for cycle."""

from dataclasses import replace

import pytest

from golden.config import Config, OutputMode, TableMemory, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.errors import ConfigError
from golden.header import header_bytes
from golden.patterns import ALWAYS, Pattern
from golden.scalar import lane_tokens
from golden.selection import Selection, chosen_spans, selected_bytes
from golden.table import Alphabet
from hw.axis import AxisDecoder
from hw.contents import contents_of, rom_config
from hw.errors import ErrorCode
from sim.checks import difference, sparse_difference, wrong_weights
from sim.streams import Layer, alphabets, make_stream
from tests.support import AxisBench, run_bench

RAM, BLOCK = {"table_style": TableStyle.RAM}, {"table_memory": TableMemory.BLOCK}
CONFIGS = {
    "RAM": Config(lanes=3, word_bits=16, table_log=3, max_run=2, raw_bits=1, bins=5, max_segments=7, **RAM),
    "ROM, V 2": Config(lanes=2, vector=2, word_bits=8, table_log=4, max_run=2, bins=5),
    "RAM, C 2, sparse": Config(lanes=4, word_bits=16, table_log=3, bins=5, ring=2, output=OutputMode.SPARSE, **RAM),
    "ROM, block, C 3": Config(lanes=3, word_bits=32, table_log=5, bins=7, ring=3, **BLOCK),
    "RAM, block, C 4": Config(lanes=8, vector=2, word_bits=64, table_log=3, bins=5, ring=4, max_segments=5, **RAM,
                              **BLOCK),
}
SIZES = (20, 7, 16, 1, 33)  # of segments; the third and the fourth begin a span


def stream_for(config):
    kinds = alphabets(config)
    layers = [Layer(size, kinds[number % len(kinds)], 1, restart=number in (2, 3), listed=number % 2 == 1)
              for number, size in enumerate(SIZES)]
    return make_stream(replace(config, output=OutputMode.DENSE), layers, 8)


def made(name):
    """Decoder, configuration, stream and weights."""
    config, contents = replace(CONFIGS[name], select=True), None
    stream, weights = stream_for(CONFIGS[name])
    if config.table_style is TableStyle.ROM:
        config, contents = rom_config(stream, config), contents_of(stream)
    return AxisDecoder(config, contents), config, stream, weights


def check(episode, config, stream, weights, selection, source=ALWAYS, sink=ALWAYS):
    """What came is what was chosen, when the cycle model says."""
    spans = chosen_spans(stream, selection)
    segments = slice(stream.spans[spans[0]][0], stream.spans[spans[-1]][1]) if spans else slice(0)
    timing = simulate(stream, config, source, sink, selection=selection)
    if config.output is OutputMode.SPARSE:
        wrong = sparse_difference(episode, lane_tokens(stream)[segments], weights[segments], timing, config)
    else:
        wrong = difference(episode, weights[segments], timing, config)
    assert (selection, source, wrong) == (selection, source, None)
    assert episode.status[-1][0] == timing.end


CHOICES = [Selection(2, 1), Selection(keep=True), Selection(3), Selection(0, 3, keep=True), Selection(load=True),
           Selection(2, 3, keep=True)]


SLOW = Pattern("random", (0.3, 1)), Pattern("random", (0.6, 2))


@pytest.mark.parametrize("name, source, sink", [*((name, ALWAYS, ALWAYS) for name in CONFIGS), ("ROM, V 2", *SLOW)])
def test_choices(name, source, sink):
    """With the header and without it, a ``clear`` between two starts, which does not forget the header."""
    dut, config, stream, weights = made(name)

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, config.word_bits)
        assert ctx.get(dut.loaded) == (config.table_style is TableStyle.ROM)
        for selection in CHOICES:
            await bench.send(selected_bytes(stream, selection), source, sink, selection=selection)
            assert ctx.get(dut.loaded)
            check(bench.episode, config, stream, weights, selection, source, sink)
            await bench.clear()

    run_bench(dut, testbench)


@pytest.mark.parametrize("name", ["RAM", "ROM, block, C 3"])
def test_one_after_the_other(name):
    """Without a ``clear``: another choice from the end of ``busy`` on; what is left of the input belongs to the old."""
    dut, config, stream, weights = made(name)
    choices = [Selection(2, 1), Selection(0, 2, keep=True), Selection(load=True), Selection(3, keep=True)]
    expected = [weights[2], *weights[:2], *weights[3:]]

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, config.word_bits)
        for number, selection in enumerate(choices):
            await bench.send(selected_bytes(stream, selection) + b"tail" * (number % 2), settle=0, selection=selection)
            assert bench.episode.done and not bench.episode.error
        assert wrong_weights(bench.episode.weights(config), expected) is None

    run_bench(dut, testbench)


WRONG = [Selection(1), Selection(0, 1), Selection(2, 2), Selection(5), Selection(4, 1), Selection(0, 6),
         Selection(2, 4), Selection(15), Selection(3, 15), Selection(15, 6), Selection(1, 4), Selection(3, 13)]


@pytest.mark.parametrize("name", ["RAM", "ROM, V 2"])
def test_what_cannot_be_chosen(name):
    """An error ahead of any weight, with the header and without it; after a ``clear`` the next start works."""
    dut, config, stream, weights = made(name)
    whole = stream_bytes(stream)
    good = Selection(3, 2, keep=True)

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, config.word_bits)
        for number, wrong in enumerate(WRONG):
            with pytest.raises(ConfigError, match="segment must be one of"):
                chosen_spans(stream, wrong)
            wrong = replace(wrong, keep=number > 1)
            await bench.send(whole, selection=wrong)
            episode = bench.episode
            assert (wrong, ErrorCode(episode.error), episode.beats) == (wrong, ErrorCode.SELECTION, [])
            assert len(episode.inputs) == len(whole) // (config.word_bits // 8)
            await bench.clear()
            if number % 4 == 3:
                await bench.send(selected_bytes(stream, good), selection=good)
                check(bench.episode, config, stream, weights, good)
                await bench.clear()

    run_bench(dut, testbench)


def test_nothing_to_keep():
    """No header yet, or one that failed, or was cut short by a ``clear``; an error in the words forgets nothing."""
    dut, config, stream, weights = made("RAM")
    whole, kept = stream_bytes(stream), Selection(0, 2, keep=True)
    words = selected_bytes(stream, kept)
    flipped = bytearray(whole)
    flipped[len(header_bytes(stream)) - 3] ^= 8  # of its CRC-32; the last byte may be fill
    size = config.word_bits // 8

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, config.word_bits)

        async def send(data, selection, code, **options):
            await bench.send(data, selection=selection, **options)
            episode = bench.episode
            assert (ErrorCode(episode.error), episode.done) == (code, code is ErrorCode.NONE and "stop" not in options)
            await bench.clear()
            return episode

        async def right():
            check(await send(words, kept, ErrorCode.NONE), config, stream, weights, kept)

        await send(words, kept, ErrorCode.NOT_LOADED)
        await send(bytes(flipped), Selection(), ErrorCode.HEADER_CRC)
        await send(bytes(flipped), Selection(load=True), ErrorCode.HEADER_CRC)
        await send(words, kept, ErrorCode.NOT_LOADED)
        await send(whole, Selection(load=True), ErrorCode.NONE)
        await right()
        await send(words[:-size], kept, ErrorCode.TRUNCATED)
        await send(words[:-size] + bytes(size), kept, ErrorCode.WORDS_CRC)
        await right()
        await send(whole, Selection(), ErrorCode.NONE, stop=30)
        await send(words, kept, ErrorCode.NOT_LOADED)

    run_bench(dut, testbench)


def test_spans_without_words():
    """Zeros alone take no words; a transfer must come all the same."""
    config = Config(lanes=2, word_bits=8, table_log=3, bins=3, **RAM)
    layer = Layer(20, Alphabet(1), 0)
    stream, weights = make_stream(config, [layer, replace(layer, restart=True)])
    config = replace(config, select=True)
    dut, kept = AxisDecoder(config), Selection(1, 1, keep=True)
    assert stream.words[1].size == 0 and selected_bytes(stream, kept) == b"\0"

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, config.word_bits)
        for selection in Selection(), kept, kept:
            await bench.send(selected_bytes(stream, selection), selection=selection)
            check(bench.episode, config, stream, weights, selection)
            await bench.clear()

    run_bench(dut, testbench)
