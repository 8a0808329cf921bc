"""One step of a lane: what the token at hand does to its part of a beat."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

__all__ = ["Step"]


class Step(wiring.Component):
    """Adds the length of a token to the weights that the part has. Combinational.

    A part is complete when it has the weights it needs, without a token if it has them already. A token that goes
    beyond it is cut there if ``final``; otherwise what is left of it goes into the next part, and if that is as much as
    a part takes, it is a rest: a token without a look-up for the lane's next turn.

    Members
    -------
    allowed : In(1)
        The lane may work on its part.
    token : In(1)
        There is a token.
    final : In(1)
        The part is the lane's last of the segment.
    spent, room : In(1), In(range(V + 1))
        The part needs no more weights; those that it needs otherwise.
    fill : In(range(V))
        The weights it has.
    length : In(range(M + 1))
        Weights of the token, 1 or more.
    placed : Out(1)
        The token is used.
    complete : Out(1)
        The part is complete after it.
    position : Out(range(V))
        Where the token's last weight goes, ``here`` in the part at hand or ``beyond`` in the next; or in neither.
    here, beyond, cut : Out(1)
        ``cut``: the segment ends before the token does.
    filled : Out(range(V))
        The weights that the part, or the next one, then has.
    rest : Out(range(M + 1))
        Weights of the token that are left for the next turn.
    """

    def __init__(self, config: Config):
        self._config = config
        weights, length = range(config.vector), range(config.max_run + 1)
        super().__init__({
            "allowed": In(1),
            "token": In(1),
            "final": In(1),
            "spent": In(1),
            "room": In(range(config.vector + 1)),
            "fill": In(weights),
            "length": In(length),
            "placed": Out(1),
            "complete": Out(1),
            "position": Out(weights),
            "here": Out(1),
            "beyond": Out(1),
            "cut": Out(1),
            "filled": Out(weights),
            "rest": Out(length),
        })

    def elaborate(self, platform):
        m = Module()
        vector = self._config.vector
        reaches, exact = Signal(), Signal()  # the token fills the part; and has nothing beyond
        goes_on = Signal()  # and what it has goes into the next part
        most = vector - 1 + self._config.max_run
        total = Signal(range(most + 1))
        m.d.comb += [
            reaches.eq(self.length >= self.room),
            exact.eq(self.length == self.room),
            total.eq(self.fill + self.length),
            self.placed.eq(self.allowed & self.token & ~self.spent),
            self.complete.eq(self.allowed & (self.spent | (self.token & reaches))),
            self.position.eq(self._modulo(total - 1, most)),
            self.here.eq(self.placed & (~reaches | exact)),
            goes_on.eq(self.placed & reaches & ~exact & ~self.final),
            self.beyond.eq(goes_on),
            self.cut.eq(reaches & ~exact & self.final),
            self.filled.eq(Mux(self.placed, self._modulo(total, most), self.fill)),
        ]
        with m.If(self.complete & self.final):
            m.d.comb += self.filled.eq(0)
        if self._config.max_run > vector:
            over = Signal.like(self.length)
            m.d.comb += over.eq(self.length - self.room)
            with m.If(goes_on & (over >= vector)):
                m.d.comb += [self.rest.eq(over), self.beyond.eq(0), self.filled.eq(0)]
        return m

    def _modulo(self, value, most):
        """The weight's place in its part or in the next one; other values do not matter."""
        vector = self._config.vector
        if vector & (vector - 1) == 0:
            return value[:vector.bit_length() - 1]
        return Mux(value >= vector, value - vector, value)
