"""The header: nibbles, fields and CRC-32, the preamble, then the loader."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.config import Config, TableStyle

from .errors import ErrorCode
from .fields import FieldReader, NibbleReader
from .layouts import record_write_layout, table_write_layout
from .loader import RamLoader, RomLoader
from .preamble import Preamble

__all__ = ["Header"]


class Header(wiring.Component):
    """Reads one header. To read another, reset it.

    Parameters
    ----------
    config : Config
    known : (int, int) or None
        Style ROM: nibbles between preamble and CRC, and the CRC-32, of the header that is expected.
    target : str or None
        Style RAM: see `hw.spreader.Spreader`.

    Members
    -------
    source : In(stream of W bits)
        The words of the header; the last is taken whole.
    table_write, record_write : Out
        Style RAM: what is to be stored.
    segments : Out
        Number of segments of the stream.
    done : Out(1)
        The header has been read and is right.
    error : Out(ErrorCode)
        What is wrong with it, a cycle late and in one cycle.
    """

    def __init__(self, config: Config, known=None, target: str | None = None):
        self._config = config
        self._target = target
        self._known = known
        super().__init__({
            "source": In(stream.Signature(config.word_bits)),
            "table_write": Out(table_write_layout(config)),
            "record_write": Out(record_write_layout(config)),
            "segments": Out(range(config.max_segments + 1)),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.nibbles = nibbles = NibbleReader(config)
        m.submodules.fields = fields = FieldReader()
        m.submodules.preamble = preamble = Preamble(config)
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=4).create()
        rom = config.table_style is TableStyle.ROM
        m.submodules.loader = loader = RomLoader(config, *self._known) if rom else RamLoader(config, self._target)
        connect(m, flipped(self.source), nibbles.source)
        connect(m, nibbles.nibbles, fields.nibbles)

        odd = Signal()
        taken = nibbles.nibbles.valid & nibbles.nibbles.ready
        with m.If(taken):
            m.d.sync += odd.eq(~odd)
        m.d.comb += [
            crc.data.eq(nibbles.nibbles.payload),
            crc.valid.eq(taken & ~loader.sealed),
            loader.crc.eq(crc.crc),
            loader.odd.eq(odd),
            loader.tables.eq(preamble.tables),
            loader.segments.eq(preamble.segments),
            self.segments.eq(preamble.segments),
            self.table_write.eq(loader.table_write),
            self.record_write.eq(loader.record_write),
            self.done.eq(loader.done),
            preamble.fields.value.eq(fields.fields.value),
            loader.fields.value.eq(fields.fields.value),
            self.error.eq(preamble.error.as_value() | loader.error.as_value()),
        ]
        with m.If(preamble.done):
            self._lend(m, fields, loader)
        with m.Else():
            self._lend(m, fields, preamble)
        return m

    def _lend(self, m, fields, reader):
        m.d.comb += [
            fields.fields.want.eq(reader.fields.want),
            fields.fields.fixed.eq(reader.fields.fixed),
            reader.fields.valid.eq(fields.fields.valid),
        ]
