"""A look-up: the entry of the state's address, the state after it, the bits that it takes, the token that it yields."""

from random import Random
from unittest.mock import patch

from amaranth.asserts import AnySeq
from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data

from golden.config import TableMemory, TableStyle
from hw.block_tables import BlockTables
from hw.delay import delay
from hw.lane import Lane
from hw.layouts import entry_layout, held_layout, table_numbers
from hw.reservoir import Reservoir
from hw.ring import Ring
from hw.symbol_table import SymbolTable
from hw.word_memory import WordMemory

from .free import free
from .harness import Harness, Inside

__all__ = ["Loaded", "LookUp", "TakenTurn"]


class _Definition(Harness):
    """What a token is, by docs/format.md: ``x' = base OR bits``, the low nbits bits of the window; then raw bits."""

    def define(self, m, entry, window, raw_bits):
        """Returns the next state, the bits taken and the value; assumed is what every entry keeps to."""
        config = self.config
        state, value = Signal(config.table_log), Signal(signed(config.weight_bits))
        low = (1 << entry.nbits) - 1
        raw = (window >> entry.nbits) & ((1 << raw_bits) - 1)
        self.assume((entry.nbits <= config.table_log) & (raw_bits <= config.raw_bits))
        self.assume((entry.base & low) == 0)
        m.d.comb += [state.eq(entry.base + (window & low)), value.eq((entry.value << raw_bits) + raw)]
        return state, entry.nbits + raw_bits, value


class LookUp(_Definition):
    """A lane alone: its state is the low R bits of the window at the start, then that of the definition; it takes the
    bits of the definition, where they were promised a cycle before; its tokens are those of the definition.

    Entries, window, promises, beats and runs are anything.
    """

    def build(self, m):
        config, lane = self.config, Lane(self.config)
        with free(Reservoir):
            inside = Inside(lane)
        m.submodules.lane = inside.fragment
        start = self.any_of(1, "start")
        self.drive(lane, starting=start)
        window, promised, started = inside["reservoir.window"], Signal(), Signal()
        state, took = Signal(config.table_log), inside["look_up"]
        after, bits, value = self.define(m, lane.entry, window, lane.announced.raw_bits)
        zero = Signal()
        m.d.sync += [promised.eq(inside["reservoir.next_enough"]), started.eq(started | start), zero.eq(state == 0)]
        was = Signal()
        m.d.sync += was.eq(started)
        self.assume(~start | ~took)
        with m.If(start):
            m.d.sync += state.eq(window)
        with m.Elif(took):
            m.d.sync += state.eq(after)
        self.claim(~took | promised)
        self.claim(inside["read"] == took)
        self.claim(inside["starting"] == start)
        with m.If(started):
            self.claim((lane.lookup.state == state) & (lane.lookup.table == lane.announced.table))
            self.claim(~was | (lane.at_zero == zero))
        with m.If(took):
            token = data.View(held_layout(config), inside["token", 1])  # that goes into the pair
            self.claim(inside["take"] == bits)
            self.claim(inside["push"] & (token.run == lane.entry.run) & (token.value == value))


def _follow(memory, platform):
    """A word memory with any bits, of which any have come; the place after a word's is right."""
    m = Module()
    m.d.comb += [memory.window.eq(AnySeq(len(memory.window))), memory.enough.eq(AnySeq(1)),
                 *memory._after(memory.word, memory.lap, memory.following, memory.following_lap)]
    return m


class TakenTurn(_Definition):
    """A ring: the same of any of its lanes, from turn to turn, with the place in its words that follows from the bits
    taken; with the token comes whether its bits had come.

    Entries, windows, what has come, beats and runs are anything. Assumed: a lane's start state is read when it was
    loading before, and not while it works.
    """

    def build(self, m):
        config, ring = self.config, Ring(self.config)
        with patch.object(WordMemory, "elaborate", _follow):
            inside = Inside(ring)
        m.submodules.ring = inside.fragment
        lane, turn = self.some(range(config.ring), "lane"), Signal(range(config.ring))
        self.assume(lane < config.ring)
        m.d.sync += turn.eq(Mux(turn == config.ring - 1, 0, turn + 1))
        begins = turn == lane
        start, load, run = (self.any_of(1, name) for name in ("start", "load", "run"))
        self._spans(m, begins, start, load, run)
        self.drive(ring, turn=turn, starting=start, running=run, loading=load, sweeping=0)
        late = config.step_latency - config.entry_latency + 1  # from the entry to the token
        window, raw_bits = inside["reservoir.window"], delay(m, ring.announced.raw_bits, config.entry_latency, "raw")
        after, bits, value, entry, enough, window = (delay(m, thing, late, name) for thing, name in zip(
            (*self.define(m, ring.entry, window, raw_bits), ring.entry, inside["reservoir.enough"], window),
            ("after", "bits", "value", "entry", "enough", "window")))
        token, quiet = ring.token, self.quiet == 0
        self.claim(~quiet | (token.turn == delay(m, turn, config.step_latency + 1, "of")))
        mine = quiet & (token.turn == lane)
        starts = mine & delay(m, start, config.step_latency + 1, "starts")
        taken = mine & token.taken & self.started
        with m.If(starts):
            self.claim(~token.taken)
        with m.Elif(taken):
            self.claim(enough & (token.run == entry.run))
            self.claim((token.value == value) | (token.over & (token.value == 0)))
        m.d.sync += self.started.eq((self.started | starts) & ~load)
        self._places(m, ring, inside, begins & (self.started | starts) & ~load, (starts, taken), after, bits, window)

    def _spans(self, m, begins, start, load, run):
        """When a lane starts and works."""
        config = self.config
        self.started, self.quiet = Signal(name="started"), Signal(range(16), name="quiet", init=2 * config.ring + 2)
        loaded = Signal(range(2 * config.ring + 1))  # cycles of loading without a pause
        with m.If(self.quiet != 0):  # after the reset
            m.d.sync += self.quiet.eq(self.quiet - 1)
        with m.If(load):
            m.d.sync += loaded.eq(Mux(loaded == 2 * config.ring, loaded, loaded + 1))
        with m.Elif((loaded != 2 * config.ring) | (begins & (start | run))):
            m.d.sync += loaded.eq(0)
        self.assume(~start | ~begins | (~run & (loaded == 2 * config.ring)))
        self.assume((~load & (self.quiet == 0)) | (~start & ~run))
        under_way = Signal(config.ring)  # of the last C turns, those with a start
        m.d.sync += under_way.eq(Cat(start, under_way))
        self.assume(~load | (under_way == 0))

    def _places(self, m, ring, inside, begins, moves, after, bits, window):
        """The state and the place in the words, as of now, and what the lane asks for as its turn begins."""
        config, (starts, taken) = self.config, moves
        size = 2 * config.preload * config.word_bits
        state, place, reached = Signal(config.table_log), Signal(range(size)), Signal(range(2 * size))
        now, there = Signal.like(state), Signal.like(place)
        m.d.comb += [
            reached.eq(place + bits),
            now.eq(Mux(starts, window, Mux(taken, after, state))),
            there.eq(Mux(starts, config.table_log, Mux(taken, Mux(reached >= size, reached - size, reached), place))),
        ]
        m.d.sync += [state.eq(now), place.eq(there)]
        word = (inside["lap"] * config.preload + inside["word"]) * config.word_bits
        with m.If(begins):
            self.claim((ring.lookup.state == now) & (ring.lookup.table == ring.announced.table))
            self.claim(word + inside["pointer"] == there)


class Loaded(Harness):
    """Any entry: what was written last of it shows, as late as it must, whatever else is written; in style ROM, that of
    the tables given. In block RAM it is not read while anything is written.
    """

    def build(self, m):
        config = self.config
        tables = self._tables() if config.table_style is TableStyle.ROM else ()
        block = config.table_memory is TableMemory.BLOCK
        table = BlockTables(config, 2, None, tables) if block else SymbolTable(config, config.entry_latency, tables)
        m.submodules.table = table
        self.drive(table)
        lookups = table.lookup if block else [table.lookup]
        entries = table.entry if block else [table.entry]
        wanted = self.some(len(lookups[0].as_value()), "wanted")
        known, kept = Signal(), Signal(entry_layout(config))
        write = table.write
        if tables:
            layout = entry_layout(config)
            values = [layout.const(entry) for entries in tables for entry in entries]
            m.d.comb += known.eq(wanted < len(values))
            with m.Switch(wanted):
                for number, value in enumerate(values):
                    with m.Case(number):
                        m.d.comb += kept.eq(value)
        else:
            with m.If(write.enable & (write.state == wanted[:config.table_log])
                      & (write.table == wanted[config.table_log:])):
                m.d.sync += [known.eq(1), kept.eq(write.entry)]
        asked = [known & (lookup.as_value() == wanted) & ~(block & write.enable) for lookup in lookups]
        due = Signal(entry_layout(config))
        m.d.comb += due.eq(kept)
        sure = Signal(range(4), init=3)
        with m.If(sure != 0):
            m.d.sync += sure.eq(sure - 1)
        for number, (was, entry) in enumerate(zip(asked, entries)):
            flag = Signal(name=f"asked_{number}")
            m.d.comb += flag.eq(was)
            flag, right = delay(m, flag, config.entry_latency), delay(m, due, config.entry_latency)
            self.claim(~flag | (sure != 0) | (entry == right))

    def _tables(self):
        """Tables of entries that differ, for as many as there are; seeded."""
        config, random = self.config, Random(1)
        return [[{"run": random.randrange(config.max_run), "value": random.randint(-config.half, config.half),
                  "nbits": random.randint(0, config.table_log), "base": state ^ number % config.slots}
                 for state in range(config.slots)] for number in range(len(table_numbers(config)))]
