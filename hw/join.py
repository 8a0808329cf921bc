"""From the rings' parts to transfers of weights, and the check before the last transfer of a span."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, OutputMode

from .errors import ErrorCode
from .layouts import beat_layout, part_layout, part_numbers, request_layout

__all__ = ["Join"]


class Join(wiring.Component):
    """Takes the parts of a beat turn by turn, as soon as those of all rings are there, and asks for the words that
    their tokens read across. Dense: puts them into a transfer.

    Throughput: one transfer per cycle. The last transfer of a span waits until all lanes rest and all words asked for
    have been handed out, and one cycle more for the check of words, CRC-32 and end states.

    Members
    -------
    running : In(1)
        The span is being decoded; without it no part is taken.
    turn, number : Out
        The parts wanted: whose, and of which beat. ``number`` is that of the oldest beat not handed out.
    parts, there : In(`part_layout`).array(G), In(G)
        These parts, and which of them are there.
    ended, parts_announced, left : In
        Whether the segment's last beat has been announced, the number after it, and its weights.
    last_of_span : In(1)
        The segment is the span's last.
    beats : Out(stream of `beat_layout`)
        Dense: the weights, in registers.
    segment_end, span_end : Out(1)
        The last part of a segment is being taken; it is the span's last.
    requests : Out(stream of `request_layout`)
        See `WordDistribution`.
    resting, idle, used, fits, at_zero : In
        From the rings: all lanes are at the segment's end, their states are 0; from the distribution: nothing is asked
        for, all words were used, their CRC-32 fits.
    rejected : Out(ErrorCode)
        What the check found.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "running": In(1),
            "turn": Out(range(config.ring)),
            "number": Out(part_numbers(config)),
            "parts": In(part_layout(config)).array(config.rings),
            "there": In(config.rings),
            "ended": In(1),
            "parts_announced": In(part_numbers(config)),
            "left": In(range(config.beat_weights + 1)),
            "last_of_span": In(1),
            "beats": Out(stream.Signature(beat_layout(config))),
            "segment_end": Out(1),
            "span_end": Out(1),
            "requests": Out(stream.Signature(request_layout(config))),
            "resting": In(1),
            "idle": In(1),
            "used": In(1),
            "fits": In(1),
            "at_zero": In(1),
            "rejected": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        dense = config.output is OutputMode.DENSE
        final = Signal()  # the beat is the last of its segment
        last = Signal()  # the transfer is the last of its segment
        shown = Signal()  # the transfer has weights
        held = Signal()  # it must wait for the check
        take = Signal()
        left = self._left(m)
        passed = self._check(m)
        m.d.comb += [
            final.eq(self.ended & ((self.number + 1)[:len(self.number)] == self.parts_announced)),
            last.eq(final & (left != 0) & (left <= config.transfer_weights)),
            shown.eq(~final | (left != 0)),
            held.eq(last & self.last_of_span & ~passed),
            take.eq(self.running & self.there.all() & self.requests.ready & ~held
                    & (~self.beats.valid | self.beats.ready | (not dense))),
            self.segment_end.eq(take & final & (self.turn == config.ring - 1)),
            self.span_end.eq(self.segment_end & self.last_of_span),
        ]
        with m.If(take):
            m.d.sync += self.turn.eq(self.turn + 1)
            with m.If(self.turn == config.ring - 1):
                m.d.sync += [self.turn.eq(0), self.number.eq(self.number + 1)]
        if dense:
            self._transfer(m, take, shown, final, last, left)
        self._ask(m, take & ~(final & self.last_of_span))
        return m

    def _left(self, m):
        """Weights of a last beat from this turn on, 0 if there are none."""
        left = Signal(range(self._config.beat_weights + 1))
        with m.Switch(self.turn):
            for turn in range(self._config.ring):
                with m.Case(turn):
                    first = turn * self._config.transfer_weights
                    m.d.comb += left.eq(Mux(self.left > first, self.left - first, 0))
        return left

    def _transfer(self, m, take, shown, final, last, left):
        """The output registers."""
        config, beats = self._config, self.beats
        with m.If(take):
            m.d.sync += [beats.valid.eq(shown), beats.payload.last.eq(last)]
            for j in range(config.transfer_weights):
                m.d.sync += beats.payload.keep[j].eq(~final | (left > j))
            for ring, part in enumerate(self.parts):
                for slot in range(config.vector):
                    m.d.sync += beats.payload.weights[ring * config.vector + slot].eq(part.weights[slot])
        with m.Elif(beats.ready):
            m.d.sync += beats.valid.eq(0)

    def _ask(self, m, take):
        """The words that the parts' tokens ask for."""
        request, per_ring = self.requests, self._config.words_per_beat
        m.d.comb += request.payload.turn.eq(self.turn)
        for ring, part in enumerate(self.parts):
            for k in range(per_ring):
                m.d.comb += request.payload.mask[ring * per_ring + k].eq(part.asked > k)
        m.d.comb += request.valid.eq(take & Cat(part.asked != 0 for part in self.parts).any())

    def _check(self, m):
        """Sample what there is to check when the span has come to rest; the verdict holds from the next cycle on."""
        settled = Signal()
        found = Signal(data.StructLayout({"used": 1, "fits": 1, "at_zero": 1}))
        m.d.sync += [
            settled.eq(self.running & self.resting & self.last_of_span & self.idle),
            found.used.eq(self.used),
            found.fits.eq(self.fits),
            found.at_zero.eq(self.at_zero),
        ]
        with m.If(settled):
            with m.If(~found.used):
                m.d.comb += self.rejected.eq(ErrorCode.WORDS_LEFT)
            with m.Elif(~found.fits):
                m.d.comb += self.rejected.eq(ErrorCode.WORDS_CRC)
            with m.Elif(~found.at_zero):
                m.d.comb += self.rejected.eq(ErrorCode.END_STATE)
        return settled & (self.rejected == ErrorCode.NONE)
