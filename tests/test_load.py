"""Large networks: memory is that of a layer, a block and the words, not of the network; the bytes are the same."""

import json
import sys
from argparse import Namespace

import numpy as np
import pytest

from golden import codec, decode, encode, inspect
from golden.formats import open_tensors, read_tensors, write_npz
from golden.network import decode_network, encode_network, encode_stream
from golden.plan import RUNS
from golden.share import Group, Rules, choose, share
from golden.table import Alphabet
from golden.tokens import histograms

from . import bench_load
from .cases import laplacian
from .test_models_stream import peak

SHAPE = (256, 256)
OPTIONS = {"lanes": 64, "table_log": 7, "max_run": 1, "raw_bits": 0, "own_tables": True, "restart_every": 1 << 14}


def made(path, count):
    """A quantized file of so many layers."""
    rng = np.random.default_rng(3)
    weights = laplacian(rng, 3, SHAPE[0] * SHAPE[1], 0.5).astype(np.int8).reshape(SHAPE)
    write_npz(path, ((f"layer{number:02}", np.roll(weights, 977 * number)) for number in range(count)))
    return path


def run(monkeypatch, command, *arguments):
    """The greatest number of bytes that a command allocates at a time, in this process."""
    monkeypatch.setattr(sys, "argv", [command.__name__, *map(str, arguments)])
    return peak(command.main)


def test_memory_of_the_commands_grows_with_the_words_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(codec, "_BLOCK", 1 << 17)
    few, many = 4, 28
    options = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items() if value is not True]
    found = {}
    for count in (1, few, many):  # the first one loads all that stays
        network, stream = made(tmp_path / f"{count}.npz", count), tmp_path / f"{count}.tsy"
        found[count] = [run(monkeypatch, encode, network, "-o", stream, "--own-tables", *options),
                        run(monkeypatch, inspect, stream),
                        run(monkeypatch, decode, stream, "-o", tmp_path / "back.npz")]
        assert (tmp_path / "back.npz").read_bytes() == network.read_bytes()
    capsys.readouterr()
    layer, network = SHAPE[0] * SHAPE[1], (many - few) * SHAPE[0] * SHAPE[1]
    words = (tmp_path / f"{many}.tsy").stat().st_size - (tmp_path / f"{few}.tsy").stat().st_size
    assert 1.5 * words + 2 * layer < network / 2
    for one, other in zip(found[few], found[many]):
        assert other - one < 1.5 * words + 2 * layer
    assert (tmp_path / f"{many}.tsy").read_bytes() == encode_network(read_tensors(tmp_path / f"{many}.npz"), **OPTIONS)
    data = (tmp_path / f"{many}.tsy").read_bytes()
    assert peak(lambda: decode_network(data)) > network  # What the measure says of all at once.


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("block", [1, 1 << 25])
def test_stored_arrays_are_coded_as_those_in_memory(tmp_path, monkeypatch, suffix, block):
    """Layers of all sizes and integer types, cut into segments, several in a span, one empty, one of all dimensions."""
    rng = np.random.default_rng(1)
    sizes = [0, 1, 3, 5000, 40, 2000, 7, 1024]
    tensors = {f"layer{i}": laplacian(rng, 7, size, 1.2).astype([np.int8, np.int16, np.int64][i % 3])
               for i, size in enumerate(sizes)} | {"point": np.array(3, np.int8), "bias": np.float32([1, 2])}
    if suffix == ".npz":
        np.savez_compressed(tmp_path / "q.npz", **tensors)
    else:
        pytest.importorskip("safetensors.numpy", reason="needs the extra 'safetensors'").save_file(
            tensors, tmp_path / "q.safetensors")
    with open_tensors(tmp_path / f"q{suffix}", widen=False) as file:
        tensors = {name: file.read(name) for name in file.tensors}
        expected = encode_stream(tensors, restart_every=1024, lanes=2)[0]
        monkeypatch.setattr(codec, "_BLOCK", block)
        stream, directory = encode_stream(file.stored(), restart_every=1024, lanes=2)
    assert stream.segments == expected.segments and directory.coded[1][0] in tensors
    for one, other in zip(stream.words, expected.words, strict=True):
        np.testing.assert_array_equal(one, other)


def test_memory_of_sharing_is_that_of_the_groups():
    """Not of all pairs of them."""
    rng = np.random.default_rng(2)
    rules = Rules(7, 20, 1)
    options = [(0, run) for run in RUNS]
    groups = []
    for number in range(40):
        weights = laplacian(rng, 15, 3000, 3).astype(np.int8)
        found = histograms([weights], [Alphabet(15, *option) for option in options])
        groups.append(choose(Group((number,), 15, len(weights), dict(zip(options, found))), rules))
    held = sum(array.nbytes for group in groups for array in group.frequencies.values())
    share(groups[:3], rules)
    assert len(share(groups, rules)) < len(groups) / 2
    assert peak(lambda: share(groups, rules)) < 2 * held


def test_load(tmp_path, capfd, monkeypatch):
    """The benchmark itself, small: every command in a process of its own within the limit."""
    assert sum(np.prod(shape) for _, shape in bench_load.shapes(64)) == 60_040_384  # ResNet-152 without its 1-D arrays
    monkeypatch.setattr(bench_load, "STAGES", (1, 1, 1, 1))
    arguments = Namespace(width=2, copies=1, limit=4, seed=1, encode=["--own-tables"], peer=False)
    found = bench_load.measure(tmp_path, arguments)
    bench_load.print_table(found)
    assert found["layers"] == 18 and found["weights"] == sum(
        np.prod(shape) for _, shape in bench_load.shapes(2))
    assert [step["command"] for step in found["steps"]] == [
        "golden.quantize", "golden.encode", "golden.inspect", "golden.decode"]
    assert "decoded as encoded" in capfd.readouterr().out
    with open_tensors(tmp_path / "back.npz", widen=False) as file:
        changed = {name: file.read(name) for name in file.tensors}
    changed["net0.fc.weight"][0, 0] += 1
    write_npz(tmp_path / "changed.npz", changed)
    with pytest.raises(SystemExit, match="net0.fc.weight must be decoded as it was encoded"):
        bench_load.compare(tmp_path / "q.npz", tmp_path / "changed.npz", peer=False)
    with pytest.raises(SystemExit, match="golden.inspect ended with code"):
        bench_load.under_limit("golden.inspect", [str(tmp_path / "net.tsy"), "--json"], 64 << 20)
    assert json.dumps(found)
