"""The sparse output: records in order, and room for all of them."""

from amaranth.hdl import Mux, Signal

from golden.config import TOKEN_QUEUE
from hw.lane import Lane
from hw.layouts import sparse_layout
from hw.reservoir import Reservoir
from hw.ring import Ring
from hw.sparse_output import SparseOutput
from hw.word_memory import WordMemory

from .contract import Offer, Passage
from .free import free
from .harness import Harness, Inside

__all__ = ["Records", "Room"]


class Records(Harness):
    """The records are the tokens and the ends that came, in order, then the ends that a span's end tells, turn by turn.

    Assumed: no more come than there are places for (`Room`), none while a span's ends are told, and a span ends when
    those of the one before have been told. From a stop on, at any time, no record comes on offer.
    """

    def build(self, m):
        config = self.config
        output, layout = SparseOutput(config), sparse_layout(config)
        inside = Inside(output)
        m.submodules.output = inside.fragment
        m.submodules.passage = passage = Passage(layout, TOKEN_QUEUE)
        m.submodules.offer = offer = Offer(layout)
        self.drive(output)
        token, records = output.token, output.records
        telling, turn, room = Signal(), Signal(range(config.ring)), Signal()  # of which lane the end is told next
        put, record = Signal(), Signal(layout)
        over = token.over & ~output.last_of_span
        comes = (token.taken | over) & ~output.sweeping
        self.assume(~comes | (~telling & (passage.inside != TOKEN_QUEUE)))
        self.assume(~output.span_end | ~telling)
        m.d.comb += [
            put.eq(comes | (telling & (passage.inside != TOKEN_QUEUE))),
            record.turn.eq(token.turn), record.run.eq(token.run), record.value.eq(token.value),
            record.keep.eq(token.taken), record.last.eq(over),
            passage.put.eq(put), passage.value.eq(record),
            passage.take.eq(records.valid & records.ready), passage.found.eq(records.payload),
        ]
        offer.watch(m, records)
        with m.If(telling):  # a token's run and value do not matter without one
            m.d.comb += [record.turn.eq(turn), record.keep.eq(0), record.last.eq(1)]
            m.d.sync += [turn.eq(turn + put), telling.eq(~(put & (turn == config.ring - 1)))]
        with m.If(output.span_end):
            m.d.sync += [telling.eq(1), turn.eq(0)]
        m.d.sync += room.eq((passage.inside < config.token_room) & ~telling)
        self.claim(passage.kept & offer.kept)
        self.claim(output.empty == ((passage.inside == 0) & ~telling))
        self.claim(output.room == room)
        waits = Signal()
        m.d.sync += waits.eq(records.valid & ~records.ready)
        self.claim(records.valid == ((passage.inside != 0) & (waits | ~output.stop)))
        self._places(m, inside, passage, telling, turn)

    def _places(self, m, inside, passage, telling, turn):
        """Lemmas: where the watched record is, and what is kept of the ends."""
        first, last = inside["queue.consume"], inside["queue.produce"]
        self.lemma(inside["queue.level"] == passage.inside)
        self.lemma((first + passage.inside)[:len(first)] == last)
        self.lemma(inside["$signal"] == telling)  # whether the ends are being told
        if self.config.ring > 1:
            self.lemma(~telling | ((inside["turn"] == turn) & (turn < self.config.ring)))
        with m.If(passage.watching):
            self.lemma(passage.before < passage.inside)
            for number, row in enumerate(inside.memories[0].rows):
                with m.If((first + passage.before)[:len(first)] == number):
                    self.lemma(row == passage.thing)


class Room(Harness):
    """A lane alone, or a ring, whose turns begin only where there is room, never has more tokens and ends than there
    are places for.

    Bits and entries, beats, runs of the control, and when records are taken, are anything.
    """

    def build(self, m):
        config = self.config
        ring, output = (Lane if config.ring == 1 else Ring)(config), SparseOutput(config)
        with free(Reservoir, WordMemory):
            m.submodules.ring = Inside(ring).fragment
        inside = Inside(output)
        m.submodules.output = inside.fragment
        fresh = Signal(range(3 * config.ring + 3), init=3 * config.ring + 2)
        with m.If(fresh != 0):
            m.d.sync += fresh.eq(fresh - 1)
        going = fresh == 0
        turn = Signal(range(config.ring))
        m.d.sync += turn.eq(Mux(turn == config.ring - 1, 0, turn + 1))
        swept = {"turn": turn, "sweeping": ~going, "loading": ~going} if config.ring > 1 else {}
        self.drive(ring, running=self.any_of(1, "may_run") & going & output.room, starting=0, **swept)
        self.drive(output, token=ring.token, sweeping=~going, span_end=0)
        self.claim(~inside["w_en"] | inside["queue.w_rdy"])
