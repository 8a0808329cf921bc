"""Integer ONNX models in, QDQ and QOperator: the integers come back exactly."""

import numpy as np
import pytest

from golden.errors import InputError
from golden.formats import read_tensors
from golden.frontend.models import open_model
from golden.integers import dequantize, original_integers
from golden.network import decode_network, encode_network
from golden.rules import Rules, quantize_network
from tests.onnx_models import output, saved
from tests.test_commands import command

helper = pytest.importorskip("onnx.helper", reason="needs the extra 'onnx'")


def qdq(rng, with_least=False, unsigned=False):
    """Two integer layers with biases: a convolution with a scale per channel, a fully connected layer with one."""
    low, high = (0, 255) if unsigned else (-127, 127)
    kind = np.uint8 if unsigned else np.int8
    w = rng.integers(low, high + 1, (6, 3, 3, 3)).astype(kind)
    zero = np.full(6, 128 if unsigned else 0, kind)
    if unsigned:
        w[w == 0] = 1
    v = np.clip(np.rint(rng.laplace(0, 9, (48, 5))), -100, 100).astype(np.int8)
    if with_least:
        v[3, 2] = -128
    constants = {"w": w, "w_scale": rng.uniform(0.01, 0.1, 6).astype(np.float32), "w_zero": zero,
                 "b": rng.integers(-100000, 100000, 6).astype(np.int32), "b_scale": np.full(6, 1e-4, np.float32),
                 "v": v, "v_scale": np.float32(0.05), "x_scale": np.float32(0.02), "x_zero": np.int8(3)}
    return constants


def qdq_model(constants):
    nodes = [helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["xq"]),
             helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero"], ["xd"]),
             helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["wd"], axis=0),
             helper.make_node("DequantizeLinear", ["b", "b_scale"], ["bd"], axis=0),
             helper.make_node("DequantizeLinear", ["v", "v_scale"], ["vd"]),
             helper.make_node("Conv", ["xd", "wd", "bd"], ["c"]),
             helper.make_node("Flatten", ["c"], ["f"]),
             helper.make_node("MatMul", ["f", "vd"], ["y"])]
    return nodes, constants, {"x": [1, 3, 6, 6]}, ["y"]


@pytest.mark.parametrize("unsigned", [False, True])
def test_qdq_comes_back_exactly(tmp_path, unsigned):
    constants = qdq(np.random.default_rng(5), unsigned=unsigned)
    path = saved(tmp_path / "net.onnx", *qdq_model(constants))
    with open_model(path) as file:
        quantized, report = quantize_network(file, Rules())
    assert [name for name, array in quantized.items() if array.dtype == np.int8 and len(name) == 1] == ["w", "v"]
    assert ("w.offset" in quantized) == unsigned and not {"w_scale", "w_zero", "v_scale"} & quantized.keys()
    assert quantized["w.scale"].shape == (6, 1, 1, 1) and [row["bins"] for row in report] == [None, None]
    back = decode_network(encode_network(quantized))
    whole = original_integers(back)
    assert all(np.array_equal(whole[name], constants[name]) for name in "wvb")
    assert whole["w"].dtype == constants["w"].dtype and whole["b"].dtype == np.int32
    real = dequantize(back)
    shift = 128 if unsigned else 0
    assert np.allclose(real["w"], (constants["w"].astype(float) - shift) * constants["w_scale"].reshape(-1, 1, 1, 1))
    assert np.allclose(real["b"], constants["b"] * constants["b_scale"])
    assert real["x_scale"] == np.float32(0.02) and real["x_zero"] == 3


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_weights_that_the_graph_rounds_itself(tmp_path, kind):
    """Networks trained with quantization keep their floats, and round them in the graph."""
    rng = np.random.default_rng(12)
    zero = np.zeros(8, np.int8) if kind == np.int8 else np.full(8, 128, np.uint8)
    constants = {"w": rng.normal(size=(8, 3)).astype(np.float32), "s": rng.uniform(0.02, 0.05, 8).astype(np.float32),
                 "z": zero, "b": rng.normal(size=8).astype(np.float32)}
    constants["w"][0, :2] = constants["s"][0] * np.float32([2.5, -3.5])
    nodes = [helper.make_node("QuantizeLinear", ["w", "s", "z"], ["wq"], axis=0),
             helper.make_node("DequantizeLinear", ["wq", "s", "z"], ["wd"], axis=0),
             helper.make_node("Gemm", ["x", "wd", "b"], ["y"], transB=1)]
    path = saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 3]}, ["y"])
    with open_model(path) as file:
        assert file.tensors["w"].reason == "weight of Gemm, rounded by QuantizeLinear"
        found, _ = quantize_network(file, Rules())
    assert set(found) - {"w.offset"} == {"w", "w.scale", "b"} and found["w"][0, :2].tolist() == [2, -4]
    expected = output([nodes[0]], constants, {}, ["wq"])
    back = original_integers(decode_network(encode_network(found)))["w"]
    assert back.dtype == kind and np.array_equal(back, expected)
    nodes[1].input[1] = "t"
    path = saved(tmp_path / "net.onnx", nodes, constants | {"t": constants["s"] * 2}, {"x": [1, 3]}, ["y"])
    with open_model(path) as file:
        assert file.tensors["w"].dtype == np.float32


def test_what_the_codec_cannot_hold_passes_raw(tmp_path):
    constants = qdq(np.random.default_rng(6), with_least=True)
    path = saved(tmp_path / "net.onnx", *qdq_model(constants))
    done = command("quantize", path, "--list")
    reason = "v: raw (int8 from -128 to 99, beyond -127..127)"
    least = constants["v"].max()
    assert reason.replace("99", str(least)) in done.stdout.splitlines()
    done = command("quantize", path, "-o", tmp_path / "q.npz")
    assert reason.replace("99", str(least)) in done.stdout.splitlines()
    done = command("encode", tmp_path / "q.npz", "-o", tmp_path / "net.tsy")
    assert done.returncode == 0, done
    assert command("decode", tmp_path / "net.tsy", "-o", tmp_path / "back.npz").returncode == 0
    back = read_tensors(tmp_path / "back.npz")
    assert back["v"].dtype == np.int8 and np.array_equal(back["v"], constants["v"])
    assert np.array_equal(dequantize(back)["v"], constants["v"] * np.float32(0.05))
    again = quantize_network(back, Rules())[0]
    assert again.keys() == back.keys() and all(np.array_equal(again[name], back[name]) for name in back)


def test_zeros_of_a_bias_stay_a_bias(tmp_path):
    constants = qdq(np.random.default_rng(7)) | {"b": np.zeros(6, np.int32)}
    with open_model(saved(tmp_path / "net.onnx", *qdq_model(constants))) as file:
        quantized, _ = quantize_network(file, Rules())
    back = decode_network(encode_network(quantized))
    assert back["b"].dtype == np.int32 and not back["b"].any() and list(back)[:2] == ["w", "v"]


@pytest.mark.parametrize(("kind", "bad", "match"), [
    (np.int8, np.nan, r"w.scale must be finite as float32, not nan at index \(2, 0, 0, 0\)"),
    (np.float32, np.nan, r"scale of w must be finite as float32, not nan at index \(2, 0, 0, 0\)"),
    (np.float32, 0, "scale of w must be positive, not 0.0")])
def test_bad_scales_are_named(tmp_path, kind, bad, match):
    nodes, constants, *rest = qdq_model(qdq(np.random.default_rng(15)))
    constants["w"] = constants["w"].astype(kind)
    constants["w_scale"][2] = bad
    if kind == np.float32:
        nodes.insert(2, helper.make_node("QuantizeLinear", ["w", "w_scale", "w_zero"], ["wq"], axis=0))
        nodes[3].input[0] = "wq"
    path = saved(tmp_path / "net.onnx", nodes, constants, *rest)
    with open_model(path) as file, pytest.raises(InputError, match=match):
        quantize_network(file, Rules())


def test_scales_of_blocks_stay_apart(tmp_path):
    rng = np.random.default_rng(14)
    constants = {"w": rng.integers(-90, 90, (8, 6)).astype(np.int8), "s": rng.uniform(1, 2, (2, 6)).astype(np.float32)}
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["wd"], axis=0, block_size=4),
             helper.make_node("MatMul", ["x", "wd"], ["y"])]
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 8]}, ["y"])) as file:
        found, _ = quantize_network(file, Rules())
    assert np.array_equal(found["w"], constants["w"]) and found["w.scale"] == 1
    assert np.array_equal(found["s"], constants["s"])


def test_large_constants_are_exact(tmp_path):
    """Numbers of 64 bits that float32, or float64, cannot hold."""
    constants = {"w": np.eye(3, dtype=np.float32), "start": np.array([1, 2]),
                 "end": np.array([2 ** 63 - 1, 2 ** 24 + 1])}
    nodes = [helper.make_node("Slice", ["x", "start", "end"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["y"])]
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, {"x": [3, 3]}, ["y"])) as file:
        back = decode_network(encode_network(quantize_network(file, Rules())[0]))
    assert back["end"].dtype == np.int64 and np.array_equal(back["end"], constants["end"])
    assert back["start"].dtype == np.float32 and back["start"].tolist() == [1, 2]


def test_a_shared_scale_is_kept(tmp_path):
    """A scale that serves an activation, too, stays there under its own name."""
    nodes, constants, *rest = qdq_model(qdq(np.random.default_rng(8)))
    nodes[0].input[1] = nodes[1].input[1] = "v_scale"
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, *rest)) as file:
        quantized, _ = quantize_network(file, Rules())
    assert quantized["v_scale"] == quantized["v.scale"] == np.float32(0.05)


def test_qoperators(tmp_path):
    rng = np.random.default_rng(9)
    w, v = (rng.integers(-127, 128, shape).astype(np.int8) for shape in ((4, 3, 1, 1), (10, 7)))
    u, t = rng.integers(1, 256, (7, 3)).astype(np.uint8), rng.integers(-90, 90, (5, 3, 1, 1)).astype(np.int8)
    constants = {"s": np.float32(0.1), "z": np.int8(0), "w": w, "ws": rng.uniform(1, 2, 4).astype(np.float32),
                 "wz": np.zeros(4, np.int8), "b": rng.integers(-999, 999, 4).astype(np.int32), "v": v,
                 "vs": rng.uniform(1, 2, 7).astype(np.float32), "vz": np.zeros(7, np.int8), "u": u,
                 "uz": np.uint8(128), "t": t}
    nodes = [helper.make_node("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "s", "z", "b"], ["c"]),
             helper.make_node("QLinearMatMul", ["c2", "s", "z", "v", "vs", "vz", "s", "z"], ["d"]),
             helper.make_node("MatMulInteger", ["d", "u", "", "uz"], ["e"]),
             helper.make_node("ConvInteger", ["x", "t"], ["f"])]
    path = saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 3, 4, 4], "c2": [2, 10]}, ["c", "e", "f"])
    with open_model(path) as file:
        axes = {name: file.tensors[name].axis for name in "wvut"}
        quantized, report = quantize_network(file, Rules())
    assert axes == {"w": 0, "v": 1, "u": 1, "t": 0}
    assert [row["name"] for row in report] == ["w", "v", "u", "t"]
    assert quantized["w.scale"].shape == (4, 1, 1, 1) and quantized["v.scale"].shape == (1, 7)
    assert np.array_equal(quantized["v.scale"].ravel(), constants["vs"]) and quantized["u.scale"] == 1
    whole = original_integers(decode_network(encode_network(quantized)))
    assert all(np.array_equal(whole[name], constants[name]) for name in "wvutb")
    assert np.allclose(quantized["b.scale"], 0.1 * constants["ws"])
