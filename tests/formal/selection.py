"""The choice of segments: whole spans are decoded from their first segment on, and nothing else is."""

from amaranth.hdl import Array, Const, Mux, Signal

from golden.config import SELECT_CYCLES, TableStyle
from hw.errors import ErrorCode
from hw.selection import Selection

from .harness import Harness, Inside

__all__ = ["LATE", "Chosen"]

LATE = 4  #: cycles from the change of the address until it shows whether a record restarts


class Chosen(Harness):
    """A check of `SELECT_CYCLES` ends without an error just when a header is known, the lanes restart at the first
    segment chosen, and the one past the last restarts them or is the end of the stream; the first thing wrong is told
    by its code. Then the sequencer is at the first segment, whose record has been there for five cycles, and is to end
    past the last. Any choice, any records.

    Assumed: the choice is held, and no header is read, while it is checked; whether a record restarts shows `LATE`
    cycles after the address has changed, before that anything does.
    """

    def build(self, m):
        config = self.config
        self.fixed = config.table_style is TableStyle.ROM
        selection = Selection(config, config.max_segments if self.fixed else None)
        inside = Inside(selection)
        m.submodules.selection = inside.fragment
        numbers = range(config.max_segments + 1)
        restarts = Array(self.some(1, f"restart_{number}") for number in range(config.max_segments))
        address, since = Signal(numbers), Signal(range(LATE + 6))  # of the sequencer; cycles since it changed
        with m.If(selection.move):
            m.d.sync += [address.eq(selection.address), since.eq(1)]
        with m.Elif(since != LATE + 5):
            m.d.sync += since.eq(since + 1)
        shown = (address < config.max_segments) & (since >= LATE)
        first, count = (self.any_of(len(port), name) for name, port in (
            ("first", selection.select.first), ("count", selection.select.count)))
        selecting, step = self.any_of(1, "selecting"), Signal(range(SELECT_CYCLES))
        self.drive(selection, selecting=selecting, restart=Mux(shown, restarts[address], self.any_of(1, "other")))
        m.d.comb += [selection.select.first.eq(first), selection.select.count.eq(count)]
        self._held(m, selecting, step, first, count, selection)
        segments, loaded = self._header(m, selection, inside)
        end, told = Signal(len(first) + 1), Signal(8)
        m.d.comb += end.eq(Mux(count == 0, segments, first + count))
        m.d.sync += told.eq(Mux(step == 0, 0, Mux(told == 0, selection.error.as_value(), told)))
        whole = (first < segments) & restarts[first] & (end <= segments) & ((end == segments) | restarts[end])
        problem = Mux(loaded, Mux(whole, ErrorCode.NONE.value, ErrorCode.SELECTION.value), ErrorCode.NOT_LOADED.value)
        self.claim(selection.selected == (step == SELECT_CYCLES - 1))
        self.claim((step != 0) | ~selection.move)
        with m.If(selection.selected):
            self.claim(told == problem)
            with m.If(problem == ErrorCode.NONE.value):
                self.claim((address == first) & (selection.end == end) & (since >= LATE + 5))

    def _held(self, m, selecting, step, first, count, selection):
        """What is assumed of the control, and of whoever chooses."""
        before = Signal(2 * len(first))
        m.d.sync += [step.eq(Mux(selecting, step + 1, 0)), before.eq(first << len(first) | count)]
        self.assume((step == 0) | selecting)
        self.assume((step == 0) | (before == first << len(first) | count))
        self.assume(~selecting | (~selection.header_begun & ~selection.header_done))

    def _header(self, m, selection, inside):
        """Segments of the header that is known, and whether one is: read last, if it was right, which no reset changes.
        In style ROM that of the one stream."""
        if self.fixed:
            self.claim(selection.loaded)
            return Const(self.config.max_segments), Const(1)
        segments = Signal.like(selection.segments, reset_less=True)
        loaded = Signal(reset_less=True)
        with m.If(selection.header_done):
            m.d.sync += [segments.eq(selection.segments), loaded.eq(1)]
        with m.Elif(selection.header_begun):
            m.d.sync += loaded.eq(0)
            with m.If(self.first):
                m.d.sync += segments.eq(inside["segments"])
        with m.Elif(self.first):
            m.d.sync += [segments.eq(inside["segments"]), loaded.eq(inside["loaded"])]
        self.assume(segments <= self.config.max_segments)
        self.claim(selection.loaded == loaded)
        return segments, loaded
