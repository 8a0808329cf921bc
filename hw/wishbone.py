"""Wishbone B4, classic or pipelined, in front of the register file."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_file import BUS
from .register_map import ADDRESS_BITS

__all__ = ["WISHBONE_PORTS", "Wishbone"]

WISHBONE_PORTS = {  #: without the prefix ``wb_``
    "cyc": In(1), "stb": In(1), "we": In(1), "adr": In(ADDRESS_BITS), "dat_w": In(32), "sel": In(4),
    "dat_r": Out(32), "ack": Out(1), "err": Out(1),
    "stall": Out(1),
}


class Wishbone(wiring.Component):
    """One access at a time, byte addresses. A fault answers ERR instead of ACK.

    A classic master leaves STALL alone; a pipelined one is held off by it until the cycle of the answer, as by the
    adapter of the B4 specification, 5.2.

    Latency: one cycle from the request to the answer. Reset: no access under way.

    Members
    -------
    port : In(1) ...
        The signals of Wishbone by their names in `WISHBONE_PORTS`.
    bus : Out(`BUS`)
    """

    def __init__(self):
        super().__init__({**WISHBONE_PORTS, "bus": Out(BUS)})

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        asked = Signal()
        m.d.comb += [
            asked.eq(self.cyc & self.stb),
            bus.valid.eq(asked & ~bus.answered), bus.write.eq(self.we), bus.address.eq(self.adr),
            bus.data.eq(self.dat_w), bus.select.eq(self.sel), self.dat_r.eq(bus.read),
            self.stall.eq(asked & ~bus.answered),
            self.ack.eq(asked & bus.answered & ~bus.failed), self.err.eq(asked & bus.answered & bus.failed),
        ]
        return m
