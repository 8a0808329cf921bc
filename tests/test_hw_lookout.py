"""The lookout against lists of what is there."""

from random import Random

import pytest

from golden.config import Config
from hw.lookout import Lookout
from tests.support import as_ints, run_bench


class Bench:
    """The lookout beside the number of turns of which each ring has its parts, counted over all beats."""

    def __init__(self, ctx, dut, config, rings, random):
        self.ctx, self.dut, self.config, self.random = ctx, dut, config, random
        self.complete = [0] * rings
        self.found = self.fetched = self.most = 0

    async def cycle(self, late, eager):
        """``late``: how often a ring has no new part; ``eager``: how often the join goes on where it can."""
        ctx, dut, config = self.ctx, self.dut, self.config
        number, turn = divmod(self.found, config.ring)
        ahead = self.found - self.fetched
        assert as_ints(ctx.get(dut.place)) == {"number": number % (2 * config.parts_ahead), "turn": turn}
        assert as_ints(ctx.get(dut.ahead)) == {"one": ahead >= 1, "two": ahead >= 2}
        there = [complete > self.found for complete in self.complete]
        advance = ahead > 0 and self.random.random() < eager
        ctx.set(dut.there, sum(bit << ring for ring, bit in enumerate(there)))
        ctx.set(dut.advance, advance)
        self.found += all(there) and ahead < 3
        self.fetched += advance
        self.most = max(self.most, self.found - self.fetched)
        await ctx.tick()
        for ring, complete in enumerate(self.complete):
            if self.random.random() >= late and complete < self.fetched + config.ring * config.parts_ahead:
                self.complete[ring] += 1


@pytest.mark.parametrize("late, eager", [(0, 1), (0.3, 1), (0, 0.4), (0.2, 0.7)])
@pytest.mark.parametrize("ring, queue, rings", [(1, 4, 1), (3, 4, 2), (4, 8, 2)])
def test_turns(ring, queue, rings, late, eager):
    """Each turn is found once, as soon as all parts are there, three ahead at most."""
    config = Config(lanes=ring * rings, ring=ring, queue=queue)
    random = Random(f"{ring} {late} {eager}")
    dut = Lookout(config, rings)

    async def testbench(ctx):
        await ctx.tick()
        bench = Bench(ctx, dut, config, rings, random)
        for _ in range(300):
            await bench.cycle(late, eager)
        assert bench.fetched > 60
        assert eager == 1 or bench.most == 3
        if (late, eager) == (0, 1):
            assert bench.fetched > 290, "a turn per cycle"

    run_bench(dut, testbench)


def test_nothing_is_found_during_a_sweep():
    config = Config(lanes=2)
    dut = Lookout(config, 2)

    async def testbench(ctx):
        ctx.set(dut.there, 3)
        ctx.set(dut.sweeping, 1)
        for _ in range(10):
            assert not ctx.get(dut.ahead.one) and ctx.get(dut.place.number) == 0
            await ctx.tick()
        ctx.set(dut.sweeping, 0)
        await ctx.tick().repeat(2)
        assert ctx.get(dut.ahead.one)

    run_bench(dut, testbench)
