"""Transfers to nibbles, nibbles to fields."""

from random import Random

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import connect

from golden.config import Config
from golden.header import vint
from hw.fields import FieldReader, NibbleReader
from tests.support import collect, feeder, run_bench


def nibbles_of(number, count):
    return [number >> 4 * i & 15 for i in range(count)]


async def read_field(ctx, port, fixed):
    """Ask for a field; returns it, and how many cycles that took."""
    ctx.set(port.want, 1)
    ctx.set(port.fixed, fixed)
    cycles = 0
    while not ctx.get(port.valid):
        await ctx.tick()
        cycles += 1
    value = ctx.get(port.value)
    await ctx.tick()
    ctx.set(port.want, 0)
    return value, cycles + 1


@pytest.mark.parametrize("idle, stall", [(0, 0), (0.5, 0.3)])
@pytest.mark.parametrize("word_bits", [8, 32, 128])
def test_nibbles(word_bits, idle, stall):
    random = Random(word_bits)
    words = [random.getrandbits(word_bits) for _ in range(20)]
    expected = [nibble for word in words for nibble in nibbles_of(word, word_bits // 4)]
    dut = NibbleReader(Config(word_bits=word_bits))

    async def testbench(ctx):
        assert await collect(ctx, dut.nibbles, len(expected), random, stall) == expected

    run_bench(dut, testbench, feeder(dut.source, words, random, idle))


def test_a_word_waits_until_it_is_wanted():
    """A word may belong to what follows the header, so none is taken before its first nibble is asked for."""
    dut = NibbleReader(Config(word_bits=8))

    async def testbench(ctx):
        ctx.set(dut.source.valid, 1)
        assert not ctx.get(dut.source.ready)
        ctx.set(dut.nibbles.ready, 1)
        assert ctx.get(dut.source.ready)
        for _ in range(3):
            await ctx.tick()
        ctx.set(dut.nibbles.ready, 0)
        assert not ctx.get(dut.nibbles.valid) and not ctx.get(dut.source.ready)

    run_bench(dut, testbench)


def random_fields(random):
    """Fields as (count of nibbles or 0, number, nibbles)."""
    fields = [(0, number, vint(number)) for number in (0, 7, 8, 63, 64, 2**32 - 1)]
    for _ in range(60):
        number = random.getrandbits(random.randint(1, 32))
        fixed = random.randint(0, 8)
        number &= (1 << 4 * fixed) - 1 if fixed else ~0
        fields.append((fixed, number, nibbles_of(number, fixed) if fixed else vint(number)))
    return fields


@pytest.mark.parametrize("idle", [0, 0.5])
def test_fields(idle):
    random = Random(5)
    fields = random_fields(random)
    dut = FieldReader()

    async def testbench(ctx):
        for fixed, number, nibbles in fields:
            value, cycles = await read_field(ctx, dut.fields, fixed)
            assert value == number
            assert cycles == len(nibbles) + 2 or idle

    stream = [nibble for _, _, nibbles in fields for nibble in nibbles]
    run_bench(dut, testbench, feeder(dut.nibbles, stream, random, idle))


def test_a_vint_ends_after_eleven_nibbles():
    dut = FieldReader()

    async def testbench(ctx):
        assert await read_field(ctx, dut.fields, 0) == (2**32 - 1, 13)
        assert await read_field(ctx, dut.fields, 0) == (5, 3)

    run_bench(dut, testbench, feeder(dut.nibbles, [15] * 11 + [5], Random(1)))


def test_nothing_is_taken_beyond_a_field():
    """The reader stops in the middle of a word where nothing is wanted."""
    top = Module()
    top.submodules.nibbles = nibbles = NibbleReader(Config(word_bits=8))
    top.submodules.fields = fields = FieldReader()
    connect(top, nibbles.nibbles, fields.nibbles)

    async def testbench(ctx):
        assert (await read_field(ctx, fields.fields, 1))[0] == 2
        for _ in range(5):
            await ctx.tick()
        assert (await read_field(ctx, fields.fields, 3))[0] == 0x431

    run_bench(top, testbench, feeder(nibbles.source, [0x12, 0x43], Random(1)))
