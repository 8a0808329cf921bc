"""The word memory of a ring: each lane's bits in order, none that has not come."""

from amaranth.hdl import Mux, Signal

from hw.delay import delay
from hw.word_memory import WordMemory

from .harness import Harness, Inside

__all__ = ["Words"]


class Words(Harness):
    """Watch any bit of any word of any lane: it shows at its place in the window until it has been read; and it is told
    that all of the window has come just when it has.

    Other lanes' words come whenever they like, and their turns ask for anything. A new span may begin at any time.
    Assumed, as distribution and ring keep to it: no word comes while P of the lane's are there; ``first`` goes with its
    first one; the start state is read when its preload has come; bits are read only where all of the window had come.
    """

    def build(self, m):
        config, size, width = self.config, self.config.word_bits, self.config.token_bits
        memory = WordMemory(config)
        inside = Inside(memory)
        m.submodules.memory = inside.fragment
        lane, turn = self.some(range(config.ring), "lane"), Signal(range(config.ring))
        self.assume(lane < config.ring)
        m.d.sync += turn.eq(Mux(turn == config.ring - 1, 0, turn + 1))
        begins = turn == lane
        place, lap, pointer = Signal(range(config.preload)), Signal(), Signal(range(size))  # of the lane's word at hand
        words = Signal(range(config.preload + 1))  # the lane's that are there
        level = Signal(range(config.preload * size + 1))
        m.d.comb += level.eq(words * size - pointer)
        word, clear = self.any_of(memory.words.shape(), "word_now"), self.any_of(1, "clear")
        comes, started = word.enable & (word.turn == lane), Signal()
        fresh = Signal(init=1)  # no word of the span has come
        self.assume(word.turn < config.ring)
        self.assume(~comes | (~clear & (words < config.preload) & (word.first == fresh)))
        m.d.sync += fresh.eq(Mux(clear, 1, Mux(comes, 0, fresh)))
        start = self.any_of(1, "start") & begins & ~started & (words == config.preload) & ~clear
        asks = begins & (started | start) & ~clear
        self.drive(memory, words=word, turn=turn, **{
            name: Mux(begins, value, self.any_of(len(value), f"other_{name}"))
            for name, value in (("word", place), ("lap", lap), ("pointer", pointer))})
        # What was asked for shows.
        late, unbroken = config.entry_latency, Signal(config.entry_latency)  # no new span since then
        m.d.sync += unbroken.eq((unbroken << 1 | asks) & (~clear).replicate(late))
        shows = unbroken[-1] & ~clear
        starts, come = delay(m, start, late, "starts"), delay(m, level >= width, late, "come")
        take, pace = self.any_of(range(width + 1), "take"), self.any_of(1, "pace")
        self.assume(take <= width)
        count, moved = Signal(range(width + 1)), Signal(range(size + width + 1))
        m.d.comb += count.eq(Mux(~shows, 0, Mux(starts, config.table_log, Mux(memory.enough & pace, take, 0))))
        m.d.comb += moved.eq(pointer + count)
        used, wrap = moved >= size, place == config.preload - 1
        m.d.sync += [started.eq((started | start) & ~clear), words.eq(words + comes - used),
                     pointer.eq(Mux(used, moved - size, moved))]
        with m.If(used):
            m.d.sync += [place.eq(Mux(wrap, 0, place + 1)), lap.eq(lap ^ wrap)]
        with m.If(clear):
            m.d.sync += [words.eq(0), pointer.eq(0), place.eq(0), lap.eq(0)]
        with m.If(begins):
            self.claim((memory.following == Mux(wrap, 0, place + 1)) & (memory.following_lap == lap ^ wrap))
        with m.If(shows):
            self.claim(memory.enough == come)
        self._watch(m, memory, inside, (lane, place, lap, pointer, words), comes, clear, level, count,
                    shows & (memory.enough | starts))
        self._laps(inside, lane, place, lap, words, started, fresh)

    def _watch(self, m, memory, inside, at, comes, clear, level, count, shows):
        """The watched bit, and how many are to be read before it."""
        config, size, (lane, place, _, pointer, _) = self.config, self.config.word_bits, at
        bit, now = self.some(range(size), "bit"), self.any_of(1, "watch")
        watching, value, before = Signal(), Signal(), Signal(range(config.preload * size))
        with m.If(clear):
            m.d.sync += watching.eq(0)
        with m.Elif(watching):
            m.d.sync += [before.eq(before - count), watching.eq(before >= count)]
        with m.Elif(comes & now):
            m.d.sync += [watching.eq(1), before.eq(level - count + bit),
                         value.eq(memory.words.data.bit_select(bit, 1))]
        there = delay(m, watching, config.entry_latency, "there")  # when it was asked
        with m.If(watching & there & shows & (before < len(memory.window))):
            self.claim(memory.window.bit_select(before[:3], 1) == value)
        distance = Signal(range((config.preload + 1) * size))
        m.d.comb += distance.eq(pointer + before)
        with m.If(watching):
            self.lemma((before < level) & (distance % size == bit))
        halves = len(inside.memories[1].rows[0].bits) < size
        for ahead in range(config.preload):
            for number in range(config.preload):
                for owner in range(config.ring):
                    row = self._row(number, owner)
                    low, high = inside.memories[1].rows[row].bits, inside.memories[2].rows[row]
                    with m.If(watching & (distance // size == ahead) & (lane == owner)
                              & ((place + ahead == number) | (place + ahead == number + config.preload))):
                        if halves:
                            self.lemma(Mux(bit[-1], high.bit_select(bit[:-1], 1), low.bit_select(bit[:-1], 1)) == value)
                        else:
                            self.lemma((low.bit_select(bit, 1) == value) & (high.bits.bit_select(bit, 1) == value))

    def _row(self, number, owner):
        return number + (owner << (self.config.preload - 1).bit_length())

    def _laps(self, inside, lane, place, lap, words, started, fresh):
        """Lemmas: the parity of the laps tells words that have come; the place of the next one is known."""
        config, m = self.config, self.m
        self.lemma((place < config.preload) & (~started | ~fresh) & (words <= config.preload))
        self.lemma(started | ((place == 0) & (lap == 0)))
        self.lemma(~fresh | (words == 0))
        lows, highs = inside.memories[1], inside.memories[2]
        memories = [lows] if len(lows.rows[0].bits) < config.word_bits else [lows, highs]
        marked = [[row.lap for row in store.rows] for store in memories]
        for owner in range(config.ring):
            with m.If(lane == owner):
                nexts = inside.memories[0].rows[owner]
                following = place + words
                wraps = following >= config.preload
                self.lemma(fresh | ((nexts.place == Mux(wraps, following - config.preload, following))
                                    & (nexts.lap == lap ^ wraps)))
                for ahead in range(config.preload):
                    for number in range(config.preload):
                        for laps in marked:
                            over = place + ahead >= config.preload
                            right = laps[self._row(number, owner)] == lap ^ over ^ (words <= ahead)
                            at = (place + ahead == number) | (place + ahead == number + config.preload)
                            self.lemma(~at | right | (~started & (words <= ahead)))
