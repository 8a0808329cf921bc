"""The bit reservoir of a lane alone against a plain queue of bits."""

from random import Random

import pytest

from golden.config import Config
from hw.reservoir import Reservoir
from tests.support import run_bench

# Words of one chunk to eight, windows as wide as a chunk and not, preloads that are a power of two and not.
CASES = [(8, 2, 7, 1), (8, 3, 5, 0), (8, 4, 1, 7), (16, 2, 7, 7), (16, 3, 4, 2), (32, 2, 7, 0), (32, 5, 7, 3),
         (64, 2, 6, 1), (64, 3, 7, 7), (16, 5, 7, 7), (128, 2, 1, 7)]
DELAY = 2  # cycles after which a word that came must count


class Bits:
    """All bits of a span as they come, and how many have been read."""

    def __init__(self, config):
        self.config = config
        self.bits, self.read = [], 0
        self.came = [0] * (DELAY + 1)  # chunks that had come so many cycles ago

    def put(self, word):
        """A word comes; None: none does. Then a cycle ends."""
        size = self.config.word_bits
        self.bits += [word >> i & 1 for i in range(size)] if word is not None else []
        self.came = [len(self.bits) // self.config.chunk_bits, *self.came[:-1]]

    def next(self, count):
        """The next bits as a number."""
        return sum(bit << i for i, bit in enumerate(self.bits[self.read:self.read + count]))

    def take(self, count):
        """Read so many bits; returns whether a word is used up with them."""
        before, self.read = self.read, self.read + count
        return self.read // self.config.word_bits > before // self.config.word_bits

    def enough(self, delay, reading):
        """What `Reservoir` says of the next cycle, as of the words that came so many cycles ago or earlier."""
        at_hand, place = divmod(self.read, self.config.chunk_bits)
        chunks = self.came[delay] - at_hand
        below = place + self.config.token_bits < self.config.chunk_bits
        return chunks >= 3 or (not reading and chunks >= 1 and (chunks >= 2 or below))

    @property
    def held(self):
        """Words that have come and have not been used up."""
        return (len(self.bits) - self.read // self.config.word_bits * self.config.word_bits) // self.config.word_bits


class Bench:
    """The reservoir, cycle by cycle."""

    def __init__(self, ctx, dut, config, random, seen):
        self.ctx, self.dut, self.config, self.random, self.seen = ctx, dut, config, random, seen
        self.used = self.may_read = self.started = False

    async def cycle(self, bits, idle=1.0, pace=0.0, starting=False):
        """A cycle in which a word may come, and bits may be read, with what must be so in it."""
        ctx, dut, config, random = self.ctx, self.dut, self.config, self.random
        assert ctx.get(dut.used) == self.used
        window, width = ctx.get(dut.window), config.token_bits
        if self.may_read:
            assert window == bits.next(width) and len(bits.bits) - bits.read >= width
        reading = self.may_read and random.random() < pace
        to_end = min(-bits.read % config.chunk_bits, width)  # of the chunk, if it is not too far
        take = random.choice([0, width, to_end, random.randint(0, width)]) if reading else 0
        ctx.set(dut.read, reading)
        ctx.set(dut.take, take if reading else random.randint(0, width))
        ctx.set(dut.starting, starting)
        if starting:
            assert window & config.slots - 1 == bits.next(config.table_log)
        ahead = ctx.get(dut.next_enough)
        if starting or self.started:
            assert ahead <= bits.enough(0, reading or starting), "told too early"
            assert ahead >= bits.enough(DELAY, reading or starting), "told too late"
            self.started = True
        full = bits.held == config.preload
        word = random.getrandbits(config.word_bits) if random.random() >= idle and not full else None
        data = random.getrandbits(config.word_bits) if word is None else word
        ctx.set(dut.words, {"enable": word is not None, "data": data})
        self.seen["full"] += full
        self.seen["starved"] += not ahead and not reading
        self.seen["read in a row"] += bool(ahead and reading)
        self.seen["last chunk"] += bool(reading and bits.came[0] - bits.read // config.chunk_bits == 1)
        await ctx.tick()
        self.used = bits.take(config.table_log if starting else take)
        bits.put(word)
        self.may_read = ahead and self.started
        self.seen["used"] += self.used

    async def span(self, length):
        """From ``clear`` on: the preload, the start state, then now fast, now slow."""
        ctx, dut, random = self.ctx, self.dut, self.random
        ctx.set(dut.clear, 1)
        ctx.set(dut.words, {"enable": 0})
        ctx.set(dut.read, 0)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        self.used = self.may_read = self.started = False
        bits, idle = Bits(self.config), random.choice([0, 0.6])
        while bits.held < self.config.preload:
            await self.cycle(bits, idle)
        await self.cycle(bits)
        await self.cycle(bits, starting=True)
        for i in range(length):
            if i % 32 == 0:
                idle, pace = random.choice([(0, 1), (0.6, 1), (1, 1), (0, 0.3), (0.95, 1), (0.5, 0.5)])
            await self.cycle(bits, idle, pace)


@pytest.mark.parametrize("word_bits, preload, table_log, raw_bits", CASES)
def test_against_a_queue_of_bits(word_bits, preload, table_log, raw_bits):
    random = Random(f"{word_bits} {preload} {table_log}")
    config = Config(lanes=1, word_bits=word_bits, preload=preload, table_log=table_log, raw_bits=raw_bits)
    dut = Reservoir(config)
    seen = {"full": 0, "starved": 0, "used": 0, "read in a row": 0, "last chunk": 0}

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, random, seen)
        for length in (900, 1, 40, 7, 900, 20, 300):
            await bench.span(length)

    run_bench(dut, testbench)
    if preload * word_bits < 3 * config.chunk_bits:
        assert seen.pop("read in a row") == 0  # there never are three chunks
    if config.token_bits == config.chunk_bits:
        assert seen.pop("last chunk") == 0  # the window never ends before the chunk's last bit
    assert all(seen.values()), f"this test has not met every case: {seen}"
