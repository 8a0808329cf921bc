"""The segment sequencer: from segment records to beats."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import announcement_layout, part_numbers, record_layout, table_numbers

__all__ = ["SegmentSequencer"]


def _below_beats(value, count, beat):
    """Whether a number is less than so many beats of weights. Without a carry chain if a beat is a power of two."""
    if beat & (beat - 1):
        return value < count * beat
    beats = value >> beat.bit_length() - 1
    return (beats[count.bit_length():] == 0) & Cat(beats[:count.bit_length()] == i for i in range(count)).any()


class SegmentSequencer(wiring.Component):
    """Announces the beats of a segment: the oldest one that has not been handed out, and up to D or some more after it.

    Throughput: one beat per cycle. Latency: the rings see a beat of a segment three cycles after ``load``, its last one
    two cycles later than others. A segment is
    loaded when the one before has been handed out.

    Members
    -------
    restart : In(1)
        Go back to the first record, or to ``start``.
    start : In
        If segments can be chosen: the number of a record.
    load : In(1)
        Start on the segment whose record is at ``address``.
    address : Out
        Number of the record that comes next.
    record : In(`record_layout`)
        That record, a cycle later; ``weights`` is less 1.
    segments : In
        Number of segments of the stream, or of the one past the last chosen.
    turn : In(range(C))
        Whose turn begins.
    retired : In
        Number of the oldest beat that has not been handed out.
    announced : Out(`announcement_layout`).array(G)
        For each ring, as of the lane whose turn begins.
    last_turn, left : Out
        Of the segment's last beat, once it is told: the turn of its last weights, and how many there are in that turn,
        less 1.
    last_of_span, last_of_stream : Out(1)
        The segment is the last.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "restart": In(1),
            **({"start": In(range(config.max_segments + 1))} if config.select else {}),
            "load": In(1),
            "address": Out(range(config.max_segments + 1)),
            "record": In(record_layout(config)),
            "segments": In(range(config.max_segments + 1)),
            "turn": In(range(config.ring)),
            "retired": In(part_numbers(config)),
            "announced": Out(announcement_layout(config)).array(config.rings),
            "last_turn": Out(range(config.ring)),
            "left": Out(range(config.transfer_weights)),
            "last_of_span": Out(1),
            "last_of_stream": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        active = Signal()
        rest = Signal(config.count_bits, reset_less=True)  # weights of the segment that have not been announced, less 1
        table, raw_bits = Signal(table_numbers(config)), Signal(range(config.raw_bits + 1))
        beats = Signal(data.StructLayout({"parts": part_numbers(config), "ended": 1}))
        ripe = Signal(2)  # it has been the last for so many cycles, as a run of ones
        last, next_last = Signal(), Signal()  # the beat to announce is the segment's last; or the one after it is
        room = Signal()
        announce = Signal()
        ahead = Signal.like(beats.parts)
        beat = config.beat_weights
        m.d.comb += [
            announce.eq(active & room & (~last | ripe[-1])),
            ahead.eq(beats.parts - self.retired),
        ]
        m.d.sync += ripe.eq(Cat(1, ripe[0]) & (active & last).replicate(2))  # 0 at ``load``: nothing is active
        most = config.beats_ahead
        m.d.sync += room.eq((ahead != most) & ~(announce & (ahead == most - 1)))
        with m.If(announce):
            m.d.sync += [
                beats.parts.eq(beats.parts + 1),
                rest.eq(rest - beat),
                last.eq(next_last),
                next_last.eq(_below_beats(rest, 3, beat)),
            ]
            with m.If(last):
                m.d.sync += [active.eq(0), beats.ended.eq(1)]
        with m.If(self.load):
            m.d.sync += [
                active.eq(1),
                beats.ended.eq(0),
                rest.eq(self.record.weights),
                last.eq(_below_beats(self.record.weights, 1, beat)),
                next_last.eq(_below_beats(self.record.weights, 2, beat)),
                table.eq(self.record.table),
                raw_bits.eq(self.record.raw_bits),
                self.address.eq(self.address + 1),
            ]
        with m.If(self.restart):
            m.d.sync += self.address.eq(self.start if config.select else 0)
        m.d.sync += [
            self.last_of_stream.eq(self.address == self.segments),
            self.last_of_span.eq((self.address == self.segments) | self.record.restart),
        ]
        self._tell(m, beats, self._in_turn(m, rest, active), table, raw_bits)
        return m

    def _tell(self, m, beats, in_turn, table, raw_bits):
        """Hand the announcement on, a cycle later, with what each lane owns of the segment's last beat."""
        config = self._config
        told = Signal.like(beats)
        m.d.sync += told.eq(beats)
        with m.If(self.load):
            m.d.sync += told.ended.eq(0)
        for ring, announced in enumerate(self.announced):
            first = ring * config.vector
            need = Signal(range(config.vector + 1), name=f"need_{ring}", reset_less=True)
            left = Mux(in_turn > first, in_turn - first, 0)
            m.d.sync += need.eq(Mux(left > config.vector, config.vector, left))
            m.d.comb += [
                announced.parts.eq(told.parts),
                announced.ended.eq(told.ended),
                announced.need.eq(need),
                announced.table.eq(table),
                announced.raw_bits.eq(raw_bits),
            ]

    def _in_turn(self, m, rest, active):
        """Weights of the last beat in the turn after this one: all, or what is left, or none.

        That beat is announced when all of this has been found, and ``need``, a cycle later, is right.
        """
        config = self._config
        per_turn = config.transfer_weights
        last_turn = Signal(range(config.ring), reset_less=True)
        left = Signal(range(per_turn), reset_less=True)  # less 1
        last_left = rest[:(config.beat_weights - 1).bit_length()]  # less 1
        with m.If(active):
            for turn in range(config.ring):
                with m.If((last_left >= turn * per_turn) if turn else 1):
                    m.d.sync += last_turn.eq(turn)
            with m.Switch(last_turn):
                for turn in range(config.ring):
                    with m.Case(turn):
                        m.d.sync += left.eq(last_left - turn * per_turn)
        m.d.comb += [self.last_turn.eq(last_turn), self.left.eq(left)]
        coming = Signal(range(config.ring), reset_less=True)  # the turn in two cycles
        with m.Switch(self.turn):
            for turn in range(config.ring):
                with m.Case(turn):
                    m.d.sync += coming.eq((turn + 3) % config.ring)
        in_turn = Signal(range(per_turn + 1), reset_less=True)
        if config.ring == 1:
            m.d.sync += in_turn.eq(left + 1)
        else:
            m.d.sync += in_turn.eq(Mux(coming == last_turn, left + 1, Mux(coming < last_turn, per_turn, 0)))
        return in_turn
