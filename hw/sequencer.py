"""The segment sequencer: from segment records to beats."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import WEIGHTS_BITS, announcement_layout, part_numbers, record_layout, table_numbers

__all__ = ["SegmentSequencer"]


class SegmentSequencer(wiring.Component):
    """Announces the beats of a segment, up to D before the oldest one that has not been handed out.

    Throughput: one beat per cycle. Latency: the rings see a beat of a segment four cycles after ``load``. A segment is
    loaded when the one before has been handed out.

    Members
    -------
    restart : In(1)
        Go back to the first record.
    load : In(1)
        Start on the segment whose record is at ``address``.
    address : Out
        Number of the record that comes next.
    record : In(`record_layout`)
        That record, in the same cycle.
    segments : In
        Number of segments of the stream.
    turn : In(range(C))
        Whose turn begins.
    retired : In
        Number of the oldest beat that has not been handed out.
    announced : Out(`announcement_layout`).array(G)
        For each ring, as of the lane whose turn begins.
    left : Out
        Weights of the last beat announced, if it is the last of its segment.
    last_of_span, last_of_stream : Out(1)
        The segment is the last.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "restart": In(1),
            "load": In(1),
            "address": Out(range(config.max_segments + 1)),
            "record": In(record_layout(config)),
            "segments": In(range(config.max_segments + 1)),
            "turn": In(range(config.ring)),
            "retired": In(part_numbers(config)),
            "announced": Out(announcement_layout(config)).array(config.rings),
            "left": Out(range(config.beat_weights + 1)),
            "last_of_span": Out(1),
            "last_of_stream": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        active = Signal()
        rest = Signal(WEIGHTS_BITS)  # weights of the segment that have not been announced
        table, raw_bits = Signal(table_numbers(config)), Signal(range(config.raw_bits + 1))
        beats = Signal(data.StructLayout({"parts": part_numbers(config), "ended": 1}))
        last = Signal()
        room = Signal()
        m.d.comb += [
            last.eq(rest <= config.beat_weights),
            room.eq((beats.parts - self.retired)[:len(beats.parts)] != config.queue),
        ]
        with m.If(active & room):
            m.d.sync += [beats.parts.eq(beats.parts + 1), rest.eq(rest - config.beat_weights)]
            with m.If(last):
                m.d.sync += [active.eq(0), beats.ended.eq(1), self.left.eq(rest)]
        with m.If(self.load):
            m.d.sync += [
                active.eq(1),
                beats.ended.eq(0),
                rest.eq(self.record.weights),
                table.eq(self.record.table),
                raw_bits.eq(self.record.raw_bits),
                self.address.eq(self.address + 1),
            ]
        with m.If(self.restart):
            m.d.sync += self.address.eq(0)
        m.d.sync += [
            self.last_of_stream.eq(self.address == self.segments),
            self.last_of_span.eq((self.address == self.segments) | self.record.restart),
        ]
        self._tell(m, beats, table, raw_bits)
        return m

    def _tell(self, m, beats, table, raw_bits):
        """Hand the announcement on, in two cycles, with what each lane owns of the segment's last beat."""
        config = self._config
        before = Signal.like(beats)
        told = Signal.like(beats)
        m.d.sync += [before.eq(beats), told.eq(before)]
        with m.If(self.load):
            m.d.sync += [before.ended.eq(0), told.ended.eq(0)]
        per_turn = config.transfer_weights
        in_turn = Signal(range(per_turn + 1))  # weights of the last beat in the turn after the next
        with m.Switch(self.turn):
            for turn in range(config.ring):
                with m.Case(turn):
                    first = (turn + 2) % config.ring * per_turn
                    left = Mux(self.left > first, self.left - first, 0)
                    m.d.sync += in_turn.eq(Mux(left > per_turn, per_turn, left))
        for ring, announced in enumerate(self.announced):
            first = ring * config.vector
            need = Signal(range(config.vector + 1), name=f"need_{ring}")
            left = Mux(in_turn > first, in_turn - first, 0)
            m.d.sync += need.eq(Mux(left > config.vector, config.vector, left))
            m.d.comb += [
                announced.parts.eq(told.parts),
                announced.ended.eq(told.ended),
                announced.need.eq(need),
                announced.table.eq(table),
                announced.raw_bits.eq(raw_bits),
            ]
