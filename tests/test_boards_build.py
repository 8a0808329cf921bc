"""Builds of boards: clock and reset, the search for a clock, pins, small bitstreams whole, every board's own (slow)."""

import hashlib
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from amaranth.hdl import ClockDomain, Fragment, Module, Signal
from amaranth.sim import Simulator

from boards import fastest
from boards.build import build_board
from boards.catalogue import BOARDS, find_board
from boards.clock import BoardClock
from boards.fastest import ATTEMPTS, build_fastest
from boards.fit import embedded_stream, plan_design
from boards.flow import NAME, Built, build_plan
from boards.pll import PLLS, Ice40Pll, best_setting
from golden.config import TableMemory
from golden.errors import TansyError

SMALL = {"lanes": 3, "table_memory": TableMemory.BLOCK}


def command(*arguments):
    """The build command: exit code, output, complaint."""
    done = subprocess.run([sys.executable, "-m", "boards.build", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def planned(name, **more):
    """The build plan of a small design."""
    board = find_board(name)
    plan = plan_design(board, **SMALL, **more)
    setting = best_setting(PLLS[board.pll], board.oscillator, plan.frequency)
    return build_plan(plan.at(float(setting.output)), setting)


class FakePll(Ice40Pll):
    """A PLL whose outputs are the test's."""

    def elaborate(self, platform):
        return Module()


def test_the_reset_lasts_until_the_pll_has_locked_and_settled():
    pll = FakePll(best_setting(Ice40Pll, 12e6, 18e6))
    wait = 270  # 15 us at 18 MHz
    m = Module()
    m.domains.sync = domain = ClockDomain()
    m.submodules.clock = BoardClock(domain, pll, 1e6)
    count = Signal(16)
    m.d.sync += count.eq(count + 1)
    simulator = Simulator(Fragment.get(m, SimpleNamespace(add_clock_constraint=lambda signal, frequency: None)))

    async def testbench(ctx):
        async def cycles(number):
            for _ in range(number):
                ctx.set(pll.clock, 1)
                await ctx.delay(1e-8)
                ctx.set(pll.clock, 0)
                await ctx.delay(1e-8)

        await cycles(wait + 20)
        assert ctx.get(count) == 0
        ctx.set(pll.locked, 1)
        await cycles(wait)
        assert ctx.get(count) == 0
        await cycles(20)
        assert 10 < ctx.get(count) < 20
        ctx.set(pll.locked, 0)
        await cycles(5)
        assert ctx.get(count) == 0

    simulator.add_testbench(testbench)
    simulator.run()


def searched(monkeypatch, reached, **more):
    """What a search does if the builds reach these clocks in MHz, one after the other."""
    left = list(reached)
    monkeypatch.setattr(fastest, "build_plan", lambda plan, *_: SimpleNamespace(files={"clock": plan.frequency}))
    monkeypatch.setattr(fastest, "run_plan", lambda *_: Built(1, 1, 1, 0, left.pop(0) * 1e6, b"", b""))
    plan, files, built, tried = build_fastest(PLAN, **more)
    assert files == {"clock": plan.frequency} and built.fmax >= plan.frequency
    return plan.frequency / 1e6, [clock / 1e6 for clock, _ in tried]


PLAN = plan_design("ulx3s-85f", embedded_stream(find_board("ulx3s-85f"), 2))


def test_the_search_goes_up_to_what_the_timing_meets(monkeypatch):
    assert searched(monkeypatch, [113, 114, 114.2]) == (112.5, [100, 112.5])


def test_the_search_goes_down_from_a_clock_that_is_missed(monkeypatch):
    assert searched(monkeypatch, [131, 122, 126.4, 124, 124]) == (121.875, [100, 130, 121.875, 125, 122.91666666666667])


def test_a_missed_clock_is_not_tried_again(monkeypatch):
    clock, tried = searched(monkeypatch, [131, 129.9, 131, 131])
    assert tried[:2] == [100, 130] and clock == tried[-1] < 130 and 130 not in tried[2:]


def test_the_search_ends_with_the_last_clock_that_was_met(monkeypatch):
    clock, tried = searched(monkeypatch, [150] + [101] * ATTEMPTS)
    assert clock == 100 and len(tried) <= ATTEMPTS


def test_no_clock_that_is_met_is_an_error(monkeypatch):
    with pytest.raises(TansyError, match="ulx3s-85f at 100.000 MHz: place and route reaches 60.000 MHz"):
        searched(monkeypatch, [60], clock=100e6)
    assert searched(monkeypatch, [120], clock=101e6) == (100, [100])


PINS = {  # serial line in, out, lights
    "ulx3s-85f": {"M1", "L4", "B2", "C2", "C1", "G2"}, "ulx3s-25f": {"M1", "L4", "B2", "C2", "C1", "G2"},
    "orangecrab": {"N17", "M18", "K4", "M3", "J3", "A9"}, "icebreaker": {"6", "9", "11", "37", "35"},
    "ice40-hx8k-b-evn": {"B10", "B12", "C3", "B3", "C4", "J3"}, "tang-nano-9k": {"18", "17", "10", "11", "13", "52"},
    "arty-a7": {"A9", "D10", "H5", "J5", "T9", "E3"},
}


@pytest.mark.parametrize("name, file, pattern", [
    ("ulx3s-25f", "lpf", r'SITE "(\w+)"'), ("orangecrab", "lpf", r'SITE "(\w+)"'),
    ("icebreaker", "pcf", r"set_io \S+ (\w+)"), ("tang-nano-9k", "cst", r'IO_LOC "\S+" (\w+)'),
    ("arty-a7", "xdc", r"LOC (\w+)"),
])
def test_the_plan_has_the_pins(name, file, pattern):
    import re
    plan = planned(name)
    assert set(re.findall(pattern, plan.files[f"{NAME}.{file}"])) == PINS[name]
    assert plan.digest() == planned(name).digest()
