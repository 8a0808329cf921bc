"""The part queue: parts come in any order of lanes and leave in order; laps; the sweep."""

from random import Random

import pytest

from golden.config import Config
from hw.part_queue import PartQueue
from tests.support import run_bench


def random_part(random, config):
    return {"weights": [random.randint(-7, 7) for _ in range(config.vector)],
            "asked": random.randint(0, config.words_per_beat)}


async def sweep(ctx, dut, config):
    """What follows a reset."""
    ctx.set(dut.sweep, 1)
    for place in range(config.ring * config.parts_ahead):
        ctx.set(dut.place, place)
        await ctx.tick()
    ctx.set(dut.sweep, 0)


class Bench:
    """The queue beside lists of what was written; parts are shown turn by turn, beat by beat."""

    def __init__(self, ctx, dut, config, random):
        self.ctx, self.dut, self.config, self.random = ctx, dut, config, random
        self.written = [[] for _ in range(config.ring)]
        self.number = self.turn = 0  # of the part shown
        self.full = 0  # cycles in which a lane had no place

    def write(self):
        """Write a part, or none. Returns a lane and its part, or None."""
        ctx, dut, queue = self.ctx, self.dut, self.config.parts_ahead
        lanes = [lane for lane, parts in enumerate(self.written) if len(parts) - self.number < queue]
        self.full += len(lanes) < len(self.written)
        writes = bool(lanes) and self.random.random() < 0.7
        ctx.set(dut.write, writes)
        if not writes:
            return None
        lane, part = self.random.choice(lanes), random_part(self.random, self.config)
        ctx.set(dut.turn, lane)
        ctx.set(dut.number, len(self.written[lane]) % (2 * queue))
        ctx.set(dut.part, part)
        return lane, part

    async def cycle(self, eager):
        """Write, look at the next part, and go on to the one after it if it is there; ``eager``: how often."""
        ctx, dut, laps = self.ctx, self.dut, 2 * self.config.parts_ahead
        written = self.write()
        place = {"number": self.number % laps, "turn": self.turn}
        ctx.set(dut.look, place)
        ctx.set(dut.read, place)
        there = len(self.written[self.turn]) > self.number
        assert ctx.get(dut.there) == there, (self.number, self.turn)
        if there:
            shown = ctx.get(dut.shown)
            assert {"weights": list(shown.weights), "asked": shown.asked} == self.written[self.turn][self.number]
        if there and self.random.random() < eager:
            self.turn = (self.turn + 1) % self.config.ring
            self.number += self.turn == 0
        await ctx.tick()
        if written is not None:
            self.written[written[0]].append(written[1])

    async def play(self, eager, beats):
        """Until so many beats have been read."""
        for _ in range(60 * self.config.ring * beats):
            if self.number == beats:
                break
            await self.cycle(eager)
        assert self.number == beats, "a part is lost"
        self.ctx.set(self.dut.write, 0)


@pytest.mark.parametrize("ring, queue, vector", [(1, 2, 1), (1, 8, 3), (2, 2, 4), (3, 4, 1), (4, 16, 2), (5, 2, 1)])
def test_parts(ring, queue, vector):
    """Many laps; between two rounds a sweep, after which numbers begin at 0 again."""
    config = Config(lanes=ring, vector=vector, ring=ring, queue=queue)
    random = Random(f"{ring} {queue}")
    dut = PartQueue(config)

    async def testbench(ctx):
        for eager, beats in ((1, 5 * queue), (0.2, 3 * queue + 1)):
            await sweep(ctx, dut, config)
            bench = Bench(ctx, dut, config, random)
            await bench.play(eager, beats)
        assert bench.full

    run_bench(dut, testbench)


def test_a_sweep_leaves_nothing():
    """Whatever was written before, in either lap: no part of the first lap is there after it."""
    config = Config(lanes=3, ring=3, queue=4)
    dut = PartQueue(config)
    random = Random(1)

    async def testbench(ctx):
        for lane in range(3):
            for number in random.sample(range(8), 8):
                ctx.set(dut.write, 1)
                ctx.set(dut.turn, lane)
                ctx.set(dut.number, number)
                await ctx.tick()
        ctx.set(dut.write, 0)
        await sweep(ctx, dut, config)
        for lane in range(3):
            for number in range(4):
                ctx.set(dut.look, {"number": number, "turn": lane})
                assert not ctx.get(dut.there)

    run_bench(dut, testbench)
