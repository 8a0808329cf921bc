"""Bins and steps of all layers by one Lagrange multiplier: equal slope of loss against bits in every layer.

For a lambda each layer's step is searched on a geometric grid, with rounding that has the price of bits in it
(`golden.frontend.rounding`); the bins follow from the step. All layers' losses are of one unit, the divergence of the
scores, so one lambda serves them all. With repair (`golden.frontend.repair`) layers are rounded in stages, the largest
first, and after each stage what is still float makes up for what is not.
"""

import math
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from ..config import MAX_BINS
from ..errors import ConfigError, InputError
from ..rules import Rules, dequantize, quantize_network
from .bias import as_bytes, correct_biases
from .repair import Repair
from .rounding import Layer, Rounded, polish, round_compensated
from .sensitivity import DISTORTIONS, by_images, by_weights, measure_moments, rows_to_tensor, rows_with_bias

__all__ = ["Allocation", "Allocator", "Method"]

HALF = MAX_BINS // 2
GRID = 2 ** 0.25  #: the ratio of neighbouring steps
GREATEST_HALF = 65504
MOST_STEPS = 12  #: that are tried on either side
SEARCH_PASSES = 2
STAGES = 5


@dataclass(frozen=True)
class Method:
    """How a network is quantized, whatever the lambda.

    Parameters
    ----------
    distortion : str
        "fisher", "activations" or "weights".
    repair : int
        Gradient steps after each stage of rounding, of which there are up to five; 0 for none.
    passes, sweeps : int
        Passes of compensated rounding, and of polishing after it.
    bias_correction : bool
        Whether the biases are moved at the end, so that mean outputs are the float network's. Repair does without.
    byte_biases : bool
        Whether biases are rounded to 255 bins, a step for each array: layers of their own, coded like weights.
    half_biases : bool
        Whether biases are rounded to float16, where they are not beyond its range.
    seed : int

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    distortion: str = "fisher"
    repair: int = 0
    passes: int = 3
    sweeps: int = 1
    bias_correction: bool = True
    byte_biases: bool = False
    half_biases: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.distortion not in DISTORTIONS:
            raise ConfigError(f"distortion must be one of {', '.join(DISTORTIONS)}, not {self.distortion!r}")
        for name, least in (("repair", 0), ("passes", 1), ("sweeps", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be a whole number from {least}, not {getattr(self, name)}")
        if self.byte_biases and self.half_biases:
            raise ConfigError("biases must be bytes or float16, not both")


@dataclass(frozen=True, eq=False)
class Allocation:
    """A quantized network.

    Parameters
    ----------
    rate_weight : float
        The lambda that it is of.
    tensors : dict of str to ndarray
        int8 arrays, their float32 ``NAME.scale``, and all else as floats: what `golden.encode` takes.
    layers : tuple of dict
        name, weights, bins, step, bits per weight by Shannon, predicted loss.
    repaired : bool
    """

    rate_weight: float
    tensors: dict[str, np.ndarray]
    layers: tuple[dict, ...]
    repaired: bool = False

    @property
    def weights(self) -> int:
        """How many there are."""
        return sum(row["weights"] for row in self.layers)

    @property
    def entropy_bits(self) -> float:
        """Bits per weight by Shannon, each layer by its own histogram."""
        return sum(row["weights"] * row["bits"] for row in self.layers) / max(self.weights, 1)


class Allocator:
    """Quantizes one network for any lambda; what does not depend on lambda is found once.

    Parameters
    ----------
    tensors : dict of str to ndarray
        Of a float network.
    network : Network or None
        Without one, arrays of two or more dimensions are the layers, and only weights count.
    pixels : ndarray or None, shape (n, H, W, C)
        Calibration images. Without them only weights count.
    method : Method
    progress : bool

    Raises
    ------
    InputError
        If an array is not finite, an array of the network is missing or of another shape, or there is no image.
    ConfigError
        If the method needs images or a network, and there is none.
    """

    def __init__(self, tensors, network=None, pixels=None, method=Method(), progress: bool = False):
        quantized, rows = quantize_network(tensors, Rules(3))  # Checks every array.
        self.names = [row["name"] for row in rows if tensors[row["name"]].dtype.kind == "f"]
        self.tensors, self.method, self.progress = dict(tensors), method, progress
        self.pixels = pixels if network is not None else None
        self.network, self.repairs, self.moments, self.biases = network, None, {}, set()
        if network is not None:
            network.check(tensors)
            self.names = [f"{name}.weight" for name in network.weights]
            self.biases = {f"{name}.bias" for name in network.weights}
            self.floats = {name: np.asarray(array, np.float32) for name, array in dequantize(tensors).items()}
        if method.byte_biases and not self.biases:
            raise ConfigError("biases as bytes must come with the description of the network; there is none")
        if self.pixels is None:
            if method.repair:
                raise ConfigError("repair must have calibration images of a described network; there are none")
        elif len(self.pixels) == 0:
            raise InputError("calibration images must be at least one; there are none")
        elif method.distortion != "weights":
            self.moments = measure_moments(network, self.floats, self.pixels, seed=method.seed, progress=progress)
        self.untouched = {}

    def at(self, rate_weight: float, repair: bool = True, quick: bool = False) -> Allocation:
        """The network for a lambda.

        Parameters
        ----------
        rate_weight : float
            Lambda: what one bit may cost, in units of loss. Positive.
        repair : bool
            False leaves repair out, if the method has any.
        quick : bool
            Leave the correction of biases out as well.
        """
        if not (0 < rate_weight < math.inf):
            raise ConfigError(f"lambda must be a positive number, not {rate_weight!r}")
        steps = self.method.repair if repair and not quick else 0
        floats = dict(self.floats) if self.network is not None else dict(self.tensors)
        repairer = self._repairer() if steps else None
        rounded, left = {}, list(self.names)
        bar = tqdm(total=len(left), desc=f"lambda {rate_weight:.3g}", unit="layer", leave=False,
                   disable=None if self.progress else True)
        with bar:
            for stage in self._stages() if steps else [left.copy()]:
                for name in stage:
                    rounded[name] = self._round(name, floats, rate_weight, fresh=bool(steps) and name in floats)
                    left.remove(name)
                    bar.update()
                self._put(floats, {name: rounded[name] for name in stage})
                if steps:
                    free = {name.removesuffix(".weight") for name in left}
                    floats = repairer.steps(floats, free, steps)
        if not quick and not steps and self.pixels is not None and self.method.bias_correction:
            floats = correct_biases(self.network, self.floats, floats, self.pixels, self.progress)
        return self._allocation(rate_weight, rounded, floats, bool(steps))

    def _repairer(self):
        """A new one for each lambda, so that one does not depend on those before; the scores wanted are found once."""
        if self.repairs is None:
            self.repairs = Repair(self.network, self.floats, self.pixels, self.method.seed, self.progress)
        return self.repairs.again(self.method.seed)

    def _stages(self):
        """The layers, those of most weights first, cut in parts: what loses most is made up for by most."""
        names = sorted(self.names, key=lambda name: -self.tensors[name].size)
        sizes = np.cumsum([math.sqrt(self.tensors[name].size) for name in names])
        number = np.minimum((sizes / sizes[-1] * STAGES - 1e-9).astype(int), STAGES - 1)
        return [[name for name, each in zip(names, number) if each == stage] for stage in np.unique(number)]

    def _layer(self, name, floats) -> Layer:
        node = name.removesuffix(".weight")
        if node in self.moments:
            return by_images(self.network.node(node), floats, self.moments[node], self.method.distortion)
        return by_weights(floats[name])

    def _round(self, name, floats, rate_weight, fresh) -> Rounded:
        """The layer at its best step; the metric's factor is kept, the weights may be others."""
        if name not in self.untouched:
            self.untouched[name] = self._layer(name, self.floats if self.network is not None else self.tensors)
        layer = self.untouched[name]
        if fresh and name.removesuffix(".weight") in self.moments:
            node = self.network.node(name.removesuffix(".weight"))
            layer = layer.with_weights(rows_with_bias(node, floats))
        start = math.sqrt(6 * rate_weight / (math.log(2) * layer.stiffness))
        start = max(start, float(np.abs(layer.weights[:, :-1]).max(initial=0)) / (2 * HALF)) or 1.0
        best = _best_step(layer, start, rate_weight)
        best = min(best, round_compensated(layer, best.step, rate_weight, HALF, self.method.passes),
                   key=lambda each: each.cost(rate_weight))
        return polish(layer, best, rate_weight, HALF, self.method.sweeps)

    def _put(self, floats, rounded):
        """Set the rounded layers' weights and biases among the floats."""
        for name, each in rounded.items():
            node = name.removesuffix(".weight")
            step, shape = np.float32(each.step), self.tensors[name].shape
            if node in self.moments:
                q = rows_to_tensor(self.network.node(node), each.q, shape)
                floats[f"{node}.bias"] = each.bias.astype(np.float32)
            else:
                q = each.q.reshape(shape)
            floats[name] = np.multiply(q, step, dtype=np.float32)

    def _allocation(self, rate_weight, rounded, floats, repaired):
        tensors, layers = {}, []
        for name, array in self.tensors.items():
            if name in rounded:
                each = rounded[name]
                step = np.float32(each.step if each.q.any() else 1.0)
                node = name.removesuffix(".weight")
                q = rows_to_tensor(self.network.node(node), each.q, array.shape) if node in self.moments \
                    else each.q.reshape(array.shape)
                tensors[name], tensors[f"{name}.scale"] = q, step.reshape(())
                layers.append({"name": name, "weights": array.size, "bins": 2 * int(np.abs(q).max(initial=1)) + 1,
                               "step": float(step), "bits": each.bits / max(array.size, 1), "loss": each.loss})
            elif name not in tensors:
                tensors |= self._beside(name, floats.get(name, array))
        return Allocation(rate_weight, tensors, tuple(layers), repaired)

    def _beside(self, name, raw):
        """What becomes of an array that is no layer's weights, by name."""
        if raw.dtype.kind != "f":
            return {name: raw}
        if self.method.byte_biases and name in self.biases:
            return as_bytes(name, raw)
        half = self.method.half_biases and raw.ndim == 1 and np.abs(raw).max(initial=0) < GREATEST_HALF
        return {name: raw.astype(np.float16 if half else np.float32)}


def _best_step(layer, start, rate_weight):
    """The best of the grid around a step, found by going down from it on either side."""
    def at(step):
        return round_compensated(layer, step, rate_weight, HALF, SEARCH_PASSES)

    best = at(start)
    for ratio in (GRID, 1 / GRID):
        moved = False
        for _ in range(MOST_STEPS):
            found = at(best.step * ratio)
            if found.cost(rate_weight) >= best.cost(rate_weight):
                break
            best, moved = found, True
        if moved:
            break
    return best
