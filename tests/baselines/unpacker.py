"""Fixed-width unpacking: several weights per cycle out of words that are full to the last bit."""

from math import gcd

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .fixed_width import width_of
from .streams import WORD_BITS, OutputBuffer

__all__ = ["Unpacker"]

WEIGHT_BITS = 8


class Unpacker(wiring.Component):
    """Unpacks what `fixed_width.encode` wrote.

    Throughput: one transfer per cycle while words come and the sink takes. Reset: waits for a stream.

    Parameters
    ----------
    half : int
        Weights are -half .. half.
    vector : int
        Weights per transfer, at most 32 bits of the stream.

    Members
    -------
    words : In(stream of 32 bits)
    weights : Out(stream of 8 ``vector`` bits)
        Signed weights, the first one lowest.
    """

    def __init__(self, half: int, vector: int = 1):
        self._width, self._vector = width_of(half), vector
        self._step = self._width * vector
        if not 1 <= self._step <= WORD_BITS:
            raise ValueError(f"a transfer must take 1 to {WORD_BITS} bits of the stream, not {self._step}")
        super().__init__({
            "words": In(stream.Signature(WORD_BITS)),
            "weights": Out(stream.Signature(data.ArrayLayout(WEIGHT_BITS, vector))),
        })

    def elaborate(self, platform):
        m = Module()
        buffer = OutputBuffer(self._step)
        m.submodules.buffer = buffer
        for i in range(self._vector):
            value = buffer.port.payload[i * self._width:(i + 1) * self._width]
            m.d.comb += self.weights.payload[i].eq(value.as_signed())
        m.d.comb += [self.weights.valid.eq(buffer.port.valid), buffer.port.ready.eq(self.weights.ready)]
        word, there = Signal(WORD_BITS), Signal()
        behind, there_behind = Signal(WORD_BITS), Signal()
        grain = gcd(self._step, WORD_BITS)
        places = WORD_BITS // grain  # where in a word a transfer can begin
        used = Signal(range(places))
        moved = Signal(range(places + self._step // grain))
        move, shift = Signal(), Signal()
        straddles = self._step > grain
        m.d.comb += [
            move.eq(there & (there_behind if straddles else 1) & ~buffer.full),
            moved.eq(used + self._step // grain),
            shift.eq(~there | (move & (moved >= places))),
            buffer.payload.eq(Cat(word, behind) >> (used * grain)),
            buffer.push.eq(move),
            self.words.ready.eq(shift | ~there_behind),
        ]
        with m.If(move):
            m.d.sync += used.eq(moved)
        with m.If(shift):
            m.d.sync += [word.eq(behind), there.eq(there_behind)]
        with m.If(self.words.ready):
            m.d.sync += [behind.eq(self.words.payload), there_behind.eq(self.words.valid)]
        return m
