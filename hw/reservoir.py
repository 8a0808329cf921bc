"""The bit reservoir of a lane that is alone in its ring: words in registers, a window of bits out."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import word_layout

__all__ = ["Reservoir"]


class Reservoir(wiring.Component):
    """Holds up to P words of a lane and shows the next R + s bits, whatever the word boundaries.

    The window is read from registers and needs no shifter behind the table. A word that is pushed shows in the next
    cycle. Reset and ``clear`` empty it.

    Members
    -------
    words : In(`word_layout`)
        The lane's next word. The distribution never sends more than there is room for.
    pointer : In(range(W))
        Bits of the first word that have been read.
    window : Out(R + s)
        The next bits, the first one lowest.
    enough : Out(1)
        Whether all of the window has arrived.
    shift : In(1)
        Drop the first word.
    clear : In(1)
        Forget everything.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "words": In(word_layout(config)),
            "pointer": In(range(config.word_bits)),
            "window": Out(config.token_bits),
            "enough": Out(1),
            "shift": In(1),
            "clear": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        buffer = [Signal(config.word_bits, name=f"word_{i}") for i in range(config.preload)]
        held = Signal(config.preload)  # a run of ones from bit 0: which places of the buffer hold a word
        m.d.comb += [
            self.window.eq(Cat(buffer[0], buffer[1]) >> self.pointer),
            self.enough.eq(held[1] | (held[0] & (self.pointer <= config.word_bits - config.token_bits))),
        ]
        kept = Signal(config.preload)
        m.d.comb += kept.eq(Mux(self.shift, held >> 1, held))
        m.d.sync += held.eq(Mux(self.words.enable, Cat(1, kept), kept))
        for i, place in enumerate(buffer):
            with m.If(~kept[i]):
                m.d.sync += place.eq(self.words.data)
            with m.Elif(self.shift):
                m.d.sync += place.eq(buffer[min(i + 1, config.preload - 1)])
        with m.If(self.clear):
            m.d.sync += held.eq(0)
        return m
