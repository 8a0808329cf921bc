"""One table record of the header, expanded into the entries of the symbol table."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config
from golden.table import Alphabet

from .errors import ErrorCode
from .fields import field_port
from .layouts import entry_layout
from .same import at_most, same
from .spreader import Spreader

__all__ = ["TableLoader"]


class AlphabetWalk(wiring.Component):
    """Walks through the tokens (run, u) of an alphabet in the order of the counts.

    Members
    -------
    half, raw_bits, max_run : In
        The alphabet: the first two from two cycles before ``first`` on, the last from one.
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
        low = Signal(signed(self._config.weight_bits), reset_less=True)
        high = Signal(signed(self._config.weight_bits), reset_less=True)
        last_run = Signal.like(self.run, reset_less=True)
        m.d.sync += [
            low.eq(-self.half >> self.raw_bits),
            high.eq(self.half >> self.raw_bits),
            last_run.eq(self.max_run - 1),
        ]
        final_run = self.run == last_run
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

    Time: one cycle per nibble, three per count, one per token skipped, then the time of `hw.spreader.Spreader`.

    Parameters
    ----------
    config : Config
    target : str or None
        See `hw.spreader.Spreader`.

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
        TABLE or COUNTS, in one cycle, some cycles late; the loader must then be cleared.
    """

    def __init__(self, config: Config, target: str | None = None):
        self._config = config
        self._target = target
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
        m.submodules.spreader = self._spreader = spreader = Spreader(config, self._target)
        self._listed = Signal()
        self._room = Signal(range(config.slots + 1))  # slots that no count has claimed
        m.d.comb += [
            walk.raw_bits.eq(self.raw_bits),
            spreader.indices.payload.eq(self.fields.value),
            self.write.eq(spreader.write),
            self.state.eq(spreader.slot),
            self.entry.eq(spreader.entry),
        ]
        m.d.sync += self.error.eq(ErrorCode.NONE)
        self._strange = Signal()  # the alphabet is none
        with m.FSM():
            self._alphabet(m)
            self._counts(m)
            self._slots(m)
        self._fail(m, ~self._strange, ErrorCode.TABLE)
        return m

    def _fail(self, m, unless, error):
        with m.If(~unless):
            m.d.sync += self.error.eq(error)

    def _alphabet(self, m):
        """Kind, half, raw bits, max run."""
        config, walk, value = self._config, self._walk, self.fields.value
        half, max_run = Signal.like(walk.half), Signal.like(walk.max_run)
        m.d.comb += [walk.half.eq(half), walk.max_run.eq(max_run)]
        width = max(config.half, config.raw_bits, config.max_run, 1).bit_length()
        small = same(m, value[width:], Const(0, 32 - width))  # the value of a cycle ago had none but its low bits
        low = value[:width]

        single = (low == 1) | (self.raw_bits == 0)
        parts = [
            ("KIND", "HALF", self._listed, at_most(low, 1)),
            ("HALF", "RAW_BITS", half, (low != 0) & at_most(low, config.half)),
            ("RAW_BITS", "MAX_RUN", self.raw_bits, at_most(low, config.raw_bits)),
            ("MAX_RUN", "FIRST", max_run, (low != 0) & at_most(low, config.max_run) & single),
        ]
        seen, right = Signal(), Signal(reset_less=True)  # a field of these was read a cycle ago, and fits but for size
        m.d.sync += seen.eq(0)
        for name, then, register, fits in parts:
            with m.State(name):
                m.d.comb += self.fields.want.eq(1)
                m.d.sync += [seen.eq(self.fields.valid), right.eq(fits)]
                with m.If(self.fields.valid):
                    m.d.sync += register.eq(value)
                    m.next = then
        m.d.comb += self._strange.eq(seen & ~(right & small))

    def _counts(self, m):
        """The counts, token by token."""
        walk, token, value, room = self._walk, self._spreader.counts, self.fields.value, self._room
        count = Signal.like(room, reset_less=True)  # the field of a cycle ago, as far as it may reach
        small = same(m, value[len(room):], Const(0, 32 - len(room)))  # it reached no further
        fits, none = Signal(reset_less=True), Signal(reset_less=True)
        skip = Signal(range(Alphabet(self._config.half, 0, self._config.max_run).size + 1), reset_less=True)
        few = same(m, value[len(skip):], Const(0, 32 - len(skip)))
        m.d.sync += [token.valid.eq(0), token.payload.run.eq(walk.run), token.payload.value.eq(walk.value),
                     token.payload.count.eq(count)]
        m.d.sync += [count.eq(value), fits.eq(value[:len(room)] <= room), none.eq(value[:len(room)] == 0)]
        with m.State("FIRST"):
            m.d.comb += walk.first.eq(1)
            m.d.sync += room.eq(self._config.slots)
            m.next = "COUNT"
        with m.State("COUNT"):
            m.d.comb += self.fields.want.eq(1)
            with m.If(self.fields.valid):
                m.next = "CHECK"
        with m.State("CHECK"):
            right = small & fits
            m.d.comb += walk.advance.eq(1)
            m.d.sync += [token.valid.eq(right & ~none), room.eq(room - count)]
            m.next = "NEXT"
            self._fail(m, right, ErrorCode.COUNTS)
            with m.If(none):
                m.next = "ZEROS"
        with m.State("ZEROS"):
            m.d.comb += self.fields.want.eq(1)
            with m.If(self.fields.valid):
                m.d.sync += skip.eq(value)
                m.next = "CHECK_ZEROS"
        with m.State("CHECK_ZEROS"):
            m.next = "SKIP"
            self._fail(m, few, ErrorCode.COUNTS)
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
                m.next = "COUNTED"
                self._fail(m, self._room == 0, ErrorCode.COUNTS)

    def _slots(self, m):
        """The spread, or the slot list."""
        spreader = self._spreader
        one, many = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [one.eq(spreader.tokens == 1), many.eq(spreader.tokens > 16)]
        with m.State("COUNTED"):  # the last token is on its way
            m.next = "KNOWN"
        with m.State("KNOWN"):
            m.next = "SPREAD"
        with m.State("SPREAD"):
            listed = self._listed & ~one
            m.d.comb += [spreader.spread.eq(~listed), spreader.listed.eq(listed)]
            m.next = "ENTRIES"
        with m.State("ENTRIES"):
            m.d.comb += [
                self.fields.fixed.eq(Mux(many, 2, 1)),
                spreader.indices.valid.eq(self.fields.valid),
                self.fields.want.eq(spreader.indices.ready),
            ]
            self._fail(m, ~spreader.bad, ErrorCode.TABLE)
            with m.If(spreader.ready):
                m.next = "DONE"
        with m.State("DONE"):
            m.d.comb += self.done.eq(1)
            m.next = "KIND"
