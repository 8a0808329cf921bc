"""The preamble: what it learns of a header, and what it says of a wrong one."""

from random import Random

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import connect

from golden.config import Config
from golden.header import MAGIC, VERSION, vint
from hw.errors import ErrorCode
from hw.fields import FieldReader
from hw.preamble import Preamble
from tests.support import feeder, run_bench

CONFIG = Config(lanes=6, vector=3, word_bits=16, preload=5, table_log=6, max_run=4, raw_bits=3, bins=63, max_tables=7,
                max_segments=20)
RIGHT = {"lanes": 6, "vector": 3, "word bits": 1, "preload": 5, "table log": 6, "max run": 4, "raw bits": 3, "half": 31,
         "tables": 7, "segments": 20}
LATE = 3  #: cycles from the field to its error, as the docstring says


def nibbles_of(magic=MAGIC, version=VERSION, **changes):
    """A preamble, of which some fields are others."""
    first = [nibble for byte in (*magic, version) for nibble in (byte & 15, byte >> 4)]
    return first + [nibble for value in (RIGHT | {name.replace("_", " "): value for name, value in changes.items()}
                                         ).values() for nibble in vint(value)]


def preamble():
    """A preamble behind a field reader."""
    top = Module()
    top.submodules.reader = reader = FieldReader()
    top.submodules.preamble = dut = Preamble(CONFIG)
    connect(top, dut.fields, reader.fields)
    return top, reader, dut


async def outcome(ctx, dut):
    """Run to the end; returns the errors by the number of the field at hand, which must show for a cycle each."""
    errors, fields, ended = {}, [], 0
    for cycle in range(600):
        fields += [cycle] * ctx.get(dut.fields.valid)
        error = ctx.get(dut.error)
        if error is not ErrorCode.NONE:
            assert cycle - LATE in fields, "an error shows in one cycle, in time"
            errors[fields.index(cycle - LATE)] = error
        ended += ctx.get(dut.done)
        if ended > LATE + 2:
            return errors
        await ctx.tick()
    raise AssertionError("the preamble does not come to an end")


@pytest.mark.parametrize("idle", [0, 0.6])
@pytest.mark.parametrize("changes", [
    {}, {"max_run": 1, "raw_bits": 0, "half": 1}, {"tables": 1, "segments": 1},
], ids=str)
def test_right(changes, idle):
    top, reader, dut = preamble()

    async def testbench(ctx):
        assert await outcome(ctx, dut) == {}
        assert ctx.get(dut.tables) == changes.get("tables", 7)
        assert ctx.get(dut.segments) == changes.get("segments", 20)
        assert not ctx.get(dut.fields.want)

    run_bench(top, testbench, feeder(reader.nibbles, nibbles_of(**changes), Random(1), idle))


@pytest.mark.parametrize("changes, field, code", [
    ({"magic": b"TNSX"}, 0, ErrorCode.MAGIC),
    ({"magic": b"tNSY"}, 0, ErrorCode.MAGIC),
    ({"version": VERSION + 1}, 1, ErrorCode.VERSION),
    ({"version": VERSION | 0x80}, 1, ErrorCode.VERSION),
    ({"lanes": 7}, 2, ErrorCode.LANES),
    ({"lanes": 6 + 2**16}, 2, ErrorCode.LANES),
    ({"vector": 1}, 3, ErrorCode.VECTOR),
    ({"word_bits": 2}, 4, ErrorCode.WORD_BITS),
    ({"preload": 4}, 5, ErrorCode.PRELOAD),
    ({"preload": 5 + 2**31}, 5, ErrorCode.PRELOAD),
    ({"table_log": 5}, 6, ErrorCode.TABLE_LOG),
    ({"max_run": 5}, 7, ErrorCode.CAPACITY),
    ({"max_run": 4 + 2**20}, 7, ErrorCode.CAPACITY),
    ({"raw_bits": 4}, 8, ErrorCode.CAPACITY),
    ({"half": 32}, 9, ErrorCode.CAPACITY),
    ({"tables": 8}, 10, ErrorCode.CAPACITY),
    ({"tables": 0}, 10, ErrorCode.CAPACITY),
    ({"segments": 21}, 11, ErrorCode.CAPACITY),
    ({"segments": 2**32 - 1}, 11, ErrorCode.CAPACITY),
    ({"segments": 0}, 11, ErrorCode.CAPACITY),
], ids=str)
def test_wrong(changes, field, code):
    top, reader, dut = preamble()

    async def testbench(ctx):
        assert await outcome(ctx, dut) == {field: code}

    run_bench(top, testbench, feeder(reader.nibbles, nibbles_of(**changes), Random(1)))
