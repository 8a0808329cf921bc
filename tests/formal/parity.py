"""Parity of entries and states: a lane or ring with its symbol table, beside the same in which a bit flips."""

from contextlib import contextmanager
from random import Random
from unittest.mock import patch

from amaranth.hdl import Assume, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring

from golden.config import TableMemory, TableStyle
from hw.block_tables import BlockTables
from hw.errors import ErrorCode
from hw.join import _head_layout
from hw.lane import Lane
from hw.layouts import entry_layout, lane_layout, table_numbers, table_write_layout
from hw.parity import parity_of
from hw.reservoir import Reservoir
from hw.ring import Ring, found_layout
from hw.spreader import Spreader
from hw.symbol_table import SymbolTable
from hw.word_memory import WordMemory

from .flips import flippable, registers
from .guard import Guard
from .harness import Harness, Inside
from .tokens import Weights

__all__ = ["Even", "InTime", "LATE", "Stopped", "Upset"]

LATE = 2  #: cycles after the first difference in which an upset is told at the latest
FOLLOWING = ("spoilt", "at_zero", "look_", "head", "other", "was", "token")  #: registers that a flip shows in unused
IDLE = 5  #: cycles without work between two spans, and after a write to the tables, at the least


class Upset(Harness):
    """Two lanes or rings with their symbol tables begin alike and are given the same. In one of them a bit flips,
    once, in any cycle: of a stored entry, of a register that entries or states go through, of the parity of one.

    Where nothing flips, no upset is told. Where a bit does, all is as it would be without, or an upset is told, `LATE`
    cycles after the first difference at the latest: in what a lane alone looks up, in the tokens, in what is read of
    the words, in the rest told. What the states are at the end of a span is left to the check of the end states.

    Entries, in style RAM of any writes between spans, are as the format has them and have their parity; they have been
    written when they are looked up. Words, beats, places and pauses are anything, the same to both; from the first
    difference on the words are not the same. What no reset clears in a ring begins as work on such entries leaves it.
    Of parts of several weights in a ring: an entry is spoilt where there is a place for the part. (Without one a wrong
    run may let a token wait that need not. It is told when the entry is taken.)
    """

    def build(self, m):
        config = self.config
        self._control(m)
        self.apart = Signal(name="apart")  # there was a difference
        self.ports = {}
        one, other = self._copy(m, 0), self._copy(m, 1)
        pairs = [(a, b) for (a, _), (b, _) in zip(registers(one.ring.fragment) + registers(one.table.fragment),
                                                  registers(other.ring.fragment) + registers(other.table.fragment))]
        with m.If(self.first):
            for a, b in pairs:
                m.d.comb += Assume(Value.cast(a) == Value.cast(b))
            m.d.comb += Assume(~self.write.enable)
            if config.table_style is TableStyle.RAM:
                m.d.comb += [Assume(self._proper(Value.cast(row))) for row in one.table.memories[0].rows]
            for register in one.entries():
                m.d.comb += Assume(~parity_of(register))
        flipped = self._flip(m, other)
        differs = Signal()
        m.d.comb += differs.eq(Cat(a != b for a, b in zip(one.handed, other.handed)).any())
        m.d.sync += self.apart.eq(self.apart | differs)
        self.claim(~one.upset)
        told, late = Signal(), Signal(LATE + 1)
        m.d.sync += told.eq(told | other.upset)
        m.d.comb += late[0].eq(self.apart | differs)
        m.d.sync += [late[number + 1].eq(late[number]) for number in range(LATE)]
        self.claim(~late[LATE] | told | other.upset)
        if config.ring > 1 and config.vector > 1:
            self.assume((Value.cast(one.entry) == Value.cast(other.entry)) | ~other.ring["full"])
        for a, b in pairs:
            same = Value.cast(a) == Value.cast(b)
            loose = b.name.startswith(FOLLOWING) or any(b is register for register in flipped)
            self.lemma(same | (self.done if loose else self.apart))

    def _proper(self, entry):
        """Whether an entry is as the format has it, with its parity."""
        entry = data.View(entry_layout(self.config), entry)
        low = (1 << entry.nbits) - 1
        return (entry.nbits <= self.config.table_log) & ((entry.base & low) == 0) & ~parity_of(entry)

    def _control(self, m):
        """Spans, as `Control` makes them: the turns, when start states are read and when lanes may work."""
        last_turn = self.config.ring - 1
        turn, starting, running = Signal(range(last_turn + 1), init=last_turn), Signal(), Signal()
        idle, going, last = Signal(range(IDLE + 1)), starting | running, turn == last_turn
        self.write = self.any_of(table_write_layout(self.config), "write")
        begin, end, pace = (self.any_of(1, name) for name in ("begin", "end", "pace"))
        begins = begin & (idle == IDLE)
        self.assume(~self.write.enable | (~going & self._proper(self.write.entry.as_value())))
        self.assume(~self.write.enable | (self.write.table < self.config.max_tables))
        m.d.sync += [
            idle.eq(Mux(going | begins | self.write.enable, 0, Mux(idle == IDLE, IDLE, idle + 1))),
            starting.eq(begins | (starting & ~last)),
            running.eq((starting & last) | (running & ~end)),
            turn.eq(Mux(begins, 0, Mux(going, Mux(last, 0, turn + 1), last_turn))),
        ]
        self.known = {"turn": turn, "starting": starting}
        if self.config.ring == 1:
            self.known |= {"running": going & pace, "clear": self.any_of(1, "clear") & ~going}
        else:
            self.known |= {"running": running & pace}
            for name in ("loading", "sweeping"):
                self.known[name] = self.any_of(1, name) & ~going

    def _table(self):
        config = self.config
        tables = self._tables() if config.table_style is TableStyle.ROM else ()
        if config.table_memory is TableMemory.BLOCK:
            return BlockTables(config, 1, None, tables)
        return SymbolTable(config, config.entry_latency, tables)

    def _tables(self):
        """Tables of any entries; seeded."""
        config, random, tables = self.config, Random(1), []
        for _ in table_numbers(config):
            nbits = [random.randint(0, config.table_log) for _ in range(config.slots)]
            tables.append([{"run": random.randrange(config.max_run), "value": random.randint(-config.half, config.half),
                            "nbits": bits, "base": random.randrange(config.slots) >> bits << bits} for bits in nbits])
        return tables

    def _copy(self, m, number):
        """A lane or ring with its table."""
        config = self.config
        ring, table = (Lane if config.ring == 1 else Ring)(config), self._table()
        with self._words(number):
            inside = Inside(ring, upset=True)
        held = Inside(table, upset=True)
        m.submodules[f"ring_{number}"], m.submodules[f"table_{number}"] = inside.fragment, held.fragment
        block = config.table_memory is TableMemory.BLOCK
        lookup, entry = (table.lookup[0], table.entry[0]) if block else (table.lookup, table.entry)
        m.d.comb += [lookup.eq(ring.lookup), ring.entry.eq(entry), table.write.eq(self.write)]
        for path, member, port in ring.signature.flatten(ring):
            if member.flow is wiring.In and path[0] not in ("entry", "words") and not isinstance(port, Const):
                if path not in self.ports:
                    name = path[0]
                    self.ports[path] = self.known[name] if name in self.known else self.any_of(
                        len(Value.cast(port)), "_".join(map(str, path)))
                m.d.comb += Value.cast(port).eq(self.ports[path])
        return _Copy(ring, inside, held, config)

    @contextmanager
    def _words(self, number):
        """The words: the same to both, and no longer once there was a difference."""
        kind, names = (Reservoir, ("window", "next_enough", "used")) if self.config.ring == 1 else (
            WordMemory, ("window", "enough"))

        def elaborate(component, platform):
            inner = Module()
            for name in names:
                port = getattr(component, name)
                value = self.any_of(len(port), f"{name}_{number}")
                if number == 0:
                    self.ports[name] = value
                inner.d.comb += port.eq(Mux(self.apart & ~self.first, value, self.ports[name]))
            if kind is WordMemory:
                inner.d.comb += component._after(component.word, component.lap, component.following,
                                                 component.following_lap)
            return inner

        with patch.object(kind, "elaborate", elaborate):
            yield

    def _flip(self, m, copy):
        """One bit flips, at any time; returns the registers that are not the same then."""
        places = copy.places(self.config)
        memory = copy.table.memories[0]
        widths = [len(memory.flip), *(len(register) for _, register, _ in places)]
        bit, row = self.some(range(max(widths)), "bit"), self.some(range(len(memory.rows)), "row")
        which, now, done = self.some(range(len(widths)), "which"), self.any_of(1, "now"), Signal()
        self.assume(which < len(widths))
        flip = Signal()
        m.d.comb += flip.eq(now & ~done & ~self.first)
        m.d.sync += done.eq(done | flip)
        self.done = done
        with m.If(flip & (which == len(places))):
            m.d.comb += [memory.flip.eq(1 << bit), memory.where.eq(row)]
        for number, (fragment, register, bits) in enumerate(places):
            flipped = flippable(fragment, register)
            with m.If(flip & (which == number)):
                m.d.comb += flipped.eq((1 << bit) & bits)
        return [register for _, register, _ in places]


class _Copy:
    """A lane or ring with its table: what is to be compared of it, and where bits may flip."""

    def __init__(self, ring, inside, table, config):
        self.ring, self.table, self.upset, self.entry = inside, table, ring.upset, ring.entry
        token = ring.token
        marked = token.here | token.kept
        self.handed = [
            token.complete, token.taken, Mux(token.complete, Cat(token.part, token.asked, token.over), 0),
            Mux(token.taken, Cat(token.run, token.value), 0), token.here, token.kept, Mux(marked != 0, token.place, 0),
            token.turn, ring.resting]
        if config.ring == 1:
            read = inside["look_up"]
            self.handed += [read, Mux(read, Cat(inside["take"], ring.entry), 0)]
        else:
            lane = data.View(lane_layout(config), inside["after"])
            self.handed += [lane.word, lane.lap, lane.pointer]

    def entries(self):
        """Registers that entries go through on their way from the table."""
        return [register for register, _ in registers(self.table.fragment)
                if not register.name.startswith(("row_", "spoilt"))]

    def places(self, config):
        """Registers, each with the fragment that it is in and with those of its bits that may flip."""
        found = [(self.table.fragment, register, -1) for register in self.entries()]
        masks = {"upset": -1, "flipped": -1}
        if config.ring == 1:
            masks |= {"state": -1, "parity": -1}
        else:
            states = lane_layout(config).const({"state": -1, "parity": 1}).as_bits()
            kept = found_layout(config).const(
                {"state": -1, "bits": -1, "base": -1, "flipped": 1, "parity": [1] * 3}).as_bits()
            for register, owner in registers(self.ring.fragment):
                for name, bits in (("lane_", states), ("at_entry_", states), ("at_step_", states), ("found_", kept)):
                    if owner is self.ring.fragment and register.name.startswith(name):
                        masks[register.name] = bits
        return found + [(owner, register, masks[register.name]) for register, owner in registers(self.ring.fragment)
                        if owner is self.ring.fragment and register.name in masks]


class Even(Harness):
    """Entries that the spreader makes have their parity, whatever tokens and turns it makes them of."""

    def build(self, m):
        m.submodules.spreader = spreader = Spreader(self.config)
        self.drive(spreader)
        self.claim(~spreader.write | ~parity_of(spreader.entry))


class InTime(Weights):
    """When a lane or a ring tells that it rests, the upset of the last entry that was used is told, or was told before.

    Entries, with any parity, and all else are as in `Weights`.
    """

    def check(self, m, ring, expander, mine, announced):
        inside, config = self.inside, self.config
        if config.ring == 1:
            used, pending = inside["look_up"], inside["flipped"]
        else:
            found = inside["found_1" if config.step_latency > config.entry_latency else "found"]
            used = (inside["step.placed"] & ~data.View(found_layout(config), found).resting) | ring.token.taken
            pending = inside["flipped"][1]
        with m.If(mine & ring.resting):
            self.claim(~used & (pending == 0))


class Stopped(Guard):
    """Three cycles after a lane or ring told of an upset the error is told; a cycle later no transfer begins any more.

    A span's last transfer is on offer four cycles after all lanes were told to rest, or later. So with `InTime` it
    never is after an upset of anything that was used in the span. Nothing is assumed, as in `Guard`.
    """

    def check(self, m, decoder):
        config, inside, beats = self.config, self.inside, decoder.beats
        names = [f"{'lane' if config.ring == 1 else 'ring'}_{number}" for number in range(config.rings)]
        upset, resting = Signal(), Signal()
        m.d.comb += [upset.eq(Cat(inside[f"{name}.any_upset"] for name in names).any()),
                     resting.eq(Cat(inside[f"{name}.any_resting"] for name in names).all())]
        told = [Signal(name=f"told_{cycle}") for cycle in range(4)]
        error, before, valid, done = Signal(8), Signal(8), Signal(), Signal()
        m.d.comb += error.eq(decoder.error)
        m.d.sync += [told[0].eq(upset), told[1].eq(told[0]), told[2].eq(told[1]), told[3].eq(told[3] | told[2]),
                     before.eq(error), valid.eq(beats.valid), done.eq(decoder.done)]
        self.claim(~told[2] | (before != 0) | (error == ErrorCode.PARITY.value))
        with m.If(told[3]):
            self.claim((error != 0) & ~decoder.busy)
            self.claim(valid | ~beats.valid)
            self.claim(done | ~decoder.done)
        head, holds = data.View(_head_layout(config), inside["join.head"]), inside["join.holds"]
        last, was = Signal(), Signal()  # the head is the span's last transfer, and was it a cycle ago
        rested, asked = Signal(), Signal(2)
        goes = inside["join.move"]
        m.d.comb += last.eq(holds & (head.held | was))
        m.d.sync += [was.eq(last & ~goes), rested.eq(resting),
                     asked.eq(Cat(asked[0] | rested, asked[0]) & (last & ~goes).replicate(2))]
        self.claim(~(last & goes) | asked[1])
