"""The phases of the decoder: sweep, turns, spans, how it stops."""

import pytest

from golden.config import Config
from hw.control import Control
from hw.errors import ErrorCode
from tests.support import run_bench

PATIENCE = 6  # cycles for a phase to follow from the one before


async def until(ctx, signal, most=PATIENCE):
    """Wait for a signal; returns the cycles that took."""
    for cycle in range(most + 1):
        if ctx.get(signal):
            return cycle
        await ctx.tick()
    raise AssertionError(f"{signal.name} does not come")


async def to_the_span(ctx, dut):
    """Through the header to the begin of a span, and to the end of its preload."""
    ctx.set(dut.header_done, 1)
    await until(ctx, dut.begin, 200)
    await ctx.tick()
    ctx.set(dut.preloading, 1)
    assert not ctx.get(dut.begin)
    for _ in range(5):
        assert ctx.get(dut.loading) and not ctx.get(dut.starting) and not ctx.get(dut.running)
        await ctx.tick()
    ctx.set(dut.preloading, 0)


async def to_the_run(ctx, dut, config):
    """The start states: each lane has its turn; then the lanes run."""
    await to_the_span(ctx, dut)
    await until(ctx, dut.starting)
    for turn in range(config.ring):
        assert ctx.get(dut.starting) and not ctx.get(dut.running) and not ctx.get(dut.loading)
        assert ctx.get(dut.turn) == turn
        await ctx.tick()
    assert not ctx.get(dut.starting)


async def end_span(ctx, dut, stream_end):
    """The last part of a span is taken."""
    ctx.set(dut.span_end, 1)
    ctx.set(dut.stream_end, stream_end)
    await ctx.tick()
    ctx.set(dut.span_end, 0)


@pytest.mark.parametrize("ring, queue", [(1, 2), (1, 4), (3, 4), (4, 2), (5, 16)])
def test_sweep(ring, queue):
    """Every place of the part queues once, from the first cycle on; no span begins before it is over."""
    config = Config(lanes=ring, ring=ring, queue=queue)
    dut = Control(config)

    async def testbench(ctx):
        ctx.set(dut.header_done, 1)
        for place in range(ring * queue):
            assert ctx.get(dut.sweeping) and ctx.get(dut.place) == place and not ctx.get(dut.begin)
            await ctx.tick()
        await until(ctx, dut.begin)
        for _ in range(10):
            assert not ctx.get(dut.sweeping)
            await ctx.tick()

    run_bench(dut, testbench)


@pytest.mark.parametrize("ring", [1, 2, 3, 4, 7])
def test_turns(ring):
    """Turns go round while the lanes run, beginning with the start states; spans follow each other; the end."""
    config = Config(lanes=ring, ring=ring, queue=2)
    dut = Control(config)

    async def testbench(ctx):
        for stream_end in (0, 1):
            await to_the_run(ctx, dut, config)
            for cycle in range(3 * ring):
                assert ctx.get(dut.running) and ctx.get(dut.turn) == cycle % ring
                await ctx.tick()
            await end_span(ctx, dut, stream_end)
            assert not ctx.get(dut.running)
        for _ in range(4):
            assert not ctx.get(dut.done)
            await ctx.tick()
        ctx.set(dut.drained, 1)
        await until(ctx, dut.done)
        assert not ctx.get(dut.busy) and not ctx.get(dut.error).value

    run_bench(dut, testbench)


async def feed(ctx, dut, count):
    """Offer transfers 1 to ``count``, the last of them marked, as they are taken; returns after the last."""
    for number in range(1, count + 1):
        ctx.set(dut.transfers.payload, {"data": number, "last": number == count})
        ctx.set(dut.transfers.valid, 1)
        taken = False
        while not taken:
            *_, taken = await ctx.tick().sample(dut.transfers.ready)
    ctx.set(dut.transfers.valid, 0)


@pytest.mark.parametrize("stalled", [0, 1, 3])
def test_words_go_where_they_are_wanted(stalled):
    """In order, none lost and none twice, header first; busy from the first on."""
    config = Config(lanes=2, ring=2, queue=2)
    dut = Control(config)
    header, span = [], []

    async def take(ctx, words, found, count):
        while len(found) < count:
            for _ in range(stalled):
                await ctx.tick()
            ctx.set(words.ready, 1)
            *_, valid, payload = await ctx.tick().sample(words.valid, words.payload)
            found += [payload] * valid
            ctx.set(words.ready, 0)

    async def testbench(ctx):
        assert not ctx.get(dut.busy)
        await take(ctx, dut.header_words, header, 4)
        assert ctx.get(dut.busy)
        await to_the_run(ctx, dut, config)
        await take(ctx, dut.span_words, span, 5)

    async def source(ctx):
        await feed(ctx, dut, 9)

    run_bench(dut, testbench, source)
    assert (header, span) == ([1, 2, 3, 4], [5, 6, 7, 8, 9])


@pytest.mark.parametrize("where", ["header", "preload", "run"])
def test_truncated(where):
    """A word is wanted after the last transfer: the error, and the end of everything."""
    config = Config(lanes=2, ring=2, queue=2)
    dut = Control(config)

    async def testbench(ctx):
        await feed(ctx, dut, 1)
        ctx.set(dut.header_words.ready, 1)
        await ctx.tick()
        words = dut.header_words if where == "header" else dut.span_words
        ctx.set(dut.header_words.ready, 0)
        if where == "preload":
            await to_the_span(ctx, dut)
        elif where == "run":
            await to_the_run(ctx, dut, config)
        assert not ctx.get(dut.error).value
        ctx.set(words.ready, 1)
        for _ in range(PATIENCE):
            await ctx.tick()
        if where == "preload":
            for _ in range(config.ring):
                await ctx.tick()
        assert ctx.get(dut.error) is ErrorCode.TRUNCATED
        assert not ctx.get(dut.busy) and not ctx.get(dut.running) and not ctx.get(dut.done)

    run_bench(dut, testbench)


@pytest.mark.parametrize("in_header", [True, False])
def test_errors_of_others(in_header):
    """What the header or the check says for a cycle stays; further transfers are taken and mean nothing."""
    config = Config(lanes=3, ring=3, queue=2)
    dut = Control(config)

    async def testbench(ctx):
        if not in_header:
            await to_the_run(ctx, dut, config)
        port, code = (dut.header_error, ErrorCode.COUNTS) if in_header else (dut.rejected, ErrorCode.END_STATE)
        ctx.set(port, code)
        await ctx.tick()
        ctx.set(port, ErrorCode.NONE)
        for _ in range(PATIENCE):
            await ctx.tick()
        assert ctx.get(dut.error) is code and not ctx.get(dut.busy) and not ctx.get(dut.running)
        await feed(ctx, dut, 6)
        for _ in range(PATIENCE):
            assert not ctx.get(dut.transfers.ready), "all of the stream has been taken"
            await ctx.tick()
        assert ctx.get(dut.error) is code

    run_bench(dut, testbench)
