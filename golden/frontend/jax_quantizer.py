"""The quantizer that is trained: per layer a step, a clipping bound and the weights, and the entropy of their bins.

A layer's weights are ``sigma v``, where sigma is the deviation that they had before training, so that one learning
rate suits layers of all scales. With the step d and the bound c, both learned in the log domain, and in units of sigma
as well, a weight becomes ``q = round(clip(v, -c, c) / d)`` and comes back as ``sigma d q``: zero is exact, and the
number of bins is odd, ``2 round(c / d) + 1``, and follows from what is learned. It is held within 3 and 255.

The gradient passes through the rounding as if it were not there, which for the step gives ``q - v / d`` (S. Esser et
al., "Learned Step Size Quantization", ICLR 2020). For the entropy each weight lies between two bins and counts for
both, by its distance; the code length is then linear between bins, and its slope is the difference of the lengths of
two neighbours: every weight is drawn to the cheaper one.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ..config import MAX_BINS
from ..errors import InputError
from ..rules import check_finite, dequantize
from ..zeropoint import entropy_bits, round_to_bins
from .bias import as_bytes

__all__ = ["bits", "export", "initial", "soft_bits", "tensors_of"]

#: Halvings of the interval in which the first step is searched: a ratio of 2 ** 16 down to one of 1.00002.
SEARCHES = 20
HALF = MAX_BINS // 2


def initial(network, tensors, first_bits: float, start=None):
    """What is trained, and what stays.

    Steps are first in one ratio to the deviation times the root of the layer's size, so that the error of a whole layer
    is worth the same bits in each; a small layer is then fine. The ratio is what ``first_bits`` asks for.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray
        ``NAME.weight`` and ``NAME.bias`` of each layer of the float network.
    first_bits : float
        The entropy before training, in bits per weight, if 3 to 255 bins can give it.
    start : dict of str to ndarray or None
        A quantized network to begin with, as `export` hands it out; then its steps count.

    Returns
    -------
    params : dict of str to dict
        "weight" (v), "step", "bound" (logarithms) and "bias" (in its unit) of each layer, float32.
    units : dict of str to tuple of float
        Of each layer, what the weights and the biases are multiplied with.

    Raises
    ------
    InputError
        If an array is missing, of another shape or not finite, or the start is not quantized with one step per layer.
    """
    network.check(tensors)
    for name in network.weights:
        check_finite(f"{name}.weight", tensors[f"{name}.weight"])
        check_finite(f"{name}.bias", tensors[f"{name}.bias"])
    units = {name: (_unit(tensors[f"{name}.weight"]), _unit(tensors[f"{name}.bias"])) for name in network.weights}
    units = {name: (sigma or 1.0, unit or sigma or 1.0) for name, (sigma, unit) in units.items()}
    floats = tensors if start is None else _checked_start(network, start)
    weights, biases = ({name: np.asarray(floats[f"{name}.{kind}"], np.float32) / np.float32(units[name][i])
                        for name in network.weights} for i, kind in enumerate(("weight", "bias")))
    if start is None:
        steps = _first_steps(weights, first_bits)
    else:
        steps = {name: float(start[f"{name}.weight.scale"]) / sigma for name, (sigma, _) in units.items()}
    bounds = {name: max(float(np.abs(v).max(initial=0)), steps[name]) for name, v in weights.items()}
    params = {"weight": {name: jnp.asarray(v) for name, v in weights.items()},
              "step": {name: jnp.float32(np.log(step)) for name, step in steps.items()},
              "bound": {name: jnp.float32(np.log(bound)) for name, bound in bounds.items()},
              "bias": {name: jnp.asarray(bias) for name, bias in biases.items()}}
    return params, units


def tensors_of(params, units):
    """The network that the quantized weights make, with a gradient that passes through the rounding."""
    found = {}
    for name, (sigma, unit) in units.items():
        x, step = _position(params, name)
        found[f"{name}.weight"] = _through(x) * (step * sigma)
        found[f"{name}.bias"] = params["bias"][name] * unit
    return found


def soft_bits(params):
    """The entropy of all weights in bits, by a histogram in which each weight counts for its two bins."""
    return sum(_entropy(_soft_counts(_position(params, name)[0].reshape(-1))) for name in params["weight"])


def bits(params):
    """The entropy of the bins of all weights, in bits."""
    return sum(_entropy(_counts(jnp.round(_position(params, name)[0]).reshape(-1))) for name in params["weight"])


def export(params, units, byte_biases: bool = False) -> dict[str, np.ndarray]:
    """The quantized network as the encoder takes it: int8 weights, float32 scales, biases of 16 bits where they fit.

    The order is that of the units: ``NAME.weight``, ``NAME.weight.scale``, ``NAME.bias``; with ``byte_biases`` the last
    is int8, and ``NAME.bias.scale`` follows.
    """
    found = {}
    for name, (sigma, unit) in units.items():
        x, step = _position(params, name)
        found[f"{name}.weight"] = np.asarray(jnp.round(x)).astype(np.int8)
        found[f"{name}.weight.scale"] = np.asarray(step * sigma, np.float32)
        bias = np.asarray(params["bias"][name] * unit)
        found |= as_bytes(f"{name}.bias", bias) if byte_biases else {f"{name}.bias": _short(bias)}
    return found


def _first_steps(values, first_bits):
    """The step of each layer, in its deviations, at which the entropy of all is what is asked for."""
    count = sum(v.size for v in values.values())

    def steps(ratio):
        return {name: max(2.0 ** ratio * np.sqrt(v.size / count), float(np.abs(v).max(initial=0)) / HALF)
                for name, v in values.items()}

    low, high = -12.0, 4.0
    for _ in range(SEARCHES):
        middle = (low + high) / 2
        found = sum(entropy_bits(round_to_bins(values[name], step, HALF)) * values[name].size
                    for name, step in steps(middle).items())
        low, high = (middle, high) if found > first_bits * count else (low, middle)
    return steps(high)


def _checked_start(network, start):
    """The float network that a quantized one makes."""
    for name in network.weights:
        weight, scale = start.get(f"{name}.weight"), start.get(f"{name}.weight.scale")
        if weight is None or weight.dtype.kind not in "iu" or scale is None or scale.size != 1 or not scale > 0:
            raise InputError(f"{name}.weight of the network to start from must be integers with one step above 0")
    floats = dequantize(start)
    network.check(floats)
    return floats


def _unit(array):
    return float(np.std(array)) or float(np.abs(array).max(initial=0))


def _position(params, name):
    """Each weight of a layer in steps, clipped but not rounded; and the step."""
    step = jnp.exp(params["step"][name])
    reach = jnp.clip(jnp.exp(params["bound"][name]) / step, 1, HALF)
    return jnp.clip(params["weight"][name] / step, -reach, reach), step


def _through(x):
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def _soft_counts(x):
    low = jnp.floor(jax.lax.stop_gradient(x))
    part = x - low
    index = low.astype(jnp.int32) + HALF
    counts = jnp.zeros(MAX_BINS + 1, x.dtype)
    return counts.at[index].add(1 - part).at[index + 1].add(part)


def _counts(rounded):
    return jnp.zeros(MAX_BINS + 1, jnp.float32).at[rounded.astype(jnp.int32) + HALF].add(1.0)


def _entropy(counts):
    total = counts.sum()
    used = counts > 0
    return jnp.where(used, counts * (jnp.log2(total) - jnp.log2(jnp.where(used, counts, 1))), 0).sum()


def _short(bias):
    with np.errstate(over="ignore"):
        short = bias.astype(np.float16)
    near = np.abs(short.astype(np.float32) - bias) <= 2.0 ** -10 * np.abs(bias).max(initial=0)
    return short if near.all() else bias
