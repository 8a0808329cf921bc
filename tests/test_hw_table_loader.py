"""Table records to entries: records that `golden.header` writes, and wrong ones."""

from random import Random

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import connect

from golden.config import Config, TableStyle
from golden.header import table_nibbles, vint
from golden.header_time import header_program
from golden.stream import Segment, Stream
from golden.table import Alphabet, Table
from hw.errors import ErrorCode
from hw.fields import FieldReader
from hw.table_loader import TableLoader
from tests.support import as_ints, feeder, run_bench

CONFIG = Config(table_log=5, max_run=3, raw_bits=2, bins=63, table_style=TableStyle.RAM)
ALPHABETS = [Alphabet(1), Alphabet(1, 0, 3), Alphabet(5, 0, 2), Alphabet(5, 2), Alphabet(31), Alphabet(31, 1),
             Alphabet(31, 0, 3)]


def random_table(random, alphabet, present, listed):
    """A table of so many tokens at most, in places that leave runs of zero counts, at the ends too."""
    chosen = random.sample(range(alphabet.size), min(present, alphabet.size))
    counts = [0] * alphabet.size
    for token in chosen + random.choices(chosen, k=CONFIG.slots - len(chosen)):
        counts[token] += 1
    slots = [token for token, count in enumerate(counts) for _ in range(count)]
    random.shuffle(slots)
    return Table(alphabet, CONFIG.table_log, tuple(counts), tuple(slots) if listed else None)


def loader():
    """A loader behind a field reader."""
    top = Module()
    top.submodules.reader = reader = FieldReader()
    top.submodules.loader = dut = TableLoader(CONFIG)
    connect(top, dut.fields, reader.fields)
    return top, reader, dut


async def load(ctx, dut):
    """One record; returns (entries by state, raw bits, error)."""
    entries = {}
    for _ in range(5000):
        if ctx.get(dut.write):
            entries[ctx.get(dut.state)] = as_ints(ctx.get(dut.entry))
        if ctx.get(dut.error) != ErrorCode.NONE:
            return entries, None, ctx.get(dut.error)
        if ctx.get(dut.done):
            return entries, ctx.get(dut.raw_bits), ErrorCode.NONE
        await ctx.tick()
    raise AssertionError("the loader does not come to an end")


@pytest.mark.parametrize("idle", [0, 0.4])
@pytest.mark.parametrize("listed", [False, True])
def test_records(listed, idle):
    random = Random(f"{listed} {idle}")
    tables = [random_table(random, alphabet, present, listed)
              for alphabet in ALPHABETS for present in (1, 3, 16, 17, 32)]
    top, reader, dut = loader()

    async def testbench(ctx):
        for table in tables:
            entries, raw_bits, error = await load(ctx, dut)
            assert error is ErrorCode.NONE and raw_bits == table.alphabet.raw_bits
            assert [entries[state] for state in range(CONFIG.slots)] == [entry._asdict() for entry in table.entries]
            await ctx.tick()

    nibbles = [nibble for table in tables for nibble in table_nibbles(table)]
    run_bench(top, testbench, feeder(reader.nibbles, nibbles, random, idle))


@pytest.mark.parametrize("listed", [False, True])
def test_time(listed):
    """As the cycle model says: the program of a header with one table more is longer by the cycles of that table."""
    random = Random(4)
    table = random_table(random, Alphabet(31, 0, 3), 20, listed)
    one, two = (Stream(CONFIG, (table,) * n, (Segment(1, 0, True),), ([],)) for n in (1, 2))
    top, reader, dut = loader()

    def cycles(stream):
        return sum(nibbles + others for nibbles, others in header_program(stream, TableStyle.RAM))

    async def testbench(ctx):
        used = 1
        while not ctx.get(dut.done):
            await ctx.tick()
            used += 1
        padding = len(table_nibbles(table)) % 2
        assert abs(used - (cycles(two) - cycles(one))) == 2 * padding

    run_bench(top, testbench, feeder(reader.nibbles, table_nibbles(table), random))


def vints(*numbers):
    return [nibble for number in numbers for nibble in vint(number)]


SLOTS = CONFIG.slots
WRONG = [
    ("kind", vints(2), ErrorCode.TABLE),
    ("half 0", vints(0, 0), ErrorCode.TABLE),
    ("half too large", vints(0, 32), ErrorCode.TABLE),
    ("raw bits too many", vints(0, 1, 3), ErrorCode.TABLE),
    ("max run 0", vints(0, 1, 0, 0), ErrorCode.TABLE),
    ("max run too large", vints(0, 1, 0, 4), ErrorCode.TABLE),
    ("runs and raw bits", vints(0, 1, 1, 2), ErrorCode.TABLE),
    ("a count above L", vints(0, 1, 0, 1, SLOTS + 1), ErrorCode.COUNTS),
    ("a count of 2^32 - 1", vints(0, 1, 0, 1, 2**32 - 1), ErrorCode.COUNTS),
    ("a sum above L", vints(0, 1, 0, 1, 2, SLOTS - 2, 1), ErrorCode.COUNTS),
    ("a sum below L", vints(0, 1, 0, 1, 2, SLOTS - 4, 1), ErrorCode.COUNTS),
    ("no counts but zeros", vints(0, 1, 0, 1, 0, 2), ErrorCode.COUNTS),
    ("zeros past the end", vints(0, 1, 0, 1, SLOTS, 0, 2), ErrorCode.COUNTS),
    ("slot list names no token", vints(1, 1, 0, 1, 16, 15, 1) + [3], ErrorCode.TABLE),
    ("slot list names one too often", vints(1, 1, 0, 1, 16, 15, 1) + [2, 2], ErrorCode.TABLE),
]


@pytest.mark.parametrize("name, nibbles, error", WRONG, ids=[name for name, *_ in WRONG])
def test_wrong_records(name, nibbles, error):
    top, reader, dut = loader()

    async def testbench(ctx):
        assert (await load(ctx, dut))[2] is error

    run_bench(top, testbench, feeder(reader.nibbles, nibbles, Random(1)))
