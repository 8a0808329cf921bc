"""Memories as registers, one for each row: proofs can then say what is in them."""

from contextlib import contextmanager
from unittest.mock import patch

from amaranth.asserts import AnySeq
from amaranth.hdl import Const, Elaboratable, Module, Shape, Signal
from amaranth.lib import fifo, memory

__all__ = ["rows"]


class _Port:
    """A port with the members of those of `amaranth.lib.memory`."""

    def __init__(self, shape, depth, domain):
        self.addr = Signal(range(depth), name="address")
        self.data = Signal(shape, name="data")
        self.en = Signal(name="enable", init=domain != "write")
        self.domain = domain


class _Memory(Elaboratable):
    """In place of `amaranth.lib.memory.Memory`; the rows are registers without a reset. A read of a row that there is
    not gives anything, and so does a synchronous one of a row that is being written."""

    def __init__(self, *, shape, depth, init=()):
        self._shape, self._depth, self._init = shape, depth, list(init)
        self.reads, self.writes = [], []
        self.rows = [Signal(shape, name=f"row_{number}", reset_less=True) for number in range(depth)]

    def write_port(self):
        self.writes.append(_Port(self._shape, self._depth, "write"))
        return self.writes[-1]

    def read_port(self, *, domain="sync"):
        self.reads.append(_Port(self._shape, self._depth, domain))
        return self.reads[-1]

    def elaborate(self, platform):
        m = Module()
        width = Shape.cast(self._shape).width
        if not self.writes:
            for row, value in zip(self.rows, [*self._init, *[None] * self._depth]):
                content = 0 if value is None else value
                m.d.comb += row.eq(Const(content, self._shape) if not isinstance(content, int) else content)
        for port in self.writes:
            for number, row in enumerate(self.rows):
                with m.If(port.en & (port.addr == number)):
                    m.d.sync += row.eq(port.data)
        for port in self.reads:
            found = Signal(width)
            m.d.comb += found.eq(AnySeq(width))
            for number, row in enumerate(self.rows):
                with m.If(port.addr == number):
                    m.d.comb += found.eq(row)
            for write in self.writes if port.domain != "comb" else ():
                with m.If(write.en & (write.addr == port.addr)):
                    m.d.comb += found.eq(AnySeq(width))
            if port.domain == "comb":
                m.d.comb += port.data.eq(found)
            else:
                with m.If(port.en):
                    m.d.sync += port.data.eq(found)
        return m


@contextmanager
def rows():
    """Within this context memories are made of registers; gives the list of all that are made, in order."""
    made = []

    def make(**arguments):
        made.append(_Memory(**arguments))
        return made[-1]

    with patch.object(memory, "Memory", make), patch.object(fifo, "Memory", make):
        yield made
