"""The header after its preamble: loaded into tables and records (style RAM), or recognized (style ROM)."""

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .errors import ErrorCode
from .fields import field_port
from .layouts import record_write_layout, table_write_layout
from .same import same
from .segment_loader import SegmentLoader
from .table_loader import TableLoader

__all__ = ["RamLoader", "RomLoader"]


def _members(config: Config) -> dict:
    """The members of both loaders.

    ``fields``: the fields of the header; ``tables``, ``segments``: how many there are; ``crc``, ``odd``: of the header
    so far, its CRC-32 and whether it has an odd number of nibbles; ``sealed``: the next field is the CRC itself;
    ``table_write``, ``record_write``: what is to be stored; ``done``: the header is right; ``error``: it is not, a
    cycle late and in one cycle.
    """
    return {
        "fields": Out(field_port()),
        "tables": In(range(config.max_tables + 1)),
        "segments": In(range(config.max_segments + 1)),
        "crc": In(32),
        "odd": In(1),
        "sealed": Out(1),
        "table_write": Out(table_write_layout(config)),
        "record_write": Out(record_write_layout(config)),
        "done": Out(1),
        "error": Out(ErrorCode),
    }


def _seal(m, loader, crc):
    """The last states of both: the header's CRC-32, the comparison with what it must be, then done."""
    right = same(m, loader.fields.value, crc)
    with m.State("CRC"):
        m.d.comb += [loader.sealed.eq(1), loader.fields.fixed.eq(8), loader.fields.want.eq(1)]
        with m.If(loader.fields.valid):
            m.next = "VERDICT"
    with m.State("VERDICT"):
        m.d.comb += loader.sealed.eq(1)
        m.next = "DONE"
        with m.If(~right):
            m.d.sync += loader.error.eq(ErrorCode.HEADER_CRC)
    with m.State("DONE"):
        m.d.comb += [loader.sealed.eq(1), loader.done.eq(1)]


class RomLoader(wiring.Component):
    """Reads over the rest of the header and compares its CRC-32 with that of the stream the tables were taken from.

    Time: ten cycles per eight nibbles.

    Parameters
    ----------
    config : Config
    nibbles : int
        Nibbles of that header between preamble and CRC.
    crc : int
        That header's CRC-32.
    """

    def __init__(self, config: Config, nibbles: int, crc: int):
        self._nibbles = nibbles
        self._crc = crc
        super().__init__(_members(config))

    def elaborate(self, platform):
        m = Module()
        blocks, rest = divmod(self._nibbles, 8)
        count = Signal(range(blocks + 1))
        known = same(m, self.crc, Const(self._crc, 32))
        m.d.sync += self.error.eq(ErrorCode.NONE)
        with m.FSM(init="BLOCKS" if blocks else "REST"):
            with m.State("BLOCKS"):
                m.d.comb += [self.fields.fixed.eq(8), self.fields.want.eq(1)]
                with m.If(self.fields.valid):
                    m.d.sync += count.eq(count + 1)
                    with m.If(count == blocks - 1):
                        m.next = "REST" if rest else "KNOWN"
            with m.State("REST"):
                m.d.comb += [self.fields.fixed.eq(rest), self.fields.want.eq(1)]
                with m.If(self.fields.valid):
                    m.next = "KNOWN"
            with m.State("KNOWN"):
                m.next = "CRC"
                with m.If(~known):
                    m.d.sync += self.error.eq(ErrorCode.STREAM)
            _seal(m, self, Const(self._crc, 32))  # the header's own has been seen to be this one
        return m


class RamLoader(wiring.Component):
    """Expands the tables into the symbol tables and stores the segment records.

    Time: see `TableLoader`; a segment takes a cycle per nibble and one per field, and one more.

    Parameters
    ----------
    config : Config
    target : str or None
        See `hw.spreader.Spreader`.
    """

    def __init__(self, config: Config, target: str | None = None):
        self._config = config
        self._target = target
        super().__init__(_members(config))

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.table = table = TableLoader(config, self._target)
        m.submodules.segment = segment = SegmentLoader(config)
        m.d.sync += self.error.eq(ErrorCode.NONE)
        number = Signal(range(config.max_tables + 1))
        place = Signal(range(config.max_segments + 1))
        stored = Signal(3)
        last_table, last_segment = Signal(), Signal()  # the one at hand; records take long enough for a cycle's delay
        m.d.sync += [last_table.eq(number + 1 == self.tables), last_segment.eq(place + 1 == self.segments)]
        m.d.comb += [
            self.table_write.enable.eq(table.write),
            self.table_write.table.eq(number),
            self.table_write.state.eq(table.state),
            self.table_write.entry.eq(table.entry),
            segment.tables.eq(self.tables),
            segment.table_number.eq(number),
            segment.raw_bits.eq(table.raw_bits),
            segment.table_write.eq(table.done),
            self.record_write.enable.eq(segment.done),
            self.record_write.number.eq(place),
            self.record_write.record.eq(segment.record),
            table.fields.value.eq(self.fields.value),
            segment.fields.value.eq(self.fields.value),
        ]
        with m.FSM():
            with m.State("TABLES"):
                self._lend_fields(m, table)
                with m.If(table.done):
                    m.d.sync += number.eq(number + 1)
                    with m.If(last_table):
                        m.next = "SEGMENTS"
            with m.State("SEGMENTS"):
                self._lend_fields(m, segment)
                with m.If(segment.done):
                    m.d.sync += place.eq(place + 1)
                    with m.If(last_segment):
                        m.next = "STORE"
            with m.State("STORE"):  # the last record is stored and read back, for eight cycles and those of the CRC
                m.d.sync += stored.eq(stored + 1)
                with m.If(stored == 7):
                    m.next = "PAD"
            with m.State("PAD"):
                m.d.comb += [self.fields.fixed.eq(1), self.fields.want.eq(self.odd)]
                with m.If(~self.odd | self.fields.valid):
                    m.next = "CRC"
            _seal(m, self, self.crc)
        return m

    def _lend_fields(self, m, reader):
        m.d.comb += [
            reader.fields.valid.eq(self.fields.valid),
            self.fields.want.eq(reader.fields.want),
            self.fields.fixed.eq(reader.fields.fixed),
        ]
        m.d.sync += self.error.eq(reader.error)
