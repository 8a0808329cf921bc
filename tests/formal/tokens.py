"""Tokens to weights: a lane alone, or the lanes of a ring, together with the expander."""

from amaranth.hdl import Cat, Mux, Signal, signed

from hw.expander import Expander
from hw.lane import Lane
from hw.reservoir import Reservoir
from hw.ring import Ring
from hw.word_memory import WordMemory

from .contract import Passage
from .free import free
from .harness import Harness, Inside

__all__ = ["Weights"]


class Weights(Harness):
    """The parts of a lane hold the weights of its tokens, one after the other, cut at the segment's end.

    Watch any lane and any weight of any of its tokens. Entries, bits and their coming, places for parts and pauses are
    anything at all. Assumed of the sequencer: beats are announced one after the other, as many as `Config.beats_ahead`;
    the last one of a segment stays until the lane is done with it; then the next segment begins.
    """

    def build(self, m):
        config = self.config
        ring, expander = (Lane if config.ring == 1 else Ring)(config), Expander(config)
        with free(Reservoir, WordMemory):
            self.inside = inside = Inside(ring)
        m.submodules.ring = inside.fragment
        m.submodules.expander = expander
        lane = self.some(range(config.ring), "lane")
        self.assume(lane < config.ring)
        turn, fresh = Signal(range(config.ring)), Signal(range(3 * config.ring + 1), init=3 * config.ring)
        m.d.sync += turn.eq(Mux(turn == config.ring - 1, 0, turn + 1))
        with m.If(fresh != 0):
            m.d.sync += fresh.eq(fresh - 1)
        announced = Signal.like(ring.announced)
        self.going = going = fresh == 0
        swept = {"turn": turn, "sweeping": ~going, "loading": ~going} if config.ring > 1 else {}
        self.drive(ring, announced=announced, running=self.any_of(1, "may_run") & going, starting=0, **swept)
        self.drive(expander, token=ring.token, clear=~going)
        mine = going & (ring.token.turn == lane)
        self._announce(m, announced, ring.token, mine, turn == lane)
        self.check(m, ring, expander, mine, announced)

    def check(self, m, ring, expander, mine, announced):
        """What is claimed; ``mine``: the token is of the watched lane."""
        if self.config.ring == 1:
            self._pass(m, self.inside["look_up"], ring, mine)
        self._follow(m, ring.token, expander.weights, mine, announced)

    def _announce(self, m, announced, token, mine, begins):
        """Beats, one after the other, as the watched lane sees them; others may be told of other needs."""
        config, part = self.config, Signal.like(announced.parts)  # of the lane
        more, final, need = self.any_of(1, "more"), self.any_of(1, "final"), Signal.like(announced.need)
        wanted, other = (self.any_of(range(config.vector + 1), name) for name in ("need_now", "need_of_others"))
        self.assume((wanted <= config.vector) & (other <= config.vector))
        ahead = (announced.parts - part)[:len(part)]
        room = ahead < config.beats_ahead
        m.d.comb += announced.need.eq(Mux(begins, need, other))
        m.d.sync += part.eq(part + (mine & token.complete))
        with m.If(announced.ended & (ahead == 0) & more):
            m.d.sync += announced.ended.eq(0)
        with m.Elif(~announced.ended & more & room):
            m.d.sync += [announced.parts.eq(announced.parts + 1), announced.ended.eq(final), need.eq(wanted)]
        with m.If(mine & token.complete):
            self.claim(ahead != 0)
            self.claim(token.over == (announced.ended & (ahead == 1)))
            self.claim(token.part == part)
        self.need = need

    def _pass(self, m, look_up, lane, going):
        """A lane alone: no token is lost or changed between look-up and place; a segment's last one may be cut."""
        m.submodules.passage = passage = Passage(len(lane.entry.run) + len(lane.entry.value), 4)
        m.d.comb += [passage.put.eq(look_up), passage.value.eq(Cat(lane.entry.run, lane.entry.value)),
                     passage.take.eq(lane.token.taken & going), passage.found.eq(Cat(lane.token.run, lane.token.value))]
        self.claim(passage.kept | lane.token.over)

    def _follow(self, m, token, weights, mine, announced):
        """The weights of tokens, counted from the first one of the part at hand, and the one that is watched."""
        config = self.config
        vector, most = config.vector, config.vector + config.max_run
        covered, reached = Signal(range(most + 1)), Signal(range(most + config.max_run + 1))
        needed = Mux(token.over, self.need, vector)
        length = Mux(token.taken, token.run + 1, 0)
        m.d.comb += reached.eq(covered + length)
        watching, value, place = Signal(), Signal(signed(config.weight_bits)), Signal(range(most + 1))
        offset, watch = self.any_of(range(config.max_run), "offset"), self.any_of(1, "watch")
        begins = ~watching & watch & token.taken & (offset <= token.run)
        at, wanted = Signal(range(most + config.max_run + 1)), Signal.like(value)
        m.d.comb += [at.eq(Mux(watching, place, covered + offset)),
                     wanted.eq(Mux(watching, value, Mux(offset == token.run, token.value, 0)))]
        with m.If(mine):
            self.claim(~token.taken | ~token.complete | (covered < needed))
            self.claim(~token.complete | (reached >= needed))
            self.claim(token.complete | ~token.taken | (reached < vector))
            m.d.sync += covered.eq(Mux(token.complete, Mux(token.over, 0, reached - vector), reached))
            with m.If(token.complete & (watching | begins) & (at < needed)):
                for slot in range(vector):
                    with m.If(at == slot):
                        self.claim(weights[slot] == wanted)
            with m.If(watching | begins):
                m.d.sync += [watching.eq(~(token.complete & (token.over | (at < vector)))), value.eq(wanted),
                             place.eq(Mux(token.complete, at - vector, at))]
