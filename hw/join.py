"""From the rings' parts to transfers of weights, and the check before the last transfer of a span."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import LOOKOUT_RINGS, Config, OutputMode

from .errors import ErrorCode
from .layouts import ahead_layout, beat_layout, part_layout, part_numbers, place_layout, request_layout

__all__ = ["Join"]


def _head_layout(config):
    """The parts of one turn with what is to be known of them: ``shown``: they have weights, ``last``: the segment's
    last ones; ``held``: they wait for the check; ``end``: the turn is the segment's last; ``silent``: they ask for no
    words."""
    return data.StructLayout({
        "parts": data.ArrayLayout(part_layout(config), config.rings),
        "turn": range(config.ring),
        "shown": 1, "last": 1, "held": 1, "end": 1, "silent": 1,
    })


class Join(wiring.Component):
    """Takes the parts of a beat turn by turn, as soon as those of all rings are there, and asks for the words that
    their tokens read across. Dense: puts them into a transfer.

    Parts go through two sets of registers: the head, and the output. Throughput: one transfer per cycle. The last
    transfer of a span stays in the head until all lanes rest and all words asked for have been handed out, and three
    cycles more for the check of words, CRC-32 and end states.

    Members
    -------
    stop : In(1)
        Something went wrong: drop the head. What is on offer stays.
    wanted, parts : Out(`place_layout`), In(`part_layout`).array(G)
        Which parts come next, and these parts.
    advance : Out(1)
        They are fetched.
    ahead : In(`ahead_layout`).array
        Of each `Lookout`: what is there, as of now. A turn is fetched one cycle later at the earliest.
    ended, announced, last_turn, left : In
        Whether the segment's last beat has been announced, the number after it, the turn of its last weights, and how
        many there are in that turn, less 1.
    last_of_span : In(1)
        The segment is the span's last.
    beats : Out(stream of `beat_layout`)
        Dense: the weights, in registers.
    segment_end, span_end : Out(1)
        The last part of a segment has been taken, a cycle ago; it was the span's last.
    requests, room : Out(stream of `request_layout`, always ready), In(1)
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
            "stop": In(1),
            "wanted": Out(place_layout(config)),
            "advance": Out(1),
            "parts": In(part_layout(config)).array(config.rings),
            "ahead": In(ahead_layout()).array(-(-config.rings // LOOKOUT_RINGS)),
            "ended": In(1),
            "announced": In(part_numbers(config)),
            "last_turn": In(range(config.ring)),
            "left": In(range(config.transfer_weights)),
            "last_of_span": In(1),
            "beats": Out(stream.Signature(beat_layout(config))),
            "segment_end": Out(1),
            "span_end": Out(1),
            "requests": Out(stream.Signature(request_layout(config), always_ready=True)),
            "room": In(1),
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
        head = Signal(_head_layout(config), reset_less=True)
        holds = Signal()  # there is a head
        there = Signal()  # the parts that come next are there, and there is room for their request
        free = Signal()  # they can become the head
        move = Signal()  # the head goes on
        output = (~self.beats.valid | self.beats.ready) if config.output is OutputMode.DENSE else 1
        m.d.comb += [
            move.eq(holds & ~head.held & output),
            free.eq(~holds | (~head.held & output)),
            self.advance.eq(free & there),
        ]
        m.d.sync += [
            there.eq(self.room & Mux(self.advance, Cat(ahead.two for ahead in self.ahead).all(),
                                     Cat(ahead.one for ahead in self.ahead).all())),
            holds.eq(Mux(free, there, 1) & ~self.stop),
        ]
        self._count(m)
        keep = Signal(config.transfer_weights, reset_less=True)  # known long before the last transfer of a segment
        m.d.sync += keep.eq(Cat(self.left >= j if j else 1 for j in range(config.transfer_weights)))
        m.d.sync += head.held.eq(head.held & ~self._check(m, holds & head.held))
        final = self._final(m)
        with m.If(free):
            self._fetch(m, head, final)
        if config.output is OutputMode.DENSE:
            self._transfer(m, head, move, keep)
        self._ask(m, head, move)
        m.d.sync += [self.segment_end.eq(move & head.end), self.span_end.eq(move & head.end & self.last_of_span)]
        return m

    def _count(self, m):
        """Which parts are wanted: turn by turn, beat by beat."""
        final_turn = self.wanted.turn == self._config.ring - 1
        with m.If(self.advance):
            m.d.sync += [
                self.wanted.turn.eq(Mux(final_turn, 0, self.wanted.turn + 1)),
                self.wanted.number.eq(self.wanted.number + final_turn),
            ]

    def _final(self, m):
        """Whether the parts wanted are of the segment's last beat: known long before they are there, so that it may go
        through registers, which may not wait for the sink."""
        number = part_numbers(self._config)
        beat = Signal(data.StructLayout({"known": 1, "number": number, "before": number}), reset_less=True)
        final = Signal()  # their beat is the segment's last
        step = self.advance & (self.wanted.turn == self._config.ring - 1)
        m.d.sync += [
            beat.known.eq(self.ended),
            beat.number.eq(self.announced - 1),
            beat.before.eq(self.announced - 2),
            final.eq(beat.known & Mux(step, self.wanted.number == beat.before, self.wanted.number == beat.number)),
        ]
        return final

    def _fetch(self, m, head, final):
        """The parts wanted become the head, with what is to be known of their beat."""
        last = final & (self.wanted.turn == self.last_turn)
        m.d.sync += [
            head.turn.eq(self.wanted.turn),
            head.shown.eq(~final | (self.wanted.turn <= self.last_turn)),
            head.last.eq(last),
            head.held.eq(last & self.last_of_span),
            head.end.eq(final & (self.wanted.turn == self._config.ring - 1)),
            head.silent.eq(final & self.last_of_span),
        ]
        for ring, part in enumerate(self.parts):
            m.d.sync += head.parts[ring].eq(part)

    def _transfer(self, m, head, move, keep):
        """The output registers. Turns of a last beat in which there are no weights are no transfers."""
        config, beats = self._config, self.beats
        beat = Signal(beat_layout(config), reset_less=True)
        m.d.comb += beats.payload.eq(beat)
        with m.If(move):
            m.d.sync += [
                beats.valid.eq(head.shown),
                beat.last.eq(head.last),
                beat.keep.eq(Mux(head.last, keep, ~0)),
            ]
            for ring, part in enumerate(head.parts):
                for slot in range(config.vector):
                    m.d.sync += beat.weights[ring * config.vector + slot].eq(part.weights[slot])
        with m.Elif(beats.ready):
            m.d.sync += beats.valid.eq(0)

    def _ask(self, m, head, move):
        """The words that the parts' tokens ask for, through registers. The last beat of a span asks for none."""
        per_ring = self._config.words_per_beat
        request = Signal(request_layout(self._config), reset_less=True)
        asks = Cat(part.asked != 0 for part in head.parts).any()
        m.d.sync += [request.turn.eq(head.turn), self.requests.valid.eq(move & ~head.silent & asks)]
        for ring, part in enumerate(head.parts):
            for k in range(per_ring):
                m.d.sync += request.mask[ring * per_ring + k].eq(part.asked > k)
        m.d.comb += self.requests.payload.eq(request)

    def _check(self, m, held):
        """Sample what there is to check when the span has come to rest; a cycle later returns whether all is right."""
        settled = Signal()
        found = Signal(data.StructLayout({"used": 1, "fits": 1, "at_zero": 1}))
        m.d.sync += [
            settled.eq(held & self.resting & self.idle),
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
        return settled & found.used & found.fits & found.at_zero
