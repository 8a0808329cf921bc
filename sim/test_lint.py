"""The emitted Verilog is clean: for Verilator's lint but for `waivers.vlt`, and for Yosys without exception."""

import shutil
import subprocess
from pathlib import Path

import pytest

from golden.config import Config, TableStyle
from hw.build import build
from hw.verilog import yosys

from .simulators import SimulatorError, find
from .streams import Layer, alphabets, make_stream

WAIVERS = Path(__file__).with_name("waivers.vlt")
DESIGNS = {
    "ram": Config(lanes=8, table_log=7, max_run=4, bins=15, table_style=TableStyle.RAM),
    "ram, raw bits": Config(lanes=3, vector=3, word_bits=16, table_log=6, max_run=3, raw_bits=2, bins=63,
                            table_style=TableStyle.RAM),
    "ram, smallest": Config(lanes=1, word_bits=8, table_log=1, raw_bits=1, bins=3, max_tables=1, max_segments=1,
                            table_style=TableStyle.RAM),
    "rom": Config(lanes=4, vector=2, table_log=6, max_run=2, raw_bits=1, bins=15),
}


@pytest.fixture(scope="module", params=DESIGNS.values(), ids=DESIGNS)
def verilog(request, tmp_path_factory):
    """The file of a design."""
    config, stream = request.param, None
    if config.table_style is TableStyle.ROM:
        stream, _ = make_stream(config, [Layer(100, alphabet, 1) for alphabet in alphabets(config)])
    folder = tmp_path_factory.mktemp("lint")
    build(config, stream, folder)
    return folder / "decoder.v"


def lint(*files):
    """What Verilator has to say against the files."""
    try:
        simulator = find("verilator")
    except SimulatorError as error:
        pytest.skip(str(error))
    with simulator.environment():
        done = subprocess.run([shutil.which("verilator"), "--lint-only", "-Wall", *map(str, files)],
                              capture_output=True, text=True, check=False)
    return done.stderr


def test_verilator(verilog):
    assert lint(WAIVERS, verilog) == ""


def test_verilator_would_say(verilog, tmp_path):
    """The waivers leave what would be a mistake of ours: here a port of the wrong width."""
    wrong = tmp_path / "decoder.v"
    wrong.write_text(verilog.read_text().replace("input [31:0] crc;", "input [30:0] crc;", 1).replace(
        "wire [31:0] crc;", "wire [30:0] crc;", 1))
    assert wrong.read_text() != verilog.read_text()
    assert "WIDTH" in lint(WAIVERS, wrong)


def complaints(folder):
    """The warnings of Yosys about a folder's decoder."""
    said = yosys("-p", "read_verilog decoder.v; hierarchy -check -top decoder; proc; check", folder=folder)
    return [line for line in said.splitlines() if "Warning" in line]


def test_yosys(verilog):
    assert complaints(verilog.parent) == []


def test_yosys_would_say(verilog, tmp_path):
    (tmp_path / "decoder.v").write_text(verilog.read_text().replace("endmodule", "assign error = 1;\nendmodule", 1))
    assert complaints(tmp_path)
