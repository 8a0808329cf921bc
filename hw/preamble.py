"""The first fields of the header: is this a stream for this decoder?"""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from golden.config import Config
from golden.header import MAGIC, VERSION

from .errors import ErrorCode
from .fields import field_port
from .same import at_most, same

__all__ = ["Preamble"]


class Preamble(wiring.Component):
    """Checks magic, version and configuration, field by field, and learns the numbers of tables and segments.

    Members
    -------
    fields : Out(`field_port`)
        The fields of the header.
    tables, segments : Out
        What the header says, once ``done``.
    done : Out(1)
        All fields have been read.
    error : Out(ErrorCode)
        What is wrong with the field at hand, three cycles late.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "fields": Out(field_port()),
            "tables": Out(range(config.max_tables + 1)),
            "segments": Out(range(config.max_segments + 1)),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        config, value = self._config, self.fields.value
        bounds = (config.max_run, config.raw_bits, config.half, config.max_tables, config.max_segments, config.preload,
                  config.lanes, config.vector, config.table_log, VERSION)
        low = max(bounds).bit_length()

        def equal(number):
            return value[:low] == number

        rules = [
            (8, None, ErrorCode.MAGIC),
            (2, equal(VERSION), ErrorCode.VERSION),
            (0, equal(config.lanes), ErrorCode.LANES),
            (0, equal(config.vector), ErrorCode.VECTOR),
            (0, equal((config.word_bits // 8).bit_length() - 1), ErrorCode.WORD_BITS),
            (0, equal(config.preload), ErrorCode.PRELOAD),
            (0, equal(config.table_log), ErrorCode.TABLE_LOG),
            (0, at_most(value[:low], config.max_run), ErrorCode.CAPACITY),
            (0, at_most(value[:low], config.raw_bits), ErrorCode.CAPACITY),
            (0, at_most(value[:low], config.half), ErrorCode.CAPACITY),
            (0, value[:low].any() & at_most(value[:low], config.max_tables), ErrorCode.CAPACITY),
            (0, value[:low].any() & at_most(value[:low], config.max_segments), ErrorCode.CAPACITY),
        ]
        number = Signal(len(rules) + 1, init=1)  # of the rule at hand, as one bit
        right = Signal(len(rules), reset_less=True)  # which rules fit the low bits of the value of a cycle ago
        magic = same(m, value, Const(int.from_bytes(MAGIC, "little"), 32))
        small = same(m, value[low:], Const(0, 32 - low))  # it had no bits beyond those of any bound
        seen = Signal()  # it was a field's
        wrong = Signal(len(rules))  # which field of two cycles ago broke its rule
        m.d.comb += [self.done.eq(number[-1]), self.fields.want.eq(~self.done)]
        m.d.sync += [
            right.eq(Cat(1 if rule is None else rule for _, rule, _ in rules)),
            seen.eq(self.fields.valid & ~self.done),
            wrong.eq(seen.replicate(len(rules)) & number[1:]
                     & ~Cat(magic, right[1:] & small.replicate(len(rules) - 1))),
        ]
        found = 0
        for i, (fixed, _, code) in enumerate(rules):
            with m.If(number[i]):
                m.d.comb += self.fields.fixed.eq(fixed)
            found |= wrong[i].replicate(len(self.error.as_value())) & code.value
        m.d.sync += self.error.eq(found)
        with m.If(self.fields.valid & ~self.done):
            m.d.sync += [number.eq(number << 1), self.tables.eq(self.segments), self.segments.eq(value)]
        return m
