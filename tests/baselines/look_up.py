"""A table in block RAM whose output goes through a register: two cycles from address to data."""

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BlockTable", "write_layout"]


def write_layout(depth: int, width: int):
    """A write to a table."""
    return wiring.Signature({"enable": Out(1), "address": Out(range(depth)), "data": Out(width)})


class BlockTable(wiring.Component):
    """A table of plain numbers, fixed or loadable.

    Parameters
    ----------
    width : int
        Bits of an entry.
    entries : list of int
        What it holds from the start.
    loadable : bool
        Whether it has a write port.

    Members
    -------
    enable : In(1)
        Reading moves on: address to output, output to ``data``.
    address : In
    data : Out(width)
        The entry of the address of two moves ago.
    write : In
        Only where it is loadable.
    """

    def __init__(self, width: int, entries, loadable: bool):
        self._width, self._entries, self._loadable = width, entries, loadable
        ports = {"enable": In(1), "address": In(range(len(entries))), "data": Out(width)}
        super().__init__(ports | ({"write": In(write_layout(len(entries), width))} if loadable else {}))

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = store = memory.Memory(shape=self._width, depth=len(self._entries), init=self._entries)
        read = store.read_port()
        m.d.comb += [read.addr.eq(self.address), read.en.eq(self.enable)]
        with m.If(self.enable):
            m.d.sync += self.data.eq(read.data)
        if self._loadable:
            write = store.write_port()
            m.d.comb += [
                write.addr.eq(self.write.address),
                write.data.eq(self.write.data),
                write.en.eq(self.write.enable),
            ]
        return m
