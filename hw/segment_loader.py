"""The segment records of the header, checked and stored."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .errors import ErrorCode
from .fields import field_port
from .layouts import record_layout, table_numbers

__all__ = ["SegmentLoader"]


class SegmentLoader(wiring.Component):
    """Reads one segment record.

    Members
    -------
    fields : Out(`field_port`)
        The fields of the header.
    tables : In
        Number of tables of the stream.
    table_number, raw_bits, table_write : In, In, In(1)
        The raw bits of a table, to be remembered.
    record : Out(`record_layout`)
        The record, when ``done``.
    done : Out(1)
        The record is there, in one cycle.
    error : Out(ErrorCode)
        SEGMENT or CAPACITY, in one cycle; the loader must then be cleared.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "fields": Out(field_port()),
            "tables": In(range(config.max_tables + 1)),
            "table_number": In(table_numbers(config)),
            "raw_bits": In(range(config.raw_bits + 1)),
            "table_write": In(1),
            "record": Out(record_layout(config)),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        config, record, value = self._config, self.record, self.fields.value
        started = Signal()  # a first record has restarted the lanes
        m.submodules.raw_bits = store = memory.Memory(
            shape=max(config.raw_bits.bit_length(), 1), depth=len(table_numbers(config)), init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(self.table_number),
            write.data.eq(self.raw_bits),
            write.en.eq(self.table_write),
            read.addr.eq(value[1:]),
        ]

        def field(fixed=0):
            m.d.comb += [self.fields.want.eq(1), self.fields.fixed.eq(fixed)]
            return m.If(self.fields.valid)

        def fail(unless):
            with m.If(~unless):
                m.d.comb += self.error.eq(ErrorCode.SEGMENT)

        def fits():
            with m.If(value[config.count_bits:] != 0):
                m.d.comb += self.error.eq(ErrorCode.CAPACITY)

        with m.FSM():
            with m.State("WEIGHTS"), field():
                m.d.sync += record.weights.eq(value)
                fits()
                m.next = "TABLE"
                fail(value != 0)
            with m.State("TABLE"), field():
                m.d.sync += [record.table.eq(value[1:]), record.raw_bits.eq(read.data), record.restart.eq(value[0]),
                             started.eq(1)]
                m.next = "DONE"
                with m.If(value[0]):
                    m.next = "WORDS"
                fail((value[1:] < self.tables) & (value[0] | started))
            with m.State("WORDS"), field():
                m.d.sync += record.words.eq(value)
                fits()
                m.next = "CRC"
            with m.State("CRC"), field(fixed=8):
                m.d.sync += record.crc.eq(value)
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "WEIGHTS"
        return m
