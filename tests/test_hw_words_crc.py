"""The CRC-32 of the words against zlib's."""

import zlib
from random import Random

import pytest

from golden.config import WORD_BITS, Config
from hw.words_crc import WordsCrc
from tests.support import run_bench


@pytest.mark.parametrize("idle", [0, 0.5])
@pytest.mark.parametrize("word_bits", WORD_BITS)
def test_against_zlib(word_bits, idle):
    """Three spans, one of them without words. The CRC-32 is looked at in the cycles after the end."""
    random = Random(f"{word_bits} {idle}")
    dut = WordsCrc(Config(word_bits=word_bits, table_log=7))

    async def testbench(ctx):
        for count in (40, 0, 33):
            ctx.set(dut.valid, random.getrandbits(1))  # not a word of the span: it comes as that begins
            ctx.set(dut.data, random.getrandbits(word_bits))
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            crc = 0
            for valid in [random.random() >= idle for _ in range(count)] + [False]:
                word = random.getrandbits(word_bits)
                ctx.set(dut.valid, valid)
                ctx.set(dut.data, word)
                await ctx.tick()
                if valid:
                    crc = zlib.crc32(word.to_bytes(word_bits // 8, "little"), crc)
            ctx.set(dut.valid, 0)
            ctx.set(dut.data, 0)
            ctx.set(dut.end, 1)
            for _ in range(random.randint(1, 3)):
                await ctx.tick()
                assert ctx.get(dut.crc) == crc
            ctx.set(dut.end, 0)

    run_bench(dut, testbench)
