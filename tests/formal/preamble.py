"""The preamble: which headers are for this decoder."""

from amaranth.hdl import Array, Const, Signal

from hw.errors import ErrorCode
from hw.preamble import Preamble

from .asking import Asking
from .harness import Harness

__all__ = ["Fits"]


class Fits(Harness):
    """Fields 0 to 11 are read as the format has them, of any values; each that does not go with the configuration is
    told by its own code, three cycles later, and nothing else is; then the numbers of tables and segments are those
    read.

    Assumed is what `Asking` says of the field reader.
    """

    def build(self, m):
        preamble = Preamble(self.config)
        m.submodules.preamble = preamble
        m.submodules.asking = asking = Asking()
        self.drive(preamble)
        fields, value = preamble.fields, preamble.fields.value
        asking.watch(m, fields)
        self.assume(asking.answered)
        self.claim(asking.kept)
        rules = self._rules(value)
        sizes = Array(Const(size, 4) for size, _, _ in rules)
        number, read = Signal(range(len(rules) + 1)), Signal()
        m.d.comb += read.eq(fields.valid & (number != len(rules)))
        wrong, broken = Signal(8), Signal()
        for place, (_, fits, code) in enumerate(rules):
            with m.If(read & (number == place) & ~fits):
                m.d.comb += wrong.eq(code.value)
        kept = [Signal(32, name=f"kept_{place}") for place in range(2)]  # the last two fields
        with m.If(read):
            m.d.sync += [number.eq(number + 1), kept[0].eq(value), kept[1].eq(kept[0]),
                         broken.eq(broken | (wrong != 0))]
        told = [Signal(8, name=f"told_{cycle}") for cycle in range(3)]
        m.d.sync += [after.eq(before) for before, after in zip([wrong, *told], told)]
        self.claim(preamble.error.as_value() == told[-1])
        self.claim(preamble.done == (number == len(rules)))
        self.claim(fields.want == ~preamble.done)
        self.claim(preamble.done | (fields.fixed == sizes[number]))
        with m.If(preamble.done & ~broken):
            self.claim((preamble.segments == kept[0]) & (preamble.tables == kept[1]))

    def _rules(self, value):
        """Of each field its nibbles, or 0 for a vint; what it must be, by docs/format.md; and the error."""
        config = self.config
        return [
            (8, value == int.from_bytes(b"TNSY", "little"), ErrorCode.MAGIC),
            (2, value == 1, ErrorCode.VERSION),
            (0, value == config.lanes, ErrorCode.LANES),
            (0, value == config.vector, ErrorCode.VECTOR),
            (0, value == {8: 0, 16: 1, 32: 2, 64: 3, 128: 4}[config.word_bits], ErrorCode.WORD_BITS),
            (0, value == config.preload, ErrorCode.PRELOAD),
            (0, value == config.table_log, ErrorCode.TABLE_LOG),
            (0, value <= config.max_run, ErrorCode.CAPACITY),
            (0, value <= config.raw_bits, ErrorCode.CAPACITY),
            (0, value <= config.half, ErrorCode.CAPACITY),
            (0, (value != 0) & (value <= config.max_tables), ErrorCode.CAPACITY),
            (0, (value != 0) & (value <= config.max_segments), ErrorCode.CAPACITY),
        ]
