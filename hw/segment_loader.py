"""The segment records of the header, checked and stored."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .errors import ErrorCode
from .fields import field_port
from .layouts import record_layout, table_numbers
from .same import same

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
        SEGMENT or CAPACITY, in one cycle, a cycle late; the loader must then be cleared.
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

        read_weights, read_table, read_words = Signal(), Signal(), Signal()  # that field is at hand
        self._check(m, read_weights, read_table, read_words, started)
        with m.FSM():
            with m.State("WEIGHTS"), field():
                m.d.comb += read_weights.eq(1)
                m.d.sync += record.weights.eq(value)
                m.next = "TABLE"
            with m.State("TABLE"), field():
                m.d.comb += read_table.eq(1)
                m.d.sync += [record.table.eq(value[1:]), record.raw_bits.eq(read.data), record.restart.eq(value[0]),
                             started.eq(1)]
                m.next = "DONE"
                with m.If(value[0]):
                    m.next = "WORDS"
            with m.State("WORDS"), field():
                m.d.comb += read_words.eq(1)
                m.d.sync += record.words.eq(value)
                m.next = "CRC"
            with m.State("CRC"), field(fixed=8):
                m.d.sync += record.crc.eq(value)
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "WEIGHTS"
        return m

    def _check(self, m, weights, table, words, started):
        """What is wrong with the field of a cycle ago: no weights, no such table, no restart at first, too large."""
        config, value = self._config, self.fields.value
        numbers = len(self.tables)
        none, fits = same(m, value, Const(0, 32)), Const(1)
        if config.count_bits < 32:
            fits = same(m, value[config.count_bits:], Const(0, 32 - config.count_bits))
        small = same(m, value[1 + numbers:], Const(0, 31 - numbers))
        right, was = Signal(reset_less=True), Signal(3)
        m.d.sync += [right.eq((value[1:1 + numbers] < self.tables) & (value[0] | started)),
                     was.eq(Cat(weights, table, words))]
        with m.If((was[0] | was[2]) & ~fits):
            m.d.comb += self.error.eq(ErrorCode.CAPACITY)
        with m.If((was[0] & none) | (was[1] & ~(right & small))):
            m.d.comb += self.error.eq(ErrorCode.SEGMENT)
