"""Word distribution: one sequence of words, each to the lane whose turn it is."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from golden.config import REQUEST_QUEUE, Config

from .layouts import WEIGHTS_BITS

__all__ = ["WordDistribution"]


class WordDistribution(wiring.Component):
    """Hands out the words of a span in need order, one per cycle: first the preload, then as beats ask for them.

    A request says how many words each lane asks for, as N groups of Q bits, ones first. Requests wait in a short queue;
    the oldest is served lane by lane. When the words of the span have been handed out it supplies zero words.

    Members
    -------
    begin, words, crc : In(1), In(32), In(32)
        Start on a span of so many words with this CRC-32.
    source : In(stream of W bits)
        The words.
    requests : In(stream of N Q bits)
        What the beats ask for, in order. An empty request must not be sent.
    word, to_lane : Out(W), Out(N)
        The word handed out in this cycle, and to which lane (one bit at most is set).
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
            "words": In(WEIGHTS_BITS),
            "crc": In(32),
            "source": In(stream.Signature(config.word_bits)),
            "requests": In(stream.Signature(config.lanes * config.words_per_beat)),
            "word": Out(config.word_bits),
            "to_lane": Out(config.lanes),
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
            self.word.eq(Mux(self.used, 0, self.source.payload)),
        ]
        with m.If(give & ~self.used):
            m.d.sync += [left.eq(left - 1), self.used.eq(left == 1)]
        with m.If(self.begin):
            m.d.sync += [left.eq(self.words), self.used.eq(self.words == 0)]
        self._check(m)
        turn = self._preload(m, give)
        pending, serve = self._serve(m, give)
        m.d.comb += [
            asked.eq(self.preloading | pending.any()),
            self.to_lane.eq(Mux(give, Mux(self.preloading, turn, serve), 0)),
        ]
        return m

    def _check(self, m):
        """The CRC-32 of the words handed out."""
        m.submodules.crc = check = CRC32_ISO_HDLC(data_width=self._config.word_bits).create()
        expected = Signal(32)
        m.d.comb += [
            check.start.eq(self.begin),
            check.data.eq(self.source.payload),
            check.valid.eq(self.source.valid & self.source.ready),
            self.fits.eq(check.crc == expected),
        ]
        with m.If(self.begin):
            m.d.sync += expected.eq(self.crc)

    def _preload(self, m, give):
        """P words to each lane in turn."""
        config = self._config
        turn = Signal(config.lanes)
        count = Signal(range(config.preload))
        with m.If(self.begin):
            m.d.sync += [turn.eq(1), count.eq(0), self.preloading.eq(1)]
        with m.Elif(give & self.preloading):
            m.d.sync += count.eq(count + 1)
            with m.If(count == config.preload - 1):
                m.d.sync += [count.eq(0), turn.eq(turn << 1), self.preloading.eq(~turn[-1])]
        return turn

    def _serve(self, m, give):
        """The oldest request, and the lane whose turn it is."""
        config = self._config
        per_lane = config.words_per_beat
        m.submodules.queue = queue = fifo.SyncFIFO(width=config.lanes * per_lane, depth=REQUEST_QUEUE)
        pending = Signal(config.lanes * per_lane)
        rest = Signal(config.lanes * per_lane)
        first = Signal(config.lanes * per_lane)
        m.d.comb += [
            queue.w_data.eq(self.requests.payload),
            queue.w_en.eq(self.requests.valid),
            self.requests.ready.eq(queue.w_rdy),
            first.eq(pending & -pending),
            rest.eq(Mux(give & ~self.preloading, pending & ~first, pending)),
            queue.r_en.eq(~rest.any()),
            self.idle.eq(~pending.any() & ~queue.r_rdy),
        ]
        m.d.sync += pending.eq(Mux(queue.r_en & queue.r_rdy, queue.r_data, rest))
        serve = Cat(first[lane * per_lane:(lane + 1) * per_lane].any() for lane in range(config.lanes))
        return pending, serve
