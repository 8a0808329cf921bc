"""What holds of rounding and of its metrics, for whatever layers they are given."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.frontend.backward import backward, weight_gradients
from golden.frontend.forward import images_of, patches, trace
from golden.frontend.measure import log_probabilities
from golden.frontend.rounding import Layer, Rounded, bin_bits, polish, price, round_compensated, round_plain, through
from golden.frontend.sensitivity import (
    DISTORTIONS,
    Moments,
    by_images,
    by_weights,
    layer_rows,
    measure_moments,
    rows_to_tensor,
    rows_with_bias,
)
from golden.zeropoint import entropy_bits
from tests.properties import LIMITS, about, examples
from tests.strategies import networks, pixels_for, seeds, tensors_for

HALF = 127
KINDS = st.sampled_from(("shared", "own", "coupled"))


def definite(random, size, count):
    """Positive definite matrices with correlations."""
    mix = random.normal(size=(count, size, size)) * 0.5 ** (np.arange(size) / size * 4)
    return mix @ mix.swapaxes(-1, -2) / size + 0.05 * np.eye(size)


def layer_of(seed, kind, rows=3, columns=5):
    random = np.random.default_rng(seed)
    weights = random.laplace(size=(rows, columns + 1))
    metric = definite(random, columns + 1, rows if kind == "own" else 1)
    return Layer(weights, metric, definite(random, rows, 1)[0] if kind == "coupled" else None)


def loss_of(layer, errors, metric=None):
    """``trace(G D H D^T)``, number by number."""
    metric = layer.metric if metric is None else metric
    rows = range(len(errors))
    return sum((layer.outputs[o, p] if layer.outputs is not None else float(o == p))
               * (errors[p] @ metric[p % len(metric)] @ errors[o]) for o in rows for p in rows)


@about(Layer, through)
@LIMITS
@given(seeds, KINDS)
def test_loss_and_its_slope_are_those_of_the_definition(seed, kind):
    layer, random = layer_of(seed, kind), np.random.default_rng(seed + 1)
    q, bias = random.integers(-3, 4, (3, 5)), random.normal(size=3)
    errors = np.concatenate([q * 0.5, bias[:, None]], axis=1) - layer.weights
    assert layer.loss(q, 0.5, bias) == pytest.approx(loss_of(layer, errors))
    for row, each, metric in zip(through(errors, layer.metric), errors, np.broadcast_to(layer.metric, (3, 6, 6))):
        assert row == pytest.approx(each @ metric)
    way = random.normal(size=errors.shape)
    slope = (loss_of(layer, errors + 1e-5 * way) - loss_of(layer, errors - 1e-5 * way)) / 2e-5
    assert 2 * (layer.behind(errors, layer.metric) * way).sum() == pytest.approx(slope, rel=1e-4, abs=1e-6)


@about(Layer)
@LIMITS
@given(seeds, KINDS)
def test_what_a_layer_keeps_of_its_metrics(seed, kind):
    """Orders, Cholesky factors of the inverses, the metric with the bias at its best, the mean stiffness."""
    layer = layer_of(seed, kind)
    diagonal = np.sum([np.diag(metric) for metric in layer.metric], axis=0)
    assert layer.columns.tolist() == [*np.argsort(-diagonal[:-1], kind="stable"), 5]
    for metric, factor in zip(layer.metric, layer.factor):
        ordered = metric[np.ix_(layer.columns, layer.columns)]
        assert np.tril(factor, -1) == pytest.approx(0)
        assert factor.T.astype(float) @ factor @ ordered == pytest.approx(np.eye(6), abs=1e-3)
    own = np.exp(np.mean([-2 * math.log(factor[k, k]) for factor in layer.factor for k in range(5)]))
    random = np.random.default_rng(seed)
    d = random.normal(size=(3, 5))
    best = min(loss_of(layer, np.column_stack([d, bias])) for bias in [
        -np.einsum("ok,ok->o", np.broadcast_to(layer.metric[:, -1], (3, 6))[:, :-1], d)
        / np.broadcast_to(layer.metric[:, -1, -1], 3)] + [random.normal(size=3) for _ in range(3)])
    assert loss_of(layer, d, layer.reduced) == pytest.approx(best, rel=1e-3)
    if kind == "coupled":
        assert layer.rows.tolist() == np.argsort(-np.diag(layer.outputs), kind="stable").tolist()
        ordered = layer.outputs[np.ix_(layer.rows, layer.rows)]
        assert layer.row_factor.T @ layer.row_factor @ ordered == pytest.approx(np.eye(3), abs=1e-3)
        for o, (behind, place) in enumerate(layer.row_parts):
            assert behind.tolist() == layer.row_factor[:o, o].tolist() and place == layer.row_factor[o, o]
        own *= np.exp(np.mean([-2 * math.log(place) for _, place in layer.row_parts]))
    assert layer.stiffness == pytest.approx(own)
    other = layer.with_weights(layer.weights + 1)
    assert (other.weights == layer.weights + 1).all() and other.metric is layer.metric
    assert other.factor is layer.factor and other.stiffness == layer.stiffness


@about(bin_bits, price)
@LIMITS
@given(seeds, st.integers(1, 127))
def test_bits_of_bins_are_by_their_histogram(seed, half):
    q = np.random.default_rng(seed).integers(-half, half + 1, (4, 9)).clip(-3, 3).astype(np.int8)
    counts = [q.reshape(-1).tolist().count(value) for value in range(-half, half + 1)]
    assert price(q) == pytest.approx(sum(c * math.log2(36 / c) for c in counts if c)) == entropy_bits(q) * 36
    found = bin_bits(q, half)
    assert (2.0 ** -found).sum() == pytest.approx(1)
    assert np.argsort(found, kind="stable").tolist() == np.argsort([-c for c in counts], kind="stable").tolist()
    assert np.exp2(found[0] - found) == pytest.approx([(c + 0.2) / (counts[0] + 0.2) for c in counts])


@about(round_plain, round_compensated, polish, Rounded)
@LIMITS
@given(seeds, KINDS, st.floats(0.05, 2), st.floats(1e-4, 0.5), st.sampled_from((1, 3, 127)))
def test_rounding_gets_never_dearer(seed, kind, step, rate_weight, half):
    """Plain, compensated, polished: each with the loss and the bits of its bins, biases at their best, and cheaper."""
    layer = layer_of(seed, kind)
    plain = round_plain(layer, step, half)
    assert plain.q.tolist() == np.clip(np.rint(layer.weights[:, :-1] / step), -half, half).tolist()
    found = round_compensated(layer, step, rate_weight, half, 2)
    better = polish(layer, found, rate_weight, half)
    costs = []
    for each in (plain, found, better):
        assert each.q.dtype == np.int8 and np.abs(each.q.astype(int)).max() <= half
        assert each.loss == pytest.approx(layer.loss(each.q, each.step, each.bias), rel=1e-2, abs=1e-6)
        assert each.bits == pytest.approx(price(each.q))
        assert each.cost(rate_weight) == pytest.approx(each.loss + rate_weight * each.bits)
        for move in (1e-2, -1e-2):
            assert layer.loss(each.q, each.step, each.bias + move) >= each.loss * (1 - 1e-2) - 1e-6
        costs.append(each.cost(rate_weight))
    assert plain.step == found.step == step
    if better is not found:  # its step is the best for its bins, with biases that go along
        losses = [loss_of(layer, better.q * better.step * ratio - layer.weights[:, :-1], layer.reduced)
                  for ratio in (1, 1.01, 0.99)]
        assert losses[0] <= min(losses) * (1 + 1e-3) + 1e-9
    assert costs[0] >= costs[1] - 1e-9 >= costs[2] - 2e-9


@about(round_compensated, polish)
@examples(8)
@given(seeds, st.sampled_from(("shared", "coupled")))
def test_compensation_is_worth_its_while(seed, kind):
    """In the mean over some layers it takes a good part of what plain rounding loses."""
    layers = [layer_of(seed + i, kind, 4, 12) for i in range(6)]
    made = ([round_plain(layer, 0.8, HALF) for layer in layers],
            [round_compensated(layer, 0.8, 1e-9, HALF) for layer in layers],
            [polish(layer, round_plain(layer, 0.8, HALF), 1e-9, HALF, 3) for layer in layers])
    plain, found, polished = (sum(layer.loss(each.q, each.step, each.bias) for layer, each in zip(layers, rounded))
                              for rounded in made)
    assert found < 0.9 * plain and polished < 0.97 * plain


@about(layer_rows, rows_to_tensor, rows_with_bias)
@LIMITS
@given(networks(), seeds)
def test_rows_are_those_of_the_output_channels(network, seed):
    tensors = tensors_for(network, seed)
    for name, shape in network.weights.items():
        node, weight, bias = network.node(name), tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        rows = layer_rows(node, weight)
        for number, row in enumerate(rows):
            assert row.tolist() == weight.take(number, node.output_axis).reshape(-1).tolist()
        assert np.array_equal(rows_to_tensor(node, rows, shape), weight)
        assert np.array_equal(rows_with_bias(node, tensors), np.column_stack([rows, bias]).astype(np.float64))


@about(by_weights)
@LIMITS
@given(seeds, st.floats(1e-3, 1e3))
def test_what_weights_alone_say_an_error_costs(seed, scale):
    random = np.random.default_rng(seed)
    weight = scale * random.normal(size=(2, 3))
    layer, errors = by_weights(weight), random.normal(size=6)
    found = layer.loss((layer.weights[:, :1] + errors[:, None]), 1.0, np.zeros(6))
    assert found == pytest.approx(np.square(errors).sum() / np.square(weight).mean())
    assert by_weights(np.zeros((2, 2))).loss(np.ones((4, 1)), 1.0, np.zeros(4)) == 4


@about(measure_moments, Moments, by_images)
@examples(12)
@given(networks(), seeds)
def test_moments_are_means_over_images(network, seed):
    """Against sums image by image and place by place; and metrics are those of the moments, a little damped."""
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 5, seed + 1)
    moments = measure_moments(network, tensors, pixels, seed=seed)
    outs = {}
    values = trace(network, tensors, images_of(network, pixels), lambda node, _, each: outs.update({node.name: each}))
    p = np.exp(log_probabilities(values["scores"]))
    drawn = (p.cumsum(axis=1) < np.random.default_rng(seed).random((5, 1))).sum(axis=1).clip(max=p.shape[1] - 1)
    above = backward(network, tensors, values, (p - np.eye(p.shape[1])[drawn]).astype(np.float32))
    for name, found in moments.items():
        node, inputs, gradient = network.node(name), values[network.node(name).inputs[0]], above[name]
        places, rows = patches(node, inputs).astype(float), weight_gradients(node, inputs, gradient).astype(float)
        gradient = gradient.reshape(5, places.shape[1], -1).astype(float)
        rows = np.concatenate([rows, gradient.sum(axis=1)[:, :, None]], axis=2)
        channels = rows.shape[1]
        deep = node.kind == "depthwise"
        seen = [[np.append(place[:, c] if deep else place, 1) for image in places for place in image]
                for c in range(channels if deep else 1)]
        assert found.inputs == pytest.approx(np.array([sum(np.outer(v, v) for v in each) / 5 for each in seen]),
                                             rel=1e-3, abs=1e-4)
        summed = [[rows[i, c] for i in range(5) for c in ([group] if deep else range(channels))]
                  for group in range(channels if deep else 1)]
        assert found.gradients == pytest.approx(np.array([sum(np.outer(v, v) for v in each) / 5 for each in summed]),
                                                rel=1e-3, abs=1e-4)
        flat = gradient.reshape(-1, channels)
        assert found.outputs == pytest.approx(flat.T @ flat / len(flat), rel=1e-3, abs=1e-4)
        assert found.sums == pytest.approx(np.einsum("nok,npk->op", rows, rows) / 5, rel=1e-3, abs=1e-4)
        for distortion in DISTORTIONS[1:]:
            layer = by_images(node, tensors, found, distortion)
            assert np.array_equal(layer.weights, rows_with_bias(node, tensors))
            assert np.linalg.eigvalsh(layer.metric).min() > 0
            assert (layer.outputs is None) == (deep or distortion == "activations")
        metric = by_images(node, tensors, found, "activations").metric * (found.power or 1.0)
        extra = metric - found.inputs
        beside = np.stack([each - np.diag(np.diag(each)) for each in extra])
        assert beside == pytest.approx(0 * beside, abs=1e-4 * np.abs(extra).max())
        assert (np.einsum("okk->ok", extra) >= 0).all() and np.abs(extra).max() < 0.02 * np.abs(found.inputs).max()
        outputs = (outs[name] - tensors[f"{name}.bias"]).reshape(5, -1, channels).astype(float)
        mean = outputs.sum(axis=(0, 1)) / 5
        power = (np.square(outputs).sum(axis=(0, 1)) / 5 - np.square(mean) / outputs.shape[1]).sum()
        assert found.power == pytest.approx(power, rel=1e-3, abs=1e-3)
    assert list(measure_moments(network, tensors, pixels, names=["scores"])) == ["scores"]
