"""Quantization: the rules, the step against brute force, and the command."""

import json
import subprocess
import sys

import numpy as np
import pytest

from golden.errors import ConfigError, InputError
from golden.formats import read_tensors, write_npz
from golden.rules import Rules, decide, dequantize, quantize_network
from golden.zeropoint import EXACT_BREAKPOINTS, best_step, entropy_bits, quantize_tensor, round_to_bins

SOURCES = {"laplace": lambda rng, n: rng.laplace(size=n), "normal": lambda rng, n: rng.normal(0.1, 1e-3, size=n),
           "heavy": lambda rng, n: rng.standard_t(1.2, size=n), "uniform": lambda rng, n: rng.uniform(-3, 1, size=n),
           "sparse": lambda rng, n: rng.laplace(size=n) * (rng.random(n) < 0.3)}


def cost(weights, step, bins, rate_weight=0.0):
    """The cost of a step as the documentation has it, the slow way."""
    q = np.clip(np.rint(weights / step), -(bins // 2), bins // 2)
    counts = np.unique(q, return_counts=True)[1]
    bits = float((counts / q.size * np.log2(q.size / counts)).sum())
    return np.square(weights - step * q).mean() / np.square(weights).mean() + rate_weight * bits


def command(*arguments):
    arguments = [sys.executable, "-m", "golden.quantize", *map(str, arguments)]
    return subprocess.run(arguments, capture_output=True, text=True)


@pytest.mark.parametrize("rate_weight", [0.0, 0.001, 0.03, 0.5])
@pytest.mark.parametrize("bins", [3, 15, 255])
@pytest.mark.parametrize("source", SOURCES)
def test_no_step_of_a_dense_sweep_is_better(source, bins, rate_weight):
    weights = SOURCES[source](np.random.default_rng(1), 2000)
    step = best_step(weights, bins, rate_weight)
    sweep = np.abs(weights).max() * np.geomspace(2.2, 1e-3 / bins, 1500)
    assert cost(weights, step, bins, rate_weight) <= 1.001 * min(cost(weights, s, bins, rate_weight) for s in sweep)


def test_grid_and_exact_search_agree(monkeypatch):
    weights = np.random.default_rng(2).laplace(size=5000)
    assert weights.size * 7 < EXACT_BREAKPOINTS
    exact = best_step(weights, 15)
    monkeypatch.setattr("golden.zeropoint.EXACT_BREAKPOINTS", 0)
    grid = best_step(weights, 15)
    assert cost(weights, exact, 15) <= cost(weights, grid, 15) * (1 + 1e-6)  # The step is a float32.
    assert cost(weights, grid, 15) <= cost(weights, exact, 15) * 1.001


@pytest.mark.parametrize(("weights", "bins"), [([1.0, 0, -1], 3), ([-3.0, 1, 2, 0.5, 0], 15), ([7.0], 3)])
def test_weights_on_a_grid_come_back_exactly(weights, bins):
    q, scale = quantize_tensor(np.array(weights), bins)
    assert np.array_equal(q * scale, weights)


def test_lambda_buys_entropy_with_error():
    weights = np.random.default_rng(3).laplace(size=4000)
    found = [quantize_tensor(weights, 31, None, rate_weight) for rate_weight in (0, 0.01, 0.1, 1)]
    bits = [entropy_bits(q) for q, _ in found]
    errors = [np.square(weights - q * scale).mean() for q, scale in found]
    assert all(a > b + 0.1 for a, b in zip(bits, bits[1:]))
    assert all(a < b for a, b in zip(errors, errors[1:]))


def test_a_great_lambda_ends_in_zeros_of_scale_1():
    q, scale = quantize_tensor(np.random.default_rng(4).laplace(size=100), 15, None, 100.0)
    assert not q.any() and scale == 1


def test_entropy():
    assert entropy_bits(np.array([-1, 0, 1, 0], np.int8)) == 1.5
    assert entropy_bits(np.zeros(5, np.int8)) == 0
    assert entropy_bits(np.zeros(0, np.int8)) == 0


def test_empty_and_zero_tensors():
    for shape in ((0,), (3, 0, 2)):
        q, scale = quantize_tensor(np.zeros(shape, np.float32), 15, 0)
        assert q.shape == shape and q.dtype == np.int8 and scale == 1 and scale.dtype == np.float32
    q, scale = quantize_tensor(np.zeros((2, 3)), 15)
    assert not q.any() and scale == 1 and scale.shape == ()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_steps_per_channel_are_those_of_the_channels(axis):
    weights = np.random.default_rng(5).laplace(size=(4, 5, 6)) * np.arange(4)[:, None, None]
    q, scale = quantize_tensor(weights, 15, axis)
    assert scale.shape == tuple(n if i == axis % 3 else 1 for i, n in enumerate(weights.shape))
    for channel, part, step in zip(np.moveaxis(weights, axis, 0), np.moveaxis(q, axis, 0), scale.ravel()):
        alone = quantize_tensor(channel, 15)
        assert step == alone.scale and np.array_equal(part, alone.q)
    assert axis != 0 or (scale.ravel()[0] == 1 and not q[0].any())


@pytest.mark.parametrize("magnitude", [1e-45, 1e-44, 1e-38, 1e38, 3.4028235e38])
@pytest.mark.parametrize("bins", [3, 255])
def test_denormal_and_huge_weights(magnitude, bins):
    weights = np.array([magnitude, -magnitude, magnitude / 3, 0], np.float32)
    with np.errstate(all="raise", under="ignore"):
        q, scale = quantize_tensor(weights, bins)
    assert np.isfinite(scale) and scale > 0
    assert q[3] == 0 and q[0] == -q[1] > 0
    assert abs(float(q[0]) * float(scale) / float(weights[0]) - 1) < 0.25


def test_rounding_clips():
    assert round_to_bins(np.array([-9.0, -1.6, 0.4, 1.4, 9.0]), 1.0, 2).tolist() == [-2, -2, 0, 1, 2]


@pytest.mark.parametrize("bins", [0, 1, 4, 257, -3, 3.0, True])
def test_bins_are_odd_and_in_range(bins):
    with pytest.raises(ConfigError, match=r"bins must be an odd number from 3 to 255, not"):
        Rules(bins)
    with pytest.raises(ConfigError):
        Rules(bins_for=(("x", bins),))


@pytest.mark.parametrize("rate_weight", [-1.0, float("nan"), float("inf")])
def test_lambda_is_in_range(rate_weight):
    with pytest.raises(ConfigError, match="lambda must be"):
        Rules(rate_weight=rate_weight)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("name", ["layer.weight", "layer.bias"])
def test_the_first_bad_float_is_named(name, bad):
    tensors = {"layer.weight": np.ones((2, 3)), "layer.bias": np.ones(4)}
    tensors[name].flat[2] = tensors[name].flat[3] = bad
    index = {"layer.weight": r"\(0, 2\)", "layer.bias": r"\(2,\)"}[name]
    with pytest.raises(InputError, match=f"{name} must be finite as float32, not .* at index {index}"):
        quantize_network(tensors, Rules())


NETWORK = {"a.weight": np.linspace(-1, 1, 24).reshape(2, 3, 4), "a.bias": np.ones(2),
           "b.weight": np.full((2, 2), 3, np.int64), "b.weight.scale": np.full((2, 1), 0.5),
           "c.weight": np.array([[1, -7]], np.int16), "gain": np.ones(())}


def test_what_becomes_of_each_array():
    found, report = quantize_network(NETWORK, Rules(7))
    assert {name: (array.dtype.name, array.shape) for name, array in found.items()} == {
        "a.weight": ("int8", (2, 3, 4)), "a.weight.scale": ("float32", ()), "a.bias": ("float32", (2,)),
        "b.weight": ("int8", (2, 2)), "b.weight.scale": ("float32", (2, 1)), "c.weight": ("int8", (1, 2)),
        "c.weight.scale": ("float32", ()), "gain": ("float32", ())}
    assert found["c.weight.scale"] == 1 and np.array_equal(found["b.weight.scale"], [[0.5], [0.5]])
    assert [row["name"] for row in report] == ["a.weight", "b.weight", "c.weight"]
    row = report[0]
    error = np.square(NETWORK["a.weight"] - found["a.weight"] * found["a.weight.scale"]).mean()
    assert row["bins"] == 7 and row["mse"] == pytest.approx(error)
    assert row["snr_db"] == pytest.approx(10 * np.log10(np.square(NETWORK["a.weight"]).mean() / error))
    assert row["entropy_bits"] == entropy_bits(found["a.weight"]) and report[1]["mse"] is None
    assert quantize_network(found, Rules())[0].keys() == found.keys()


def test_dequantize():
    back = dequantize(quantize_network(NETWORK, Rules(255))[0])
    assert list(back) == ["a.weight", "a.bias", "b.weight", "c.weight", "gain"]
    assert np.allclose(back["a.weight"], NETWORK["a.weight"], atol=0.01)
    assert np.array_equal(back["b.weight"], np.full((2, 2), 1.5))


def test_patterns_overrule():
    rules = Rules(15, (("*", 31), ("a.*", 63)), per_channel=True, axes=(("a.weight", -1),), include=("*bias", "gain"),
                  exclude=("c.*", "b.*"))
    found = decide(NETWORK, rules)
    assert [decision.action for decision in found.values()] == ["quantize", "quantize", "raw", "raw", "raw", "quantize"]
    assert (found["a.weight"].bins, found["a.weight"].axis) == (63, -1)
    assert (found["a.bias"].bins, found["a.bias"].axis) == (63, 0)
    assert (found["gain"].bins, found["gain"].axis) == (31, None)
    result, _ = quantize_network(NETWORK, rules)
    assert result["a.weight.scale"].shape == (1, 1, 4)
    assert result["c.weight"].dtype == np.float32 and "c.weight.scale" not in result


@pytest.mark.parametrize(("tensors", "rules", "error", "match"), [
    (NETWORK, {"exclude": ("d*",)}, InputError, "'d\\*' must match an array"),
    (NETWORK, {"bins_for": (("A.*", 7),)}, InputError, "must match"),
    (NETWORK, {"per_channel": True, "axes": (("a.weight", 3),)}, ConfigError, "axis of a.weight must be one of its 3"),
    (NETWORK, {"axes": (("a.weight", 0),)}, ConfigError, "steps per channel"),
    ({"w": np.ones((2, 2)), "w.scale": np.ones(())}, {}, InputError, "w must be integer where there is w.scale"),
    ({"w": np.array([1, 128])}, {}, InputError, "integers of w must be weights from -127 to 127, not 128"),
    ({"w": np.array([-128], np.int16)}, {}, InputError, "not -128"),
    ({"w": np.ones((2, 3), int), "w.scale": np.ones(2)}, {}, InputError, "w.scale must broadcast"),
    ({"w": np.ones(3, int), "w.scale": np.ones((3, 3))}, {}, InputError, "w.scale must broadcast")])
def test_errors(tensors, rules, error, match):
    with pytest.raises(error, match=match):
        quantize_network(tensors, Rules(**rules))


def test_integers_that_are_no_weights_are_listed():
    decision = decide({"w": np.array([1, 128])}, Rules())["w"]
    assert decision.action == "refused" and "not 128; an array that holds no weights can be excluded" in decision.reason
    found, _ = quantize_network({"w": np.array([1, 128, 2 ** 40 + 1])}, Rules(exclude=("w",)))
    assert found["w"].dtype == np.int64 and found["w"].tolist() == [1, 128, 2 ** 40 + 1]


def test_command_writes_and_reports(tmp_path):
    write_npz(tmp_path / "w.npz", NETWORK)
    done = command(tmp_path / "w.npz", "-o", tmp_path / "q.npz", "--bins", 7, "--bins-for", "a.*=3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    layers = json.loads(done.stdout)["layers"]
    assert [layer["bins"] for layer in layers] == [3, None, None]
    expected = quantize_network(NETWORK, Rules(7, (("a.*", 3),)))[0]
    found = read_tensors(tmp_path / "q.npz")
    assert found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in expected)
    text = command(tmp_path / "w.npz", "-o", tmp_path / "q.npz", "--per", "channel", "--axis", "a.weight=1")
    assert text.returncode == 0 and "a.weight" in text.stdout
    assert read_tensors(tmp_path / "q.npz")["a.weight.scale"].shape == (1, 3, 1)


def test_command_lists_without_writing(tmp_path):
    write_npz(tmp_path / "w.npz", NETWORK)
    done = command(tmp_path / "w.npz", "--list")
    assert done.returncode == 0 and "a.weight: quantize (float of 3 dimensions, 15 bins)" in done.stdout
    assert json.loads(command(tmp_path / "w.npz", "--list", "--json").stdout)["a.bias"]["action"] == "raw"
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize(("arguments", "complaint"), [
    (["-o", "q.npz", "--bins", "4"], "bins must be an odd number"), (["-o", "q.npz", "--bins", "x"], "--bins"),
    (["-o", "q.npz", "--bins-for", "a"], "--bins-for"), ([], "an output file must be given"),
    (["-o", "q.bin"], "output must be a file .npz"), (["-o", "absent/q.npz"], "cannot be written")])
def test_command_complains_in_one_line(tmp_path, monkeypatch, arguments, complaint):
    write_npz(tmp_path / "w.npz", NETWORK)
    arguments = [str(tmp_path / a) if a.endswith((".npz", ".bin")) else a for a in arguments]
    done = command(tmp_path / "w.npz", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert complaint in done.stderr and done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize(("bins", "bits"), [(3, 1.512), (15, 3.385), (255, 6.773)])
def test_entropy_of_resnet8(shared_data, bins, bits):
    found, report = quantize_network(read_tensors(shared_data / "resnet8.npz"), Rules(bins))
    assert sum(row["weights"] for row in report) == 77360
    assert sum(row["weights"] * row["entropy_bits"] for row in report) / 77360 == pytest.approx(bits, abs=0.002)
    assert sum(array.dtype == np.int8 for array in found.values()) == 10
