"""The top of a board: its design at the pins, with clock, reset, serial line and lights."""

from amaranth.hdl import Cat, ClockDomain, Elaboratable, Module, Signal
from amaranth.lib import io

from .catalogue import SHOWN
from .clock import BoardClock
from .design import BoardDesign
from .pll import PLLS, PllSetting

__all__ = ["BoardTop"]

VISIBLE = 0.05  #: seconds that a light stays on at least; up to twice as long


class BoardTop(Elaboratable):
    """All of a board.

    A light that shows ``running`` stays on for a twentieth of a second or longer, since a run may be shorter than an
    eye can see.

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
        line = platform.request(board.uart, dir="-")
        m.submodules.rx = rx = io.Buffer("i", line.rx)
        m.submodules.tx = tx = io.Buffer("o", line.tx)
        m.d.comb += [design.rx.eq(rx.i), tx.o.eq(design.tx)]
        self._lights(m, platform, {name: getattr(design, name) for name in SHOWN})
        return m

    def _lights(self, m, platform, shown):
        """The lights, each behind a register."""
        bits = round(VISIBLE * self._plan.frequency).bit_length()
        timer, running = Signal(bits + 1, init=1 << bits), Signal()
        m.d.sync += running.eq(~timer[-1])
        with m.If(shown["running"]):
            m.d.sync += timer.eq(0)
        with m.Elif(~timer[-1]):
            m.d.sync += timer.eq(timer + 1)
        shown = shown | {"running": running}
        ports = {}
        for number, light in enumerate(self._plan.board.lights):
            key = light.resource, light.number
            if key not in ports:
                ports[key] = platform.request(*key, dir="-")
            port = getattr(ports[key], light.part) if light.part else ports[key]
            m.submodules[f"light_{number}"] = buffer = io.FFBuffer("o", port)
            m.d.comb += buffer.o.eq(Cat(shown[name] for name in light.shows).any())
