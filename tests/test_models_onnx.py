"""ONNX models in: which tensors are weights, batch normalization folded, bad files named."""

import builtins
import json
from pathlib import Path

import numpy as np
import pytest

from golden.errors import InputError
from golden.formats import read_tensors
from golden.frontend.models import open_model
from golden.rules import Rules, decide, quantize_network
from tests.onnx_models import model, output, saved
from tests.test_commands import command, complaint

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
helper, numpy_helper = pytest.importorskip("onnx.helper"), pytest.importorskip("onnx.numpy_helper")


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


@pytest.mark.parametrize("others", [["Add"], ["Swirl"], ["Add", "Swirl"]])
def test_one_use_as_a_weight_is_enough(tmp_path, others):
    nodes = [helper.make_node(kind, ["x", "w"], [kind]) for kind in (*others, "MatMul")]
    constants = {"w": np.ones((3, 4), np.float32)}
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 3]}, ["MatMul"])) as file:
        assert file.tensors["w"][2:5] == ("weight", "weight of MatMul", 1)
    with open_model(saved(tmp_path / "net.onnx", nodes[:-1], constants, {"x": [1, 3]}, ["Add"])) as file:
        assert file.tensors["w"].action == (None if "Swirl" in others else "raw")


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_data_in_fields_of_their_type(tmp_path, dtype):
    """Not as raw bytes, but as a list of numbers; floats stay on disk here, too."""
    array = (np.random.default_rng(13).normal(size=(40, 50)) * 1000).astype(dtype)
    tensor = helper.make_tensor("w", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.ravel().tolist())
    assert not tensor.HasField("raw_data")
    path = saved(tmp_path / "net.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": tensor}, {"x": [1, 40]},
                 ["y"])
    with open_model(path) as file:
        assert (file.graph.constants["w"].ByteSize() < 300) == (dtype != np.int32)
        assert file.read("w").dtype == dtype and np.array_equal(file.read("w"), array)


def test_graphs_within_a_graph(tmp_path):
    """Branches bring constants of their own, even two of one name."""
    arrays = [np.full((3, 4), number, np.float32) for number in (1, 2)]
    branches = [helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["inner"])], "branch", [],
                                  [helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, None)],
                                  [numpy_helper.from_array(array, "w")]) for array in arrays]
    # The library sorts attributes by their names.
    nodes = [helper.make_node("If", ["c"], ["y"], else_branch=branches[0], then_branch=branches[1])]
    with open_model(saved(tmp_path / "net.onnx", nodes, {}, {"x": [1, 3]}, ["y"])) as file:
        assert {name: (info.action, info.axis) for name, info in file.tensors.items()} == {
            "w": ("weight", 1), "w#2": ("weight", 1)}
        assert all(np.array_equal(file.read(name), array) for name, array in zip(("w", "w#2"), arrays))


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


@pytest.mark.parametrize("elsewhere", [False, True])
def test_parameters_of_two_normalizations(tmp_path, elsewhere):
    """Both are folded; the parameters stay where something else takes one."""
    nodes, constants, inputs, _ = foldable("Gemm", False)
    constants["second"] = np.eye(6, dtype=np.float32)
    nodes.append(helper.make_node("Gemm", ["y", "second"], ["b"]))
    nodes.append(helper.make_node("BatchNormalization", ["b", *nodes[1].input[1:]], ["z"], epsilon=0.01))
    nodes.append(helper.make_node("Mul", ["z", "bn.scale" if elsewhere else "z"], ["u"]))
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, inputs, ["u"])) as file:
        folded = {name for name, info in file.tensors.items() if info.action == "folded"}
        found = {name: file.read(name) for name in ("layer.weight", "layer.bias", "second", "second.bias")}
    assert folded == {"bn.shift", "bn.mean", "bn.var"} | (set() if elsewhere else {"bn.scale"})
    plain = [helper.make_node("Gemm", ["x", "layer.weight", "layer.bias"], ["y"], transB=1),
             helper.make_node("Gemm", ["y", "second", "second.bias"], ["z"])]
    x = np.random.default_rng(5).normal(size=inputs["x"]).astype(np.float32)
    expected = output(nodes, constants, inputs, ["z"], x=x)
    assert np.allclose(output(plain, found, inputs, ["z"], x=x), expected, atol=2e-5)


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


def test_models_of_the_library_itself(tmp_path):
    """All that comes with the package: nothing is unknown, and what is read is what the library reads."""
    files = sorted((Path(onnx.__file__).parent / "backend").rglob("*.onnx"))
    if not files:
        pytest.skip("this package of onnx comes without models")
    weights = 0
    for path in files:
        expected = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
        with open_model(path, fold=False) as file:
            assert not [info for info in file.tensors.values() if "unknown" in info.reason]
            for name, array in expected.items():
                assert np.array_equal(file.read(name), array), (path, name)
            weights += sum(info.action == "weight" for info in file.tensors.values())
    assert weights > 10


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
