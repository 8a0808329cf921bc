"""The bit reservoir of a lane alone against a plain queue of bits."""

from collections import deque
from random import Random

import pytest

from golden.config import Config
from hw.reservoir import Reservoir
from tests.support import run_bench

CASES = [(8, 2, 7, 1), (8, 3, 5, 0), (8, 4, 1, 7), (16, 2, 7, 7), (16, 3, 4, 2), (32, 2, 7, 0), (32, 4, 7, 3),
         (64, 2, 6, 1), (64, 3, 7, 7)]


@pytest.mark.parametrize("idle", [0.0, 0.6])
@pytest.mark.parametrize("word_bits, preload, table_log, raw_bits", CASES)
def test_against_a_queue_of_bits(word_bits, preload, table_log, raw_bits, idle):
    random = Random(f"{word_bits} {preload} {table_log} {idle}")
    config = Config(lanes=1, word_bits=word_bits, preload=preload, table_log=table_log, raw_bits=raw_bits)
    dut = Reservoir(config)
    width = config.token_bits
    seen = {"full": 0, "starved": 0, "crossed": 0}

    async def testbench(ctx):
        bits, pointer = deque(), 0
        for _ in range(800):
            ctx.set(dut.pointer, pointer)
            enough = len(bits) >= width
            assert ctx.get(dut.enough) == enough
            known = min(len(bits), width)
            assert ctx.get(dut.window) & (1 << known) - 1 == sum(bits[i] << i for i in range(known))
            take = random.randint(0, width) if enough and random.random() < 0.8 else 0
            crosses = pointer + take >= word_bits
            ctx.set(dut.shift, crosses)
            room = preload - -(-len(bits) // word_bits) + crosses
            word, push = random.getrandbits(word_bits), bool(room) and random.random() >= idle
            ctx.set(dut.words, {"enable": push, "data": word})
            clear = random.random() < 0.01
            ctx.set(dut.clear, clear)
            seen["full"] += room == 0
            seen["starved"] += not enough
            seen["crossed"] += crosses
            await ctx.tick()
            pointer = (pointer + take) % word_bits
            for _ in range(take):
                bits.popleft()
            if push:
                bits.extend(word >> i & 1 for i in range(word_bits))
            if clear:
                bits.clear()
                pointer = 0

    run_bench(dut, testbench)
    assert all(seen.values()), f"this test has not met every case: {seen}"
