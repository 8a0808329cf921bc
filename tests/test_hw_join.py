"""The join: when a beat is offered, what it holds, what is asked for, and the check at the end of a span."""

from random import Random

import pytest

from golden.config import Config
from hw.errors import ErrorCode
from hw.join import Join
from tests.support import run_bench

CONFIG = Config(lanes=3, vector=2, word_bits=8)



def fill(ctx, dut, **current):
    """All lanes have filled their parts of a beat."""
    ctx.set(dut.current, {"lanes": [{"valid": 1, "need": 2}] * CONFIG.lanes} | current)
    ctx.set(dut.running, 1)
    ctx.set(dut.requests.ready, 1)
    for lane in range(CONFIG.lanes):
        ctx.set(dut.parts[lane].payload.asked, 1)
        ctx.set(dut.parts[lane].valid, 1)


def test_what_a_beat_holds():
    dut = Join(CONFIG)
    random = Random(1)

    async def testbench(ctx):
        for _ in range(200):
            weights = [[random.randint(-7, 7) for _ in range(2)] for _ in range(3)]
            asked = [random.randint(0, 2) for _ in range(3)]
            need = [random.randint(0, 2) for _ in range(3)]
            valid = [random.random() < 0.8 for _ in range(3)]
            ready, room, last, running = (random.random() < 0.7 for _ in range(4))
            ctx.set(dut.current, {"lanes": [{"valid": 1, "need": k} for k in need], "last": last})
            for lane in range(3):
                ctx.set(dut.parts[lane].payload, {"weights": weights[lane], "asked": asked[lane]})
                ctx.set(dut.parts[lane].valid, valid[lane])
            ctx.set(dut.beats.ready, ready)
            ctx.set(dut.requests.ready, room)
            ctx.set(dut.running, running)
            offered = all(valid) and room and running
            assert ctx.get(dut.beats.valid) == offered
            assert ctx.get(dut.retire) == (offered and ready)
            assert [ctx.get(dut.parts[lane].ready) for lane in range(3)] == [offered and ready] * 3
            assert ctx.get(dut.requests.valid) == (offered and ready and any(asked))
            request = ctx.get(dut.requests.payload)
            assert [(request >> 2 * lane & 3).bit_count() for lane in range(3)] == asked
            beat = ctx.get(dut.beats.payload)
            assert list(beat.weights) == sum(weights, [])
            assert beat.keep == sum((1 << k) - 1 << 2 * lane for lane, k in enumerate(need)) and beat.last == last
            await ctx.tick()

    run_bench(dut, testbench)


@pytest.mark.parametrize("used, fits, at_zero, error", [
    (1, 1, 0b111, ErrorCode.NONE),
    (0, 1, 0b111, ErrorCode.WORDS_LEFT),
    (0, 0, 0b000, ErrorCode.WORDS_LEFT),
    (1, 0, 0b111, ErrorCode.WORDS_CRC),
    (1, 0, 0b101, ErrorCode.WORDS_CRC),
    (1, 1, 0b011, ErrorCode.END_STATE),
    (1, 1, 0b110, ErrorCode.END_STATE),
])
def test_check(used, fits, at_zero, error):
    """The last beat of a span waits for all words, and a cycle more; it is not offered if something is wrong."""
    dut = Join(CONFIG)

    async def testbench(ctx):
        fill(ctx, dut, last=1, last_of_span=1)
        ctx.set(dut.beats.ready, 1)
        for port, value in ((dut.used, used), (dut.fits, fits), (dut.at_zero, at_zero)):
            ctx.set(port, value)
        for _ in range(4):
            assert not ctx.get(dut.beats.valid) and ctx.get(dut.rejected) is ErrorCode.NONE
            await ctx.tick()
        ctx.set(dut.idle, 1)
        assert not ctx.get(dut.beats.valid)
        await ctx.tick()
        assert ctx.get(dut.rejected) is error
        assert ctx.get(dut.beats.valid) == (error is ErrorCode.NONE)
        assert not ctx.get(dut.requests.valid)

    run_bench(dut, testbench)


def test_the_check_holds_until_the_beat_is_taken():
    dut = Join(CONFIG)

    async def testbench(ctx):
        fill(ctx, dut, last_of_span=1)
        for port, value in ((dut.used, 1), (dut.fits, 1), (dut.at_zero, 7), (dut.idle, 1)):
            ctx.set(port, value)
        await ctx.tick()
        for _ in range(5):
            assert ctx.get(dut.beats.valid)
            await ctx.tick()
        ctx.set(dut.beats.ready, 1)
        await ctx.tick()
        assert not ctx.get(dut.beats.valid), "the verdict must not serve the next span"

    run_bench(dut, testbench)


def test_only_the_end_of_a_span_is_checked():
    dut = Join(CONFIG)

    async def testbench(ctx):
        fill(ctx, dut, last=1)
        ctx.set(dut.idle, 1)
        for _ in range(3):
            assert ctx.get(dut.beats.valid) and ctx.get(dut.rejected) is ErrorCode.NONE
            await ctx.tick()

    run_bench(dut, testbench)
