"""The segment sequencer: from records to beats."""

from amaranth.hdl import Mux, Signal, signed

from hw.layouts import record_layout
from hw.sequencer import SegmentSequencer

from .harness import Harness

__all__ = ["PATIENCE", "Segments"]

PATIENCE = 6  #: cycles until the next beat is told, where there is room for one


class Segments(Harness):
    """Watch any segment: it has table, raw bits and weights of its record, cut into beats, of which no more are told
    than may be, and each soon; with the last one comes what each lane owns of it; and whether it is the last of span or
    stream.

    Assumed, as control, records and join keep to it: a record shows a cycle after its address; a segment is loaded
    three cycles after the last or a restart, when all beats of the one before have been handed out, and only if there
    is one; turns come one after the other while lanes work, and a pause between lasts four cycles at least.
    """

    def build(self, m):
        config, sequencer = self.config, SegmentSequencer(self.config)
        m.submodules.sequencer = sequencer
        numbers = sequencer.address.shape()
        number, segments = self.some(numbers, "number"), self.some(numbers, "segments")
        record, other = self.some(record_layout(config), "watched"), self.any_of(record_layout(config), "other")
        again = self.some(1, "again")  # the next one restarts
        shown, restarts = Signal(record_layout(config)), Signal()
        before = Signal.like(sequencer.address)
        m.d.sync += before.eq(sequencer.address)
        m.d.comb += [shown.eq(Mux(before == number, record, other)),
                     restarts.eq(Mux(before == number + 1, again, shown.restart))]
        load, restart, told = self.any_of(1, "load"), self.any_of(1, "restart"), sequencer.announced
        retired, loads = Signal.like(sequencer.retired), Signal.like(sequencer.address)
        since, busy = Signal(range(5)), Signal()  # cycles since the last load or restart; a segment is being announced
        self.assume((number < segments) & (segments <= config.max_segments))
        self.assume(~restart | ~busy)
        self.assume(~load | (~busy & ~restart & (since >= 3) & (loads != segments)))
        with m.If(load | restart):
            m.d.sync += [since.eq(1), loads.eq(Mux(restart, 0, loads + 1))]
        with m.Elif(since < 4):
            m.d.sync += since.eq(since + 1)
        goes = self.any_of(1, "goes") & (retired != told[0].parts)
        m.d.sync += [retired.eq(retired + goes),
                     busy.eq(load | (busy & ~(told[0].ended & (retired == told[0].parts))))]
        turn, worked = self._turns(m)
        self.drive(sequencer, load=load, restart=restart, record=_restarting(m, shown, restarts), segments=segments,
                   turn=turn, retired=retired)
        self.claim(sequencer.address == loads)
        mine, ahead, parts = Signal(), Signal(range(4 * config.parts_ahead)), Signal.like(retired)
        left = Signal.like(ahead)  # beats that had been told a cycle ago, and are not handed out
        with m.If(load):
            m.d.sync += mine.eq(loads == number)
        m.d.sync += [parts.eq(told[0].parts), left.eq(ahead - goes)]
        m.d.comb += ahead.eq(left + (told[0].parts - parts)[:len(parts)])
        self.claim(ahead <= config.beats_ahead)
        with m.If(busy & mine & (since >= 3)):
            self.claim(sequencer.last_of_stream == (loads == segments))
            self.claim(sequencer.last_of_span == ((loads == segments) | again))
        self._beats(m, sequencer, record, load, (busy, busy & mine), ahead, (turn, worked))

    def _turns(self, m):
        """The turn that begins, and whether lanes may work: the first C cycles are for the start states."""
        last = self.config.ring - 1
        go, turn = self.any_of(1, "go"), Signal(range(self.config.ring), init=last)
        for_long, pause = Signal(range(self.config.ring + 2)), Signal(range(5))
        m.d.sync += [
            turn.eq(Mux(go & (turn != last), turn + 1, Mux(go, 0, last))),
            for_long.eq(Mux(go, Mux(for_long == self.config.ring + 1, for_long, for_long + 1), 0)),
            pause.eq(Mux(go, 0, Mux(pause == 4, 4, pause + 1))),
        ]
        self.assume(~go | (for_long != 0) | (pause == 4))
        return turn, for_long == self.config.ring + 1

    def _beats(self, m, sequencer, record, load, when, ahead, turns):
        """The beats of the watched segment."""
        config, told, beat = self.config, sequencer.announced, self.config.beat_weights
        (busy, mine), (turn, worked) = when, turns
        rest, now = Signal(signed(config.count_bits + 2)), Signal(signed(config.count_bits + 2))  # not yet told
        parts, waits, owned = Signal.like(told[0].parts), Signal(range(PATIENCE + 2)), Signal(range(beat + 1))
        new = parts != told[0].parts
        m.d.sync += [parts.eq(told[0].parts), rest.eq(Mux(load, record.weights + 1, now)),
                     waits.eq(Mux(~mine | new | told[0].ended | (ahead == config.beats_ahead), 0, waits + 1))]
        m.d.comb += [now.eq(Mux(new, rest - beat, rest)), owned.eq(now + beat)]
        with m.If(mine):
            self.claim(~new | ((rest > 0) & (told[0].parts == (parts + 1)[:len(parts)])))
            self.claim(told[0].ended == (now <= 0))
            self.claim(waits <= PATIENCE)
            for announced in told:
                self.claim((announced.table == record.table) & (announced.raw_bits == record.raw_bits))
                self.claim((announced.parts == told[0].parts) & (announced.ended == told[0].ended))
            with m.If(told[0].ended):
                last = Signal(range(beat))
                m.d.comb += last.eq(owned - 1)
                self.claim(sequencer.last_turn == last // config.transfer_weights)
                self.claim(sequencer.left == last % config.transfer_weights)
                with m.If(worked):
                    for ring, announced in enumerate(told):
                        first = Signal(range(beat), name=f"first_{ring}")  # of the lane's weights
                        m.d.comb += first.eq(turn * config.transfer_weights + ring * config.vector)
                        left = Mux(owned > first, owned - first, 0)
                        self.claim(announced.need == Mux(left > config.vector, config.vector, left))
        self.claim(busy | ~new)


def _restarting(m, record, restarts):
    """The record with another flag."""
    result = Signal.like(record)
    m.d.comb += [result.eq(record), result.restart.eq(restarts)]
    return result
