"""Word distribution: one sequence of words, each to the lane whose turn it is."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.config import Config

from .delay import delay
from .layouts import order_layout, request_layout, word_layout
from .requests import Requests, lowest, several
from .same import same
from .words_crc import WordsCrc

__all__ = ["WordDistribution"]


CHECK_CYCLES = 3  #: from the last word's order to its part in ``fits``
NEAR = 3  #: low bits of the number of words left; it takes cycles from where the others are zero to the last word


class WordDistribution(wiring.Component):
    """Hands out the words of a span in need order, one per cycle: first the preload, then as parts ask for them.

    A request says how many words the lanes of a turn ask for. `Requests` keeps them and makes orders of them, which are
    served word by word. When the words of the span have been handed out it supplies zero words. A word goes through a
    register.

    Members
    -------
    begin, words_stored, crc : In(1), In, In(32)
        Start on a span of so many words with this CRC-32.
    source : In(stream of W bits)
        The words.
    requests : In(stream of `request_layout`, always ready)
        What the parts of beats ask for, in order. An empty request must not be sent.
    room : Out(1)
        Whether the parts fetched in the next cycle, in the way of `Join`, will find room for their request.
    words : Out(`word_layout`).array(G)
        The word for each ring; ``enable`` is set for one of them at most.
    preloading : Out(1)
        Whether the preload is under way.
    idle : Out(1)
        Whether all words asked for were handed out so long ago that ``fits`` is about all of them.
    hungry : Out(1)
        Whether a word of ``source`` is needed now.
    used, fits : Out(1)
        Whether all words of the span have been handed out, and whether their CRC-32 was the one expected.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "begin": In(1),
            "words_stored": In(config.count_bits),
            "crc": In(32),
            "source": In(stream.Signature(config.word_bits)),
            "requests": In(stream.Signature(request_layout(config), always_ready=True)),
            "room": Out(1),
            "words": Out(word_layout(config)).array(config.rings),
            "preloading": Out(1),
            "idle": Out(1),
            "hungry": Out(1),
            "used": Out(1),
            "fits": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        order = Signal(order_layout(config), reset_less=True)  # for whom the next words are
        more = Signal()  # the order is for more than one word
        supplied = Signal()  # there is an order, and it gets zero words
        give = Signal()
        m.submodules.requests = requests = Requests(config)
        connect(m, flipped(self.requests), requests.requests)
        free = ~self.hungry | self.source.valid  # there is no order, or its next word is handed out
        filling, first = self._preload(m, free)
        m.d.comb += [
            give.eq((self.hungry & self.source.valid) | supplied),
            requests.take.eq(free & ~more),
            self.room.eq(requests.room),
            self.source.ready.eq(self.hungry),
            self.preloading.eq(filling | self.hungry | supplied),
        ]
        used = self._count(m)
        ordered = Mux(requests.take, filling | requests.there, 1)
        m.d.sync += [self.hungry.eq(ordered & ~used), supplied.eq(ordered & used), self.used.eq(used)]
        with m.If(free):
            m.d.sync += [
                more.eq(Mux(more, several(order.mask & ~lowest(order.mask)), requests.more)),
                order.mask.eq(Mux(more, order.mask & ~lowest(order.mask), first.mask | requests.mask)),
            ]
        with m.If(requests.take):
            m.d.sync += [order.first.eq(first.first), order.group.eq(first.group | requests.group),
                         order.turn.eq(Mux(filling, first.turn, requests.turn))]
        quiet = Signal(CHECK_CYCLES)  # whether nothing was asked for in each of the last cycles
        now = ~(requests.there | self.hungry | supplied | requests.queued)
        m.d.sync += quiet.eq(Cat(now, quiet))
        m.d.comb += self.idle.eq(quiet.all() & ~self.requests.valid)
        word = self._hand_out(m, give, order)
        self._check(m, word, self.hungry & self.source.valid)
        return m

    def _count(self, m):
        """Whether all words of the span will have been handed out in the next cycle."""
        left = Signal(self._config.count_bits, reset_less=True)
        last = Signal(reset_less=True)  # one word is left
        used = Signal()
        few = same(m, left[NEAR:], 0)
        m.d.comb += used.eq(self.used)
        with m.If(self.hungry & self.source.valid):
            m.d.sync += [left.eq(left - 1), last.eq(few & (left[:NEAR] == 2))]
            m.d.comb += used.eq(last)
        with m.If(self.begin):
            m.d.sync += [left.eq(self.words_stored), last.eq(self.words_stored == 1)]
            m.d.comb += used.eq(self.words_stored == 0)
        return used

    def _hand_out(self, m, give, order):
        """The register of the word, and of each ring whether it is for it, and the turn, which is read at once."""
        config = self._config
        word = Signal(config.word_bits, reset_less=True)
        chosen = lowest(order.mask)
        for ring, words in enumerate(self.words):
            enable = Signal(name=f"enable_{ring}")
            turn = Signal(range(config.ring), name=f"turn_{ring}", reset_less=True)
            first = Signal(name=f"first_{ring}", reset_less=True)
            places = range(ring * config.words_per_beat, (ring + 1) * config.words_per_beat)
            here = Cat(order.group[place // config.order_words] & chosen[place % config.order_words]
                       for place in places).any()
            m.d.sync += enable.eq(give & here)
            with m.If(here):
                m.d.sync += [turn.eq(order.turn), first.eq(order.first)]
            m.d.comb += [words.enable.eq(enable), words.turn.eq(turn), words.first.eq(first), words.data.eq(word)]
        m.d.sync += word.eq(self.source.payload & ~self.used.replicate(config.word_bits))
        return word

    def _check(self, m, word, stored):
        """The CRC-32 of the words handed out that are ``stored``, from the register."""
        m.submodules.crc = check = WordsCrc(self._config)
        expected = Signal(32, reset_less=True)
        m.d.comb += [
            check.start.eq(self.begin),
            check.data.eq(word),
            check.valid.eq(delay(m, stored, 1, "stored")),
            check.end.eq(self.used & delay(m, self.used, 1, "used")),
        ]
        m.d.comb += self.fits.eq(same(m, check.crc, expected))
        with m.If(self.begin):
            m.d.sync += expected.eq(self.crc)

    def _preload(self, m, free):
        """P words to each lane: whether there are more to be ordered, and the next order, which has no bits then."""
        config = self._config
        filling = Signal()
        count = Signal(range(config.preload))
        turn = Signal(range(config.ring))
        ring = Signal(config.rings)
        last_word, last_lane = Signal(), Signal()  # the order is the lane's last, the lane is the last
        m.d.sync += last_lane.eq(ring[-1] & (turn == config.ring - 1) & ~self.begin)
        with m.If(self.begin):
            m.d.sync += [ring.eq(1), turn.eq(0), count.eq(0), last_word.eq(0), filling.eq(1)]
        with m.Elif(free):
            m.d.sync += [count.eq(count + 1), last_word.eq(count == config.preload - 2)]
            with m.If(last_word):
                m.d.sync += [
                    count.eq(0),
                    ring.eq(Mux(last_lane, 0, ring.rotate_left(1))),
                    filling.eq(filling & ~last_lane),
                ]
                with m.If(ring[-1]):
                    m.d.sync += turn.eq(turn + 1)
        order = Signal(order_layout(config))
        m.d.comb += [order.first.eq(filling & (count == 0)), order.turn.eq(turn)]
        places = [divmod(number * config.words_per_beat, config.order_words) for number in range(config.rings)]
        for field, which in ((order.group, 0), (order.mask, 1)):
            for index in range(len(field)):
                rings = [ring[number] for number, place in enumerate(places) if place[which] == index]
                m.d.comb += field[index].eq(Cat(rings).any())
        return filling, order
