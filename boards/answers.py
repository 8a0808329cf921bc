"""From the bytes of an answer to a frame on the line: the CRC-32 put behind them, END and ESCAPE escaped."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from .protocol import CHECK_BYTES, END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE

__all__ = ["AnswerWriter", "answer_layout"]


def answer_layout() -> data.StructLayout:
    """A byte of an answer. ``last``: there is no more; such a byte is not sent. ``spoilt``: what was sent is not to be
    believed, and the check will be wrong."""
    return data.StructLayout({"byte": 8, "last": 1, "spoilt": 1})


class AnswerWriter(wiring.Component):
    """Writes frames.

    Throughput: a byte in two to five cycles. Reset: between frames.

    Members
    -------
    content : In(stream of `answer_layout`)
        The answer, byte by byte, and then ``last``.
    bytes : Out(stream of 8 bits)
        What goes over the line.
    """

    def __init__(self):
        super().__init__({"content": In(stream.Signature(answer_layout())), "bytes": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        byte, check, left, ending = Signal(8), Signal(32), Signal(range(CHECK_BYTES + 1)), Signal()
        special, escape = Signal(), Signal(8)
        held, full = Signal(answer_layout()), Signal()  # of the content: its way to here is long enough

        def send(value, after):
            m.d.comb += [self.bytes.valid.eq(1), self.bytes.payload.eq(value)]
            with m.If(self.bytes.ready):
                m.next = after

        m.d.comb += [
            special.eq((byte == END) | (byte == ESCAPE)),
            escape.eq(ESCAPED_END),
            crc.data.eq(held.byte),
            self.content.ready.eq(~full),
        ]
        with m.If(self.content.valid & ~full):
            m.d.sync += [held.eq(self.content.payload), full.eq(1)]
        with m.If(byte == ESCAPE):
            m.d.comb += escape.eq(ESCAPED_ESCAPE)
        with m.FSM():
            with m.State("idle"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += ending.eq(0)
                with m.If(full):
                    send(END, "content")
            with m.State("content"):
                m.d.sync += [check.eq(crc.crc), left.eq(CHECK_BYTES)]
                with m.If(full):
                    m.d.sync += [full.eq(0), byte.eq(held.byte)]
                    m.d.comb += crc.valid.eq(~held.last)
                    m.next = "byte"
                    with m.If(held.last):
                        m.d.sync += [ending.eq(1), check.eq(crc.crc ^ held.spoilt)]
                        m.next = "check"
            with m.State("check"):
                m.d.sync += [byte.eq(check), check.eq(check >> 8), left.eq(left - 1)]
                m.next = "byte"
                with m.If(left == 0):
                    m.next = "end"
            with m.State("byte"):
                with m.If(special):
                    send(ESCAPE, "escaped")
                with m.Elif(ending):
                    send(byte, "check")
                with m.Else():
                    send(byte, "content")
            with m.State("escaped"):
                with m.If(ending):
                    send(escape, "check")
                with m.Else():
                    send(escape, "content")
            with m.State("end"):
                send(END, "idle")
        return m
