"""Two places for tokens between a lane's look-ups and its parts of beats."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import held_layout

__all__ = ["TokenPair"]

NAMES = ("run", "value", "again")  #: what a token brings along


class TokenPair(wiring.Component):
    """Holds up to two tokens, so that a look-up need not wait to see what becomes of the token before it.

    Throughput: a token per cycle. Latency: one cycle. It takes a token whenever ``second`` is 0.

    Members
    -------
    push, token : In(1), In(`held_layout`)
        A token that has been looked up.
    used : In(1)
        A word was used up with the token that was pushed a cycle ago.
    pop : In(1)
        The head is used up.
    shorten, rest : In(1), In(range(M))
        All but so many weights, less 1, of the head are; not with ``pop``.
    there, head : Out(1), Out(`held_layout`)
        The older token.
    second : Out(1)
        There is another one.
    next_second : Out(1)
        Whether there will be in the next cycle.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "push": In(1),
            "token": In(held_layout(config)),
            "used": In(1),
            "pop": In(1),
            "shorten": In(1),
            "rest": In(range(config.max_run)),
            "there": Out(1),
            "head": Out(held_layout(config)),
            "second": Out(1),
            "next_second": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        head = Signal(held_layout(self._config), reset_less=True)
        other = Signal.like(head, reset_less=True)
        stays = Signal()
        m.d.comb += [
            self.head.eq(head),
            self.head.used.eq(head.used | (self.used & ~self.second)),
            stays.eq(self.there & ~self.pop),
            self.next_second.eq(stays & (self.second | self.push)),
        ]
        m.d.sync += [
            self.there.eq(stays | self.second | self.push),
            self.second.eq(self.next_second),
            other.used.eq((other.used | self.used) & self.second),
            head.used.eq(Mux(stays, self.head.used, (other.used | self.used) & self.second)),
        ]
        with m.If(~stays):
            m.d.sync += [head[name].eq(Mux(self.second, other[name], self.token[name])) for name in NAMES]
        with m.If(~self.second):
            m.d.sync += [other[name].eq(self.token[name]) for name in NAMES]
        if self._config.max_run > self._config.vector:
            with m.If(self.shorten):
                m.d.sync += [head.run.eq(self.rest), head.again.eq(1)]
        return m
