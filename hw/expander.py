"""The expander: tokens in, parts of beats out."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .delay import delay
from .layouts import token_layout

__all__ = ["Expander"]


class Expander(wiring.Component):
    """Puts the values of a ring's tokens into the parts that its lanes have at hand, zeros between them.

    A token per cycle. In the cycle in which a token completes a part, the part shows with it.

    Members
    -------
    token : In(`token_layout`)
        The token of the lane whose turn it is; each lane has its turn every C cycles.
    weights : Out(V signed)
        The part at hand, with this token's value.
    """

    def __init__(self, config: Config):
        self._config = config
        self._part = data.ArrayLayout(signed(config.weight_bits), config.vector)
        super().__init__({"token": In(token_layout(config)), "weights": Out(self._part)})

    def elaborate(self, platform):
        m = Module()
        token = self.token
        kept = Signal(self._part)  # what the lane's part holds after this turn
        part = delay(m, kept, self._config.ring, "part")
        for slot in range(self._config.vector):
            before = part[slot]
            m.d.comb += [
                self.weights[slot].eq(before | Mux(token.place[slot], token.here, 0)),
                kept[slot].eq(Mux(token.complete, 0, before) | Mux(token.place[slot], token.kept, 0)),
            ]
        return m
