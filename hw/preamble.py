"""The first fields of the header: is this a stream for this decoder?"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from golden.config import Config
from golden.header import MAGIC, VERSION

from .errors import ErrorCode
from .fields import field_port

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
        What is wrong with the field at hand.
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
                  config.lanes, config.vector, config.table_log)
        low = max(bounds).bit_length()
        small = Signal()  # the value has no bits beyond those of any bound
        m.d.comb += small.eq(value[low:] == 0)

        def at_most(bound):
            return small & (value[:low] <= bound)

        def equal(number):
            return small & (value[:low] == number)

        rules = [
            (8, value == int.from_bytes(MAGIC, "little"), ErrorCode.MAGIC),
            (2, value == VERSION, ErrorCode.VERSION),
            (0, equal(config.lanes), ErrorCode.LANES),
            (0, equal(config.vector), ErrorCode.VECTOR),
            (0, equal((config.word_bits // 8).bit_length() - 1), ErrorCode.WORD_BITS),
            (0, equal(config.preload), ErrorCode.PRELOAD),
            (0, equal(config.table_log), ErrorCode.TABLE_LOG),
            (0, at_most(config.max_run), ErrorCode.CAPACITY),
            (0, at_most(config.raw_bits), ErrorCode.CAPACITY),
            (0, at_most(config.half), ErrorCode.CAPACITY),
            (0, (value != 0) & at_most(config.max_tables), ErrorCode.CAPACITY),
            (0, (value != 0) & at_most(config.max_segments), ErrorCode.CAPACITY),
        ]
        number = Signal(range(len(rules) + 1))
        m.d.comb += [self.done.eq(number == len(rules)), self.fields.want.eq(~self.done)]
        with m.Switch(number):
            for i, (fixed, right, error) in enumerate(rules):
                with m.Case(i):
                    m.d.comb += self.fields.fixed.eq(fixed)
                    with m.If(self.fields.valid & ~right):
                        m.d.comb += self.error.eq(error)
        with m.If(self.fields.valid & ~self.done):
            m.d.sync += [number.eq(number + 1), self.tables.eq(self.segments), self.segments.eq(value)]
        return m
