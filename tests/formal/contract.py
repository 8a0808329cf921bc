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

    def watch(self, m, stream):
        """Watch this stream."""
        m.d.comb += [self.valid.eq(stream.valid), self.ready.eq(stream.ready), self.payload.eq(stream.payload)]


class Passage(wiring.Component):
    """Watches where things go in and where they come out: nothing is lost, made up, doubled, changed or overtaken.

    It counts what is inside, watches any one thing that goes in, and knows by the count when it has to come out.

    Parameters
    ----------
    shape : shape-like
        Of the things.
    most : int
        How many can be inside. More are a breach.
    each : int
        How many go in at once: the first one lowest in ``value``.

    Members
    -------
    put, value : In
        A thing goes in, or ``each`` of them.
    take, found : In
        One comes out, in the same cycle at the earliest.
    inside : Out
        How many there are.
    kept : Out(1)
        Whether nothing is wrong in this cycle.
    watching, thing, before : Out
        For lemmas: a thing is watched, which, and how many come out before it.
    """

    def __init__(self, shape, most: int, each: int = 1):
        self._bits, self._most, self._each = Shape.cast(shape).width, most, each
        super().__init__({"put": In(1), "value": In(shape if each == 1 else each * self._bits), "take": In(1),
                          "found": In(shape), "inside": Out(range(most + 1)), "kept": Out(1), "watching": Out(1),
                          "thing": Out(self._bits), "before": Out(range(most + 1))})

    def elaborate(self, platform):
        m = Module()
        now, which = Signal(), Signal(range(self._each))  # one of them is to be watched
        place = Signal(range(self._most + self._each))
        thing, watching, before = self.thing, self.watching, self.before
        value, found = Value.cast(self.value).word_select(which, self._bits), Value.cast(self.found)
        begins = self.put & now & (which < self._each)
        first = Mux(watching, before == 0, begins & (place == 0))  # the one watched is the next
        count = Mux(self.put, self._each, 0)
        m.d.comb += [
            now.eq(AnySeq(1)), which.eq(AnySeq(len(which)) if self._each > 1 else 0), place.eq(self.inside + which),
            self.kept.eq(~(self.take & (self.inside == 0) & ~self.put)
                         & (self.inside + count <= self._most + self.take)
                         & ~(self.take & first & (found != Mux(watching, thing, value)))),
        ]
        m.d.sync += self.inside.eq(self.inside + count - self.take)
        with m.If(watching):
            m.d.sync += [before.eq(before - self.take), watching.eq(~(self.take & first))]
        with m.Elif(begins):
            m.d.sync += [watching.eq(~(self.take & first)), thing.eq(value), before.eq(place - self.take)]
        return m
