"""The emitted Verilog is clean: for Verilator's lint but for `waivers.vlt`, and for Yosys without exception."""

import shutil
import subprocess
from pathlib import Path

import pytest

from golden.config import Config, OutputMode, TableMemory, TableStyle
from hw.build import build
from hw.memory import models_for
from hw.verilog import yosys

from .simulators import SimulatorError, find
from .streams import Layer, alphabets, make_stream

WAIVERS = Path(__file__).with_name("waivers.vlt")
RAM = {"table_style": TableStyle.RAM}
BLOCK = {"table_memory": TableMemory.BLOCK}
DESIGNS = {  # name: configuration, target, and a shell, if any
    "ram": (Config(lanes=8, table_log=7, max_run=4, bins=15, **RAM), None),
    "ram, raw bits": (Config(lanes=3, vector=3, word_bits=16, table_log=6, max_run=3, raw_bits=2, bins=63, **RAM),
                      None),
    "ram, smallest": (Config(lanes=1, word_bits=8, table_log=1, raw_bits=1, bins=3, max_tables=1, max_segments=1,
                             **RAM), None),
    "rom": (Config(lanes=4, vector=2, table_log=6, max_run=2, raw_bits=1, bins=15), None),
    "rom, C 2": (Config(lanes=4, word_bits=8, table_log=5, bins=7, ring=2, queue=2), None),
    "ram, C 4": (Config(lanes=8, vector=3, word_bits=16, table_log=6, max_run=8, bins=3, ring=4, **RAM), None),
    "ram, C 3, raw bits": (Config(lanes=3, vector=2, preload=5, table_log=6, raw_bits=2, bins=63, ring=3, **RAM),
                           None),
    "block": (Config(lanes=8, vector=2, table_log=7, max_run=4, bins=15, ring=4, **RAM, **BLOCK), None),
    "block, rom, ecp5": (Config(lanes=8, vector=2, table_log=7, max_run=4, bins=15, ring=4, **BLOCK), "ecp5"),
    "block, ecp5": (Config(lanes=12, table_log=8, raw_bits=1, bins=63, ring=4, **RAM, **BLOCK), "ecp5"),
    "block, ice40": (Config(lanes=3, word_bits=16, table_log=6, bins=7, ring=3, **RAM, **BLOCK), "ice40"),
    "sparse": (Config(lanes=6, vector=2, word_bits=16, table_log=6, max_run=4, bins=15, ring=2,
                      output=OutputMode.SPARSE, **RAM), None),
    "sparse, block, rom": (Config(lanes=4, table_log=6, max_run=2, bins=11, ring=4,
                                  output=OutputMode.SPARSE, **BLOCK), None),
    "block, gowin": (Config(lanes=8, table_log=7, max_run=2, bins=15, ring=8, **RAM, **BLOCK), "gowin"),
    "select": (Config(lanes=4, table_log=5, bins=7, ring=2, select=True, **RAM), None),
    "protect": (Config(lanes=3, table_log=5, raw_bits=1, bins=15, protect=True, **RAM), None),
    "protect, block, ecp5": (Config(lanes=4, table_log=6, max_run=4, bins=7, ring=4, protect=True, **BLOCK), "ecp5"),
    "axi-lite": (Config(lanes=3, word_bits=16, table_log=5, max_run=2, raw_bits=1, bins=15, **RAM), None, "axi-lite"),
    "wishbone, rom, sparse": (Config(lanes=4, table_log=5, bins=7, ring=2, output=OutputMode.SPARSE), None, "wishbone"),
}


@pytest.fixture(scope="module", params=DESIGNS.values(), ids=DESIGNS)
def design(request, tmp_path_factory):
    """The file of a design, and those of the models that it needs."""
    (config, target, *shell), stream = request.param, None
    if config.table_style is TableStyle.ROM:
        stream, _ = make_stream(config, [Layer(100, alphabet, 1) for alphabet in alphabets(config)])
    folder = tmp_path_factory.mktemp("lint")
    build(config, stream, folder, target, *shell)
    return folder / "decoder.v", models_for(target)


def lint(*files):
    """What Verilator has to say against the files."""
    try:
        simulator = find("verilator")
    except SimulatorError as error:
        pytest.skip(str(error))
    with simulator.environment():
        command = [shutil.which("verilator"), "--lint-only", "-Wall", "--top-module", "decoder", *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr


def test_verilator(design):
    verilog, models = design
    assert lint(WAIVERS, verilog, *models) == ""


def test_verilator_would_say(design, tmp_path):
    """The waivers leave what would be a mistake of ours: here a port of the wrong width."""
    verilog, models = design
    wrong = tmp_path / "decoder.v"
    wrong.write_text(verilog.read_text().replace("input [31:0] crc;", "input [30:0] crc;", 1).replace(
        "wire [31:0] crc;", "wire [30:0] crc;", 1))
    assert wrong.read_text() != verilog.read_text()
    assert "WIDTH" in lint(WAIVERS, wrong, *models)


def complaints(folder, models=()):
    """The warnings of Yosys about a folder's decoder, of which the models only tell the ports of the primitives."""
    for model in models:
        shutil.copyfile(model, folder / model.name)
    ports = "".join(f"read_verilog -lib {model.name}; " for model in models)
    said = yosys("-p", f"{ports}read_verilog decoder.v; hierarchy -check -top decoder; proc; check", folder=folder)
    return [line for line in said.splitlines() if "Warning" in line]


def test_yosys(design):
    verilog, models = design
    assert complaints(verilog.parent, models) == []


def test_yosys_would_say(design, tmp_path):
    verilog, models = design
    (tmp_path / "decoder.v").write_text(verilog.read_text().replace("endmodule", "assign error = 1;\nendmodule", 1))
    assert complaints(tmp_path, models)
