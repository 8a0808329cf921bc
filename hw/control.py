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

    Time: two cycles to begin a span, two after its preload, and C for the start states; a transfer goes through a
    register. After a reset the part queues
    are swept, C D cycles, before the first span begins; a header takes longer as a rule.

    Members
    -------
    transfers : In(stream of `transfer_layout`)
        The decoder's input.
    header_words, span_words : Out(stream of W bits)
        The same. Of header and distribution one at most takes words at a time: the header until it is done, then the
        distribution for what has been ordered.
    header_done, header_error : In(1), In(ErrorCode)
        How the header went.
    preloading : In(1)
        The preload is under way, from the cycle after ``begin`` on.
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
            "place": Out(range(config.ring * config.parts_ahead)),
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
        problem = Signal(ErrorCode)  # what went wrong, a cycle ago
        with m.If(problem == ErrorCode.NONE):
            m.d.sync += problem.eq(self.header_error.as_value() | self.rejected.as_value())
        ended, swallows = self._input(m, problem)
        self._start = Signal()  # the first turn begins in the next cycle
        self._count(m)
        with m.FSM():
            self._header(m, problem)
            self._span(m, problem)
            self._stop(m, ended, swallows)
        return m

    def _input(self, m, problem):
        """The register that every transfer goes through.

        Returns the signals that say that the last transfer of the stream has come, and that transfers are of no use.
        """
        transfer = Signal.like(self.transfers.payload, reset_less=True)
        full, ended, swallows = Signal(), Signal(), Signal()
        wanted = self.header_words.ready | self.span_words.ready
        used = wanted | swallows
        for words in self.header_words, self.span_words:
            m.d.comb += [words.payload.eq(transfer.data), words.valid.eq(full)]
        m.d.comb += self.transfers.ready.eq((~full | used) & ~ended)
        with m.If(self.transfers.valid & self.transfers.ready):
            m.d.sync += [transfer.eq(self.transfers.payload), full.eq(1), ended.eq(self.transfers.payload.last)]
        with m.Elif(used):
            m.d.sync += full.eq(0)
        with m.If(wanted & ended & ~full):
            m.d.sync += problem.eq(ErrorCode.TRUNCATED)
        return ended, swallows

    def _count(self, m):
        """The sweep after a reset, and the turns."""
        config = self._config
        with m.If(self.sweeping):
            m.d.sync += [self.place.eq(self.place + 1), self.sweeping.eq(self.place != config.ring * config.parts_ahead - 1)]
        with m.If(self._start | ((self.starting | self.running) & (self.turn == config.ring - 1))):
            m.d.sync += self.turn.eq(0)
        with m.Elif(self.starting | self.running):
            m.d.sync += self.turn.eq(self.turn + 1)
        with m.Else():
            m.d.sync += self.turn.eq(config.ring - 1)  # so that who counts ahead is right from the first turn on

    def _fail(self, m, problem):
        with m.If(problem != ErrorCode.NONE):
            m.d.sync += [self.error.eq(problem), self.busy.eq(0), self.running.eq(0)]
            m.next = "FAILED"

    def _header(self, m, problem):
        with m.State("HEADER"):
            with m.If(self.header_words.valid):
                m.d.sync += [self.busy.eq(1), self.done.eq(0)]
            with m.If(self.header_done):
                m.next = "BEGIN"
            self._fail(m, problem)

    def _span(self, m, problem):
        with m.State("BEGIN"):
            with m.If(~self.sweeping):
                m.d.sync += self.begin.eq(1)
                m.next = "PRELOAD"
            self._fail(m, problem)
        with m.State("PRELOAD"):
            m.d.sync += self.begin.eq(0)
            m.d.comb += self.loading.eq(1)
            with m.If(~self.begin & ~self.preloading):
                m.next = "READY"
            self._fail(m, problem)
        with m.State("READY"):
            m.d.comb += self._start.eq(1)
            m.d.sync += self.starting.eq(1)
            m.next = "START"
        with m.State("START"), m.If(self.turn == self._config.ring - 1):
            m.d.sync += [self.starting.eq(0), self.running.eq(1)]
            m.next = "RUN"
        with m.State("RUN"):
            with m.If(self.span_end):
                m.d.sync += self.running.eq(0)
                m.next = "BEGIN"
                with m.If(self.stream_end):
                    m.next = "DRAIN"
            self._fail(m, problem)

    def _stop(self, m, ended, swallows):
        with m.State("DRAIN"), m.If(self.drained):
            m.d.sync += [self.done.eq(1), self.busy.eq(0)]
            m.next = "REST"
        with m.State("REST"):
            m.d.comb += swallows.eq(1)
            with m.If(ended):
                m.d.comb += self.fresh.eq(1)
                m.d.sync += ended.eq(0)
                m.next = "HEADER"
        with m.State("FAILED"):
            m.d.comb += swallows.eq(1)
