"""ONNX models in: which tensors are weights, integers kept as they are, batch normalization folded, bad files named."""

import builtins
import json

import numpy as np
import pytest

from golden.errors import InputError
from golden.formats import read_tensors
from golden.frontend.models import open_model
from golden.integers import dequantize, original_integers
from golden.network import decode_network, encode_network
from golden.rules import Rules, decide, quantize_network
from tests.test_commands import command, complaint

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
helper, numpy_helper = pytest.importorskip("onnx.helper"), pytest.importorskip("onnx.numpy_helper")
FLOAT = onnx.TensorProto.FLOAT


def model(nodes, constants, inputs, outputs, domain=None):
    """A model of nodes and named arrays; inputs and outputs are names with shapes."""
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [array if isinstance(array, onnx.TensorProto) else numpy_helper.from_array(np.asarray(array), name)
         for name, array in constants.items()])
    sets = [helper.make_opsetid("", 21), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=sets, ir_version=10)


def saved(path, *arguments, **more):
    onnx.save(model(*arguments, **more), path)
    return path


def everything(path, **options):
    """All arrays of a model that are there to be read."""
    with open_model(path, **options) as file:
        return {name: file.read(name) for name, info in file.tensors.items() if info.dtype is not None}


def floats(seed=0):
    """Layers of every kind, in another order than that of execution."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32)

    constants = {"dense": draw(5, 12), "dense.bias": draw(5), "conv": draw(6, 3, 3, 3), "conv.bias": draw(6),
                 "up": draw(6, 4, 2, 2), "offset": draw(1, 4, 1, 1), "project": draw(12, 12), "turned": draw(7, 5),
                 "shape": np.array([1, -1, 12]), "slope": draw(4, 1, 1)}
    nodes = [helper.make_node("Conv", ["x", "conv", "conv.bias"], ["a"], pads=[1, 1, 1, 1]),
             helper.make_node("ConvTranspose", ["a", "up"], ["b"], strides=[2, 2]),
             helper.make_node("Add", ["b", "offset"], ["c"]),
             helper.make_node("PRelu", ["c", "slope"], ["d"]),
             helper.make_node("Reshape", ["d", "shape"], ["e"]),
             helper.make_node("MatMul", ["e", "project"], ["f"]),
             helper.make_node("Constant", [], ["table"], value=numpy_helper.from_array(draw(9, 3), "table")),
             helper.make_node("ReduceMean", ["f"], ["h"], keepdims=0, noop_with_empty_axes=0),
             helper.make_node("Gemm", ["e2", "dense", "dense.bias"], ["g"], transB=1),
             helper.make_node("Transpose", ["turned"], ["turned.t"], perm=[1, 0]),
             helper.make_node("MatMul", ["g", "turned.t"], ["y"]),
             helper.make_node("Gather", ["table", "i"], ["z"])]
    return nodes, constants, {"x": [1, 3, 6, 6], "e2": [2, 12]}, ["y", "z", "h"]


def test_roles_axes_and_order(tmp_path):
    path = saved(tmp_path / "net.onnx", *floats())
    with open_model(path) as file:
        found = {name: (info.action, info.axis) for name, info in file.tensors.items()}
        reasons = {name: info.reason for name, info in file.tensors.items()}
    assert list(found.items()) == [
        ("conv", ("weight", 0)), ("conv.bias", ("raw", None)), ("up", ("weight", 1)), ("offset", ("raw", None)),
        ("slope", ("raw", None)), ("shape", ("raw", None)), ("project", ("weight", 1)), ("dense", ("weight", 0)),
        ("dense.bias", ("raw", None)), ("turned", ("weight", 0)), ("table", ("weight", 0))]
    assert reasons["conv"] == "weight of Conv" and reasons["conv.bias"] == "bias of Conv"
    assert reasons["shape"] == "shape of Reshape" and reasons["slope"] == "slope of PRelu"
    assert reasons["offset"] == "B of Add" and reasons["turned"] == "weight of MatMul"


def test_arrays_are_those_of_the_file(tmp_path):
    nodes, constants, *rest = floats()
    found = everything(saved(tmp_path / "net.onnx", nodes, constants, *rest))
    table = next(node for node in nodes if node.op_type == "Constant").attribute[0].t
    for name, array in {**constants, "table": numpy_helper.to_array(table)}.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array), name


def test_quantizing_and_overruling(tmp_path):
    path = saved(tmp_path / "net.onnx", *floats())
    with open_model(path) as file:
        result, report = quantize_network(file, Rules(15, per_channel=True, axes=(("project", 0),),
                                                      include=("off*",), exclude=("dense",)))
    assert [row["name"] for row in report] == ["conv", "up", "offset", "project", "turned", "table"]
    assert result["up.scale"].shape == (1, 4, 1, 1) and result["project.scale"].shape == (12, 1)
    assert result["turned.scale"].shape == (7, 1) and result["dense"].dtype == np.float32
    assert result["shape"].tolist() == [1, -1, 12]


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.int8, np.uint8, np.int32, np.int64])
def test_large_tensors_stay_on_disk(tmp_path, dtype, external):
    """Larger than what is parsed at once, in the file and beside it, and as a constant node."""
    rng = np.random.default_rng(1)
    arrays = {name: (rng.normal(size=(70, 90)) * 40).astype(dtype) for name in ("a", "b", "c")}
    node = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(arrays["c"], "t"))
    made = model([node, *(helper.make_node("MatMul", ["x", name], [name + "y"]) for name in arrays)],
                 {name: arrays[name] for name in "ab"}, {"x": [1, 70]}, ["ay"])
    onnx.save(made, tmp_path / "net.onnx", save_as_external_data=external, location="net.data", size_threshold=100)
    assert (tmp_path / "net.data").exists() == external
    with open_model(tmp_path / "net.onnx") as file:
        assert all(constant.ByteSize() < 300 for constant in file.graph.constants.values())
    found = everything(tmp_path / "net.onnx")
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())
    assert found["a"].dtype == (np.float32 if dtype == np.float16 else dtype)


def test_types_that_numpy_lacks(tmp_path):
    values = np.array([[1.5, -2], [0.25, 8]], np.float32)
    fours = np.array([[-8, 7, 3], [0, -1, 5]], np.int8)
    constants = {"bf": helper.make_tensor("bf", onnx.TensorProto.BFLOAT16, (2, 2), values.ravel().tolist()),
                 "four": helper.make_tensor("four", onnx.TensorProto.INT4, (2, 3), fours.ravel().tolist()),
                 "text": helper.make_tensor("text", onnx.TensorProto.STRING, (1,), [b"hello"]),
                 "yes": np.array([True])}
    path = saved(tmp_path / "net.onnx", [helper.make_node("MatMul", ["x", "bf"], ["y"])], constants, {"x": [1, 2]},
                 ["y"])
    found = everything(path)
    assert np.array_equal(found["bf"], values) and found["bf"].dtype == np.float32
    assert np.array_equal(found["four"], fours) and found["four"].dtype == np.int8
    with open_model(path) as file:
        decisions = decide(file, Rules())
    assert decisions["text"].action == decisions["yes"].action == "left out"
    assert "neither integers nor floats" in decisions["text"].reason


def test_an_unknown_operator_still_lists(tmp_path):
    rng = np.random.default_rng(2)
    nodes = [helper.make_node("Swirl", ["x", "w", "v", "q"], ["y"], domain="com.example"),
             helper.make_node("Nowhere", ["y", "u"], ["z"])]
    constants = {"u": np.ones((2, 2), np.float32), "v": np.ones(3, np.float32),
                 "w": rng.normal(size=(3, 4)).astype(np.float32), "q": np.array([[3, -4]], np.int8)}
    path = saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 3]}, ["z"], domain="com.example")
    done = command("quantize", path, "--list")
    assert done.returncode == 0 and done.stdout.splitlines() == [
        "w: quantize (float of 2 dimensions, input 1 of unknown operator com.example.Swirl, 15 bins)",
        "v: raw (float of 1 dimension, input 2 of unknown operator com.example.Swirl)",
        "q: keep (input 3 of unknown operator com.example.Swirl)",
        "u: quantize (float of 2 dimensions, input 1 of unknown operator Nowhere, 15 bins)"]


def normalized(rng, channels):
    return [rng.normal(1, 0.3, channels), rng.normal(size=channels), rng.normal(size=channels),
            rng.uniform(0.2, 2, channels)]


def foldable(kind, with_bias, seed=3):
    """A layer and a batch normalization: nodes, constants and input shape, and the name of the weight."""
    rng = np.random.default_rng(seed)
    channels = 6
    shapes = {"Conv": ((6, 2, 3, 3), [2, 4, 8, 8], {"group": 2}), "ConvTranspose": ((4, 6, 2, 2), [2, 4, 5, 5], {}),
              "Gemm": ((6, 4), [2, 4], {"transB": 1}), "Gemm'": ((4, 6), [2, 4], {})}
    shape, x, options = shapes[kind]
    constants = {"layer.weight": rng.normal(size=shape)}
    if with_bias:
        constants["layer.bias"] = rng.normal(size=channels)
    names = list(constants)
    constants |= dict(zip(("bn.scale", "bn.shift", "bn.mean", "bn.var"), normalized(rng, channels)))
    constants = {name: array.astype(np.float32) for name, array in constants.items()}
    nodes = [helper.make_node(kind.strip("'"), ["x", *names], ["a"], **options),
             helper.make_node("BatchNormalization", ["a", "bn.scale", "bn.shift", "bn.mean", "bn.var"], ["y"],
                              epsilon=0.01)]
    return nodes, constants, {"x": x}, ["y"]


def output(nodes, constants, inputs, outputs, **feed):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model(nodes, constants, inputs, outputs)).run(None, feed)[0]


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "Gemm", "Gemm'"])
def test_folding_computes_the_same(tmp_path, kind, with_bias):
    nodes, constants, inputs, outputs = foldable(kind, with_bias)
    path = saved(tmp_path / "net.onnx", nodes, constants, inputs, outputs)
    with open_model(path) as file:
        found = {name: file.read(name) for name, info in file.tensors.items() if info.action != "folded"}
        gone = {name for name, info in file.tensors.items() if info.action == "folded"}
    assert list(found) == ["layer.weight", "layer.bias"]
    assert gone == {"bn.scale", "bn.shift", "bn.mean", "bn.var"}
    alone = helper.make_node(nodes[0].op_type, ["x", "layer.weight", "layer.bias"], ["y"])
    alone.attribute.extend(nodes[0].attribute)
    x = np.random.default_rng(4).normal(size=inputs["x"]).astype(np.float32)
    expected = output(nodes, constants, inputs, outputs, x=x)
    assert np.allclose(output([alone], found, inputs, outputs, x=x), expected, atol=2e-5)
    unfolded = output([alone], {**constants, "layer.bias": np.zeros(6, np.float32)}, inputs, outputs, x=x)
    assert not np.allclose(unfolded, expected, atol=0.1)


def test_no_fold_leaves_everything(tmp_path):
    nodes, constants, inputs, outputs = foldable("Conv", True)
    path = saved(tmp_path / "net.onnx", nodes, constants, inputs, outputs)
    found = everything(path, fold=False)
    assert found.keys() == constants.keys() and all(np.array_equal(found[name], constants[name]) for name in found)
    done = command("quantize", path, "--list", "--no-fold")
    assert "bn.mean: raw (input_mean of BatchNormalization)" in done.stdout.splitlines()
    assert "bn.mean: folded (folded into layer.weight)" in command("quantize", path, "--list").stdout.splitlines()


@pytest.mark.parametrize("change", ["output", "branch", "shared", "training", "group", "factor", "integer"])
def test_what_must_not_be_folded(tmp_path, change):
    kind = {"group": "ConvTranspose", "factor": "Gemm"}.get(change, "Conv")
    nodes, constants, inputs, outputs = foldable(kind, True)
    if change == "output":
        outputs = ["y", "a"]
    if change == "branch":
        nodes.append(helper.make_node("Relu", ["a"], ["z"]))
    if change == "shared":
        nodes.append(helper.make_node("Conv", ["x", "layer.weight"], ["z"], group=2))
    if change == "training":
        nodes[1].attribute.append(helper.make_attribute("training_mode", 1))
    if change == "group":
        nodes[0].attribute.append(helper.make_attribute("group", 2))
    if change == "factor":
        nodes[0].attribute.append(helper.make_attribute("alpha", 0.5))
    if change == "integer":
        constants["layer.weight"] = np.rint(constants["layer.weight"]).astype(np.int8)
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, inputs, outputs)) as file:
        assert [name for name, info in file.tensors.items() if info.action == "folded"] == []
        assert np.array_equal(file.read("layer.weight"), constants["layer.weight"])


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


def test_the_first_nan_is_named(tmp_path):
    nodes, constants, *rest = floats()
    constants["up"][2, 1, 0, 1] = np.nan
    path = saved(tmp_path / "net.onnx", nodes, constants, *rest)
    line = complaint("quantize", path, "-o", tmp_path / "q.npz")
    assert "up must be finite as float32, not nan at index (2, 1, 0, 1)" in line
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize(("name", "bad", "match"), [
    ("layer.weight", np.nan, r"layer.weight must be finite as float32, not nan at index \(0, 0, 0, 1\)"),
    ("bn.scale", np.inf, r"bn.scale must be finite as float32, not inf at index \(1,\)"),
    ("bn.var", -0.5, r"bn.var plus epsilon must be positive, not -0.5 at index \(1,\)")])
def test_bad_numbers_are_named_before_they_are_folded(tmp_path, name, bad, match):
    nodes, constants, *rest = foldable("Conv", False)
    constants[name].flat[1] = bad
    path = saved(tmp_path / "net.onnx", nodes, constants, *rest)
    with open_model(path) as file, pytest.raises(InputError, match=match):
        quantize_network(file, Rules())


def test_infinite_bounds_are_no_weights(tmp_path):
    nodes = [helper.make_node("Clip", ["x", "low", "high"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["y"])]
    constants = {"low": np.float32(0), "high": np.float32(np.inf), "w": np.eye(3, dtype=np.float32)}
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 3]}, ["y"])) as file:
        assert quantize_network(file, Rules())[0]["high"] == np.inf


def test_every_truncation_is_refused(tmp_path):
    whole = saved(tmp_path / "net.onnx", *foldable("Gemm", True)).read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in range(0, len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a sound .onnx file") as caught:
            open_model(cut)
        assert "\n" not in str(caught.value)


def test_garbage_is_one_line(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(np.random.default_rng(10).bytes(3000))
    assert "not a sound .onnx file" in complaint("quantize", path, "-o", tmp_path / "q.npz")
    assert "cannot be read: No such file" in complaint("quantize", tmp_path / "no.onnx", "--list")
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]


def test_flipped_bits_never_end_in_another_error(tmp_path):
    whole = saved(tmp_path / "net.onnx", *foldable("Gemm", True)).read_bytes()
    rng = np.random.default_rng(11)
    for bit in rng.choice(8 * len(whole), 600, replace=False):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "flipped.onnx").write_bytes(flipped)
        try:
            with open_model(tmp_path / "flipped.onnx") as file:
                decide(file, Rules())
                quantize_network(file, Rules())
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(("change", "match"), [
    (lambda data: data.unlink(), "net.data: No such file"),
    (lambda data: data.write_bytes(data.read_bytes()[:-1]), "must have 25200 bytes of data, not 25199")])
def test_external_data_missing_or_cut(tmp_path, change, match):
    made = model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((70, 90), np.float32)}, {"x": [1, 70]},
                 ["y"])
    onnx.save(made, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=100)
    change(tmp_path / "net.data")
    assert "w: quantize (weight of MatMul" in command("quantize", tmp_path / "net.onnx", "--list").stdout
    assert match in complaint("quantize", tmp_path / "net.onnx", "-o", tmp_path / "q.npz")
    assert not (tmp_path / "q.npz").exists()


def test_external_data_stay_in_the_folder(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(25200))
    (tmp_path / "inner").mkdir()
    made = model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((70, 90), np.float32)}, {"x": [1, 70]},
                 ["y"])
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    (tmp_path / "inner" / "net.onnx").write_bytes(made.SerializeToString())
    with open_model(tmp_path / "inner" / "net.onnx") as file, pytest.raises(InputError, match="must be beside the mod"):
        file.read("w")


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    path = saved(tmp_path / "net.onnx", *foldable("Gemm", True))

    def no_onnx(name, *rest, _import=builtins.__import__):
        if name == "onnx":
            raise ImportError(name)
        return _import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_onnx)
    with pytest.raises(InputError, match=r"reading .onnx needs an extra: pip install 'tansy\[onnx\]'"):
        open_model(path)


def test_the_command_reports(tmp_path):
    path = saved(tmp_path / "net.onnx", *foldable("Conv", True))
    done = command("quantize", path, "-o", tmp_path / "q.npz", "--per", "channel", "--json")
    figures = json.loads(done.stdout)
    assert [row["name"] for row in figures["layers"]] == ["layer.weight"]
    assert {row["name"]: row["action"] for row in figures["raw"]} == {
        "layer.bias": "raw", "bn.scale": "folded", "bn.shift": "folded", "bn.mean": "folded", "bn.var": "folded"}
    assert list(read_tensors(tmp_path / "q.npz")) == ["layer.weight", "layer.weight.scale", "layer.bias"]
    listed = json.loads(command("quantize", path, "--list", "--json").stdout)
    assert listed["layer.weight"]["shape"] == [6, 2, 3, 3] and listed["layer.weight"]["dtype"] == "float32"


def test_other_suffixes_are_refused(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"")
    assert "a model must be a file .npz, .safetensors, .onnx or .tflite, not '.pt'" in complaint(
        "quantize", tmp_path / "net.pt", "--list")
