"""The beats that the segment sequencer announces, against `golden.stream.lane_counts`."""

from dataclasses import replace
from random import Random

import pytest

from golden.config import Config
from golden.stream import Segment, lane_counts, spans_of
from hw.sequencer import SegmentSequencer
from tests.support import as_ints, run_bench

TABLES = 5
PATIENCE = 12  # cycles within which what can be announced is


def random_segments(random, config):
    """Segments around the sizes where a beat is full, short of one, or has a lane without weights."""
    beat = config.beat_weights
    sizes = [1, beat - 1 or 1, beat, beat + 1, 2 * beat, 2 * beat + 1, *(random.randint(1, 6 * beat) for _ in range(6)),
             (config.beats_ahead + 2) * beat]
    random.shuffle(sizes)
    return [Segment(size, random.randrange(TABLES), number == 0 or random.random() < 0.3)
            for number, size in enumerate(sizes)]


class Bench:
    """The sequencer with its records, and turns that go round."""

    def __init__(self, ctx, dut, config, segments, random):
        self.ctx, self.dut, self.config, self.segments, self.random = ctx, dut, config, segments, random
        self.address = self.turn = self.retired = 0
        ctx.set(dut.segments, len(segments))

    @property
    def parts(self):
        """The number after that of the last beat announced, as every ring sees it."""
        parts, = {self.ctx.get(announced.parts) for announced in self.dut.announced}
        return parts

    def ahead(self):
        """Beats announced that have not been handed out."""
        return (self.parts - self.retired) % (2 * self.config.parts_ahead)

    async def tick(self):
        """The record shows a cycle after its address."""
        ctx, dut = self.ctx, self.dut
        address = ctx.get(dut.address)
        await ctx.tick()
        if address < len(self.segments):
            segment = self.segments[address]
            ctx.set(dut.record, {"weights": segment.weights - 1, "table": segment.table, "raw_bits": segment.table % 3,
                                 "restart": segment.restart})
        self.turn = (self.turn + 1) % self.config.ring
        ctx.set(dut.turn, self.turn)

    async def load(self):
        self.ctx.set(self.dut.load, 1)
        await self.tick()
        self.ctx.set(self.dut.load, 0)

    def check(self, segment, beats, done):
        """What shows in this cycle, of a segment of so many beats, of which ``done`` have been handed out."""
        config, ahead = self.config, self.ahead()
        assert ahead <= min(config.beats_ahead, beats - done)
        counts = lane_counts(segment.weights, config.lanes, config.vector).tolist()
        for ring, port in enumerate(self.dut.announced):
            announced = as_ints(self.ctx.get(port))
            if ahead:
                assert (announced["table"], announced["raw_bits"]) == (segment.table, segment.table % 3)
            assert announced["ended"] <= (done + ahead == beats)
            if announced["ended"]:
                lane = self.turn * config.rings + ring
                assert announced["need"] == max(counts[lane] - (beats - 1) * config.vector, 0), (lane, self.turn)

    async def segment(self, segment, eager):
        """Load a segment and hand out its beats."""
        config = self.config
        await self.load()
        beats, done, waited, before = -(-segment.weights // config.beat_weights), 0, 0, None
        for _ in range(PATIENCE * beats + 40):
            if done == beats:
                break
            self.check(segment, beats, done)
            possible = min(config.beats_ahead, beats - done)
            waited = waited + 1 if self.ahead() < possible and before == (self.parts, done) else 0
            before = self.parts, done
            assert waited < PATIENCE, "a beat could have been announced"
            if self.ahead() and self.random.random() < eager:
                ended = self.ctx.get(self.dut.announced[0].ended)
                if done < beats - 1 or ended:
                    done += 1
                    self.retired = (self.retired + 1) % (2 * config.parts_ahead)
                    self.ctx.set(self.dut.retired, self.retired)
            await self.tick()
        assert done == beats
        last_turn, left = divmod((segment.weights - 1) % config.beat_weights, config.transfer_weights)
        assert (self.ctx.get(self.dut.last_turn), self.ctx.get(self.dut.left)) == (last_turn, left)


@pytest.mark.parametrize("eager", [1, 0.3])
@pytest.mark.parametrize("lanes, vector, ring, queue", [
    (1, 1, 1, 4), (1, 4, 1, 2), (2, 1, 1, 8), (3, 2, 3, 4), (6, 3, 2, 2), (16, 1, 4, 4), (5, 8, 5, 4), (12, 2, 4, 16)])
def test_beats(lanes, vector, ring, queue, eager):
    random = Random(f"{lanes} {vector} {ring} {eager}")
    config = Config(lanes=lanes, vector=vector, word_bits=128, raw_bits=2, ring=ring, queue=queue)
    segments = random_segments(random, config)
    if eager < 1:  # no more bits than these segments need
        most = max(segment.weights for segment in segments)
        config = replace(config, count_bits=max(most.bit_length(), 8))
    dut = SegmentSequencer(config)

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, segments, random)
        for _ in range(2):
            for first, last in spans_of(segments):
                for number in range(first, last):
                    for _ in range(3):
                        await bench.tick()
                    await bench.segment(segments[number], eager)
                    assert ctx.get(dut.last_of_span) == (number == last - 1)
                    assert ctx.get(dut.last_of_stream) == (number == len(segments) - 1)
            ctx.set(dut.restart, 1)
            await bench.tick()
            ctx.set(dut.restart, 0)

    run_bench(dut, testbench)


def test_less_room_than_a_beat():
    """The most weights that there is room for are less than a beat, and need not show in the count of beats."""
    config = Config(lanes=64, vector=8, word_bits=128, ring=16, queue=4, count_bits=8)
    segments = [Segment(weights, 0, True) for weights in (255, 1, 33)]
    dut = SegmentSequencer(config)

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, segments, Random(1))
        for segment in segments:
            await bench.tick()
            await bench.segment(segment, 1)

    run_bench(dut, testbench)


@pytest.mark.parametrize("weights", [2**31, 2**32 - 1])
def test_large_segment(weights):
    """The whole range of a segment's weights: the beats of its beginning are full, and it does not end."""
    config = Config(lanes=2, vector=2)
    segments = [Segment(weights, 3, True)]
    dut = SegmentSequencer(config)

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, segments, Random(1))
        await bench.tick()
        await bench.load()
        handed_out = 0
        for _ in range(100):
            assert not any(ctx.get(announced.ended) for announced in dut.announced)
            if bench.ahead():
                bench.retired = (bench.retired + 1) % (2 * config.parts_ahead)
                ctx.set(dut.retired, bench.retired)
                handed_out += 1
            await bench.tick()
        assert handed_out > 90

    run_bench(dut, testbench)
