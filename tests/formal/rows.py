"""Memories as registers, one for each row: proofs can then say what is in them."""

from contextlib import contextmanager
from unittest.mock import patch

from amaranth.asserts import AnySeq
from amaranth.hdl import Const, Elaboratable, Module, Mux, Shape, Signal, Value
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
    not gives anything, and so does a synchronous one of a row that is being written.

    If it can be upset, bits of one row at a time can be flipped: those of ``flip``, in row ``where``. They are until
    the row is written again.
    """

    def __init__(self, *, shape, depth, init=(), upset=False):
        self._shape, self._depth, self._init, self._upset = shape, depth, list(init), upset
        self.reads, self.writes = [], []
        self.rows = [Signal(shape, name=f"row_{number}", reset_less=True) for number in range(depth)]
        self.flip, self.where = Signal(Shape.cast(shape).width, name="flip"), Signal(range(depth), name="where")

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
        shown = self._spoilt(m) if self._upset else self.rows
        for port in self.reads:
            found = Signal(width)
            m.d.comb += found.eq(AnySeq(width))
            for number, row in enumerate(shown):
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

    def _spoilt(self, m):
        """The rows, of which one may have flipped bits."""
        bits, at = Signal.like(self.flip, name="spoilt"), Signal.like(self.where, name="spoilt_row")
        for port in self.writes:
            with m.If(port.en & (port.addr == at)):
                m.d.sync += bits.eq(0)
        with m.If(self.flip != 0):
            m.d.sync += [bits.eq(self.flip), at.eq(self.where)]
        return [Value.cast(row) ^ Mux(at == number, bits, 0) for number, row in enumerate(self.rows)]


@contextmanager
def rows(upset=False):
    """Within this context memories are made of registers; gives the list of all that are made, in order. ``upset``:
    their bits can flip."""
    made = []

    def make(**arguments):
        made.append(_Memory(**arguments, upset=upset))
        return made[-1]

    with patch.object(memory, "Memory", make), patch.object(fifo, "Memory", make):
        yield made
