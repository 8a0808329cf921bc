"""The commands encode, decode and inspect: what they print, and one line with exit code 2 for everything bad."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.container import pack, unpack
from golden.formats import read_tensors, write_npz
from golden.network import encode_network
from tests.cases import laplacian

ROOT = Path(__file__).parents[1]


def command(name, *arguments, cwd=ROOT, environment=()):
    """Run ``python -m golden.NAME``, with more in its environment if need be."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"} | dict(environment)
    return subprocess.run([sys.executable, "-m", f"golden.{name}", *map(str, arguments)], cwd=cwd, env=environment,
                          capture_output=True, text=True, check=False)


def complaint(name, *arguments, code=2):
    """The one line that a command complains with."""
    done = command(name, *arguments)
    assert done.returncode == code, done
    assert done.stdout == "" and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done
    assert done.stderr.startswith(f"golden.{name}: error: ")
    return done.stderr


def network():
    rng = np.random.default_rng(0)
    return {"a": laplacian(rng, 7, 3000, 1.5).astype(np.int8).reshape(3, -1), "a.scale": np.float32([0.5]),
            "b": laplacian(rng, 1, 1000, 0.3).astype(np.int8), "bias": np.arange(3, dtype=np.float32)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A quantized network and its file."""
    path = tmp_path_factory.mktemp("commands")
    write_npz(path / "q.npz", network())
    (path / "net.tsy").write_bytes(encode_network(network()))
    return path


def test_there_and_back(folder, tmp_path):
    done = command("encode", folder / "q.npz", "-o", tmp_path / "net.tsy")
    assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1, done
    assert "4000 weights, 8 lanes, table log" in done.stdout
    assert (tmp_path / "net.tsy").read_bytes() == (folder / "net.tsy").read_bytes()
    done = command("decode", tmp_path / "net.tsy", "-o", tmp_path / "back.npz")
    assert done.returncode == 0 and "4 arrays, 4004 elements" in done.stdout, done
    back = read_tensors(tmp_path / "back.npz")
    for name, array in network().items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)
    assert command("decode", tmp_path / "net.tsy", "-o", tmp_path / "twice.npz").returncode == 0
    assert (tmp_path / "twice.npz").read_bytes() == (tmp_path / "back.npz").read_bytes()


def test_options_of_encode(folder, tmp_path):
    done = command("encode", folder / "q.npz", "-o", tmp_path / "net.tsy", "--lanes", 4, "--vector", 2,
                   "--word-bits", 64, "--preload", 3, "--table-log", 8, "--max-run", 2, "--raw-bits", "auto",
                   "--search", 1, "--restart-every", 512, "--own-tables", "--json")
    assert done.returncode == 0, done
    figures = json.loads(done.stdout)
    stream, _ = unpack((tmp_path / "net.tsy").read_bytes())
    config = stream.config
    assert (config.lanes, config.vector, config.word_bits, config.preload) == (4, 2, 64, 3)
    assert (config.table_log, config.max_run) == (8, 2)
    assert figures["total"]["spans"] == len(stream.spans) > 4
    assert figures["configuration"]["preload"] == 3


def test_inspect(folder):
    done = command("inspect", folder / "net.tsy")
    assert done.returncode == 0 and done.stderr == "", done
    for text in ("layer ", "weights/token", "excess", "4000 weights in 2 segments and 1 spans"):
        assert text in done.stdout
    figures = json.loads(command("inspect", folder / "net.tsy", "--json").stdout)
    assert [row["name"] for row in figures["layers"]] == ["a", "b"]
    assert figures["total"]["file_bytes"] == (folder / "net.tsy").stat().st_size
    assert 0 < figures["layers"][0]["coded_excess_percent"] < 5 and "spans" not in figures


def test_spans(folder, tmp_path):
    """Each layer begins a span, and the list says where its words are."""
    assert command("encode", folder / "q.npz", "-o", tmp_path / "net.tsy", "--own-spans").returncode == 0
    data = (tmp_path / "net.tsy").read_bytes()
    spans = json.loads(command("inspect", tmp_path / "net.tsy", "--spans", "--json").stdout)["spans"]
    stream, _ = unpack(data)
    assert [span["segment"] for span in spans] == [0, 1] and [span["weights"] for span in spans] == [
        segment.weights for segment in stream.segments]
    for span, words in zip(spans, stream.words, strict=True):
        assert data[span["offset"]:span["offset"] + span["size"]] == words.tobytes()
    *_, last = command("inspect", tmp_path / "net.tsy", "--spans").stdout.splitlines()
    assert list(map(int, last.split())) == [1, *spans[1].values()]


@pytest.mark.parametrize("name", ["encode", "decode", "inspect", "report"])
def test_help(name):
    done = command(name, "--help")
    assert done.returncode == 0 and f"golden.{name}" in done.stdout


@pytest.mark.parametrize("arguments, message", [
    (["--lanes", "0"], "lanes must be a whole number from 1 to 64, not 0"),
    (["--lanes", "three"], "argument --lanes: invalid int value: 'three'"),
    (["--vector", "9"], "vector must be a whole number from 1 to 8, not 9"),
    (["--word-bits", "24"], "word bits must be one of 8, 16, 32, 64, 128, not 24"),
    (["--word-bits", "8", "--table-log", "9"], "word bits must be at least table log + raw bits = 9, not 8"),
    (["--preload", "1"], "preload"),
    (["--table-log", "13"], "table log must be a whole number from 1 to 12, not 13"),
    (["--table-log", "best"], "argument --table-log: invalid number value: 'best'"),
    (["--table-log", "1"], "tokens of every layer must fit a table of 2 slots"),
    (["--max-run", "17"], "max run must be"),
    (["--raw-bits", "8"], "raw bits must be"),
    (["--max-run", "4", "--raw-bits", "1"], "max run must be 1 where there are raw bits, not 4"),
    (["--restart-every", "-1"], "restart every must be"),
    (["--search", "-1"], "search must be 0 or a number of rounds, not -1"),
    (["--unknown"], "unrecognized arguments: --unknown"),
])
def test_encode_refuses_options(folder, tmp_path, arguments, message):
    assert message in complaint("encode", folder / "q.npz", "-o", tmp_path / "net.tsy", *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tensors, message", [
    ({"w": np.array([1, 128])}, "weights of w must be -127 to 127, not 128"),
    ({"w": np.array([200], np.uint8)}, "weights of w must be -127 to 127, not 200"),
    ({"w": np.array([True])}, "w must be an array of integers or floats, not of bool"),
    ({"w": np.array(["x"])}, "w must be an array of integers or floats, not of <U1"),
    ({"w": np.zeros(3)}, "a network must hold at least one weight, not 0"),
])
def test_encode_refuses_arrays(tmp_path, tensors, message):
    np.savez(tmp_path / "q.npz", **tensors)
    assert message in complaint("encode", tmp_path / "q.npz", "-o", tmp_path / "net.tsy")
    assert [path.name for path in tmp_path.iterdir()] == ["q.npz"]


def test_encode_refuses_files(folder, tmp_path):
    assert "cannot be read: No such file" in complaint("encode", tmp_path / "no.npz", "-o", tmp_path / "net.tsy")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 not really")
    assert "not a sound .npz file" in complaint("encode", tmp_path / "bad.npz", "-o", tmp_path / "net.tsy")
    assert "cannot be written" in complaint("encode", folder / "q.npz", "-o", tmp_path / "none" / "net.tsy")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.npz"]


def damaged(data):
    """Bad files by name, with what is said about them."""
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 4
    stream, directory = unpack(data)
    return {"empty": (b"", "the file is empty"),
            "magic": (b"PK" + data[2:], "the file must begin with b'TNSY'"),
            "version": (data[:4] + b"\x02" + data[5:], "format version 2, this reader knows version 1"),
            "truncated": (data[:-30], "the CRC-32 of the tail does not match"),
            "short": (data[:200], "the file ends within the words of span 0"),
            "header": (data[:20], "the file ends within the header"),
            "flipped": (bytes(flipped), "the CRC-32 of the words of span 0 does not match"),
            "state": (pack(replace(stream, words=(stream.words[0][::-1],)), directory), "must end a span in state 0")}


@pytest.mark.parametrize("kind", ["empty", "magic", "version", "truncated", "short", "header", "flipped", "state"])
def test_bad_files(folder, tmp_path, kind):
    data, message = damaged((folder / "net.tsy").read_bytes())[kind]
    (tmp_path / "bad.tsy").write_bytes(data)
    for name, arguments in (("decode", ["-o", tmp_path / "back.npz"]), ("inspect", [])):
        line = complaint(name, tmp_path / "bad.tsy", *arguments)
        assert message in line and "bad.tsy" in line
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tsy"]


def test_decode_refuses(folder, tmp_path):
    net = folder / "net.tsy"
    assert "output must be a file .npz" in complaint("decode", net, "-o", tmp_path / "back.bin")
    assert "at most 3999 weights, not 4000" in complaint("decode", net, "-o", tmp_path / "b.npz", "--max-weights", 3999)
    assert "cannot be read: No such file" in complaint("decode", tmp_path / "no.tsy", "-o", tmp_path / "back.npz")
    assert "cannot be written" in complaint("decode", net, "-o", tmp_path / "none" / "back.npz")
    assert "the following arguments are required: -o" in complaint("decode", net)
    assert "at most 10 weights" in complaint("inspect", net, "--max-weights", 10)
    assert list(tmp_path.iterdir()) == []
