"""One tensor at a time: memory stays near the largest layer's, and the result is that of all tensors in memory."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from golden.errors import InputError
from golden.formats import open_tensors, read_tensors, write_npz
from golden.frontend.models import open_model
from golden.rules import Quantizer, Rules, decide, quantize_network

from .onnx_models import saved
from .tflite_models import chain

LAYERS = 24
SHAPE = (1024, 1024)
BYTES = SHAPE[0] * SHAPE[1]  # of a layer of int8

#: Quantize a small model, so that all modules are loaded, then a large one: the most bytes in memory until then. (What
#: `resource` says begins with the memory of the process that started this one.)
STATUS = Path("/proc/self/status")
MEASURE = """
import re, sys
from golden.formats import write_npz
from golden.frontend.models import open_model
from golden.rules import Quantizer, Rules
for path in sys.argv[2:]:
    with open_model(path) as file:
        write_npz(sys.argv[1], Quantizer(file, Rules(3)))
    print(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]))
"""


def layers(count, dtype=np.int8):
    """Layers made when they are asked for."""
    weights = np.clip(np.random.default_rng(0).laplace(size=SHAPE) * 20, -127, 127).astype(dtype)
    for number in range(count):
        yield f"layer{number:02}", np.roll(weights, 977 * number)


def made(path, count, dtype=np.int8):
    """A file of many layers, of the format that its suffix says."""
    if path.suffix == ".npz":
        write_npz(path, layers(count, dtype))
    elif path.suffix == ".safetensors":
        pytest.importorskip("safetensors.numpy", reason="needs the extra 'safetensors'").save_file(
            dict(layers(count, dtype)), path)
    elif path.suffix == ".onnx":
        onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
        nodes = [onnx.helper.make_node("MatMul", ["x", name], [f"y{name}"]) for name, _ in layers(count)]
        saved(path, nodes, dict(layers(count, dtype)), {"x": [1, 1024]}, ["ylayer00"])
    else:
        pytest.importorskip("tflite", reason="needs the extra 'tflite'")
        path.write_bytes(chain(dict(layers(count, dtype))))
    return path


def peak(call):
    """The greatest number of bytes that a call has allocated at a time, with what was there before left out."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def quantized(path, output, rules):
    with open_model(path) as file:
        write_npz(output, Quantizer(file, rules))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".onnx", ".tflite"])
def test_memory_of_integers_is_that_of_a_layer(tmp_path, suffix):
    """Of the whole process, libraries too. The tensor, its bytes and the integers are there at a time."""
    if not STATUS.is_file() or "VmHWM" not in STATUS.read_text():
        pytest.skip("this system does not say how much memory a process has had")
    paths = [made(tmp_path / f"{count}{suffix}", count) for count in (1, LAYERS)]
    done = subprocess.run([sys.executable, "-c", MEASURE, tmp_path / "q.npz", *paths], check=True, text=True,
                          stdout=subprocess.PIPE)
    one, many = map(int, done.stdout.split())
    assert many - one < 8 * BYTES < (LAYERS - 1) * BYTES / 2
    found = read_tensors(tmp_path / "q.npz")
    assert all(np.array_equal(found[name], array) for name, array in layers(LAYERS))


def test_memory_of_floats_does_not_grow_with_the_number_of_layers(tmp_path, monkeypatch):
    monkeypatch.setattr("golden.zeropoint.EXACT_BREAKPOINTS", 0)  # Its memory is bounded, but above a layer's.
    monkeypatch.setattr("tests.test_models_stream.SHAPE", (256, 256))
    one, many = (made(tmp_path / f"{count}.npz", count, np.float32) for count in (1, LAYERS))
    quantized(one, tmp_path / "warm.npz", Rules(3))
    least = peak(lambda: quantized(one, tmp_path / "1.npz", Rules(3)))
    assert peak(lambda: quantized(many, tmp_path / "q.npz", Rules(3))) < 1.25 * least < LAYERS * 4 * 256 * 256
    assert len(read_tensors(tmp_path / "q.npz")) == 2 * LAYERS
    held = peak(lambda: write_npz(tmp_path / "q.npz", quantize_network(read_tensors(many), Rules(3))[0]))
    assert held > LAYERS * 4 * 256 * 256  # What the measure says of all at once.


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_streamed_and_in_memory_are_the_same(tmp_path, suffix):
    rng = np.random.default_rng(1)
    arrays = {"b": rng.normal(size=3).astype(np.float32), "q": np.array([[1, -2]], np.int8),
              "q.scale": np.float32([[0.5, 2]]), "w": rng.normal(size=(4, 5)).astype(np.float32)}
    if suffix == ".npz":
        write_npz(tmp_path / "net.npz", arrays)
    else:
        pytest.importorskip("safetensors.numpy").save_file(arrays, tmp_path / "net.safetensors")
    path = tmp_path / f"net{suffix}"
    quantized(path, tmp_path / "q.npz", Rules(7))
    write_npz(tmp_path / "p.npz", quantize_network(read_tensors(path), Rules(7))[0])
    assert (tmp_path / "q.npz").read_bytes() == (tmp_path / "p.npz").read_bytes()
    with open_tensors(path) as file:
        assert decide(file, Rules(7)) == decide(read_tensors(path), Rules(7))
        assert {name: (info.shape, info.dtype) for name, info in file.tensors.items()} == {
            name: (array.shape, array.dtype) for name, array in read_tensors(path).items()}


def test_a_bad_last_layer_leaves_nothing(tmp_path):
    arrays = {"a": np.ones((2, 2)), "b": np.array([[0, np.nan]])}
    write_npz(tmp_path / "net.npz", arrays)
    with pytest.raises(InputError, match=r"b must be finite as float32, not nan at index \(0, 1\)"):
        quantized(tmp_path / "net.npz", tmp_path / "q.npz", Rules())
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.parametrize("first", ["w.scale", "w"])
def test_what_goes_beside_comes_once(first):
    arrays = {"w": np.array([[3, -4]], np.uint8 if first == "none" else np.int8), "w.scale": np.float32(2)}
    arrays = {first: arrays[first], **arrays}
    assert list(Quantizer(arrays, Rules()))[0][0] == "w"
    assert [name for name, _ in Quantizer(arrays, Rules())] == ["w", "w.scale"]


@pytest.mark.parametrize(("beside", "match"), [
    ({"w.zero_point": np.float32(1)}, "w.zero_point must be of integers that uint8 can hold, not of float32"),
    ({"w.zero_point": np.int16(256)}, "w.zero_point must be of integers that uint8 can hold"),
    ({"w.zero_point": np.uint8([1, 2, 3])}, "w.zero_point must broadcast"),
    ({"w.zero_point": np.uint8(1), "w.offset": np.uint8(1)}, "a zero point or an offset, not both"),
    ({"w.scale": np.float32("nan")}, "w.scale must be finite")])
def test_bad_companions(beside, match):
    with pytest.raises(InputError, match=match):
        quantize_network({"w": np.array([[3, 4]], np.uint8), **beside}, Rules())


def test_zero_points_of_plain_files():
    """The same rule without a graph: centred where that fits, raw where not."""
    arrays = {"w": np.array([[1, 128, 255]], np.uint8), "w.zero_point": np.uint8(128), "w.scale": np.float32(0.5),
              "v": np.array([[0, 1]], np.uint8), "v.zero_point": np.uint8(128), "u": np.array([[5, -128]], np.int8)}
    found, report = quantize_network(arrays, Rules())
    assert [row["name"] for row in report] == ["w"]
    assert found["w"].tolist() == [[-127, 0, 127]] and found["w.offset"] == 128 and "w.zero_point" not in found
    assert found["v"].dtype == np.uint8 and found["v.zero_point"] == 128
    assert found["u"].tolist() == [[5, -128]] and found["u.zero_point"] == 0
    again, _ = quantize_network(found, Rules())
    assert again.keys() == found.keys()
    assert all(again[name].dtype == found[name].dtype and np.array_equal(again[name], found[name]) for name in found)


def test_progress_is_shown_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(Quantizer({"w": np.ones((2, 2))}, Rules(), progress=True))
    assert "quantize: 100%" in capsys.readouterr().err
    list(Quantizer({"w": np.ones((2, 2))}, Rules()))
    assert capsys.readouterr().err == ""
