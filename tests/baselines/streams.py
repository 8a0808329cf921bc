"""What the baselines share: a register for the next word, a buffer of two before the sink, registers of a pipeline.

Neither end lets a ready or valid signal through without a register, so no baseline is slowed down by its surroundings.
"""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WORD_BITS", "OutputBuffer", "WordRegister", "any_of", "registers"]

WORD_BITS = 32


class WordRegister(wiring.Component):
    """One word in waiting. Throughput: one word every other cycle.

    Members
    -------
    words : In(stream of 32 bits)
    word, held : Out(32), Out(1)
        The word, and whether there is one.
    take : In(1)
        It is taken in this cycle; has no effect where there is none.
    """

    words: In(stream.Signature(WORD_BITS))
    word: Out(WORD_BITS)
    held: Out(1)
    take: In(1)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.words.ready.eq(~self.held)
        with m.If(~self.held):
            m.d.sync += [self.word.eq(self.words.payload), self.held.eq(self.words.valid)]
        with m.Elif(self.take):
            m.d.sync += self.held.eq(0)
        return m


class OutputBuffer(wiring.Component):
    """Two payloads between a pipeline and its sink. Throughput: one per cycle.

    Parameters
    ----------
    shape : shape
        Of a payload.

    Members
    -------
    payload, push : In
        A payload to take in; never while ``full``.
    full : Out(1)
        There is no room.
    port : Out(stream)
    """

    def __init__(self, shape):
        self._shape = shape
        super().__init__({
            "payload": In(shape),
            "push": In(1),
            "full": Out(1),
            "port": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()
        second = Signal(self._shape)
        moves = Signal()
        m.d.comb += moves.eq(self.port.ready | ~self.port.valid)
        with m.If(moves):
            m.d.sync += [self.port.valid.eq(self.full | self.push), self.full.eq(0)]
            with m.If(self.full):
                m.d.sync += self.port.payload.eq(second)
            with m.Else():
                m.d.sync += self.port.payload.eq(self.payload)
        with m.Elif(self.push):
            m.d.sync += self.full.eq(1)
        with m.If(~self.full):
            m.d.sync += second.eq(self.payload)
        return m


def registers(m, move, *values) -> list[Signal]:
    """A pipeline stage: copies of the values, one move later."""
    copies = []
    for value in values:
        copy = Signal(value.shape(), name=f"{getattr(value, 'name', 'value')}_later")
        with m.If(move):
            m.d.sync += copy.eq(value)
        copies.append(copy)
    return copies


def any_of(values):
    """The bitwise or of the values."""
    return reduce(or_, values)
