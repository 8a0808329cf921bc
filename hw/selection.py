"""Which segments a start decodes: held against the segment records ahead of the first span."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import SELECT_CYCLES, Config

from .errors import ErrorCode
from .layouts import select_port

__all__ = ["Selection"]

MOVE_PAST, SEE_PAST, MOVE_FIRST, SEE_FIRST = 1, 6, 6, 11  #: steps; a record shows whether it restarts 4 cycles later


class Selection(wiring.Component):
    """Looks up the record past the last segment chosen, then that of the first, at which the sequencer is left.

    Time: `SELECT_CYCLES`; then all of the first record is there. Reset: no check under way. What it knows of the
    header that was read last stays, as what that one left in the memories does.

    Parameters
    ----------
    config : Config
    segments : int or None
        Style ROM: of the one stream, which needs no header to be known.

    Members
    -------
    select : In(`select_port`)
        What is asked for.
    header_begun, header_done, segments : In(1), In(1), In
        A word of a header is being read; the header is right, in one cycle, and has so many segments.
    selecting, selected : In(1), Out(1)
        The check is under way; this is its last cycle.
    restart : In(1)
        Of the record at hand: whether the lanes restart.
    move, address : Out(1), Out
        Go to this record.
    end : Out
        The number past that of the last segment chosen.
    loaded : Out(1)
        A header is known.
    error : Out(ErrorCode)
        SELECTION or NOT_LOADED, in one cycle of the check.
    """

    def __init__(self, config: Config, segments: int | None = None):
        self._known = segments
        numbers = range(config.max_segments + 1)
        super().__init__({
            "select": In(select_port(config)),
            "header_begun": In(1),
            "header_done": In(1),
            "segments": In(numbers),
            "selecting": In(1),
            "selected": Out(1),
            "restart": In(1),
            "move": Out(1),
            "address": Out(numbers),
            "end": Out(numbers),
            "loaded": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        first, count = self.select.first, self.select.count
        segments = self._header(m)
        step = Signal(range(SELECT_CYCLES))
        end = Signal(len(first) + 1, reset_less=True)
        inside, whole = Signal(reset_less=True), Signal(reset_less=True)  # first and end are in range; end is the last
        m.d.comb += [
            self.selected.eq(step == SELECT_CYCLES - 1),
            self.move.eq((step == MOVE_PAST) | (step == MOVE_FIRST)),
            self.address.eq(Mux(step == MOVE_PAST, end, first)),
            self.end.eq(end),
        ]
        m.d.sync += [
            step.eq(Mux(self.selecting, step + 1, 0)),
            end.eq(Mux(count == 0, segments, first + count)),
            inside.eq((first < segments) & (end <= segments)),
            whole.eq(end == segments),
            self.error.eq(ErrorCode.NONE),
        ]
        with m.If((step == MOVE_PAST) & ~self.loaded):
            m.d.sync += self.error.eq(ErrorCode.NOT_LOADED)
        with m.If(Mux(step == SEE_PAST, ~inside | ~(whole | self.restart), (step == SEE_FIRST) & ~self.restart)):
            m.d.sync += self.error.eq(ErrorCode.SELECTION)
        return m

    def _header(self, m):
        """Segments of the stream whose header is known."""
        if self._known is not None:
            m.d.comb += self.loaded.eq(1)
            return Const(self._known)
        loaded, segments = Signal(reset_less=True), Signal.like(self.segments, reset_less=True)
        with m.If(self.header_done):
            m.d.sync += [loaded.eq(1), segments.eq(self.segments)]
        with m.Elif(self.header_begun):
            m.d.sync += loaded.eq(0)
        m.d.comb += self.loaded.eq(loaded)
        return segments
