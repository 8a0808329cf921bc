"""Rounding of one layer to bins such that what its outputs lose, plus lambda times the bits of the code, is least.

Weights W (O, K) of a layer, with the bias as a last column, are quantized to ``step * q``. With the error
``D = step * q - W`` the loss is ``trace(G D H D^T)``: H (K + 1, K + 1) is the metric of what goes in, G (O, O) of what
comes out. Columns are rounded one by one, those that matter most first, and within a column row by row; after each
weight, all that are still free move so that the loss is least again; the bias, which is never rounded, is the last to
move. With U and V the upper Cholesky factors of the inverses of H and G, weight (o, j) adds
``((w - step * q) / (U_jj V_oo))^2``, so the choice between bins by loss plus lambda * bits is exact for this weight.
Bits are those of the histogram of q, taken anew for each pass. Without G rows do not know of each other, are rounded
all at once, and may have a metric each.

Source: E. Frantar et al., "GPTQ", ICLR 2023 (order of columns, Cholesky factor); the same for rows is that of
A. Tseng et al., "Model-Preserving Adaptive Rounding", 2025; the price of bits in the choice, the bias as a free column,
and `polish` are ours.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..zeropoint import entropy_bits

__all__ = ["Layer", "Rounded", "bin_bits", "polish", "price", "round_compensated", "round_plain", "through"]

UNSEEN = 0.2  #: how often a bin without weights counts, so that it has a price


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights and metrics of a layer.

    Parameters
    ----------
    weights : ndarray, shape (O, K + 1)
        The last column is the bias.
    metric : ndarray, shape (O or 1, K + 1, K + 1)
        H: symmetric, positive definite; a single one is that of all rows.
    outputs : ndarray or None, shape (O, O)
        G: symmetric, positive definite, beside a single metric; ``None`` for none.
    """

    weights: np.ndarray
    metric: np.ndarray
    outputs: np.ndarray | None = None

    @cached_property
    def columns(self) -> np.ndarray:
        """The columns in the order in which they are rounded: those that matter most first, the bias last."""
        diagonal = np.einsum("okk->k", self.metric)[:-1]
        return np.append(np.argsort(-diagonal, kind="stable"), len(diagonal))

    @cached_property
    def rows(self) -> np.ndarray:
        """The rows in order, where G is there."""
        return np.argsort(-np.diag(self.outputs), kind="stable")

    @cached_property
    def factor(self) -> np.ndarray:
        """U, columns in order: float32, (O or 1, K + 1, K + 1)."""
        return np.stack([_factor(metric, self.columns) for metric in self.metric])

    @cached_property
    def row_factor(self) -> np.ndarray:
        """V, rows in order: float64, (O, O)."""
        return _factor(self.outputs, self.rows).astype(np.float64)

    @cached_property
    def row_parts(self) -> list:
        """Of each row in order: its column of V above the diagonal, and its place on the diagonal."""
        return [(np.ascontiguousarray(column[:o]), float(column[o])) for o, column in enumerate(self.row_factor.T)]

    @cached_property
    def reduced(self) -> np.ndarray:
        """H of the weights alone, the bias always at its best: float32, (O or 1, K, K)."""
        side = self.metric[:, :-1, -1]
        taken = side[:, :, None] * (side / self.metric[:, -1, -1:])[:, None]
        return (self.metric[:, :-1, :-1] - taken).astype(np.float32)

    @cached_property
    def stiffness(self) -> float:
        """The geometric mean of what a weight adds to the loss per squared error: the metrics as a single number."""
        found = -2 * np.log(np.einsum("okk->ok", self.factor)[:, :-1], dtype=np.float64).mean()
        return float(np.exp(found if self.outputs is None else found - 2 * np.log(np.diag(self.row_factor)).mean()))

    def with_weights(self, weights) -> "Layer":
        """The same metrics for other weights; nothing is computed anew."""
        other = Layer(weights, self.metric, self.outputs)
        names = ["columns", "factor", "reduced", "stiffness"]
        names += [] if self.outputs is None else ["rows", "row_factor", "row_parts"]
        other.__dict__.update((name, getattr(self, name)) for name in names)
        return other

    def behind(self, errors, metric) -> np.ndarray:
        """``G D H``, half of the loss's slope: (O, K) by a metric (O or 1, K, K)."""
        found = through(errors, metric)
        return found if self.outputs is None else self.outputs @ found

    def loss(self, q, step, bias) -> float:
        """What bins, a step and biases lose."""
        errors = np.concatenate([q * step, bias[:, None]], axis=1) - self.weights
        return float(np.einsum("ok,ok->", self.behind(errors, self.metric), errors))


def _factor(metric, order):
    inverse = np.linalg.inv(metric.astype(np.float64)[np.ix_(order, order)])
    return np.linalg.cholesky((inverse + inverse.T) / 2).T.astype(np.float32)


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
    weights, factor = layer.weights.astype(np.float64)[:, layer.columns], layer.factor
    q, loss = np.zeros((len(weights), weights.shape[1] - 1), np.int8), 0.0
    for j in range(q.shape[1]):
        diagonal = factor[:, j, j].astype(np.float64)
        if layer.outputs is None:
            chosen = _cheapest(weights[:, j] / step, np.square(step / diagonal), rate_weight, bits, half)
            added = np.square((weights[:, j] - chosen * step) / diagonal).sum()
        else:
            chosen, added = _column(layer, weights[:, j], float(diagonal[0]), step, rate_weight * bits, half)
        weights[:, j:] -= ((weights[:, j] - chosen * step) / diagonal)[:, None] * factor[:, j, j:]
        q[:, layer.columns[j]] = chosen
        loss += float(added)
    return Rounded(q, step, weights[:, -1], loss, price(q))


def _column(layer, column, diagonal, step, prices, half):
    """One column, row by row: its bins, and what it adds to the loss."""
    prices, scale = prices.tolist(), (step / diagonal) ** 2
    wanted = (column[layer.rows] / step).tolist()
    bins, errors, added = [], np.zeros(len(column)), 0.0
    for o, (behind, own) in enumerate(layer.row_parts):
        target = wanted[o] - float(errors[:o].dot(behind))
        weight = scale / own ** 2
        best = nearest = min(max(round(target), -half), half)
        least = weight * (nearest - target) ** 2 + prices[nearest + half]
        for other in (nearest + 1 if target > nearest else nearest - 1, nearest - 1 if nearest > 0 else nearest + 1, 0):
            if -half <= other <= half:
                cost = weight * (other - target) ** 2 + prices[other + half]
                if cost < least:
                    best, least = other, cost
        bins.append(best)
        added += weight * (best - target) ** 2
        errors[o] = (target - best) / own
    chosen = np.empty(len(column))
    chosen[layer.rows] = bins
    return chosen, added


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
    metric, step, bits = layer.reduced, rounded.step, bin_bits(rounded.q, half)
    q = rounded.q.astype(np.float64)
    slope = layer.behind(q * step - layer.weights[:, :-1], metric.astype(np.float64))
    outputs = np.ones(len(q)) if layer.outputs is None else np.diag(layer.outputs)
    for j in layer.columns[:-1]:
        own = metric[:, j, j].astype(np.float64) * outputs
        chosen = _cheapest(q[:, j] - slope[:, j] / (own * step), own * np.square(step), rate_weight, bits, half)
        if layer.outputs is None:
            slope += ((chosen - q[:, j]) * step)[:, None] * metric[:, j]
            q[:, j] = chosen
            continue
        for o in np.flatnonzero(chosen != q[:, j]):  # Each change moves what the rows after it want.
            target = q[o, j] - slope[o, j] / (own[o] * step)
            best = _cheapest(np.array([target]), own[o] * step ** 2, rate_weight, bits, half)[0]
            slope += ((best - q[o, j]) * step) * layer.outputs[:, o, None] * metric[0, j]
            q[o, j] = best
    return q.astype(np.int8), step


def _refit(layer, found):
    """The step that loses least with these bins, and the biases."""
    q, step = found
    behind = layer.behind(q.astype(np.float64), layer.reduced.astype(np.float64))
    power, match = float((behind * q).sum()), float((behind * layer.weights[:, :-1]).sum())
    if power > 0 and match > 0:
        step = match / power
    bias = best_bias(layer, q, step)
    return Rounded(q, step, bias, layer.loss(q, step, bias), price(q))
