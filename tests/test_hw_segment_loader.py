"""Segment records: those that `golden.header` writes, and wrong ones."""

import zlib
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import connect

from golden.config import Config
from golden.header import segment_nibbles, vint
from golden.stream import Segment
from hw.errors import ErrorCode
from hw.fields import FieldReader
from hw.segment_loader import SegmentLoader
from tests.support import as_ints, feeder, run_bench

CONFIG = Config(raw_bits=3, max_tables=5)
RAW_BITS = (0, 3, 1, 2)


def loader(config=CONFIG):
    """A loader behind a field reader."""
    top = Module()
    top.submodules.reader = reader = FieldReader()
    top.submodules.loader = dut = SegmentLoader(config)
    connect(top, dut.fields, reader.fields)
    return top, reader, dut


def stimulus(reader, dut, nibbles, random, idle=0):
    """What the table loader would have told it, then the records."""
    async def testbench(ctx):
        ctx.set(dut.tables, len(RAW_BITS))
        ctx.set(dut.table_write, 1)
        for number, raw_bits in enumerate(RAW_BITS):
            ctx.set(dut.table_number, number)
            ctx.set(dut.raw_bits, raw_bits)
            await ctx.tick()
        ctx.set(dut.table_write, 0)
        await feeder(reader.nibbles, nibbles, random, idle)(ctx)

    return testbench


async def outcome(ctx, dut):
    """Wait for a record, or for an error."""
    for _ in range(500):
        if ctx.get(dut.error) != ErrorCode.NONE or ctx.get(dut.done):
            return ctx.get(dut.error)
        await ctx.tick()
    raise AssertionError("the loader does not come to an end")


@pytest.mark.parametrize("idle", [0, 0.5])
def test_records(idle):
    random = Random(3)
    segments = [Segment(random.randrange(1, 2**random.randint(1, 32)), random.randrange(len(RAW_BITS)),
                        number == 0 or random.random() < 0.4) for number in range(30)]
    words = [np.array([random.getrandbits(32) for _ in range(random.randint(0, 20))], dtype="<u4") if segment.restart
             else None for segment in segments]
    top, reader, dut = loader()

    async def testbench(ctx):
        for segment, own in zip(segments, words):
            assert await outcome(ctx, dut) is ErrorCode.NONE
            record = as_ints(ctx.get(dut.record))
            expected = {"weights": segment.weights, "table": segment.table, "raw_bits": RAW_BITS[segment.table],
                        "restart": int(segment.restart)}
            if segment.restart:
                expected |= {"words": len(own), "crc": zlib.crc32(own.tobytes())}
            assert record | expected == record
            await ctx.tick()

    nibbles = [nibble for segment, own in zip(segments, words) for nibble in segment_nibbles(segment, own)]
    run_bench(top, testbench, stimulus(reader, dut, nibbles, random, idle))


@pytest.mark.parametrize("name, numbers", [
    ("no weights", [0]),
    ("the first does not restart", [1, 0]),
    ("a table that is not there", [1, 9]),
    ("a table whose number is far beyond", [1, 2**32 - 1]),
    ("a table that has room but is not there", [1, 8]),
])
def test_wrong_records(name, numbers):
    top, reader, dut = loader()
    nibbles = [nibble for number in numbers for nibble in vint(number)]

    async def testbench(ctx):
        assert await outcome(ctx, dut) is ErrorCode.SEGMENT

    run_bench(top, testbench, stimulus(reader, dut, nibbles, Random(1)))


@pytest.mark.parametrize("count_bits", [8, 13, 31])
@pytest.mark.parametrize("numbers, error", [
    (lambda most: [most, 1, most], ErrorCode.NONE),
    (lambda most: [most + 1], ErrorCode.CAPACITY),
    (lambda most: [2**32 - 1], ErrorCode.CAPACITY),
    (lambda most: [1, 1, most + 1], ErrorCode.CAPACITY),
    (lambda most: [1, 1, 2**32 - 1], ErrorCode.CAPACITY),
])
def test_room(count_bits, numbers, error):
    """Counts of weights and of words up to the most that there is room for."""
    most = (1 << count_bits) - 1
    top, reader, dut = loader(replace(CONFIG, count_bits=count_bits))
    nibbles = [nibble for number in numbers(most) for nibble in vint(number)]

    async def testbench(ctx):
        assert await outcome(ctx, dut) is error
        if error is ErrorCode.NONE:
            assert (ctx.get(dut.record.weights), ctx.get(dut.record.words)) == (most, most)

    run_bench(top, testbench, stimulus(reader, dut, nibbles + [1] * 8, Random(1)))
