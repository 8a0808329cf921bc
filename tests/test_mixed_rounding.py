"""Rounding with the price of bits in it: its arithmetic, and what it gains over plain rounding."""

import numpy as np
import pytest

from golden.frontend.rounding import Layer, polish, round_compensated, round_plain, through
from golden.frontend.sensitivity import by_weights

HALF = 127


def definite(random, size, count=None):
    """A positive definite matrix with correlations, like the second moment of activations."""
    shape = (size, size) if count is None else (count, size, size)
    mix = random.normal(size=shape) * 0.5 ** (np.arange(size) / size * 4)
    return mix @ mix.swapaxes(-1, -2) / size + 0.02 * np.eye(size)


def layer(kind, seed=0, rows=6, columns=20):
    random = np.random.default_rng(seed)
    weights = random.laplace(size=(rows, columns + 1))
    if kind == "own":
        return Layer(weights, definite(random, columns + 1, rows))
    metric = definite(random, columns + 1)[None]
    return Layer(weights, metric, definite(random, rows) if kind == "coupled" else None)


KINDS = ["shared", "own", "coupled"]


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_that_of_the_definition(kind):
    one = layer(kind)
    plain = round_plain(one, 0.5, HALF)
    d = np.concatenate([plain.q * 0.5, plain.bias[:, None]], axis=1) - one.weights
    metric = np.broadcast_to(one.metric, (len(d), *one.metric.shape[1:]))
    outputs = np.eye(len(d)) if one.outputs is None else one.outputs
    wanted = sum(outputs[o, p] * d[o] @ metric[p] @ d[p] for o in range(len(d)) for p in range(len(d)))
    assert plain.loss == pytest.approx(wanted)
    moved = plain.bias + np.random.default_rng(1).normal(size=plain.bias.shape) / 100
    assert one.loss(plain.q, 0.5, moved) > plain.loss  # The bias stands at its best.


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_columns_add_is_the_loss(kind):
    one = layer(kind)
    found = round_compensated(one, 0.4, 1e-9, HALF, passes=1)
    assert found.loss < 0.8 * round_plain(one, 0.4, HALF).loss
    assert found.loss == pytest.approx(one.loss(found.q, 0.4, found.bias), rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate_weight", [1e-3, 0.03, 0.3])
def test_never_dearer_than_plain_rounding(kind, seed, rate_weight):
    one = layer(kind, seed)
    plain = round_plain(one, 0.6, HALF)
    found = round_compensated(one, 0.6, rate_weight, HALF)
    assert found.cost(rate_weight) <= plain.cost(rate_weight)
    better = polish(one, found, rate_weight, HALF, sweeps=3)
    assert better.cost(rate_weight) <= found.cost(rate_weight)
    assert better.loss == pytest.approx(one.loss(better.q, better.step, better.bias))
    assert polish(one, plain, rate_weight, HALF, sweeps=3).cost(rate_weight) < plain.cost(rate_weight)


@pytest.mark.parametrize("kind", KINDS)
def test_less_loss_at_equal_entropy(kind):
    """Plain rounding at the step that gives the same bits loses at least a third more."""
    one = layer(kind, rows=16, columns=48)
    found = round_compensated(one, 0.8, one.stiffness * 0.8 ** 2 * np.log(2) / 6, HALF)
    low, high = 0.1, 10.0
    for _ in range(40):
        step = (low * high) ** 0.5
        low, high = (step, high) if round_plain(one, step, HALF).bits > found.bits else (low, step)
    plain = round_plain(one, low, HALF)
    assert plain.bits == pytest.approx(found.bits, rel=0.01)
    assert plain.loss > 4 / 3 * found.loss


def test_clipping_is_made_up_for():
    one = layer("shared")
    found = round_compensated(one, 0.4, 1e-9, 2)
    assert np.abs(found.q).max() == 2
    assert found.loss < round_plain(one, 0.4, 2).loss


def test_a_high_price_leaves_only_zeros():
    found = round_compensated(layer("coupled"), 0.5, 1e3, HALF)
    assert not found.q.any() and found.bits == 0


def test_weights_alone():
    weights = np.random.default_rng(0).normal(size=(4, 3, 2))
    one = by_weights(weights)
    found = round_compensated(one, 0.3, 1e-12, HALF)
    assert (found.q.ravel() == np.rint(weights.ravel() / 0.3)).all()
    assert found.loss == pytest.approx(np.square(weights - 0.3 * found.q.reshape(weights.shape)).sum()
                                       / np.square(weights).mean())


def test_other_weights_take_the_same_factors():
    one = layer("coupled")
    other = one.with_weights(one.weights + 1)
    fresh = Layer(one.weights + 1, one.metric, one.outputs)
    assert other.factor is one.factor and other.row_factor is one.row_factor
    assert (round_compensated(other, 0.4, 0.01, HALF).q == round_compensated(fresh, 0.4, 0.01, HALF).q).all()


def test_rows_through_metrics():
    random = np.random.default_rng(0)
    rows, metric = random.normal(size=(3, 4)), random.normal(size=(3, 4, 4))
    assert through(rows, metric) == pytest.approx(np.stack([row @ each for row, each in zip(rows, metric)]))
    assert through(rows, metric[:1]) == pytest.approx(rows @ metric[0])
