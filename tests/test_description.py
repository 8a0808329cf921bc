"""Descriptions of networks, and inference by them."""

import json
import sys

import numpy as np
import pytest

from golden.digits import load
from golden.errors import InputError
from golden.frontend.description import find_network, parse_network, shipped_networks
from golden.frontend.forward import accuracy, images_of, logits, patches
from golden.rules import dequantize

from .sources import shared_folder

IMAGE = {"shape": [5, 6, 2]}


def network(*nodes, **more):
    return parse_network(json.dumps({"name": "small", "input": IMAGE | more, "nodes": nodes}))


def tensors_of(net, seed=0):
    random = np.random.default_rng(seed)
    found = {}
    for name, shape in net.weights.items():
        found[f"{name}.weight"] = random.normal(size=shape).astype(np.float32)
        found[f"{name}.bias"] = random.normal(size=shape[net.node(name).output_axis]).astype(np.float32)
    return found


@pytest.mark.parametrize("name", shipped_networks())
def test_shipped_networks_come_back(name):
    net = find_network(name)
    assert net.name == name
    assert parse_network(json.dumps(net.as_dict())) == net


def test_shapes():
    net = find_network("resnet8")
    assert net.shapes["block2"] == (16, 16, 32)
    assert net.weights["conv2d_6"] == (64, 3, 3, 32)
    assert sum(int(np.prod(shape)) for shape in net.weights.values()) == 77_360
    assert find_network("kws").shapes["conv2d"] == (25, 5, 64)


@pytest.mark.skipif(not (shared_folder() / "resnet8.npz").is_file(), reason="needs ../shared/data")
def test_resnet8_is_that_of_its_evaluation(monkeypatch):
    monkeypatch.syspath_prepend(str(shared_folder()))
    sys.modules.pop("evaluate", None)
    import evaluate

    with np.load(shared_folder() / "resnet8.npz") as arrays:
        tensors = dict(arrays)
    with np.load(shared_folder() / "cifar10_test.npz") as arrays:
        pixels, labels = arrays["x"][::100], arrays["y"][::100]
    found = logits(find_network("resnet8"), tensors, pixels)
    assert np.abs(found - evaluate.logits("resnet8", tensors, pixels)).max() < 1e-3
    assert accuracy(find_network("resnet8"), tensors, pixels, labels) > 0.8


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_convolutions_by_hand(kind, padding, stride):
    more = {"outputs": 3} if kind == "conv" else {}
    net = network({"name": "c", "kind": kind, "size": [3, 2], "stride": stride, "padding": padding} | more)
    tensors, x = tensors_of(net), np.random.default_rng(1).normal(size=(2, 5, 6, 2)).astype(np.float32)
    weight, (height, width, outputs) = tensors["c.weight"], net.shapes["c"]
    top, left = (max((side - 1) * step + size - length, 0) // 2 if padding == "same" else 0
                 for side, step, size, length in zip((height, width), stride, (3, 2), (5, 6)))
    wanted = np.zeros((2, height, width, outputs)) + tensors["c.bias"]
    for row, column, i, j in np.ndindex(height, width, 3, 2):
        at = row * stride[0] + i - top, column * stride[1] + j - left
        if 0 <= at[0] < 5 and 0 <= at[1] < 6:
            pixel = x[:, at[0], at[1]].astype(np.float64)
            wanted[:, row, column] += pixel @ weight[:, i, j].T if kind == "conv" else pixel * weight[i, j]
    assert logits(net, tensors, x).reshape(wanted.shape) == pytest.approx(wanted, abs=1e-5)


def test_pools_leave_padding_out():
    x = np.arange(60, dtype=np.float32).reshape(1, 5, 6, 2) - 100
    pool = {"name": "p", "kind": "max_pool", "size": [2, 4]}
    assert logits(network(pool), {}, x).reshape(3, 2, 2)[2, 1].tolist() == [-42, -41]
    pool["kind"] = "average_pool"
    assert logits(network(pool), {}, x).reshape(3, 2, 2)[2, 1].tolist() == [-44, -43]


def test_residual_and_activation():
    net = network({"name": "a", "kind": "conv", "outputs": 2, "size": [1, 1]},
                  {"name": "s", "kind": "add", "inputs": ["input", "a"], "activation": "relu"},
                  {"name": "m", "kind": "mean"})
    tensors, x = tensors_of(net), np.random.default_rng(1).normal(size=(2, 5, 6, 2)).astype(np.float32)
    added = x + x @ tensors["a.weight"].reshape(2, 2).T + tensors["a.bias"]
    assert logits(net, tensors, x) == pytest.approx(np.maximum(added, 0).mean(axis=(1, 2)), abs=1e-6)


def test_see_gets_what_a_layer_multiplies():
    net, seen = find_network("digits"), []
    tensors = dequantize(load())
    pixels = np.random.default_rng(0).integers(0, 17, (3, 8, 8))
    logits(net, tensors, pixels, lambda node, inputs, outputs: seen.append((node, inputs, outputs)))
    assert [node.name for node, _, _ in seen] == ["conv1", "conv2", "conv3", "dense"]
    for node, inputs, outputs in seen:
        weight = tensors[f"{node.name}.weight"]
        product = patches(node, inputs) @ weight.reshape(len(weight), -1).T + tensors[f"{node.name}.bias"]
        assert product.reshape(outputs.shape) == pytest.approx(outputs, abs=1e-5)


CONV = {"name": "c", "kind": "conv", "outputs": 3, "size": [3, 3]}


@pytest.mark.parametrize("nodes, complaint", [
    ([CONV | {"kind": "deconv"}], "kind of c must be one of conv, .*, not 'deconv'"),
    ([CONV | {"outputs": 0}], "outputs of c must be a whole number from 1, not 0"),
    ([CONV | {"size": [3]}], r"size of c must be two whole numbers from 1, not \[3\]"),
    ([CONV | {"size": [9, 9], "padding": "valid"}], "size of c must fit its input"),
    ([CONV | {"kind": "depthwise"}], "outputs of c, of kind depthwise, must not be given"),
    ([{"name": "c", "kind": "conv", "size": [3, 3]}], "outputs of c, of kind conv, must be given"),
    ([CONV, CONV], "two nodes are c"),
    ([CONV | {"inputs": ["d"]}], "inputs of c must stand before it; 'd' does not"),
    ([CONV, {"name": "s", "kind": "add", "inputs": ["c", "input"]}], "inputs of s must be of one shape"),
    ([{"name": "s", "kind": "add"}], "inputs of s must be two or more, not 1"),
    ([{"name": "d", "kind": "dense", "outputs": 3}, CONV], "input of c must have height"),
    ([], "nodes of small must be at least one"),
    ([{"kind": "mean"}], "not the description of a network"),
    ([CONV | {"bins": 3}], "not the description of a network"),
])
def test_wrong_descriptions(nodes, complaint):
    with pytest.raises(InputError, match=complaint):
        network(*nodes)


def test_wrong_files_and_arrays(tmp_path):
    with pytest.raises(InputError, match=r"network must be a file .json or one of digits, kws, resnet8, not 'vgg'"):
        find_network("vgg")
    (tmp_path / "a.json").write_text('{"name": "a", "input": {"shape": [1, 1, 1]}}')
    with pytest.raises(InputError, match="a.json: a description must have 'nodes'"):
        find_network(str(tmp_path / "a.json"))
    with pytest.raises(InputError, match="not the description of a network"):
        parse_network("{")
    with pytest.raises(InputError, match="scale of small must be finite"):
        network(CONV, scale=0)
    net = network(CONV)
    with pytest.raises(InputError, match="c.weight of small must be there"):
        logits(net, {}, np.zeros((1, 5, 6, 2)))
    with pytest.raises(InputError, match=r"c.bias must be of shape \(3,\)"):
        logits(net, tensors_of(net) | {"c.bias": np.zeros(4)}, np.zeros((1, 5, 6, 2)))
    with pytest.raises(InputError, match=r"images must be of shape \(5, 6, 2\)"):
        images_of(net, np.zeros((1, 6, 5, 2)))
