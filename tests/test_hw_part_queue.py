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
    ctx.set(dut.sweep, 1)
    for place in range(config.ring * config.parts_ahead):
        ctx.set(dut.place, place)
        await ctx.tick()
    ctx.set(dut.sweep, 0)


async def play(ctx, dut, config, random, eager, count):
    """Write and read so many parts; ``eager``: how often a part is taken that is there."""
    ring, queue = config.ring, config.parts_ahead
    written, turn, number = [[] for _ in range(ring)], 0, 0
    full = 0
    while number < count:
        lanes = [lane for lane in range(ring) if len(written[lane]) - number < queue]
        full += len(lanes) < ring
        ctx.set(dut.write, 0)
        if lanes and random.random() < 0.7:
            lane, part = random.choice(lanes), random_part(random, config)
            ctx.set(dut.write, 1)
            ctx.set(dut.turn, lane)
            ctx.set(dut.number, len(written[lane]) % (2 * queue))
            ctx.set(dut.part, part | {"lap": random.getrandbits(1)})
        ctx.set(dut.read_turn, turn)
        ctx.set(dut.read_number, number % (2 * queue))
        there = len(written[turn]) > number
        assert ctx.get(dut.there) == there, (number, turn)
        if there:
            shown = ctx.get(dut.shown)
            assert {"weights": list(shown.weights), "asked": shown.asked} == written[turn][number]
        await ctx.tick()
        if ctx.get(dut.write):
            written[lane].append(part)
        if there and random.random() < eager:
            turn = (turn + 1) % ring
            number += turn == 0
    ctx.set(dut.write, 0)
    return full


@pytest.mark.parametrize("ring, queue, vector", [(1, 2, 1), (1, 8, 3), (2, 2, 4), (3, 4, 1), (4, 16, 2), (5, 2, 1)])
def test_parts(ring, queue, vector):
    """Many laps; between two rounds a sweep, after which numbers begin at 0 again."""
    config = Config(lanes=ring, vector=vector, ring=ring, queue=queue)
    random = Random(f"{ring} {queue}")
    dut = PartQueue(config)

    async def testbench(ctx):
        for eager, count in ((0.9, 5 * queue), (0.2, 3 * queue + 1)):
            await sweep(ctx, dut, config)
            full = await play(ctx, dut, config, random, eager, count)
        assert full

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
                ctx.set(dut.read_turn, lane)
                ctx.set(dut.read_number, number)
                assert not ctx.get(dut.there)

    run_bench(dut, testbench)
