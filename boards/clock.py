"""The clock domain of a board's design: its clock from a PLL, its reset until the PLL has locked."""

import math

from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal
from amaranth.lib.cdc import FFSynchronizer

from .pll import Pll

__all__ = ["BoardClock"]


class BoardClock(Elaboratable):
    """Drives a clock domain.

    Reset: from power-up until the PLL has locked and the family's time to settle has gone by, and again if it unlocks.
    It begins and ends with the clock.

    Parameters
    ----------
    domain : ClockDomain
    pll : Pll
    goal : float
        Hz that place and route is told to reach.
    """

    def __init__(self, domain: ClockDomain, pll: Pll, goal: float):
        self._domain, self._pll, self._goal = domain, pll, goal

    def elaborate(self, platform):
        m = Module()
        m.submodules.pll = pll = self._pll
        domain = self._domain
        wait = max(1, math.ceil(pll.SETTLE * pll.setting.output))
        clock = Signal(attrs={"keep": "true"})  # so that the netlist has its name
        locked, timer, ready = Signal(), Signal(range(wait + 1)), Signal()
        m.domains.always = always = ClockDomain(reset_less=True, local=True)
        m.submodules.lock = FFSynchronizer(pll.locked, locked, o_domain="always")
        m.d.comb += [clock.eq(pll.clock), domain.clk.eq(clock), always.clk.eq(clock), domain.rst.eq(~ready)]
        with m.If(~locked):
            m.d.always += [timer.eq(0), ready.eq(0)]
        with m.Elif(timer != wait):
            m.d.always += timer.eq(timer + 1)
        with m.Else():
            m.d.always += ready.eq(1)
        platform.add_clock_constraint(clock, self._goal)
        return m
