"""The join: from parts to transfers and requests."""

from amaranth.hdl import Cat, Mux, Signal

from hw.join import Join
from hw.layouts import beat_layout, request_layout

from .contract import Offer, Passage
from .harness import Harness

__all__ = ["Transfers"]


class Transfers(Harness):
    """Parts are fetched turn by turn, beat by beat, when they are there. Each turn that has weights becomes a transfer
    of all its parts' weights, in order; the one with the segment's last weights says so, and which there are. Each turn
    whose parts ask for words becomes a request for them, but in the last beat of a span. A segment's end is told once,
    when its last transfer is on offer or has been taken.

    Assumed, as sequencer and lookouts keep to it: beats are announced one after the other, with the last one what there
    is of it, which stays until the next segment is loaded, at the end of this one at the earliest; parts are there two
    cycles after their beat was announced at the earliest. The check finds all right. When anything comes, what parts
    hold, and when the sink goes on, is anything.
    """

    def build(self, m):
        config, join = self.config, Join(self.config)
        m.submodules.join = join
        self.join, self.told, self.ended = join, Signal.like(join.announced), Signal(init=1)
        of_span, last_turn, left = Signal(), Signal.like(join.last_turn), Signal.like(join.left)
        self.drive(join, stop=0, used=1, fits=1, at_zero=1, last_of_span=of_span, announced=self.told,
                   ended=self.ended, last_turn=last_turn, left=left)
        busy = Signal()  # a segment has been loaded, and has not ended
        load = self.any_of(1, "load") & (~busy | join.segment_end)
        announce, last, ahead = self.any_of(1, "announce"), self.any_of(1, "last"), Signal.like(self.told)
        new_of_span = self.any_of(1, "new_of_span")
        new_turn, new_left = self.any_of(last_turn.shape(), "new_turn"), self.any_of(left.shape(), "new_left")
        m.d.comb += ahead.eq(self.told - join.wanted.number)
        m.d.sync += busy.eq(load | (busy & ~join.segment_end))
        with m.If(load):
            m.d.sync += [self.ended.eq(0), of_span.eq(new_of_span)]
        with m.Elif(busy & ~self.ended & announce & (ahead != config.beats_ahead)):
            m.d.sync += [self.told.eq(self.told + 1), self.ended.eq(last)]
            with m.If(last):
                m.d.sync += [last_turn.eq(new_turn), left.eq(new_left)]
        self.assume((last_turn < config.ring) & (left < config.transfer_weights))
        self._parts_are_there(m)
        final = self.ended & (join.wanted.number == (self.told - 1)[:len(self.told)])
        self._transferred(m, final, last_turn, left)
        self._asked(m, final & of_span)
        self._ended(m, final)

    def _parts_are_there(self, m):
        """What is fetched are parts of beats announced; the next ones are wanted as soon as these are fetched."""
        config, join, wanted = self.config, self.join, self.join.wanted
        once, twice, there = (Signal.like(self.told, name=name) for name in ("once", "twice", "there"))
        m.d.sync += [once.eq(self.told), twice.eq(once)]
        m.d.comb += there.eq(twice - wanted.number)  # beats, the one that is being fetched with them
        final = wanted.turn == config.ring - 1
        for ahead in join.ahead:
            self.assume(~ahead.one | (there != 0))
            self.assume(~ahead.two | (there > final))
        number, turn = Signal.like(self.told), Signal.like(wanted.turn)
        m.d.sync += [number.eq(Mux(join.advance & final, wanted.number + 1, wanted.number)),
                     turn.eq(Mux(join.advance, Mux(final, 0, wanted.turn + 1), wanted.turn))]
        self.claim((wanted.number == number) & (wanted.turn == turn))
        self.claim(~join.advance | (there != 0))

    def _transferred(self, m, final, last_turn, left):
        """Transfers are the turns with weights."""
        join, beat = self.join, Signal(beat_layout(self.config))
        m.submodules.offer, m.submodules.passage = Offer(beat.shape()), Passage(beat.shape(), 2)
        offer, passage = m.submodules.offer, m.submodules.passage
        m.d.comb += [
            beat.weights.eq(Cat(part.weights for part in join.parts)),
            beat.last.eq(final & (join.wanted.turn == last_turn)),
            beat.keep.eq(Mux(beat.last, (2 << left) - 1, ~0)),
            passage.put.eq(join.advance & (~final | (join.wanted.turn <= last_turn))), passage.value.eq(beat),
            passage.take.eq(join.beats.valid & join.beats.ready), passage.found.eq(join.beats.payload),
        ]
        offer.watch(m, join.beats)
        self.claim(passage.kept & offer.kept)
        self.claim(~join.segment_end | (passage.inside == join.beats.valid))

    def _asked(self, m, silent):
        """Requests are the turns that ask for words."""
        config, join, request = self.config, self.join, Signal(request_layout(self.config))
        m.submodules.requests = passage = Passage(request.shape(), 2)
        mask = Cat(part.asked > k for part in join.parts for k in range(config.words_per_beat))
        m.d.comb += [
            request.turn.eq(join.wanted.turn), request.mask.eq(mask),
            passage.put.eq(join.advance & (mask != 0) & ~silent), passage.value.eq(request),
            passage.take.eq(join.requests.valid), passage.found.eq(join.requests.payload),
        ]
        self.claim(passage.kept)
        self.claim(~join.segment_end | (passage.inside == join.requests.valid))

    def _ended(self, m, final):
        """Segments end as often as their last turns are fetched."""
        join, ends = self.join, Signal()
        fetched = join.advance & final & (join.wanted.turn == self.config.ring - 1)
        m.d.sync += ends.eq(fetched | (ends & ~join.segment_end))
        self.claim(~(fetched & ends) & (ends | ~join.segment_end))
        self.claim(~join.span_end | (join.segment_end & join.last_of_span))
        self.claim(~join.segment_end | ~join.last_of_span | join.span_end)
