"""Builds of boards: clock and reset, the search for a clock, pins, small bitstreams whole, every board's own (slow)."""

import hashlib
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Fragment, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from boards import fastest, top
from boards.build import build_board
from boards.catalogue import BOARDS, find_board
from boards.clock import BoardClock
from boards.fastest import ATTEMPTS, build_fastest
from boards.fit import embedded_stream, plan_design
from boards.flow import NAME, Built, build_plan, run_plan
from boards.lights import BoardLights
from boards.pll import PLLS, Ice40Pll, best_setting
from golden.codec import decode
from golden.config import Config
from golden.container import unpack
from golden.errors import TansyError
from golden.network import encode_network

MHZ = 10 ** 6


def small_stream():
    """A stream of few weights for the smallest of decoders."""
    weights = np.random.default_rng(0).choice([-1, 0, 0, 0, 1], 600).astype(np.int8)
    return encode_network({"w": weights}, lanes=1, word_bits=16, table_log=5, max_run=2, preload=4)


def command(*arguments):
    """The build command: exit code, output, complaint."""
    done = subprocess.run([sys.executable, "-m", "boards.build", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


class SmallDesign(wiring.Component):
    """In place of a board's design: the line turned around, a counter at the lights."""

    rx: In(1, init=1)
    tx: Out(1, init=1)
    running: Out(1)
    passed: Out(1)
    failed: Out(1)

    def __init__(self, plan):
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        count = Signal(22)
        m.d.sync += [count.eq(count + 1), self.tx.eq(self.rx)]
        m.d.comb += [self.running.eq(count[-1]), self.passed.eq(count[-2]), self.failed.eq(count[-3])]
        return m


def planned(name, seed=1):
    """The plan of a board and its build plan, with a `SmallDesign`."""
    board = find_board(name)
    plan = plan_design(board, small_stream())
    setting = best_setting(PLLS[board.pll], board.oscillator, plan.frequency)
    plan = plan.at(float(setting.output))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top, "BoardDesign", SmallDesign)
        return plan, build_plan(plan, setting, seed).files


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


class Ports:
    """In place of a platform: what is asked of it, as ports of a simulation."""

    def __init__(self):
        self.there = {}

    def request(self, name, number=0, dir=None):
        return self.there.setdefault((name, number), io.SimulationPort("io", 1))


@pytest.mark.parametrize("name, green, red", [("icebreaker", ("led_g", 0), ("led_r", 0)),
                                              ("ulx3s-85f", ("led", 1), ("led", 2))])
def test_lights_show_what_they_should_and_running_long_enough(name, green, red):
    ports, lights = Ports(), BoardLights(find_board(name).lights, 1000)
    simulator = Simulator(Fragment.get(lights, ports))
    simulator.add_clock(1e-3)
    running = ports.there[("led", 0) if name == "ulx3s-85f" else green]

    async def testbench(ctx):
        await ctx.tick().repeat(3)
        assert not any(ctx.get(port.o) for port in ports.there.values())
        ctx.set(lights.running, 1)
        await ctx.tick()
        ctx.set(lights.running, 0)
        await ctx.tick().repeat(50)
        assert ctx.get(running.o) == 1
        await ctx.tick().repeat(60)
        assert ctx.get(running.o) == 0
        for signal, port in ((lights.passed, green), (lights.failed, red)):
            ctx.set(signal, 1)
            await ctx.tick().repeat(2)
            assert [key for key, each in ports.there.items() if ctx.get(each.o)] == [port]
            ctx.set(signal, 0)

    simulator.add_testbench(testbench)
    simulator.run()


def searched(monkeypatch, reached, **more):
    """What a search does if the builds reach these clocks in MHz, one after the other."""
    left = list(reached)
    monkeypatch.setattr(fastest, "build_plan", lambda plan, *_: SimpleNamespace(files={"clock": plan.frequency}))
    monkeypatch.setattr(fastest, "run_plan", lambda *_: Built(1, 1, 1, 0, left.pop(0) * 1e6, "", b"", b""))
    plan, files, built, tried = build_fastest(PLAN, **more)
    assert files == {"clock": plan.frequency} and built.fmax >= plan.frequency
    return plan.frequency / 1e6, [clock / 1e6 for clock, _ in tried]


PLAN = plan_design("ulx3s-85f", embedded_stream(find_board("ulx3s-85f"), 2))


def test_the_search_goes_up_to_what_the_timing_meets(monkeypatch):
    assert searched(monkeypatch, [113, 114, 114.2]) == (112.5, [100, 112.5])


def test_the_search_goes_down_from_a_clock_that_is_missed(monkeypatch):
    clock, tried = searched(monkeypatch, [131, 122, 121.9])
    assert (clock, tried) == (121.875, [100, 130, 121.875])


def test_a_clock_is_not_tried_twice(monkeypatch):
    clock, tried = searched(monkeypatch, [131, 129.9, 131])
    assert tried[:2] == [100, 130] and tried[2] < 129.9 and clock == tried[2]


def test_the_search_goes_beyond_a_clock_that_was_missed(monkeypatch):
    assert searched(monkeypatch, [131, 122, 140, 140.4]) == (140, [100, 130, 121.875, 140])


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
    assert set(re.findall(pattern, planned(name)[1][f"{NAME}.{file}"])) == PINS[name]


@pytest.mark.parametrize("name, seeds, size", [("icebreaker", (1, 1, 2), 104_090), ("tang-nano-9k", (1, 1), 2_069_320)])
def test_a_seed_gives_the_same_bytes_again_and_another_seed_others(name, seeds, size, tmp_path):
    made = []
    for number, seed in enumerate(seeds):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(run_plan(*planned(name, seed), folder))
    assert len(made[0].bitstream) == pytest.approx(size, rel=0.05)
    assert made[0] == made[1]
    assert all(other.bitstream != made[0].bitstream for other in made[2:])
    assert made[0].fmax > 50 * MHZ and 50 < made[0].lut < 120


@pytest.mark.parametrize("name, megahertz", [("ice40-hx8k-b-evn", 40), ("ulx3s-25f", 75)])
def test_a_small_decoder_goes_all_the_way_to_a_bitstream(name, megahertz, tmp_path):
    data, board = small_stream(), find_board(name)
    manifest = build_board(board, data, tmp_path / "out", clock=megahertz * MHZ)
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text())
    bitstream = (tmp_path / "out" / manifest["file"]).read_bytes()
    assert manifest["sha256"] == hashlib.sha256(bitstream).hexdigest()
    assert (tmp_path / "out" / "net.tsy").read_bytes() == data
    assert manifest["fmax"] >= manifest["frequency"] > (megahertz - 1) * MHZ
    assert manifest["block_rams"] <= board.block_rams and 2000 < manifest["lut"] < board.luts
    plan = plan_design(board, data).at(manifest["frequency"])
    assert Config.from_dict(manifest["config"]) == plan.config
    assert (manifest["identity"], manifest["digest"]) == (plan.identity, plan.digest)
    assert re.search(r"\d ns, .* routing", manifest["critical_path"])
    assert manifest["weights"] == sum(map(len, decode(unpack(data)[0]))) == 600
    assert (tmp_path / "out" / "plan" / f"build_{NAME}.sh").is_file()
    code, out, _ = command("--report", "-o", tmp_path / "out")
    assert code == 0 and board.title in out and board.load.split()[0] in out


@pytest.mark.slow
@pytest.mark.parametrize("name", BOARDS)
def test_every_board_with_its_own_decoder(name, tmp_path):
    code, out, error = command("--board", name, "-o", tmp_path, "--json")
    assert code == 0, error
    manifest = json.loads(out)
    print(out)
    if manifest["fmax"] is not None:
        assert manifest["fmax"] >= manifest["frequency"]
    assert manifest["lut"] < manifest["luts"]


def test_list():
    code, out, _ = command("--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(BOARDS)
    rows = {row["board"]: row for row in json.loads(command("--list", "--json")[1])}
    assert rows["tang-nano-9k"]["stream_bytes"] == 32_768
    assert all(row["least_luts"] <= row["luts"] for row in rows.values())


@pytest.mark.parametrize("arguments, complaint", [
    (["--board", "ulx4m"], "board must be one of ulx3s-85f"),
    (["--board", "ulx3s-85f", "--lanes", "65"], "lanes must be a whole number from 1 to 64, not 65"),
    (["--board", "icebreaker", "--lanes", "64"], "64 lanes in rings of 4 take 5,640 LUTs at least, and icebreaker has"),
    (["--board", "icebreaker", "--clock", "5"], "the PLL makes 16 to 275 MHz, none of it from 12 MHz and at most 5"),
    (["--board", "ulx3s-85f", "--output-mode", "sparse"], "a board's decoder hands out dense weights only"),
    (["--board", "ulx3s-85f", "--max-tables", "9"], "room for tables and segments must be given with --tables ram"),
    (["--board", "ulx3s-85f", "--stream", "nowhere.tsy"], "nowhere.tsy: cannot be read"),
    (["--report", "-o", "nowhere"], "nowhere/manifest.json: cannot be read"),
    (["--list", "--report"], "not allowed with argument"),
])
def test_bad_input_is_one_line_and_leaves_nothing(arguments, complaint, tmp_path):
    more = ["-o", tmp_path / "out"] if "-o" not in arguments else []
    code, out, error = command(*arguments, *more)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert complaint in error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_build_is_named(tmp_path):
    (tmp_path / "manifest.json").write_text('{"top": "decoder"}')
    complaint = f"boards.build: error: {tmp_path}/manifest.json: not a manifest of boards.build\n"
    assert command("--report", "-o", tmp_path) == (2, "", complaint)
