"""What every ready/valid stream has to keep to, as components that watch one."""

from amaranth.asserts import AnySeq
from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Offer", "Passage"]


class Offer(wiring.Component):
    """Watches one stream: what is on offer stays on offer, and stays the same, until it is taken.

    To be claimed of the side that offers, or assumed of it where it is not part of the proof.

    Parameters
    ----------
    shape : shape-like
        Of the payload.

    Members
    -------
    valid, ready, payload : In
        The stream.
    kept : Out(1)
        Whether the rule is kept in this cycle.
    """

    def __init__(self, shape):
        super().__init__({"valid": In(1), "ready": In(1), "payload": In(shape), "kept": Out(1)})

    def elaborate(self, platform):
        m = Module()
        waits, before = Signal(), Signal(len(Value.cast(self.payload)))
        m.d.sync += [waits.eq(self.valid & ~self.ready), before.eq(self.payload)]
        m.d.comb += self.kept.eq(~waits | (self.valid & (Value.cast(self.payload) == before)))
        return m


class Passage(wiring.Component):
    """Watches where things go in and where they come out: nothing is lost, made up, doubled, changed or overtaken.

    It counts what is inside, watches any one thing that goes in, and knows by the count when it has to come out.

    Parameters
    ----------
    shape : shape-like
        Of the things.
    most : int
        How many can be inside. More are a breach.

    Members
    -------
    put, value : In
        A thing goes in.
    take, found : In
        One comes out, in the same cycle at the earliest.
    inside : Out
        How many there are.
    kept : Out(1)
        Whether nothing is wrong in this cycle.
    """

    def __init__(self, shape, most: int):
        self._bits, self._most = Shape.cast(shape).width, most
        super().__init__({"put": In(1), "value": In(shape), "take": In(1), "found": In(shape),
                          "inside": Out(range(most + 1)), "kept": Out(1)})

    def elaborate(self, platform):
        m = Module()
        now = Signal()  # to be watched
        watching, thing, before = Signal(), Signal(self._bits), Signal(range(self._most + 1))
        value, found = Value.cast(self.value), Value.cast(self.found)
        first = Mux(watching, before == 0, (self.inside == 0) & self.put & now)  # the one watched is the next
        m.d.comb += [
            now.eq(AnySeq(1)),
            self.kept.eq(~(self.take & (self.inside == 0) & ~self.put)
                         & ~(self.put & ~self.take & (self.inside == self._most))
                         & ~(self.take & first & (found != Mux(watching, thing, value)))),
        ]
        m.d.sync += self.inside.eq(self.inside + self.put - self.take)
        with m.If(watching):
            m.d.sync += [before.eq(before - self.take), watching.eq(~(self.take & first))]
        with m.Elif(self.put & now):
            m.d.sync += [watching.eq(~(self.take & first)), thing.eq(value), before.eq(self.inside - self.take)]
        return m
