"""The embedded network: what is stored, how well it reads digits, and the training that made it."""

import builtins
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from golden import digits
from golden.container import stream_bytes
from golden.digits import train
from golden.errors import InputError
from golden.frontend.description import find_network
from golden.network import encode_network, encode_stream
from golden.rules import Rules, quantize_network
from golden.zeropoint import entropy_bits

needs_sklearn = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None,
                                   reason="needs the extra 'digits' (scikit-learn)")
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra 'train' (JAX)")


def test_the_stored_network_is_that_of_the_record():
    tensors, record, shapes = digits.load(), digits.record(), find_network("digits").weights
    assert list(tensors) == [f"{name}.{part}" for name in shapes for part in ("weight", "weight.scale", "bias")]
    for (name, shape), described in zip(shapes.items(), record["layers"], strict=True):
        weight = tensors[f"{name}.weight"]
        assert described["name"] == name and weight.dtype == np.int8
        assert weight.shape == shape == tuple(described["shape"])
        assert 2 * np.abs(weight).max() + 1 == described["bins"]
        assert described["weights"] == weight.size
        assert described["entropy_bits"] == pytest.approx(entropy_bits(weight))
        assert described["zeros"] == pytest.approx((weight == 0).mean())
        assert tensors[f"{name}.weight.scale"].shape == ()
        assert tensors[f"{name}.bias"].dtype == np.float16
    assert len(encode_network(tensors)) == record["bytes"]


def test_it_takes_less_than_a_bit_per_weight_and_shows_all_that_a_stream_can():
    record = digits.record()
    layers = record["layers"]
    weights = sum(layer["weights"] for layer in layers)
    assert len(layers) >= 4 and 3000 <= weights <= 12000
    stream, _ = encode_stream(digits.load())
    assert 8 * len(stream_bytes(stream)) < weights
    assert layers[0]["bins"] >= 15 and layers[0]["entropy_bits"] > 3
    assert any(layer["bins"] == 3 and layer["zeros"] > 0.8 and layer["entropy_bits"] < 0.8 for layer in layers)


@needs_sklearn
def test_accuracy_is_that_of_the_record():
    _, _, images, labels = train.split()
    recorded = digits.record()["test_accuracy"]
    before, after = (digits.accuracy(digits.load(name), images, labels) for name in ("float", "digits"))
    assert before == pytest.approx(recorded["float"], abs=0.003)
    assert after == pytest.approx(recorded["quantized"], abs=0.003)
    assert before >= 0.97 and before - after <= 0.02


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
    assert images.min() == 0 and images.max() == 16


def test_a_missing_package_names_the_extra(monkeypatch):
    def no_sklearn(name, *rest, _import=builtins.__import__):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return _import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_sklearn)
    with pytest.raises(InputError, match=r"pip install tansy\[digits\]"):
        train.split()


@needs_sklearn
@needs_jax
def test_training_is_reproducible(monkeypatch):
    monkeypatch.setitem(train.FLOAT, "epochs", 10)
    monkeypatch.setitem(train.QUANTIZED, "epochs", 2)
    first, second = train.train(5), train.train(5)
    for a, b in zip(first[:2], second[:2]):
        assert list(a) == list(b) and all(np.array_equal(a[name], b[name]) for name in a)
    assert first[2] == second[2]
    assert first[2]["test_accuracy"]["float"] > 0.5


def test_command_complains_in_one_line():
    done = subprocess.run([sys.executable, "-m", "golden.digits.train", "-o", "x.bin"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "must be a file .npz" in done.stderr
