"""The command ``python -m hw.build``: its files, its summary, and how it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from golden import digits
from golden.config import Config
from golden.container import pack, parse_stream, stream_bytes
from golden.cycles import simulate
from golden.network import encode_stream
from hw.errors import ErrorCode
from hw.verilog import yosys
from tests.support import transfers_of

ROOT = Path(__file__).resolve().parents[1]
FILES = ["decoder.v", "manifest.json", "net.tsy", "stream.hex"]
PORTS = {"clk": 1, "rst": 1, "clear": 1, "s_axis_tdata": 32, "s_axis_tvalid": 1, "s_axis_tready": 1, "s_axis_tlast": 1,
         "m_axis_tdata": 16, "m_axis_tkeep": 2, "m_axis_tvalid": 1, "m_axis_tready": 1, "m_axis_tlast": 1, "busy": 1,
         "done": 1, "error": 8}


def hw_build(*arguments):
    """Run the command; returns what it left."""
    return subprocess.run([sys.executable, "-W", "error", "-m", "hw.build", *map(str, arguments)], cwd=ROOT,
                          capture_output=True, text=True)


def built(folder, *arguments):
    """Run the command into a folder, which must work; returns its standard output."""
    done = hw_build("-o", folder, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    return done.stdout


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """A ``.tsy`` file of two small layers for two lanes."""
    layers = {name: layer for name, layer in digits.load().items() if layer.dtype.kind in "iu"}
    small = dict(sorted(layers.items(), key=lambda item: item[1].size)[:2])
    path = tmp_path_factory.mktemp("net") / "net.tsy"
    path.write_bytes(pack(*encode_stream(small, lanes=2, table_log_limit=7)))
    return path


@pytest.fixture(scope="module", params=["rom", "ram"])
def build(request, net, tmp_path_factory):
    """Folder, standard output, table style and stream of a build."""
    folder = tmp_path_factory.mktemp("build") / "new" / "folder"
    output = built(folder, "--stream", net, "--tables", request.param, "--json")
    return folder, json.loads(output), request.param, parse_stream(net.read_bytes())[0]


def test_manifest(build):
    folder, _, style, stream = build
    manifest = json.loads((folder / "manifest.json").read_text())
    assert list(manifest) == ["top", "format_version", "config", "ports", "errors", "versions"]
    assert (manifest["top"], manifest["format_version"]) == ("decoder", 1)
    config = Config.from_dict(manifest["config"])
    assert (config.lanes, config.table_log, config.table_style.value) == (2, stream.config.table_log, style)
    assert {port["name"]: port["width"] for port in manifest["ports"]} == PORTS
    assert {port["name"] for port in manifest["ports"] if port["direction"] == "output"} == {
        "s_axis_tready", "m_axis_tdata", "m_axis_tkeep", "m_axis_tvalid", "m_axis_tlast", "busy", "done", "error"}
    assert manifest["errors"] == {code.name: code.value for code in ErrorCode}
    assert set(manifest["versions"]) == {"tansy", "amaranth", "yosys", "python"}


def test_files(build, net):
    folder, _, _, stream = build
    assert (folder / "net.tsy").read_bytes() == net.read_bytes()
    words = [int(line, 16) for line in (folder / "stream.hex").read_text().split()]
    assert words == transfers_of(stream_bytes(stream), stream.config.word_bits)
    verilog = (folder / "decoder.v").read_text()
    for name in PORTS:
        assert f" {name};" in verilog


def test_figures(build):
    folder, figures, _, stream = build
    manifest = json.loads((folder / "manifest.json").read_text())
    timing = simulate(stream, Config.from_dict(manifest["config"]))
    size = len(stream_bytes(stream))
    assert figures["weights"] == stream.weights and figures["stream_bytes"] == size
    assert figures["bits_per_weight"] == pytest.approx(8 * size / stream.weights)
    assert figures["ratio_to_float32"] == pytest.approx(4 * stream.weights / size)
    assert figures["header_cycles"] == timing.causes["header"]
    assert figures["header_cycles"] + figures["decoding_cycles"] == timing.end
    assert 0 < figures["weights_per_cycle"] <= 2


def test_yosys_reads_it_without_a_warning(build):
    folder, *_ = build
    script = ("read_verilog decoder.v; hierarchy -check -top decoder; proc; check -assert; "
              "select -assert-none t:$dlatch*")
    assert "warning" not in yosys("-p", script, folder=folder).lower()


def test_same_bytes_again(build, net, tmp_path):
    folder, _, style, _ = build
    built(tmp_path / "again", "--stream", net, "--tables", style)
    for name in FILES:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_embedded_network_and_text(tmp_path):
    """Without an input it is the digits network; three lanes are as good as any."""
    output = built(tmp_path, "--lanes", "3")
    stream = parse_stream((tmp_path / "net.tsy").read_bytes())[0]
    assert stream.config.lanes == 3
    assert stream.weights == sum(layer.size for layer in digits.load().values() if layer.dtype.kind in "iu")
    assert output.startswith("decoder          3 lanes x 1 weights") and len(output.splitlines()) == 6


REFUSED = [
    (["--lanes", "0"], "lanes must be a whole number from 1 to 64, not 0"),
    (["--lanes", "65"], "lanes must be a whole number from 1 to 64, not 65"),
    (["--lanes", "many"], "argument --lanes: invalid int value: 'many'"),
    (["--vector", "9"], "vector must be a whole number from 1 to 8, not 9"),
    (["--word-bits", "12"], "word bits must be one of 8, 16, 32, 64, 128, not 12"),
    (["--word-bits", "8", "--table-log", "7", "--raw-bits", "2"], "word bits must be at least table log"),
    (["--preload", "1"], "preload .* must be a whole number from 2 to 256, not 1"),
    (["--table-log", "8"], "table log must be at most 7"),
    (["--max-tables", "4"], "room for tables and segments must be given with --tables ram only"),
    (["--tables", "ram", "--max-tables", "1"], "max tables must be at least [2-9] for this stream, not 1"),
    (["--tables", "block"], "argument --tables: invalid choice: 'block'"),
    (["--stream", "NET", "--lanes", "4"], "NET was made with lanes 2, not 4"),
    (["--stream", "NET", "--weights", "q.npz"], "not allowed with argument"),
    (["--stream", "ABSENT"], "ABSENT: cannot be read: No such file or directory"),
    (["--weights", "ABSENT.npz"], "ABSENT.npz"),
    (["--stream", "CUT"], "the file ends within the words"),
    (["--stream", "EMPTY"], "the file is empty"),
    (["--stream", "OTHER"], "the file must begin with b'TNSY'"),
    (["--stream", "FLIPPED"], "CRC-32"),
]


def complaint(done):
    """The one line of a command that refused."""
    assert done.returncode == 2 and done.stdout == ""
    line, = done.stderr.splitlines()
    assert line.startswith("hw.build: error: ")
    return line


@pytest.mark.parametrize("arguments, message", REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_refused(arguments, message, net, tmp_path):
    data = net.read_bytes()
    _, size = parse_stream(data)
    for name, content in (("NET", data), ("CUT", data[:size - 3]), ("EMPTY", b""), ("OTHER", b"PK\3\4" + data),
                          ("FLIPPED", data[:60] + bytes([data[60] ^ 4]) + data[61:])):
        (tmp_path / name).write_bytes(content)
    names = {"NET", "CUT", "EMPTY", "OTHER", "FLIPPED", "ABSENT", "ABSENT.npz"}
    paths = [tmp_path / word if word in names else word for word in arguments]
    line = complaint(hw_build(*paths, "-o", tmp_path / "out"))
    assert re.search(message, line), line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_folder_that_cannot_be_written(where, net, tmp_path):
    (tmp_path / "file").write_text("kept")
    assert "cannot be written" in complaint(hw_build("--stream", net, "-o", tmp_path / where))
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "kept"
