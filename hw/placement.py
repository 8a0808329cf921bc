"""Where the tokens of a lane alone go: part by part, beat by beat."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import announcement_layout, held_layout, part_numbers, token_layout
from .short import at_least, choice, plus

__all__ = ["Placement"]


def _stage_layout(config):
    """What becomes of a token, before its place is worked out: ``room``: what there was in its part, less 1; ``need``:
    of the part, less 1."""
    return data.StructLayout({
        "placed": 1, "complete": 1, "reaches": 1, "exact": 1, "long": 1, "final": 1, "taken": 1,
        "room": range(config.vector), "need": range(config.vector), "part": part_numbers(config),
        "asked": range(config.words_per_beat + 1), "head": held_layout(config)})


class Placement(wiring.Component):
    """Puts the tokens of a lane into its parts of beats, a token per cycle.

    A part is complete when it has the weights it needs. What is left of a token then goes into the next part, and if
    that is as much as a part takes, it is a token without a look-up for the next cycle. A token that goes beyond the
    segment's end is cut there.

    What is kept is the room in the part at hand, less 1, as if it needed V weights. That is so for all parts but the
    last of a segment: it begins with a cycle in which the weights that it does not need are taken off its room.

    Members
    -------
    announced : In(`announcement_layout`)
        The beats to work on.
    oldest : In
        Number of the oldest beat whose parts are in the queue, or will be.
    running : In(1)
        A part that needs no token may be completed.
    there, head : In(1), In(`held_layout`)
        The token to be placed.
    pop, shorten, rest : Out(1), Out(1), Out(range(M))
        See `TokenPair`.
    next_first : Out(1)
        If no other token is there: in the next cycle none will be that has not been placed, and the lane's segment does
        not end before the token that is looked up then. Not told in the cycle in which a part is complete.
    next_ahead : Out(1)
        The segment will not end before the token after the head, whatever the head is.
    token : Out(`token_layout`)
        What became of a token, ``Config.token_latency`` cycles later.
    resting : Out(1)
        Whether the lane was at its segment's end a cycle ago.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "announced": In(announcement_layout(config)),
            "oldest": In(part_numbers(config)),
            "running": In(1),
            "there": In(1),
            "head": In(held_layout(config)),
            "pop": Out(1),
            "shorten": Out(1),
            "rest": Out(range(config.max_run)),
            "next_first": Out(1),
            "next_ahead": Out(1),
            "token": Out(token_layout(config)),
            "resting": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        self._open = Signal()  # a token can be placed
        self._spent = Signal()  # the part needs no token
        self._entered = Signal()  # the part is the segment's last, and its room has yet to be corrected
        self._final = Signal()  # the part is the segment's last
        self._full = Signal()  # there is no place for the part once it is complete
        self._reaches = Signal()  # the head completes the part
        part = Signal(part_numbers(config))
        room = Signal(range(config.vector), init=config.vector - 1)
        m.d.sync += self.resting.eq(self.announced.ended & (part == self.announced.parts))
        found = self._place(m, room)
        following = plus(m, part, 1)[:len(part)]
        m.d.sync += part.eq(choice(found.complete, following, part))
        self._enter(m, part, following, found.complete, self._move(m, room, found))
        self._ask(m, found)
        m.d.comb += found.part.eq(part)
        self._tell(m, found)
        return m

    def _place(self, m, room):
        """What becomes of the head in this cycle."""
        config, head = self._config, self.head
        found = Signal(_stage_layout(config))
        waits = Signal()
        m.d.comb += [
            self._reaches.eq(at_least(m, head.run, room)),
            found.reaches.eq(self._reaches),
            found.exact.eq(head.run == room),
            waits.eq(self._full & found.reaches),
            found.placed.eq(self.there & self._open & ~waits),
            found.complete.eq(((self.there & self._open & found.reaches) | (self._spent & self.running)) & ~self._full),
            found.final.eq(self._final),
            found.room.eq(room),
            found.need.eq(Mux(self._final, self.announced.need - 1, config.vector - 1)),
            found.head.eq(head),
            found.taken.eq(found.placed & ~head.again),
            self.pop.eq(found.placed),
        ]
        if config.max_run > config.vector:
            over = Signal(range(config.max_run))
            m.d.comb += [
                over.eq(head.run - room),
                found.long.eq(found.reaches & ~found.exact & (over >= config.vector) & ~self._final),
                self.shorten.eq(found.placed & found.long),
                self.rest.eq(over - 1),
                self.pop.eq((found.placed & ~found.long) | self._spent),  # what is left of it has no place
            ]
        return found

    def _move(self, m, room, found):
        """The room for the next token. Returns whether a segment's last part that is entered needs no token."""
        vector = self._config.vector
        left = self._less(m, room, self.head.run, found.reaches)
        lacking = plus(m, room, self.announced.need)  # short of V, the last part needs no more
        whole = Signal()  # a part from its first weight on
        m.d.comb += whole.eq((found.complete & self._final) | (found.placed & found.long))
        if vector > 1:
            after = choice(whole, Const(vector - 1, len(room)), left)
            entering = (lacking - vector if vector & (vector - 1) else lacking)[:len(room)]
            m.d.sync += room.eq(choice(found.placed | found.complete, after, choice(self._entered, entering, room)))
        return ~at_least(m, lacking, vector)

    def _less(self, m, room, run, reaches):
        """The room after so many weights, less 1; after what a token leaves of a part, in the next one."""
        vector = self._config.vector
        if vector & (vector - 1) == 0:
            return plus(m, room, ~(run | Const(0, len(room))))[:len(room)]  # as wide as the room before it is inverted
        return (room - run - 1 + Mux(reaches, vector, 0))[:len(room)]

    def _enter(self, m, part, following, complete, spent):
        """Which part is at hand in the next cycle, and what can be done with it."""
        config, announced = self._config, self.announced
        ahead = -(-(config.vector + config.max_run) // config.vector)  # parts from that of the head on
        left = Signal(part_numbers(config))  # parts that are not complete, as it was announced a cycle ago
        ended = Signal()  # the last of them is the segment's last
        m.d.sync += [
            left.eq(Mux(complete, *(plus(m, announced.parts, ~number, 1) for number in (following, part)))),
            ended.eq(announced.ended),
            self._full.eq(Mux(complete, *((number[:-1] == self.oldest[:-1]) & (number[-1] != self.oldest[-1])
                                          for number in (following, part)))),
        ]
        # Of the part at hand, and of the one after it.
        known = [left != 0, left[1:] != 0]
        final = [ended & (left == 1), ended & (left == 2)]
        plain = [at_least(m, left, ahead + 1), at_least(m, left, ahead + 2)]
        at_hand = Signal()  # a part is at hand that stays
        m.d.comb += at_hand.eq(self._open | self._spent | self._entered)
        opens = Signal()
        m.d.comb += [
            opens.eq(self._open | (self._entered & ~spent) | (~at_hand & known[0] & ~final[0])),
            self.next_first.eq(opens & (~self.there | (self._open & ~self._reaches))),
            self.next_ahead.eq(Mux(complete, plain[1], plain[0])),
        ]
        m.d.sync += [
            self._open.eq(Mux(complete, known[1] & ~final[1], opens)),
            self._entered.eq(Mux(complete, final[1], ~at_hand & final[0])),
            self._spent.eq(~complete & (self._spent | (self._entered & spent))),
            self._final.eq(~complete & (self._final | self._entered)),
        ]

    def _ask(self, m, found):
        """The words that the tokens of a part ask for."""
        asked = Signal(range(self._config.words_per_beat + 1))
        m.d.comb += found.asked.eq(asked + (found.taken & self.head.used))
        m.d.sync += asked.eq(found.asked & ~found.complete.replicate(len(asked)))

    def _tell(self, m, found):
        """The place of the token, from registers."""
        config, vector = self._config, self._config.vector
        was = Signal.like(found, reset_less=True)
        token = Signal.like(self.token, reset_less=True)
        position = Signal(range(-vector, vector + config.max_run))
        here, kept, cut = Signal(), Signal(), Signal()
        m.d.sync += was.eq(found)
        m.d.comb += [
            position.eq(was.need - was.room + was.head.run),
            here.eq(was.placed & (~was.reaches | was.exact)),
            kept.eq(Mux(was.complete, was.placed & was.reaches & ~was.exact & ~was.final & ~was.long, here)),
            cut.eq(was.reaches & ~was.exact & was.final),
        ]
        place = position[:(vector - 1).bit_length()] if vector & (vector - 1) == 0 else (
            Mux(position >= vector, position - vector, position))
        value = was.head.value
        m.d.sync += [
            token.turn.eq(0),
            token.place.eq(1 << place.as_unsigned() if vector > 1 else 1),
            token.here.eq(value & here.replicate(len(value))),
            token.kept.eq(value & kept.replicate(len(value))),
            token.complete.eq(was.complete),
            token.part.eq(was.part),
            token.asked.eq(was.asked),
            token.taken.eq(was.taken),
            token.run.eq(was.head.run),
            token.value.eq(value & ~cut.replicate(len(value))),
            token.over.eq(was.complete & was.final),
        ]
        m.d.comb += self.token.eq(token)
