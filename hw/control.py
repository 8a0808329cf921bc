"""The decoder's phases: header, then span after span; where the input goes; how it all stops."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .errors import ErrorCode
from .layouts import transfer_layout

__all__ = ["Control"]

PHASES = ("header", "begin", "preload", "ready", "start", "run", "drain", "drop", "fresh", "failed")
SELECT_MEMBERS = {"keep": In(1), "load": In(1), "loaded": Out(1), "selecting": Out(1), "selected": In(1)}


class Control(wiring.Component):
    """Leads a stream through the decoder.

    Time: two cycles to begin a span, two after its preload, and C for the start states; a transfer goes through a
    register. After a reset the part queues are swept, C D cycles, before the first span begins; a header takes longer
    as a rule. Where segments can be chosen, the phase ``select`` stands between header and first span.

    Members
    -------
    transfers : In(stream of `transfer_layout`)
        The decoder's input.
    header_words, span_words : Out(stream of W bits)
        The same. Of header and distribution one at most takes words at a time: the header until it is done, then the
        distribution for what has been ordered.
    header_done, header_error : In(1), In(ErrorCode)
        How the header went.
    keep, load : In(1)
        With ``config.select``: there is no header, the words come at once; or there is nothing but the header.
    loaded : Out(1)
        With ``config.select``: the header has been read and is right, in one cycle.
    selecting, selected : Out(1), In(1)
        With ``config.select``: the choice of segments is being checked; this is the last cycle of it.
    preloading : In(1)
        The preload is under way, from the cycle after ``begin`` on.
    span_end, stream_end : In(1)
        The last part of a span is being taken; the segment is the stream's last.
    drained : In(1)
        All that was handed out has been taken, or is being taken.
    rejected : In(ErrorCode)
        What the check at the end of the span found.
    upset : In(1)
        With ``config.protect``: a bit of a table entry or of a state has flipped.
    fresh, begin : Out(1)
        Reset the header; begin a span.
    sweeping, place : Out(1), Out
        A place of the part queues is being cleared.
    turn : Out(range(C))
        Whose turn begins.
    loading, starting, running : Out(1)
        The span is being loaded; the lane whose turn begins reads its start state; the lanes may work.
    stop : Out(1)
        Something went wrong; in the next cycle ``error`` says what.
    busy, done, error : Out
        As in `Decoder`.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "transfers": In(stream.Signature(transfer_layout(config))),
            "header_words": Out(stream.Signature(config.word_bits)),
            "span_words": Out(stream.Signature(config.word_bits)),
            **(SELECT_MEMBERS if config.select else {}),
            "header_done": In(1),
            "header_error": In(ErrorCode),
            "preloading": In(1),
            "span_end": In(1),
            "stream_end": In(1),
            "drained": In(1),
            "rejected": In(ErrorCode),
            **({"upset": In(1)} if config.protect else {}),
            "fresh": Out(1),
            "begin": Out(1),
            "sweeping": Out(1, init=1),
            "place": Out(range(config.ring * config.parts_ahead)),
            "turn": Out(range(config.ring)),
            "loading": Out(1),
            "starting": Out(1),
            "running": Out(1),
            "stop": Out(1),
            "busy": Out(1),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        bad, problem = self._problem(m)
        ended = Signal()  # the last transfer of the stream has come
        self._full = Signal(name="full")  # a transfer is in the input's register
        self._count(m)
        phase = self._phases(m, ended, bad)
        self._input(m, ended, phase)
        with m.If(phase.fresh):
            m.d.sync += ended.eq(0)
        m.d.comb += [self.loading.eq(phase.begin | phase.preload), self.starting.eq(phase.start),
                     self.running.eq(phase.run), self.fresh.eq(phase.fresh), self.stop.eq(bad)]
        with m.If(phase.header & self._full):
            m.d.sync += [self.busy.eq(1), self.done.eq(0)]
        with m.If(phase.drain & self.drained):
            m.d.sync += [self.busy.eq(0), self.done.eq(1)]
        with m.If(bad):
            m.d.sync += [self.busy.eq(0), self.error.eq(problem)]
        return m

    def _problem(self, m):
        """The first thing that went wrong: whether there is one, and what it is, a cycle late."""
        self._cut = Signal()  # a word is wanted, and the stream has ended
        bad, problem = Signal(), Signal(ErrorCode)
        flaws = [self.header_error != ErrorCode.NONE, self.rejected != ErrorCode.NONE, self._cut]
        if self._config.protect:
            flaws.append(self.upset)
        with m.If(~bad):
            m.d.sync += [
                bad.eq(reduce(or_, flaws)),
                problem.eq(self.header_error.as_value() | self.rejected.as_value()),
            ]
            with m.If(self._cut):
                m.d.sync += problem.eq(ErrorCode.TRUNCATED)
            if self._config.protect:
                with m.If(self.upset):
                    m.d.sync += problem.eq(ErrorCode.PARITY)
        return bad, problem

    def _input(self, m, ended, phase):
        """The register that every transfer goes through."""
        transfer = Signal.like(self.transfers.payload, reset_less=True)
        full, header_ready = self._full, self.header_words.ready
        for words in self.header_words, self.span_words:
            m.d.comb += [words.payload.eq(transfer.data), words.valid.eq(full)]
        if self._config.select:
            reads = phase.header & ~self.keep
            header_ready = header_ready & reads
            m.d.comb += self.header_words.valid.eq(full & reads)
        wanted, dropped = header_ready | self.span_words.ready, phase.drop | phase.failed
        used = wanted | dropped
        m.d.comb += [self.transfers.ready.eq((~full | used) & ~ended), self._cut.eq(wanted & ended & ~full)]
        m.d.sync += [
            full.eq((full & ~used) | (self.transfers.valid & ~ended)),
            ended.eq(ended | (self.transfers.valid & self.transfers.payload.last & (~full | used))),
        ]
        with m.If(~full | used):
            m.d.sync += transfer.eq(self.transfers.payload)

    def _count(self, m):
        """The sweep after a reset, and the turns."""
        config = self._config
        last_place, last_turn = config.ring * config.parts_ahead - 1, config.ring - 1
        with m.If(self.sweeping):
            m.d.sync += [self.place.eq(self.place + 1), self.sweeping.eq(self.place != last_place)]
        self._last_turn = Signal(init=1)
        self._ready = Signal()  # the first turn begins in the next cycle
        going = self.starting | self.running
        m.d.sync += [
            self.turn.eq(Mux(self._ready | self._last_turn, 0, self.turn + 1)),
            self._last_turn.eq(config.ring == 1),
        ]
        with m.If(~self._ready & ~going):
            m.d.sync += self.turn.eq(last_turn)  # so that who counts ahead is right from the first turn on
        with m.If((self._ready | going) if config.ring == 1 else (going & (self.turn == last_turn - 1))):
            m.d.sync += self._last_turn.eq(1)

    def _phases(self, m, ended, bad):
        """One bit for each phase, of which one is set; what goes wrong ends in ``failed``."""
        names = (*PHASES, "select") if self._config.select else PHASES
        phase = Signal(data.StructLayout(dict.fromkeys(names, 1)), init={"header": 1})
        span_end = phase.run & self.span_end
        stream_end = span_end & self.stream_end
        over, spans = self.header_done, phase.header & self.header_done  # no more of the header; the first span begins
        if self._config.select:
            over, spans, alone = self._select(m, phase)
            stream_end |= alone
        m.d.sync += [
            phase.header.eq((phase.header & ~over) | phase.fresh),
            phase.begin.eq(spans | (span_end & ~self.stream_end) | (phase.begin & self.sweeping)),
            self.begin.eq(phase.begin & ~self.sweeping),
            phase.preload.eq((phase.begin & ~self.sweeping) | (phase.preload & (self.begin | self.preloading))),
            phase.ready.eq(phase.preload & ~self.begin & ~self.preloading),
            phase.start.eq(phase.ready | (phase.start & ~self._last_turn)),
            phase.run.eq((phase.start & self._last_turn) | (phase.run & ~self.span_end)),
            phase.drain.eq(stream_end | (phase.drain & ~self.drained)),
            phase.drop.eq((phase.drain & self.drained) | (phase.drop & ~ended)),
            phase.fresh.eq(phase.drop & ended),
        ]
        m.d.comb += self._ready.eq(phase.ready)
        with m.If(bad):
            m.d.sync += [phase.eq(0), phase.failed.eq(1)]
        return phase

    def _select(self, m, phase):
        """The check of the choice, ahead of the first span.

        Returns whether the header is over, whether the first span begins, and whether the header was all there is.
        """
        over = self.header_done | (self.keep & self._full)
        alone = self.loaded & self.load
        m.d.comb += [
            self.loaded.eq(phase.header & self.header_done & (self.header_error == ErrorCode.NONE)),
            self.selecting.eq(phase.select),
        ]
        m.d.sync += phase.select.eq((phase.header & over & ~alone) | (phase.select & ~self.selected))
        return over, phase.select & self.selected, alone
