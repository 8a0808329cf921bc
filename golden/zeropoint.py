"""Zero-point quantization of one tensor: an odd number of bins centred on zero, and the step that serves them best.

A weight w becomes the integer ``q = clip(round(w / step), -h, h)`` with ``h = (bins - 1) / 2``; the weight that comes
back is ``step * q``, so that zero is exact. Steps are searched on the sorted magnitudes: with their prefix sums a step
costs h binary searches, whatever the number of weights.

Source: C. Metz, O. Bichler, A. Dupret, "Efficient Neural Compression with Inference-time Decoding", ISCAS 2024
(zero-point quantization); the step search is ours.
"""

from typing import NamedTuple

import numpy as np

from .config import MAX_BINS
from .errors import ConfigError

__all__ = ["Quantized", "best_step", "check_bins", "check_rate_weight", "entropy_bits", "quantize_tensor",
           "round_to_bins"]

#: Up to this many breakpoints (weights times h) the squared error is minimised exactly, over all of them.
EXACT_BREAKPOINTS = 1 << 22
#: Candidate steps per octave of the coarse grid, and octaves below the greatest magnitude that it may descend.
STEPS_PER_OCTAVE = 64
OCTAVES = 64
#: Local minima of the coarse grid that are refined, candidates around each, and how often.
KEPT = 16
LOCAL_STEPS = 33
REFINEMENTS = 3
#: Binary searches done at a time, which bounds memory.
SEARCHES = 1 << 18
#: Weights counted at a time, likewise.
COUNTED = 1 << 14

FLOAT32 = np.finfo(np.float32)


class Quantized(NamedTuple):
    """A quantized tensor: the real weights are ``q * scale``."""

    q: np.ndarray  #: int8, of the tensor's shape
    scale: np.ndarray  #: float32: a scalar, or of a shape such as (O, 1, 1, 1) that broadcasts against q


def quantize_tensor(weights, bins: int, axis: int | None = None, rate_weight: float = 0.0) -> Quantized:
    """Quantize a tensor with one step, or with one per index of ``axis``.

    Rules: an empty tensor stays empty, with scale 1; where all weights that share a step become zero, their scale is 1.

    Parameters
    ----------
    weights : ndarray of float, any shape
        Finite, also as float32.
    bins : int
        Odd, 3 to 255.
    axis : int or None
        The axis of the channels that have a step each; ``None`` for one step for all weights.
    rate_weight : float
        Lambda of `best_step`, per bit, not negative.

    Raises
    ------
    ConfigError
        If bins or rate weight are out of range.
    """
    check_bins(bins)
    check_rate_weight(rate_weight)
    weights = np.asarray(weights)
    if weights.size == 0:
        return Quantized(np.zeros(weights.shape, np.int8), np.float32(1.0).reshape(()))
    if axis is None:
        steps = np.float32(best_step(weights, bins, rate_weight)).reshape(())
    else:
        channels = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
        steps = np.array([best_step(channel, bins, rate_weight) for channel in channels], np.float32)
        steps = steps.reshape([-1 if i == axis % weights.ndim else 1 for i in range(weights.ndim)])
    q = round_to_bins(weights, steps, bins // 2)
    others = None if axis is None else tuple(i for i in range(weights.ndim) if i != axis % weights.ndim)
    used = np.any(q, axis=others, keepdims=axis is not None)
    return Quantized(q, np.where(used, steps, np.float32(1.0)).astype(np.float32).reshape(steps.shape))


def round_to_bins(weights, step, half: int) -> np.ndarray:
    """The bin of each weight: ``clip(round(weights / step), -half, half)`` as int8; a tie goes to the even bin."""
    return np.clip(np.rint(np.divide(weights, step, dtype=np.float64)), -half, half).astype(np.int8)


def best_step(weights, bins: int, rate_weight: float = 0.0) -> float:
    """The step that minimises ``mean((w - step q)^2) / mean(w^2) + lambda * H(q)``.

    H is the Shannon entropy, in bits per weight, of the histogram of q. The mean of w^2 is the variance about zero,
    which is where the bins are centred; so the first term is 1 when everything becomes zero. With lambda = 0 the
    step is that of least squared error: exact up to `EXACT_BREAKPOINTS`, from a grid with refinement beyond. With
    lambda > 0 the cost jumps as weights change bins, and the grid with refinement is always used.

    Parameters
    ----------
    weights : ndarray of float, any shape
        Finite, also as float32.
    bins : int
        Odd, 3 to 255.
    rate_weight : float
        Lambda, per bit, not negative.

    Returns
    -------
    float
        The step, a positive float32; 1.0 if all weights are zero or there are none.
    """
    half = bins // 2
    weights = np.ravel(weights).astype(np.float64)
    count = weights.size
    weights = weights[weights != 0]
    if weights.size == 0:
        return 1.0
    if rate_weight == 0 and weights.size * half <= EXACT_BREAKPOINTS:
        step = _least_squares_step(np.abs(weights), half)
    else:
        step = _Search(weights, count, half, rate_weight).best()
    return float(np.float32(np.clip(step, FLOAT32.smallest_subnormal, FLOAT32.max)))


def entropy_bits(q) -> float:
    """Shannon entropy of the histogram of an int8 array, in bits per weight; 0.0 for an empty one."""
    values = np.ravel(q).view(np.uint8)
    # A piece at a time: NumPy counts in a copy of 8 bytes per weight.
    counts = sum((np.bincount(values[first:first + COUNTED], minlength=256) for first in range(0, q.size, COUNTED)),
                 np.zeros(256, np.int64))
    share = counts[counts > 0] / max(q.size, 1)
    return float(np.abs(share @ np.log2(share)))


def check_bins(bins) -> None:
    """Raise `ConfigError` unless bins is an odd number from 3 to 255."""
    if not isinstance(bins, int) or isinstance(bins, bool) or not 3 <= bins <= MAX_BINS or bins % 2 == 0:
        raise ConfigError(f"bins must be an odd number from 3 to {MAX_BINS}, not {bins!r}")


def check_rate_weight(rate_weight) -> None:
    """Raise `ConfigError` unless lambda is a finite number and not negative."""
    if not 0 <= rate_weight < np.inf:
        raise ConfigError(f"lambda must be a finite number not below 0, not {rate_weight!r}")


def _least_squares_step(magnitudes, half):
    """The step of least squared error, exactly.

    As the step falls, a weight of magnitude w passes from bin k - 1 to bin k at step w / (k - 1/2). Between two such
    breakpoints the bins are fixed and the error is ``P - 2 s A + s^2 B`` with ``A = sum(k w)``, ``B = sum(k^2)``: at
    best P - A^2 / B, at step A / B. The error at a step is never above that of any fixed bins at this step, so the
    best of all intervals is the best of all steps.
    """
    k = np.arange(1, half + 1)
    breakpoints = magnitudes[:, None] / (k - 0.5)
    order = np.argsort(breakpoints, axis=None, kind="stable")[::-1]
    weight, bin_less_one = np.divmod(order, half)
    a = np.cumsum(magnitudes[weight])
    b = np.cumsum(2 * bin_less_one + 1)
    best = np.argmax(a / b * a)
    return a[best] / b[best]


class _Search:
    """The cost of many steps at a time, and the search for the best, on a coarse grid and around its minima.

    The weights, float64 without zeros, are overwritten.
    """

    def __init__(self, weights, count, half, rate_weight):
        self.half = half
        self.rate_weight = rate_weight
        self.count = count
        if rate_weight:
            order = np.argsort(np.abs(weights), kind="stable")
            self.negatives = np.concatenate(([0], np.cumsum(weights[order] < 0)))
        self.magnitudes = np.abs(weights, out=weights)
        self.magnitudes.sort(kind="stable")
        self.sums = np.zeros(weights.size + 1)
        np.cumsum(self.magnitudes, out=self.sums[1:])
        self.power = float(np.square(self.magnitudes).sum())

    def best(self):
        """The best step found."""
        steps, costs = self._coarse()
        ratio = 2 ** (1 / STEPS_PER_OCTAVE)
        for _ in range(REFINEMENTS):
            kept = steps[np.argsort(costs, kind="stable")[:KEPT]]
            local = ratio ** np.linspace(-1, 1, LOCAL_STEPS)
            steps = (kept[:, None] * local).ravel()
            costs = self.costs(steps)
            ratio = ratio ** (2 / (LOCAL_STEPS - 1))
        return steps[np.argmin(costs)]

    def _coarse(self):
        """Steps from where all weights become zero down to where clipping alone costs more than the best step found."""
        greatest = float(self.magnitudes[-1])
        grid = 2.0 ** (1.25 - np.arange(STEPS_PER_OCTAVE) / STEPS_PER_OCTAVE)
        steps, costs = [], []
        for octave in range(OCTAVES):
            steps.append(greatest * grid * 0.5 ** octave)
            costs.append(self.costs(steps[-1]))
            if self._clipping(steps[-1][-1]) >= min(map(np.min, costs)):
                break
        return np.concatenate(steps), np.concatenate(costs)

    def _clipping(self, step):
        """The part of the cost that comes from weights beyond the last bin."""
        reach = step * self.half
        beyond = self.magnitudes[np.searchsorted(self.magnitudes, reach):] - reach
        return float(beyond @ beyond) / self.power

    def costs(self, steps):
        """Distortion + lambda * entropy of each step; float64 array (m,) in, float64 array (m,) out."""
        block = max(1, SEARCHES // self.half)
        return np.concatenate([self._costs(steps[i:i + block]) for i in range(0, len(steps), block)])

    def _costs(self, steps):
        k = np.arange(1, self.half + 1)
        below = np.searchsorted(self.magnitudes, (k - 0.5) * steps[:, None])
        a = (self.sums[-1] - self.sums[below]).sum(axis=1)
        b = ((2 * k - 1) * (self.magnitudes.size - below)).sum(axis=1)
        distortion = np.maximum(self.power - 2 * steps * a + np.square(steps) * b, 0) / self.power
        if self.rate_weight == 0:
            return distortion
        edges = np.column_stack((below, np.full(len(steps), self.magnitudes.size)))
        negatives = np.diff(self.negatives[edges], axis=1)
        positives = np.diff(edges, axis=1) - negatives
        share = np.column_stack((below[:, 0] + self.count - self.magnitudes.size, negatives, positives)) / self.count
        return distortion - self.rate_weight * (share * np.log2(np.where(share > 0, share, 1))).sum(axis=1)
