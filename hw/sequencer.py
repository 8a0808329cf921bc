"""The segment sequencer: from segment records to beats."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import WEIGHTS_BITS, descriptor_layout, record_layout, table_numbers

__all__ = ["SegmentSequencer"]


class SegmentSequencer(wiring.Component):
    """Announces the beats of a span, two at a time, each with the weights that every lane owns in it.

    Throughput: one beat per cycle, across segments too. Latency: ``current`` is valid two cycles after ``begin``.

    Members
    -------
    restart : In(1)
        Go back to the first record.
    begin : In(1)
        Start on the span whose first record is at ``address``.
    address : Out
        Number of the record that comes next.
    record : In(`record_layout`)
        That record, in the same cycle.
    segments : In
        Number of segments of the stream.
    current, following : Out(`descriptor_layout`)
        The oldest beat not yet handed out, and the one after.
    retire : In(1)
        The current beat has been handed out.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "restart": In(1),
            "begin": In(1),
            "address": Out(range(config.max_segments + 1)),
            "record": In(record_layout(config)),
            "segments": In(range(config.max_segments + 1)),
            "current": Out(descriptor_layout(config)),
            "following": Out(descriptor_layout(config)),
            "retire": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        active = Signal()
        rest = Signal(WEIGHTS_BITS)  # weights of the segment that have not been announced
        table = Signal(table_numbers(config))
        raw_bits = Signal(range(config.raw_bits + 1))
        following_valid = self.following.lanes[0].valid
        current_valid = self.current.lanes[0].valid
        shift = Signal()
        advance = Signal()
        last_of_stream = Signal()
        upcoming = Signal(descriptor_layout(config))
        m.d.comb += [
            shift.eq(~current_valid | self.retire),
            advance.eq(~following_valid | shift),
            last_of_stream.eq(self.address == self.segments),
            upcoming.last.eq(rest <= config.beat_weights),
            upcoming.last_of_span.eq(upcoming.last & (last_of_stream | self.record.restart)),
            upcoming.last_of_stream.eq(upcoming.last & last_of_stream),
        ]
        for lane, work in enumerate(upcoming.lanes):
            self._lane_part(m, lane, work, rest, active, table, raw_bits)
        with m.If(shift):
            m.d.sync += self.current.eq(self.following)
        with m.If(advance):
            m.d.sync += [self.following.eq(upcoming), rest.eq(rest - config.beat_weights)]
        with m.If(advance & upcoming.last_of_span):
            m.d.sync += active.eq(0)
        with m.If(self.begin | (advance & active & upcoming.last & ~upcoming.last_of_span)):
            m.d.sync += [
                active.eq(1),
                rest.eq(self.record.weights),
                table.eq(self.record.table),
                raw_bits.eq(self.record.raw_bits),
                self.address.eq(self.address + 1),
            ]
        with m.If(self.restart):
            m.d.sync += self.address.eq(0)
        return m

    def _lane_part(self, m, lane, work, rest, active, table, raw_bits):
        """One lane's part of the beat that begins ``rest`` weights before the segment's end."""
        config = self._config
        before = lane * config.vector
        low = rest[:range(2 * config.beat_weights).stop.bit_length()]
        many = rest[len(low):].any()
        left = Mux(low > before, low - before, 0)
        m.d.comb += [
            work.valid.eq(active),
            work.need.eq(Mux(many | (left >= config.vector), config.vector, left)),
            work.final.eq(~many & (low <= before + config.beat_weights)),
            work.table.eq(table),
            work.raw_bits.eq(raw_bits),
        ]
