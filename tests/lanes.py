"""What the tests of `hw.ring` and `hw.lane` share: what is expected of each lane, and all that is around the lanes."""

from abc import ABC, abstractmethod
from collections import deque
from random import Random

from golden.scalar import trace
from golden.stream import lane_counts, words_of
from golden.tokens import split_lanes
from hw.parity import protected
from sim.streams import Layer, alphabets, make_stream

__all__ = ["Bench", "Plan"]


class Plan:
    """One span: its words, what each lane owns of each beat, and the tokens expected of each lane; ``more``: beats of
    another segment."""

    def __init__(self, config, seed, more=0):
        random = Random(seed)
        choice = alphabets(config)
        sizes = [5 * config.beat_weights + 1, 1, random.randint(1, 70), 2 * config.beat_weights]
        sizes += [more * config.beat_weights - config.vector // 2] if more else []
        stream, weights = make_stream(config, [
            Layer(size, random.choice(choice), random.choice([0.4, 1.5])) for size in sizes], seed)
        self.words = words_of(stream.words[0].tobytes(), config.word_bits)
        self.tables, self.segments = stream.tables, stream.segments
        self.needs = [lane_counts(segment.weights, config.lanes, config.vector) for segment in self.segments]
        self.beats = [-(-segment.weights // config.beat_weights) for segment in self.segments]
        owned = [split_lanes(values, config.lanes, config.vector) for values in weights]
        self.tokens = [[(token.length - 1, self._value(owned[token.segment][lane], token.first + token.length - 1))
                        for token in tokens] for lane, tokens in enumerate(trace(stream)[0])]

    @staticmethod
    def _value(sequence, place):
        """The token's weight, or 0 if the segment ends before it."""
        return int(sequence[place]) if place < len(sequence) else 0


class Bench(ABC):
    """Lanes with all that is around them, cycle by cycle; ``idle``: how often no word comes, no beat is retired, and
    nothing may be looked up."""

    def __init__(self, ctx, dut, config, plan, random, idle):
        self.ctx, self.dut, self.config, self.plan, self.random, self.idle = ctx, dut, config, plan, random, idle
        self.lookups = deque([(0, 0)] * config.entry_latency)
        self.base = 0  # beats before this span
        self.waited = 0  # cycles in which as many beats as can be were announced and not retired
        self.begin()

    def begin(self):
        """A new span."""
        self.segment = self.retired = self.before = 0  # retired: beats of the span; before: those of earlier segments
        self.tokens = [[] for _ in range(self.config.ring)]
        self.asked = [[] for _ in range(self.config.ring)]  # of each part that is complete
        self.over = [0] * self.config.ring
        self.words = iter(self.plan.words)
        self.orders = deque((lane, place == 0) for lane in range(self.config.ring)
                            for place in range(self.config.preload))

    @abstractmethod
    async def load(self):
        """Forget the span before, and bring the preload."""

    @abstractmethod
    def drive(self, cycle):
        """The inputs of a cycle since the start that tell whose turn it is and what it may do; returns the turn."""

    def pauses(self):
        """Whether something is idle in this cycle."""
        return self.random.random() < self.idle

    def spoil(self, entry):
        """What becomes of an entry on its way from the table."""
        return entry

    async def tick(self):
        """One cycle: look-up, word, then what the token says."""
        ctx, dut, config = self.ctx, self.dut, self.config
        lookup = ctx.get(dut.lookup)
        self.lookups.append((lookup.table, lookup.state))
        table, state = self.lookups.popleft()
        entries = self.plan.tables[min(table, len(self.plan.tables) - 1)].entries
        ctx.set(dut.entry, self.spoil(protected(config, entries[state]._asdict())))
        ctx.set(dut.words, {"enable": 0})
        if self.orders and not self.pauses():
            lane, first = self.orders.popleft()
            ctx.set(dut.words, {"enable": 1, "turn": lane, "first": first, "data": next(self.words, 0)})
        token = ctx.get(dut.token)
        if token.taken:
            self.tokens[token.turn].append((token.run, token.value))
        if token.complete:
            part = self.base + len(self.asked[token.turn])
            assert token.part == part % (2 * config.parts_ahead)
            self.asked[token.turn].append(token.asked)
            self.over[token.turn] += token.over
            assert token.over == (len(self.asked[token.turn]) == self.end)
            assert len(self.asked[token.turn]) <= self.retired + config.parts_ahead
        await ctx.tick()

    @property
    def end(self):
        """Beats of the span up to the end of the segment at hand."""
        return self.before + self.plan.beats[self.segment]

    def announce(self, turn):
        """The beats that may be worked on, as of a turn."""
        plan, segment = self.plan, self.segment
        parts = min(self.retired + self.config.beats_ahead, self.end)
        left = int(plan.needs[segment][turn]) - (plan.beats[segment] - 1) * self.config.vector
        self.ctx.set(self.dut.oldest, (self.base + self.retired) % (2 * self.config.parts_ahead))
        self.ctx.set(self.dut.announced, {
            "parts": (self.base + parts) % (2 * self.config.parts_ahead), "ended": parts == self.end,
            "need": max(left, 0) if parts == self.end else self.random.randint(0, self.config.vector),
            "table": plan.segments[segment].table,
            "raw_bits": plan.tables[plan.segments[segment].table].alphabet.raw_bits})

    def retire(self):
        """Hand out a beat that all lanes have completed; its tokens' words are then asked for, but at the very end."""
        self.waited += max(map(len, self.asked)) == self.retired + self.config.parts_ahead
        if self.retired < min(map(len, self.asked)) and not self.pauses():
            last = self.retired == sum(self.plan.beats) - 1
            for lane in range(self.config.ring) if not last else ():
                self.orders.extend([(lane, False)] * self.asked[lane][self.retired])
            self.retired += 1
            if self.retired == self.end and self.segment < len(self.plan.beats) - 1:
                self.before = self.end
                self.segment += 1

    async def span(self):
        """A whole span, from the preload to the rest."""
        ctx, dut = self.ctx, self.dut
        await self.load()
        for cycle in range(4000):
            self.announce(self.drive(cycle))
            if ctx.get(dut.resting) and self.retired == sum(self.plan.beats):
                break
            await self.tick()
            self.retire()
        assert ctx.get(dut.resting) and ctx.get(dut.at_zero)
        ctx.set(dut.running, 0)
        self.base += sum(self.plan.beats)

    async def spans(self):
        """Two spans, the second over what the first has left, and what must be right after each."""
        plan, lanes = self.plan, self.config.ring
        for _ in range(2):
            self.begin()
            await self.span()
            assert self.tokens == plan.tokens
            assert [len(asked) for asked in self.asked] == [sum(plan.beats)] * lanes
            assert self.over == [len(plan.segments)] * lanes
            assert len(list(self.words)) <= len(self.orders)  # all words of the span were asked for
