"""The join against a plain model: parts that arrive at random, a sink that stalls, requests, the check of a span."""

from itertools import product
from random import Random

import pytest

from golden.config import LOOKOUT_RINGS, Config
from golden.stream import Segment, spans_of
from hw.errors import ErrorCode
from hw.join import Join
from tests.support import as_ints, run_bench

LEAD = 8  # cycles from the announcement of a segment's last beat to the first of its parts


class Plan:
    """What goes in and what must come out: parts by beat and turn, transfers, requests."""

    def __init__(self, config, segments, random):
        self.config = config
        self.parts, self.final, self.transfers, self.requests, self.ends = [], [], [], [], []
        for first, last in spans_of(segments):
            for number in range(first, last):
                self._segment(segments[number].weights, number == last - 1, random)
        self.span_ends = [end for end, of_span in self.ends if of_span]

    def _segment(self, weights, ends_span, random):
        config = self.config
        for left in range(weights, 0, -config.beat_weights):
            final = left <= config.beat_weights
            for turn in range(config.ring):
                rings = [{"weights": [random.randint(-7, 7) for _ in range(config.vector)],
                          "asked": random.choice([0, 0, random.randint(0, config.words_per_beat)])}
                         for _ in range(config.rings)]
                self.parts.append(rings)
                self.final.append(final)
                self._transfer(rings, left - turn * config.transfer_weights)
                if any(part["asked"] for part in rings) and not (final and ends_span):
                    mask = sum(((1 << part["asked"]) - 1) << ring * config.words_per_beat
                               for ring, part in enumerate(rings))
                    self.requests.append((turn, mask))
        self.ends.append((len(self.parts), ends_span))

    def _transfer(self, rings, left):
        """The weights of a turn, of which so many and all after them are left in the segment."""
        per_turn = self.config.transfer_weights
        if left > 0:
            values = sum((part["weights"] for part in rings), [])
            last = left <= self.config.beat_weights and left <= per_turn
            self.transfers.append((values[:left], last))


class Bench:
    """The join in cycles: ``late``, ``stall``, ``pause``: how often parts, sink and requests are not there."""

    def __init__(self, ctx, dut, config, plan, random, late, stall, pause):
        self.ctx, self.dut, self.config, self.plan, self.random = ctx, dut, config, plan, random
        self.late, self.stall, self.pause = late, stall, pause
        self.place = 0  # of the parts wanted, counted over all turns
        self.segment = 0
        self.seen = [0] * len(dut.ahead)  # of each lookout: places that it has found, counted like ``place``
        self.announced = self.waiting = None
        self.room = False  # for requests
        self.rest = 0  # cycles for which the lanes have been at rest
        self.transfers, self.requests, self.segment_ends, self.span_ends = [], [], [], []
        for name in ("used", "fits", "at_zero"):
            ctx.set(getattr(dut, name), 1)

    @property
    def end(self):
        """Place after the last turn of the segment at hand, and whether it ends the span."""
        return self.plan.ends[min(self.segment, len(self.plan.ends) - 1)]

    def offer(self, weights):
        """Announce beats, and show the parts wanted, as far as they have arrived."""
        ctx, dut, config = self.ctx, self.dut, self.config
        end, of_span = self.end
        beats = min(self.place // config.ring + config.parts_ahead, end // config.ring)
        ended = beats == end // config.ring
        self.announced = (self.announced or 0) + 1 if ended else 0
        ctx.set(dut.ended, ended)
        ctx.set(dut.announced, beats % (2 * config.parts_ahead))
        if ended:
            last_turn, left = divmod((weights - 1) % config.beat_weights, config.transfer_weights)
            ctx.set(dut.last_turn, last_turn)
            ctx.set(dut.left, left)
        ctx.set(dut.last_of_span, of_span)
        most = min(end, beats * config.ring, self.place + 3)
        for number, ahead in enumerate(dut.ahead):
            seen = self.seen[number]
            possible = seen < most and (not self.plan.final[seen] or self.announced > LEAD)
            if possible and self.random.random() >= self.late:
                self.seen[number] = seen = seen + 1
            ctx.set(ahead, {"one": seen > self.place, "two": seen > self.place + 1})
            for ring in range(number * LOOKOUT_RINGS, min((number + 1) * LOOKOUT_RINGS, config.rings)):
                if seen > self.place:
                    ctx.set(dut.parts[ring], self.plan.parts[self.place][ring])

    async def cycle(self, weights):
        """One cycle, watched."""
        ctx, dut, config = self.ctx, self.dut, self.config
        self.offer(weights)
        ctx.set(dut.beats.ready, self.random.random() >= self.stall)
        self.room, before = self.random.random() >= self.pause, self.room  # now, and a cycle ago
        ctx.set(dut.room, self.room)
        last_turn = (weights - 1) % config.beat_weights // config.transfer_weights
        at_rest = self.place > self.end[0] - config.ring + last_turn  # of the lanes, only empty parts are left
        self.rest = self.rest + 1 if at_rest and self.random.random() > 0.3 or self.rest else 0
        ctx.set(dut.resting, self.rest > 0)
        ctx.set(dut.idle, self.rest > 3)
        self._watch()
        advance = ctx.get(dut.advance)
        assert not advance or before and min(self.seen) > self.place
        await ctx.tick()
        self.place += advance

    def _expected(self, place):
        """A place as a record."""
        turn, number = place % self.config.ring, place // self.config.ring
        return {"number": number % (2 * self.config.parts_ahead), "turn": turn}

    def _watch(self):
        """What comes out in this cycle."""
        ctx, dut = self.ctx, self.dut
        assert as_ints(ctx.get(dut.wanted)) == self._expected(self.place)
        assert ctx.get(dut.rejected) is ErrorCode.NONE
        if ctx.get(dut.beats.valid):
            beat = ctx.get(dut.beats.payload)
            now = list(beat.weights)[:beat.keep.bit_length()], beat.keep, beat.last
            assert self.waiting in (None, now), "a transfer on offer has changed"
            self.waiting = None if ctx.get(dut.beats.ready) else now
            if self.waiting is None:
                assert beat.keep == (1 << len(now[0])) - 1
                self.transfers.append((now[0], bool(beat.last)))
        else:
            assert self.waiting is None, "a transfer on offer was withdrawn"
        if ctx.get(dut.requests.valid):
            request = ctx.get(dut.requests.payload)
            self.requests.append((request.turn, request.mask))
        if ctx.get(dut.segment_end):
            self.segment_ends.append(self.place)
            self.span_ends += [self.place] * ctx.get(dut.span_end)
        else:
            assert not ctx.get(dut.span_end)


async def play(bench, segments):
    """All segments; a segment is gone on with after the end of the one before, a span after a pause."""
    for number, segment in enumerate(segments):
        for _ in range(1500):
            if len(bench.segment_ends) > number:
                break
            await bench.cycle(segment.weights)
        assert len(bench.segment_ends) == number + 1, "the join does not come to an end"
        if bench.end[1]:
            for _ in range(3):
                await bench.cycle(segment.weights)
        bench.segment, bench.announced, bench.rest = number + 1, 0, 0
    for _ in range(100):
        await bench.cycle(segments[-1].weights)


@pytest.mark.parametrize("late, stall, pause", [(0, 0, 0), (0.5, 0, 0), (0, 0.6, 0), (0.3, 0.3, 0.4)])
@pytest.mark.parametrize("lanes, vector, ring, queue", [(1, 1, 1, 4), (3, 2, 1, 2), (4, 1, 4, 4), (6, 3, 3, 2),
                                                        (8, 2, 2, 8)])
def test_spans(lanes, vector, ring, queue, late, stall, pause):
    config = Config(lanes=lanes, vector=vector, word_bits=8, ring=ring, queue=queue)
    random = Random(f"{lanes} {late} {stall}")
    beat = config.beat_weights
    sizes = [1, beat, beat + 1, 3 * beat, config.transfer_weights, 9 * beat - 1, random.randint(1, 4 * beat)]
    segments = [Segment(size, 0, number in (0, 2, 5)) for number, size in enumerate(sizes)]
    plan = Plan(config, segments, random)
    dut = Join(config)

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, plan, random, late, stall, pause)
        await play(bench, segments)
        assert bench.transfers == plan.transfers
        assert bench.requests == plan.requests
        assert len(bench.segment_ends) == len(segments) and len(bench.span_ends) == 3

    run_bench(dut, testbench)


async def to_the_end(ctx, dut, config):
    """One beat of a span, all its parts there: until it is only the check that is missing."""
    ctx.set(dut.room, 1)
    ctx.set(dut.beats.ready, 1)
    ctx.set(dut.ended, 1)
    ctx.set(dut.announced, 1)
    ctx.set(dut.last_turn, config.ring - 1)
    ctx.set(dut.left, config.transfer_weights - 1)
    ctx.set(dut.last_of_span, 1)
    await ctx.tick().repeat(LEAD)
    transfers = fetched = 0
    for _ in range(12):
        transfers += ctx.get(dut.beats.valid)
        for ahead in dut.ahead:
            ctx.set(ahead, {"one": fetched < config.ring, "two": fetched + 1 < config.ring})
        fetched += ctx.get(dut.advance)
        await ctx.tick()
    assert transfers == config.ring - 1, "all but the last"


@pytest.mark.parametrize("ring", [1, 3])
@pytest.mark.parametrize("used, fits, at_zero", list(product((0, 1), repeat=3)))
def test_check(used, fits, at_zero, ring):
    """The last transfer waits until all is at rest; it is not offered if something is wrong."""
    config = Config(lanes=6, word_bits=8, ring=ring)
    error = (ErrorCode.WORDS_LEFT if not used else ErrorCode.WORDS_CRC if not fits else
             ErrorCode.END_STATE if not at_zero else ErrorCode.NONE)
    dut = Join(config)

    async def testbench(ctx):
        await to_the_end(ctx, dut, config)
        for port, value in ((dut.used, used), (dut.fits, fits), (dut.at_zero, at_zero)):
            ctx.set(port, value)
        for resting, idle in ((0, 0), (1, 0), (0, 1)):
            ctx.set(dut.resting, resting)
            ctx.set(dut.idle, idle)
            for _ in range(4):
                await ctx.tick()
                assert not ctx.get(dut.beats.valid) and ctx.get(dut.rejected) is ErrorCode.NONE
        ctx.set(dut.resting, 1)
        rejected, offered = [], 0
        for _ in range(8):
            await ctx.tick()
            rejected.append(ctx.get(dut.rejected))
            offered += ctx.get(dut.beats.valid)
        assert set(rejected) <= {ErrorCode.NONE, error} and error in rejected
        assert offered == (error is ErrorCode.NONE)

    run_bench(dut, testbench)


def test_stop_drops_the_head():
    """What waits for the check is not offered any more, whatever comes."""
    config = Config(lanes=6, word_bits=8, ring=3)
    dut = Join(config)

    async def testbench(ctx):
        await to_the_end(ctx, dut, config)
        ctx.set(dut.stop, 1)
        await ctx.tick().repeat(2)
        for port in (dut.used, dut.fits, dut.at_zero, dut.resting, dut.idle):
            ctx.set(port, 1)
        for _ in range(8):
            await ctx.tick()
            assert not ctx.get(dut.beats.valid)

    run_bench(dut, testbench)


@pytest.mark.parametrize("missing", ["parts", "room"])
def test_nothing_is_taken_while_something_is_missing(missing):
    config = Config(lanes=3)
    dut = Join(config)

    async def testbench(ctx):
        ctx.set(dut.ahead[0], {"one": 1, "two": 1})
        ctx.set(dut.ahead[1], {"one": missing != "parts", "two": missing != "parts"})
        ctx.set(dut.room, missing != "room")
        for _ in range(5):
            await ctx.tick()
            assert ctx.get(dut.wanted.number) == 0 and not ctx.get(dut.advance) and not ctx.get(dut.beats.valid)

    run_bench(dut, testbench)
