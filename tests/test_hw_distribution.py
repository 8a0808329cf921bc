"""Words to lanes in need order."""

import zlib
from collections import deque
from random import Random

import pytest

from golden.config import REQUEST_QUEUE, Config
from hw.distribution import WordDistribution
from tests.support import feeder, run_bench

WAY = 3  # cycles from the room for a request to the request, by way of fetch and head


def random_requests(random, config, count):
    """Per turn of a beat: whose turn it is, and how many words each ring asks for, at least one in all."""
    requests = []
    while len(requests) < count:
        asked = [random.choice([0, 0, random.randint(0, config.words_per_beat)]) for _ in range(config.rings)]
        if any(asked):
            requests.append((random.randrange(config.ring), asked))
    return requests


def payload_of(config, turn, asked):
    """A request on its port: per ring a group of ones, lowest first."""
    return {"turn": turn, "mask": sum(((1 << k) - 1) << ring * config.words_per_beat for ring, k in enumerate(asked))}


def need_order(config, requests):
    """The (ring, turn) of each word in order."""
    preload = [(ring, turn) for turn in range(config.ring) for ring in range(config.rings)
               for _ in range(config.preload)]
    return preload + [(ring, turn) for turn, asked in requests for ring, k in enumerate(asked) for _ in range(k)]


async def begin(ctx, dut, words, word_bits, wrong=0):
    data = b"".join(word.to_bytes(word_bits // 8, "little") for word in words)
    ctx.set(dut.words_stored, len(words))
    ctx.set(dut.crc, zlib.crc32(data) ^ wrong)
    ctx.set(dut.begin, 1)
    await ctx.tick()
    ctx.set(dut.begin, 0)


def given_now(ctx, dut):
    """(ring, turn, first, word) of the word handed out in this cycle; ``None`` if there is none."""
    words = [ctx.get(port) for port in dut.words]
    enabled = [ring for ring, word in enumerate(words) if word.enable]
    assert len(enabled) <= 1
    return (enabled[0], *(words[enabled[0]][name] for name in ("turn", "first", "data"))) if enabled else None


async def watch(ctx, dut, count):
    """So many words as they are handed out."""
    given = []
    for _ in range(3000):
        if len(given) == count:
            break
        now = given_now(ctx, dut)
        given += [now] * (now is not None)
        await ctx.tick()
    return given


async def ask(ctx, dut, payloads, random, pause):
    """Send requests as the join does: three cycles after one in which there was room."""
    coming = deque([None] * (WAY - 1))
    payloads = iter(payloads)
    going = True
    while going or any(payload is not None for payload in coming):
        sent = None
        if going and random.random() >= pause and ctx.get(dut.room):
            sent = next(payloads, None)
            going = sent is not None
        coming.append(sent)
        await ctx.tick()
        now = coming.popleft()
        ctx.set(dut.requests.valid, now is not None)
        if now is not None:
            ctx.set(dut.requests.payload, now)
    await ctx.tick()
    ctx.set(dut.requests.valid, 0)


async def until_idle(ctx, dut):
    """The cycles until the distribution is idle."""
    for cycle in range(20):
        if ctx.get(dut.idle):
            return cycle
        await ctx.tick()
    raise AssertionError("the distribution does not become idle")


CASES = [  # N, C, V, W, P, share of words that is there
    (1, 1, 1, 8, None, 1.0), (3, 1, 1, 16, None, 0.8), (4, 2, 4, 8, 7, 1.0), (8, 4, 2, 8, None, 0.3),
    (6, 3, 4, 16, None, 0.0), (5, 5, 1, 64, 3, 0.9), (16, 4, 1, 32, None, 1.0),
]


@pytest.mark.parametrize("idle, pause", [(0, 0), (0.6, 0), (0.3, 0.5)])
@pytest.mark.parametrize("lanes, ring, vector, word_bits, preload, stored", CASES)
def test_need_order(lanes, ring, vector, word_bits, preload, stored, idle, pause):
    """``stored``: the part of all words that is there; the rest are zero words at the end. Two spans."""
    random = Random(f"{lanes} {stored} {idle} {pause}")
    config = Config(lanes=lanes, ring=ring, vector=vector, word_bits=word_bits, preload=preload, table_log=7)
    dut = WordDistribution(config)
    spans = []
    for _ in range(2):
        requests = random_requests(random, config, 25)
        order = need_order(config, requests)
        spans.append((requests, order, [random.getrandbits(word_bits) for _ in range(int(stored * len(order)))]))

    async def testbench(ctx):
        for _, order, words in spans:
            await begin(ctx, dut, words, word_bits)
            given = await watch(ctx, dut, len(order))
            assert [(at, turn) for at, turn, _, _ in given] == order
            assert [word for *_, word in given] == words + [0] * (len(order) - len(words))
            firsts = [place for place, (_, _, first, _) in enumerate(given[:lanes * config.preload]) if first]
            assert firsts == list(range(0, lanes * config.preload, config.preload))
            assert await until_idle(ctx, dut) < 4
            assert ctx.get(dut.used) and ctx.get(dut.fits) and not ctx.get(dut.hungry)
            assert given_now(ctx, dut) is None

    async def requests(ctx):
        for asked, *_ in spans:
            await ctx.posedge(dut.begin)
            await ctx.tick()
            while ctx.get(dut.preloading):
                await ctx.tick()
            await ask(ctx, dut, [payload_of(config, *one) for one in asked], random, pause)

    words = [word for *_, words in spans for word in words]
    run_bench(dut, testbench, requests, feeder(dut.source, words, random, idle))


@pytest.mark.parametrize("lanes, ring", [(8, 1), (8, 4)])
def test_a_word_per_cycle(lanes, ring):
    """Where source and requests keep up, no cycle is without a word."""
    config = Config(lanes=lanes, ring=ring, word_bits=16)
    dut = WordDistribution(config)
    requests = [(number % ring, [1] * config.rings) for number in range(12)]

    async def testbench(ctx):
        count = len(need_order(config, requests))
        await begin(ctx, dut, [5] * count, 16)
        await ctx.tick()
        assert ctx.get(dut.preloading)
        ctx.set(dut.source.valid, 1)
        given, cycles = 0, 0
        for _ in range(2 * count):
            given += given_now(ctx, dut) is not None
            cycles += 0 < given < count
            await ctx.tick()
        assert given == count
        assert cycles - count <= 4, "the begin of the first request may show"

    async def requester(ctx):
        await ctx.posedge(dut.begin)
        await ctx.tick().repeat(lanes * config.preload)
        await ask(ctx, dut, [payload_of(config, *one) for one in requests], Random(1), 0)

    run_bench(dut, testbench, requester)


@pytest.mark.parametrize("change, used, fits", [("none", 1, 1), ("crc", 1, 0), ("word", 1, 0), ("one more", 0, 1)])
def test_check(change, used, fits):
    config = Config(lanes=2, word_bits=16)
    dut = WordDistribution(config)
    words = [1, 2, 3, 0x8004]

    async def testbench(ctx):
        await begin(ctx, dut, words + [5] * (change == "one more"), 16, wrong=change == "crc")
        await watch(ctx, dut, 4)
        await ctx.tick().repeat(3)
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
        await ctx.tick().repeat(2)
        for _ in range(3):
            assert ctx.get(dut.hungry) and given_now(ctx, dut) is None
            await ctx.tick()
        ctx.set(dut.source.payload, 7)
        ctx.set(dut.source.valid, 1)
        await ctx.tick()
        assert not ctx.get(dut.hungry) and given_now(ctx, dut) == (0, 0, 1, 7)
        await ctx.tick()
        assert given_now(ctx, dut) == (0, 0, 0, 0)
        await ctx.tick()
        assert given_now(ctx, dut) is None and not ctx.get(dut.preloading)

    run_bench(dut, testbench)


@pytest.mark.parametrize("requests", [1, 3, 4])
def test_idle_only_when_all_words_are_handed_out(requests):
    """A request counts from the cycle in which it comes until three cycles after the last of its words."""
    config = Config(lanes=4, ring=2, word_bits=8)
    dut = WordDistribution(config)

    async def testbench(ctx):
        await begin(ctx, dut, [], 8)
        await watch(ctx, dut, config.lanes * config.preload)
        await until_idle(ctx, dut)
        ctx.set(dut.requests.payload, payload_of(config, 1, [1, 1]))
        given, last = [], 0
        for cycle in range(30):
            ctx.set(dut.requests.valid, cycle < requests)
            now = given_now(ctx, dut)
            if now is not None:
                given.append(now)
                last = cycle
            assert ctx.get(dut.idle) == (len(given) == 2 * requests and cycle - last >= 3)
            await ctx.tick()
        assert given == [(0, 1, 0, 0), (1, 1, 0, 0)] * requests

    run_bench(dut, testbench)


def test_room():
    """While no word comes there is room for so many requests, none of which is lost."""
    config = Config(lanes=2, word_bits=8)
    dut = WordDistribution(config)
    sent = []

    def payloads():
        for number in range(90):
            yield payload_of(config, 0, [number % 2 == 0, number % 2])
            sent.append(number)

    async def testbench(ctx):
        await begin(ctx, dut, [9] * 100, 8)
        ctx.set(dut.source.valid, 1)
        assert len(await watch(ctx, dut, config.lanes * config.preload)) == config.lanes * config.preload
        ctx.set(dut.source.valid, 0)
        await ctx.tick().repeat(40)
        assert REQUEST_QUEUE - 1 <= len(sent) <= REQUEST_QUEUE + 2 and not ctx.get(dut.room)
        ctx.set(dut.source.valid, 1)
        assert [at for at, *_ in await watch(ctx, dut, 90)] == [number % 2 for number in range(90)]

    async def requests(ctx):
        await ctx.posedge(dut.begin)
        await ctx.tick().repeat(config.lanes * config.preload + 4)
        await ask(ctx, dut, payloads(), Random(1), 0)

    run_bench(dut, testbench, requests)
