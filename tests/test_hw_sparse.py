# amaranth: UnusedElaboratable=no
"""The sparse output: by itself, and in the decoder against the golden model, token for token and cycle for cycle."""

import random
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from golden.codec import decode, encode
from golden.config import TOKEN_QUEUE, Config, OutputMode, TableMemory, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.offers import Offers
from golden.patterns import ALWAYS, Pattern
from golden.scalar import lane_tokens
from golden.stream import Segment, Stream, words_of
from hw.axis import AxisDecoder
from hw.build import ports_of
from hw.contents import contents_of, rom_config
from hw.errors import ErrorCode
from hw.sparse_output import SparseOutput
from sim.checks import sparse_difference, wrong_tokens
from sim.streams import Layer, alphabets, make_stream
from tests.support import AxisBench, as_ints, play, run_bench

SPARSE = {"output": OutputMode.SPARSE}
BLOCK = {"table_memory": TableMemory.BLOCK}
RAM = {"table_style": TableStyle.RAM}
PATTERNS = [
    (ALWAYS, ALWAYS),
    (Pattern("random", (0.4, 1)), Pattern("random", (0.8, 2))),
    (ALWAYS, Pattern("burst", (3, 47))),
]
CONFIGS = {
    "N 1": Config(lanes=1, word_bits=8, table_log=3, bins=3, **RAM, **SPARSE),
    "N 2, V 8, runs": Config(lanes=2, vector=8, word_bits=16, table_log=5, max_run=4, bins=3, **SPARSE),
    "N 3, M over V": Config(lanes=3, word_bits=16, table_log=4, max_run=7, bins=3, **RAM, **SPARSE),
    "N 2, V 3, raw bits": Config(lanes=2, vector=3, word_bits=16, table_log=5, max_run=3, raw_bits=7, bins=255,
                                 **SPARSE),
    "C 2": Config(lanes=4, vector=8, word_bits=32, table_log=5, max_run=8, bins=3, ring=2, **SPARSE),
    "C 4, M over V": Config(lanes=4, word_bits=16, table_log=4, max_run=6, bins=3, ring=4, queue=2, **RAM, **SPARSE),
    "block, C 3, V 2": Config(lanes=6, vector=2, word_bits=16, table_log=5, max_run=4, bins=3, ring=3, **BLOCK,
                              **SPARSE),
    "block, C 4": Config(lanes=4, word_bits=8, table_log=4, bins=7, ring=4, queue=2, **BLOCK, **RAM, **SPARSE),
}


def stream_for(config, seed=0):
    """Five segments of two spans: lanes without weights, partial beats, a last part that a run has filled, runs."""
    kinds, beat = alphabets(config), config.beat_weights
    sizes = (3 * beat + 1, 1, 4 * beat, max(1, beat - 1), 5 * beat + beat // 2)
    layers = [Layer(size, kinds[-1 - i % len(kinds)], (0, 0.3, 0.6, 2, 0.4)[i] * kinds[-1 - i % len(kinds)].half,
                    restart=i == 3, listed=i in (1, 2)) for i, size in enumerate(sizes)]
    return make_stream(replace(config, output=OutputMode.DENSE), layers, seed)


def one_weight_segments(stream, count):
    """A stream of as many segments of one weight, all with the first table."""
    table, segments = stream.tables[:1], [Segment(1, 0, i == 0) for i in range(count)]
    zeros = [np.zeros(1, dtype=np.int8)] * count
    return Stream(stream.config, table, tuple(segments), encode(stream.config, table, segments, zeros))


def decoder_of(config, stream):
    """A sparse decoder for the stream, and its configuration."""
    if config.table_style is TableStyle.RAM:
        return AxisDecoder(config), config
    config = rom_config(stream, config)
    return AxisDecoder(config, contents_of(stream)), config


@pytest.mark.parametrize("name", CONFIGS)
def test_streams(name):
    """Every pattern on one decoder, with a ``clear`` between two."""
    stream, weights = stream_for(CONFIGS[name], len(name))
    dut, config = decoder_of(CONFIGS[name], stream)
    tokens = lane_tokens(stream)
    steps = [{"data": stream_bytes(stream), "source": source, "sink": sink} for source, sink in PATTERNS]
    for (source, sink), episode in zip(PATTERNS, play(dut, config.word_bits, *steps), strict=True):
        timing = simulate(stream, config, source, sink)
        assert sparse_difference(episode, tokens, weights, timing, config) is None, f"{source} {sink}"
        assert [tuple(status[1:]) for status in episode.status] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
        assert episode.status[-1][0] == timing.end == episode.outputs[-1] + 2
        assert sum(timing.causes.values()) == timing.end - 1 and not timing.beats
        assert timing.causes["beats"] == len(episode.outputs)


def test_back_to_back():
    """Two streams without ``clear``; the second by the cycle model too."""
    config = CONFIGS["C 4, M over V"]
    one, two = stream_for(config, 1), stream_for(config, 2)
    dut, _ = decoder_of(config, one[0])

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, config.word_bits)
        await bench.send(stream_bytes(one[0]), settle=0)
        taken = len(bench.episode.inputs)
        await bench.send(stream_bytes(two[0]))
        timing = simulate(two[0], config, start=int(bench.episode.inputs[taken]))
        assert bench.episode.inputs.tolist()[taken:] == timing.inputs
        assert wrong_tokens(bench.episode, lane_tokens(one[0]) + lane_tokens(two[0]), config) is None
        assert [edge for edge, *_ in bench.tokens][-sum(map(len, timing.tokens)):] == sorted(sum(timing.tokens, []))

    run_bench(dut, testbench)


@pytest.mark.parametrize("name", ["N 1", "C 4, M over V"])
def test_clear_in_mid_stream(name):
    """Cleared while tokens are under way, or wait: the next stream is not disturbed."""
    config = CONFIGS[name]
    stream, weights = stream_for(config, 3)
    dut, config = decoder_of(config, stream)
    data, timing = stream_bytes(stream), simulate(stream, config)
    first = min(map(min, timing.tokens))
    steps = [{"data": data, "stop": stop, "sink": sink}
             for stop, sink in [*((first + i, ALWAYS) for i in (1, 2, 6)), (first + 60, Pattern("never"))]]
    episodes = play(dut, config.word_bits, *(step for stop in steps for step in (stop, {"data": data})))
    for episode in episodes[1::2]:
        assert sparse_difference(episode, lane_tokens(stream), weights, timing, config) is None


@pytest.mark.parametrize("span", [0, 1])
@pytest.mark.parametrize("name", ["N 1", "C 4, M over V"])
def test_wrong_words(name, span):
    """With any wrong bit in a span its end is never told, though tokens and the ends of segments within it are. What
    is on offer when the error shows may be taken, nothing comes on offer after it."""
    config = CONFIGS[name]
    stream, _ = stream_for(config, 4)
    dut, config = decoder_of(config, stream)
    tokens = lane_tokens(stream)
    ends = [last for _, last in stream.spans]
    data = stream_bytes(stream)
    size = config.word_bits // 8
    begin = len(data) - size * sum(map(len, stream.words[span:]))
    draw = random.Random(span)
    steps = []
    for sink in (ALWAYS, Pattern("burst", (1, 5)), ALWAYS):
        place = begin * 8 + draw.randrange(8 * size * len(stream.words[span]))
        wrong = bytearray(data)
        wrong[place // 8] ^= 1 << place % 8
        steps.append({"data": bytes(wrong), "sink": sink, "settle": 60})
    for episode in play(dut, config.word_bits, *steps):
        assert ErrorCode(episode.error) in (ErrorCode.WORDS_CRC, ErrorCode.WORDS_LEFT, ErrorCode.TRUNCATED)
        assert not episode.done
        assert sum(edge >= episode.status[-1][0] for edge, *_ in episode.tokens) <= config.rings
        marks = [sum(record[4] == lane and record[5] for record in episode.tokens) for lane in range(config.lanes)]
        assert max(marks) < ends[span]
        assert min(marks) >= (ends[span - 1] if span else 0)
        whole = ends[span - 1] if span else 0
        for lane, segments in enumerate(episode.lane_tokens(config)[0]):
            assert segments[:whole] == [tokens[number][lane] for number in range(whole)]


@pytest.mark.parametrize("waits", [False, True])
def test_stop(waits):
    """A record on offer stays until it is taken; those behind it, or that come later, are not offered."""
    dut = SparseOutput(Config(lanes=1, max_run=2, bins=3, ring=1, **SPARSE))

    async def testbench(ctx):
        ctx.set(dut.token, {"taken": 1, "run": 1, "value": -1})
        await ctx.tick().repeat(3)
        ctx.set(dut.records.ready, not waits)
        assert ctx.get(dut.records.valid)
        await ctx.tick()
        ctx.set(dut.stop, 1)
        assert as_ints(ctx.get(dut.records.payload))["keep"]
        for ready in (False, False, True) if waits else ():
            ctx.set(dut.records.ready, ready)
            assert ctx.get(dut.records.valid)
            await ctx.tick()
        for ready in (False, True, True, False):
            ctx.set(dut.records.ready, ready)
            assert not ctx.get(dut.records.valid) and not ctx.get(dut.empty)
            await ctx.tick()

    run_bench(dut, testbench)


class Turns:
    """Stands for a ring: begins a turn in each cycle in which there is room; what comes of it comes cycles later.

    A lane alone looks its token up a cycle later, and up to two of them wait, some cycles or none, to be placed.
    """

    def __init__(self, ctx, dut, config, draw):
        self.ctx, self.dut, self.config, self.draw = ctx, dut, config, draw
        self.alone = config.ring == 1
        self.way = deque([None] * (config.token_latency - 1 if self.alone else config.step_latency + 1))
        self.looked_up, self.pair = None, deque()
        self.told = []

    @property
    def busy(self):
        """Whether anything is under way."""
        return any(self.way) or self.looked_up is not None or len(self.pair) > 0

    def _token(self):
        return {"turn": self.draw.randrange(self.config.ring), "run": self.draw.randrange(self.config.max_run),
                "value": self.draw.randint(-1, 1), "taken": self.alone or self.draw.random() < 0.95,
                "over": self.draw.random() < 0.1}

    def _go_on(self, may):
        """A cycle of what is under way; ``may``: something may begin."""
        begins = may and self.draw.random() < 0.95
        if not self.alone:
            self.way.append(self._token() if begins else None)
            return
        self.way.append(self.pair.popleft() if self.pair and self.draw.random() < 0.7 else None)
        self.pair.extend([self.looked_up] if self.looked_up else [])
        self.looked_up = self._token() if begins and len(self.pair) < 2 else None

    async def cycle(self, running, ready, span_end=0):
        """One cycle; returns the record that is taken."""
        ctx, dut = self.ctx, self.dut
        token = self.way.popleft()
        values = token or {"taken": 0, "over": 0}
        ctx.set(dut.token, values)
        if values["taken"] or values["over"]:
            self.told.append({"turn": values["turn"], "run": values["run"], "value": values["value"],
                              "keep": values["taken"], "last": values["over"]})
        self._go_on(running and ctx.get(dut.room))
        ctx.set(dut.records.ready, ready)
        ctx.set(dut.span_end, span_end)
        taken = as_ints(ctx.get(dut.records.payload)) if ready and ctx.get(dut.records.valid) else None
        await ctx.tick()
        return taken


@pytest.mark.parametrize("ring", [1, 2, 4, 16])
def test_queue(ring):
    """Whatever the sink does, all that the ring may begin finds room; the ends come after the span's end."""
    config = Config(lanes=2 * ring, max_run=8, bins=3, ring=ring, **SPARSE)
    dut = SparseOutput(config)
    draw = random.Random(ring)

    async def testbench(ctx):
        await ctx.tick().repeat(3)
        bench, found = Turns(ctx, dut, config, draw), []
        for stall in (1, 0, 0.5, 1, 0.9, 0.2):
            for _ in range(60):
                found.append(await bench.cycle(True, draw.random() >= stall))
        while bench.busy:
            found.append(await bench.cycle(False, False))
        found.append(await bench.cycle(False, False))
        assert not ctx.get(dut.empty)
        found.append(await bench.cycle(False, False, 1))
        while not ctx.get(dut.empty):
            found.append(await bench.cycle(True, draw.random() < 0.7))
            if len([record for record in found if record]) < len(bench.told) - TOKEN_QUEUE:
                assert not ctx.get(dut.room)
            if bench.busy:
                break
        before, told = len(bench.told), bench.told
        for _ in range(3 * TOKEN_QUEUE):
            found.append(await bench.cycle(False, True))
        found = [record for record in found if record]
        ends = [{"turn": turn, "keep": 0, "last": 1} for turn in range(ring)]
        assert found[:before] == told[:before]
        told_ends = [{name: record[name] for name in ("turn", "keep", "last")}
                     for record in found[before:before + ring]]
        assert told_ends == ends
        assert found[before + ring:] == told[before:] and ctx.get(dut.empty)

    run_bench(dut, testbench)


@pytest.mark.parametrize("name", ["N 2, V 8, runs", "C 4, two rings"])
def test_ends_wait_for_room(name):
    """A stream that is refused while another goes on loses no end of a segment, though they come without tokens."""
    config = {**CONFIGS, "C 4, two rings": replace(CONFIGS["C 4, M over V"], lanes=8)}[name]
    config = replace(config, table_style=TableStyle.RAM, max_tables=1)
    alphabet = alphabets(config)[0]
    count = 3 * TOKEN_QUEUE  # segments of one weight, lane 0's
    stream, _ = make_stream(replace(config, output=OutputMode.DENSE), [Layer(count, alphabet, 0.5)])
    stream = one_weight_segments(stream, count)
    dut = AxisDecoder(config)
    ends = [0] * config.rings

    async def testbench(ctx):
        transfers, cycle = deque(words_of(stream_bytes(stream), config.word_bits)), 0
        while not ctx.get(dut.done):
            ctx.set(dut.s_axis_tvalid, bool(transfers))
            ctx.set(dut.s_axis_tdata, transfers[0] if transfers else 0)
            ctx.set(dut.s_axis_tlast, len(transfers) == 1)
            ready = (1 << config.rings) - 1 if cycle > 4000 else 1  # of ring 0 alone
            ctx.set(dut.m_axis_tready, ready)
            told = ctx.get(dut.m_axis_tvalid) & ctx.get(dut.m_axis_tlast) & ready
            for ring in range(config.rings):
                ends[ring] += told >> ring & 1
            if transfers and ctx.get(dut.s_axis_tready):
                transfers.popleft()
            cycle += 1
            await ctx.tick()
        assert cycle > 4000

    run_bench(dut, testbench)
    assert ends == [count * config.ring] * config.rings


@pytest.mark.parametrize("parameters, rings, lane_bits", [
    (dict(lanes=1), 1, 1), (dict(lanes=12, ring=4), 3, 4), (dict(lanes=64, vector=8), 64, 6)])
def test_ports(parameters, rings, lane_bits):
    """The ports of a sparse decoder, in order."""
    widths = {"s_axis_tdata": 32, "m_axis_tdata": 16 * rings, "m_axis_tkeep": 2 * rings,
              "m_axis_tdest": rings * lane_bits, "m_axis_tvalid": rings, "m_axis_tready": rings, "m_axis_tlast": rings,
              "error": 8}
    names = ["clk", "rst", "s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast", "m_axis_tdata",
             "m_axis_tkeep", "m_axis_tdest", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast", "clear", "busy", "done",
             "error"]
    ports = ports_of(AxisDecoder(Config(**parameters, **RAM, **SPARSE)))
    assert [(port["name"], port["width"]) for port in ports] == [(name, widths.get(name, 1)) for name in names]


def test_tokens_cover_the_weights():
    """The tokens expected are those of the vectorized decoder's weights."""
    stream, weights = stream_for(CONFIGS["C 2"])
    config = stream.config
    assert all((one == other).all() for one, other in zip(decode(stream), weights, strict=True))
    for lanes, values in zip(lane_tokens(stream), weights, strict=True):
        for lane, tokens in enumerate(lanes):
            mine = [int(value) for i, value in enumerate(values) if i // config.vector % config.lanes == lane]
            sequence = [weight for run, value in tokens for weight in [0] * run + [value]]
            assert sequence[:len(mine)] == mine and not any(sequence[len(mine):])
            assert sum(run + 1 for run, _ in tokens[:-1]) <= max(0, len(mine) - 1)


def test_difference_is_seen():
    """A wrong value, a missing token, a missing end, a late transfer, impossible transfers, another end."""
    stream, weights = stream_for(CONFIGS["N 1"])
    dut, config = decoder_of(CONFIGS["N 1"], stream)
    timing, tokens = simulate(stream, config), lane_tokens(stream)
    good, = play(dut, config.word_bits, {"data": stream_bytes(stream)})

    def said(change, expected=weights):
        return sparse_difference(replace(good, tokens=change(list(good.tokens))), tokens, expected, timing, config)

    edge, ring, data, keep, dest, last = good.tokens[0]
    assert said(list) is None and keep
    assert said(lambda r: [(edge, ring, data ^ 1, keep, dest, last), *r[1:]]).startswith("lane 0 has the tokens")
    assert said(lambda r: r[1:]).startswith("lane 0 has the tokens")
    assert said(lambda r: r[:-1]).startswith("lane 0 has the tokens") and "after its last end" in said(lambda r: r[:-1])
    assert said(lambda r: [*r, r[-1]]) == "lane 0 has 6 segments, not 5"
    assert "has a transfer of lane 0, keep 0, last 0" in said(lambda r: [(edge, ring, data, 0, dest, 0), *r[1:]])
    assert "ring 0 has a transfer of lane 1" in said(lambda r: [(edge, ring, data, keep, 1, last), *r[1:]])
    assert said(lambda r: [(edge + 1, ring, data, keep, dest, last), *r[1:]]).startswith(
        f"ring 0 transfer 0 was taken at edge {edge + 1}")
    assert said(list, [weights[0] + 1, *weights[1:]]).startswith("weight ")
    failed = replace(good, status=[(0, 0, 0, ErrorCode.WORDS_CRC.value)])
    assert sparse_difference(failed, tokens, weights, timing, config) == (
        "the decoder ended with error WORDS_CRC, done 0")


def test_offers():
    """A refused offer must stay as it is, each stream's by itself."""
    offers = Offers(2, 3)
    assert offers.look(0, True, 0b01, 0x0000_0203, 0b0011, 0o70, 0b10) == [(0, 0, 0x203, 3, 0, 0)]
    assert offers.look(1, False, 0b10, 0x0405_0000, 0b0011, 0o30, 0b10) == []
    assert offers.look(2, False, 0b11, 0x0405_0009, 0b0011, 0o30, 0b10) == []
    for ports in ((0b01, 0x0405_0009, 0b0011, 0o30, 0b10), (0b11, 0x0406_0009, 0b0011, 0o30, 0b10)):
        other = Offers(2, 3)
        other.waiting = list(offers.waiting)
        with pytest.raises(AssertionError, match="stream 1 changed or was withdrawn at edge 3"):
            other.look(3, True, *ports)
    assert len(offers.look(3, True, 0b11, 0x0405_0009, 0b0011, 0o30, 0b10)) == 2
