"""The embedded network: what is stored, how well it reads digits, and the gradients that trained it."""

import builtins
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from golden import digits
from golden.digits import network, train
from golden.errors import InputError
from golden.rules import Rules, quantize_network
from golden.zeropoint import entropy_bits

needs_sklearn = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None,
                                   reason="needs the extra 'digits' (scikit-learn)")


def test_the_stored_network_is_that_of_the_record():
    tensors, record = digits.load(), digits.record()
    parts = ("weight", "weight.scale", "bias")
    assert list(tensors) == [f"{layer.name}.{part}" for layer in network.LAYERS for part in parts]
    for layer, described in zip(network.LAYERS, record["layers"], strict=True):
        weight = tensors[f"{layer.name}.weight"]
        assert weight.dtype == np.int8 and weight.shape == layer.shape == tuple(described["shape"])
        assert np.abs(weight).max() <= layer.bins // 2 and described["bins"] == layer.bins
        assert described["weights"] == weight.size
        assert described["entropy_bits"] == pytest.approx(entropy_bits(weight))
        assert described["zeros"] == pytest.approx((weight == 0).mean())
        assert tensors[f"{layer.name}.weight.scale"].shape == ()
        assert tensors[f"{layer.name}.bias"].dtype == np.float32


def test_it_is_small_and_shows_all_that_a_stream_can():
    layers = digits.record()["layers"]
    assert len(layers) >= 4 and 3000 <= sum(layer["weights"] for layer in layers) <= 12000
    assert layers[0]["bins"] >= 63
    assert any(layer["bins"] == 3 and layer["zeros"] > 0.8 and layer["entropy_bits"] < 0.8 for layer in layers)
    assert sum(layer["weights"] * layer["entropy_bits"] for layer in layers) / 8 < 4096


@needs_sklearn
def test_accuracy_is_that_of_the_record():
    _, _, images, labels = train.split()
    recorded = digits.record()["test_accuracy"]
    before, after = (digits.accuracy(digits.load(name), images, labels) for name in ("float", "digits"))
    assert before == pytest.approx(recorded["float"], abs=0.003)
    assert after == pytest.approx(recorded["quantized"], abs=0.003)
    assert before >= 0.97 and before - after <= 0.01


@needs_sklearn
def test_accuracy_needs_the_weights():
    _, _, images, labels = train.split()
    tensors = digits.load()
    tensors["conv3.weight"] = np.roll(tensors["conv3.weight"], 1)
    assert digits.accuracy(tensors, images, labels) < 0.5


@needs_sklearn
@pytest.mark.parametrize(("bins", "loss"), [(15, 0.05), (31, 0.01), (63, 0.01), (255, 0.005)])
def test_the_float_network_quantized_without_training(bins, loss):
    _, _, images, labels = train.split()
    quantized = quantize_network(digits.load("float"), Rules(bins))[0]
    assert digits.accuracy(quantized, images, labels) >= digits.record()["test_accuracy"]["float"] - loss


@needs_sklearn
def test_split_is_a_partition():
    images, labels, test_images, test_labels = train.split()
    assert (len(images), len(test_images)) == (len(labels), len(test_labels)) == (1437, 360)
    assert len({image.tobytes() for image in (*images, *test_images)}) == 1797
    assert images.min() == 0 and images.max() == 1


def test_a_missing_package_names_the_extra(monkeypatch):
    def no_sklearn(name, *rest, _import=builtins.__import__):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return _import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_sklearn)
    with pytest.raises(InputError, match=r"pip install tansy\[digits\]"):
        train.split()


def test_gradients_are_those_of_finite_differences():
    rng = np.random.default_rng(1)
    tensors = network.initial(rng)
    images, labels = rng.random((4, 8, 8), np.float32), np.array([3, 1, 4, 1])
    slopes = network.gradients(tensors, images, labels)[1]
    for name, array in tensors.items():
        size = np.linalg.norm(slopes[name])
        direction = np.float32(2e-3) * slopes[name] / size
        up, down = (network.gradients(dict(tensors, **{name: end}), images, labels)[0]
                    for end in (array + direction, array - direction))
        assert (up - down) / 4e-3 == pytest.approx(size, rel=0.01), name


def test_convolution_by_the_definition():
    """A stride-2 layer at one place, by loops: padding goes to the bottom and right."""
    rng = np.random.default_rng(2)
    layer = network.Layer("x", (2, 3, 3, 4), 2, 3)
    x = rng.random((1, 8, 8, 4), np.float32)
    patches = network._unfold(x, layer).reshape(4, 4, 3, 3, 4)
    for row, column in ((0, 0), (1, 2), (3, 3)):
        for i in range(3):
            for j in range(3):
                r, c = 2 * row + i, 2 * column + j
                expected = x[0, r, c] if r < 8 and c < 8 else np.zeros(4)
                assert np.array_equal(patches[row, column, i, j], expected)


@needs_sklearn
def test_training_is_reproducible(monkeypatch):
    monkeypatch.setattr(train, "FLOAT_EPOCHS", 2)
    monkeypatch.setattr(train, "QUANTIZED_EPOCHS", 1)
    first, second = train.train(5), train.train(5)
    for a, b in zip(first[:2], second[:2]):
        assert list(a) == list(b) and all(np.array_equal(a[name], b[name]) for name in a)
    assert first[2] == second[2]
    assert first[2]["test_accuracy"]["float"] > 0.5


def test_command_complains_in_one_line():
    done = subprocess.run([sys.executable, "-m", "golden.digits.train", "-o", "x.bin"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "must be a file .npz" in done.stderr
