"""The lights of a board, at their pins."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In

__all__ = ["BoardLights"]

VISIBLE = 0.05  #: seconds that a light shows ``running`` at least; up to twice as long


class BoardLights(wiring.Component):
    """Shows what the design is doing.

    ``running`` is shown for a twentieth of a second at least, since a run may be shorter than an eye can see. Latency:
    two cycles, or three for ``running``. Reset: nothing is running.

    Parameters
    ----------
    lights : sequence of `boards.catalogue.Light`
    frequency : float
        Hz of the clock.

    Members
    -------
    running, passed, failed : In(1)
    """

    running: In(1)
    passed: In(1)
    failed: In(1)

    def __init__(self, lights, frequency: float):
        self._lights, self._frequency = lights, frequency
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        bits = round(VISIBLE * self._frequency).bit_length()
        timer, running = Signal(bits + 1, init=1 << bits), Signal()
        m.d.sync += running.eq(~timer[-1])
        with m.If(self.running):
            m.d.sync += timer.eq(0)
        with m.Elif(~timer[-1]):
            m.d.sync += timer.eq(timer + 1)
        shown = {"running": running, "passed": self.passed, "failed": self.failed}
        ports = {}
        for number, light in enumerate(self._lights):
            key = light.resource, light.number
            if key not in ports:
                ports[key] = platform.request(*key, dir="-")
            port = getattr(ports[key], light.part) if light.part else ports[key]
            m.submodules[f"light_{number}"] = buffer = io.FFBuffer("o", port)
            m.d.comb += buffer.o.eq(Cat(shown[name] for name in light.shows).any())
        return m
