"""From counts or a slot list to entries, against `golden.table`."""

from random import Random

import pytest
from amaranth.hdl import ResetInserter, Signal

from golden.config import Config
from golden.header_time import SLOT_CYCLES
from golden.table import Alphabet, Table
from hw.spreader import Spreader
from tests.support import as_ints, run_bench


def random_counts(random, alphabet, slots, present):
    """Counts of an alphabet, so many of them above 0, that sum to the slots."""
    chosen = random.sample(range(alphabet.size), present)
    counts = [0] * alphabet.size
    for token in chosen + random.choices(chosen, k=slots - present):
        counts[token] += 1
    return tuple(counts)


def random_tables(seed, table_log):
    """Tables of one token, of L tokens and of some between, by the spread and by slot lists."""
    random = Random(seed)
    slots = 1 << table_log
    for listed in (False, True):
        for present in (1, 2, slots, random.randint(1, slots), random.randint(1, slots)):
            alphabet = random.choice([Alphabet(127), Alphabet(40, 0, 3), Alphabet(40, 0, 2)])
            counts = random_counts(random, alphabet, slots, present)
            tokens = [token for token, count in enumerate(counts) for _ in range(count)]
            random.shuffle(tokens)
            yield Table(alphabet, table_log, counts, tuple(tokens) if listed else None)


async def load(ctx, dut, table):
    """Hand over the counts; returns the numbers of the tokens that have slots."""
    assert ctx.get(dut.ready)
    present = [token for token, count in enumerate(table.counts) if count]
    for token in present:
        run, value = table.alphabet.tokens[token]
        ctx.set(dut.counts.payload, {"run": run, "value": value, "count": table.counts[token]})
        ctx.set(dut.counts.valid, 1)
        await ctx.tick()
    ctx.set(dut.counts.valid, 0)
    assert ctx.get(dut.tokens) == len(present)
    begin = dut.spread if table.slots is None else dut.listed
    ctx.set(begin, 1)
    await ctx.tick()
    ctx.set(begin, 0)
    return present


async def entries_of(ctx, dut, table, random, idle):
    """Expand a table; returns the entries and the cycles it took."""
    present = await load(ctx, dut, table)
    entries, cycles = {}, 0
    given = 0
    while len(entries) < len(table.entries):
        offered = table.slots is not None and random.random() >= idle and given < len(table.slots)
        ctx.set(dut.indices.valid, offered)
        if offered:
            ctx.set(dut.indices.payload, present.index(table.slots[given]))
            given += ctx.get(dut.indices.ready)
        assert not ctx.get(dut.bad)
        if ctx.get(dut.write):
            entries[ctx.get(dut.slot)] = as_ints(ctx.get(dut.entry))
        await ctx.tick()
        cycles += 1
    ctx.set(dut.indices.valid, 0)
    return [entries[state] for state in range(len(entries))], cycles


@pytest.mark.parametrize("table_log", [1, 2, 4, 5, 7])
def test_entries(table_log):
    dut = Spreader(Config(table_log=table_log, max_run=3, bins=255))
    random = Random(9)

    async def testbench(ctx):
        for table in random_tables(table_log, table_log):
            entries, cycles = await entries_of(ctx, dut, table, random, idle=0.3)
            assert entries == [entry._asdict() for entry in table.entries]
            present = sum(count > 0 for count in table.counts)
            assert table.slots is not None or cycles == 1 + (2 * present + SLOT_CYCLES << table_log)

    run_bench(dut, testbench)


async def is_bad(ctx, dut, index):
    """Hand over an index; whether it is bad, which is told four cycles later."""
    assert ctx.get(dut.indices.ready)
    ctx.set(dut.indices.payload, index)
    ctx.set(dut.indices.valid, 1)
    await ctx.tick()
    ctx.set(dut.indices.valid, 0)
    assert not ctx.get(dut.bad)
    await ctx.tick().repeat(3)
    return ctx.get(dut.bad)


@pytest.mark.parametrize("indices, bad", [
    ([0, 1, 2, 1, 1, 1, 1, 1], None),
    ([0, 0], 1),  # the first token has had its only slot
    ([1, 2, 2], 2),
    ([3], 0),  # there are three tokens
    ([15], 0),
])
def test_bad_indices(indices, bad):
    dut = Spreader(Config(table_log=3, bins=3))
    table = Table(Alphabet(1), 3, (1, 6, 1), (0, 1, 1, 1, 1, 1, 1, 2))

    async def testbench(ctx):
        await load(ctx, dut, table)
        for number, index in enumerate(indices):
            assert await is_bad(ctx, dut, index) == (number == bad)
            await ctx.tick()
        assert ctx.get(dut.ready) == (bad is None)

    run_bench(dut, testbench)


def test_what_an_earlier_table_left_behind():
    """After a reset in mid-table the memories still hold its tokens; an index beyond the new table's is bad."""
    clear = Signal()
    spreader = Spreader(Config(table_log=3, bins=3))
    dut = ResetInserter(clear)(spreader)
    large = Table(Alphabet(1), 3, (3, 3, 2), (0, 1, 2, 0, 1, 2, 0, 1))
    small = Table(Alphabet(1), 3, (4, 0, 4), (0, 0, 0, 0, 2, 2, 2, 2))

    async def testbench(ctx):
        await load(ctx, spreader, large)
        ctx.set(clear, 1)
        await ctx.tick()
        ctx.set(clear, 0)
        await load(ctx, spreader, small)
        assert await is_bad(ctx, spreader, 2)

    run_bench(dut, testbench)
