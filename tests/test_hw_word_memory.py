"""The words of a ring against a plain list of bits per lane: halves and whole words, laps, words that come late."""

from random import Random

import pytest

from golden.config import Config
from hw.word_memory import WordMemory
from tests.support import run_bench


class Lane:
    """The words of one lane, and how far it has read."""

    def __init__(self, config):
        self.config = config
        self.bits, self.words, self.used = 0, 0, 0  # bits of all words that have come, their number, bits read

    @property
    def read(self):
        """Words that have been read to their end."""
        return self.used // self.config.word_bits

    @property
    def pointer(self):
        return self.used % self.config.word_bits

    def place(self, word):
        """Place and lap of a word."""
        lap, place = divmod(word, self.config.preload)
        return place, lap % 2

    def window(self):
        """The next bits; ``None`` if not all of them are there."""
        enough = self.used + self.config.token_bits <= self.words * self.config.word_bits
        return self.bits >> self.used & (1 << self.config.token_bits) - 1 if enough else None

    def push(self, word):
        self.bits |= word << self.words * self.config.word_bits
        self.words += 1


CASES = [  # C, W, P, R, s
    (2, 16, 2, 5, 0), (2, 8, 3, 7, 0), (3, 8, 2, 4, 0), (3, 16, 5, 6, 3), (4, 32, 3, 7, 0), (5, 8, 4, 5, 2),
    (8, 64, 3, 11, 7), (4, 16, 6, 11, 2), (7, 128, 2, 11, 7),
]


@pytest.mark.parametrize("idle", [0.3, 0.95])
@pytest.mark.parametrize("ring, word_bits, preload, table_log, raw_bits", CASES)
def test_against_a_list_of_bits(ring, word_bits, preload, table_log, raw_bits, idle):
    """``idle``: how often no word comes though there is room. Two spans, the second over what the first has left."""
    config = Config(lanes=ring, ring=ring, word_bits=word_bits, preload=preload, table_log=table_log, raw_bits=raw_bits)
    random = Random(f"{ring} {word_bits} {preload} {idle}")
    dut = WordMemory(config)
    seen = {"enough": 0, "starved": 0, "lapped": 0}

    async def write(ctx, lanes, turn):
        word = random.getrandbits(word_bits)
        ctx.set(dut.words, {"enable": 1, "turn": turn, "first": lanes[turn].words == 0, "data": word})
        return word

    async def preloaded(ctx):
        lanes = [Lane(config) for _ in range(ring)]
        for turn, lane in enumerate(lanes):
            for _ in range(preload):
                word = await write(ctx, lanes, turn)
                await ctx.tick()
                lane.push(word)
        ctx.set(dut.words, {"enable": 0})
        return lanes

    async def span(ctx):
        lanes, due = await preloaded(ctx), [False] * config.entry_latency
        for cycle in range(60 * ring):
            turn, lane = cycle % ring, lanes[cycle % ring]
            for name, value in zip(("word", "lap"), lane.place(lane.read)):
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.turn, turn)
            ctx.set(dut.pointer, lane.pointer)
            assert (ctx.get(dut.following), ctx.get(dut.following_lap)) == lane.place(lane.read + 1)
            wanted = due.pop(0)
            due.append(lane.window())
            if wanted is not False:
                assert ctx.get(dut.enough) == (wanted is not None), cycle
                assert wanted is None or ctx.get(dut.window) == wanted, cycle
                seen["starved" if wanted is None else "enough"] += 1
            hungry = [number for number, one in enumerate(lanes) if one.words - one.read < preload]
            pushed = None
            ctx.set(dut.words, {"enable": 0, "turn": random.randrange(ring), "first": 1})
            if hungry and random.random() >= idle:
                pushed = random.choice(hungry)
                word = await write(ctx, lanes, pushed)
            await ctx.tick()
            if due[-1] is not None:
                lane.used += random.choice([0, config.token_bits, random.randint(0, config.token_bits)])
            if pushed is not None:
                lanes[pushed].push(word)
        ctx.set(dut.words, {"enable": 0})
        seen["lapped"] += sum(lane.read > preload for lane in lanes)

    async def testbench(ctx):
        await span(ctx)
        await span(ctx)

    run_bench(dut, testbench)
    assert seen["enough"] and seen["starved" if idle > 0.5 else "lapped"], f"this test has not met every case: {seen}"
