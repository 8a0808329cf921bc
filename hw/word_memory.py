"""The bit reservoir of a ring: the words of its lanes in one small memory, a window of bits out."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .delay import delay
from .layouts import word_layout

__all__ = ["WordMemory"]


class WordMemory(wiring.Component):
    """Holds P words of each lane of a ring and shows the next R + s bits of the lane whose turn it is.

    A word that is written shows in the next cycle. Beside each word stands the parity of the lap, the round through
    the P places of its lane, in which it was written: so a reader knows a word that has arrived from one of the lap
    before. Nothing needs to be cleared between two spans, for the preload writes all places.

    Where R + s <= W / 2 the lower and the upper halves of the words are two memories, and a window lies in two halves
    next to each other. Otherwise there are two memories of whole words.

    Parameters
    ----------
    config : Config
        Of two lanes per ring or more.

    Members
    -------
    words : In(`word_layout`)
        A word for one of the lanes. The distribution never sends more than there is room for.
    turn, word, lap, pointer : In
        The lane; the place and the lap of its word at hand; the bits of that word that have been read.
    following, following_lap : Out
        Place and lap of the lane's word after that one, in the same cycle.
    window : Out(R + s)
        The lane's next bits, the first one lowest, ``Config.entry_latency`` cycles later.
    enough : Out(1)
        Whether all of the window had arrived, as late.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "words": In(word_layout(config)),
            "turn": In(range(config.ring)),
            "word": In(range(config.preload)),
            "lap": In(1),
            "pointer": In(range(config.word_bits)),
            "following": Out(range(config.preload)),
            "following_lap": Out(1),
            "window": Out(config.token_bits),
            "enough": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        place, lap = self._write_place(m)
        m.d.comb += self._after(self.word, self.lap, self.following, self.following_lap)
        halves = config.token_bits <= config.word_bits // 2
        fits = self.pointer <= config.word_bits - config.token_bits
        width = config.word_bits // 2 if halves else config.word_bits
        upper = self.pointer[-1] if halves else 0
        at_hand, after = Cat(self.word, self.turn), Cat(self.following, self.turn)
        low_layout = data.StructLayout({"bits": width, "lap": 1})
        low = self._memory(m, "low", low_layout, place, Cat(self.words.data[:width], lap))
        high = self._memory(m, "high", low_layout if not halves else width, place,
                            self.words.data[width:] if halves else Cat(self.words.data, lap))
        first, second, enough = Signal(width), Signal(width), Signal()
        if halves:
            here = low.data.lap == Mux(upper, self.following_lap, self.lap)
            m.d.comb += [
                low.addr.eq(Mux(upper, after, at_hand)),
                high.addr.eq(at_hand),
                enough.eq(here | (upper & fits)),
            ]
            parts = low.data.bits, high.data
        else:
            m.d.comb += [
                low.addr.eq(at_hand),
                high.addr.eq(after),
                enough.eq((high.data.lap == self.following_lap) | ((low.data.lap == self.lap) & fits)),
            ]
            parts = low.data.bits, high.data.bits
        cuts = (0, 1) if self._config.entry_latency == 1 else (1, 1)
        upper_read, *parts = (delay(m, value, cuts[0], name) for value, name in (
            (Cat(upper), "upper"), (parts[0], "low_read"), (parts[1], "high_read")))
        m.d.comb += [
            first.eq(Mux(upper_read, parts[1], parts[0])),
            second.eq(Mux(upper_read, parts[0], parts[1])),
        ]
        shift = self.pointer[:(width - 1).bit_length()]
        self._shift(m, first, second, delay(m, shift, cuts[0], "shift"), cuts[1])
        m.d.comb += self.enough.eq(delay(m, enough, self._config.entry_latency, "enough"))
        return m

    def _shift(self, m, first, second, shift, cut):
        """The window out of two neighbours; with one cycle only, the register is before the shifter."""
        if self._config.entry_latency == 1:
            pair = delay(m, Cat(first, second), cut, "pair")
            m.d.comb += self.window.eq(pair >> delay(m, shift, cut, "shift_of_pair"))
        else:
            window = Signal.like(self.window)
            m.d.comb += [window.eq(Cat(first, second) >> shift), self.window.eq(delay(m, window, cut, "window"))]

    def _memory(self, m, name, shape, place, value):
        """One memory with its write port; returns the read port."""
        depth = self._config.ring << (self._config.preload - 1).bit_length()
        m.submodules[name] = store = memory.Memory(shape=shape, depth=depth, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(Cat(place, self.words.turn)),
            write.data.eq(value),
            write.en.eq(self.words.enable),
        ]
        return read

    def _write_place(self, m):
        """Where the word that has come belongs: each lane's next place is remembered in a memory of its own."""
        config = self._config
        layout = data.StructLayout({"place": range(config.preload), "lap": 1})
        m.submodules.places = store = memory.Memory(shape=layout, depth=config.ring, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        place, lap = Signal(range(config.preload)), Signal()
        m.d.comb += [
            read.addr.eq(self.words.turn),
            place.eq(Mux(self.words.first, 0, read.data.place)),
            lap.eq(Mux(self.words.first, 0, read.data.lap)),
            write.addr.eq(self.words.turn),
            write.en.eq(self.words.enable),
            *self._after(place, lap, write.data.place, write.data.lap),
        ]
        return place, lap

    def _after(self, place, lap, next_place, next_lap):
        """The next place and its lap."""
        wrap = place == self._config.preload - 1
        return [next_place.eq(Mux(wrap, 0, place + 1)), next_lap.eq(lap ^ wrap)]
