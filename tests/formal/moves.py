"""That nothing stands still: lanes, join and control each go on when they have what they wait for; and the decoder
whole, for so many cycles."""

from contextlib import ExitStack
from unittest.mock import patch

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data

from hw.control import PHASES, Control
from hw.decoder import Contents, Decoder
from hw.expander import Expander
from hw.header import Header
from hw.join import Join, _head_layout
from hw.layouts import record_layout
from hw.records import Records
from hw.symbol_table import SymbolTable
from hw.words_crc import WordsCrc

from .free import free
from .harness import Harness, Inside
from .tokens import Weights

__all__ = ["JoinMoves", "LaneMoves", "Phases", "Steady", "Whole"]

SEGMENTS = [(2, 0, 1), (0, 1, 0), (1, 1, 1)]  #: beats and weights beyond, and whether the lanes restart


class LaneMoves(Weights):
    """A lane that has its bits, and may work, completes the part that is announced within `patience` cycles.

    Its bits: a lane alone is promised a token's in the fourth cycle without a reading at the latest, as its reservoir
    does; a ring's lane has them in each turn. A part has its place as soon as those before it are complete. Entries,
    beats and segments are as in `Weights`.
    """

    def patience(self):
        """V tokens and the way to the part queue."""
        config = self.config
        return 4 * config.vector + 8 if config.ring == 1 else config.ring * (config.vector + 2) + config.token_latency

    def check(self, m, ring, expander, mine, announced):
        config, inside = self.config, self.inside
        part, waits = Signal.like(announced.parts), Signal(range(self.patience() + 2))
        done = mine & ring.token.complete
        m.d.sync += part.eq(part + done)
        self.assume(ring.running == self.going)
        self.assume(ring.oldest == part)
        if config.ring == 1:
            still = Signal(range(4))
            m.d.sync += still.eq(Mux(inside["look_up"], 0, Mux(still == 3, 3, still + 1)))
            self.assume((still != 3) | inside["look_up"] | inside["reservoir.any_next_enough"])
        else:
            self.assume(inside["reservoir.any_enough"])
        wanted = self.going & (announced.parts != part)
        m.d.sync += waits.eq(Mux(wanted & ~done, waits + 1, 0))
        self.claim(waits <= self.patience())


class JoinMoves(Harness):
    """The join fetches a turn within three cycles in which one is there, requests have room and the sink holds nothing
    up. The span's last transfer leaves, or is rejected, within four in which the lanes rest and nothing is asked for.

    Assumed: what is there stays until it is fetched.
    """

    def build(self, m):
        config, join = self.config, Join(self.config)
        inside = Inside(join)
        m.submodules.join = inside.fragment
        self.drive(join, stop=0)
        head, holds = data.View(_head_layout(config), inside["head"]), inside["holds"]
        one = Cat(ahead.one for ahead in join.ahead).all()
        two = Cat(ahead.two for ahead in join.ahead).all()
        was, fetched, was_two = Signal(), Signal(), Signal()
        m.d.sync += [was.eq(one), was_two.eq(two), fetched.eq(join.advance)]
        self.assume(~was | one | fetched)
        self.assume(~fetched | ~was_two | one)
        held = holds & head.held
        able = Mux(held, join.resting & join.idle, one & join.room) & ~(join.beats.valid & ~join.beats.ready)
        goes = join.advance | (join.rejected.as_value() != 0) | ~able
        waits = Signal(range(8))
        m.d.sync += waits.eq(Mux(goes, 0, waits + 1))
        self.claim(waits <= 4)


class Phases(Harness):
    """The control is in one phase, and leaves each in time, once what it waits for has come.

    What it waits for: in the preload that this is over, in the run the span's end, in the drain that all is taken, in
    the drop the stream's last transfer. Header and failure last as long as they like.
    """

    def build(self, m):
        config, control = self.config, Control(self.config)
        inside = Inside(control)
        m.submodules.control = inside.fragment
        self.drive(control)
        phase = data.View(data.StructLayout(dict.fromkeys(PHASES, 1)), inside["phase"])
        bits = phase.as_value()
        self.claim((bits != 0) & ((bits & (bits - 1)) == 0))
        held = phase.header | phase.failed | (phase.preload & control.preloading) | (phase.run & ~control.span_end) | (
            phase.drain & ~control.drained) | (phase.drop & ~inside["ended"])
        most = config.ring * config.parts_ahead + 2
        before, waits = Signal.like(bits), Signal(range(most + 2))
        m.d.sync += [before.eq(bits), waits.eq(Mux(held, 0, Mux(before == bits, waits + 1, 0)))]
        self.claim(waits <= most)


class Whole(Harness):
    """The decoder but for its header's reader: it never does nothing that shows for more than `patience` cycles: it
    takes a transfer, hands one out, hands a word to a lane, or is done or in an error. Cycles in which it waits for a
    word of the source, or the sink holds it up, do not count.

    The segments are `SEGMENTS`, in two spans of any numbers of stored words. Entries, words and the CRC-32 are
    anything. The header comes at any time and is right, or is wrong.
    """

    @property
    def patience(self):
        """Those cycles, found by trying."""
        return 17 if self.config.lanes == 1 else 24

    def build(self, m):
        config = self.config
        decoder = Decoder(config, Contents([], [], (0, 0)))
        with ExitStack() as stack:
            stack.enter_context(free(Header, SymbolTable, WordsCrc, Expander))
            stack.enter_context(patch.object(Records, "elaborate", lambda *given: self._records(*given)))
            inside = Inside(decoder)
        m.submodules.decoder = inside.fragment
        self.drive(decoder)
        phase = data.View(data.StructLayout(dict.fromkeys(PHASES, 1)), inside["control.phase"])
        self.assume(inside["header.any_segments"] == len(SEGMENTS))
        self.assume(~inside["header.any_source_ready"] | phase.header)
        words, beats, patience = decoder.words, decoder.beats, self.patience
        given = Cat(inside[f"distribution.enable_{ring}"] for ring in range(config.rings)).any()
        shows = (words.valid & words.ready) | (beats.valid & beats.ready) | given | phase.header | phase.failed
        asks = inside["distribution.hungry"] | phase.drop
        blamed = (beats.valid & ~beats.ready) | (asks & ~inside["control.full"] & ~inside["control.ended"])
        waits = Signal(range(patience + 2))
        m.d.sync += waits.eq(Mux(shows, 0, Mux(blamed, waits, waits + 1)))
        self.decoder = decoder
        self.header_done = inside["header.any_done"] & (inside["header.any_error"] == 0)
        self.claim(waits <= patience)

    def _records(self, records, platform):
        """In place of those of the stream: `SEGMENTS`."""
        m, config = Module(), self.config
        shown = Signal(record_layout(config))
        for number, (beats, rest, restart) in enumerate(SEGMENTS):
            with m.If(records.address == number):
                m.d.comb += [shown.weights.eq(beats * config.beat_weights + rest - 1), shown.restart.eq(restart)]
                if restart:
                    m.d.comb += shown.words.eq(self.some(config.count_bits, f"stored_{number}"))
        m.d.sync += records.record.eq(shown)
        return m


class Steady(Whole):
    """The same, with a header that is right at once, a source that offers a word in each cycle and a sink that takes
    what there is: so more cycles can be looked at, and the stream is done, or in an error, `most` cycles after the
    reset at the latest."""

    @property
    def most(self):
        """Those cycles, found by trying."""
        return 100 if self.config.lanes == 1 else 120

    def build(self, m):
        super().build(m)
        decoder = self.decoder
        self.assume(decoder.words.valid & decoder.beats.ready)
        self.assume(self.header_done)
        time = Signal(range(self.most + 1))
        m.d.sync += time.eq(Mux(time == self.most, time, time + 1))
        ended = Signal()
        over = decoder.done | (decoder.error.as_value() != 0)
        m.d.sync += ended.eq(ended | over)
        self.claim((time != self.most) | ended | over)
