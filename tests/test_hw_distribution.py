"""Words to lanes in need order."""

import zlib
from random import Random

import pytest

from golden.config import Config
from hw.distribution import WordDistribution
from tests.support import feeder, run_bench


def random_requests(random, config, count):
    """Per beat how many words each lane asks for, at least one in all."""
    requests = []
    while len(requests) < count:
        asked = [random.choice([0, 0, random.randint(0, config.words_per_beat)]) for _ in range(config.lanes)]
        if any(asked):
            requests.append(asked)
    return requests


def payload_of(asked, per_lane):
    """A request on its port: per lane a group of ones, lowest first."""
    return sum(((1 << k) - 1) << lane * per_lane for lane, k in enumerate(asked))


def need_order(config, requests):
    """The lanes in the order of their words."""
    preload = [lane for lane in range(config.lanes) for _ in range(config.preload)]
    return preload + [lane for asked in requests for lane, k in enumerate(asked) for _ in range(k)]


async def begin(ctx, dut, words, word_bits, wrong=0):
    data = b"".join(word.to_bytes(word_bits // 8, "little") for word in words)
    ctx.set(dut.words, len(words))
    ctx.set(dut.crc, zlib.crc32(data) ^ wrong)
    ctx.set(dut.begin, 1)
    await ctx.tick()
    ctx.set(dut.begin, 0)


async def watch(ctx, dut, config, count):
    """So many words as they are handed out: (lane, word)."""
    given, preloaded = [], config.lanes * config.preload
    for _ in range(3000):
        if len(given) == count:
            break
        lanes = ctx.get(dut.to_lane)
        if lanes:
            assert lanes.bit_count() == 1
            assert ctx.get(dut.preloading) == (len(given) < preloaded)
            assert ctx.get(dut.preloading) or not ctx.get(dut.idle)
            given.append((lanes.bit_length() - 1, ctx.get(dut.word)))
        await ctx.tick()
    return given


@pytest.mark.parametrize("idle, pause", [(0, 0), (0.6, 0), (0, 0.7), (0.3, 0.3)])
@pytest.mark.parametrize("lanes, vector, word_bits, preload, stored", [
    (1, 1, 8, None, 1.0), (3, 1, 16, None, 0.8), (4, 4, 8, 7, 1.0), (8, 2, 8, None, 0.3), (2, 4, 16, None, 0.0),
    (2, 1, 128, 3, 0.9),
])
def test_need_order(lanes, vector, word_bits, preload, stored, idle, pause):
    """``stored``: the part of all words that is there; the rest are zero words at the end."""
    random = Random(f"{lanes} {stored} {idle} {pause}")
    config = Config(lanes=lanes, vector=vector, word_bits=word_bits, preload=preload, table_log=7)
    dut = WordDistribution(config)
    spans = []
    for _ in range(2):
        requests = random_requests(random, config, 25)
        order = need_order(config, requests)
        spans.append((requests, order, [random.getrandbits(word_bits) for _ in range(int(stored * len(order)))]))

    async def testbench(ctx):
        for _, order, words in spans:
            await begin(ctx, dut, words, word_bits)
            given = await watch(ctx, dut, config, len(order))
            assert given == list(zip(order, words + [0] * (len(order) - len(words))))
            await ctx.tick()
            assert ctx.get(dut.used) and ctx.get(dut.fits) and ctx.get(dut.idle)
            assert not ctx.get(dut.to_lane)

    async def requests(ctx):
        for asked, *_ in spans:
            await ctx.posedge(dut.preloading)
            while ctx.get(dut.preloading):
                await ctx.tick()
            payloads = [payload_of(lanes, config.words_per_beat) for lanes in asked]
            await feeder(dut.requests, payloads, random, pause)(ctx)

    words = [word for *_, words in spans for word in words]
    run_bench(dut, testbench, requests, feeder(dut.source, words, random, idle))


@pytest.mark.parametrize("change, used, fits", [("none", 1, 1), ("crc", 1, 0), ("word", 1, 0), ("one more", 0, 1)])
def test_check(change, used, fits):
    config = Config(lanes=2, word_bits=16)
    dut = WordDistribution(config)
    words = [1, 2, 3, 0x8004]

    async def testbench(ctx):
        await begin(ctx, dut, words + [5] * (change == "one more"), 16, wrong=change == "crc")
        await watch(ctx, dut, config, 4)
        await ctx.tick()
        assert ctx.get(dut.used) == used
        if used:
            assert ctx.get(dut.fits) == fits

    sent = [1, 2, 3, 4] if change == "word" else words
    run_bench(dut, testbench, feeder(dut.source, sent, Random(1)))


def test_hungry_only_for_stored_words():
    config = Config(lanes=1, word_bits=16)
    dut = WordDistribution(config)

    async def testbench(ctx):
        assert not ctx.get(dut.hungry)
        await begin(ctx, dut, [7], 16)
        for _ in range(3):
            assert ctx.get(dut.hungry) and not ctx.get(dut.to_lane)
            await ctx.tick()
        ctx.set(dut.source.valid, 1)
        await ctx.tick()
        assert not ctx.get(dut.hungry) and ctx.get(dut.to_lane) and ctx.get(dut.preloading)
        await ctx.tick()
        assert not ctx.get(dut.to_lane) and not ctx.get(dut.preloading)

    run_bench(dut, testbench)


def test_idle_only_when_all_words_are_handed_out():
    """A request counts from the cycle after it was taken, in the queue or not."""
    config = Config(lanes=2, word_bits=8)
    dut = WordDistribution(config)

    async def testbench(ctx):
        await begin(ctx, dut, [], 8)
        await ctx.tick().repeat(config.lanes * config.preload)
        assert ctx.get(dut.idle)
        ctx.set(dut.requests.payload, 0b11)
        ctx.set(dut.requests.valid, 1)
        await ctx.tick()
        ctx.set(dut.requests.valid, 0)
        given = 0
        while given < 2:
            assert not ctx.get(dut.idle)
            given += ctx.get(dut.to_lane) != 0
            await ctx.tick()
        assert ctx.get(dut.idle)

    run_bench(dut, testbench)
