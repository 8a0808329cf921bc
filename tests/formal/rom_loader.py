"""The loader of style ROM: it reads over the header that it was built for, and knows it."""

from amaranth.hdl import Mux, Signal

from hw.errors import ErrorCode
from hw.loader import RomLoader

from .asking import Asking
from .harness import Harness

__all__ = ["Recognized"]

NIBBLES = 19, 16, 5  #: between preamble and CRC-32, of three headers
CRC = 0x12345678


class Recognized(Harness):
    """It reads as many nibbles as there are between preamble and CRC-32. If the CRC-32 of the header so far is not the
    known one then, that is told; else if the header's own is not; then it is done. Each takes two cycles.

    Assumed is what `Asking` says of the field reader. CRC-32s and fields are anything.
    """

    def build(self, m):
        for number, nibbles in enumerate(NIBBLES):
            m.submodules[f"loader_{number}"] = loader = RomLoader(self.config, nibbles, CRC)
            m.submodules[f"asking_{number}"] = asking = Asking()
            self.drive(loader)
            asking.watch(m, loader.fields)
            self.assume(asking.answered)
            self.claim(asking.kept)
            self._recognize(m, loader, nibbles)

    def _recognize(self, m, loader, nibbles):
        fields = loader.fields
        left, over, done = Signal(range(nibbles + 1), init=nibbles), Signal(), Signal(2)
        size, wrong, was, told = Signal(range(9)), Signal(8), Signal(8), Signal(8)
        m.d.comb += size.eq(Mux(left > 8, 8, Mux(left == 0, 8, left)))
        m.d.sync += [was.eq(wrong), told.eq(was), over.eq(left == 0), done[1].eq(done[0])]
        with m.If(fields.valid):
            with m.If(left == 0):
                m.d.sync += done[0].eq(1)
                with m.If(fields.value != CRC):
                    m.d.comb += wrong.eq(ErrorCode.HEADER_CRC.value)
            with m.Else():
                m.d.sync += left.eq(left - size)
                with m.If((left == size) & (loader.crc != CRC)):
                    m.d.comb += wrong.eq(ErrorCode.STREAM.value)
        self.claim(~fields.want | (fields.fixed == size))
        self.claim(fields.want == Mux(left == 0, over & ~done[0], 1))
        self.claim(loader.sealed == over)
        self.claim(loader.error.as_value() == told)
        self.claim(loader.done == done[1])
