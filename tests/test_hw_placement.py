"""The placement of tokens against integer arithmetic: which parts come of which tokens, whatever comes when."""

from collections import deque
from random import Random

import pytest

from golden.config import Config
from hw.placement import Placement
from tests.support import run_bench

HALF = 7


class Plan:
    """Random segments: what the lane owns of each part, its tokens, and the parts that come of them."""

    def __init__(self, config, random, segments=90):
        self.config, self.random = config, random
        self.ends, self.needs, self.tokens, self.parts = [], [], [], []
        self.seen = {"need 0": 0, "less than V": 0, "filled before": 0, "cut": 0, "over two parts": 0, "rest lost": 0}
        for _ in range(segments):
            self._segment(random.choice([1, 1, 2, 3, random.randint(4, 12)]))

    def _segment(self, beats):
        vector, random = self.config.vector, self.random
        need = random.choice([0, random.randint(0, vector), vector])
        total = (beats - 1) * vector + need
        weights, asked, done = [0] * (beats * vector), [0] * beats, 0
        while done < total:
            run = random.choice([1, self.config.max_run, random.randint(1, self.config.max_run)])
            value, used = random.randint(-HALF, HALF), random.randint(0, 1)
            part = done // vector
            if sum(asked[part:part + 1]) == self.config.words_per_beat:
                used = 0  # so many bits no part's tokens have
            asked[part] += used
            last = done + run - 1
            if last >= total and part < beats - 1:
                value = 0  # nobody looks at it
            if last < total:
                weights[last] = value
            self.tokens.append({"run": run - 1, "value": value, "used": used,
                                "shown": value if last < total else 0})
            self.seen["cut"] += last >= total
            self.seen["over two parts"] += run - (vector - done % vector) >= vector and last < total
            self.seen["rest lost"] += need == 0 and last >= total + vector and part < beats - 1
            self.seen["filled before"] += part == beats - 2 and last + 1 >= total > (beats - 1) * vector
            done += run
        self.seen["need 0"] += need == 0
        self.seen["less than V"] += 0 < need < vector
        self.parts += [(weights[i * vector:(i + 1) * vector], asked[i], i == beats - 1) for i in range(beats)]
        self.needs.append(need)
        self.ends.append(len(self.parts))


class Bench:
    """All that is around the placement: the tokens, of which two can wait, the announcements, and the parts."""

    def __init__(self, ctx, dut, config, plan, random, pace):
        self.ctx, self.dut, self.config, self.plan, self.random, self.pace = ctx, dut, config, plan, random, pace
        self.coming, self.held, self.looks_up = deque(plan.tokens), deque(), False
        self.announced = self.retired = self.segment = self.waited = 0
        self.taken, self.parts, self.part = [], [], [0] * config.vector

    def announce(self):
        """The beats, as `hw.sequencer` announces them: those of the segment at hand, up to so many more than the
        oldest."""
        dut, ctx, places = self.dut, self.ctx, 2 * self.config.parts_ahead
        if self.retired == self.plan.ends[self.segment] and self.segment < len(self.plan.ends) - 1:
            self.segment += 1
        end = self.plan.ends[self.segment]
        if self.announced < min(end, self.retired + self.config.beats_ahead) and self.random.random() < self.pace:
            self.announced += 1
        ended = self.announced == end
        need = self.plan.needs[self.segment] if ended else self.random.randint(0, self.config.vector)
        ctx.set(dut.announced, {"parts": self.announced % places, "ended": ended, "need": need})
        ctx.set(dut.oldest, self.retired % places)
        self.waited += len(self.parts) == self.retired + self.config.parts_ahead and ctx.get(dut.there)

    def place(self):
        """What has become of a token, or of a part."""
        token = self.ctx.get(self.dut.token)
        slots = [i for i in range(self.config.vector) if token.place >> i & 1]
        assert len(slots) <= 1 or not (token.here or token.kept)
        if token.taken:
            self.taken.append((token.run, token.value))
        shown = list(self.part)
        for slot in slots:
            shown[slot] |= token.here
        if token.complete:
            assert token.part == len(self.parts) % (2 * self.config.parts_ahead)
            self.parts.append((shown, token.asked, bool(token.over)))
            self.part = [0] * self.config.vector
        for slot in slots:
            self.part[slot] |= token.kept
        if self.retired < len(self.parts) and self.random.random() < self.pace ** 3:
            self.retired += 1

    async def cycle(self):
        """One cycle. A token is looked up as in `hw.lane.Lane`, and comes a cycle later."""
        ctx, dut = self.ctx, self.dut
        self.announce()
        ctx.set(dut.running, 1)
        ctx.set(dut.there, len(self.held) > 0)
        if self.held:
            ctx.set(dut.head, {name: self.held[0][name] for name in ("run", "value", "used", "again")})
        first, ahead = ctx.get(dut.next_first), ctx.get(dut.next_ahead)
        second, coming = len(self.held) == 2, self.looks_up
        if ctx.get(dut.pop):
            assert not ctx.get(dut.shorten)
            if self.held:
                self.held.popleft()
        elif ctx.get(dut.shorten):
            self.held[0] = self.held[0] | {"run": ctx.get(dut.rest), "again": 1}
        if coming:
            self.held.append(self.coming.popleft() | {"again": 0})
        may = (ahead and len(self.held) < 2) or (first and not second and not coming)
        self.looks_up = bool(self.coming) and may and self.random.random() < self.pace
        self.place()
        await ctx.tick()


CONFIGS = [(1, 1, 2), (1, 5, 4), (2, 1, 2), (2, 2, 16), (2, 7, 2), (3, 2, 4), (3, 16, 2), (4, 2, 4), (5, 5, 2),
           (8, 1, 16), (8, 8, 2), (8, 16, 4)]


@pytest.mark.parametrize("pace", [1, 0.5])
@pytest.mark.parametrize("vector, max_run, queue", CONFIGS)
def test_against_arithmetic(vector, max_run, queue, pace):
    """``pace``: how often a token, an announcement and a place come that can come."""
    config = Config(lanes=1, vector=vector, word_bits=16, table_log=7, max_run=max_run, bins=2 * HALF + 1, queue=queue)
    random = Random(f"{vector} {max_run} {queue}")
    plan, dut = Plan(config, random), Placement(config)

    async def testbench(ctx):
        bench = Bench(ctx, dut, config, plan, random, pace)
        cycles = 0
        while not (len(bench.parts) == len(plan.parts) and ctx.get(dut.resting)):
            await bench.cycle()
            cycles += 1
            assert bench.parts == plan.parts[:len(bench.parts)], f"part {len(bench.parts) - 1}"
            assert cycles < 40 * (len(plan.tokens) + len(plan.parts)), "it does not come to rest"
        assert not bench.coming and not bench.held
        assert bench.taken == [(token["run"], token["shown"]) for token in plan.tokens]
        assert bench.waited or queue > 2 or pace == 1

    run_bench(dut, testbench)
    possible = {"need 0", *(["less than V", "filled before", "cut"] if vector > 1 and max_run > 1 else []),
                *(["over two parts", "rest lost"] if max_run >= 2 * vector else [])}
    assert all(plan.seen[name] for name in possible), f"this test has not met every case: {plan.seen}"
