"""A loadable table in block RAM, read through a register: two moves from address to data."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .ecp5 import RAM_BITS, RAM_DEPTH, block_ram

__all__ = ["BlockTable", "write_layout"]


def write_layout(depth: int, width: int):
    """A write to a table."""
    return wiring.Signature({"enable": Out(1), "address": Out(range(depth)), "data": Out(width)})


class BlockTable(wiring.Component):
    """A table of plain numbers.

    Parameters
    ----------
    width : int
        Bits of an entry.
    entries : list of int
        What it holds from the start.
    ecp5 : bool
        Made of one DP16KD with its output register (up to 1,024 entries of 18 bits), else of what any tool knows.

    Members
    -------
    enable : In(1)
        Reading moves on: address to array, array to register.
    address : In
    data : Out(width)
        The entry of the address of two moves ago.
    write : In(`write_layout`)
    """

    def __init__(self, width: int, entries, ecp5: bool = False):
        if ecp5 and (width > RAM_BITS or len(entries) > RAM_DEPTH):
            raise ValueError(f"a table must have at most {RAM_DEPTH} entries of {RAM_BITS} bits, not {len(entries)} "
                             f"of {width}")
        self._width, self._entries, self._ecp5 = width, entries, ecp5
        super().__init__({
            "enable": In(1),
            "address": In(range(len(entries))),
            "data": Out(width),
            "write": In(write_layout(len(entries), width)),
        })

    def elaborate(self, platform):
        m = Module()
        if self._ecp5:
            word = Signal(RAM_BITS)
            m.submodules.memory = block_ram(self._entries, self.enable, self.address, word,
                                            (self.write.enable, self.write.address, self.write.data))
            m.d.comb += self.data.eq(word)
            return m
        m.submodules.memory = store = memory.Memory(shape=self._width, depth=len(self._entries), init=self._entries)
        read, write = store.read_port(), store.write_port()
        m.d.comb += [
            read.addr.eq(self.address),
            read.en.eq(self.enable),
            write.addr.eq(self.write.address),
            write.data.eq(self.write.data),
            write.en.eq(self.write.enable),
        ]
        with m.If(self.enable):
            m.d.sync += self.data.eq(read.data)
        return m
