"""The expander of a lane: tokens in, V weights per beat out."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import lane_beat_layout

__all__ = ["Expander", "token_layout"]


def token_layout(config: Config):
    """A token on its way: zeros still to come, then ``weight``; ``crossed``: reading it reached a word boundary."""
    return data.StructLayout({"zeros": range(config.max_run), "weight": signed(config.weight_bits), "crossed": 1})


class Expander(wiring.Component):
    """Holds one token and fills the lane's part of one beat from it, up to V weights per cycle.

    One token and one beat per cycle. A token that reaches beyond the lane's last weight of the segment is cut. No token
    is wanted past that weight until the beat it belongs to has been taken, for the next one belongs to another table.

    Members
    -------
    work : In
        The beat to fill: whether there is one (``valid``), the weights to put into it (``need``), and whether the lane
        owns none in later beats of the segment (``final``). While ``beat.valid`` it is the beat after.
    want : Out(1)
        Whether a token can be taken in this cycle.
    token, fetch : In(`token_layout`), In(1)
        The token, and that it is handed over in this cycle (only if ``want``).
    beat : Out(stream of `lane_beat_layout`)
        The filled beat.
    clear : In(1)
        Forget everything.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "work": In(data.StructLayout({"valid": 1, "need": range(config.vector + 1), "final": 1})),
            "want": Out(1),
            "token": In(token_layout(config)),
            "fetch": In(1),
            "beat": Out(stream.Signature(lane_beat_layout(config))),
            "clear": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, beat, work = self._config, self.beat, self.work
        held = Signal(token_layout(config))
        holds = Signal()
        fill = Signal(range(config.vector + 1))
        ended = Signal()  # the beat on offer is the lane's final one

        filling = Signal()  # a beat is being filled in this cycle
        start = Signal(range(config.vector + 1))
        room = Signal(range(config.vector + 1))
        length = Signal(range(config.max_run + 1))
        fits = Signal()
        filled = Signal(range(config.vector + 1))
        full = Signal()
        spent = Signal()
        m.d.comb += [
            filling.eq(work.valid & (~beat.valid | beat.ready)),
            start.eq(Mux(beat.valid, 0, fill)),
            room.eq(work.need - start),
            length.eq(held.zeros + 1),
            fits.eq(length <= room),
            filled.eq(start + Mux(holds, Mux(fits, length, room), 0)),
            full.eq(filling & (filled == work.need)),
            spent.eq(filling & (fits | (full & work.final))),
            self.want.eq(work.valid & (~holds | spent) & ~Mux(filling, full & work.final, ended)),
        ]

        with m.If(filling):
            m.d.sync += [
                fill.eq(filled),
                beat.payload.asked.eq(Mux(beat.valid, 0, beat.payload.asked) + (holds & held.crossed)),
                ended.eq(work.final),
            ]
            for slot in range(config.vector):
                here = holds & (slot == start + held.zeros) & (slot < work.need)
                with m.If(slot >= start):
                    m.d.sync += beat.payload.weights[slot].eq(Mux(here, held.weight, 0))
        with m.Elif(beat.ready):
            m.d.sync += [fill.eq(0), beat.payload.asked.eq(0)]
        with m.If(full):
            m.d.sync += beat.valid.eq(1)
        with m.Elif(beat.ready):
            m.d.sync += beat.valid.eq(0)

        with m.If(self.fetch):
            m.d.sync += [held.eq(self.token), holds.eq(1)]
        with m.Elif(spent):
            m.d.sync += holds.eq(0)
        with m.Elif(filling):
            m.d.sync += [held.zeros.eq(held.zeros - room), held.crossed.eq(0)]
        with m.If(self.clear):
            m.d.sync += [holds.eq(0), beat.valid.eq(0), fill.eq(0), beat.payload.asked.eq(0)]
        return m
