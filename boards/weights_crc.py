"""The CRC-32 of the weights of each segment, a transfer per cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.crc import Algorithm
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

__all__ = ["WeightsCrc"]

BITS = 32


def _columns(size: int) -> list[int]:
    """What each bit of so many bytes leaves in a register that was zero: the library's CRC of that bit."""
    linear = Algorithm(crc_width=BITS, polynomial=CRC32_ISO_HDLC.polynomial, initial_crc=0, reflect_input=True,
                       reflect_output=True, xor_output=0)(data_width=8 * size)
    return [linear.compute([1 << bit]) for bit in range(8 * size)]


def _of_data(data, size):
    """The share of the bytes in the next register, as one Value."""
    columns = _columns(size)
    return Cat(Cat(data[bit] for bit, column in enumerate(columns) if column >> place & 1).xor()
               for place in range(BITS))


def _of_register(register, size):
    """The share of the register in the next one. Its low bytes go the way of data, the others move down."""
    columns = _columns(size)[:BITS] + [1 << bit for bit in range(max(BITS - 8 * size, 0))]
    return Cat(Cat(register[bit] for bit, column in enumerate(columns) if column >> place & 1).xor()
               for place in range(BITS))


class WeightsCrc(wiring.Component):
    """Takes all bytes of a transfer in a cycle, or one of them.

    Throughput: a transfer per cycle. Latency: the CRC-32 is on hand two cycles after the last transfer. Reset: at the
    begin of a segment.

    Parameters
    ----------
    size : int
        Bytes of a transfer, at least 1.

    Members
    -------
    data : In(8 size)
        Lowest byte first.
    whole, single : In(1)
        All of it counts; only its lowest byte does. Not both.
    last : In(1)
        With either: it ends the segment.
    valid, crc : Out(1), Out(32)
        The CRC-32 of a segment, for one cycle.
    """

    def __init__(self, size: int):
        self._size = size
        super().__init__({"data": In(8 * size), "whole": In(1), "single": In(1), "last": In(1), "valid": Out(1),
                          "crc": Out(BITS)})

    def elaborate(self, platform):
        m = Module()
        register, share = Signal(BITS, init=(1 << BITS) - 1), Signal(BITS)
        whole, single, last, following = Signal(), Signal(), Signal(), Signal(BITS)
        m.d.comb += following.eq(share ^ Mux(whole, _of_register(register, self._size), _of_register(register, 1)))
        m.d.sync += [
            share.eq(Mux(self.whole, _of_data(self.data, self._size), _of_data(self.data, 1))),
            whole.eq(self.whole),
            single.eq(self.single),
            last.eq(self.last & (self.whole | self.single)),
            self.valid.eq(last),
        ]
        with m.If(whole | single):
            m.d.sync += [register.eq(following), self.crc.eq(~following)]
        with m.If(last):
            m.d.sync += register.eq((1 << BITS) - 1)
        return m
