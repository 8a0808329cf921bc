"""Parity of entries and states: nothing is seen where nothing has flipped, and any flipped bit is, in lane and ring."""

from dataclasses import replace
from random import Random

import pytest
from amaranth.hdl import Signal

from golden.config import Config, TableMemory
from golden.errors import ConfigError
from golden.table import Alphabet, Table
from hw.lane import Lane
from hw.layouts import entry_layout
from hw.memory import primitives_of
from hw.parity import protected
from hw.ring import Ring
from tests.lanes import Plan
from tests.support import run_bench
from tests.test_hw_lane import LaneBench
from tests.test_hw_ring import RingBench

CONFIGS = {
    "alone": Config(lanes=1, word_bits=16, table_log=5, max_run=2, raw_bits=1, bins=15, protect=True),
    "alone, V 3": Config(lanes=1, vector=3, word_bits=16, table_log=6, max_run=4, bins=7, queue=4, protect=True),
    "C 2": Config(lanes=2, vector=2, word_bits=16, table_log=6, max_run=3, bins=7, ring=2, protect=True),
    "C 3": Config(lanes=3, word_bits=8, table_log=6, raw_bits=1, bins=31, ring=3, preload=3, protect=True),
    "C 5": Config(lanes=5, vector=2, word_bits=16, table_log=5, max_run=4, bins=7, ring=5, protect=True),
}
OFTEN = {"alone", "C 2", "C 5"}  # by ``-m slow`` the others
IDLE = 0.4


def spoiled(component):
    """A lane or a ring of this class with a port ``flip``: bits of a state's register to be flipped in this cycle; a
    lane alone heeds it only while it reads nothing."""

    class Spoiled(component):
        def __init__(self, config):
            super().__init__(config)
            self.flip = Signal(config.table_log)

        def elaborate(self, platform):
            m = super().elaborate(platform)
            signals = {signal.name: signal for signal in m._driving}
            if component is Lane:
                with m.If((self.flip != 0) & ~signals["look_up"] & ~self.starting):
                    m.d.sync += signals["state"].eq(signals["state"] ^ self.flip)
            else:  # the state is the lowest of what a lane keeps
                m.d.sync += signals["lane_1"][:len(self.flip)].eq(signals["after"][:len(self.flip)] ^ self.flip)
            return m

    return Spoiled


class Trial:
    """A span on a spoiled lane or ring: whether a flipped bit was reported, and whether all was right, or nothing wrong
    but the end state, for which there is a check of its own."""

    def __init__(self, name, seed, entry=None, state=None):
        """``entry``: which use of an entry is spoiled, ``state``: in which cycle a state is."""
        config = CONFIGS[name]
        self.random = random = Random(f"{name} {seed}")
        self.reported, self.right = False, False
        component, bench = (Lane, LaneBench) if config.ring == 1 else (Ring, RingBench)
        dut = spoiled(component)(config)
        plan, bit = Plan(config, 5), random.randrange(entry_layout(config).size)

        class Spoiling(bench):
            cycle = 0

            def spoil(self, fields):
                layout = entry_layout(config)
                bits = layout.const(fields).as_bits() ^ (1 << bit if self.cycle == entry else 0)
                return layout.from_bits(bits)

            async def tick(self):
                self.ctx.set(dut.flip, 1 << random.randrange(config.table_log) if self.cycle == state else 0)
                await super().tick()
                self.cycle += 1

        async def watch(ctx):
            async for *_, upset in ctx.tick().sample(dut.upset):
                self.reported |= bool(upset)

        async def testbench(ctx):
            bench = Spoiling(ctx, dut, config, plan, random, IDLE)
            if config.ring > 1:
                await bench.sweep()
            try:
                await bench.span()
                self.right = bench.tokens == plan.tokens
            except AssertionError:  # of what went wrong
                self.right = bench.tokens == plan.tokens and ctx.get(dut.resting) and not ctx.get(dut.at_zero)

        run_bench(dut, testbench, watch)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in CONFIGS])
def test_nothing_flipped(name):
    trial = Trial(name, 0)
    assert trial.right and not trial.reported


@pytest.mark.parametrize("what", ["entry", "state"])
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in CONFIGS])
def test_flipped(name, what):
    """One bit in one cycle: what goes wrong is reported; some of it does go wrong."""
    trials = [Trial(name, cycle, **{what: cycle}) for cycle in range(30, 130, 12)]
    assert all(trial.right or trial.reported for trial in trials)
    assert sum(trial.reported for trial in trials) >= 2


@pytest.mark.parametrize("memory, ring", [(TableMemory.LOGIC, 1), (TableMemory.BLOCK, 4)])
def test_entries_are_even(memory, ring):
    config = Config(table_log=4, max_run=2, raw_bits=2, bins=15, ring=ring, table_memory=memory, protect=True)
    for table in (Table(Alphabet(1, 0, 2), 4, (1, 2, 3, 9, 1)), Table(Alphabet(7, 2), 4, (1, 6, 8, 1))):
        for entry in table.entries:
            stored = protected(config, entry._asdict())
            assert entry_layout(config).const(stored).as_bits().bit_count() % 2 == 0
            assert protected(replace(config, protect=False), entry._asdict()) == entry._asdict()


def test_a_full_word_takes_a_second_ram():
    """Entries of 18 bits fill the words of DP16KD; with their parity they take two side by side."""
    config = Config(table_log=6, max_run=8, bins=31, raw_bits=1, ring=4, table_memory=TableMemory.BLOCK, max_tables=16)
    guarded = replace(config, protect=True)
    sizes = [entry_layout(each).size for each in (replace(config, bins=63), replace(guarded, bins=63), guarded)]
    assert sizes == [18, 19, 18]
    assert [primitives_of("ecp5", size, 16 << 6) for size in sizes] == [1, 2, 1]


def test_it_is_a_yes_or_a_no():
    with pytest.raises(ConfigError, match="protect must be True or False, not 1"):
        Config(protect=1)
