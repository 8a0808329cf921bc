"""The decoder's output in the cycle model: transfers of weights, or a stream of tokens for each ring.

Both kinds are asked the same: what a cycle goes to there, whether a transfer can be put on offer, whether a turn may
begin; and both are stepped once in each cycle.
"""

from collections import deque

from .config import TOKEN_QUEUE

__all__ = ["BeatOutput", "TokenOutput"]


class BeatOutput:
    """Dense: the output registers hold a transfer on offer, or none."""

    def __init__(self, config, sink, timing):
        self.sink = sink
        self.timing = timing
        self.valid = False

    def cause(self, cycle):
        """What the cycle goes to if a transfer is on offer, otherwise ``None``."""
        if not self.valid:
            return None
        return "beats" if self.sink(cycle) else "sink"

    def free(self, cycle):
        """Whether a transfer can be put on offer at the end of the cycle."""
        return not self.valid or self.sink(cycle)

    def room(self, ring):
        """Whether a turn may begin in the ring."""
        return True

    def tell(self, cycle, ring):
        """There is a token, or an end, of the turn that begins in this cycle."""

    def end_span(self):
        """The span has been checked."""

    def step(self, cycle, shown):
        """One cycle, at whose end a transfer comes (``shown``), or an empty one (``False``), or none (``None``).

        Returns whether there is more to wait for.
        """
        if self.valid and self.sink(cycle):
            self.timing.beats.append(cycle)
            self.valid = False
        if shown is not None:
            self.valid = shown
        return self.valid


class TokenOutput:
    """Sparse: for each ring a queue of records, of which the oldest is on offer."""

    def __init__(self, config, sink, timing):
        self.config = config
        self.sink = sink
        self.timing = timing
        self.timing.tokens = [[] for _ in range(config.rings)]
        self.levels = [0] * config.rings
        self.coming = [deque() for _ in range(config.rings)]  # the cycles in which records are written
        self.ends = [0] * config.rings  # marks of the span's end that have not been written
        self.rooms = self.next_rooms = [True] * config.rings  # in this cycle and in the next

    def cause(self, cycle):
        """As of `BeatOutput`; a span's ends on their way belong to its check."""
        if not any(self.levels):
            return "check" if any(self.ends) else None
        return "beats" if self.sink(cycle) else "sink"

    def free(self, cycle):
        """Nothing waits for the sink but the turns, for want of room."""
        return True

    def room(self, ring):
        """Whether a turn may begin in the ring in the cycle that was stepped last."""
        return self.rooms[ring]

    def tell(self, cycle, ring):
        """There is a token, or an end, of the turn that begins in this cycle."""
        self.coming[ring].append(cycle + self.config.token_latency)

    def end_span(self):
        """The span has been checked: each lane's end is told from the next cycle on."""
        self.ends = [self.config.ring] * self.config.rings

    def step(self, cycle, shown):
        """One cycle. Returns whether there was more to wait for when it began."""
        left = any(self.levels) or any(self.ends)
        self.rooms = self.next_rooms
        self.next_rooms = [level < self.config.token_room and not ends for level, ends in zip(self.levels, self.ends)]
        takes = self.sink(cycle)
        for ring, (level, coming, ends) in enumerate(zip(self.levels, self.coming, self.ends)):
            if level and takes:
                self.timing.tokens[ring].append(cycle)
                self.levels[ring] -= 1
            if coming and coming[0] == cycle:
                coming.popleft()
                self.levels[ring] += 1
            elif ends and level < TOKEN_QUEUE:
                self.ends[ring] -= 1
                self.levels[ring] += 1
        return left
