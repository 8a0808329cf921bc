"""Synthesis: names of paths, counting, the module around a design, tools that are not there, one real run."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.errors import ConfigError, InputError, TansyError
from hw import tools
from hw.boundary import CLOCK, TOP, Port, boundary, registers
from hw.critical_path import Names, clock_of, critical_path
from hw.pnr import cells_of, count
from hw.report import SynthesisReport, speed_of, text_of
from hw.synth import synthesize
from hw.targets import TARGETS, find_target
from hw.tools import run_tool, tool_command, tool_version

ROOT = Path(__file__).resolve().parents[1]

CELLS = {  # of a flattened netlist: name and type
    "decoder": "$scopeinfo", "decoder.lane_7": "$scopeinfo", "decoder.lane_7.expander": "$scopeinfo",
    "decoder.join": "$scopeinfo", "decoder.ring_1.symbol_table$12": "$scopeinfo", "decoder.ring_1": "$scopeinfo",
    "decoder.lane_7.expander.held_TRELLIS_FF_Q_3": "TRELLIS_FF", "decoder.join.ready_LUT4_Z": "LUT4",
    "clear_LUT4_A": "LUT4", "decoder.lane_7.expander.held_TRELLIS_FF_Q_DI_PFUMX_Z_ALUT_LUT4_Z_C_LUT4_Z": "PFUMX",
}


def step(kind, start, end, delay):
    """One item of a path, as nextpnr writes it."""
    return {"type": kind, "delay": delay, "from": {"cell": start, "port": "Q"}, "to": {"cell": end, "port": "D"}}


HELD, JOIN = "decoder.lane_7.expander.held_TRELLIS_FF_Q_3", "decoder.join.ready_LUT4_Z"
FAR = "decoder.lane_7.expander.held_TRELLIS_FF_Q_DI_PFUMX_Z_ALUT_LUT4_Z_C_LUT4_Z"
ENTRY = "decoder.ring_1.symbol_table$12.entry$3_TRELLIS_FF_Q_1"
REPORT = {
    "fmax": {"$glbnet$clk$TRELLIS_IO_IN": {"achieved": 200.0, "constraint": 250.0},
             f"$glbnet${CLOCK}$TRELLIS_IO_IN": {"achieved": 400.0, "constraint": 250.0}},
    "critical_paths": [
        {"from": f"posedge $glbnet${CLOCK}$TRELLIS_IO_IN", "to": "posedge $glbnet$clk$TRELLIS_IO_IN",
         "path": [step("clk-to-q", "feed", "feed", 0.5), step("routing", "feed", HELD, 9.0)]},
        {"from": "posedge $glbnet$clk$TRELLIS_IO_IN", "to": "posedge $glbnet$clk$TRELLIS_IO_IN",
         "path": [step("clk-to-q", HELD, HELD, 0.5), step("routing", HELD, JOIN, 1.0), step("logic", JOIN, JOIN, 0.25),
                  step("routing", JOIN, FAR, 0.75), step("logic", FAR, FAR, 0.25), step("routing", FAR, ENTRY, 2.0),
                  step("setup", ENTRY, ENTRY, 0.25)]},
    ],
}


@pytest.mark.parametrize("cell, block, signal, way", [
    (HELD, "lane 7: expander", "held", 1),
    (JOIN, "join", "ready", 1),
    (FAR, "lane 7: expander", "held", 4),
    (ENTRY, "ring 1: symbol table", "entry", 1),
    ("clear_LUT4_A", "ports", "clear", 1),
    ("decoder.lane_7.state", "lane 7", "state", 0),
])
def test_names(cell, block, signal, way):
    assert Names(CELLS).split(cell) == (block, signal, way)


def test_names_inside_the_boundary():
    """The instance of the design adds no word; registers around it are named as what they are."""
    names = Names({"feed_TRELLIS_FF_Q": "TRELLIS_FF", "design": "$scopeinfo"}
                  | {f"design.{name}": kind for name, kind in CELLS.items()})
    assert names.split(f"design.{HELD}") == ("lane 7: expander", "held", 1)
    assert names.split("design.clear_LUT4_A")[0] == "shell"
    assert names.split("feed_TRELLIS_FF_Q_2")[:2] == ("ports", "feed")


def test_critical_path():
    """In blocks, of the design's clock; a cell far from its name is in the block of the cell before it."""
    path = critical_path(REPORT, "clk", Names(CELLS))
    assert [(s.block, s.logic, s.routing, s.levels) for s in path.steps] == [
        ("lane 7: expander", 0.5, 0.0, 0), ("join", 0.5, 1.75, 2), ("ring 1: symbol table", 0.25, 2.0, 0)]
    assert str(path) == ("lane 7: expander (held) -> join -> ring 1: symbol table (entry): 5.00 ns, 1.25 logic in 2 "
                         "levels, 3.75 routing")


@pytest.mark.parametrize("name", ["clk", "design.clk", "clk$SB_IO_IN_$glb_clk", "$glbnet$clk", "clk_IBUF_I_O"])
def test_clock_of(name):
    fmax = {name: {}, "other": {}, f"{CLOCK}_IBUF_I_O": {}, f"{CLOCK}$SB_IO_IN_$glb_clk": {}}
    assert clock_of({"fmax": fmax}, "clk") == name


@pytest.mark.parametrize("report, complaint", [
    ({}, "no path between registers"), ({"fmax": {f"{CLOCK}": {}}}, "no path between registers"),
    ({"fmax": {"clk": {}}, "critical_paths": []}, "no critical path"),
    ({"fmax": {"a": {}, "b": {}}}, "no path between registers"),
])
def test_a_report_without_paths(report, complaint):
    with pytest.raises(TansyError, match=complaint):
        critical_path(report, "clk", Names(CELLS))


def test_yosys_knows_the_kinds_of_ice40():
    """As its help lists them: hx, lp, u."""
    assert {name: target.synth for name, target in TARGETS.items() if "ice40" in name} == {
        "ice40-hx8k": "synth_ice40 -device hx", "ice40-up5k": "synth_ice40 -device u"}


@pytest.mark.parametrize("target, cells, lut, ff, ram, lut_ram", [
    ("ice40-hx8k", {"SB_LUT4": 7, "SB_DFF": 1, "SB_DFFESR": 2, "SB_RAM40_4K": 1, "SB_CARRY": 9}, 7, 3, 1, 0),
    ("gw1n-9", {"LUT1": 1, "LUT4": 2, "ALU": 3, "MUX2_LUT5": 9, "DFFRE": 4, "pROM": 1, "SDPB": 1, "DPX9B": 1,
                "RAM16SDP4": 5}, 6, 4, 3, 5),
    ("xilinx-7", {"LUT1": 1, "LUT6": 2, "FDRE": 3, "FDSE": 1, "RAMB18E1": 1, "RAM32M": 2, "MUXF7": 9}, 3, 4, 1, 2),
    ("ecp5-85k-6", {"TRELLIS_FF": 3, "DP16KD": 2, "TRELLIS_DPR16X4": 4, "LUT4": 5}, 0, 3, 2, 4),
])
def test_count(target, cells, lut, ff, ram, lut_ram):
    t = TARGETS[target]
    assert [count(cells, pattern) for pattern in (t.lut, t.ff, t.block_ram, t.lut_ram)] == [lut, ff, ram, lut_ram]


def test_cells_of():
    assert cells_of({"a": "LUT4", "b": "FF", "c": "LUT4", "d": "$scopeinfo"}) == {"FF": 1, "LUT4": 2}


def report(**changes):
    """A report of three seeds."""
    return replace(SynthesisReport("ecp5-25k-6", False, "pins", 1000, 300, 2, 4, "TRELLIS_COMB of nextpnr", 0,
                                   (90.0, 110.0, 100.0), (1, 2, 3), critical_path(REPORT, "clk", Names(CELLS))),
                   **changes)


def test_report():
    made = report()
    assert (made.fmax_best, made.fmax_median) == (110.0, 100.0)
    values = json.loads(json.dumps(made.as_dict()))
    assert values["critical_path"].startswith("lane 7: expander (held) -> join") and len(values["critical_steps"]) == 3
    assert (values["fmax"], values["fmax_median"]) == ([90.0, 110.0, 100.0], 100.0)
    speed = speed_of(made.lut, made.fmax_median, 7.5)
    assert speed == {"weights_per_cycle": 7.5, "weights_per_second": 750e6, "weights_per_second_per_lut": 750e3}
    assert "100.0 MHz median, 110.0 best of 90.0 110.0 100.0" in text_of(made, speed)
    assert "750.0 million per second" in text_of(made, speed)


def test_report_of_area_only():
    made = report(fmax=(), seeds=(), path=None, ports="none")
    assert (made.fmax_best, made.fmax_median, made.critical_path) == (None, None, "")
    speed = speed_of(made.lut, made.fmax_median, 7.5)
    assert speed == {"weights_per_cycle": 7.5}
    assert "Fmax" not in text_of(made, speed) and "7.50 per cycle" in text_of(made, speed)
    assert "weights" not in text_of(made, {})


PORTS = [Port("clk", "input", 1), Port("a", "input", 3), Port("b", "input", 1), Port("y", "output", 4),
         Port("z", "output", 1)]
DESIGN = """
module adder(input clk, input [2:0] a, input b, output [3:0] y, output z);
  assign y = a + b;
  assign z = a[1] ^ b;
endmodule
"""


@pytest.mark.parametrize("registered", [True, False])
def test_the_boundary_keeps_the_function(tmp_path, registered):
    """With its registers opened, the module around a design maps every input as the design does."""
    (tmp_path / "adder.v").write_text(DESIGN + boundary(PORTS, "adder", "clk", registered))
    numbers = range(16)
    commands = [f"eval -set feed.q {n} -show taken.d" for n in numbers]
    said = run_tool("yosys", "-p", f"read_verilog adder.v; hierarchy -top {TOP}; proc; flatten; expose -evert-dff; "
                    f"opt_clean; {'; '.join(commands)}", folder=tmp_path)
    values = [int(bits, 2) for bits in re.findall(r"taken\.d = 5'([01]+)\.", said)]
    assert values == [((n & 7) + (n >> 3)) | ((n >> 1 ^ n >> 3) & 1) << 4 for n in numbers]


def test_the_boundary_counts_its_registers():
    assert registers(PORTS, "clk") == 9
    text = boundary(PORTS, "adder", "clk", True)
    assert "posedge \\clk " in text and CLOCK not in text.split(";", 1)[1]
    assert f"posedge {CLOCK}" in boundary(PORTS, "adder", "clk", False)


@pytest.mark.parametrize("ports, complaint", [
    ([*PORTS, Port("q", "inout", 1)], "inout"), (PORTS[1:], "no port clk"),
])
def test_the_boundary_refuses(ports, complaint):
    with pytest.raises(TansyError, match=complaint):
        boundary(ports, "adder", "clk", True)


def test_tools(monkeypatch):
    """A program on PATH comes first; a tool that is nowhere is one line that names the extra."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/{name}")
    assert tool_command("nextpnr-himbaechel-gowin") == ["/opt/nextpnr-himbaechel"]
    assert tool_command("yosys", native=False)[0] == sys.executable
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TansyError, match=r"nextpnr-ice40 is not here: install tansy\[pnr\]"):
        tool_command("nextpnr-ice40")


def test_a_tool_that_fails():
    with pytest.raises(TansyError, match="^yosys failed: ERROR: Can't open script file"):
        run_tool("yosys", "-q", "nowhere.ys")
    assert tool_version("yosys", native=False)[0].isdigit()


def test_the_complaint_of_a_tool(monkeypatch, tmp_path):
    """Of what a tool prints, its own last error is told, not what it prints after that."""
    script = tmp_path / "nextpnr-ice40"
    script.write_text("#!/bin/sh\necho Info: a\necho ERROR: no BELs remaining\necho 0 warnings, 1 error\nexit 255\n")
    script.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(script))
    with pytest.raises(TansyError, match="^nextpnr-ice40 failed: ERROR: no BELs remaining$"):
        run_tool("nextpnr-ice40", "--up5k")


def test_a_tool_that_takes_too_long(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/sleep")
    with pytest.raises(TansyError, match=r"^yosys was ended after 0.01 seconds$"):
        run_tool("yosys", "60", limit=0.01)


def test_bad_arguments(tmp_path):
    with pytest.raises(ConfigError, match="target must be one of ecp5-85k-6, "):
        find_target("ecp5")
    with pytest.raises(InputError, match="decoder.v: no such file"):
        synthesize(tmp_path, "xilinx-7")
    with pytest.raises(ConfigError, match="seeds must be at least 1"):
        synthesize(tmp_path, "xilinx-7", seeds=())
    (tmp_path / "decoder.v").write_text(DESIGN)
    with pytest.raises(TansyError, match="decoder.v has no module decoder"):
        synthesize(tmp_path, "xilinx-7", registered=True)


def needs(tool):
    """Skip where a tool is not there."""
    try:
        tool_command(tool)
    except TansyError as error:
        pytest.skip(str(error))


COUNTER = """
module counter(input clk, input rst, input [39:0] by, output reg [39:0] at);
  always @(posedge clk) at <= rst ? 0 : at + by;
endmodule
"""


def test_a_real_run(tmp_path):
    """A small design on a device with too few pins: the registers around it count nowhere, those inside do."""
    needs("nextpnr-ice40")
    (tmp_path / "counter.v").write_text(COUNTER)
    emitted, registered = (synthesize(tmp_path, "ice40-up5k", seeds, not seeds[1:], verilog="counter.v", top="counter")
                           for seeds in ((1, 2), (1,)))
    assert (emitted.ports, registered.ports) == ("detached", "registers")
    assert (len(emitted.fmax), len(registered.fmax)) == (2, 1)
    for made in emitted, registered:
        assert (made.ff, made.port_registers, made.block_rams) == (40, 81, 0)
        assert 40 <= made.lut <= 60 and made.placed["ICESTORM_LC"] >= 40
        assert all(5 < fmax < 500 for fmax in made.fmax)
        assert set(made.tools) == {"yosys", "nextpnr-ice40"}
    assert "(at)" in emitted.critical_path and emitted.path.levels >= 39
    assert registered.critical_path.startswith("ports (feed)")


def command(*arguments):
    return subprocess.run([sys.executable, "-m", "hw.synth", *arguments], cwd=ROOT, text=True, capture_output=True)


@pytest.mark.parametrize("arguments, complaint", [
    (["--target", "z80"], "target must be one of ecp5-85k-6, "),
    (["--seeds", "0"], "seeds must be at least 1, not 0"),
    (["--build", "{}"], "decoder.v: no such file"),
    (["--build", "{}", "--lanes", "4"], "--build takes a decoder as it is, without lanes"),
    (["--lanes", "0"], "lanes must be a whole number from 1 to 64, not 0"),
    (["--target"], "argument --target: expected one argument"),
])
def test_bad_command_lines(tmp_path, arguments, complaint):
    done = command(*(argument.format(tmp_path) for argument in arguments), "-o", str(tmp_path / "r.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hw.synth: error: ") and done.stderr.count("\n") == 1
    assert complaint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command(tmp_path):
    """From options to a report, of area only; the file holds what is printed."""
    np.savez(tmp_path / "net.npz", layer=np.random.default_rng(5).integers(-1, 2, (20, 10)).astype(np.int8))
    done = command("--target", "xilinx-7", "--weights", str(tmp_path / "net.npz"), "--lanes", "1", "--word-bits", "8",
                   "--table-log", "4", "--json", "-o", str(tmp_path / "r.json"))
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)
    assert json.loads((tmp_path / "r.json").read_text()) == [made]
    assert made["target"] == "xilinx-7" and made["lut"] > 200 and made["ff"] > 100 and made["fmax"] == []
    assert 0.25 < made["weights_per_cycle"] <= 1
