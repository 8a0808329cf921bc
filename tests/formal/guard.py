"""The decoder's control, join and sparse outputs, wired as in the decoder, while all else does anything at all."""

from amaranth.hdl import Signal, Value
from amaranth.lib import data

from golden.config import OutputMode
from hw.control import Control
from hw.decoder import Contents, Decoder
from hw.distribution import WordDistribution
from hw.expander import Expander
from hw.header import Header
from hw.join import Join, _head_layout
from hw.lane import Lane
from hw.lookout import Lookout
from hw.part_queue import PartQueue
from hw.records import Records
from hw.ring import Ring
from hw.sequencer import SegmentSequencer
from hw.symbol_table import SymbolTable

from .contract import Offer, Passage
from .free import free
from .harness import Harness, Inside

__all__ = ["Check", "Guard", "Input"]

FREE = (Header, SegmentSequencer, WordDistribution, Lane, Ring, Expander, PartQueue, Lookout, Records, SymbolTable)


class Guard(Harness):
    """After an error nothing is handed out; what is on offer stays; no span ends without its check.

    Nothing is assumed, neither of source and sink nor of what the other blocks say.
    """

    def build(self, m):
        decoder = Decoder(self.config, Contents([], [], (0, 0)))
        with free(*FREE):
            self.inside = Inside(decoder)
        m.submodules.decoder = self.inside.fragment
        self.drive(decoder)
        self.check(m, decoder)

    def check(self, m, decoder):
        """What is claimed."""
        before = self._errors(m, decoder)
        for output in [decoder.beats] if self.config.output is OutputMode.DENSE else decoder.tokens:
            self._output(m, output, before)

    def _output(self, m, output, before):
        """What is on offer stays; none comes on offer from the cycle after an error shows."""
        m.submodules += (offer := Offer(output.payload.shape()))
        offer.watch(m, output)
        self.claim(offer.kept)
        waits = Signal()
        m.d.sync += waits.eq(output.valid & ~output.ready)
        self.claim((before == 0) | waits | ~output.valid)

    def _errors(self, m, decoder):
        """The first error stays, and the input is dropped to its end. Returns the error of the cycle before."""
        words = decoder.words
        error, before = Signal(8), Signal(8)
        done, ended = Signal(), Signal()
        m.d.comb += error.eq(decoder.error)
        m.d.sync += [before.eq(error), done.eq(decoder.done),
                     ended.eq((ended | (words.valid & words.ready & words.payload.last)) & (error != 0))]
        self.claim(~decoder.busy | (error == 0))
        with m.If(before != 0):
            self.claim(error == before)
            self.claim(done | ~decoder.done)
            self.claim(~ended | ~words.ready)
        return before


class Check(Harness):
    """The last transfer of a span waits in the join's head for the check, and goes only if all is right.

    Nothing is assumed of what the join is told.
    """

    def build(self, m):
        join = Join(self.config)
        inside = Inside(join)
        m.submodules.join = inside.fragment
        self.drive(join)
        head, holds = data.View(_head_layout(self.config), inside["head"]), inside["holds"]
        waiting, valid, asked, right, stopped = (Signal(name=name) for name in (
            "waiting", "was_valid", "asked", "right", "stopped"))
        beat = Signal(len(Value.cast(join.beats.payload)))
        now = holds & head.held
        m.d.sync += [
            waiting.eq(now), valid.eq(join.beats.valid), beat.eq(join.beats.payload), stopped.eq(join.stop),
            asked.eq(now & join.resting & join.idle), right.eq(join.used & join.fits & join.at_zero),
        ]
        with m.If(waiting):
            self.claim(~join.beats.valid | (valid & (Value.cast(join.beats.payload) == beat)))
            self.claim(~join.segment_end)
        self.claim((join.rejected.as_value() != 0) == (asked & ~right))
        released = Signal()  # two cycles ago all was found right
        m.d.sync += released.eq(asked & right)
        with m.If(waiting & ~stopped & ~now):
            self.claim(released)


class Input(Harness):
    """Each transfer goes through the control's register to whoever takes it: header or distribution.

    Assumed: the stream goes on and nothing is wrong in it; after its end, or an error, transfers are dropped.
    """

    def build(self, m):
        control, one = Control(self.config), self.config.word_bits
        m.submodules.control, m.submodules.passage, m.submodules.offer = control, Passage(one, 1), Offer(one)
        passage, offer = m.submodules.passage, m.submodules.offer
        self.drive(control, header_error=0, rejected=0, stream_end=0)
        source, header, span = control.transfers, control.header_words, control.span_words
        taken = header.valid & (header.ready | span.ready)
        m.d.comb += [
            passage.put.eq(source.valid & source.ready), passage.value.eq(source.payload.data),
            passage.take.eq(taken), passage.found.eq(header.payload),
            offer.valid.eq(header.valid), offer.ready.eq(header.ready | span.ready), offer.payload.eq(header.payload),
        ]
        self.claim(passage.kept & offer.kept)
        self.claim((span.valid == header.valid) & (span.payload == header.payload))
