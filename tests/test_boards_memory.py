"""Blocks of the board design around the decoder: the stream's memory, and the CRC-32 of the weights."""

import random
import zlib

import pytest

from boards.stream_source import StreamSource
from boards.weights_crc import WeightsCrc
from golden.config import Config

from .support import run_bench

CONFIG = Config(lanes=2, word_bits=16, table_log=5)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("length", [1, 2, 5, 20])
def test_words_come_in_order_and_the_last_is_marked(length, stall):
    """Some words from the memory's beginning, some written over them; as many as asked for, none more."""
    words = [31 * number + 7 for number in range(20)]
    dut, source = StreamSource(CONFIG, 20, words=words), random.Random(length)

    async def testbench(ctx):
        for address in (0, 3):
            words[address] = 999 + address
            ctx.set(dut.write, {"enable": 1, "address": address, "data": words[address]})
            await ctx.tick()
        ctx.set(dut.write.enable, 0)
        ctx.set(dut.length, length)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        found, held = [], None
        for _ in range(12 + 4 * length):
            ctx.set(dut.words.ready, ready := int(source.random() >= stall))
            on_offer = (ctx.get(dut.words.payload.data), ctx.get(dut.words.payload.last)) if ctx.get(dut.words.valid) \
                else None
            assert held in (None, on_offer)
            held = None if ready else on_offer
            if on_offer and ready:
                found.append(on_offer)
            await ctx.tick()
        assert found == [(word, number == length - 1) for number, word in enumerate(words[:length])]

    run_bench(dut, testbench)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 24])
def test_crc_of_segments(size):
    """Whole transfers and single bytes in any order, pauses in between, segments one right after the other."""
    dut, source = WeightsCrc(size), random.Random(size)
    wanted, steps = [], []
    for _ in range(4):
        content = b""
        for left in reversed(range(source.randrange(1, 9))):
            whole, data = source.random() < 0.6, source.randbytes(size)
            content += data if whole else data[:1]
            steps += [None] * source.randrange(3) + [(data, whole, left == 0)]
        wanted.append(zlib.crc32(content))

    async def testbench(ctx):
        found = []
        for step in [*steps, *[None] * 4]:
            data, whole, last = step or (b"\xaa" * size, 0, 1)
            ctx.set(dut.data, int.from_bytes(data, "little"))
            ctx.set(dut.whole, int(bool(step) and whole))
            ctx.set(dut.single, int(bool(step) and not whole))
            ctx.set(dut.last, last)
            await ctx.tick()
            if ctx.get(dut.valid):
                found.append(ctx.get(dut.crc))
        assert found == wanted

    run_bench(dut, testbench)
