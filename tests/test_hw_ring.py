"""A ring alone: words and announcements in, the tokens of `golden.scalar` out, lane by lane."""

from collections import deque
from random import Random

import numpy as np
import pytest

from golden.config import Config
from golden.scalar import trace
from golden.stream import lane_counts
from golden.tokens import split_lanes
from hw.ring import Ring
from sim.streams import Layer, alphabets, make_stream
from tests.support import run_bench


class Plan:
    """One span: its words, what each lane owns of each beat, and the tokens expected of each lane."""

    def __init__(self, config, seed):
        random = Random(seed)
        choice = alphabets(config)
        sizes = [5 * config.beat_weights + 1, 1, random.randint(1, 70), 2 * config.beat_weights]
        stream, weights = make_stream(config, [
            Layer(size, random.choice(choice), random.choice([0.4, 1.5])) for size in sizes], seed)
        data, size = stream.words[0].tobytes(), config.word_bits // 8
        self.words = [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]
        self.tables, self.segments = stream.tables, stream.segments
        self.needs = [lane_counts(segment.weights, config.lanes, config.vector) for segment in self.segments]
        self.beats = [-(-segment.weights // config.beat_weights) for segment in self.segments]
        owned = [split_lanes(values, config.lanes, config.vector) for values in weights]
        self.tokens = [[(token.length - 1, self._value(owned[token.segment][lane], token.first + token.length - 1))
                        for token in tokens] for lane, tokens in enumerate(trace(stream)[0])]

    @staticmethod
    def _value(sequence, place):
        """The token's weight, or 0 if the segment ends before it."""
        return int(sequence[place]) if place < len(sequence) else 0


class Bench:
    """The ring with all that is around it, cycle by cycle."""

    def __init__(self, ctx, dut, config, plan, random, idle):
        self.ctx, self.dut, self.config, self.plan, self.random, self.idle = ctx, dut, config, plan, random, idle
        self.cycle = 0  # since the turns began
        self.lookups = deque([(0, 0)] * config.entry_latency)
        self.base = 0  # beats before this span
        self.begin()

    def begin(self):
        """A new span."""
        self.segment = self.retired = self.before = 0  # retired: beats of the span; before: those of earlier segments
        self.tokens = [[] for _ in range(self.config.ring)]
        self.asked = [[] for _ in range(self.config.ring)]  # of each part that is complete
        self.over = [0] * self.config.ring
        self.words = iter(self.plan.words)
        self.orders = deque((lane, place == 0) for lane in range(self.config.ring)
                            for place in range(self.config.preload))

    async def tick(self):
        """One cycle: look-up, word, then what the token says."""
        ctx, dut, config = self.ctx, self.dut, self.config
        lookup = ctx.get(dut.lookup)
        self.lookups.append((lookup.table, lookup.state))
        table, state = self.lookups.popleft()
        entries = self.plan.tables[min(table, len(self.plan.tables) - 1)].entries
        ctx.set(dut.entry, entries[state]._asdict())
        ctx.set(dut.words, {"enable": 0})
        if self.orders and self.random.random() >= self.idle:
            lane, first = self.orders.popleft()
            ctx.set(dut.words, {"enable": 1, "turn": lane, "first": first, "data": next(self.words, 0)})
        token = ctx.get(dut.token)
        if token.taken:
            self.tokens[token.turn].append((token.run, token.value))
        if token.complete:
            part = self.base + len(self.asked[token.turn])
            assert token.part == part % (2 * config.parts_ahead)
            self.asked[token.turn].append(token.asked)
            self.over[token.turn] += token.over
            assert token.over == (len(self.asked[token.turn]) == self.end)
        await ctx.tick()

    @property
    def end(self):
        """Beats of the span up to the end of the segment at hand."""
        return self.before + self.plan.beats[self.segment]

    def announce(self, turn):
        """The beats that may be worked on, as of a turn."""
        plan, segment = self.plan, self.segment
        parts = min(self.retired + self.config.parts_ahead, self.end)
        left = int(plan.needs[segment][turn]) - (plan.beats[segment] - 1) * self.config.vector
        self.ctx.set(self.dut.oldest, (self.base + self.retired) % (2 * self.config.parts_ahead))
        self.ctx.set(self.dut.announced, {
            "parts": (self.base + parts) % (2 * self.config.parts_ahead), "ended": parts == self.end,
            "need": max(left, 0) if parts == self.end else self.random.randint(0, self.config.vector),
            "table": plan.segments[segment].table,
            "raw_bits": plan.tables[plan.segments[segment].table].alphabet.raw_bits})

    def retire(self):
        """Hand out a beat that all lanes have completed; its tokens' words are then asked for, but at the very end."""
        if self.retired < min(map(len, self.asked)) and self.random.random() >= self.idle:
            last = self.retired == sum(self.plan.beats) - 1
            for lane in range(self.config.ring) if not last else ():
                self.orders.extend([(lane, False)] * self.asked[lane][self.retired])
            self.retired += 1
            if self.retired == self.end and self.segment < len(self.plan.beats) - 1:
                self.before = self.end
                self.segment += 1

    async def sweep(self):
        """The first cycles after a reset."""
        self.ctx.set(self.dut.sweeping, 1)
        await self.ctx.tick().repeat(2 * self.config.ring)
        self.ctx.set(self.dut.sweeping, 0)

    async def span(self):
        """A whole span, from the preload to the rest."""
        ctx, dut, config = self.ctx, self.dut, self.config
        ctx.set(dut.turn, 0)
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        ctx.set(dut.loading, 1)
        while self.orders:
            await self.tick()
        for _ in range(config.ring + 1):
            await self.tick()
        ctx.set(dut.loading, 0)
        for cycle in range(4000):
            turn = cycle % config.ring
            ctx.set(dut.turn, turn)
            ctx.set(dut.starting, cycle < config.ring)
            ctx.set(dut.running, cycle >= config.ring)
            self.announce(turn)
            if ctx.get(dut.resting) and self.retired == sum(self.plan.beats):
                break
            await self.tick()
            self.retire()
        assert ctx.get(dut.resting) and ctx.get(dut.at_zero)
        ctx.set(dut.running, 0)
        self.base += sum(self.plan.beats)


CONFIGS = {
    "C 1": Config(lanes=1, word_bits=16, table_log=5, bins=7),
    "C 1, V 2, rests, raw bits": Config(lanes=1, vector=2, word_bits=8, table_log=5, max_run=5, raw_bits=2, bins=31,
                                        preload=4),
    "C 2, halves": Config(lanes=2, vector=2, word_bits=16, table_log=6, max_run=3, bins=7, ring=2),
    "C 3, whole words": Config(lanes=3, word_bits=8, table_log=6, raw_bits=1, bins=31, ring=3, preload=3),
    "C 4, V 3, rests": Config(lanes=4, vector=3, word_bits=32, table_log=5, max_run=16, bins=3, ring=4, queue=2),
    "C 7, V 8": Config(lanes=7, vector=8, word_bits=16, table_log=7, max_run=4, bins=15, ring=7, queue=8),
}


@pytest.mark.parametrize("idle", [0, 0.6])
@pytest.mark.parametrize("name", CONFIGS)
def test_tokens(name, idle):
    """Two spans, the second over what the first has left; ``idle``: how often no word comes and no beat is retired."""
    config = CONFIGS[name]
    plan, random = Plan(config, len(name)), Random(name)
    dut = Ring(config)

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, plan, random, idle)
        await bench.sweep()
        for _ in range(2):
            bench.begin()
            await bench.span()
            assert bench.tokens == plan.tokens
            assert [len(asked) for asked in bench.asked] == [sum(plan.beats)] * config.ring
            assert bench.over == [len(plan.segments)] * config.ring

    run_bench(dut, testbench)


def test_a_wrong_end_state_is_seen():
    """With other words in the middle of the stream the lanes come to rest all the same, and not all in state 0."""
    config = CONFIGS["C 4, V 3, rests"]
    plan = Plan(config, 3)
    plan.words = [word ^ 0x1248 for word in plan.words]
    dut = Ring(config)

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, plan, Random(1), 0)
        await bench.sweep()
        with pytest.raises(AssertionError):
            await bench.span()
        assert ctx.get(dut.resting) and not ctx.get(dut.at_zero)

    run_bench(dut, testbench)


def test_what_is_expected_of_a_lane():
    """The plan itself: the tokens of the lanes cover the weights."""
    plan = Plan(CONFIGS["C 4, V 3, rests"], 1)
    covered = [sum(run + 1 for run, _ in tokens) for tokens in plan.tokens]
    assert np.all(np.array(covered) >= sum(plan.needs))
