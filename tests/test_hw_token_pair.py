"""The two places for tokens against a plain queue."""

from collections import deque
from random import Random

import pytest

from golden.config import Config
from hw.token_pair import TokenPair
from tests.support import as_ints, run_bench


@pytest.mark.parametrize("pace", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("vector, max_run", [(1, 1), (2, 2), (2, 5), (8, 16)])
def test_against_a_queue(vector, max_run, pace):
    """Tokens come whenever there is a place, and are used up with or without a part of them going first."""
    config = Config(lanes=1, vector=vector, word_bits=128, max_run=max_run, bins=15)
    random = Random(f"{vector} {max_run} {pace}")
    dut = TokenPair(config)
    seen = {"first": 0, "second": 0, "passed on": 0, "at once": 0, "used at once": 0, "used later": 0, "none": 0,
            "shortened": 0}

    async def testbench(ctx):
        held, pushed = deque(), None
        for _ in range(1500):
            used = pushed is not None and random.random() < 0.5
            ctx.set(dut.used, used)
            if pushed is not None:
                pushed["used"] = int(used)
            assert ctx.get(dut.there) == (len(held) > 0) and ctx.get(dut.second) == (len(held) == 2)
            if held:
                assert as_ints(ctx.get(dut.head)) == held[0]
            push = len(held) < 2 and random.random() < 0.6
            pop = random.random() < pace  # of what is not there, too
            shorten = bool(held) and not pop and max_run > vector and random.random() < 0.5
            token = {"run": random.randrange(max_run), "value": random.randint(-7, 7)}
            rest = random.randrange(max_run)
            for name, value in (("push", push), ("token", token), ("pop", pop), ("shorten", shorten), ("rest", rest)):
                ctx.set(getattr(dut, name), value)
            seen["first"] += push and not held
            seen["second"] += push and len(held) == 1 and not pop
            seen["passed on"] += pop and len(held) == 2
            seen["at once"] += push and pop and len(held) == 1
            seen["used at once"] += used and pop and len(held) == 1
            seen["used later"] += used and len(held) == 2
            seen["none"] += pop and not held
            seen["shortened"] += shorten
            if shorten:
                held[0] |= {"run": rest, "again": 1}
            elif pop and held:
                held.popleft()
            pushed = token | {"used": 0, "again": 0} if push else None
            if push:
                held.append(pushed)
            assert ctx.get(dut.next_second) == (len(held) == 2)
            await ctx.tick()

    run_bench(dut, testbench)
    if max_run <= vector:
        del seen["shortened"]
    assert all(seen.values()), f"this test has not met every case: {seen}"
