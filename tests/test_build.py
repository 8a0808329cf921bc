"""The command ``python -m hw.build``: its files, its summary, and how it refuses."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden import digits
from golden.config import Config, TableMemory, TableStyle
from golden.container import pack, parse_stream, stream_bytes
from golden.cycles import simulate
from golden.errors import ConfigError
from golden.network import encode_stream
from golden.stream import words_of
from hw.build import build as write_build
from hw.build import check_room
from hw.decoder import MAX_TABLE_LOG
from hw.errors import ErrorCode
from hw.options import default_ring
from hw.verilog import yosys

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
    assert list(manifest) == ["top", "format_version", "config", "target", "ports", "errors", "versions"]
    assert (manifest["top"], manifest["format_version"], manifest["target"]) == ("decoder", 1, None)
    config = Config.from_dict(manifest["config"])
    assert (config.lanes, config.table_log, config.table_style.value) == (2, stream.config.table_log, style)
    assert (config.ring, config.table_memory.value, config.queue, config.output.value) == (1, "logic", None, "dense")
    assert {port["name"]: port["width"] for port in manifest["ports"]} == PORTS
    assert {port["name"] for port in manifest["ports"] if port["direction"] == "output"} == {
        "s_axis_tready", "m_axis_tdata", "m_axis_tkeep", "m_axis_tvalid", "m_axis_tlast", "busy", "done", "error"}
    assert manifest["errors"] == {code.name: code.value for code in ErrorCode}
    assert set(manifest["versions"]) == {"tansy", "amaranth", "yosys", "python"}


def test_files(build, net):
    folder, _, _, stream = build
    assert (folder / "net.tsy").read_bytes() == net.read_bytes()
    words = [int(line, 16) for line in (folder / "stream.hex").read_text().split()]
    assert words == words_of(stream_bytes(stream), stream.config.word_bits)
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
    assert output.startswith("decoder          3 lanes x 1 weights") and len(output.splitlines()) == 7
    assert "\nrings            3 of 1, tables of style ROM in logic\n" in output


@pytest.mark.parametrize("options, config, target, text", [
    (["--ring", "2", "--queue", "8", "--lanes", "4"], (4, 2, "logic", 8), None, "2 of 2, tables of style ROM in logic"),
    (["--memory", "block", "--lanes", "6", "--tables", "ram"], (6, 3, "block", None), None,
     "2 of 3, tables of style RAM in block RAM of any family"),
    (["--memory", "block", "--target", "ecp5-25k-6"], (8, 4, "block", None), "ecp5", "in block RAM of ecp5"),
    (["--memory", "block", "--target", "ice40", "--ring", "8"], (8, 8, "block", None), "ice40", "block RAM of ice40"),
    (["--memory", "block", "--target", "xilinx-7"], (8, 4, "block", None), None, "in block RAM of any family"),
])
def test_rings_and_memories(options, config, target, text, tmp_path):
    """What is no part of the stream: in manifest, ports and text, and never in the stream."""
    output = built(tmp_path, *options)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    made = Config.from_dict(manifest["config"])
    assert (made.lanes, made.ring, made.table_memory.value, made.queue) == config
    assert manifest["target"] == target
    widths = {port["name"]: port["width"] for port in manifest["ports"]}
    assert (widths["m_axis_tdata"], widths["m_axis_tkeep"]) == (8 * made.transfer_weights, made.transfer_weights)
    assert text in output
    lanes = config[0]
    expected, _ = encode_stream(digits.load(), lanes=lanes, table_log_limit=MAX_TABLE_LOG[made.table_memory])
    assert stream_bytes(parse_stream((tmp_path / "net.tsy").read_bytes())[0]) == stream_bytes(expected)


@pytest.mark.parametrize("lanes, ring", [(4, 4), (8, 4), (12, 4), (3, 3), (6, 3), (5, 5), (14, 7), (26, 13), (64, 4)])
def test_ring_of_block_memory(lanes, ring):
    assert default_ring(lanes, TableMemory.BLOCK) == ring
    assert default_ring(lanes, TableMemory.LOGIC) == 1


REFUSED = [
    (["--lanes", "0"], "lanes must be a whole number from 1 to 64, not 0"),
    (["--lanes", "65"], "lanes must be a whole number from 1 to 64, not 65"),
    (["--lanes", "many"], "argument --lanes: invalid int value: 'many'"),
    (["--vector", "9"], "vector must be a whole number from 1 to 8, not 9"),
    (["--word-bits", "12"], "word bits must be one of 8, 16, 32, 64, 128, not 12"),
    (["--word-bits", "8", "--table-log", "7", "--raw-bits", "2"], "word bits must be at least table log"),
    (["--preload", "1"], "preload .* must be a whole number from 2 to 256, not 1"),
    (["--table-log", "8"], "table log must be at most 7 for tables in logic, not 8"),
    (["--table-log", "12", "--memory", "block"], "table log must be at most 11 for tables in block, not 12"),
    (["--table-log", "11", "--memory", "block", "--target", "ice40"], "3 tables of table log 11: depth of a block"),
    (["--memory", "flash"], "argument --memory: invalid choice: 'flash'"),
    (["--memory", "block", "--lanes", "2"], "lanes must have a divisor from 3 to 16 for tables in block RAM, not be 2"),
    (["--memory", "block", "--ring", "2"], "ring must be at least 3 for tables in block RAM, not 2"),
    (["--ring", "3"], "ring must divide the 8 lanes, not be 3"),
    (["--ring", "17"], "ring must be a whole number from 1 to 16, not 17"),
    (["--stream", "NET", "--ring", "4"], "ring must divide the 2 lanes, not be 4"),
    (["--queue", "3"], "queue must be one of 2, 4, 8, 16, not 3"),
    (["--target", "z80"], "target must be one of ecp5, ice40, gowin, ecp5-85k-6, .*, not 'z80'"),
    (["--output-mode", "dry"], "argument --output-mode: invalid choice: 'dry'"),
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


def test_protect(net, tmp_path):
    """An option of the decoder, not of the stream."""
    built(tmp_path / "plain", "--stream", net)
    built(tmp_path / "guarded", "--stream", net, "--protect")
    plain, guarded = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("plain", "guarded"))
    assert guarded["config"] == plain["config"] | {"protect": True} and not plain["config"]["protect"]
    assert Config.from_dict(guarded["config"]).protect and guarded["errors"]["PARITY"] == 20
    assert guarded["ports"] == plain["ports"]
    assert (tmp_path / "plain" / "net.tsy").read_bytes() == (tmp_path / "guarded" / "net.tsy").read_bytes()
    words = [(tmp_path / name / "decoder.v").read_text() for name in ("plain", "guarded")]
    assert "parity" not in words[0] and "upset" not in words[0] and "upset" in words[1]


def test_select_and_shell(net, tmp_path):
    """Ports that choose segments where they are asked for; a shell has registers in their place, and says so."""
    stream = parse_stream(net.read_bytes())[0]
    built(tmp_path / "select", "--stream", net, "--select")
    manifest = json.loads((tmp_path / "select" / "manifest.json").read_text())
    added = {port["name"]: port["width"] for port in manifest["ports"] if port["name"] not in PORTS}
    width = 1 + len(stream.segments).bit_length()
    assert added == {"select_first": width, "select_count": width, "select_keep": 1, "select_load": 1, "loaded": 1}
    manifest = write_build(stream.config, stream, tmp_path / "shell", shell="wishbone")
    assert manifest["shell"] == "wishbone" and Config.from_dict(manifest["config"]).select
    names = {port["name"] for port in manifest["ports"]}
    assert "wb_stall" in names and not names & {"clear", "busy", "done", "error", *added}
    assert {"tansy.h", "tansy.py"} <= {path.name for path in (tmp_path / "shell").iterdir()}


def test_room_for_counts(net, tmp_path):
    """A decoder of style RAM may have less room than a stream needs: for its largest segment or its longest span."""
    stream = parse_stream(net.read_bytes())[0]
    most = max(max(segment.weights for segment in stream.segments), max(map(len, stream.words)))
    config = replace(stream.config, table_style=TableStyle.RAM, count_bits=most.bit_length())
    check_room(config, stream)
    words = np.zeros(1 << config.count_bits, stream.words[0].dtype)
    weights = replace(stream.segments[0], weights=1 << config.count_bits)
    for longer in (replace(stream, words=(words, *stream.words[1:])),
                   replace(stream, segments=(weights, *stream.segments[1:]))):
        with pytest.raises(ConfigError, match=f"count bits must be at least {config.count_bits + 1} for this stream"):
            write_build(config, longer, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_folder_that_cannot_be_written(where, net, tmp_path):
    (tmp_path / "file").write_text("kept")
    assert "cannot be written" in complaint(hw_build("--stream", net, "-o", tmp_path / where))
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "kept"
