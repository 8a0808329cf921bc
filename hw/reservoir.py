"""The bit reservoir of a lane that is alone in its ring: words in, a window of bits out."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import word_layout
from .short import plus

__all__ = ["Reservoir"]


class Reservoir(wiring.Component):
    """Holds up to P words of a lane and shows the next R + s bits, whatever the word boundaries.

    Words wait in a small memory and leave it in chunks of K bits (``Config.chunk_bits``), of which two are in
    registers: the one at hand and the next. Thus the window is a choice between K places, and a token of up to K bits
    moves on by one chunk at most. Throughput: one token per cycle. A word can be read from two cycles after it came.

    There is enough to read if the next chunk has come, or if the window ends before the last bit of the chunk at hand;
    so what is read never uses up all that has come, and the chunk at hand is always there (`docs/architecture.md`
    shows that this is enough).

    Members
    -------
    words : In(`word_layout`)
        The lane's next word. The distribution never sends more than there is room for.
    clear, starting : In(1)
        Forget all words, before the first one of a span comes; the start state is being read.
    allowed, take : In(1), In(range(R + s + 1))
        Read so many bits, if there is ``enough``.
    window : Out(R + s)
        The next bits, the first one lowest.
    enough : Out(1)
        Whether all of the window has come.
    crossed : Out(1)
        If the bits are read, a word is used up with them.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "words": In(word_layout(config)),
            "clear": In(1),
            "starting": In(1),
            "allowed": In(1),
            "take": In(range(config.token_bits + 1)),
            "window": Out(config.token_bits),
            "enough": Out(1),
            "crossed": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, size = self._config, self._config.chunk_bits
        at_hand, following = Signal(size, reset_less=True), Signal(size, reset_less=True)
        there, more = Signal(), Signal()  # whether these chunks have come
        pointer = Signal(range(size))  # bits of the chunk at hand that have been read
        moved = plus(m, pointer, self.take)[:size.bit_length()]  # K at most is taken
        crosses, refill = Signal(), Signal()
        m.d.comb += [
            self.window.eq(Cat(at_hand, following) >> pointer),
            self.enough.eq(there & (more | (pointer < size - config.token_bits))),
            crosses.eq(moved[-1] & self.allowed & self.enough),
            refill.eq(crosses | ~there | ~more),
        ]
        with m.If(self.allowed & self.enough):
            m.d.sync += pointer.eq(moved)
        with m.If(self.starting):
            m.d.sync += pointer.eq(config.table_log)
        with m.If(crosses | ~there):
            m.d.sync += at_hand.eq(following)
        chunk, waiting = self._memory(m, refill)
        with m.If(refill):
            m.d.sync += [following.eq(chunk), more.eq(waiting)]
        m.d.sync += there.eq(there | more)
        with m.If(self.clear):
            m.d.sync += [there.eq(0), more.eq(0), pointer.eq(0)]
        self._count(m, moved[-1], crosses)
        return m

    def _memory(self, m, refill):
        """The words that wait: the first chunk of them, and whether there is one."""
        config = self._config
        chunks = config.word_bits // config.chunk_bits
        m.submodules.memory = store = memory.Memory(
            shape=config.word_bits, depth=1 << (config.preload - 1).bit_length(), init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        last = Signal(len(write.addr) + 1)  # numbers of words, with one bit more to tell all from none
        first = Signal.like(last)
        index = Signal(range(chunks))
        waiting = Signal()
        m.d.comb += [
            write.addr.eq(last),
            write.data.eq(self.words.data),
            write.en.eq(self.words.enable),
            read.addr.eq(first),
            waiting.eq(first != last),
        ]
        with m.If(self.words.enable):
            m.d.sync += last.eq(last + 1)
        with m.If(refill):
            m.d.sync += [index.eq(plus(m, index, waiting)), first.eq(plus(m, first, waiting & (index == chunks - 1)))]
        with m.If(self.clear):
            m.d.sync += [first.eq(0), last.eq(0), index.eq(0)]
        return read.data.word_select(index, config.chunk_bits), waiting

    def _count(self, m, boundary, crosses):
        """Which chunk of its word is at hand: with the last one a word is used up."""
        chunks = self._config.word_bits // self._config.chunk_bits
        last = Signal(init=chunks == 1)
        m.d.comb += self.crossed.eq(boundary & last)
        if chunks > 1:
            index = Signal(range(chunks))
            with m.If(crosses):
                m.d.sync += [index.eq(index + 1), last.eq(index == chunks - 2)]
            with m.If(self.clear):
                m.d.sync += [index.eq(0), last.eq(0)]
