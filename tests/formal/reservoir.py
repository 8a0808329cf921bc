"""The reservoir of a lane alone: bits of the words in order, none that has not come, none promised in vain."""

from amaranth.hdl import Mux, Signal

from hw.reservoir import Reservoir

from .harness import Harness, Inside

__all__ = ["Bits", "DELAY"]

DELAY = 3  #: cycles after which bits that came must count, if nothing is read meanwhile


class Bits(Harness):
    """Watch any bit of any word: it shows at its place in the window until it has been read.

    A ``clear`` may come at any time. Assumed, as distribution and lane keep to it: no word comes while P of them are
    there; the start state is read when the preload has come for a cycle; bits are read only where it was promised a
    cycle before that they will be there.
    """

    def build(self, m):
        config = self.config
        dut = Reservoir(config)
        inside = Inside(dut)
        m.submodules.reservoir = inside.fragment
        size, width = config.word_bits, config.token_bits
        level = Signal(range(config.preload * size + 1))  # bits that have come and have not been read
        begun = Signal(range(size))  # bits read of the oldest word that has not been used up
        settled = Signal()  # no word came in the cycle before
        started, promised, used = Signal(), Signal(), Signal()
        word = self.any_of(dut.words.shape(), "word")
        clear, start, pace = (self.any_of(1, name) for name in ("clear", "start", "pace"))
        take, count = self.any_of(range(width + 1), "take"), Signal(range(width + 1))
        moved = Signal(range(size + width + 1))
        read = promised & pace & ~clear
        self.assume(take <= width)
        self.assume(~word.enable | (~clear & (level + begun < config.preload * size)))
        self.assume(~start | (~clear & ~started & settled & (level == config.preload * size)))
        m.d.comb += [
            dut.words.eq(word), dut.clear.eq(clear), dut.starting.eq(start), dut.read.eq(read), dut.take.eq(take),
            count.eq(Mux(start, config.table_log, Mux(read, take, 0))),
            moved.eq(begun + count),
        ]
        m.d.sync += [
            settled.eq(~word.enable),
            started.eq((started | start) & ~clear),
            promised.eq(dut.next_enough & (started | start) & ~clear),
            used.eq((moved >= size) & ~clear),
            level.eq(Mux(clear, 0, level + Mux(word.enable, size, 0) - count)),
            begun.eq(Mux(clear, 0, Mux(moved >= size, moved - size, moved))),
        ]
        self.claim(dut.used == used)
        self.claim(~promised | (level > width))
        self.claim(~started | (level != 0))
        self._count(inside, level, begun, used, started, promised)
        self._watch(m, dut, inside, word, clear, level, count, promised | start)
        self._promise(m, dut, level, read | start, started & ~clear)

    def _watch(self, m, dut, inside, word, clear, level, count, shows):
        """The watched bit: its value, and how many bits are to be read before it."""
        size = self.config.word_bits
        bit, now = self.some(range(size), "bit"), self.any_of(1, "watch")
        watching, value = Signal(), Signal()
        before = Signal(range(self.config.preload * size))
        with m.If(clear):
            m.d.sync += watching.eq(0)
        with m.Elif(watching):
            m.d.sync += [before.eq(before - count), watching.eq(before >= count)]
        with m.Elif(word.enable & now):
            m.d.sync += [watching.eq(1), before.eq(level - count + bit), value.eq(word.data.bit_select(bit, 1))]
        with m.If(watching & shows & (before < len(dut.window))):
            self.claim(dut.window.bit_select(before[:3], 1) == value)
        self._place(m, inside, watching, before, bit, value, level)

    def _place(self, m, inside, watching, before, bit, value, level):
        """Lemma: where the watched bit is, and that it has its value there."""
        config, size = self.config, self.config.chunk_bits
        chunks = config.word_bits // size
        first, pointer, there = (inside[name] for name in ("first", "pointer", "there"))
        index = inside["index"] if chunks > 1 else 0
        place = Signal(range(2 * size + config.preload * config.word_bits))
        m.d.comb += place.eq(pointer + before)
        number, low = place >> size.bit_length() - 1, place[:size.bit_length() - 1]
        held = there[0] + there[1] + there[2]
        beyond = Signal(range((config.preload + 1) * chunks + 1))
        m.d.comb += beyond.eq(number - held + index)
        with m.If(watching):
            self.lemma(before < level)
            self.lemma(bit[:len(low)] == low)
            with m.If(number < held):
                for chunk in range(3):
                    with m.If(number + (there[1] & ~there[0]) == chunk):
                        self.lemma(inside[f"chunk_{chunk}"].bit_select(low, 1) == value)
            with m.Else():
                if chunks > 1:
                    self.lemma(bit >> len(low) == beyond % chunks)
                address = (first + beyond // chunks)[:len(first) - 1]
                for number, row in enumerate(inside.memories[0].rows):
                    with m.If(address == number):
                        self.lemma(row.bit_select(bit, 1) == value)

    def _promise(self, m, dut, level, reads, started):
        """More bits than a token takes, and nothing read for some cycles: then they are promised."""
        waits = Signal(range(DELAY + 1))
        m.d.sync += waits.eq(Mux((level > self.config.token_bits) & ~reads & started,
                                 Mux(waits == DELAY, DELAY, waits + 1), 0))
        with m.If((waits == DELAY) & ~reads):
            self.claim(dut.next_enough)

    def _count(self, inside, level, begun, used, started, promised):
        """Lemmas: the bits that have come and the place in the word, by what the reservoir keeps."""
        config, size = self.config, self.config.chunk_bits
        chunks = config.word_bits // size
        last, first, pointer, there = (inside[name] for name in ("last", "first", "pointer", "there"))
        words = (last - first)[:len(last)]
        index = inside["index"] if chunks > 1 else 0
        counted = inside["index", 1] if chunks > 1 else 0
        self.lemma(level + begun <= config.preload * config.word_bits)
        self.lemma(begun < config.word_bits)
        self.lemma(words <= config.preload)
        self.lemma(level + pointer == (words * chunks - index + there[0] + there[1] + there[2]) * size)
        self.lemma(inside["waiting"] == (words != 0))
        self.lemma(begun + Mux(used, config.word_bits, 0) == counted * size + pointer)
        self.lemma(inside["final"] == (index == chunks - 1))
        self.lemma(~there[2] | there[:2].all())
        self.lemma(Mux(started, there[0], (pointer == 0) & (begun == 0) & ~promised & ~used))
        if chunks > 1:
            self.lemma(inside["last", 1] == (counted == chunks - 1))
            self.lemma((words != 0) | (index == 0))
            self.lemma((counted + there[0] + there[1] + there[2] - index) % chunks == 0)
