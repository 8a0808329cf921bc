"""The beats that the segment sequencer announces, against `golden.stream.lane_counts`."""

from random import Random

import pytest

from golden.config import Config
from golden.stream import Segment, lane_counts, spans_of
from hw.sequencer import SegmentSequencer
from tests.support import as_ints, run_bench

TABLES = 5


def random_segments(random, config):
    """Segments around the sizes where a beat is full, short of one, or has a lane without weights."""
    beat = config.beat_weights
    sizes = [1, beat - 1 or 1, beat, beat + 1, 2 * beat, 2 * beat + 1, *(random.randint(1, 6 * beat) for _ in range(9))]
    random.shuffle(sizes)
    return [Segment(size, random.randrange(TABLES), number == 0 or random.random() < 0.3)
            for number, size in enumerate(sizes)]


def expected_beats(config, segments, first, last):
    """The beats of a span, as dicts like those of `beat_of`."""
    beats = []
    for number in range(first, last):
        segment = segments[number]
        counts = lane_counts(segment.weights, config.lanes, config.vector).tolist()
        size = -(-segment.weights // config.beat_weights)
        for beat in range(size):
            left = [count - beat * config.vector for count in counts]
            ends = beat == size - 1
            beats.append({
                "lanes": [{"valid": 1, "need": min(max(count, 0), config.vector), "final": int(count <= config.vector),
                           "table": segment.table, "raw_bits": segment.table % 3} for count in left],
                "last": int(ends),
                "last_of_span": int(ends and number == last - 1),
                "last_of_stream": int(ends and number == len(segments) - 1),
            })
    return beats


def beat_of(ctx, port):
    """The descriptor on a port; ``None`` if there is no beat."""
    descriptor = ctx.get(port)
    lanes = [as_ints(lane) for lane in descriptor.lanes]
    if not any(lane["valid"] for lane in lanes):
        return None
    return {"lanes": lanes} | {name: int(descriptor[name]) for name in ("last", "last_of_span", "last_of_stream")}


@pytest.mark.parametrize("stalled", [0, 0.5])
@pytest.mark.parametrize("lanes, vector", [(1, 1), (1, 4), (2, 1), (3, 2), (5, 3), (16, 1)])
def test_beats(lanes, vector, stalled):
    random = Random(f"{lanes} {vector} {stalled}")
    config = Config(lanes=lanes, vector=vector, word_bits=64, raw_bits=2)
    segments = random_segments(random, config)
    dut = SegmentSequencer(config)

    async def record(ctx):
        """The records as the memory beside the sequencer shows them."""
        async for (address,) in ctx.changed(dut.address):
            if address < len(segments):
                segment = segments[address]
                ctx.set(dut.record, {"weights": segment.weights, "table": segment.table, "raw_bits": segment.table % 3,
                                     "restart": segment.restart})

    async def span(ctx, beats):
        ctx.set(dut.begin, 1)
        await ctx.tick()
        ctx.set(dut.begin, 0)
        assert beat_of(ctx, dut.current) is None
        await ctx.tick().repeat(2)
        for number, beat in enumerate(beats):
            assert beat_of(ctx, dut.current) == beat
            assert beat_of(ctx, dut.following) == (beats[number + 1] if number + 1 < len(beats) else None)
            while random.random() < stalled:
                await ctx.tick()
                assert beat_of(ctx, dut.current) == beat
            ctx.set(dut.retire, 1)
            await ctx.tick()
            ctx.set(dut.retire, 0)
        assert beat_of(ctx, dut.current) is None

    async def testbench(ctx):
        ctx.set(dut.segments, len(segments))
        for _ in range(2):
            for first, last in spans_of(segments):
                await span(ctx, expected_beats(config, segments, first, last))
            ctx.set(dut.restart, 1)
            await ctx.tick()
            ctx.set(dut.restart, 0)

    run_bench(dut, testbench, record)


@pytest.mark.parametrize("weights", [2**31, 2**32 - 1])
def test_large_segment(weights):
    """The whole range of a segment's weights: the beats of its beginning are full."""
    config = Config(lanes=2, vector=2)
    dut = SegmentSequencer(config)

    async def testbench(ctx):
        ctx.set(dut.segments, 1)
        ctx.set(dut.record, {"weights": weights, "restart": 1})
        ctx.set(dut.begin, 1)
        await ctx.tick()
        ctx.set(dut.begin, 0)
        await ctx.tick().repeat(2)
        ctx.set(dut.retire, 1)
        for _ in range(20):
            beat = beat_of(ctx, dut.current)
            assert [(lane["need"], lane["final"]) for lane in beat["lanes"]] == [(2, 0), (2, 0)] and not beat["last"]
            await ctx.tick()

    run_bench(dut, testbench)
