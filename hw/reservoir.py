"""The bit reservoir of a lane that is alone in its ring: words in, a window of bits out."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import word_layout
from .short import at_least, plus

__all__ = ["Reservoir"]


class Reservoir(wiring.Component):
    """Holds up to P words of a lane and shows the next R + s bits, whatever the word boundaries.

    Words wait in a small memory and leave it in chunks of K bits (``Config.chunk_bits``), of which three are in
    registers. Thus the window is a choice between K places, and a token of up to K bits moves on by one chunk at most:
    the chunks move a cycle after that, while the window is already taken from the next two. Throughput: one token per
    cycle. A word can be read from two or three cycles after it came.

    Whether there is enough to read is told a cycle ahead: if a third chunk has come, whatever is read meanwhile; and if
    nothing is read meanwhile, also if the next chunk has come, or if the window ends before the last bit of the chunk
    at hand. So what is read never uses up all that has come, and the chunk at hand is always there
    (`docs/architecture.md` shows that a lane need not wait for more).

    Members
    -------
    words : In(`word_layout`)
        The lane's next word. The distribution never sends more than there is room for.
    clear, starting : In(1)
        Forget all words, before the first one of a span comes; the start state is being read.
    read, take : In(1), In(range(R + s + 1))
        Read so many bits.
    window : Out(R + s)
        The next bits, the first one lowest.
    next_enough : Out(1)
        Whether in the next cycle all of the window will have come.
    used : Out(1)
        A word was used up with the bits that were read a cycle ago.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "words": In(word_layout(config)),
            "clear": In(1),
            "starting": In(1),
            "read": In(1),
            "take": In(range(config.token_bits + 1)),
            "window": Out(config.token_bits),
            "next_enough": Out(1),
            "used": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, size = self._config, self._config.chunk_bits
        bits = size.bit_length() - 1
        self._more = Signal()  # the chunk after that at hand has come
        self._plenty = Signal()  # in the next cycle there are three chunks
        pointer = Signal(bits + 1)  # bits read since the first one of the chunk at hand
        at_hand, following = self._chunks(m, pointer[-1])
        place = pointer[:-1]  # where the window begins, in the chunk at hand or in the one that takes its place
        below = ~at_least(m, place, size - config.token_bits)  # the window ends before the chunk's last bit
        m.d.comb += [
            self.window.eq(Cat(at_hand, following) >> place),
            self.next_enough.eq(self._plenty | ((self._more | below) & ~self.read & ~self.starting)),
        ]
        moved = plus(m, place, self.take)[:bits + 1]  # K at most is taken
        m.d.sync += pointer.eq(Mux(self.read, moved, place))
        with m.If(self.starting):
            m.d.sync += pointer.eq(config.table_log)
        with m.If(self.clear):
            m.d.sync += pointer.eq(0)
        return m

    def _chunks(self, m, passed):
        """Three chunks in registers; ``passed``: the first has been read. Returns that at hand and the next one."""
        size = self._config.chunk_bits
        chunks = [Signal(size, name=f"chunk_{i}", reset_less=True) for i in range(3)]
        there = Signal(3)  # which of them have come
        moves, refill = Signal(), Signal()  # the second chunk takes what follows; the third one does, or gives it away
        chunk, waiting = self._memory(m, moves | ~there[2])
        m.d.comb += [
            moves.eq(passed | ~there[:2].all()),
            refill.eq(moves == there[2]),
            self._more.eq(Mux(passed, there[2], there[1])),
            self._plenty.eq(Mux(refill, waiting, there[2] & ~moves)),
        ]
        with m.If(passed | ~there[0]):
            m.d.sync += [chunks[0].eq(chunks[1]), there[0].eq(there[1])]
        with m.If(moves):
            m.d.sync += [chunks[1].eq(Mux(there[2], chunks[2], chunk)), there[1].eq(there[2] | waiting)]
        with m.If(refill):
            m.d.sync += [chunks[2].eq(chunk), there[2].eq(waiting)]
        with m.If(self.clear):
            m.d.sync += there.eq(0)
        self._count(m, passed)
        return Mux(passed, chunks[1], chunks[0]), Mux(passed, chunks[2], chunks[1])

    def _memory(self, m, taken):
        """The words that wait: the first chunk of them, and whether there is one."""
        config = self._config
        chunks = config.word_bits // config.chunk_bits
        m.submodules.memory = store = memory.Memory(
            shape=config.word_bits, depth=1 << (config.preload - 1).bit_length(), init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        last = Signal(len(write.addr) + 1)  # numbers of words, with one bit more to tell all from none
        first = Signal.like(last)
        index = Signal(range(chunks))
        waiting = Signal()  # there is a word
        final = Signal(init=chunks == 1)  # its last chunk is the next
        second = plus(m, first, 1)[:len(first)]
        m.d.comb += [
            write.addr.eq(last),
            write.data.eq(self.words.data),
            write.en.eq(self.words.enable),
            read.addr.eq(first),
        ]
        with m.If(self.words.enable):
            m.d.sync += last.eq(plus(m, last, 1))
        m.d.sync += waiting.eq(self.words.enable | Mux(taken & waiting & final, second != last, first != last))
        with m.If(taken & waiting):
            m.d.sync += [index.eq(index + 1), final.eq((index == chunks - 2) | (chunks == 1))]
            with m.If(final):
                m.d.sync += first.eq(second)
        with m.If(self.clear):
            m.d.sync += [first.eq(0), last.eq(0), index.eq(0), final.eq(chunks == 1), waiting.eq(0)]
        chunk = Signal(config.chunk_bits)
        with m.Switch(index):
            for number in range(chunks):
                with m.Case(number):
                    m.d.comb += chunk.eq(read.data.word_select(number, config.chunk_bits))
        return chunk, waiting

    def _count(self, m, passed):
        """Which chunk of its word is at hand: with the last one a word is used up."""
        chunks = self._config.word_bits // self._config.chunk_bits
        last = Signal(init=chunks == 1)
        m.d.comb += self.used.eq(passed & last)
        if chunks > 1:
            index = Signal(range(chunks))
            with m.If(passed):
                m.d.sync += [index.eq(index + 1), last.eq(index == chunks - 2)]
            with m.If(self.clear):
                m.d.sync += [index.eq(0), last.eq(0)]
