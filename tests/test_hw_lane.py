"""A lane alone: words and announcements in, the tokens of `golden.scalar` out."""

from random import Random

import pytest

from golden.config import Config
from hw.lane import Lane
from tests.lanes import Bench, Plan
from tests.support import run_bench


class LaneBench(Bench):
    """A lane that has no turns."""

    async def load(self):
        ctx, dut = self.ctx, self.dut
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        while self.orders:
            await self.tick()
        await self.tick()  # the start state is read two cycles after the last word came, no later

    def drive(self, cycle):
        self.ctx.set(self.dut.starting, cycle == 0)
        self.ctx.set(self.dut.running, not self.pauses())
        return 0


CONFIGS = {
    "V 1, M 1": Config(lanes=1, word_bits=16, table_log=5, bins=7),
    "V 1, M 1, queue 2": Config(lanes=1, word_bits=32, table_log=4, bins=3, queue=2),
    "V 2, M 5, raw bits": Config(lanes=1, vector=2, word_bits=8, table_log=5, max_run=5, raw_bits=2, bins=31,
                                 preload=4),
    "V 8, M 8": Config(lanes=1, vector=8, word_bits=32, table_log=6, max_run=8, bins=7),
    "V 3, M 4": Config(lanes=1, vector=3, word_bits=16, table_log=6, max_run=4, bins=7, queue=4),
    "V 3, M 16, queue 2": Config(lanes=1, vector=3, word_bits=128, table_log=3, max_run=16, bins=3, queue=2),
    "V 8, M 1": Config(lanes=1, vector=8, word_bits=64, table_log=5, bins=7),
    "W 8, K 8": Config(lanes=1, word_bits=8, table_log=7, raw_bits=1, bins=31),
    "W 16, K 16": Config(lanes=1, vector=4, word_bits=16, table_log=7, max_run=2, raw_bits=7, bins=255),
}


@pytest.mark.parametrize("idle", [0, 0.6])
@pytest.mark.parametrize("name", CONFIGS)
def test_tokens(name, idle):
    """Two spans, with and without pauses."""
    config = CONFIGS[name]
    plan = Plan(config, len(name), 60)
    dut = Lane(config)

    async def testbench(ctx):
        bench = LaneBench(ctx, dut, config, plan, Random(name), idle)
        await bench.spans()
        assert bench.waited or not idle or config.parts_ahead > 4

    run_bench(dut, testbench)


def test_a_token_per_cycle():
    """With words and beats as fast as they are asked for, nothing is lost but at the ends of segments."""
    config = Config(lanes=1, word_bits=64, table_log=5, bins=7, preload=8)
    plan = Plan(config, 2, 400)
    dut = Lane(config)
    edges = []

    async def look(ctx):
        async for *_, taken in ctx.tick().sample(dut.token.taken):
            edges.append(taken)

    async def testbench(ctx):
        bench = LaneBench(ctx, dut, config, plan, Random(1), 0)
        await bench.span()
        assert bench.tokens == plan.tokens

    run_bench(dut, testbench, look)
    assert "1" * 390 in "".join(map(str, edges))


@pytest.mark.parametrize("name", ["V 1, M 1", "V 2, M 5, raw bits"])
def test_a_wrong_end_state_is_seen(name):
    """With other words in the middle of the stream the lane comes to rest all the same, and not in state 0."""
    config = CONFIGS[name]
    plan = Plan(config, 3, 60)
    place = len(plan.words) // 2
    plan.words[place:] = [word ^ 0x48 for word in plan.words[place:]]
    dut = Lane(config)

    async def testbench(ctx):
        bench = LaneBench(ctx, dut, config, plan, Random(1), 0)
        with pytest.raises(AssertionError):
            await bench.span()
        assert bench.retired == sum(plan.beats)
        assert ctx.get(dut.resting) and not ctx.get(dut.at_zero)

    run_bench(dut, testbench)
