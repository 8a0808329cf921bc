"""Word distribution: each word to the lane that asked for it, in need order, and never a stand-still."""

from amaranth.asserts import AnySeq
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import REQUEST_QUEUE, Config
from hw.distribution import WordDistribution
from hw.layouts import order_layout, request_layout
from hw.requests import _slices, several

from .harness import Harness, Inside

__all__ = ["NeedOrder", "PATIENCE", "Preload", "Progress", "Stored"]

PATIENCE = 8  #: cycles in which the source is not waited for, until a word that was asked for has been handed out


class Asker(wiring.Component):
    """Asks for words as the join does: parts are fetched where there was room a cycle before, stay in the head as long
    as they like, and ask when they leave, or do not ask.

    Members
    -------
    stop, room : In(1)
        Fetch nothing; see `WordDistribution`.
    requests : Out(stream of `request_layout`, always ready)
        Any, but not empty; of each ring ones first.
    under_way : Out(range(4))
        How many requests may be.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({"stop": In(1), "room": In(1), "under_way": Out(range(4)),
                          "requests": Out(stream.Signature(request_layout(config), always_ready=True))})

    def elaborate(self, platform):
        m = Module()
        config = self._config
        there, holds, leaves, asks = (Signal(name=name) for name in ("there", "holds", "leaves", "asks"))
        words = [Signal(range(config.words_per_beat + 1), name=f"asked_{ring}") for ring in range(config.rings)]
        mask = Cat(count > k for count in words for k in range(config.words_per_beat))
        m.d.comb += self.under_way.eq(there + holds + self.requests.valid)
        m.d.comb += [leaves.eq(AnySeq(1)), asks.eq(AnySeq(1)), *(count.eq(AnySeq(len(count))) for count in words)]
        m.d.sync += [
            there.eq(self.room & AnySeq(1) & ~self.stop),
            holds.eq((holds & ~leaves) | (there & (~holds | leaves))),
            self.requests.valid.eq(holds & leaves & asks & mask.any()),
            self.requests.payload.turn.eq(AnySeq(len(self.requests.payload.turn))),
            self.requests.payload.mask.eq(mask),
        ]
        return m


class _Span(Harness):
    """One span, which begins at any time; what is asked for when its preload has been handed out."""

    def build(self, m):
        config = self.config
        dut = WordDistribution(config)
        self.inside = Inside(dut)
        m.submodules.distribution = self.inside.fragment
        m.submodules.asker = asker = Asker(config)
        self.dut, self.asker = dut, asker
        begin = self.any_of(1, "begin_now")
        self.begun, self.filled = Signal(name="begun"), Signal(name="filled")
        self.given = Cat(word.enable for word in dut.words)
        self.drive(dut, begin=begin, requests=asker.requests)
        self.assume(~begin | ~self.begun)
        m.d.sync += self.begun.eq(self.begun | begin)
        self.running = Signal(name="running")  # as in `Control`: words may be asked for
        m.d.sync += self.running.eq(self.running | (self.begun & ~dut.preloading))
        m.d.comb += [asker.stop.eq(~self.running), asker.room.eq(dut.room)]
        place, lane = Signal(range(config.preload)), Signal(range(config.lanes))  # of the next word of the preload
        with m.If(self.given.any() & ~self.filled):
            last = place == config.preload - 1
            m.d.sync += [place.eq(Mux(last, 0, place + 1)),
                         lane.eq(Mux(last & (lane != config.lanes - 1), lane + 1, lane)),
                         self.filled.eq(last & (lane == config.lanes - 1))]
        self.place, self.lane = place, lane
        self.check(m)

    def handed(self, ring):
        """Whether the word handed out is for this ring and no other."""
        return self.given == 1 << ring

    def idle(self):
        """Lemmas: before the span nothing is under way."""
        inside = self.inside
        with self.m.If(~self.begun):
            self.lemma(~self.running & ~self.given.any() & ~inside["hungry"] & ~inside["supplied"])
            self.lemma(~inside["filling"] & ~inside["more"] & ~inside["requests.there"] & ~inside["requests.some"])
        self.lemma(self.running | ((self.asker.under_way == 0) & ~inside["requests.there"] & ~inside["requests.some"]))
        self.lemma(~self.running | ~inside["filling"])
        self.lemma(Mux(inside["filling"], _single(inside["ring"]), inside["ring"] == 0))

    def kept(self):
        """Lemmas: what is kept of requests and orders agrees with itself, and the queue never overflows."""
        config, inside, asker = self.config, self.inside, self.asker
        order = data.View(order_layout(config), inside["order", 1])
        working = inside["hungry"] | inside["supplied"]
        left, there = inside["requests.left"], inside["requests.there"]
        self.lemma(~working | ((order.mask != 0) & _single(order.group)))
        self.lemma(inside["more"] == (several(order.mask) & working))
        self.lemma((there == (left != 0)) & (inside["requests.more_left"] == several(left)))
        level, popped = inside["requests.level"], inside["requests.popped"]
        self.lemma(inside["requests.some"] == (level != popped))
        self.lemma((level >= popped) & (asker.under_way + level - popped + asker.room <= REQUEST_QUEUE))
        self.lemma(~asker.room | (level <= REQUEST_QUEUE - 4))
        store = inside.memories[0]
        first, waiting = store.reads[0].addr, Signal.like(level)
        self.m.d.comb += waiting.eq(level - popped)
        self.lemma((first + waiting)[:len(first)] == store.writes[0].addr)
        groups = _slices(config)
        for number, group in enumerate(groups):
            self.lemma(~working | ~order.group[number] | (order.mask >> group.stop - group.start == 0))
        for number, row in enumerate(store.rows):
            with self.m.If((number - first)[:len(first)] < waiting):
                mask = row.request.mask
                self.lemma((mask != 0) & (row.groups == Cat(mask[group].any() for group in groups)))
        request = data.View(request_layout(config), inside["requests.request"])
        for number, group in enumerate(groups):
            with self.m.If(left[number]):
                mask = request.mask[group]
                self.lemma(mask.any() & (inside["requests.many"][number] == several(mask)))


def _single(bits):
    """Whether one bit is set and no other."""
    return (bits != 0) & ~several(bits)


class Preload(_Span):
    """First P words to each lane, lane by lane; never more than one word is handed out."""

    def check(self, m):
        config, dut = self.config, self.dut
        for ring, word in enumerate(dut.words):
            self.claim(~word.enable | (self.begun & self.handed(ring)))
            self.claim(~word.enable | ~word.first | ~self.filled)
        for lane in range(config.lanes):
            turn, ring = divmod(lane, config.rings)
            with m.If(~self.filled & (self.lane == lane) & self.given.any()):
                word = dut.words[ring]
                self.claim(self.handed(ring) & (word.turn == turn) & (word.first == (self.place == 0)))


class Stored(_Span):
    """What is handed out are the words of the source, in order, and zeros after them; no more are taken than the span
    has."""

    def check(self, m):
        config, dut = self.config, self.dut
        left, before = Signal(config.count_bits), Signal(config.count_bits)  # stored words that have not been taken
        taken, data = Signal(), Signal(config.word_bits)
        now = dut.source.valid & dut.source.ready
        with m.If(dut.begin):
            m.d.sync += left.eq(dut.words_stored)
        with m.Elif(now):
            m.d.sync += left.eq(left - 1)
        m.d.sync += [taken.eq(now), data.eq(dut.source.payload), before.eq(left)]
        self.claim(~dut.source.ready | (left != 0))
        self.claim(~self.begun | (dut.used == (left == 0)))
        for word in dut.words:
            self.claim(~word.enable | (word.data == Mux(taken, data, 0)))
            self.claim(~word.enable | taken | (before == 0))
        inside = self.inside
        with m.If(self.begun):
            self.lemma((inside["left"] == left) & (inside["last"] == (left == 1)))
        self.idle()


class Progress(_Span):
    """While something is asked for, words come within `PATIENCE` cycles in which the source is not waited for. What is
    taken from the source is handed out."""

    def check(self, m):
        dut, waits, taken = self.dut, Signal(range(PATIENCE + 2)), Signal()
        blamed = dut.source.ready & ~dut.source.valid
        m.d.sync += taken.eq(dut.source.ready & dut.source.valid)
        self.claim(~taken | self.given.any())
        m.d.sync += waits.eq(Mux(self.begun & ~dut.idle & ~self.given.any(), Mux(blamed, waits, waits + 1), 0))
        self.claim(waits <= PATIENCE)
        inside, quiet = self.inside, self.inside["quiet"]
        working, there, some = inside["hungry"] | inside["supplied"], inside["requests.there"], inside["requests.some"]
        calm = quiet[0] + (quiet[0] & quiet[1]) + quiet[:3].all()  # cycles in which nothing was asked for
        self.lemma(waits <= Mux(self.given.any(), 8, Mux(working, 7, Mux(there, 6, Mux(some, 5, 1 + calm)))))
        self.idle()
        self.kept()


class NeedOrder(_Span):
    """Then the words of the requests, one after the other.

    Watch any word of any request: the count of words asked for before it tells which one it is. The source may stop at
    any time; while it does not, words come within `PATIENCE` cycles. The span begins at once, and its preload comes
    without a pause, so that a bounded look sees more of the requests.
    """

    def check(self, m):
        config, dut, request = self.config, self.dut, self.asker.requests
        self.assume((self.begun | dut.begin) & (self.filled | dut.source.valid))
        most = (REQUEST_QUEUE + 6) * config.request_words
        pending, before, bit = Signal(range(most)), Signal(range(most)), self.some(range(config.request_words), "bit")
        turn, watching, watch = Signal(range(config.ring)), Signal(), self.any_of(1, "watch")
        given = self.given.any() & self.filled
        mask = request.payload.mask & request.valid.replicate(config.request_words)
        asked = sum(mask[i] for i in range(config.request_words))
        lower = sum(mask[i] & (bit > i) for i in range(config.request_words))
        self.assume(bit < config.request_words)
        self.claim(~given | (pending != 0))
        self.claim(~dut.idle | ~self.filled | (pending == 0))
        m.d.sync += pending.eq(pending + asked - given)
        with m.If(watching):
            m.d.sync += [before.eq(before - given), watching.eq((before != 0) | ~given)]
        with m.Elif(watch & (mask >> bit)[0]):
            m.d.sync += [watching.eq(1), before.eq(pending - given + lower), turn.eq(request.payload.turn)]
        for ring, word in enumerate(dut.words):
            with m.If(watching & given & (before == 0) & (bit // config.words_per_beat == ring)):
                self.claim(self.handed(ring) & (word.turn == turn))
        self._patience(m, (self.begun & ~self.filled) | (pending != 0))

    def _patience(self, m, wanted):
        """Words that are wanted come, while there is a source."""
        dut, waits = self.dut, Signal(range(PATIENCE + 2))
        blamed = dut.source.ready & ~dut.source.valid
        m.d.sync += waits.eq(Mux(wanted & ~self.given.any(), Mux(blamed, waits, waits + 1), 0))
        self.claim(waits <= PATIENCE)
