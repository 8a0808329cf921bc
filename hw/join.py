"""From the lanes' parts to beats, and the check before the last beat of a span."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .errors import ErrorCode
from .layouts import beat_layout, descriptor_layout, lane_beat_layout

__all__ = ["Join"]


class Join(wiring.Component):
    """Offers a beat when every lane has filled its part, and asks for the words that its tokens read across.

    The last beat of a span waits until all words asked for have been handed out, and one cycle more for the check of
    words, CRC-32 and end states.

    Members
    -------
    running : In(1)
        The span is being decoded; without it no beat is offered.
    parts : array of In(stream of `lane_beat_layout`)
        One per lane.
    current : In(`descriptor_layout`)
        The beat at hand.
    beats : Out(stream of `beat_layout`)
    retire : Out(1)
        The beat is being taken.
    requests : Out(stream of N Q bits)
        See `WordDistribution`.
    idle, used, fits, at_zero : In
        From the distribution: nothing is asked for, all words were used, their CRC-32 fits; from the lanes: the state
        is 0.
    rejected : Out(ErrorCode)
        What the check found.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "running": In(1),
            "parts": In(stream.Signature(lane_beat_layout(config))).array(config.lanes),
            "current": In(descriptor_layout(config)),
            "beats": Out(stream.Signature(beat_layout(config))),
            "retire": Out(1),
            "requests": Out(stream.Signature(config.lanes * config.words_per_beat)),
            "idle": In(1),
            "used": In(1),
            "fits": In(1),
            "at_zero": In(config.lanes),
            "rejected": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        config, beat, current = self._config, self.beats.payload, self.current
        filled = Signal()
        passed = self._check(m, filled)
        m.d.comb += [
            filled.eq(Cat(part.valid for part in self.parts).all()),
            self.beats.valid.eq(self.running & filled & self.requests.ready & (~current.last_of_span | passed)),
            self.retire.eq(self.beats.valid & self.beats.ready),
            beat.last.eq(current.last),
            self.requests.valid.eq(self.retire & ~current.last_of_span & self.requests.payload.any()),
        ]
        for lane, part in enumerate(self.parts):
            first = lane * config.vector
            m.d.comb += part.ready.eq(self.retire)
            for slot in range(config.vector):
                m.d.comb += [
                    beat.weights[first + slot].eq(part.payload.weights[slot]),
                    beat.keep[first + slot].eq(current.lanes[lane].need > slot),
                ]
            for k in range(config.words_per_beat):
                m.d.comb += self.requests.payload[lane * config.words_per_beat + k].eq(part.payload.asked > k)
        return m

    def _check(self, m, filled):
        """Sample what there is to check when the span has come to rest; the verdict holds from the next cycle on."""
        settled = Signal()
        found = Signal(data.StructLayout({"used": 1, "fits": 1, "at_zero": 1}))
        m.d.sync += [
            settled.eq(filled & self.current.last_of_span & self.idle & ~self.retire),
            found.used.eq(self.used),
            found.fits.eq(self.fits),
            found.at_zero.eq(self.at_zero.all()),
        ]
        with m.If(settled):
            with m.If(~found.used):
                m.d.comb += self.rejected.eq(ErrorCode.WORDS_LEFT)
            with m.Elif(~found.fits):
                m.d.comb += self.rejected.eq(ErrorCode.WORDS_CRC)
            with m.Elif(~found.at_zero):
                m.d.comb += self.rejected.eq(ErrorCode.END_STATE)
        return settled & (self.rejected == ErrorCode.NONE)
