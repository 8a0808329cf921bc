"""What holds of model files with a graph, ONNX and TFLite, for whatever constants and operators they have."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.formats import TensorInfo, write_npz
from golden.frontend.mapped import forget, map_file
from golden.frontend.models import SUFFIXES, open_model
from golden.frontend.onnx_data import kind_of, read_constant
from golden.frontend.onnx_file import OnnxFile
from golden.frontend.onnx_fold import Fold, find_folds
from golden.frontend.onnx_graph import Graph, Quantization, attribute
from golden.frontend.onnx_load import Loaded, load_graph
from golden.frontend.tflite_file import TfliteFile
from golden.frontend.unsound import Unsound
from golden.frontend.verdicts import Verdict, best, describe
from tests import onnx_models, tflite_models
from tests.properties import LIMITS, about, examples, flipped, refused
from tests.strategies import seeds

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
helper = pytest.importorskip("onnx.helper")
pytest.importorskip("tflite", reason="needs the extra 'tflite'")

TYPES = ("f2", "f4", "f8", "i1", "u1", "i2", "i4", "i8")
verdicts = st.builds(Verdict, st.sampled_from(("weight", "raw", None)), st.text(max_size=3),
                     st.none() | st.integers(0, 3), st.tuples(st.integers(0, 9), st.integers(0, 3)))


def constants_of(seed, types=TYPES, large=False):
    """Arrays of any type and shape; one of them, maybe, too large to be parsed at once."""
    rng = np.random.default_rng(seed)
    found = {}
    for number in range(int(rng.integers(1, 6))):
        shape = tuple(rng.integers(1, 5, int(rng.integers(0, 5))))
        shape = (70, 70) if large and number == 0 else shape
        found[f"c{number}"] = np.asarray(rng.integers(-9, 9, shape) * 7, rng.choice(types))
    return found


def products(constants):
    """A node that multiplies by each constant."""
    return [helper.make_node("MatMul", ["x", name], [f"y{name}"]) for name in constants]


def graph_of(nodes, constants, outputs=("y",)):
    return Graph(Loaded(onnx_models.model(nodes, constants, {"x": [1, 2]}, list(outputs)).graph, {}))


def widened(array):
    return array.astype(np.float32) if array.dtype == np.float16 else array


def same(found, wanted):
    return (found.dtype, found.shape, found.tobytes()) == (wanted.dtype, wanted.shape, wanted.tobytes())


@about(OnnxFile, open_model)
@LIMITS
@given(seeds, st.booleans(), st.booleans())
def test_the_constants_of_an_onnx_file_come_back(seed, large, external):
    """In the order of their use, wherever their data are, with what the graph makes of each."""
    constants = constants_of(seed, large=large)
    model = onnx_models.model(products(constants), dict(reversed(constants.items())), {"x": [1]}, ["y"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        onnx.save(model, path, save_as_external_data=external, location="data", size_threshold=0)
        for file in (open_model(path), OnnxFile(path, False)):
            with file:
                assert list(file.tensors) == list(constants)
                for name, array in constants.items():
                    info, wanted = file.tensors[name], widened(array)
                    assert same(file.read(name), wanted) and (info.shape, info.dtype) == (array.shape, wanted.dtype)
                    weight = array.ndim >= 2 and (array.dtype.kind == "f" or array.dtype.itemsize == 1)
                    assert info.action == ("weight" if weight else "raw") and "MatMul" in info.reason
                    assert info.axis == (array.ndim - 1 if array.ndim else -1)


@about(Loaded, load_graph, kind_of, read_constant)
@LIMITS
@given(seeds, st.booleans(), st.integers(0, 1 << 20))
def test_a_graph_is_loaded_as_the_library_does(seed, large, cut):
    """But for large tensors, whose data stay where they are until they are read."""
    constants = constants_of(seed, large=large)
    model = onnx_models.model(products(constants), constants, {"x": [1]}, ["y"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        data = model.SerializeToString()
        path.write_bytes(data)
        found = load_graph(path)
        assert list(found.graph.node) == list(model.graph.node) and found.graph.output == model.graph.output
        for number, (tensor, wanted) in enumerate(zip(found.graph.initializer, model.graph.initializer, strict=True)):
            array, place = constants[wanted.name], found.places.get((number,))
            kept = array.nbytes > 4096
            assert (tensor == wanted) == (not kept) and (place is not None) == kept
            assert not kept or tensor.ByteSize() < 200 and data[slice(*place)] == array.tobytes()
            assert kind_of(path, wanted.name, tensor) == (array.shape, widened(array).dtype)
            assert same(read_constant(path, wanted.name, tensor, place), widened(array))
        path.write_bytes(data[:cut % len(data)])
        with refused((InputError, Unsound)):
            load_graph(path)
        path.write_bytes(flipped(data, cut))
        try:
            load_graph(path)
        except (InputError, Unsound) as error:
            assert str(error) and "\n" not in str(error)


@about(read_constant)
@LIMITS
@given(seeds, st.sampled_from(("offset", "length")), st.sampled_from(("-1", "x", "99999", "1e3", "9" * 30)))
def test_data_at_another_place_are_refused(seed, key, value):
    array = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inner", "net.onnx")
        path.parent.mkdir()
        for place in (folder, path.parent):
            Path(place, "data").write_bytes(bytes(5) + array.tobytes())
        tensor = onnx.TensorProto(name="w", data_type=1, dims=(3, 4), data_location=onnx.TensorProto.EXTERNAL)
        place = {"location": "data", "offset": "5", "length": "48"}
        for change in ({}, {key: value}, {"location": "none"}, {"location": "../data"}):
            del tensor.external_data[:]
            for name, text in (place | change).items():
                tensor.external_data.add(key=name, value=text)
            if not change:
                assert same(read_constant(path, "w", tensor), array)
                continue
            if change == {"length": "99999"}:
                continue  # The file ends before: what is there is all.
            with refused(InputError):
                read_constant(path, "w", tensor)


@about(Graph)
@LIMITS
@given(st.lists(st.permutations(range(4)) | st.sampled_from(("Identity", "Cast", "Reshape")), max_size=4),
       st.sampled_from(("Conv", "ConvTranspose", "MatMul", "Add", "Einsum")))
def test_the_axis_of_a_weight_is_followed_back(steps, kind):
    """Through any transpositions, to the axis of the constant that becomes that of the output channels."""
    axis, name, nodes = {"Conv": 0, "ConvTranspose": 1, "MatMul": 3}.get(kind), "w", []
    for number, step in enumerate(steps):
        more = {"perm": step} if isinstance(step, list | tuple) else {"to": 1} if step == "Cast" else {}
        kinds = {"Reshape": "Reshape", "Cast": "Cast", "Identity": "Identity"}
        shape = ["s"] if step == "Reshape" else []
        nodes.append(helper.make_node(kinds.get(step, "Transpose") if isinstance(step, str) else "Transpose",
                                      [name, *shape], [f"t{number}"], **more))
        name = f"t{number}"
    nodes.append(helper.make_node(kind, ["x", name], ["y"]))
    for step in reversed(steps):
        if step == "Reshape":
            axis = None
        elif not isinstance(step, str) and axis is not None:
            axis = step[axis]
    found = graph_of(nodes, {"w": np.zeros((2, 2, 2, 2), np.float32)}).verdict("w", 4)
    action = {"Add": "raw", "Einsum": None}.get(kind, "weight")
    assert found.action == action and kind in found.reason and found.place == (len(steps), 1)
    assert action != "weight" or found.axis == axis or "Reshape" in steps


@about(Graph, Quantization)
@examples(150)
@given(st.integers(-2, 3), st.booleans(), st.sets(st.sampled_from(("use", "output", "scale", "twice", "made"))))
def test_scales_and_rounding_are_found_in_a_graph(axis, pointed, changes):
    """Which constants scale another; and whether a float weight is rounded, and nothing else is done with it."""
    beside = ["s", "z"] if pointed else ["s"]
    undo = ["s2", *beside[1:]] if "scale" in changes else beside
    nodes = [helper.make_node("QuantizeLinear", ["w", *beside], ["q"], axis=axis),
             helper.make_node("DequantizeLinear", ["q", *undo], ["d"], axis=axis),
             helper.make_node("DequantizeLinear", ["i", *beside], ["e"], axis=axis),
             helper.make_node("Conv", ["x", "d"], ["y"])]
    if "use" in changes:
        nodes.append(helper.make_node("Relu", ["q"], ["r"]))
    if "twice" in changes:
        nodes.append(helper.make_node("Mul", ["s", "w"], ["p"]))
    if "made" in changes:
        nodes.insert(0, helper.make_node("Relu", ["x"], ["s2"]))
    constants = {name: np.ones(3, np.float32) for name in ("s", "s2", "w") if name != "s2" or "made" not in changes}
    graph = graph_of(nodes, constants | {"z": np.zeros(3, np.int8), "i": np.zeros(3, np.int8)},
                     ["y", "q"] if "output" in changes else ["y"])
    wanted = Quantization("s", "z" if pointed else None, axis)
    assert graph.quantization("i") == wanted == graph.quantization("w")
    if "made" in changes and "scale" in changes:
        assert graph.quantization("q") is None
    plain = not changes & {"use", "output", "scale", "twice"}
    found = graph.rounder("w")
    assert (found is not None) == plain and (found is None or found.output[0] == "q")
    assert graph.serves_only("s", ["w", "i", "q"]) == ("twice" not in changes)
    assert graph.serves_only("s", ["i"]) is False


@about(Graph)
@LIMITS
@given(st.sampled_from((("QLinearConv", 9), ("QGemm", 7), ("Conv", 9))), st.sets(st.integers(0, 8), max_size=3))
def test_the_scale_of_an_integer_bias_is_a_product(shape, made):
    """Of those that its operator names, if both are constants."""
    kind, count = shape
    nodes = [helper.make_node(kind, [f"c{i}" for i in range(count)], ["y"])]
    graph = graph_of(nodes, {f"c{i}": np.ones(1, np.float32) for i in range(count) if i not in made})
    wanted = ("c1", "c4") if kind != "Conv" and not made & {1, 4} else None
    assert graph.bias_scales(f"c{8 if kind == 'QLinearConv' else 6}") == wanted
    assert graph.bias_scales("c0") is None


@about(attribute)
@LIMITS
@given(st.integers(-9, 9) | st.lists(st.integers(-9, 9), min_size=1, max_size=3), st.booleans())
def test_attributes_are_those_of_the_node_or_the_default(value, there):
    node = helper.make_node("Gemm", ["a"], ["b"], **({"alpha": value} if there else {"beta": 1}))
    assert attribute(node, "alpha", value) == value
    default = type(value)(3) if isinstance(value, int) else [7]
    assert attribute(node, "alpha", default) == (value if there else default)
    if there:
        with refused(Unsound):
            attribute(node, "alpha", "text")


@about(Fold, find_folds)
@LIMITS
@given(seeds, st.sampled_from(("Conv", "ConvTranspose", "Gemm", "Gemm^T", "MatMul")), st.booleans(),
       st.sampled_from(("", "use", "output", "training", "shared", "group", "alpha", "shape")))
def test_a_fold_computes_the_same(seed, kind, biased, change):
    """Channel by channel, and only where nothing else sees what is folded."""
    rng, axis = np.random.default_rng(seed), {"Conv": 0, "Gemm^T": 0}.get(kind, 1)
    weight = rng.normal(size=(3, 3, 1, 1)[:2 if "Gemm" in kind or kind == "MatMul" else 4]).astype(np.float32)
    norm = {name: rng.normal(size=3).astype(np.float32) for name in ("scale", "shift", "mean", "bias")}
    arrays = {"w": weight, **norm, "var": rng.random(3).astype(np.float32) + 0.1}
    arrays["mean"] = arrays["mean"][:2] if change == "shape" else arrays["mean"]
    more = {"transB": 1} if kind == "Gemm^T" else {}
    more |= {"alpha": 2.0} if change == "alpha" and "Gemm" in kind else {}
    more |= {"group": 3} if change == "group" and "Conv" in kind else {}
    nodes = [helper.make_node(kind.removesuffix("^T"), ["x", "w", *["bias"] * biased], ["a"], **more),
             helper.make_node("BatchNormalization", ["a", "scale", "shift", "mean", "var"], ["y"], epsilon=0.01,
                              **({"training_mode": 1} if change == "training" else {}))]
    if change == "use":
        nodes.append(helper.make_node("Relu", ["a"], ["r"]))
    if change == "shared":
        nodes.append(helper.make_node("Relu", ["w"], ["r"]))
    graph = graph_of(nodes, arrays, ["y", "a"] if change == "output" else ["y"])
    infos = {name: TensorInfo(array.shape, array.dtype) for name, array in arrays.items()}
    found = find_folds(graph, infos)
    never = change in ("use", "output", "training", "shared", "shape") or kind == "MatMul"
    never |= change == "alpha" and "Gemm" in kind or change == "group" and kind == "ConvTranspose"
    assert len(found) == (not never)
    for fold in found:
        assert (fold.weight, fold.bias, fold.axis) == ("w", "bias" if biased else None, axis)
        x = rng.normal(size=3)

        def layer(weight, bias, x=x):
            matrix = weight.reshape(3, 3).astype(float)
            return (matrix if axis == 0 else matrix.T) @ x + bias

        plain = layer(weight, arrays["bias"] if biased else 0)
        gain = arrays["scale"] / np.sqrt(arrays["var"].astype(float) + np.float32(0.01))
        assert fold.gain(arrays.get) == pytest.approx(gain, rel=1e-5)
        folded = fold.folded_weight(arrays.get), fold.folded_bias(arrays.get)
        assert all(array.dtype == np.float32 for array in folded)
        assert layer(*folded) == pytest.approx((plain - arrays["mean"]) * gain + arrays["shift"], rel=1e-4, abs=1e-4)
        with refused(InputError):
            fold.gain((arrays | {"var": arrays["var"] - 5}).get)


@about(Verdict, best)
@LIMITS
@given(st.lists(verdicts, max_size=5))
def test_one_use_as_a_weight_is_enough(found):
    """Then one of which nothing is known; the place is the first of all."""
    said = best(iter(found))
    if not found:
        assert said.action == "raw" and said.reason
        return
    actions = [each.action for each in found]
    assert said.action == ("weight" if "weight" in actions else None if None in actions else "raw")
    assert said.place == min(each.place for each in found)
    first = next(each for each in found if each.action == said.action)
    assert said[1:3] == first[1:3]


@about(describe)
@examples(200)
@given(verdicts, st.lists(st.integers(1, 3), max_size=3).map(tuple), st.none() | st.sampled_from(TYPES).map(np.dtype))
def test_weights_have_dimensions_and_few_bits(verdict, shape, dtype):
    found = describe(verdict, shape, dtype, np.float32(2), np.int8(1))
    assert found.shape == shape and found.dtype == dtype and verdict.reason in found.reason
    if dtype is None:
        assert found.action == "left out" and found.scale is None
        return
    wide = dtype.kind in "iu" and dtype.itemsize > 1
    weight = verdict.action == "weight" or verdict.action is None and dtype.kind in "iu"
    unsure = verdict.action is None and dtype.kind == "f"
    assert found.action == (None if unsure else "weight" if weight and len(shape) >= 2 and not wide else "raw")
    assert (found.axis, found.scale, found.zero_point) == (verdict.axis, 2, 1)


@about(TfliteFile, open_model)
@LIMITS
@given(seeds, st.booleans(), st.integers(0, 1))
def test_the_constants_of_a_tflite_file_come_back(seed, behind, axis):
    """With the scales and zero points of the integers, of a shape that broadcasts."""
    arrays, rng = constants_of(seed), np.random.default_rng(seed)
    constants = {}
    for name, array in arrays.items():
        scales = 1 if array.ndim <= axis or rng.random() < 0.5 else array.shape[axis]
        points = rng.integers(-5, 5, scales).tolist()
        constants[name] = tflite_models.Constant(array, tuple((rng.random(scales) + 1).tolist()), tuple(points), axis)
    nodes = [tflite_models.Node("FULLY_CONNECTED", ("x", name), f"y{name}") for name in arrays]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.tflite")
        path.write_bytes(tflite_models.build(nodes, constants, behind))
        for file in (open_model(path), TfliteFile(path)):
            with file:
                assert list(file.tensors) == list(arrays)
                for name, array in arrays.items():
                    info, (_, scale, point, *_) = file.tensors[name], constants[name]
                    assert same(file.read(name), widened(array)) and info.shape == array.shape
                    if array.dtype.kind == "f":
                        assert info.scale is None and info.zero_point is None
                        continue
                    wide = (1,) * axis + (-1,) + (1,) * (array.ndim - axis - 1) if len(scale) > 1 else ()
                    assert np.array_equal(info.scale, np.reshape(np.float32(scale), wide))
                    assert np.array_equal(info.zero_point, np.reshape(point, wide))
                    assert np.broadcast_shapes(info.scale.shape, array.shape) == array.shape


@about(open_model)
@examples(100)
@given(seeds, st.integers(0, 1 << 20), st.sampled_from(SUFFIXES), st.sampled_from(("", ".txt", ".pb")))
def test_a_damaged_model_is_refused_in_one_line(seed, bit, suffix, other):
    """Or read, where a flipped bit is but a number: no other exception gets out. So it is where the file is cut."""
    arrays = {name: array for name, array in constants_of(seed, ("f4", "i1")).items() if array.size}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"net{suffix}")
        if suffix == ".onnx":
            onnx_models.saved(path, products(arrays), arrays, {"x": [1]}, ["y"])
        elif suffix == ".tflite":
            path.write_bytes(tflite_models.chain(arrays))
        elif suffix == ".npz":
            write_npz(path, arrays)
        else:
            pytest.importorskip("safetensors.numpy").save_file(arrays, path)
        with open_model(path) as file:
            assert all(np.array_equal(file.read(name), array) for name, array in arrays.items())
        data = path.read_bytes()
        for damaged in (flipped(data, bit), data[:bit % len(data)]):
            path.write_bytes(damaged)
            try:
                with open_model(path) as file:
                    for name in file.tensors:
                        if file.tensors[name].dtype is not None:
                            file.read(name)
            except InputError as error:
                assert str(error).startswith(str(path)) and "\n" not in str(error)
        with refused(InputError):
            open_model(path.with_suffix(other))
        with refused(InputError):
            open_model(path.with_name(f"none{suffix}"))


@about(map_file, forget)
@examples(10)
@given(st.binary(min_size=1, max_size=20000))
def test_a_mapped_file_stays_readable(content):
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        with map_file(file) as data:
            assert data[:] == content and len(data) == len(content)
            forget(data)
            assert data[:] == content
            with pytest.raises(TypeError):
                data[0] = 1
    with tempfile.TemporaryFile() as file, pytest.raises(ValueError):
        map_file(file)
