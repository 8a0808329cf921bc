"""A lane alone: a look-up in every cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from golden.config import Config

from .layouts import lane_ports
from .parity import parity_of
from .placement import Placement
from .renormalization import Renormalization
from .reservoir import Reservoir
from .token_pair import TokenPair

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Decodes a lane that has the symbol table to itself: a token per cycle while it has the bits and a part of a beat
    to put it into.

    The loop from the state register over symbol table and renormalization is closed in one cycle. Tokens go through
    two places to where they are put into parts, a cycle later at the least; so it may be that a token is looked up
    before it is known what the one before has left of its part. That must not happen past the end of a segment, where
    another table may begin: while a token waits, the next one is looked up only if two or more whole parts, none of
    them the segment's last, are still to come.

    Members
    -------
    words : In(`word_layout`)
        Words for the lane.
    announced : In(`announcement_layout`)
        The beats to work on.
    oldest : In
        Number of the oldest beat whose parts are in the queue, or will be.
    clear, starting, running : In(1)
        Forget all words; read the start state; in the next cycle a token may be looked up, or a part
        completed that needs none.
    lookup, entry : Out(`lookup_layout`), In(`entry_layout`)
        The symbol table, in the same cycle.
    token : Out(`token_layout`)
        What became of a token, ``Config.token_latency`` cycles ago.
    resting, at_zero : Out(1)
        Whether the lane was at the segment's end a cycle ago; whether its state was 0.
    upset : Out(1)
        With ``config.protect``: state or entry of a look-up two cycles ago had a flipped bit.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({**lane_ports(config), "clear": In(1)})

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.pair = pair = TokenPair(config)
        m.submodules.placement = placement = Placement(config)
        m.d.comb += [
            placement.announced.eq(self.announced),
            placement.oldest.eq(self.oldest),
            placement.there.eq(pair.there),
            placement.head.eq(pair.head),
            pair.pop.eq(placement.pop),
            pair.shorten.eq(placement.shorten),
            pair.rest.eq(placement.rest),
            self.token.eq(placement.token),
            self.resting.eq(placement.resting),
        ]
        look_up = Signal()  # a token is looked up
        m.d.sync += placement.running.eq(self.running)
        reservoir = self._look_up(m, pair, look_up)
        m.d.sync += look_up.eq(self.running & reservoir.next_enough & (
            (placement.next_ahead & ~pair.next_second) | (placement.next_first & ~pair.second & ~look_up)))
        return m

    def _look_up(self, m, pair, look_up):
        """State register, window and entry: the next state, and the token."""
        config, entry = self._config, self.entry
        state = Signal(config.table_log, reset_less=True)
        raw_bits = self.announced.raw_bits
        m.submodules.reservoir = reservoir = Reservoir(config)
        m.submodules.renormalization = renormalization = Renormalization(config)
        weight = (entry.value << raw_bits) | renormalization.raw if config.raw_bits else entry.value
        m.d.comb += [
            self.lookup.state.eq(state),
            self.lookup.table.eq(self.announced.table),
            reservoir.words.eq(self.words),
            reservoir.clear.eq(self.clear),
            reservoir.starting.eq(self.starting),
            reservoir.read.eq(look_up),
            reservoir.take.eq(renormalization.take),
            renormalization.window.eq(reservoir.window),
            renormalization.nbits.eq(entry.nbits),
            renormalization.raw_bits.eq(raw_bits),
            pair.push.eq(look_up),
            pair.token.run.eq(entry.run),
            pair.token.value.eq(weight),
            pair.used.eq(reservoir.used),
        ]
        with m.If(self.starting | look_up):
            m.d.sync += state.eq(Mux(self.starting, reservoir.window, entry.base | renormalization.bits))
        m.d.sync += self.at_zero.eq(state == 0)
        if config.protect:
            self._check(m, state, look_up, reservoir.window[:config.table_log], renormalization.parity)
        return reservoir

    def _check(self, m, state, look_up, window, bits):
        """Parity of the state, as two bits of which neither is late: of the base that it came from, and of its bits."""
        entry, parity = self.entry, Signal(2, reset_less=True)
        flipped = Signal(2)  # of the look-up a cycle ago: the entry has a flipped bit, the state has
        with m.If(self.starting | look_up):
            m.d.sync += parity.eq(Mux(self.starting, window.xor(), Cat(entry.base.xor(), bits)))
        m.d.sync += [
            flipped.eq(Cat(parity_of(entry), parity_of(state, parity)) & look_up.replicate(2)),
            self.upset.eq(flipped.any()),
        ]
