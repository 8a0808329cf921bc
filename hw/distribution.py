"""Word distribution: one sequence of words, each to the lane whose turn it is."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from golden.config import REQUEST_QUEUE, Config

from .layouts import WEIGHTS_BITS, request_layout, word_layout

__all__ = ["WordDistribution"]


class WordDistribution(wiring.Component):
    """Hands out the words of a span in need order, one per cycle: first the preload, then as parts ask for them.

    A request says how many words the lanes of a turn ask for. Requests wait in a short queue; the oldest is served ring
    by ring. When the words of the span have been handed out it supplies zero words. A word goes through a register.

    Members
    -------
    begin, words_stored, crc : In(1), In(32), In(32)
        Start on a span of so many words with this CRC-32.
    source : In(stream of W bits)
        The words.
    requests : In(stream of `request_layout`)
        What the parts of beats ask for, in order. An empty request must not be sent.
    words : Out(`word_layout`).array(G)
        The word for each ring; ``enable`` is set for one of them at most.
    preloading : Out(1)
        Whether the preload is under way.
    idle : Out(1)
        Whether all words asked for have been handed out.
    hungry : Out(1)
        Whether a word of ``source`` is needed now.
    used, fits : Out(1)
        Whether all words of the span have been handed out, and whether their CRC-32 is the one expected.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "begin": In(1),
            "words_stored": In(WEIGHTS_BITS),
            "crc": In(32),
            "source": In(stream.Signature(config.word_bits)),
            "requests": In(stream.Signature(request_layout(config))),
            "words": Out(word_layout(config)).array(config.rings),
            "preloading": Out(1),
            "idle": Out(1),
            "hungry": Out(1),
            "used": Out(1),
            "fits": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        asked, give = Signal(), Signal()
        left = Signal(WEIGHTS_BITS)
        m.d.comb += [
            self.hungry.eq(asked & ~self.used),
            give.eq(asked & (self.used | self.source.valid)),
            self.source.ready.eq(self.hungry),
        ]
        with m.If(give & ~self.used):
            m.d.sync += [left.eq(left - 1), self.used.eq(left == 1)]
        with m.If(self.begin):
            m.d.sync += [left.eq(self.words_stored), self.used.eq(self.words_stored == 0)]
        self._check(m)
        lane, first = self._preload(m, give)
        pending, ring, turn = self._serve(m, give)
        m.d.comb += asked.eq(self.preloading | pending.any())
        self._hand_out(m, give, Mux(self.preloading, lane[:self._config.rings], ring),
                       Mux(self.preloading, lane[self._config.rings:], turn), first)
        return m

    def _hand_out(self, m, give, ring, turn, first):
        """The register of the word, and for whom it is."""
        word = Signal(word_layout(self._config))
        for number, words in enumerate(self.words):
            enable = Signal(name=f"enable_{number}")
            m.d.sync += enable.eq(give & ring[number])
            m.d.comb += [words.eq(word), words.enable.eq(enable)]
        m.d.sync += [
            word.turn.eq(turn),
            word.first.eq(first),
            word.data.eq(Mux(self.used, 0, self.source.payload)),
        ]

    def _check(self, m):
        """The CRC-32 of the words handed out."""
        check = CRC32_ISO_HDLC(data_width=self._config.word_bits).create()
        m.submodules.crc = ResetInserter(self.begin)(check)
        expected = Signal(32)
        m.d.comb += [
            check.data.eq(self.source.payload),
            check.valid.eq(self.source.valid & self.source.ready),
            self.fits.eq(check.crc == expected),
        ]
        with m.If(self.begin):
            m.d.sync += expected.eq(self.crc)

    def _preload(self, m, give):
        """P words to each lane: which lane, as one bit per ring and the turn, and whether it is the lane's first."""
        config = self._config
        ring = Signal(config.rings)
        turn = Signal(range(config.ring))
        count = Signal(range(config.preload))
        with m.If(self.begin):
            m.d.sync += [ring.eq(1), turn.eq(0), count.eq(0), self.preloading.eq(1)]
        with m.Elif(give & self.preloading):
            m.d.sync += count.eq(count + 1)
            with m.If(count == config.preload - 1):
                m.d.sync += [count.eq(0), ring.eq(ring.rotate_left(1))]
                with m.If(ring[-1]):
                    m.d.sync += [turn.eq(turn + 1), self.preloading.eq(turn != config.ring - 1)]
        return Cat(ring, turn), self.preloading & (count == 0)

    def _serve(self, m, give):
        """The oldest request: what is left of it, the ring whose word is the next, and the turn."""
        config = self._config
        per_ring = config.words_per_beat
        layout = request_layout(config)
        m.submodules.queue = queue = fifo.SyncFIFO(width=layout.size, depth=REQUEST_QUEUE)
        oldest = data.View(layout, queue.r_data)
        mask, turn = Signal(config.rings * per_ring), Signal(range(config.ring))
        rest, first = Signal.like(mask), Signal.like(mask)
        m.d.comb += [
            queue.w_data.eq(self.requests.payload),
            queue.w_en.eq(self.requests.valid),
            self.requests.ready.eq(queue.w_rdy),
            first.eq(mask & -mask),
            rest.eq(Mux(give & ~self.preloading, mask & ~first, mask)),
            queue.r_en.eq(~rest.any()),
            self.idle.eq(~mask.any() & ~queue.r_rdy),
        ]
        m.d.sync += mask.eq(Mux(queue.r_rdy & queue.r_en, oldest.mask, rest))
        with m.If(queue.r_rdy & queue.r_en):
            m.d.sync += turn.eq(oldest.turn)
        ring = Cat(first[ring * per_ring:(ring + 1) * per_ring].any() for ring in range(config.rings))
        return mask, ring, turn
