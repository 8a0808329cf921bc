"""The decoder's phases: header, then span after span; where the input goes; how it all stops."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .errors import ErrorCode
from .layouts import transfer_layout

__all__ = ["Control"]


class Control(wiring.Component):
    """Leads a stream through the decoder.

    Time: a cycle to begin a span, a cycle after its preload, and C for the start states. After a reset the part queues
    are swept, C D cycles, before the first span begins; a header takes longer as a rule.

    Members
    -------
    transfers : In(stream of `transfer_layout`)
        The decoder's input.
    header_words, span_words : Out(stream of W bits)
        The same, while the header or the distribution takes it.
    header_done, header_error : In(1), In(ErrorCode)
        How the header went.
    preloading : In(1)
        The preload is under way.
    span_end, stream_end : In(1)
        The last part of a span is being taken; the segment is the stream's last.
    drained : In(1)
        All that was handed out has been taken, or is being taken.
    rejected : In(ErrorCode)
        What the check at the end of the span found.
    fresh, begin : Out(1)
        Reset the header; begin a span.
    sweeping, place : Out(1), Out
        A place of the part queues is being cleared.
    turn : Out(range(C))
        Whose turn begins.
    loading, starting, running : Out(1)
        The span is being loaded; the lane whose turn begins reads its start state; the lanes may work.
    busy, done, error : Out
        As in `Decoder`.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "transfers": In(stream.Signature(transfer_layout(config))),
            "header_words": Out(stream.Signature(config.word_bits)),
            "span_words": Out(stream.Signature(config.word_bits)),
            "header_done": In(1),
            "header_error": In(ErrorCode),
            "preloading": In(1),
            "span_end": In(1),
            "stream_end": In(1),
            "drained": In(1),
            "rejected": In(ErrorCode),
            "fresh": Out(1),
            "begin": Out(1),
            "sweeping": Out(1, init=1),
            "place": Out(range(config.ring * config.queue)),
            "turn": Out(range(config.ring)),
            "loading": Out(1),
            "starting": Out(1),
            "running": Out(1),
            "busy": Out(1),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        ended = Signal()  # the last transfer of the stream has been taken
        taken = Signal()
        cut = Signal()  # a word is needed, but the stream has ended
        m.d.comb += taken.eq(self.transfers.valid & self.transfers.ready)
        with m.If(taken):
            m.d.sync += ended.eq(self.transfers.payload.last)
        for words in self.header_words, self.span_words:
            m.d.comb += words.payload.eq(self.transfers.payload.data)
        self._count(m)
        with m.FSM():
            self._header(m, ended, taken, cut)
            self._span(m, ended, cut)
            self._stop(m, ended)
        return m

    def _count(self, m):
        """The sweep after a reset, and the turns."""
        config = self._config
        with m.If(self.sweeping):
            m.d.sync += [self.place.eq(self.place + 1), self.sweeping.eq(self.place != config.ring * config.queue - 1)]
        with m.If((self.starting | self.running) & (self.turn != config.ring - 1)):
            m.d.sync += self.turn.eq(self.turn + 1)
        with m.Else():
            m.d.sync += self.turn.eq(0)

    def _lend_input(self, m, words, ended, cut):
        m.d.comb += [
            words.valid.eq(self.transfers.valid & ~ended),
            self.transfers.ready.eq(words.ready & ~ended),
            cut.eq(words.ready & ended),
        ]

    def _fail(self, m, condition, code):
        with m.If(condition):
            m.d.sync += [self.error.eq(code), self.busy.eq(0)]
            m.next = "FAILED"

    def _header(self, m, ended, taken, cut):
        with m.State("HEADER"):
            self._lend_input(m, self.header_words, ended, cut)
            with m.If(taken):
                m.d.sync += [self.busy.eq(1), self.done.eq(0)]
            with m.If(self.header_done):
                m.next = "BEGIN"
            self._fail(m, cut, ErrorCode.TRUNCATED)
            self._fail(m, self.header_error != ErrorCode.NONE, self.header_error)

    def _span(self, m, ended, cut):
        with m.State("BEGIN"):
            m.d.comb += [self.begin.eq(~self.sweeping), self.loading.eq(1)]
            with m.If(self.begin):
                m.next = "PRELOAD"
        with m.State("PRELOAD"):
            self._lend_input(m, self.span_words, ended, cut)
            m.d.comb += self.loading.eq(1)
            with m.If(~self.preloading):
                m.next = "START"
            self._fail(m, cut, ErrorCode.TRUNCATED)
        with m.State("START"):
            m.d.comb += self.starting.eq(1)
            with m.If(self.turn == self._config.ring - 1):
                m.next = "RUN"
        with m.State("RUN"):
            self._lend_input(m, self.span_words, ended, cut)
            m.d.comb += self.running.eq(1)
            with m.If(self.span_end):
                m.next = "BEGIN"
                with m.If(self.stream_end):
                    m.next = "DRAIN"
            self._fail(m, cut, ErrorCode.TRUNCATED)
            self._fail(m, self.rejected != ErrorCode.NONE, self.rejected)

    def _stop(self, m, ended):
        with m.State("DRAIN"), m.If(self.drained):
            m.d.sync += [self.done.eq(1), self.busy.eq(0)]
            m.next = "REST"
        with m.State("REST"):
            m.d.comb += self.transfers.ready.eq(~ended)
            with m.If(ended):
                m.d.comb += self.fresh.eq(1)
                m.d.sync += ended.eq(0)
                m.next = "HEADER"
        with m.State("FAILED"):
            m.d.comb += self.transfers.ready.eq(~ended)
