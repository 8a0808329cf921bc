"""The expander against a plain-Python model: random tokens, cut runs, empty parts, stalls."""

from random import Random

import pytest

from golden.config import Config
from hw.expander import Expander
from tests.support import run_bench

HALF = 7


def random_tokens(random, count, max_run):
    """Tokens (zeros, weight, crossed) that cover ``count`` weights, the last one perhaps cut."""
    tokens, covered = [], 0
    while covered < count:
        tokens.append((random.randrange(max_run), random.randint(-HALF, HALF), random.getrandbits(1)))
        covered += tokens[-1][0] + 1
    return tokens


def expected_parts(tokens, count, vector, beats):
    """Per beat of a segment: the weights, and the word boundaries of the tokens that begin in it."""
    weights, asked = [], [0] * beats
    for zeros, weight, crossed in tokens:
        asked[len(weights) // vector] += crossed
        weights += [0] * zeros + [weight]
    weights = weights[:count]
    return [(weights[i * vector:(i + 1) * vector], asked[i]) for i in range(beats)]


def random_lane(random, vector, max_run):
    """What one lane does: its work per beat, its tokens, and the beats expected. Some segments leave it nothing."""
    work, tokens, parts = [], [], []
    for _ in range(25):
        count = random.choice([0, 1, random.randint(0, vector), random.randint(1, 8 * vector)])
        beats = max(-(-count // vector), 1) + random.randint(0, count % vector == 0)
        mine = random_tokens(random, count, max_run)
        tokens += mine
        parts += expected_parts(mine, count, vector, beats)
        for beat in range(beats):
            left = max(count - beat * vector, 0)
            work.append({"valid": 1, "need": min(left, vector), "final": left <= vector})
    return work, tokens, parts


def payload_of(ctx, dut):
    payload = ctx.get(dut.beat.payload)
    return list(payload.weights), payload.asked


@pytest.mark.parametrize("starved, stalled, late", [(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0.4, 0.4, 0.3)])
@pytest.mark.parametrize("vector, max_run", [(1, 1), (1, 8), (2, 1), (2, 4), (3, 2), (4, 1), (4, 8)])
def test_tokens_to_weights(vector, max_run, starved, stalled, late):
    """``starved``, ``stalled``, ``late``: how often there is no token, no taker, no work announced."""
    config = Config(lanes=1, vector=vector, word_bits=8, table_log=7, max_run=max_run, bins=2 * HALF + 1)
    random = Random(f"{vector} {max_run} {starved} {stalled} {late}")
    work, tokens, parts = random_lane(random, vector, max_run)
    dut = Expander(config)
    taken = []

    async def testbench(ctx):
        fetched, announced, waiting = 0, 1, None
        for _ in range(4000):
            if len(taken) == len(work):
                break
            valid = ctx.get(dut.beat.valid)
            if waiting is not None:
                assert valid and payload_of(ctx, dut) == waiting, "a beat on offer has changed"
            number = len(taken) + valid
            announced = max(announced, number + (random.random() >= late))
            ctx.set(dut.work, work[number] if number < min(announced, len(work)) else {"valid": 0})
            ready = random.random() >= stalled
            ctx.set(dut.beat.ready, ready)
            want = ctx.get(dut.want)
            fetch = want and random.random() >= starved
            ctx.set(dut.fetch, fetch)
            if fetch:
                zeros, weight, crossed = tokens[fetched]
                ctx.set(dut.token, {"zeros": zeros, "weight": weight, "crossed": crossed})
                fetched += 1
            payload = payload_of(ctx, dut) if valid else None
            waiting = None if ready else payload
            if valid and ready:
                taken.append(payload)
            await ctx.tick()
        assert fetched == len(tokens)

    run_bench(dut, testbench)
    assert [(weights[:beat["need"]], asked) for beat, (weights, asked) in zip(work, taken)] == parts
