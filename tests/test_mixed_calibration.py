"""What calibration measures: gradients, moments, biases, repair, likeness; all on small networks."""

import json

import numpy as np
import pytest

from golden.frontend.backward import backward, weight_gradient, weight_gradients
from golden.frontend.bias import correct_biases, mean_outputs
from golden.frontend.description import parse_network
from golden.frontend.forward import images_of, logits, trace
from golden.frontend.measure import Labelled, likeness, log_probabilities
from golden.frontend.repair import Repair
from golden.frontend.sensitivity import by_images, layer_rows, measure_moments, rows_to_tensor, rows_with_bias

NODES = [
    {"name": "a", "kind": "conv", "outputs": 4, "size": [3, 2], "stride": [1, 2], "activation": "relu"},
    {"name": "b", "kind": "depthwise", "size": [3, 3], "activation": "relu"},
    {"name": "c", "kind": "conv", "outputs": 4, "size": [1, 1], "padding": "valid"},
    {"name": "s", "kind": "add", "inputs": ["a", "c"], "activation": "relu"},
    {"name": "p", "kind": "max_pool", "size": [2, 2], "stride": [1, 1]},
    {"name": "v", "kind": "average_pool", "size": [2, 2]},
    {"name": "d", "kind": "conv", "outputs": 3, "size": [2, 2], "activation": "relu"},
    {"name": "m", "kind": "mean"},
    {"name": "e", "kind": "dense", "outputs": 3},
]


def small(*nodes):
    return parse_network(json.dumps({"name": "small", "input": {"shape": [6, 7, 2]}, "nodes": nodes or NODES}))


def tensors_of(net, seed=0, dtype=np.float32):
    random = np.random.default_rng(seed)
    found = {}
    for name, shape in net.weights.items():
        found[f"{name}.weight"] = random.normal(size=shape).astype(dtype)
        found[f"{name}.bias"] = random.normal(size=shape[net.node(name).output_axis]).astype(dtype)
    return found


def pixels_of(net, count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, *net.input_shape)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    return small()


def test_gradients_are_differences(network):
    """Along a random direction of each array of weights and biases."""
    tensors, x = tensors_of(network, dtype=np.float64), pixels_of(network, 3)
    random = np.random.default_rng(2)
    seed = random.normal(size=(3, 3))
    values = trace(network, tensors, images_of(network, x))
    above = backward(network, tensors, values, seed.astype(np.float32))
    for name, shape in network.weights.items():
        node = network.node(name)
        rows = weight_gradients(node, values[node.inputs[0]], above[name]).sum(axis=0)
        together = weight_gradient(node, values[node.inputs[0]], above[name])
        assert together.reshape(shape) == pytest.approx(rows_to_tensor(node, rows, shape), rel=1e-3, abs=1e-3)
        for key, gradient in ((f"{name}.weight", rows_to_tensor(node, rows, shape)),
                              (f"{name}.bias", above[name].reshape(-1, above[name].shape[-1]).sum(axis=0))):
            way = random.normal(size=gradient.shape)
            near = [tensors | {key: tensors[key] + end * way} for end in (-3e-4, 3e-4)]
            low, high = ((trace(network, each, images_of(network, x))["e"] * seed).sum() for each in near)
            assert (gradient * way).sum() == pytest.approx((high - low) / 6e-4, rel=0.01, abs=0.02)


def test_a_node_without_use_has_no_gradient():
    net = small({"name": "a", "kind": "conv", "outputs": 2, "size": [1, 1]},
                {"name": "e", "kind": "dense", "inputs": ["input"], "outputs": 2})
    tensors, x = tensors_of(net), pixels_of(net, 2)
    values = trace(net, tensors, x)
    assert not backward(net, tensors, values, np.ones((2, 2), np.float32))["a"].any()


@pytest.mark.parametrize("name", ["a", "b", "e"])
def test_activation_metric_is_the_error_of_outputs(network, name):
    tensors, x = tensors_of(network), pixels_of(network, 40)
    moments = measure_moments(network, tensors, x)[name]
    layer = by_images(network.node(name), tensors, moments, "activations")
    random = np.random.default_rng(3)
    change = random.normal(size=tensors[f"{name}.weight"].shape).astype(np.float32) / 10
    seen = {}
    logits(network, tensors, x, lambda node, inputs, outputs: seen.setdefault(node.name, []).append(outputs))
    before = np.concatenate(seen.pop(name))
    near = {f"{name}.weight": tensors[f"{name}.weight"] + change}
    logits(network, tensors | near, x, lambda node, inputs, outputs: seen.setdefault(node.name, []).append(outputs))
    error = np.square(np.concatenate(seen[name]) - before).reshape(len(x), -1).sum(axis=1).mean()
    power = before.reshape(-1, before.shape[-1]).var(axis=0).sum() * (before[0].size / before.shape[-1])
    moved = rows_with_bias(network.node(name), tensors | near) - layer.weights
    loss = np.einsum("ok,ok->", layer.behind(moved, layer.metric), moved)
    assert loss == pytest.approx(error / power, rel=0.05)  # The rest is damping.


def test_fisher_of_the_last_layer_foretells_divergence():
    """For a lone dense layer the probabilities are known, and one output's weights change by little."""
    net = small({"name": "e", "kind": "dense", "outputs": 3})
    tensors, x = tensors_of(net), pixels_of(net, 4000)
    tensors["e.weight"] /= 5
    moments = measure_moments(net, tensors, x, draws=2)["e"]
    way = np.random.default_rng(4).normal(size=(3, 84)) * 0.02
    near = tensors | {"e.weight": (tensors["e.weight"] + way).astype(np.float32)}
    found = likeness(logits(net, tensors, x), logits(net, near, x)).divergence
    d = np.concatenate([way, np.zeros((3, 1))], axis=1)
    outputs = moments.sums / np.trace(moments.sums)
    foretold = np.einsum("ok,ok->", outputs @ d @ moments.gradients[0], d) / 2
    assert foretold == pytest.approx(found, rel=0.15)


def test_only_the_layers_wanted(network):
    tensors, x = tensors_of(network), pixels_of(network, 5)
    whole, part = measure_moments(network, tensors, x), measure_moments(network, tensors, x, names=["d"])
    assert list(whole) == list(network.weights) and list(part) == ["d"]
    assert (part["d"].gradients == whole["d"].gradients).all()


@pytest.mark.parametrize("kind, shape", [("depthwise", (3, 3, 4)), ("conv", (4, 3, 2, 2))])
def test_rows_and_back(network, kind, shape):
    node = network.node("b" if kind == "depthwise" else "a")
    array = np.arange(np.prod(shape)).reshape(shape)
    assert (rows_to_tensor(node, layer_rows(node, array), shape) == array).all()
    assert layer_rows(node, array).shape[0] == 4


def test_biases_make_means_equal(network):
    tensors, x = tensors_of(network), pixels_of(network, 130)
    coarse = {name: np.round(array) if array.ndim > 1 else array for name, array in tensors.items()}
    wanted, off = mean_outputs(network, tensors, x), mean_outputs(network, coarse, x)
    corrected = correct_biases(network, tensors, coarse, x)
    found = mean_outputs(network, corrected, x)
    for name in network.weights:
        assert np.abs(off[name] - wanted[name]).max() > 1e-3
        assert found[name] == pytest.approx(wanted[name], abs=1e-5)
        assert (corrected[f"{name}.weight"] == coarse[f"{name}.weight"]).all()


def test_repair_goes_down(network):
    tensors, x = tensors_of(network), pixels_of(network, 200)
    coarse = tensors | {"a.weight": np.round(tensors["a.weight"] * 2) / 2}
    found = Repair(network, tensors, x, seed=5).steps(coarse, ["c", "d", "e"], 60)
    before, after = (likeness(logits(network, tensors, x), logits(network, each, x)) for each in (coarse, found))
    assert after.divergence < 0.9 * before.divergence
    assert (found["a.weight"] == coarse["a.weight"]).all() and (found["d.weight"] != coarse["d.weight"]).any()
    again = Repair(network, tensors, x, seed=5).steps(coarse, ["c", "d", "e"], 60)
    assert all((again[name] == array).all() for name, array in found.items())


def test_repair_descends_the_divergence(network):
    tensors, x = tensors_of(network), pixels_of(network, 20)
    repair = Repair(network, tensors, x)
    other = tensors_of(network, seed=9)
    gradients = repair.gradients(other, set(network.weights), np.arange(20))

    def divergence(point):
        second = log_probabilities(logits(network, point, x))
        return -(repair.wanted * second).sum(axis=1).mean()

    for key, gradient in gradients.items():
        way = gradient / np.linalg.norm(gradient) * 1e-3
        rise = (divergence(other | {key: other[key] + way}) - divergence(other | {key: other[key] - way})) / 2e-3
        assert rise == pytest.approx(np.linalg.norm(gradient), rel=0.03, abs=1e-3)


def test_likeness_by_hand():
    before, after = np.log([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]), np.log([[0.5, 0.4, 0.1], [0.2, 0.7, 0.1]])
    found = likeness(before, after)
    assert found[:3] == pytest.approx((2, 0.5, 0.5 / 2 ** 0.5))
    assert found.drop == pytest.approx((0 + 0.6 - 0.3) / 2)
    assert found.drop_error == pytest.approx(0.15 / 2 ** 0.5)
    assert found.divergence == pytest.approx((np.exp(before) * (before - after)).sum() / 2)


def test_predicted_drop_is_that_of_labels(network):
    """Where labels come from the network's own probabilities, predicted and measured drop agree within their errors."""
    tensors, x = tensors_of(network), pixels_of(network, 3000)
    tensors["e.weight"] /= 4
    coarse = {name: np.round(array) if array.ndim > 1 else array for name, array in tensors.items()}
    scores = logits(network, tensors, x)
    p = np.exp(log_probabilities(scores))
    labels = (p.cumsum(axis=1) < np.random.default_rng(6).random((len(x), 1))).sum(axis=1)
    measured = Labelled(network, tensors, x, labels)(coarse)
    predicted = likeness(scores, logits(network, coarse, x))
    assert predicted.drop > 5 * predicted.drop_error
    assert abs(measured.drop - predicted.drop) < 3 * measured.drop_error
    assert measured.before - measured.after == pytest.approx(measured.drop)
    assert predicted.drop_error < measured.drop_error
