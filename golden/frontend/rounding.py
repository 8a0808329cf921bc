"""Rounding of one layer to bins such that what its outputs lose, plus lambda times the bits of the code, is least.

Weights W (O, K) of a layer, with the bias as a last column, are quantized to ``step * q``. What is lost is
``sum over rows of d^T H d`` with ``d = step * q - w`` and a metric H per row, or one for all: (O or 1, K + 1, K + 1).
Columns are rounded one by one, those that matter most first; after each, the columns that are still free move so that
the loss is least again, and the bias, which is never rounded, is the last to move. With U the upper Cholesky factor of
the inverse of H, column j adds ``((w_j - step * q_j) / U_jj)^2``, so the choice between bins by loss plus
lambda * bits is exact for this column. Bits are those of the histogram of q, taken anew for each pass.

Source: E. Frantar et al., "GPTQ", ICLR 2023 (order of columns, Cholesky factor); the price of bits in the choice, the
bias as a free column, and the passes of `polish` are ours.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..zeropoint import entropy_bits

__all__ = ["Layer", "Rounded", "bin_bits", "polish", "price", "round_compensated", "round_plain", "through"]

UNSEEN = 0.2  #: how often a bin without weights counts, so that it has a price


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights and metric of a layer, with columns in the order in which they are rounded.

    Parameters
    ----------
    weights : ndarray, shape (O, K + 1)
        The last column is the bias.
    metric : ndarray, shape (O or 1, K + 1, K + 1)
        Symmetric, positive definite; a single one is that of all rows.
    importance : ndarray or None, shape (O,)
        What the loss of each row is multiplied with; ``None`` for 1.
    """

    weights: np.ndarray
    metric: np.ndarray
    importance: np.ndarray | None = None

    @cached_property
    def scale(self) -> np.ndarray:
        """The importance of each row."""
        return np.ones(len(self.weights)) if self.importance is None else self.importance

    @cached_property
    def order(self) -> np.ndarray:
        """The columns, those that matter most first, the bias last."""
        diagonal = np.einsum("okk->k", self.metric)[:-1]
        return np.append(np.argsort(-diagonal, kind="stable"), len(diagonal))

    @cached_property
    def factor(self) -> np.ndarray:
        """U of the inverse of the metric, columns in `order`: float32, (O or 1, K + 1, K + 1)."""
        found = np.empty(self.metric.shape, np.float32)
        for each, metric in zip(found, self.metric):  # one by one, for memory's sake
            inverse = np.linalg.inv(metric.astype(np.float64)[self.order[:, None], self.order])
            each[:] = np.linalg.cholesky((inverse + inverse.T) / 2).T
        return found

    @cached_property
    def reduced(self) -> np.ndarray:
        """The metric of the weights alone, the bias always at its best: float32, (O or 1, K, K)."""
        side = self.metric[:, :-1, -1]
        taken = side[:, :, None] * (side / self.metric[:, -1, -1:])[:, None]
        return (self.metric[:, :-1, :-1] - taken).astype(np.float32)

    def with_weights(self, weights) -> "Layer":
        """The same metric for other weights; nothing is computed anew."""
        other = Layer(weights, self.metric, self.importance)
        for name in ("order", "factor", "reduced", "stiffness"):
            other.__dict__[name] = getattr(self, name)
        return other

    @cached_property
    def stiffness(self) -> float:
        """The geometric mean of what a column adds to the loss per squared error: the metric as a single number."""
        adds = np.einsum("okk->ok", self.factor)[:, :-1].astype(np.float64) ** -2 * self.scale[:, None]
        return float(np.exp(np.log(adds).mean()))

    def loss(self, q, step, bias) -> float:
        """What bins, a step and biases lose."""
        d = np.concatenate([q * step, bias[:, None]], axis=1) - self.weights
        return float(self.scale @ np.einsum("ok,ok->o", through(d, self.metric), d))


@dataclass(frozen=True, eq=False)
class Rounded:
    """A rounded layer.

    Parameters
    ----------
    q : ndarray of int8, shape (O, K)
    step : float
    bias : ndarray, shape (O,)
        Moved along.
    loss : float
        What is lost, by the metric.
    bits : float
        Of the code, by Shannon, for all weights.
    """

    q: np.ndarray
    step: float
    bias: np.ndarray
    loss: float
    bits: float

    def cost(self, rate_weight) -> float:
        """Loss + lambda * bits."""
        return self.loss + rate_weight * self.bits


def through(rows, metric) -> np.ndarray:
    """Each row times its metric: (O, K) times (O or 1, K, K)."""
    return rows @ metric[0] if len(metric) == 1 else np.matmul(rows[:, None], metric)[:, 0]


def bin_bits(q, half: int) -> np.ndarray:
    """Bits of each bin -half .. half by the histogram of q."""
    counts = np.bincount(np.ravel(q).astype(np.int64) + half, minlength=2 * half + 1) + UNSEEN
    return np.log2(counts.sum()) - np.log2(counts)


def price(q) -> float:
    """Bits of all weights, by Shannon."""
    return entropy_bits(np.ascontiguousarray(q, np.int8)) * q.size


def round_plain(layer: Layer, step: float, half: int) -> Rounded:
    """Each weight to the nearest bin; the biases take up what they can."""
    q = np.clip(np.rint(layer.weights[:, :-1] / step), -half, half).astype(np.int8)
    bias = best_bias(layer, q, step)
    return Rounded(q, step, bias, layer.loss(q, step, bias), price(q))


def best_bias(layer: Layer, q, step) -> np.ndarray:
    """The biases with which bins and a step lose least: (O,)."""
    d = layer.weights[:, :-1] - q * step
    row = np.broadcast_to(layer.metric[:, -1], layer.weights.shape)
    return layer.weights[:, -1] + np.einsum("ok,ok->o", row[:, :-1], d) / row[:, -1]


def round_compensated(layer: Layer, step: float, rate_weight: float, half: int, passes: int = 4) -> Rounded:
    """Round column by column, what is lost by each made up for by those that follow.

    Parameters
    ----------
    layer : Layer
    step : float
    rate_weight : float
        Lambda, in loss per bit.
    half : int
        The largest bin.
    passes : int
        1 or more: bits are those of the pass before; for the first, those of plain rounding.

    Returns
    -------
    Rounded
        The best of all passes, by loss + lambda * bits, and of plain rounding.
    """
    best = round_plain(layer, step, half)
    bits = bin_bits(best.q, half)
    for _ in range(passes):
        found = _pass(layer, step, rate_weight, bits, half)
        bits = bin_bits(found.q, half)
        best = min(best, found, key=lambda each: each.cost(rate_weight))
    return best


def _pass(layer, step, rate_weight, bits, half):
    weights, factor = layer.weights.astype(np.float64)[:, layer.order], layer.factor
    root = np.sqrt(layer.scale)
    q, loss = np.zeros((len(weights), weights.shape[1] - 1), np.int8), 0.0
    for j in range(q.shape[1]):
        diagonal = factor[:, j, j].astype(np.float64)
        chosen = _cheapest(weights[:, j] / step, np.square(step / diagonal * root), rate_weight, bits, half)
        error = (weights[:, j] - chosen * step) / diagonal
        weights[:, j:] -= error[:, None] * factor[:, j, j:]
        q[:, layer.order[j]] = chosen
        loss += float(np.square(error * root).sum())
    return Rounded(q, step, weights[:, -1], loss, price(q))


def _cheapest(target, weight, rate_weight, bits, half):
    """Of the bins around each target, and zero, the one of least ``weight * (bin - target)^2 + lambda * bits``."""
    nearest = np.clip(np.rint(target), -half, half)
    other = np.clip(nearest + np.where(target > nearest, 1, -1), -half, half)
    bins = np.stack([nearest, other, nearest - np.sign(nearest), 0 * nearest])
    cost = weight * np.square(bins - target) + rate_weight * bits[(bins + half).astype(int)]
    return np.take_along_axis(bins, cost.argmin(axis=0)[None], axis=0)[0]


def polish(layer: Layer, rounded: Rounded, rate_weight: float, half: int, sweeps: int = 2) -> Rounded:
    """Move single weights to other bins, biases and step along, as long as that pays.

    Parameters
    ----------
    layer, rounded, rate_weight, half
        As of `round_compensated`.
    sweeps : int
        How often each weight is looked at.

    Returns
    -------
    Rounded
        Never dearer than before.
    """
    best = rounded
    for _ in range(sweeps):
        found = _refit(layer, _sweep(layer, best, rate_weight, half))
        if found.cost(rate_weight) >= best.cost(rate_weight):
            break
        best = found
    return best


def _sweep(layer, rounded, rate_weight, half):
    """Each weight to its best bin, with all others as they are and the bias at its best."""
    metric, step = layer.reduced, rounded.step
    bits = bin_bits(rounded.q, half)
    q = rounded.q.astype(np.float64)
    slope = through(q * step - layer.weights[:, :-1], metric.astype(np.float64))
    for j in layer.order[:-1]:
        own = metric[:, j, j].astype(np.float64)
        chosen = _cheapest(q[:, j] - slope[:, j] / (own * step), own * np.square(step) * layer.scale, rate_weight,
                           bits, half)
        slope += ((chosen - q[:, j]) * step)[:, None] * metric[:, j]
        q[:, j] = chosen
    return q.astype(np.int8), step


def _refit(layer, found):
    """The step that loses least with these bins, and the biases."""
    q, step = found
    behind = through(q.astype(np.float64), layer.reduced.astype(np.float64)) * layer.scale[:, None]
    power, match = float((behind * q).sum()), float((behind * layer.weights[:, :-1]).sum())
    if power > 0 and match > 0:
        step = match / power
    bias = best_bias(layer, q, step)
    return Rounded(q, step, bias, layer.loss(q, step, bias), price(q))
