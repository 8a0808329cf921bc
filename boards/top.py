"""The top of a board: its design at the pins, with clock, reset, serial line and lights."""

from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.lib import io

from .catalogue import SHOWN
from .clock import BoardClock
from .design import BoardDesign
from .lights import BoardLights
from .pll import PLLS, PllSetting

__all__ = ["BoardTop"]


class BoardTop(Elaboratable):
    """All of a board.

    Parameters
    ----------
    plan : `boards.fit.DesignPlan`
    setting : PllSetting
        Of the clock that the plan was made for.
    goal : float
        Hz that place and route is told to reach.
    """

    def __init__(self, plan, setting: PllSetting, goal: float):
        self._plan, self._setting, self._goal = plan, setting, goal

    def elaborate(self, platform):
        m = Module()
        board = self._plan.board
        m.domains.sync = domain = ClockDomain()
        m.submodules.clock = BoardClock(domain, PLLS[board.pll](self._setting), self._goal)
        m.submodules.design = design = BoardDesign(self._plan)
        m.submodules.lights = lights = BoardLights(board.lights, self._plan.frequency)
        line = platform.request(board.uart, dir="-")
        m.submodules.rx = rx = io.Buffer("i", line.rx)
        m.submodules.tx = tx = io.Buffer("o", line.tx)
        m.d.comb += [
            design.rx.eq(rx.i),
            tx.o.eq(design.tx),
            *(getattr(lights, name).eq(getattr(design, name)) for name in SHOWN),
        ]
        return m
