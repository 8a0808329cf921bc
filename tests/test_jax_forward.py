"""The forward pass in JAX against that in NumPy, on every kind of node."""

import importlib.util

import numpy as np
import pytest

from golden.frontend import forward
from golden.frontend.description import find_network, shipped_networks

from .test_description import network, tensors_of

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra 'train' (JAX)")


def same(net, count=3):
    from golden.frontend import jax_forward

    tensors = tensors_of(net)
    pixels = np.random.default_rng(1).normal(size=(count, *net.input_shape)).astype(np.float32)
    wanted = forward.logits(net, tensors, pixels)
    tolerance = 1e-4 * float(np.abs(wanted).max())
    assert jax_forward.logits(net, tensors, pixels) == pytest.approx(wanted, rel=1e-4, abs=tolerance)


@pytest.mark.parametrize("kind", ["conv", "depthwise", "max_pool", "average_pool"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [[1, 1], [2, 3]])
def test_windows(kind, padding, stride):
    more = {"outputs": 3} if kind == "conv" else {}
    same(network({"name": "c", "kind": kind, "size": [3, 2], "stride": stride, "padding": padding} | more))


def test_residual_mean_dense_and_scale():
    same(network({"name": "a", "kind": "conv", "outputs": 2, "size": [1, 1], "activation": "relu"},
                 {"name": "s", "kind": "add", "inputs": ["input", "a"], "activation": "relu"},
                 {"name": "d", "kind": "dense", "outputs": 4}, zero=1.5, scale=0.25))
    same(network({"name": "m", "kind": "mean"}, {"name": "d", "kind": "dense", "outputs": 4}))


@pytest.mark.parametrize("name", shipped_networks())
def test_shipped_networks(name):
    same(find_network(name))


def test_accuracy_takes_parts_of_batches(monkeypatch):
    from golden.frontend import jax_forward

    monkeypatch.setattr(jax_forward, "BATCH", 4)
    net = find_network("digits")
    tensors, pixels = tensors_of(net), np.random.default_rng(0).integers(0, 17, (10, 8, 8))
    labels = forward.logits(net, tensors, pixels).argmax(axis=1)
    labels[:2] = (labels[:2] + 1) % 10
    assert jax_forward.accuracy(net, tensors, pixels, labels) == pytest.approx(0.8)
