"""One lane: state register, symbol table, renormalization, reservoir and expander."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.config import Config

from .expander import Expander
from .layouts import lane_beat_layout, table_write_layout, work_layout
from .renormalization import Renormalization
from .reservoir import Reservoir
from .state_register import StateRegister
from .symbol_table import SymbolTable

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Decodes one lane: one token per cycle while the reservoir has the bits and the expander has room.

    Latency: a token is looked up in one cycle and goes into its beat in the next; the beat is on offer in the third.

    Parameters
    ----------
    config : Config
    tables : list of list of dict
        Style ROM: see `SymbolTable`.

    Members
    -------
    words : In(stream of W bits, always ready)
        The lane's words.
    start : In(1)
        Read the start state, in a cycle after the preload.
    current, following : In(`work_layout`)
        What the lane must know of the oldest beat not yet handed out, and of the one after.
    beat : Out(stream of `lane_beat_layout`)
        The lane's part of a beat.
    write : In(`table_write_layout`)
        Style RAM: an entry for the symbol table.
    at_zero : Out(1)
        Whether the state is 0.
    clear : In(1)
        Forget all but the tables.
    """

    def __init__(self, config: Config, tables=()):
        self._config = config
        self._tables = tables
        super().__init__({
            "words": In(stream.Signature(config.word_bits, always_ready=True)),
            "start": In(1),
            "current": In(work_layout(config)),
            "following": In(work_layout(config)),
            "beat": Out(stream.Signature(lane_beat_layout(config))),
            "write": In(table_write_layout(config)),
            "at_zero": Out(1),
            "clear": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.state = state = StateRegister(config)
        m.submodules.table = table = SymbolTable(config, self._tables)
        m.submodules.renormalization = renormalization = Renormalization(config)
        m.submodules.reservoir = reservoir = Reservoir(config)
        m.submodules.expander = expander = Expander(config)
        connect(m, flipped(self.words), reservoir.words)
        connect(m, expander.beat, flipped(self.beat))

        work = Signal(work_layout(config))
        entry = table.entry
        m.d.comb += [
            work.eq(Mux(self.beat.valid, self.following, self.current)),
            table.table.eq(work.table),
            table.state.eq(state.state),
            table.write.eq(self.write),
            renormalization.window.eq(reservoir.window),
            renormalization.start.eq(self.start),
            renormalization.nbits.eq(entry.nbits),
            renormalization.raw_bits.eq(work.raw_bits),
            expander.work.valid.eq(work.valid),
            expander.work.need.eq(work.need),
            expander.work.final.eq(work.final),
            expander.fetch.eq(expander.want & reservoir.enough),
            expander.token.zeros.eq(entry.run),
            expander.token.weight.eq((entry.value << work.raw_bits) | renormalization.raw),
            expander.token.crossed.eq(reservoir.crossed),
            reservoir.take.eq(renormalization.take),
            reservoir.step.eq(expander.fetch | self.start),
            state.base.eq(entry.base),
            state.bits.eq(renormalization.bits),
            state.step.eq(expander.fetch),
            state.start.eq(self.start),
            reservoir.clear.eq(self.clear),
            expander.clear.eq(self.clear),
            self.at_zero.eq(state.state == 0),
        ]
        return m
