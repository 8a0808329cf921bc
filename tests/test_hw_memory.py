"""Block memories: the interface, and the portable one in simulation. `test_hw_memory_verilog.py` has the others."""

import pytest
from amaranth.hdl import Fragment

from golden.errors import ConfigError
from hw.memory import LATENCY, TARGETS, BlockMemory, block_memory, models_for

from .memories import CASES, DEEP, Case, Step, expected, steps
from .support import run_bench


@pytest.mark.parametrize("case", CASES + DEEP, ids=str)
def test_portable(case):
    dut, given = case.memory(None), steps(case, 400)
    seen = []

    async def testbench(ctx):
        for step in given:
            for port, address in zip(dut.address, step.addresses):
                ctx.set(port, address)
            if case.writable:
                place, word = step.write or (0, 0)
                ctx.set(dut.write, {"enable": step.write is not None, "address": place, "data": word})
            seen.append([ctx.get(port) for port in dut.data])
            await ctx.tick()

    run_bench(dut, testbench)
    for cycle, (row, wanted) in enumerate(zip(seen, expected(case, given))):
        assert [value if want is not None else None for value, want in zip(row, wanted)] == wanted, f"cycle {cycle}"


def test_what_is_expected():
    """By hand: the latency, what a write changes from when on, and what is undefined."""
    case = Case(width=4, depth=4, ports=2, writable=True, filled=2)
    first, second = case.init
    given = [Step((0, 1), None), Step((0, 0), (2, 9)), Step((2, 2), None), Step((1, 3), (3, 7)), Step((3, 3), None),
             Step((0, 0), None), Step((0, 0), None)]
    assert LATENCY == 2
    assert expected(case, given) == [
        [None, None], [None, None], [first, second], [None, first], [9, 9], [None, None], [7, 7]]


@pytest.mark.parametrize("target", TARGETS)
def test_members(target):
    memory = block_memory(target, 15, 600, ports=2, writable=True)
    assert isinstance(memory, BlockMemory)
    assert [len(port) for port in memory.address] == [10, 10]
    assert [len(port) for port in memory.data] == [15, 15]
    assert {name: field.width for name, field in memory.write.shape()} == {"enable": 1, "address": 10, "data": 15}
    read_only = block_memory(target, 15, 600)
    assert "write" not in read_only.signature.members
    for component in (memory, read_only):
        Fragment.get(component, None).prepare()


@pytest.mark.parametrize("target, arguments, message", [
    ("ecp6", (8, 8), "target must be one of ecp5, ice40, gowin or none, not 'ecp6'"),
    ("ecp5", (8, 16385), "depth of a block memory must be from 2 to 16384 here, not 16385"),
    ("ice40", (8, 2049), "depth of a block memory must be from 2 to 2048 here, not 2049"),
    ("gowin", (8, 16385), "depth of a block memory must be from 2 to 16384 here, not 16385"),
    (None, (8, 1), "depth of a block memory must be from 2 to 65536 here, not 1"),
    (None, (0, 8), "width of a block memory must be at least 1, not 0"),
    (None, (8, 8, (), 3), "ports of a block memory must be 1 or 2, not 3"),
    (None, (8, 8, [0] * 9), "a block memory of 8 words cannot begin with 9"),
    (None, (8, 8, [256]), "words of a block memory must be from 0 to 255"),
    (None, (8, 8, [-1]), "words of a block memory must be from 0 to 255"),
])
def test_wrong(target, arguments, message):
    with pytest.raises(ConfigError) as caught:
        block_memory(target, *arguments)
    assert str(caught.value) == message


def test_models():
    assert models_for(None) == []
    for target in filter(None, TARGETS):
        files = models_for(target)
        assert files and all(file.is_file() for file in files)
    with pytest.raises(ConfigError, match="target must be"):
        models_for("xilinx")
