"""The header's readers, wired to one another, and its CRC-32."""

from contextlib import ExitStack
from unittest.mock import patch

from amaranth.hdl import Fragment, Mux, Signal, Value

from golden.config import TableStyle
from hw.fields import FieldReader, NibbleReader
from hw.header import Header
from hw.loader import RamLoader, RomLoader
from hw.preamble import Preamble

from .free import elaborate_free
from .harness import Harness

__all__ = ["Wired"]

KNOWN = 19, 0x12345678  #: style ROM: nibbles and CRC-32, which make no difference here
POLYNOMIAL = 0xEDB88320  #: of IEEE 802.3, reflected


class Wired(Harness):
    """Fields are for the preamble until it is done, then for the loader: one of them is asked for what it wants, and is
    answered, at a time. The loader is told the CRC-32 of the nibbles before its own field, by the definition, whether
    they are odd in number, and what the preamble has read; what it stores and both find wrong is passed on.

    Nothing is assumed: the readers do anything.
    """

    def build(self, m):
        rom = self.config.table_style is TableStyle.ROM
        kinds = NibbleReader, FieldReader, Preamble, RomLoader if rom else RamLoader
        header, parts = Header(self.config, KNOWN if rom else None), {}

        def elaborate(component, platform):
            parts[type(component)] = component
            return elaborate_free(component, platform)

        with ExitStack() as stack:
            for kind in kinds:
                stack.enter_context(patch.object(kind, "elaborate", elaborate))
            m.submodules.header = Fragment.get(header, None)
        self.drive(header)
        nibbles, fields, preamble, loader = (parts[kind] for kind in kinds)
        with m.If(preamble.done):
            self._asks(fields.fields, loader.fields, preamble.fields)
        with m.Else():
            self._asks(fields.fields, preamble.fields, loader.fields)
        for one, other in (
                (header.source.valid, nibbles.source.valid), (header.source.payload, nibbles.source.payload),
                (header.source.ready, nibbles.source.ready), (nibbles.nibbles.valid, fields.nibbles.valid),
                (nibbles.nibbles.payload, fields.nibbles.payload), (nibbles.nibbles.ready, fields.nibbles.ready),
                (loader.tables, preamble.tables), (loader.segments, preamble.segments),
                (header.segments, preamble.segments), (header.table_write, loader.table_write),
                (header.record_write, loader.record_write), (header.done, loader.done),
                (header.error.as_value(), preamble.error.as_value() | loader.error.as_value())):
            self.claim(Value.cast(one) == Value.cast(other))
        taken, odd = nibbles.nibbles.valid & nibbles.nibbles.ready, Signal()
        check = Signal(32, init=0xFFFFFFFF)
        after = check
        for bit in nibbles.nibbles.payload:
            after = (after >> 1) ^ Mux(after[0] ^ bit, POLYNOMIAL, 0)
        m.d.sync += odd.eq(odd ^ taken)
        with m.If(taken & ~loader.sealed):
            m.d.sync += check.eq(after)
        self.claim((loader.crc == ~check) & (loader.odd == odd))

    def _asks(self, fields, reader, other):
        """The field reader answers this one, and not the other."""
        self.claim((fields.want == reader.want) & (fields.fixed == reader.fixed))
        self.claim((reader.valid == fields.valid) & ~other.valid)
        self.claim(reader.value == fields.value)
