"""A ring alone: words and announcements in, the tokens of `golden.scalar` out, lane by lane."""

from random import Random

import numpy as np
import pytest

from golden.config import Config
from hw.ring import Ring
from tests.lanes import Bench, Plan
from tests.support import run_bench


class RingBench(Bench):
    """Lanes that take turns."""

    async def sweep(self):
        """The first cycles after a reset."""
        self.ctx.set(self.dut.sweeping, 1)
        await self.ctx.tick().repeat(2 * self.config.ring)
        self.ctx.set(self.dut.sweeping, 0)

    async def load(self):
        ctx, dut = self.ctx, self.dut
        ctx.set(dut.turn, 0)
        ctx.set(dut.loading, 1)
        while self.orders:
            await self.tick()
        for _ in range(self.config.ring + 1):
            await self.tick()
        ctx.set(dut.loading, 0)

    def drive(self, cycle):
        turn = cycle % self.config.ring
        self.ctx.set(self.dut.turn, turn)
        self.ctx.set(self.dut.starting, cycle < self.config.ring)
        self.ctx.set(self.dut.running, cycle >= self.config.ring and not self.pauses())
        return turn


CONFIGS = {
    "C 2, halves": Config(lanes=2, vector=2, word_bits=16, table_log=6, max_run=3, bins=7, ring=2),
    "C 3, whole words": Config(lanes=3, word_bits=8, table_log=6, raw_bits=1, bins=31, ring=3, preload=3),
    "C 4, V 3, rests": Config(lanes=4, vector=3, word_bits=32, table_log=5, max_run=16, bins=3, ring=4, queue=2),
    "C 7, V 8": Config(lanes=7, vector=8, word_bits=16, table_log=7, max_run=4, bins=15, ring=7, queue=8),
}


@pytest.mark.parametrize("idle", [0, 0.6])
@pytest.mark.parametrize("name", CONFIGS)
def test_tokens(name, idle):
    """Two spans, with and without pauses."""
    config = CONFIGS[name]
    plan = Plan(config, len(name))
    dut = Ring(config)

    async def testbench(ctx):
        bench = RingBench(ctx, dut, config, plan, Random(name), idle)
        await bench.sweep()
        await bench.spans()

    run_bench(dut, testbench)


def test_a_wrong_end_state_is_seen():
    """With other words in the middle of the stream the lanes come to rest all the same, and not all in state 0."""
    config = CONFIGS["C 4, V 3, rests"]
    plan = Plan(config, 3)
    plan.words = [word ^ 0x1248 for word in plan.words]
    dut = Ring(config)

    async def testbench(ctx):
        bench = RingBench(ctx, dut, config, plan, Random(1), 0)
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
