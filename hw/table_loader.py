"""One table record of the header, expanded into the entries of the symbol table."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .errors import ErrorCode
from .fields import field_port
from .layouts import entry_layout
from .spreader import Spreader

__all__ = ["TableLoader"]


class AlphabetWalk(wiring.Component):
    """Walks through the tokens (run, u) of an alphabet in the order of the counts.

    Members
    -------
    half, raw_bits, max_run : In
        The alphabet.
    first, advance : In(1)
        Go to the first token, or to the next.
    run, value : Out
        The token at hand.
    over : Out(1)
        There are no more tokens.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "half": In(range(config.half + 1)),
            "raw_bits": In(range(config.raw_bits + 1)),
            "max_run": In(range(config.max_run + 1)),
            "first": In(1),
            "advance": In(1),
            "run": Out(range(config.max_run)),
            "value": Out(signed(config.weight_bits)),
            "over": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        low = Signal(signed(self._config.weight_bits))
        high = Signal(signed(self._config.weight_bits))
        final_run = Signal()
        m.d.comb += [
            low.eq(-self.half >> self.raw_bits),
            high.eq(self.half >> self.raw_bits),
            final_run.eq(self.run == self.max_run - 1),
        ]
        with m.If(self.first):
            m.d.sync += [self.value.eq(low), self.run.eq(0), self.over.eq(0)]
        with m.Elif(self.advance):
            with m.If(self.value == high):
                m.d.sync += [self.value.eq(low), self.run.eq(self.run + 1), self.over.eq(final_run)]
            with m.Else():
                m.d.sync += self.value.eq(Mux((self.value == -1) & ~final_run, 1, self.value + 1))
        return m


class TableLoader(wiring.Component):
    """Reads one table record and puts out its L entries by state.

    Time: one cycle per nibble, two per count, one per token skipped, then L (K + 1) cycles for K tokens by the spread,
    or the fields of the slot list.

    Members
    -------
    fields : Out(`field_port`)
        The fields of the header.
    raw_bits : Out
        s of this table, once ``done``.
    write, state, entry : Out(1), Out(R), Out(`entry_layout`)
        An entry.
    done : Out(1)
        The last entry is out; the next field is the next record's first.
    error : Out(ErrorCode)
        TABLE or COUNTS, in one cycle; the loader must then be cleared.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "fields": Out(field_port()),
            "raw_bits": Out(range(config.raw_bits + 1)),
            "write": Out(1),
            "state": Out(config.table_log),
            "entry": Out(entry_layout(config)),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.walk = self._walk = walk = AlphabetWalk(config)
        m.submodules.spreader = self._spreader = spreader = Spreader(config)
        self._listed = Signal()
        self._room = Signal(range(config.slots + 1))  # slots that no count has claimed
        m.d.comb += [
            walk.raw_bits.eq(self.raw_bits),
            spreader.counts.payload.run.eq(walk.run),
            spreader.counts.payload.value.eq(walk.value),
            spreader.counts.payload.count.eq(self.fields.value),
            spreader.indices.payload.eq(self.fields.value),
            self.write.eq(spreader.write),
            self.state.eq(spreader.slot),
            self.entry.eq(spreader.entry),
        ]
        with m.FSM():
            self._alphabet(m)
            self._counts(m)
            self._slots(m)
        return m

    def _fail(self, m, unless, error):
        with m.If(~unless):
            m.d.comb += self.error.eq(error)

    def _alphabet(self, m):
        """Kind, half, raw bits, max run."""
        config, walk, value = self._config, self._walk, self.fields.value
        half, max_run = Signal.like(walk.half), Signal.like(walk.max_run)
        m.d.comb += [walk.half.eq(half), walk.max_run.eq(max_run)]
        single = (value == 1) | (self.raw_bits == 0)
        parts = [
            ("KIND", "HALF", self._listed, value <= 1),
            ("HALF", "RAW_BITS", half, (value != 0) & (value <= config.half)),
            ("RAW_BITS", "MAX_RUN", self.raw_bits, value <= config.raw_bits),
            ("MAX_RUN", "FIRST", max_run, (value != 0) & (value <= config.max_run) & single),
        ]
        for name, then, register, right in parts:
            with m.State(name):
                m.d.comb += self.fields.want.eq(1)
                with m.If(self.fields.valid):
                    m.d.sync += register.eq(value)
                    m.next = then
                    self._fail(m, right, ErrorCode.TABLE)

    def _counts(self, m):
        """The counts, token by token."""
        walk, spreader, value = self._walk, self._spreader, self.fields.value
        skip = Signal(32)
        with m.State("FIRST"):
            m.d.comb += walk.first.eq(1)
            m.d.sync += self._room.eq(self._config.slots)
            m.next = "COUNT"
        with m.State("COUNT"):
            m.d.comb += self.fields.want.eq(1)
            with m.If(self.fields.valid):
                m.d.comb += [walk.advance.eq(1), spreader.counts.valid.eq((value != 0) & (value <= self._room))]
                m.d.sync += self._room.eq(self._room - value)
                m.next = "NEXT"
                self._fail(m, value <= self._room, ErrorCode.COUNTS)
                with m.If(value == 0):
                    m.next = "ZEROS"
        with m.State("ZEROS"):
            m.d.comb += self.fields.want.eq(1)
            with m.If(self.fields.valid):
                m.d.sync += skip.eq(value)
                m.next = "SKIP"
        with m.State("SKIP"):
            with m.If(skip == 0):
                m.next = "NEXT"
            with m.Else():
                m.d.comb += walk.advance.eq(1)
                m.d.sync += skip.eq(skip - 1)
                self._fail(m, ~walk.over, ErrorCode.COUNTS)
        with m.State("NEXT"):
            m.next = "COUNT"
            with m.If(walk.over):
                m.next = "SPREAD"
                self._fail(m, self._room == 0, ErrorCode.COUNTS)

    def _slots(self, m):
        """The spread, or the slot list."""
        spreader = self._spreader
        with m.State("SPREAD"):
            listed = self._listed & (spreader.tokens != 1)
            m.d.comb += [spreader.spread.eq(~listed), spreader.listed.eq(listed)]
            m.next = "ENTRIES"
        with m.State("ENTRIES"):
            m.d.comb += [
                self.fields.fixed.eq(Mux(spreader.tokens > 16, 2, 1)),
                spreader.indices.valid.eq(self.fields.valid),
                self.fields.want.eq(spreader.indices.ready),
            ]
            self._fail(m, ~spreader.bad, ErrorCode.TABLE)
            with m.If(spreader.ready):
                m.next = "DONE"
        with m.State("DONE"):
            m.d.comb += self.done.eq(1)
            m.next = "KIND"
