"""TFLite models in: float and integer, with scales per tensor and per channel; bad files named."""

import builtins

import numpy as np
import pytest

from golden.errors import InputError
from golden.formats import read_tensors
from golden.frontend.models import open_model
from golden.integers import dequantize, original_integers
from golden.network import decode_network, encode_network
from golden.rules import Rules, decide, quantize_network
from tests.test_commands import command, complaint
from tests.tflite_models import Constant, Node, build

pytest.importorskip("tflite", reason="needs the extra 'tflite'")

NODES = [Node("CONV_2D", ("x", "conv", "conv/bias"), "a"),
         Node("DEPTHWISE_CONV_2D", ("a", "depth", "depth/bias"), "b"),
         Node("TRANSPOSE_CONV", ("size", "up", "b"), "c"),
         Node("ADD", ("c", "plane"), "d"),
         Node("RESHAPE", ("d", "shape"), "e"),
         Node("FULLY_CONNECTED", ("e", "dense", ""), "f"),
         Node("BATCH_MATMUL", ("f", "product"), "g"),
         Node("GATHER", ("table", "i"), "y")]


def draw(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def floats(seed=0):
    """The constants of `NODES`, in another order than that of execution."""
    rng = np.random.default_rng(seed)
    return {"dense": draw(rng, 5, 24), "table": draw(rng, 7, 3), "product": draw(rng, 5, 6),
            "conv": draw(rng, 8, 3, 3, 2), "conv/bias": draw(rng, 8), "depth": draw(rng, 1, 3, 3, 8),
            "depth/bias": draw(rng, 8), "size": np.array([1, 4, 4, 6], np.int32), "up": draw(rng, 6, 2, 2, 8),
            "plane": draw(rng, 1, 4, 4, 6), "shape": np.array([-1, 24], np.int32)}


def saved(path, data):
    path.write_bytes(data)
    return path


def test_roles_axes_and_order(tmp_path):
    with open_model(saved(tmp_path / "net.tflite", build(NODES, floats()))) as file:
        found = {name: (info.action, info.axis, info.reason) for name, info in file.tensors.items()}
    assert list(found.items()) == [
        ("conv", ("weight", 0, "weight of CONV_2D")), ("conv/bias", ("raw", None, "bias of CONV_2D")),
        ("depth", ("weight", 3, "weight of DEPTHWISE_CONV_2D")),
        ("depth/bias", ("raw", None, "bias of DEPTHWISE_CONV_2D")),
        ("size", ("raw", None, "input 0 of TRANSPOSE_CONV")), ("up", ("weight", 0, "weight of TRANSPOSE_CONV")),
        ("plane", ("raw", None, "input 1 of ADD")), ("shape", ("raw", None, "input 1 of RESHAPE")),
        ("dense", ("weight", 0, "weight of FULLY_CONNECTED")), ("product", ("weight", 1, "weight of BATCH_MATMUL")),
        ("table", ("weight", 0, "weight of GATHER"))]


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int16, np.int32, np.int64])
def test_arrays_are_those_of_the_file(tmp_path, dtype, behind):
    arrays = {name: (array * 30).astype(dtype) for name, array in floats().items()}
    with open_model(saved(tmp_path / "net.tflite", build(NODES, arrays, behind))) as file:
        for name, array in arrays.items():
            found = file.read(name)
            assert found.dtype == (np.float32 if dtype == np.float16 else dtype) and np.array_equal(found, array), name


def test_steps_per_channel(tmp_path):
    with open_model(saved(tmp_path / "net.tflite", build(NODES, floats()))) as file:
        found, report = quantize_network(file, Rules(31, per_channel=True, exclude=("table",), include=("plane",)))
    assert found["conv.scale"].shape == (8, 1, 1, 1) and found["depth.scale"].shape == (1, 1, 1, 8)
    assert found["plane"].dtype == np.int8 and found["table"].dtype == np.float32
    assert [row["name"] for row in report] == ["conv", "depth", "up", "plane", "dense", "product"]


def integers(seed=1, unsigned=False, least=False):
    """An int8 network with scales per channel, or an old uint8 one with one zero point per tensor."""
    rng = np.random.default_rng(seed)
    conv, depth, dense = (np.clip(np.rint(rng.laplace(0, 20, shape)), -127, 127)
                          for shape in ((8, 3, 3, 2), (1, 3, 3, 8), (5, 24)))
    if least:
        dense[2, 3] = -128
    biases = {"conv/bias": rng.integers(-9000, 9000, 8).astype(np.int32), "depth/bias": np.zeros(8, np.int32)}
    if unsigned:
        return {"conv": Constant((conv + 130).clip(3, 255).astype(np.uint8), (0.1,), (130,)),
                "depth": Constant((depth + 127).astype(np.uint8), (0.2,), (127,)),
                "dense": Constant((dense + 128).astype(np.uint8), (0.3,), (60,)),
                **{name: Constant(array, (0.01,), (0,)) for name, array in biases.items()}}
    scales = [tuple(rng.uniform(0.1, 0.2, 8)) for _ in range(2)]
    return {"conv": Constant(conv.astype(np.int8), scales[0], (0,) * 8, 0),
            "depth": Constant(depth.astype(np.int8), scales[1], (0,) * 8, 3),
            "dense": Constant(dense.astype(np.int8), (0.3,), (0,)),
            **{name: Constant(array, scales[0], (0,) * 8, 0) for name, array in biases.items()}}


@pytest.mark.parametrize("unsigned", [False, True])
def test_integers_come_back_exactly(tmp_path, unsigned):
    constants = integers(unsigned=unsigned)
    path = saved(tmp_path / "net.tflite", build(NODES, {**floats(), **constants}))
    assert command("quantize", path, "-o", tmp_path / "q.npz", "--exclude", "[tpu]*").returncode == 0
    assert command("encode", tmp_path / "q.npz", "-o", tmp_path / "net.tsy").returncode == 0
    back = decode_network((tmp_path / "net.tsy").read_bytes())
    whole, real = original_integers(back), dequantize(back)
    for name, constant in constants.items():
        assert whole[name].dtype == constant.array.dtype and np.array_equal(whole[name], constant.array), name
        shape = [-1 if len(constant.scale) > 1 and i == constant.axis else 1 for i in range(constant.array.ndim)]
        scale, zero_point = np.reshape(constant.scale, shape), np.reshape(constant.zero_point, shape)
        assert np.allclose(real[name], scale * (constant.array.astype(float) - zero_point)), name
    coded = {name for name in constants if f"{name}.zero_point" not in back}
    assert coded == ({"conv", "depth"} if unsigned else {"conv", "depth", "dense"})
    assert back["conv"].dtype == np.int8 and ("conv.offset" in back) == unsigned


def test_what_the_codec_cannot_hold_is_said(tmp_path):
    path = saved(tmp_path / "net.tflite", build(NODES, {**floats(), **integers(least=True)}))
    with open_model(path) as file:
        decision = decide(file, Rules())["dense"]
        found, _ = quantize_network(file, Rules())
    assert decision.action == "raw" and decision.reason.startswith("int8 from -128 to")
    back = decode_network(encode_network(found))
    assert back["dense"].dtype == np.int8 and np.array_equal(back["dense"], integers(least=True)["dense"].array)


def test_a_real_network_is_coded_as_its_arrays_are(tmp_path, shared_data):
    arrays = read_tensors(shared_data / "resnet8.npz")
    layers = [name.removesuffix(".weight") for name in arrays if name.endswith(".weight")]
    kinds = {name: "FULLY_CONNECTED" if name == "dense" else "CONV_2D" for name in layers}
    nodes = [Node(kinds[name], ("x", f"{name}.weight", f"{name}.bias"), f"{name}.y") for name in layers]
    with open_model(saved(tmp_path / "net.tflite", build(nodes, arrays))) as file:
        found, _ = quantize_network(file, Rules(7))
    expected, _ = quantize_network(arrays, Rules(7))
    assert list(found) == list(expected) and all(np.array_equal(found[name], expected[name]) for name in expected)


def test_half_floats_behind_dequantize(tmp_path):
    """Float16 networks keep their constants before an operator that widens them."""
    rng = np.random.default_rng(2)
    arrays = {"half": draw(rng, 5, 4).astype(np.float16), "bias": draw(rng, 5).astype(np.float16)}
    nodes = [Node("DEQUANTIZE", ("bias",), "wide bias"), Node("DEQUANTIZE", ("half",), "wide"),
             Node("FULLY_CONNECTED", ("x", "wide", "wide bias"), "y")]
    with open_model(saved(tmp_path / "net.tflite", build(nodes, arrays))) as file:
        assert {name: (info.action, info.reason) for name, info in file.tensors.items()} == {
            "half": ("weight", "weight of FULLY_CONNECTED"), "bias": ("raw", "bias of FULLY_CONNECTED")}
        assert list(file.tensors) == ["half", "bias"]


@pytest.mark.parametrize("size", [(3, 5), (4, 6)])
def test_four_bits_are_unpacked(tmp_path, size):
    values = np.random.default_rng(3).integers(-8, 8, size)
    flat = np.append(values.ravel(), 0)[:values.size + values.size % 2] & 15
    packed = (flat[0::2] | flat[1::2] << 4).astype(np.uint8)
    constants = {"w": Constant(packed, (0.5,), (0,), 0, "INT4", size)}
    path = saved(tmp_path / "net.tflite", build([Node("FULLY_CONNECTED", ("x", "w"), "y")], constants))
    with open_model(path) as file:
        assert np.array_equal(file.read("w"), values) and file.read("w").dtype == np.int8


def test_unknown_operators_and_other_types_are_listed(tmp_path):
    constants = {"w": draw(np.random.default_rng(4), 3, 4), "v": np.ones(3, np.float32),
                 "yes": Constant(np.array([1], np.uint8), kind="BOOL")}
    path = saved(tmp_path / "net.tflite", build([Node("Swirl", ("x", "w", "v", "yes"), "y")], constants))
    done = command("quantize", path, "--list")
    assert done.returncode == 0 and done.stdout.splitlines() == [
        "w: quantize (float of 2 dimensions, input 1 of unknown operator CUSTOM Swirl, 15 bins)",
        "v: raw (float of 1 dimension, input 2 of unknown operator CUSTOM Swirl)",
        "yes: left out (input 3 of unknown operator CUSTOM Swirl: neither integers nor floats)"]
    done = command("quantize", path, "-o", tmp_path / "q.npz")
    assert "yes: left out" in done.stdout and list(read_tensors(tmp_path / "q.npz")) == ["w", "w.scale", "v"]


def test_the_first_nan_is_named(tmp_path):
    arrays = floats()
    arrays["up"][1, 0, 1, 3] = np.nan
    path = saved(tmp_path / "net.tflite", build(NODES, arrays))
    assert "up must be finite as float32, not nan at index (1, 0, 1, 3)" in complaint(
        "quantize", path, "-o", tmp_path / "q.npz")
    assert [each.name for each in tmp_path.iterdir()] == ["net.tflite"]


def test_data_of_another_size_are_refused(tmp_path):
    constants = {"w": Constant(np.ones(7, np.float32), shape=(2, 4))}
    path = saved(tmp_path / "net.tflite", build([Node("FULLY_CONNECTED", ("x", "w"), "y")], constants))
    with pytest.raises(InputError, match=r"tensor w of FLOAT32 and shape \(2, 4\) must have 32 bytes of data, not 28"):
        open_model(path)


@pytest.mark.parametrize("behind", [False, True])
def test_truncations_are_refused(tmp_path, behind):
    whole = build(NODES[:2], {name: floats()[name] for name in ("conv", "conv/bias", "depth", "depth/bias")}, behind)
    for length in (*range(0, len(whole) - 40, 13), *range(len(whole) - 40, len(whole))):
        path = saved(tmp_path / "cut.tflite", whole[:length])
        with pytest.raises(InputError, match="not a sound .tflite file") as caught:
            open_model(path)
        assert "\n" not in str(caught.value)


def test_garbage_is_one_line(tmp_path):
    path = saved(tmp_path / "net.tflite", np.random.default_rng(5).bytes(3000))
    assert "not a sound .tflite file" in complaint("quantize", path, "-o", tmp_path / "q.npz")
    saved(path, b"\x10\0\0\0TFL3" + np.random.default_rng(6).bytes(3000))
    assert "not a sound .tflite file" in complaint("quantize", path, "--list")
    assert [each.name for each in tmp_path.iterdir()] == ["net.tflite"]


def test_flipped_bits_never_end_in_another_error(tmp_path):
    arrays = floats()
    whole = build(NODES[:2], {"conv": integers()["conv"], "depth": arrays["depth"][..., :2],
                              "conv/bias": arrays["conv/bias"], "depth/bias": arrays["depth/bias"]})
    rng = np.random.default_rng(7)
    refused = 0
    for bit in rng.choice(8 * len(whole), 600, replace=False):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            with open_model(saved(tmp_path / "flipped.tflite", bytes(flipped))) as file:
                decide(file, Rules())
                quantize_network(file, Rules())
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    path = saved(tmp_path / "net.tflite", build(NODES, floats()))

    def no_tflite(name, *rest, _import=builtins.__import__):
        if name == "tflite":
            raise ImportError(name)
        return _import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_tflite)
    with pytest.raises(InputError, match=r"reading .tflite needs an extra: pip install 'tansy\[tflite\]'"):
        open_model(path)
