"""Quantize a network: which of its arrays become integers, with how many bins and how many steps.

Rules
-----
- A float array of two or more dimensions is quantized; every other float array (biases, norms) passes raw, as float32.
  ``--include`` and ``--exclude`` overrule that by name; exclude wins.
- Where a model file has a graph, the graph says which arrays are weights and which axis is that of the output
  channels; the rules of dimensions hold for what a graph does not know. Include and exclude overrule it, too.
- An integer array is taken for already quantized and passes as int8, values -127..127; its float array ``NAME.scale``
  passes with it, or is written as 1.0. A zero point is subtracted and passes as ``NAME.offset``. An array of 8 bits
  that does not fit passes raw as it is, with a ``NAME.zero_point``; wider integers that do not fit are an error. An
  integer array that is excluded, or that a graph says to be no weight, passes raw: as float32 where that is exact and
  it has no scale, as it is otherwise.
- The bins of a layer are those of the last ``--bins-for`` that matches it, else ``--bins``.
- Per channel, the axis of the output channels is 0, or that of the last ``--axis`` that matches; a tensor without axes
  has one step. The scale has the shape that broadcasts against the tensor: (O, 1, 1, 1) for axis 0 of four.
- A float that is NaN, infinite or beyond float32 is an error, in whatever array it stands; only what a graph says to
  be no weight may be infinite.
- An empty tensor stays empty, with scale 1; so do zeros: where all weights of one step become zero, the scale is 1.
- A pattern that matches no array is an error.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .errors import ConfigError, InputError
from .formats import TensorInfo, owner_of
from .integers import MAX_WEIGHT, code, dequantize, pass_raw
from .zeropoint import check_bins, check_rate_weight, entropy_bits, quantize_tensor

__all__ = ["Arrays", "Decision", "Quantizer", "Rules", "check_finite", "decide", "dequantize", "quantize_network"]

#: What a graph may say of an array that is not written under its own name.
NOT_WRITTEN = ("merged", "folded", "left out")


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
    """What becomes of one array.

    The action is "quantize"; "keep" (integers, already quantized); "raw"; "refused" (integers that are no weights:
    they must be excluded); or what a graph says of an array that is not written itself: "merged" (with another one),
    "folded" (into another one) or "left out" (neither integers nor floats).
    """

    action: str
    reason: str  #: why, in words
    bins: int | None = None  #: of an array to quantize
    axis: int | None = None  #: of an array to quantize with a step per channel


class Arrays:
    """Arrays in memory, with what `golden.formats.TensorFile` has of those of a file.

    Parameters
    ----------
    arrays : dict of str to ndarray
    """

    def __init__(self, arrays):
        self.arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self.tensors = {name: TensorInfo(array.shape, array.dtype) for name, array in self.arrays.items()}

    def read(self, name):
        """The array of this name."""
        return self.arrays[name]


class Quantizer:
    """The quantized arrays of a network, one after the other, so that a large one need not be in memory.

    Iterating yields, in order, name and array: for each layer int8 NAME and float32 ``NAME.scale``; the arrays that
    pass raw. `report` and `raw` fill as that goes on.

    Parameters
    ----------
    source : TensorFile, Arrays, or dict of str to ndarray
    rules : Rules
    progress : bool
        Show a progress bar where standard error is a terminal.

    Attributes
    ----------
    report : list of dict
        One per layer: name, shape, weights, bins, step (smallest and greatest), mse, snr_db, entropy_bits.
    raw : list of dict
        One per other array: name, shape, action, reason, and whether one would expect it to be coded ("uncoded").

    Raises
    ------
    InputError
        While iterating: if a float is not finite as float32, integers are no weights, or two arrays would get one name.
        At once: as `decide`.
    ConfigError
        As `decide`.
    """

    def __init__(self, source, rules: Rules, progress: bool = False):
        self.source = source if hasattr(source, "read") else Arrays(source)
        self.rules = rules
        self.progress = progress
        self.decisions = _decide(self.source.tensors, rules)
        self.report, self.raw = [], []
        self.names = set()

    def __iter__(self):
        bar = tqdm(self.decisions.items(), desc="quantize", unit="array", disable=None if self.progress else True)
        for name, decision in bar:
            if _goes_beside(name, self.source.tensors):
                continue
            if decision.action in NOT_WRITTEN:
                self._note(name, decision)
                continue
            for key, array in self._become(name, decision).items():
                if key in self.names:
                    raise InputError(f"arrays must have different names; there would be two of name {key}")
                self.names.add(key)
                yield key, array

    def _become(self, name, decision):
        """The arrays that one array becomes, by name."""
        array, info = self.source.read(name), self.source.tensors[name]
        check_finite(name, array, infinite=decision.action == "raw" and info.action == "raw")
        if decision.action == "quantize":
            q, scale = quantize_tensor(array, decision.bins, decision.axis, self.rules.rate_weight)
            self.report.append(_report(name, q, scale, decision.bins, array))
            return {name: q, f"{name}.scale": scale}
        if array.dtype.kind == "f":
            self._note(name, decision)
            return {name: array.astype(np.float32)}
        passed = _integers(self.source, name, array, decision)
        if passed.why_raw is None:
            self.report.append(_report(name, passed.array, passed.beside[".scale"], None, None))
        else:
            uncoded = decision.action == "keep"
            self._note(name, Decision("raw", passed.why_raw) if uncoded else decision, uncoded)
        return {name: passed.array, **{name + end: beside for end, beside in passed.beside.items()}}

    def _note(self, name, decision, uncoded=False):
        self.raw.append({"name": name, "shape": list(self.source.tensors[name].shape), "action": decision.action,
                         "reason": decision.reason, "uncoded": uncoded or decision.action == "left out"})


def decide(source, rules: Rules) -> dict[str, Decision]:
    """What becomes of each array of a network under the rules. Integers are read, one array at a time, for their range.

    Parameters
    ----------
    source : TensorFile, Arrays, or dict of str to ndarray
    rules : Rules

    Raises
    ------
    InputError
        If a pattern matches no array, or a tensor to quantize has a ``NAME.scale`` already.
    ConfigError
        If an axis is beyond the dimensions of its tensor.
    """
    source = source if hasattr(source, "read") else Arrays(source)
    decisions = _decide(source.tensors, rules)
    for name, decision in decisions.items():
        if decision.action == "keep":
            try:
                why_raw = _integers(source, name, source.read(name), decision).why_raw
                decisions[name] = decision if why_raw is None else Decision("raw", why_raw)
            except _NoWeightsError as error:
                decisions[name] = Decision("refused", str(error))
    return decisions


def quantize_network(tensors, rules: Rules, progress: bool = False) -> tuple[dict[str, np.ndarray], list[dict]]:
    """Quantize the arrays of a network, all at once; the parameters, the results and the errors are `Quantizer`'s.

    Returns
    -------
    tensors : dict of str to ndarray
    report : list of dict
    """
    quantizer = Quantizer(tensors, rules, progress)
    return dict(quantizer), quantizer.report


def check_finite(name, array, infinite=False) -> None:
    """Raise `InputError` for the first float that is NaN or, unless allowed, infinite as float32."""
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        array32 = array.astype(np.float32, copy=False)
    good = np.isfinite(array32) | (np.isinf(array) if infinite else False)
    if not good.all():
        index = tuple(map(int, np.unravel_index(np.argmin(good), array.shape)))
        raise InputError(f"{name} must be finite as float32, not {array[index]} at index {index}")


class _NoWeightsError(InputError):
    """Integers of a file without a graph are beyond those of weights."""


def _decide(tensors, rules):
    """What becomes of each array, as far as that can be said without reading it."""
    for pattern in rules.patterns:
        if not any(fnmatchcase(name, pattern) for name in tensors):
            raise InputError(f"pattern {pattern!r} must match an array of the file; there is none")
    decisions = {name: _decide_one(tensors, name, rules) for name in tensors}
    for name, decision in decisions.items():
        if decision.action == "quantize" and f"{name}.scale" in tensors:
            raise InputError(f"{name} must be integer where there is {name}.scale, not {tensors[name].dtype}")
    return decisions


def _decide_one(tensors, name, rules):
    info = tensors[name]
    if info.action in NOT_WRITTEN:
        return Decision(info.action, info.reason)
    if _goes_beside(name, tensors):
        owner = owner_of(name, tensors)
        return Decision("raw", f"{name.removeprefix(owner + '.').replace('_', ' ')} of {owner}")
    if any(fnmatchcase(name, pattern) for pattern in rules.exclude):
        return Decision("raw", "excluded")
    included = any(fnmatchcase(name, pattern) for pattern in rules.include)
    reason = "included" if included else info.reason
    if info.action == "raw" and not included:
        return Decision("raw", reason)
    if info.dtype.kind in "iu":
        if info.dtype.itemsize > 1 and f"{name}.zero_point" in tensors:
            return Decision("raw", f"integers of {info.dtype} with a zero point")
        return Decision("keep", reason or "integer")
    dimensions = len(info.shape)
    plain = f"float of {dimensions} dimension{'s' * (dimensions != 1)}"
    if not included and info.action is None and dimensions < 2:
        return Decision("raw", f"{plain}, {reason}" if reason else plain)
    bins = _last_match(name, rules.bins_for, rules.bins)
    axis = None
    if rules.per_channel and dimensions:
        axis = _last_match(name, rules.axes, 0 if info.axis is None else info.axis)
    if axis is not None and not -dimensions <= axis < dimensions:
        raise ConfigError(f"axis of {name} must be one of its {dimensions} dimensions, not {axis}")
    if not included and info.action is None:
        reason = f"{plain}, {reason}" if reason else plain
    return Decision("quantize", reason, bins, axis)


def _last_match(name, pairs, default):
    return next((value for pattern, value in reversed(pairs) if fnmatchcase(name, pattern)), default)


def _goes_beside(name, tensors):
    """Whether an array is that of a scale, offset or zero point beside integers, and passes with them."""
    owner = owner_of(name, tensors)
    return (owner is not None and tensors[name].action not in NOT_WRITTEN and tensors[owner].action not in NOT_WRITTEN
            and tensors[owner].dtype.kind in "iu")


def _integers(source, name, array, decision):
    """An array of integers as it passes, with scale and zero point from the graph or from their own arrays."""
    info = source.tensors[name]
    scale = _beside(source, name, ".scale", info.scale)
    zero_point = _beside(source, name, ".zero_point", info.zero_point)
    offset = _beside(source, name, ".offset", None)
    if zero_point is not None and offset is not None:
        raise InputError(f"{name} must have a zero point or an offset, not both")
    if decision.action == "raw":
        passed = pass_raw(array, scale, zero_point)
    else:
        passed = code(array, scale, zero_point)
        if passed.why_raw is not None and array.dtype.itemsize > 1 and info.action is None:
            wrong = array[(array > MAX_WEIGHT) | (array < -MAX_WEIGHT)]
            raise _NoWeightsError(f"integers of {name} must be weights from -{MAX_WEIGHT} to {MAX_WEIGHT}, not "
                                  f"{wrong[0]}; an array that holds no weights can be excluded")
    return passed if offset is None else passed._replace(beside=passed.beside | {".offset": offset})


def _beside(source, name, end, known):
    """What goes beside an array: what a graph knows of it, or the array of that name; ``None`` for neither."""
    found, owner = known, source.tensors[name]
    if found is None and name + end in source.tensors and _goes_beside(name + end, source.tensors):
        found = source.read(name + end)
    if found is None:
        return None
    check_finite(name + end, found)
    fits = found.ndim <= len(owner.shape) and all(
        size in (1, whole) for size, whole in zip(found.shape[::-1], owner.shape[::-1]))
    if not fits:
        raise InputError(f"{name}{end} must broadcast against {owner.shape}, not be of shape {found.shape}")
    if end == ".scale":
        return found.astype(np.float32)
    if found.dtype.kind not in "iu" or (end == ".zero_point" and np.any(found.astype(owner.dtype) != found)):
        raise InputError(f"{name}{end} must be of integers that {owner.dtype} can hold, not of {found.dtype}")
    return found


def _report(name, q, scale, bins, weights):
    row = {"name": name, "shape": list(q.shape), "weights": q.size, "bins": bins,
           "step": [float(scale.min()), float(scale.max())] if scale.size else [1.0, 1.0],
           "mse": None, "snr_db": None, "entropy_bits": entropy_bits(q)}
    if weights is not None and weights.size:
        error = np.asarray(q * scale.astype(np.float64))
        np.subtract(weights, error, out=error)
        row["mse"] = float(np.square(error, out=error).mean())
        power = float(np.square(weights, out=error, dtype=np.float64).mean())
        row["snr_db"] = 10 * float(np.log10(power) - np.log10(row["mse"])) if row["mse"] > 0 else None
    return row
