"""The state register of a lane."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

__all__ = ["StateRegister"]


class StateRegister(wiring.Component):
    """The tANS state x, 0 to L - 1: ``x' = base | bits``, or the start state.

    Members
    -------
    start : In(1)
        Take ``bits`` alone: the start state.
    step : In(1)
        Take ``base | bits``.
    base, bits : In(R)
        The entry's base, and the bits read for it.
    state : Out(R)
        x, from the next cycle on.
    """

    def __init__(self, config: Config):
        super().__init__({
            "start": In(1),
            "step": In(1),
            "base": In(config.table_log),
            "bits": In(config.table_log),
            "state": Out(config.table_log),
        })

    def elaborate(self, platform):
        m = Module()
        with m.If(self.start):
            m.d.sync += self.state.eq(self.bits)
        with m.Elif(self.step):
            m.d.sync += self.state.eq(self.base | self.bits)
        return m
