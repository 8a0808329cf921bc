"""The lookout: goes ahead of the join through the places of parts, and tells how many turns are complete."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import ahead_layout, place_layout

__all__ = ["Lookout"]


class Lookout(wiring.Component):
    """Looks, for up to `golden.config.LOOKOUT_RINGS` rings, which turns have all their parts in the queues, in the
    order of the weights.

    Throughput: one turn per cycle. Parts that can be read show two cycles later. It is at most three turns ahead of the
    join. It never takes a part of the lap before for one that has arrived: that stays in its place until the join has
    fetched it, and until then the lookout does not come by again.

    Parameters
    ----------
    config : Config
    rings : int
        How many there are to look for.

    Members
    -------
    sweeping : In(1)
        The laps are being swept.
    place : Out(`place_layout`)
        Where it looks.
    there : In(rings)
        Whether the parts of that place can be read.
    advance : In(1)
        The join goes on by a turn.
    ahead : Out(`ahead_layout`)
        What there is for the join, in registers.
    """

    def __init__(self, config: Config, rings: int):
        self._config = config
        super().__init__({
            "sweeping": In(1),
            "place": Out(place_layout(config)),
            "there": In(rings),
            "advance": In(1),
            "ahead": Out(ahead_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        place, ahead = self.place, self.ahead
        full = Signal(init=1)  # three turns are ahead, or the laps are not to be looked at
        found = Signal()
        final_turn = place.turn == self._config.ring - 1
        m.d.comb += found.eq(self.there.all() & ~full)
        with m.If(found):
            m.d.sync += [
                place.turn.eq(Mux(final_turn, 0, place.turn + 1)),
                place.number.eq(place.number + final_turn),
            ]
        m.d.sync += [
            ahead.one.eq(Mux(self.advance, ahead.two | found, ahead.one | found)),
            ahead.two.eq(Mux(self.advance, full & ahead.two | ahead.two & found, ahead.two | ahead.one & found)),
            full.eq(self.sweeping | (ahead.two & (full | found) & ~self.advance)),
        ]
        return m
