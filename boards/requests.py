"""From bytes on the line to whole requests: SLIP taken apart, the CRC-32 checked, the content kept in a buffer."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from hw.memory import block_memory

from .protocol import CHECK_BYTES, END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE, FRAME_BYTES

__all__ = ["REQUEST", "RequestReader"]

REQUEST = wiring.Signature({  #: a request in its buffer
    "request": Out(1),  #: there is one; held until ``done``
    "length": Out(range(FRAME_BYTES + 1)),  #: bytes of its content
    "address": In(range(FRAME_BYTES)),
    "data": Out(8),  #: a byte of the content, two cycles after its address
    "done": In(1),  #: it has been answered
})


class RequestReader(wiring.Component):
    """Finds requests among the bytes that come.

    Nothing but a whole frame with the right CRC-32 becomes a request: all else is passed over, and the next END begins
    anew. From a request until ``done`` no bytes are looked at; a frame that began then is passed over too.
    Reset: waits for the next END.

    Parameters
    ----------
    target : str or None
        Family of block RAM, see `hw.memory.block_memory`.

    Members
    -------
    valid, byte : In(1), In(8)
        A byte from the line.
    found : Out(`REQUEST`)
    """

    def __init__(self, target: str | None = None):
        self._target = target
        super().__init__({"valid": In(1), "byte": In(8), "found": Out(REQUEST)})

    def elaborate(self, platform):
        m = Module()
        found = self.found
        m.submodules.buffer = buffer = block_memory(self._target, 8, FRAME_BYTES, writable=True)
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        count = Signal(range(FRAME_BYTES + 1))
        wrong, escaped = Signal(init=1), Signal()
        is_end, is_escape = Signal(), Signal()
        taken, plain = Signal(), Signal(8)  # a byte of the content
        content = Signal(8)
        m.d.comb += [
            is_end.eq(self.byte == END),
            is_escape.eq(self.byte == ESCAPE),
            plain.eq(Mux(~escaped, self.byte, Mux(self.byte == ESCAPED_END, END, ESCAPE))),
            buffer.address[0].eq(found.address),
            buffer.write.enable.eq(crc.valid),
            buffer.write.address.eq(count),
            buffer.write.data.eq(content),
            found.data.eq(buffer.data[0]),
            crc.data.eq(content),
            crc.valid.eq(taken & ~count[-1]),
        ]
        m.d.sync += taken.eq(0)
        with m.If(taken):
            m.d.sync += [count.eq(count + ~count[-1]), wrong.eq(wrong | count[-1])]
        with m.If(found.request):
            m.d.sync += wrong.eq(1)
            with m.If(found.done):
                m.d.sync += found.request.eq(0)
        with m.Elif(self.valid & is_end):
            m.d.sync += [count.eq(0), escaped.eq(0), wrong.eq(0), found.length.eq(count - CHECK_BYTES)]
            m.d.comb += crc.start.eq(1)
            m.d.sync += found.request.eq(~wrong & ~escaped & crc.match_detected & (count > CHECK_BYTES))
        with m.Elif(self.valid):
            m.d.sync += [
                escaped.eq(is_escape & ~escaped),
                taken.eq(~is_escape | escaped),
                content.eq(plain),
                wrong.eq(wrong | escaped & (self.byte != ESCAPED_END) & (self.byte != ESCAPED_ESCAPE)),
            ]
        return m
