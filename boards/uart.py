"""Bytes over two wires: 8 data bits, lowest first, no parity, one stop bit."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from golden.errors import ConfigError

__all__ = ["LEAST_DIVISOR", "UartReceiver", "UartTransmitter", "check_divisor"]

LEAST_DIVISOR = 8  #: cycles per bit; with fewer the middle of a bit is not found well enough
MAX_DIVISOR = 1 << 16


def check_divisor(divisor: int) -> None:
    """Raise `ConfigError` if a bit cannot take so many cycles."""
    if not LEAST_DIVISOR <= divisor <= MAX_DIVISOR:
        raise ConfigError(f"cycles per bit must be from {LEAST_DIVISOR} to {MAX_DIVISOR}, not {divisor!r}")


class UartReceiver(wiring.Component):
    """Reads bytes from a line.

    Each bit is looked at once, in its middle. A byte without its stop bit is dropped, and so is all until the line is
    high again. Latency: a byte is handed out in the middle of its stop bit. It is on offer for one cycle. Reset: waits
    for a start bit.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, as `check_divisor` wants it.

    Members
    -------
    line : In(1)
        From another clock; high while nothing comes.
    valid, byte : Out(1), Out(8)
        A byte has come.
    """

    def __init__(self, divisor: int):
        self._divisor = divisor
        super().__init__({"line": In(1, init=1), "valid": Out(1), "byte": Out(8)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.line, line, init=1)
        countdown = Signal(range(self._divisor + self._divisor // 2))
        bits = Signal(4)
        due = Signal()  # the middle of a bit is in this cycle
        m.d.sync += [self.valid.eq(0), countdown.eq(countdown - 1), due.eq(countdown == 1)]
        with m.FSM():
            with m.State("idle"):
                m.d.sync += [countdown.eq(self._divisor + self._divisor // 2 - 1), bits.eq(0), due.eq(0)]
                with m.If(~line):
                    m.next = "bits"
            with m.State("bits"), m.If(due):
                m.d.sync += [countdown.eq(self._divisor - 1), bits.eq(bits + 1)]
                with m.If(bits == 8):
                    m.d.sync += self.valid.eq(line)
                    m.next = "stop"
                with m.Else():
                    m.d.sync += self.byte.eq(Cat(self.byte[1:], line))
            with m.State("stop"), m.If(line):
                m.next = "idle"
        return m


class UartTransmitter(wiring.Component):
    """Writes bytes to a line.

    Throughput: a byte per ten bits. Reset: the line is high.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, as `check_divisor` wants it.

    Members
    -------
    bytes : In(stream of 8 bits)
    line : Out(1)
    """

    def __init__(self, divisor: int):
        self._divisor = divisor
        super().__init__({"bytes": In(stream.Signature(8)), "line": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        shift = Signal(10, init=1)
        left = Signal(range(11))  # bits that are not at their end
        countdown = Signal(range(self._divisor))
        due = Signal()  # the bit at hand ends in this cycle
        m.d.comb += self.bytes.ready.eq(left == 0)
        m.d.sync += [self.line.eq(shift[0]), countdown.eq(countdown - 1), due.eq(countdown == 1)]
        with m.If(left == 0):
            m.d.sync += [countdown.eq(self._divisor - 1), due.eq(0)]
            with m.If(self.bytes.valid):
                m.d.sync += [shift.eq(Cat(0, self.bytes.payload, 1)), left.eq(10)]
        with m.Elif(due):
            m.d.sync += [countdown.eq(self._divisor - 1), shift.eq(Cat(shift[1:], 1)), left.eq(left - 1)]
        return m
