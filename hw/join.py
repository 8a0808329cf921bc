"""From the rings' parts to transfers of weights, and the check before the last transfer of a span."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, OutputMode

from .errors import ErrorCode
from .layouts import beat_layout, part_layout, part_numbers, request_layout

__all__ = ["Join"]


def _head_layout(config):
    """The parts of one turn with what is to be known of their beat: ``left``: weights, G x V if the beat is not the
    ``final`` one of its segment; ``last``: there are no more; ``held``: they wait for the check; ``end``: the turn is
    the segment's last; ``silent``: no words are asked for."""
    return data.StructLayout({
        "parts": data.ArrayLayout(part_layout(config), config.rings),
        "turn": range(config.ring),
        "left": range(config.transfer_weights + 1),
        "last": 1, "held": 1, "end": 1, "silent": 1,
    })


class Join(wiring.Component):
    """Takes the parts of a beat turn by turn, as soon as those of all rings are there, and asks for the words that
    their tokens read across. Dense: puts them into a transfer.

    Parts go through two sets of registers: the head, and the output. Throughput: one transfer per cycle. The last
    transfer of a span stays in the head until all lanes rest and all words asked for have been handed out, and one
    cycle more for the check of words, CRC-32 and end states.

    Members
    -------
    running : In(1)
        The span is being decoded; without it no part is taken.
    turn, number : Out
        The parts wanted: whose, and of which beat.
    parts, there : In(`part_layout`).array(G), In(G)
        These parts, and which of them are there.
    ended, announced, left : In
        Whether the segment's last beat has been announced, the number after it, and its weights.
    last_of_span : In(1)
        The segment is the span's last.
    beats : Out(stream of `beat_layout`)
        Dense: the weights, in registers.
    segment_end, span_end : Out(1)
        The last part of a segment has been taken, a cycle ago; it was the span's last.
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
            "announced": In(part_numbers(config)),
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
        head = Signal(_head_layout(config))
        holds = Signal()  # there is a head
        free = Signal()  # the next can become the head
        move = Signal()  # the head goes on
        passed = self._check(m, holds & head.held)
        output = (~self.beats.valid | self.beats.ready) if config.output is OutputMode.DENSE else 1
        m.d.comb += [
            move.eq(holds & self.requests.ready & (passed | ~head.held) & output),
            free.eq(self.running & (~holds | move)),
        ]
        with m.If(free):
            m.d.sync += holds.eq(self.there.all())
        with m.Elif(move):
            m.d.sync += holds.eq(0)
        with m.If(free & self.there.all()):
            m.d.sync += self.turn.eq(self.turn + 1)
            with m.If(self.turn == config.ring - 1):
                m.d.sync += [self.turn.eq(0), self.number.eq(self.number + 1)]
        with m.If(free):
            self._fetch(m, head)
        if config.output is OutputMode.DENSE:
            self._transfer(m, head, move)
        self._ask(m, head, move)
        m.d.sync += [self.segment_end.eq(move & head.end), self.span_end.eq(move & head.end & self.last_of_span)]
        return m

    def _fetch(self, m, head):
        """The parts wanted become the head, with what is to be known of their beat."""
        config = self._config
        final = self.ended & ((self.number + 1)[:len(self.number)] == self.announced)
        m.d.sync += [
            head.turn.eq(self.turn),
            head.end.eq(final & (self.turn == config.ring - 1)),
            head.silent.eq(self.last_of_span & final),
        ]
        per_turn = config.transfer_weights
        with m.Switch(self.turn):
            for turn in range(config.ring):
                with m.Case(turn):
                    first = turn * per_turn
                    left = Mux(self.left > first, self.left - first, 0)
                    last = final & (self.left > first) & (self.left <= first + per_turn)
                    m.d.sync += [
                        head.left.eq(Mux(final, Mux(left > per_turn, per_turn, left), per_turn)),
                        head.last.eq(last),
                        head.held.eq(last & self.last_of_span),
                    ]
        for ring, part in enumerate(self.parts):
            m.d.sync += head.parts[ring].eq(part)

    def _transfer(self, m, head, move):
        """The output registers. Turns of a last beat in which there are no weights are no transfers."""
        config, beats = self._config, self.beats
        with m.If(move):
            m.d.sync += [beats.valid.eq(head.left != 0), beats.payload.last.eq(head.last)]
            for j in range(config.transfer_weights):
                m.d.sync += beats.payload.keep[j].eq(head.left > j)
            for ring, part in enumerate(head.parts):
                for slot in range(config.vector):
                    m.d.sync += beats.payload.weights[ring * config.vector + slot].eq(part.weights[slot])
        with m.Elif(beats.ready):
            m.d.sync += beats.valid.eq(0)

    def _ask(self, m, head, move):
        """The words that the parts' tokens ask for. The last beat of a span asks for none."""
        request, per_ring = self.requests, self._config.words_per_beat
        m.d.comb += request.payload.turn.eq(head.turn)
        for ring, part in enumerate(head.parts):
            for k in range(per_ring):
                m.d.comb += request.payload.mask[ring * per_ring + k].eq(part.asked > k)
        any_asked = Cat(part.asked != 0 for part in head.parts).any()
        m.d.comb += request.valid.eq(move & ~head.silent & any_asked)

    def _check(self, m, held):
        """Sample what there is to check when the span has come to rest; the verdict holds from the next cycle on."""
        settled = Signal()
        found = Signal(data.StructLayout({"used": 1, "fits": 1, "at_zero": 1}))
        m.d.sync += [
            settled.eq(self.running & held & self.resting & self.idle),
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
