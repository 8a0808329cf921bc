"""Quantize a network: which of its arrays become integers, with how many bins and how many steps.

Rules
-----
- A float array of two or more dimensions is quantized; every other float array (biases, norms) passes raw, as float32.
  ``--include`` and ``--exclude`` overrule that by name; exclude wins.
- An integer array is taken for already quantized and passes as int8, values -127..127; its float array ``NAME.scale``
  passes with it, or is written as 1.0. An excluded integer array passes raw, as float32.
- The bins of a layer are those of the last ``--bins-for`` that matches it, else ``--bins``.
- Per channel, the axis of the output channels is 0, or that of the last ``--axis`` that matches; a tensor without axes
  has one step. The scale has the shape that broadcasts against the tensor: (O, 1, 1, 1) for axis 0 of four.
- A float that is NaN, infinite or beyond float32 is an error, in whatever array it stands.
- An empty tensor stays empty, with scale 1; so do zeros: where all weights of one step become zero, the scale is 1.
- A pattern that matches no array is an error.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .errors import ConfigError, InputError
from .zeropoint import check_bins, check_rate_weight, entropy_bits, quantize_tensor

__all__ = ["Decision", "Rules", "check_finite", "decide", "dequantize", "quantize_network"]

MAX_WEIGHT = 127


@dataclass(frozen=True)
class Rules:
    """How a network is quantized. Patterns are those of the shell, case counts.

    Parameters
    ----------
    bins : int
        Odd, 3 to 255.
    bins_for : tuple of (pattern, bins)
        Bins of the layers that match; the last match counts.
    rate_weight : float
        Lambda of `golden.zeropoint.best_step`, per bit; 0 for least squared error.
    per_channel : bool
        One step per output channel, not one per tensor.
    axes : tuple of (pattern, axis)
        Axis of the output channels where it is not 0; the last match counts.
    include, exclude : tuple of pattern
        Float arrays to quantize whatever their dimensions; arrays to pass raw.

    Raises
    ------
    ConfigError
        If a number is out of range, or there are axes but no steps per channel.
    """

    bins: int = 15
    bins_for: tuple[tuple[str, int], ...] = ()
    rate_weight: float = 0.0
    per_channel: bool = False
    axes: tuple[tuple[str, int], ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self):
        for bins in (self.bins, *(bins for _, bins in self.bins_for)):
            check_bins(bins)
        check_rate_weight(self.rate_weight)
        if self.axes and not self.per_channel:
            raise ConfigError("an axis must come with steps per channel, not per tensor")

    @property
    def patterns(self) -> tuple[str, ...]:
        """All patterns of these rules."""
        return (*(p for p, _ in self.bins_for), *(p for p, _ in self.axes), *self.include, *self.exclude)


class Decision(NamedTuple):
    """What becomes of one array."""

    action: str  #: "quantize", "keep" (integers, already quantized) or "raw"
    reason: str  #: why, in words
    bins: int | None = None  #: of an array to quantize
    axis: int | None = None  #: of an array to quantize with a step per channel


def decide(tensors, rules: Rules) -> dict[str, Decision]:
    """What becomes of each array of a network under the rules.

    Raises
    ------
    InputError
        If a pattern matches no array, or a tensor to quantize has a ``NAME.scale`` already.
    ConfigError
        If an axis is beyond the dimensions of its tensor.
    """
    for pattern in rules.patterns:
        if not any(fnmatchcase(name, pattern) for name in tensors):
            raise InputError(f"pattern {pattern!r} must match an array of the file; there is none")
    decisions = {name: _decide_one(tensors, name, rules) for name in tensors}
    for name, decision in decisions.items():
        if decision.action == "quantize" and f"{name}.scale" in tensors:
            raise InputError(f"{name} must be integer where there is {name}.scale, not {tensors[name].dtype}")
    return decisions


def quantize_network(tensors, rules: Rules, progress: bool = False) -> tuple[dict[str, np.ndarray], list[dict]]:
    """Quantize the arrays of a network.

    Parameters
    ----------
    tensors : dict of str to ndarray
        Floats or integers of any shape.
    rules : Rules
    progress : bool
        Show a progress bar where standard error is a terminal.

    Returns
    -------
    tensors : dict of str to ndarray
        For each layer an int8 array NAME and a float32 array ``NAME.scale``; float32 arrays for all that passes raw.
    report : list of dict
        One per layer, in order: name, shape, weights, bins, step (smallest and greatest), mse, snr_db, entropy_bits.

    Raises
    ------
    InputError
        If a float is not finite as float32, or integers are no weights.
    ConfigError
        As `decide`.
    """
    decisions = decide(tensors, rules)
    for name, array in tensors.items():
        check_finite(name, array)
    result, report = {}, []
    for name, decision in tqdm(decisions.items(), desc="quantize", unit="array", disable=None if progress else True):
        array = tensors[name]
        if decision.action == "raw":
            result[name] = array.astype(np.float32)
            continue
        if decision.action == "quantize":
            q, scale = quantize_tensor(array, decision.bins, decision.axis, rules.rate_weight)
        else:
            q, scale = _integers(name, array), _scale_of(name, tensors)
        result[name], result[f"{name}.scale"] = q, scale
        report.append(_report(name, q, scale, decision.bins, array if decision.action == "quantize" else None))
    return result, report


def dequantize(tensors) -> dict[str, np.ndarray]:
    """The float32 arrays of a quantized network: each integer array times its ``NAME.scale``, the rest as it is."""
    scales = {f"{name}.scale" for name, array in tensors.items() if array.dtype.kind in "iu"}
    return {name: np.multiply(array, tensors.get(f"{name}.scale", np.float32(1)), dtype=np.float32)
            if array.dtype.kind in "iu" else array for name, array in tensors.items() if name not in scales}


def _decide_one(tensors, name, rules):
    array = tensors[name]
    owner = tensors.get(name.removesuffix(".scale"))
    if name.endswith(".scale") and owner is not None and owner.dtype.kind in "iu":
        return Decision("raw", f"scale of {name.removesuffix('.scale')}")
    if any(fnmatchcase(name, pattern) for pattern in rules.exclude):
        return Decision("raw", "excluded")
    if array.dtype.kind in "iu":
        return Decision("keep", "integer")
    included = any(fnmatchcase(name, pattern) for pattern in rules.include)
    if not included and array.ndim < 2:
        return Decision("raw", f"float of {array.ndim} dimension{'s' * (array.ndim != 1)}")
    bins = _last_match(name, rules.bins_for, rules.bins)
    axis = _last_match(name, rules.axes, 0) if rules.per_channel and array.ndim else None
    if axis is not None and not -array.ndim <= axis < array.ndim:
        raise ConfigError(f"axis of {name} must be one of its {array.ndim} dimensions, not {axis}")
    return Decision("quantize", "included" if included else f"float of {array.ndim} dimensions", bins, axis)


def _last_match(name, pairs, default):
    return next((value for pattern, value in reversed(pairs) if fnmatchcase(name, pattern)), default)


def check_finite(name, array) -> None:
    """Raise `InputError`, which names the first place, if a float of an array is not finite as float32."""
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.float32))
    if not finite.all():
        index = tuple(map(int, np.unravel_index(np.argmin(finite), array.shape)))
        raise InputError(f"{name} must be finite as float32, not {array[index]} at index {index}")


def _integers(name, array):
    wrong = (array > MAX_WEIGHT) | (array < -MAX_WEIGHT)
    if wrong.any():
        raise InputError(f"integers of {name} must be weights from -{MAX_WEIGHT} to {MAX_WEIGHT}, not "
                         f"{array[wrong][0]}; an array that holds no weights can be excluded")
    return array.astype(np.int8)


def _scale_of(name, tensors):
    scale = tensors.get(f"{name}.scale", np.ones((), np.float32)).astype(np.float32)
    try:
        fits = np.broadcast_shapes(scale.shape, tensors[name].shape) == tensors[name].shape
    except ValueError:
        fits = False
    if not fits:
        raise InputError(f"{name}.scale must broadcast against {tensors[name].shape}, not be of shape {scale.shape}")
    return scale


def _report(name, q, scale, bins, weights):
    row = {"name": name, "shape": list(q.shape), "weights": q.size, "bins": bins,
           "step": [float(scale.min()), float(scale.max())] if scale.size else [1.0, 1.0],
           "mse": None, "snr_db": None, "entropy_bits": entropy_bits(q)}
    if weights is not None and weights.size:
        weights = weights.astype(np.float64)
        row["mse"] = float(np.square(weights - q * scale.astype(np.float64)).mean())
        power = float(np.square(weights).mean())
        row["snr_db"] = 10 * float(np.log10(power) - np.log10(row["mse"])) if row["mse"] > 0 else None
    return row
