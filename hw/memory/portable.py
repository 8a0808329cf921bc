"""A block memory that any tool can make out of what it has."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory

from .interface import BlockMemory

__all__ = ["PortableMemory"]


class PortableMemory(BlockMemory):
    """A block memory of Amaranth's own memory and registers. A write takes port 0, so two ports are all it needs."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = memory.Memory(shape=self.width, depth=self.depth, init=self.init)
        address = list(self.address)
        reads = [array.read_port() for _ in address]
        if self.writable:
            address[0] = Mux(self.write.enable, self.write.address, self.address[0])
            write = array.write_port()
            m.d.comb += [
                write.addr.eq(address[0]),
                write.data.eq(self.write.data),
                write.en.eq(self.write.enable),
                reads[0].en.eq(~self.write.enable),
            ]
        for i, read in enumerate(reads):
            register = Signal(self.width, name=f"register_{i}", reset_less=True)
            m.d.comb += [read.addr.eq(address[i]), self.data[i].eq(register)]
            m.d.sync += register.eq(read.data)
        return m
