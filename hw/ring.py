"""A ring: C lanes that take turns in one look-up."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from golden.config import Config

from .delay import delay
from .layouts import lane_layout, lane_ports
from .parity import parity_of
from .renormalization import Renormalization
from .step import Step
from .word_memory import WordMemory

__all__ = ["Ring", "found_layout"]


def _work_layout(config):
    """What a lane may do in its turn: ``allowed``: there is a part of a beat to work on; ``full``: there is no place
    for it once it is complete; ``final``: it is the last of the segment, ``need``: the weights that it must then have,
    or, once it is known what it has, the ``room`` that there is (less 1), or ``spent``; ``starting``: the start state
    is to be read."""
    return data.StructLayout({
        "allowed": 1, "full": 1, "final": 1, "need": range(config.vector + 1), "room": range(config.vector), "spent": 1,
        "raw_bits": range(config.raw_bits + 1), "starting": 1, "turn": range(config.ring)})


def found_layout(config):
    """All of a step but the choice between the lane as it was and as it will be.

    With ``config.protect``: ``flipped``: the entry has a flipped bit; ``parity``: of ``state``, of ``bits`` and of
    ``base``, which meet only where these do."""
    return data.StructLayout({
        "state": config.table_log,  # if no entry is taken
        "bits": config.table_log,
        "base": config.table_log,
        "moved": range(config.word_bits),
        "crossed": 1,
        "resting": 1,
        "value": signed(config.weight_bits),
        "run": range(config.max_run),
        "final": 1,
        "starting": 1,
        "turn": range(config.ring),
        **({"flipped": 1, "parity": data.ArrayLayout(1, 3)} if config.protect else {}),
    })


class Ring(wiring.Component):
    """Decodes C lanes, of which one has its turn in each cycle: a token per turn while the lane has the bits and a part
    of a beat to put it into.

    What a lane keeps (`lane_layout`) goes round through C registers: state register, pointer and place in the beats.
    When its turn begins it asks for an entry and for a window of bits. Both are there ``Config.entry_latency`` cycles
    later; ``Config.step_latency`` cycles after the begin the step is made, and shows when the lane's next turn begins.

    Parameters
    ----------
    config : Config
        Of two lanes per ring or more; a lane alone is a `hw.lane.Lane`.

    Members
    -------
    words : In(`word_layout`)
        Words for the lanes.
    turn : In(range(C))
        Whose turn begins.
    announced : In(`announcement_layout`)
        The beats to work on, as of the lane whose turn begins.
    oldest : In
        Number of the oldest beat whose parts are in the queue, or will be.
    sweeping, loading, starting, running : In(1)
        Begin with part 0, as after a reset; a span is being loaded: read from its first bit; the lane whose turn begins
        is to read its start state, or may work.
    lookup, entry : Out(`lookup_layout`), In(`entry_layout`)
        The symbol table.
    token : Out(`token_layout`)
        The step that was made a cycle ago.
    resting, at_zero : Out(1)
        Whether in their last turns all lanes were at the segment's end; whether their states were 0.
    upset : Out(1)
        With ``config.protect``: the state of the lane whose turn began two cycles ago, or the entry with which a step
        was made two cycles ago, had a flipped bit.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            **lane_ports(config),
            "turn": In(range(config.ring)),
            "sweeping": In(1),
            "loading": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        after = Signal(lane_layout(config))  # the lane after its step
        lane = delay(m, after, config.ring - config.step_latency, "lane")  # the lane whose turn begins
        work = self._begin(m, lane)
        self._watch(m, lane)
        window, enough, following = self._reservoir(m, lane)
        at_entry = delay(m, lane, config.entry_latency, "at_entry")
        found, step = self._find(m, at_entry, self._room(m, lane, work), window, enough)
        rest_of_way = config.step_latency - config.entry_latency
        self._finish(m, delay(m, at_entry, rest_of_way, "at_step"), delay(m, found, rest_of_way, "found"),
                     step, delay(m, following, config.step_latency, "following"), after)
        if config.protect:
            flipped = Signal(2)  # of a cycle ago: the state at the begin of a turn, the entry taken in a step
            m.d.sync += [flipped.eq(Cat(parity_of(lane.state, lane.parity) & self.running, self._flipped)),
                         self.upset.eq(flipped.any())]
        return m

    def _begin(self, m, lane):
        """The begin of a turn: which entry, and what the lane may do with it."""
        config, announced = self._config, self.announced
        work = Signal(_work_layout(config))
        m.d.comb += [
            self.lookup.state.eq(lane.state),
            self.lookup.table.eq(announced.table),
            work.allowed.eq(self.running & (lane.part != announced.parts)),
            work.full.eq((lane.part[:-1] == self.oldest[:-1]) & (lane.part[-1] != self.oldest[-1])),
            work.final.eq(announced.ended & ((lane.part + 1)[:len(lane.part)] == announced.parts)),
            work.need.eq(announced.need),
            work.raw_bits.eq(announced.raw_bits),
            work.starting.eq(self.starting),
            work.turn.eq(self.turn),
        ]
        return work

    def _room(self, m, lane, work):
        """What the lane may do, as of the entry's time, with the room in its part."""
        early = self._config.entry_latency // 2
        work = delay(m, work, early, "work")
        fill = delay(m, lane.fill, early, "fill")
        known = Signal.like(work)
        need = Mux(work.final, work.need, self._config.vector)
        m.d.comb += [known.eq(work), known.room.eq(need - fill - 1), known.spent.eq(need <= fill)]
        return delay(m, known, self._config.entry_latency - early, "known")

    def _watch(self, m, lane):
        """Look at each lane as its turn begins, and remember the last C looks."""
        look = Signal(data.StructLayout({"resting": 1, "at_zero": 1}))
        m.d.comb += [
            look.resting.eq(self.announced.ended & (lane.part == self.announced.parts)),
            look.at_zero.eq(lane.state == 0),
        ]
        looks = [delay(m, look, 1, "look")]
        while len(looks) < self._config.ring:
            looks.append(delay(m, looks[-1], 1, "look"))
        resting = at_zero = 1
        for look in looks:
            resting &= look.resting
            at_zero &= look.at_zero
        m.d.comb += [self.resting.eq(resting), self.at_zero.eq(at_zero)]

    def _reservoir(self, m, lane):
        """The window as of the entry's time, whether it has arrived, and the place of the lane's next word."""
        config = self._config
        following = Signal(data.StructLayout({"word": range(config.preload), "lap": 1}))
        m.submodules.reservoir = reservoir = WordMemory(config)
        m.d.comb += [
            reservoir.words.eq(self.words),
            reservoir.turn.eq(self.turn),
            reservoir.word.eq(lane.word),
            reservoir.lap.eq(lane.lap),
            reservoir.pointer.eq(lane.pointer),
            following.word.eq(reservoir.following),
            following.lap.eq(reservoir.following_lap),
        ]
        return reservoir.window, reservoir.enough, following

    def _find(self, m, lane, work, window, enough):
        """The step, from the entry and the window."""
        config, entry = self._config, self.entry
        m.submodules.renormalization = renormalization = Renormalization(config)
        m.submodules.step = step = Step(config)
        resting = (lane.rest.length != 0) if config.max_run > config.vector else 0
        moved = Signal(range(2 * config.word_bits))
        found = Signal(found_layout(config))
        weight = (entry.value << work.raw_bits) | renormalization.raw if config.raw_bits else entry.value
        m.d.comb += [
            renormalization.window.eq(window),
            renormalization.nbits.eq(entry.nbits),
            renormalization.raw_bits.eq(work.raw_bits),
            moved.eq(lane.pointer + renormalization.take),
            step.allowed.eq(work.allowed),
            step.token.eq(enough | resting),
            step.full.eq(work.full),
            step.final.eq(work.final),
            step.spent.eq(work.spent),
            step.room.eq(work.room),
            step.fill.eq(lane.fill),
            step.run.eq(Mux(resting, lane.rest.length - 1, entry.run)),
            found.state.eq(Mux(work.starting, window[:config.table_log], lane.state)),
            found.bits.eq(renormalization.bits),
            found.base.eq(entry.base),
            found.moved.eq(moved),
            found.crossed.eq(moved[-1]),
            found.resting.eq(resting),
            found.value.eq(Mux(resting, lane.rest.value, weight)),
            found.run.eq(entry.run),
            found.final.eq(work.final),
            found.starting.eq(work.starting),
            found.turn.eq(work.turn),
        ]
        if config.protect:
            m.d.comb += [
                found.flipped.eq(parity_of(entry)),
                found.parity[0].eq(Mux(work.starting, window[:config.table_log].xor(), lane.parity)),
                found.parity[1].eq(renormalization.parity),
                found.parity[2].eq(entry.base.xor()),
            ]
        return found, step

    def _finish(self, m, lane, found, step, following, after):
        """The lane after its step, and the step as others see it."""
        config = self._config
        token = Signal.like(self.token, reset_less=True)
        taken, used = Signal(), Signal()  # an entry is taken; with it a word is used up
        asked = Signal.like(lane.asked)
        m.d.comb += [
            taken.eq(step.placed & ~found.resting),
            used.eq(taken & found.crossed),
            asked.eq(lane.asked + used),
            after.eq(lane),
            after.state.eq(Mux(taken, found.base | found.bits, found.state)),
            after.pointer.eq(Mux(taken, found.moved, Mux(found.starting, config.table_log, lane.pointer))),
            after.fill.eq(step.filled),
            after.part.eq(lane.part + step.complete),
            after.asked.eq(Mux(step.complete, 0, asked)),
        ]
        if config.protect:
            self._flipped = taken & found.flipped
            m.d.comb += after.parity.eq(Mux(taken, found.parity[1] ^ found.parity[2], found.parity[0]))
        with m.If(used):
            m.d.comb += [after.word.eq(following.word), after.lap.eq(following.lap)]
        with m.If(step.complete & found.final):
            m.d.comb += after.rest.length.eq(0)
        with m.Elif(step.placed):
            m.d.comb += [after.rest.length.eq(step.rest), after.rest.value.eq(found.value)]
        with m.If(self.sweeping):
            m.d.comb += after.part.eq(0)
        with m.If(self.loading):
            m.d.comb += [after[name].eq(0) for name in ("pointer", "word", "lap", "fill", "asked", "rest")]
        m.d.sync += [
            token.turn.eq(found.turn),
            token.place.eq(1 << step.position),
            token.here.eq(Mux(step.here, found.value, 0)),
            token.kept.eq(Mux(Mux(step.complete, step.beyond, step.here), found.value, 0)),
            token.complete.eq(step.complete),
            token.part.eq(lane.part),
            token.asked.eq(asked),
            token.taken.eq(taken),
            token.run.eq(found.run),
            token.value.eq(Mux(step.cut, 0, found.value)),
            token.over.eq(step.complete & found.final),
        ]
        m.d.comb += self.token.eq(token)
