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

    Time: two cycles between a header or a span and the first preload word of the next span, one after its last.

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
    waiting : In(1)
        A beat is on offer and has not been taken.
    span_end, stream_end : In(1)
        The last beat of a span is being taken; it is the stream's last.
    rejected : In(ErrorCode)
        What the check at the end of the span found.
    fresh, begin, start : Out(1)
        Reset the header; begin a span; load the start states.
    running : Out(1)
        The lanes may work.
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
            "waiting": In(1),
            "span_end": In(1),
            "stream_end": In(1),
            "rejected": In(ErrorCode),
            "fresh": Out(1),
            "begin": Out(1),
            "start": Out(1),
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
        with m.FSM():
            self._header(m, ended, taken, cut)
            self._span(m, ended, cut)
            self._stop(m, ended)
        return m

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
            m.d.comb += self.begin.eq(1)
            m.next = "PRELOAD"
        with m.State("PRELOAD"):
            self._lend_input(m, self.span_words, ended, cut)
            with m.If(~self.preloading):
                m.d.comb += self.start.eq(1)
                m.next = "RUN"
            self._fail(m, cut, ErrorCode.TRUNCATED)
        with m.State("RUN"):
            self._lend_input(m, self.span_words, ended, cut)
            m.d.comb += self.running.eq(1)
            with m.If(self.span_end):
                m.next = "BEGIN"
                with m.If(self.stream_end):
                    m.d.sync += [self.done.eq(1), self.busy.eq(0)]
                    m.next = "REST"
            self._fail(m, cut & ~self.waiting, ErrorCode.TRUNCATED)
            self._fail(m, self.rejected != ErrorCode.NONE, self.rejected)

    def _stop(self, m, ended):
        with m.State("REST"):
            m.d.comb += self.transfers.ready.eq(~ended)
            with m.If(ended):
                m.d.comb += self.fresh.eq(1)
                m.d.sync += ended.eq(0)
                m.next = "HEADER"
        with m.State("FAILED"):
            m.d.comb += self.transfers.ready.eq(~ended)
