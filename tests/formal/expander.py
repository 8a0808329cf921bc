"""The expander alone: what becomes of one slot of one lane's part."""

from amaranth.hdl import Mux, Signal, signed

from hw.expander import Expander

from .harness import Harness

__all__ = ["Slots"]


class Slots(Harness):
    """Watch any slot of any lane: it shows the value put there since the lane's part was begun, or 0.

    Assumed of the tokens: a value goes to one place, and to none where there is a value already.
    """

    def build(self, m):
        config = self.config
        m.submodules.expander = expander = Expander(config)
        token = self.any_of(expander.token.shape(), "token")
        slot, lane = self.some(range(config.vector), "slot"), self.some(range(config.ring), "lane")
        turn = Signal(range(config.ring))  # the lanes take turns
        cleared = Signal(range(config.ring + 1), init=config.ring)  # the parts that have yet to be emptied
        m.d.sync += turn.eq(Mux(turn == config.ring - 1, 0, turn + 1))
        with m.If(cleared != 0):
            m.d.sync += cleared.eq(cleared - 1)
        kept = Signal(signed(config.weight_bits))  # what the slot holds
        here, later = self._values(token, slot)
        m.d.comb += [expander.token.eq(token), expander.clear.eq(cleared != 0)]
        watched = (turn == lane) & (cleared == 0)
        self.assume((slot < config.vector) & (lane < config.ring))
        for number in range(config.vector):
            self.assume(~token.place[number] | (token.place == 1 << number))
        self.assume(~watched | (kept == 0) | (here == 0))
        self.assume(~watched | token.complete | (here == later))
        with m.If(watched):
            self.claim(expander.weights[slot] == Mux(here != 0, here, kept))
            m.d.sync += kept.eq(Mux(later != 0, later, Mux(token.complete, 0, kept)))

    @staticmethod
    def _values(token, slot):
        """What the token puts into the slot of the part at hand, and of the part that is then at hand."""
        there = (token.place >> slot)[0]
        return Mux(there, token.here, 0), Mux(there, token.kept, 0)
