"""The symbol table, fixed and loadable."""

from random import Random

import pytest

from golden.config import Config, TableStyle
from golden.table import Alphabet, Table
from hw.symbol_table import SymbolTable
from tests.support import as_ints, run_bench

TABLES = (
    Table(Alphabet(1, 0, 2), 4, (1, 2, 3, 9, 1)),
    Table(Alphabet(7, 2), 4, (1, 6, 8, 1)),
    Table(Alphabet(3), 4, (0, 0, 0, 16, 0, 0, 0)),
)
ENTRIES = [[entry._asdict() for entry in table.entries] for table in TABLES]


def config(style):
    return Config(table_log=4, max_run=2, raw_bits=2, bins=15, table_style=style, max_tables=3)


async def read(ctx, dut, table, state):
    ctx.set(dut.table, table)
    ctx.set(dut.state, state)
    return as_ints(ctx.get(dut.entry))


async def write(ctx, dut, table, state, entry, enable=1):
    ctx.set(dut.write, {"enable": enable, "table": table, "state": state, "entry": entry})
    await ctx.tick()
    ctx.set(dut.write.enable, 0)


@pytest.mark.parametrize("style", TableStyle)
def test_every_entry(style):
    rom = style is TableStyle.ROM
    dut = SymbolTable(config(style), ENTRIES if rom else ())
    places = [(table, state) for table in range(3) for state in range(16)]

    async def testbench(ctx):
        if not rom:
            for table, state in Random(2).sample(places, len(places)):
                await write(ctx, dut, table, state, ENTRIES[table][state])
        for table, state in Random(3).sample(places, len(places)):
            assert await read(ctx, dut, table, state) == ENTRIES[table][state]

    run_bench(dut, testbench)


@pytest.mark.parametrize("style, enable, stays", [
    (TableStyle.ROM, 1, True), (TableStyle.RAM, 0, True), (TableStyle.RAM, 1, False),
])
def test_what_a_write_does(style, enable, stays):
    dut = SymbolTable(config(style), ENTRIES if style is TableStyle.ROM else ())
    new = {"run": 1, "value": -5, "nbits": 3, "base": 8}

    async def testbench(ctx):
        before = await read(ctx, dut, 1, 2)
        assert before != new
        await write(ctx, dut, 1, 2, new, enable)
        assert await read(ctx, dut, 1, 2) == (before if stays else new)
        assert await read(ctx, dut, 1, 3) != new

    run_bench(dut, testbench)
