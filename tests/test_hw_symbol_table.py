"""Symbol tables, fixed and loadable: in logic, and in block RAM for one or two rings."""

from random import Random

import pytest

from golden.config import Config, TableMemory, TableStyle
from golden.errors import ConfigError
from golden.table import Alphabet, Table
from hw.block_tables import BlockTables, check_block_tables
from hw.symbol_table import SymbolTable
from tests.support import as_ints, run_bench

TABLES = (
    Table(Alphabet(1, 0, 2), 4, (1, 2, 3, 9, 1)),
    Table(Alphabet(7, 2), 4, (1, 6, 8, 1)),
    Table(Alphabet(3), 4, (0, 0, 0, 16, 0, 0, 0)),
)
ENTRIES = [[entry._asdict() for entry in table.entries] for table in TABLES]


PLACES = [(table, state) for table in range(3) for state in range(16)]


def config(style, memory=TableMemory.LOGIC):
    return Config(table_log=4, max_run=2, raw_bits=2, bins=15, table_style=style, max_tables=3, ring=4,
                  table_memory=memory)


async def read(ctx, lookup, entry, places, latency):
    """The entries of places that are asked for one after the other, one per cycle."""
    found = []
    for place in [*places, *[(0, 0)] * latency]:
        ctx.set(lookup, {"table": place[0], "state": place[1]})
        found.append(as_ints(ctx.get(entry)))
        await ctx.tick()
    return found[latency:]


async def write(ctx, dut, table, state, entry, enable=1):
    ctx.set(dut.write, {"enable": enable, "table": table, "state": state, "entry": entry})
    await ctx.tick()
    ctx.set(dut.write.enable, 0)


async def load(ctx, dut):
    """Write all entries in random order."""
    for table, state in Random(2).sample(PLACES, len(PLACES)):
        await write(ctx, dut, table, state, ENTRIES[table][state])


def entries_of(places):
    return [ENTRIES[table][state] for table, state in places]


@pytest.mark.parametrize("latency", [0, 1, 2])
@pytest.mark.parametrize("style", TableStyle)
def test_every_entry(style, latency):
    rom = style is TableStyle.ROM
    dut = SymbolTable(config(style), latency, ENTRIES if rom else ())

    async def testbench(ctx):
        if not rom:
            await load(ctx, dut)
        places = Random(3).sample(PLACES, len(PLACES))
        assert await read(ctx, dut.lookup, dut.entry, places, latency) == entries_of(places)

    run_bench(dut, testbench)


@pytest.mark.parametrize("rings", [1, 2])
@pytest.mark.parametrize("style", TableStyle)
def test_every_entry_in_block_ram(style, rings):
    """Each ring has its own port; a cycle apart from each other they ask for what they want."""
    rom = style is TableStyle.ROM
    dut = BlockTables(config(style, TableMemory.BLOCK), rings, None, ENTRIES if rom else ())
    found = {}

    async def testbench(ctx):
        if not rom:
            await load(ctx, dut)
        for ring in range(rings):
            places = Random(ring).sample(PLACES, len(PLACES))
            found[ring] = await read(ctx, dut.lookup[ring], dut.entry[ring], places, 2) == entries_of(places)

    run_bench(dut, testbench)
    assert found == dict.fromkeys(range(rings), True)


def test_two_rings_at_once():
    dut = BlockTables(config(TableStyle.ROM, TableMemory.BLOCK), 2, None, ENTRIES)
    places = [Random(ring).choices(PLACES, k=60) for ring in range(2)]

    async def testbench(ctx):
        for cycle in range(60):
            for ring in range(2):
                table, state = places[ring][cycle]
                ctx.set(dut.lookup[ring], {"table": table, "state": state})
                if cycle >= 2:
                    table, state = places[ring][cycle - 2]
                    assert as_ints(ctx.get(dut.entry[ring])) == ENTRIES[table][state]
            await ctx.tick()

    run_bench(dut, testbench)


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize("style, enable, stays", [
    (TableStyle.ROM, 1, True), (TableStyle.RAM, 0, True), (TableStyle.RAM, 1, False),
])
def test_what_a_write_does(style, enable, stays, block):
    tables = ENTRIES if style is TableStyle.ROM else ()
    if block:
        dut = BlockTables(config(style, TableMemory.BLOCK), 1, None, tables)
        lookup, entry = dut.lookup[0], dut.entry[0]
    else:
        dut = SymbolTable(config(style), 2, tables)
        lookup, entry = dut.lookup, dut.entry
    new = {"run": 1, "value": -5, "nbits": 3, "base": 8}

    async def testbench(ctx):
        before, = await read(ctx, lookup, entry, [(1, 2)], 2)
        assert before != new
        await write(ctx, dut, 1, 2, new, enable)
        after, beside = await read(ctx, lookup, entry, [(1, 2), (1, 3)], 2)
        assert after == (before if stays else new)
        assert beside != new

    run_bench(dut, testbench)


@pytest.mark.parametrize("target, table_log, max_tables, message", [
    ("ice40", 11, 2, "2 tables of table log 11: depth of a block memory must be from 2 to 2048 here, not 4096"),
    ("ecp5", 11, 9, "9 tables of table log 11: depth of a block memory must be from 2 to 16384 here, not 18432"),
    ("max10", 4, 1, "target must be one of ecp5, ice40, gowin or none, not 'max10'"),
])
def test_what_no_block_ram_holds(target, table_log, max_tables, message):
    wide = Config(table_log=table_log, max_tables=max_tables, ring=4, table_memory=TableMemory.BLOCK)
    with pytest.raises(ConfigError, match=message):
        check_block_tables(wide, target)
