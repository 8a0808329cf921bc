"""Word distribution: one sequence of words, each to the lane whose turn it is."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import REQUEST_QUEUE, Config

from .delay import delay
from .layouts import order_layout, request_layout, word_layout
from .same import same
from .words_crc import WordsCrc

__all__ = ["WordDistribution"]


CHECK_CYCLES = 3  #: from the last word's order to its part in ``fits``


class WordDistribution(wiring.Component):
    """Hands out the words of a span in need order, one per cycle: first the preload, then as parts ask for them.

    A request says how many words the lanes of a turn ask for. Requests wait in a short queue; the oldest is served ring
    by ring, word by word: an order says for whom the next word is. When the words of the span have been handed out it
    supplies zero words. A word goes through a register.

    Members
    -------
    begin, words_stored, crc : In(1), In, In(32)
        Start on a span of so many words with this CRC-32.
    source : In(stream of W bits)
        The words.
    requests : In(stream of `request_layout`, always ready)
        What the parts of beats ask for, in order. An empty request must not be sent.
    room : Out(1)
        Whether what is asked for in the next cycle, in the way of `Join`, will find room.
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
        order = Signal(order_layout(self._config), reset_less=True)  # for whom the next word is
        ordered = Signal()
        free, give = Signal(), Signal()
        left = Signal(self._config.count_bits, reset_less=True)
        last = Signal(reset_less=True)  # one word is left
        m.d.comb += [
            self.hungry.eq(ordered & ~self.used),
            give.eq(ordered & (self.used | self.source.valid)),
            free.eq(~ordered | give),
            self.source.ready.eq(self.hungry),
        ]
        with m.If(give & ~self.used):
            m.d.sync += [left.eq(left - 1), last.eq(left == 2), self.used.eq(last)]
        with m.If(self.begin):
            m.d.sync += [
                left.eq(self.words_stored),
                last.eq(self.words_stored == 1),
                self.used.eq(self.words_stored == 0),
            ]
        filling, first = self._preload(m, free)
        asked, next_order = self._serve(m, free)
        with m.If(free):
            m.d.sync += [ordered.eq(filling | asked), order.eq(Mux(filling, first, next_order))]
        m.d.comb += self.preloading.eq(filling | ordered)
        quiet = Signal(CHECK_CYCLES)  # whether nothing was asked for in each of the last cycles
        now = ~asked & ~ordered & ~self._queued
        m.d.sync += quiet.eq(Cat(now, quiet))
        m.d.comb += self.idle.eq(now & quiet.all())
        word = self._hand_out(m, give, order)
        self._check(m, word, give & ~self.used)
        return m

    def _hand_out(self, m, give, order):
        """The register of the word, and for whom it is."""
        word = Signal(word_layout(self._config), reset_less=True)
        for number, words in enumerate(self.words):
            enable = Signal(name=f"enable_{number}")
            m.d.sync += enable.eq(give & order.ring[number])
            m.d.comb += [words.eq(word), words.enable.eq(enable)]
        m.d.sync += [
            word.turn.eq(order.turn),
            word.first.eq(order.first),
            word.data.eq(Mux(self.used, 0, self.source.payload)),
        ]
        return word.data

    def _check(self, m, word, stored):
        """The CRC-32 of the words handed out that are ``stored``, from the register."""
        m.submodules.crc = check = WordsCrc(self._config)
        expected = Signal(32, reset_less=True)
        m.d.comb += [
            check.start.eq(self.begin),
            check.data.eq(word),
            check.valid.eq(delay(m, stored, 1, "stored")),
        ]
        m.d.comb += self.fits.eq(same(m, check.crc, expected))
        with m.If(self.begin):
            m.d.sync += expected.eq(self.crc)

    def _preload(self, m, free):
        """P words to each lane: whether there are more to be ordered, and the next order."""
        config = self._config
        filling = Signal()
        count = Signal(range(config.preload))
        order = Signal(order_layout(config), init={"ring": 1})
        last_word, last_lane = Signal(), Signal()  # the order is the lane's last, the lane is the last
        m.d.sync += last_lane.eq(order.ring[-1] & (order.turn == config.ring - 1) & ~self.begin)
        m.d.comb += order.first.eq(count == 0)
        with m.If(self.begin):
            m.d.sync += [order.ring.eq(1), order.turn.eq(0), count.eq(0), last_word.eq(0), filling.eq(1)]
        with m.Elif(free):
            m.d.sync += [count.eq(count + 1), last_word.eq(count == config.preload - 2)]
            with m.If(last_word):
                m.d.sync += [count.eq(0), order.ring.eq(order.ring.rotate_left(1)), filling.eq(filling & ~last_lane)]
                with m.If(order.ring[-1]):
                    m.d.sync += order.turn.eq(order.turn + 1)
        return filling, order

    def _serve(self, m, free):
        """The oldest request: whether any of it is left to be ordered, and the next order."""
        config = self._config
        per_ring = config.words_per_beat
        layout = request_layout(config)
        m.submodules.queue = queue = fifo.SyncFIFO(width=layout.size, depth=REQUEST_QUEUE)
        oldest = data.View(layout, queue.r_data)
        mask = Signal(config.rings * per_ring)
        rest = Signal.like(mask)
        order = Signal(order_layout(config))
        self._queued = queue.r_rdy | self.requests.valid
        m.d.sync += self.room.eq(queue.level < REQUEST_QUEUE - 2)  # for two more are on their way

        def asks(mask):
            """Which rings ask for a word: the first bit of each group."""
            return Cat(mask[ring * per_ring] for ring in range(config.rings))

        m.d.comb += [
            queue.w_data.eq(self.requests.payload),
            queue.w_en.eq(self.requests.valid),
            queue.r_en.eq(free & ~asks(rest).any()),
        ]
        for ring in range(config.rings):
            group = slice(ring * per_ring, (ring + 1) * per_ring)
            m.d.comb += [
                order.ring[ring].eq(asks(mask)[ring] & ~asks(mask)[:ring].any()),
                rest[group].eq(Mux(order.ring[ring], mask[group] >> 1, mask[group])),
            ]
        with m.If(free):
            m.d.sync += mask.eq(Mux(asks(rest).any(), rest, Mux(queue.r_rdy, oldest.mask, 0)))
            with m.If(~asks(rest).any()):
                m.d.sync += order.turn.eq(oldest.turn)
        return asks(mask).any(), order
