"""The lanes of the cycle model: of a ring, turn by turn, or alone, cycle by cycle.

They know of tokens how many weights they cover and how many bits they take; see `golden.cycles`.
"""

from collections import deque

__all__ = ["Lane", "LaneAlone"]


class Lane:
    """One lane: where it is in its words, in its tokens and in the beats."""

    def __init__(self, config, parts, tokens):
        self.config = config
        self.most = config.word_bits - config.token_bits
        self.level = config.preload  # words that have arrived and have not been used up
        self.pointer = config.table_log  # bits of the first of them that have been used
        self.tokens = iter([(token.length, token.bits) for token in tokens])
        self.parts = parts  # per beat: weights needed, whether it is the segment's last beat
        self.token = None  # the one that has been looked up and not been taken
        self.part = 0  # number of the beat it works on
        self.fill = 0
        self.rest = 0  # weights of a token that are left for the next turn
        self.asked = 0
        self.starved = False  # whether it had to wait for a word in its last turn
        self.done = []  # of each part: the cycle from which on it is in the queue, the words that it asks for

    def enough(self):
        return self.level > 1 or (self.level == 1 and self.pointer <= self.most)

    def arrive(self):
        """A word that shows in the next cycle."""
        self.level += 1

    def read(self, bits):
        """Take bits; words are asked for at their boundaries."""
        self.pointer += bits
        if self.pointer >= self.config.word_bits:
            self.pointer -= self.config.word_bits
            self.level -= 1
            self.asked += 1

    def turn(self, cycle, full):
        """A turn with a part to work on, that begins in this cycle; ``full``: the part must not be completed.

        Returns whether a sparse output has something to tell: a token is taken, or the lane's segment ends, the last of
        the span excepted.
        """
        need, final = self.parts[self.part]
        over = self.fill - need
        self.starved = over < 0 and not self.rest and not self.enough()
        if self.starved:
            return False
        looked_up = over < 0 and not self.rest
        if looked_up:
            self.token = self.token or next(self.tokens)
        if over < 0:
            over += self.token[0] if looked_up else self.rest
        if full and over >= 0:
            return False
        if looked_up:
            self.read(self.token[1])
            self.token = None
        self.rest = 0
        if over < 0:
            self.fill = over + need
            return looked_up
        if final:
            over = self.rest = 0
        elif over >= self.config.vector:
            over, self.rest = 0, over
        self.fill = over
        self.part += 1
        self.done.append((cycle + self.config.token_latency + 2, self.asked))
        self.asked = 0
        return looked_up or (final and self.part < len(self.parts))


class LaneAlone:
    """A lane that has no turns: the registers of `hw.lane.Lane` and what is in it, cycle by cycle."""

    def __init__(self, config, parts, tokens):
        self.config = config
        self.tokens = iter([(token.length, token.bits) for token in tokens])
        self.parts = parts  # as of `Lane`
        self.part = 0
        self.asked = 0
        self.starved = False
        self.done = []  # as of `Lane`
        # Reservoir.
        self.chunks = config.word_bits // config.chunk_bits  # in a word
        self.index = 0  # of the chunk at hand in its word
        self.pointer = config.table_log
        self.passed = False  # whether the first of the three registers has been read
        self.waiting = max(config.preload * self.chunks - 3, 0)  # chunks that are not in the registers
        self.second, self.third = True, config.preload * self.chunks > 2  # whether the other two hold a chunk
        # Look-up.
        self.fresh = True  # the start state has yet to be read
        self.looks_up = self.running = False  # in this cycle: a token is looked up; something may begin
        self.held = deque()  # up to two tokens: [weights, whether a word was used up, whether it is a rest]
        # Placement.
        self.room = config.vector
        self.open = self.spent = self.entered = self.full = False
        self.left = 0  # parts that are not complete, as it was announced a cycle ago
        self.ended = False  # the last of them is the segment's last
        self.ahead = -(-(config.vector + config.max_run) // config.vector)

    def arrive(self):
        """A word that shows in the memory from the next cycle on."""
        self.waiting += self.chunks

    def step(self, cycle, sequencer, oldest, running):
        """One cycle, in which the lane sees what ``sequencer`` tells and part ``oldest`` is the oldest in the queue.

        ``running``: in the next cycle a token may be looked up, or a part completed that needs none. Returns whether a
        sparse output has something to tell.
        """
        pushed, enough = self._look_up()
        told, complete = self._place(cycle)
        self._enter(complete)
        self.held.extend(pushed)
        ahead = self.left - complete > self.ahead
        self._see(sequencer, oldest)
        wanted = running and ((ahead and len(self.held) < 2) or (self.open and not complete and not self.held))
        self.looks_up = wanted and enough
        self.running = running
        self.starved = wanted and not enough
        return told

    def _look_up(self):
        """The reservoir and the loop; returns the token that is looked up, in a list, or none, and whether there will
        be enough for another in the next cycle."""
        size = self.config.chunk_bits
        more = self.third if self.passed else self.second
        enough = not self.looks_up and not self.fresh and (more or self.pointer + self.config.token_bits < size)
        self._refill()
        pushed, self.passed, self.fresh = [], False, False
        if self.looks_up:
            length, bits = next(self.tokens)
            self.passed, self.pointer = divmod(self.pointer + bits, size)
            used = self.passed and self.index == self.chunks - 1
            self.index = (self.index + self.passed) % self.chunks
            pushed = [[length, used, False]]
        return pushed, enough or self.third

    def _refill(self):
        """The chunks move up."""
        moves = self.passed or not self.second
        if moves:
            self.second = self.third or self.waiting > 0
        if moves == self.third:
            self.third = self.waiting > 0
            self.waiting -= self.third
        elif moves:
            self.waiting -= self.waiting > 0

    def _place(self, cycle):
        """What becomes of the oldest token; returns whether there is something to tell, and whether a part is
        complete."""
        vector = self.config.vector
        head = self.held[0] if self.held and self.open else None
        reaches = head is not None and head[0] >= self.room
        complete = (reaches or (self.spent and self.running)) and not self.full
        placed = head is not None and not (reaches and self.full)
        taken = placed and not head[2]
        final = (self.open or self.spent) and self.parts[self.part][1]
        if taken:
            self.asked += head[1]
        if placed:
            over = head[0] - self.room
            self.room = -over if over < 0 else vector - over
            if over >= vector and not final:
                head[0], head[2], self.room = over, True, vector
            else:
                self.held.popleft()
        if self.spent:
            self.held.clear()
        if complete:
            if final:
                self.room = vector
            self.part += 1
            self.done.append((cycle + self.config.token_latency + 2, self.asked))
            self.asked = 0
        return taken or (complete and final and self.part < len(self.parts)), complete

    def _enter(self, complete):
        """What can be done with the part that is at hand in the next cycle."""
        known = self.left - complete > 0
        final = self.ended and self.left - complete == 1
        at_hand = not complete and (self.open or self.spent or self.entered)
        if self.entered:
            lacking = self.config.vector - self.parts[self.part][0]
            self.room -= lacking
            self.spent, self.open = self.room <= 0, self.room > 0
            self.entered = False
        elif not at_hand:
            self.open, self.entered, self.spent = known and not final, final, False

    def _see(self, sequencer, oldest):
        """What is known in the next cycle of the beats."""
        self.left = sequencer.told - self.part
        self.ended = sequencer.told == sequencer.last
        self.full = self.part - oldest == self.config.parts_ahead
