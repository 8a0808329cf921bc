"""AXI4-Lite in front of the register file."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_file import BUS
from .register_map import ADDRESS_BITS

__all__ = ["AXI_LITE_PORTS", "AxiLite"]

OKAY, SLVERR = 0, 2
AXI_LITE_PORTS = {  #: without the prefix ``s_axil_``
    "awaddr": In(ADDRESS_BITS), "awprot": In(3), "awvalid": In(1), "awready": Out(1),
    "wdata": In(32), "wstrb": In(4), "wvalid": In(1), "wready": Out(1),
    "bresp": Out(2), "bvalid": Out(1), "bready": In(1),
    "araddr": In(ADDRESS_BITS), "arprot": In(3), "arvalid": In(1), "arready": Out(1),
    "rdata": Out(32), "rresp": Out(2), "rvalid": Out(1), "rready": In(1),
}


class AxiLite(wiring.Component):
    """One access at a time; a write waits for its address and its data. Reads and writes that wait take turns.

    Latency: two cycles from the request to the answer. A fault answers SLVERR. Reset: no access under way.

    Members
    -------
    port : Out(1) ...
        The signals of AXI4-Lite by their names in `AXI_LITE_PORTS`.
    bus : Out(`BUS`)
    """

    def __init__(self):
        super().__init__({**AXI_LITE_PORTS, "bus": Out(BUS)})

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        waiting, writing = Signal(), Signal()  # an answer is awaited; the last access was a write
        free, write, read = Signal(), Signal(), Signal()
        can_write = self.awvalid & self.wvalid
        m.d.comb += [
            free.eq(~waiting & ~self.bvalid & ~self.rvalid),
            write.eq(free & can_write & ~(self.arvalid & writing)),
            read.eq(free & self.arvalid & ~write),
            self.awready.eq(write), self.wready.eq(write), self.arready.eq(read),
            bus.valid.eq(write | read), bus.write.eq(write), bus.address.eq(Mux(write, self.awaddr, self.araddr)),
            bus.data.eq(self.wdata), bus.select.eq(self.wstrb),
        ]
        with m.If(write | read):
            m.d.sync += [waiting.eq(1), writing.eq(write)]
        with m.If(self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(self.rready):
            m.d.sync += self.rvalid.eq(0)
        with m.If(bus.answered):
            response = Mux(bus.failed, SLVERR, OKAY)
            m.d.sync += [waiting.eq(0), self.bvalid.eq(writing), self.rvalid.eq(~writing),
                         self.bresp.eq(response), self.rresp.eq(response), self.rdata.eq(bus.read)]
        return m
