"""The bit reservoir of a lane: words in, a window of bits out."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

__all__ = ["Reservoir"]


class Reservoir(wiring.Component):
    """Holds up to P words of a lane and shows the next R + s bits, whatever the word boundaries.

    The window is read from registers and needs no shifter behind the table. A word that is pushed shows in the next
    cycle. Reset and ``clear`` empty it.

    Members
    -------
    words : In(stream of W bits, always ready)
        The lane's next word. The distribution never sends more than there is room for.
    window : Out(R + s)
        The next bits, the first one lowest.
    enough : Out(1)
        Whether all of the window has arrived.
    step, take : In(1), In(range(R + s + 1))
        Drop the first ``take`` bits.
    crossed : Out(1)
        Whether dropping ``take`` bits reaches a word boundary.
    clear : In(1)
        Forget everything.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "words": In(stream.Signature(config.word_bits, always_ready=True)),
            "window": Out(config.token_bits),
            "enough": Out(1),
            "step": In(1),
            "take": In(range(config.token_bits + 1)),
            "crossed": Out(1),
            "clear": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        buffer = [Signal(config.word_bits, name=f"word_{i}") for i in range(config.preload)]
        held = Signal(config.preload)  # a run of ones from bit 0: which places of the buffer hold a word
        pointer = Signal(range(config.word_bits))
        moved = Signal(range(2 * config.word_bits))
        shift = Signal()
        m.d.comb += [
            self.window.eq(Cat(buffer[0], buffer[1]) >> pointer),
            self.enough.eq(held[1] | (held[0] & (pointer <= config.word_bits - config.token_bits))),
            moved.eq(pointer + self.take),
            self.crossed.eq(moved[-1]),
            shift.eq(self.step & self.crossed),
        ]
        kept = Signal(config.preload)
        m.d.comb += kept.eq(Mux(shift, held >> 1, held))
        m.d.sync += held.eq(Mux(self.words.valid, Cat(1, kept), kept))
        for i, place in enumerate(buffer):
            with m.If(~kept[i]):
                m.d.sync += place.eq(self.words.payload)
            with m.Elif(shift):
                m.d.sync += place.eq(buffer[min(i + 1, config.preload - 1)])
        with m.If(self.step):
            m.d.sync += pointer.eq(moved)
        with m.If(self.clear):
            m.d.sync += [held.eq(0), pointer.eq(0)]
        return m
