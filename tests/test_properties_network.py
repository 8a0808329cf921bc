"""What holds of descriptions, inference and gradients, for whatever networks: against loops in plain words."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden import digits
from golden.errors import ConfigError, InputError
from golden.frontend.backward import backward, weight_gradient, weight_gradients
from golden.frontend.bias import as_bytes, correct_biases, mean_outputs
from golden.frontend.description import KINDS, Network, Node, find_network, parse_network, shipped_networks
from golden.frontend.forward import accuracy, images_of, logits, patches, trace, walk, window_pads, windows_of
from golden.frontend.measure import Accuracy, Labelled, Likeness, likeness, log_probabilities
from golden.rules import Rules, quantize_network
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import networks, pixels_for, seeds, tensors_for


def window(node, inputs, row, column):
    """Where the window of a place of the output is in the input: pairs of (place in the window, place or None)."""
    places = []
    for out, length, size, stride in zip((row, column), inputs.shape[:2], node.size, node.stride):
        before = 0
        if node.padding == "same":
            before = max((-(-length // stride) - 1) * stride + size - length, 0) // 2
        at = [out * stride + k - before for k in range(size)]
        places.append([(k, p if 0 <= p < length else None) for k, p in enumerate(at)])
    return [((i, j), None if y is None or x is None else (y, x)) for i, y in places[0] for j, x in places[1]]


def plain_node(node, shape, tensors, inputs):
    """What a node hands out for one image, place by place."""
    first, out = inputs[0], np.zeros(shape)
    weight, bias = (np.asarray(tensors.get(f"{node.name}.{kind}"), object if not node.weighted else np.float64)
                    for kind in ("weight", "bias"))
    if node.kind == "dense":
        out = weight @ first.reshape(-1) + bias
    elif node.kind == "add":
        out = sum(inputs)
    elif node.kind == "mean":
        out = first.mean(axis=(0, 1))
    else:
        for row, column in np.ndindex(*shape[:2]):
            seen = [(k, first[at]) for k, at in window(node, first, row, column) if at is not None]
            if node.kind == "max_pool":
                out[row, column] = np.max([values for _, values in seen], axis=0)
            elif node.kind == "average_pool":
                out[row, column] = np.mean([values for _, values in seen], axis=0)
            elif node.kind == "depthwise":
                out[row, column] = bias + sum(weight[k] * values for k, values in seen)
            else:
                out[row, column] = bias + sum(weight[(slice(None), *k)] @ values for k, values in seen)
    return np.maximum(out, 0) if node.activation == "relu" else out


def plain_forward(network, tensors, image):
    """What every node hands out for one image of `images_of`, in float64."""
    values = {"input": image.astype(np.float64)}
    for node in network.nodes:
        values[node.name] = plain_node(node, network.shapes[node.name], tensors, [values[i] for i in node.inputs])
    return values


@about(Network, Node, parse_network, find_network)
@LIMITS
@given(networks(5))
def test_a_description_is_its_network(network):
    text = json.dumps(network.as_dict())
    assert parse_network(text) == network == parse_network(text.encode())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "n.json")
        path.write_text(text)
        assert find_network(str(path)) == network
    tensors = tensors_for(network, 0)
    network.check(tensors)
    for node in network.nodes:
        assert network.node(node.name) is node and node.weighted == (node.name in network.weights)
        if node.weighted:
            outputs = network.shapes[node.name][-1]
            assert network.weights[node.name][node.output_axis] == outputs
            weight = tensors[f"{node.name}.weight"]
            for kind, wrong in (("bias", np.zeros(outputs + 1)), ("weight", weight[..., None]),
                                ("weight", np.concatenate([weight, weight])), ("bias", None), ("weight", None)):
                changed = tensors | {f"{node.name}.{kind}": wrong}
                with refused(InputError):
                    network.check({name: array for name, array in changed.items() if array is not None})


@about(parse_network, Node, Network)
@LIMITS
@given(networks(2), st.sampled_from(("name", "kind", "inputs", "outputs", "size", "stride", "padding", "activation",
                                     "shape", "zero", "nodes", "input")),
       st.none() | st.integers(-1, 3) | st.text(max_size=2) | st.lists(st.integers(-1, 9), max_size=3))
def test_a_description_with_another_field_is_refused_or_a_network(network, field, value):
    plain = network.as_dict()
    (plain if field in ("nodes", "input") else plain["input"] if field in ("shape", "zero") else plain["nodes"][0])[
        field] = value
    try:
        found = parse_network(json.dumps(plain))
    except InputError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert parse_network(json.dumps(found.as_dict())) == found
    with refused(InputError):
        parse_network(json.dumps(plain)[:-1])


@about(Node)
@examples(200)
@given(st.sampled_from(KINDS), st.none() | st.integers(-1, 3), st.none() | st.tuples(st.integers(0, 3), st.just(2)),
       st.integers(0, 3))
def test_a_node_has_the_fields_of_its_kind_or_is_refused(kind, outputs, size, inputs):
    windowed = kind in ("conv", "depthwise", "max_pool", "average_pool")
    valid = (outputs is not None) == (kind in ("conv", "dense")) and (outputs is None or outputs >= 1)
    valid &= (size is not None) == windowed and (size is None or size[0] >= 1)
    valid &= inputs >= 2 if kind == "add" else inputs == 1
    fields = ("n", kind, ("input",) * inputs, outputs, size)
    if not valid:
        with refused(ConfigError):
            Node(*fields)
        return
    assert Node(*fields).stride == ((size if kind.endswith("_pool") else (1, 1)) if windowed else None)


@about(find_network, shipped_networks)
@LIMITS
@given(st.text(st.characters(exclude_characters="/\0\n\r", exclude_categories=["C", "Z"]), max_size=6)
       | st.sampled_from(shipped_networks()))
def test_a_network_is_found_by_its_name_or_refused(name):
    if name in shipped_networks():
        assert find_network(name).name == name
        return
    for wrong in (name, f"{name}.json"):
        with refused(InputError):
            find_network(wrong)


@about(trace, logits, walk, accuracy)
@LIMITS
@given(networks(), seeds)
def test_inference_is_that_of_plain_loops(network, seed):
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 3, seed + 1)
    seen, images = {}, images_of(network, pixels)
    values = trace(network, tensors, images, lambda node, inputs, outputs: seen.update({node.name: outputs}))
    for number, image in enumerate(images):
        for name, wanted in plain_forward(network, tensors, image).items():
            assert values[name][number] == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    for name in network.weights:
        relu = network.node(name).activation == "relu"
        assert np.array_equal(values[name], np.maximum(seen[name], 0) if relu else seen[name])
    assert set(seen) == set(network.weights)
    scores = logits(network, tensors, pixels)
    assert np.array_equal(scores, values["scores"])
    labels = np.where([True, False, True], scores.argmax(axis=1), -1)
    assert accuracy(network, tensors, pixels, labels) == pytest.approx(2 / 3)
    doubled = walk(network, tensors, images, lambda node, weight, inputs: np.zeros(
        (3, *network.shapes[node.name])), lambda node, inputs: np.zeros((3, *network.shapes[node.name])),
        lambda outputs: outputs * 2)
    factor = 2 if network.nodes[-1].activation == "relu" else 1
    assert np.array_equal(doubled["scores"], np.tile(factor * tensors["scores.bias"], (3, 1)))


@about(images_of)
@LIMITS
@given(networks(0), seeds, st.booleans())
def test_images_are_scaled_or_refused(network, seed, flat):
    pixels = np.random.default_rng(seed).integers(0, 256, (2, *network.input_shape), np.uint8)
    found = images_of(network, pixels[..., 0] if flat and network.input_shape[2] == 1 else pixels)
    assert found.dtype == np.float32 and found.shape == pixels.shape
    assert found == pytest.approx((pixels.astype(float) - network.zero) * network.scale)
    for wrong in (pixels[:, 1:], pixels[0], np.concatenate([pixels] * 2, axis=3)):
        with refused(InputError):
            images_of(network, wrong)


@about(patches, windows_of, window_pads)
@LIMITS
@given(networks(3).filter(lambda n: any(node.size for node in n.nodes)), seeds, st.sampled_from((0.0, -7.5)))
def test_windows_hold_what_the_weights_are_multiplied_with(network, seed, fill):
    node = next(node for node in network.nodes if node.size)
    shape = network.shapes[node.inputs[0]]
    inputs = np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)
    found = windows_of(inputs, node, fill)
    assert found.shape == (2, *network.shapes[node.name][:2], *node.size, shape[2])
    for place in np.ndindex(*found.shape[1:3]):
        for k, at in window(node, inputs[0], *place):
            wanted = np.full(shape[2], fill, np.float32) if at is None else inputs[1][at]
            assert np.array_equal(found[(1, *place, *k)], wanted)
    for (before, after), length, size, stride in zip(window_pads(node, shape), shape, node.size, node.stride):
        out = -(-length // stride) if node.padding == "same" else (length - size) // stride + 1
        assert before + after == (max((out - 1) * stride + size - length, 0) if node.padding == "same" else 0)
        assert after - before in (0, 1)
    if node.weighted:
        flat = windows_of(inputs, node).reshape(2, -1, int(np.prod(node.size)), shape[2])
        wanted = flat if node.kind == "depthwise" else flat.reshape(*flat.shape[:2], -1)
        assert np.array_equal(patches(node, inputs), wanted)
    dense = network.nodes[-1]
    flat = np.ones((2, *network.shapes[dense.inputs[0]]), np.float32)
    assert patches(dense, flat).shape == (2, 1, flat[0].size)


@about(backward, weight_gradient, weight_gradients)
@examples(80)
@given(networks(), seeds)
def test_gradients_are_differences_of_plain_loops(network, seed):
    """Along a random direction of each array of weights and biases, of any sum of scores."""
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 2, seed + 1)
    random, images = np.random.default_rng(seed), images_of(network, pixels)
    sums = random.normal(size=(2, network.nodes[-1].outputs)).astype(np.float32)
    values = trace(network, tensors, images)
    above = backward(network, tensors, values, sums)
    assert list(above) == list(network.weights)
    for name, shape in network.weights.items():
        node, gradient = network.node(name), above[name]
        assert gradient.shape == values[name].shape
        each = weight_gradients(node, values[node.inputs[0]], gradient)
        together = weight_gradient(node, values[node.inputs[0]], gradient)
        summed = each.sum(axis=0)
        assert together == pytest.approx(summed.T if node.kind == "depthwise" else summed, rel=1e-3, abs=1e-3)
        for key, slope in ((f"{name}.weight", together.reshape(shape)),
                           (f"{name}.bias", gradient.reshape(-1, gradient.shape[-1]).sum(axis=0))):
            way, ends = random.normal(size=slope.shape), []
            for end in (-1e-6, 1e-6):
                moved = tensors | {key: tensors[key].astype(np.float64) + end * way}
                scores = [plain_forward(network, moved, image)["scores"] for image in images]
                ends.append(sum(row @ each for row, each in zip(scores, sums)))
            assert (slope * way).sum() == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=2e-3, abs=2e-3)


@about(mean_outputs, correct_biases)
@examples(15)
@given(networks(), seeds)
def test_corrected_biases_have_the_means_of_before(network, seed):
    """Of each channel, over images and places, before the activation; and nothing but biases moves."""
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 4, seed + 1)
    seen = {}
    logits(network, tensors, pixels, lambda node, inputs, outputs: seen.update({node.name: outputs}))
    wanted = mean_outputs(network, tensors, pixels)
    for name in network.weights:
        means = seen[name].reshape(-1, seen[name].shape[-1]).mean(axis=0, dtype=np.float64)
        assert wanted[name] == pytest.approx(means, abs=1e-5)
    assert list(mean_outputs(network, tensors, pixels, ["scores"])) == ["scores"]
    after = {name: np.round(2 * array) / 2 for name, array in tensors.items()}
    fixed = correct_biases(network, tensors, after, pixels)
    for name, means in mean_outputs(network, fixed, pixels).items():
        assert means == pytest.approx(wanted[name], rel=1e-3, abs=1e-3)
        assert np.array_equal(fixed[f"{name}.weight"], after[f"{name}.weight"])


@about(as_bytes)
@LIMITS
@given(st.lists(st.floats(-1e5, 1e5, width=32), max_size=9))
def test_a_bias_in_bytes_is_off_by_half_a_step(values):
    bias = np.array(values, np.float32)
    found = as_bytes("a", bias)
    assert list(found) == ["a", "a.scale"] and found["a"].dtype == np.int8 and found["a.scale"] > 0
    step = float(found["a.scale"])
    assert (np.abs(found["a"] * step - bias) <= step * 0.5001).all()
    assert np.abs(found["a"].astype(int)).max(initial=0) == (127 if bias.any() else 0) or step < 1e-37


@about(log_probabilities, likeness, Likeness)
@LIMITS
@given(seeds, st.integers(1, 9), st.integers(2, 4), st.floats(0.01, 300))
def test_likeness_is_that_of_its_definition(seed, images, classes, scale):
    rng = np.random.default_rng(seed)
    before, after = (scale * rng.normal(size=(images, classes)) for _ in range(2))
    p = [np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in before]
    assert np.exp(log_probabilities(before)) == pytest.approx(np.array(p), abs=1e-12)
    assert np.isfinite(log_probabilities(before * 1e4)).all()
    found = likeness(before, after)
    same = [a.argmax() == b.argmax() for a, b in zip(before, after)]
    lost = np.array([row[a.argmax()] - row[b.argmax()] for row, a, b in zip(p, before, after)])
    logs = [log_probabilities(scores) for scores in (before, after)]
    divergence = np.mean([row @ (a - b) for row, a, b in zip(p, *logs)])
    share = sum(same) / images
    assert found == pytest.approx(Likeness(images, share, (share * (1 - share) / images) ** 0.5, lost.mean(),
                                           (lost.var() / images) ** 0.5, divergence), abs=1e-9)
    assert found.divergence >= -1e-9 and found.drop >= 0 and likeness(before, before).divergence == 0


@about(Labelled, Accuracy)
@LIMITS
@given(networks(1), seeds, st.integers(2, 8))
def test_accuracies_are_counts_of_hits(network, seed, count):
    before, after = tensors_for(network, seed), tensors_for(network, seed + 1)
    pixels = pixels_for(network, count, seed)
    labels = np.random.default_rng(seed).integers(0, network.nodes[-1].outputs, count)
    hits = [[int(np.argmax(row)) == label for row, label in zip(logits(network, each, pixels), labels)]
            for each in (before, after)]
    found = Labelled(network, before, pixels, labels)(after)
    first, second = (sum(each) / count for each in hits)
    lost = np.subtract(*np.array(hits, float))
    assert found == pytest.approx(Accuracy(count, first, second, (second * (1 - second) / count) ** 0.5,
                                           first - second, (lost.var() / count) ** 0.5))


@about(digits.accuracy)
@examples(5)
@given(seeds, st.booleans())
def test_accuracy_of_the_embedded_network_takes_either_kind_of_weights(seed, quantized):
    network = find_network("digits")
    tensors = tensors_for(network, seed)
    given_tensors = quantize_network(tensors, Rules(255))[0] if quantized else tensors
    images = np.random.default_rng(seed).integers(0, 17, (6, 8, 8))
    scores = logits(network, tensors, images)
    sure = np.sort(scores, axis=1)[:, -1] - np.sort(scores, axis=1)[:, -2] > 0.2 * np.abs(scores).max()
    labels = scores.argmax(axis=1)
    wrong = (labels + 1) % 10
    kept = sure if quantized else np.ones(6, bool)
    if kept.any():
        assert digits.accuracy(given_tensors, images[kept], labels[kept]) == 1
        assert digits.accuracy(given_tensors, images[kept], wrong[kept]) == 0


