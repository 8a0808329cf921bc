"""One step of a lane: what the token at hand does to its part of a beat."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .delay import delay

__all__ = ["Step"]


class Step(wiring.Component):
    """Adds the weights of a token to those that the part has.

    A part is complete when it has the weights it needs, without a token if it has them already. A token that goes
    beyond it is cut there if ``final``; otherwise what is left of it goes into the next part, and if that is as much as
    a part takes, it is a rest: a token without a look-up for the lane's next turn.

    Latency: ``Config.step_latency - Config.entry_latency`` cycles, 0 or 1.

    Members
    -------
    allowed : In(1)
        The lane may work on its part.
    token : In(1)
        There is a token.
    full : In(1)
        There is no place for a complete part: what would complete it waits.
    final : In(1)
        The part is the lane's last of the segment.
    spent, room : In(1), In(range(V))
        The part needs no more weights; those that it needs otherwise, less 1.
    fill : In(range(V))
        The weights it has.
    run : In(range(M))
        Weights of the token, less 1.
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
        weights, run = range(config.vector), range(config.max_run)
        super().__init__({
            "allowed": In(1),
            "token": In(1),
            "full": In(1),
            "final": In(1),
            "spent": In(1),
            "room": In(weights),
            "fill": In(weights),
            "run": In(run),
            "placed": Out(1),
            "complete": Out(1),
            "position": Out(weights),
            "here": Out(1),
            "beyond": Out(1),
            "cut": Out(1),
            "filled": Out(weights),
            "rest": Out(range(config.max_run + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        vector, runs = self._config.vector, self._config.max_run > self._config.vector
        found = Signal(data.StructLayout({
            "token": 1, "full": 1, "spent": 1, "reaches": 1, "exact": 1, "final": 1, "long": 1,
            "fill": range(vector), "position": range(vector), "over": range(self._config.max_run)}))
        over = self.run - self.room  # if it reaches beyond the part
        m.d.comb += [
            found.token.eq(self.allowed & self.token & ~self.spent),
            found.full.eq(self.full),
            found.spent.eq(self.allowed & self.spent & ~self.full),
            found.reaches.eq(self.run >= self.room if vector > 1 else 1),
            found.exact.eq(self.run == self.room),
            found.final.eq(self.final),
            found.fill.eq(self.fill),
            found.position.eq(self._modulo(self.fill + self.run)),
        ]
        if runs:
            m.d.comb += [found.over.eq(over), found.long.eq(over >= vector)]
        cycles = self._config.step_latency - self._config.entry_latency
        self._decide(m, delay(m, found, cycles, "found"))
        return m

    def _decide(self, m, found):
        """What follows from how the token ends in its part."""
        token = Signal()  # it can be placed
        over = Signal()  # it goes on in the next part
        long = Signal()  # and fills it
        ends = Signal()  # nothing is left for the next part
        m.d.comb += [
            token.eq(found.token & ~(found.full & found.reaches)),
            over.eq(token & found.reaches & ~found.exact & ~found.final),
            long.eq(over & found.long),
            self.placed.eq(token),
            self.complete.eq(found.spent | (token & found.reaches)),
            self.position.eq(found.position),
            self.here.eq(token & (~found.reaches | found.exact)),
            self.beyond.eq(over & ~long),
            self.cut.eq(found.reaches & ~found.exact & found.final),
            ends.eq((self.complete & found.final) | long),
            # Not a choice between this and 0, of which Yosys would make a reset, and a long path to it.
            self.filled.eq(Mux(token, self._modulo(found.position + 1), found.fill)
                           & ~ends.replicate(len(self.filled))),
            self.rest.eq(Mux(long, found.over, 0)),
        ]

    def _modulo(self, value):
        """The weight's place in its part or in the next one; other values do not matter."""
        vector = self._config.vector
        if vector & (vector - 1) == 0:
            return value[:vector.bit_length() - 1]
        return Mux(value >= vector, value - vector, value)
