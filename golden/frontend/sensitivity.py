"""How much each layer's errors matter: two metrics per layer, from the weights alone or from images without labels.

An error D (O, K + 1) of a layer's weights and biases costs ``trace(G D H D^T)``. Labels are drawn from the network's
own probabilities; the mean of the squared change that D makes to their log-likelihood is the Fisher information, the
second-order growth of the divergence between the probabilities before and after, twice over. No labels are needed. It
is taken apart into G and H (J. Martens, R. Grosse, ICML 2015):

- H is the sum of two second moments: that of the gradients by the weights of a row, image by image, which knows of sums
  over places; and that of what the layer multiplies times the mean square of the gradient at its outputs, which is
  known from far fewer images, and keeps the first from overfitting to those that were drawn.
- G is the mean of two second moments, each over its trace: of the gradients at the outputs, place by place, and of the
  gradients by the weights, row by row; with a good part of its mean added to the diagonal.

A depthwise layer has an H for each channel, and no G.
"""

import math
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from .backward import backward, weight_gradients
from .forward import BATCH, images_of, patches, trace
from .measure import log_probabilities
from .rounding import Layer, through

__all__ = ["DISTORTIONS", "Moments", "by_images", "by_weights", "layer_rows", "measure_moments", "rows_to_tensor",
           "rows_with_bias"]

DISTORTIONS = ("weights", "activations", "fisher")
DAMPING = 0.01  #: of the mean of the diagonal of H
BIAS_DAMPING = 1e-4
OUTPUT_DAMPING = 0.3  #: of the mean of the diagonal of G


@dataclass(eq=False)
class Moments:
    """What is known of a layer by images, for each image in the mean."""

    inputs: np.ndarray  #: of what it multiplies, summed over places: float64 (1 or C, K + 1, K + 1)
    gradients: np.ndarray  #: of the gradients by the weights of a row, summed over rows but for depthwise: as inputs
    outputs: np.ndarray  #: of the gradients at the outputs, place by place: float64 (O, O)
    sums: np.ndarray  #: of the gradients by the weights, row by row: float64 (O, O)
    power: float  #: the mean square of the outputs, about their mean, summed over places and channels


def layer_rows(node, weight) -> np.ndarray:
    """The weights of a layer as rows, one per output channel: (O, K); depthwise (C, H * W)."""
    if node.kind == "depthwise":
        return weight.reshape(-1, weight.shape[2]).T
    return weight.reshape(len(weight), -1)


def rows_to_tensor(node, rows, shape) -> np.ndarray:
    """The inverse of `layer_rows`."""
    return np.ascontiguousarray(rows.T if node.kind == "depthwise" else rows).reshape(shape)


def by_weights(weight, bias=None) -> Layer:
    """A layer of which only the weights are known: what an error costs is its square over the weights' mean square.

    All weights stand in one column, each a row of its own; so nothing is made up for by other weights.
    """
    rows = weight.reshape(-1, 1).astype(np.float64)
    power = float(np.square(rows).mean()) or 1.0
    return Layer(np.concatenate([rows, np.zeros_like(rows)], axis=1), np.diag([1 / power, 1.0])[None])


def by_images(node, tensors, moments: Moments, distortion: str = "fisher") -> Layer:
    """A layer with the metric of its moments.

    Parameters
    ----------
    node : Node
    tensors : dict of str to ndarray
        Its weights and bias are what errors are counted from.
    moments : Moments
    distortion : str
        "fisher", or "activations": the error of the outputs over their power.
    """
    weights = rows_with_bias(node, tensors)
    if distortion == "activations":
        return Layer(weights, _damped(moments.inputs / (moments.power or 1.0)))
    strength = np.diag(moments.outputs)
    if node.kind == "depthwise":
        return Layer(weights, _damped(moments.gradients + strength[:, None, None] * moments.inputs))
    outputs = _shape(moments.outputs) + _shape(moments.sums)
    return Layer(weights, _damped(moments.gradients + strength.sum() * moments.inputs),
                 outputs / 2 + OUTPUT_DAMPING / len(outputs) * np.eye(len(outputs)))


def rows_with_bias(node, tensors) -> np.ndarray:
    """Weights as rows, the bias as a last column: float64, (O, K + 1)."""
    rows = layer_rows(node, tensors[f"{node.name}.weight"])
    return np.concatenate([rows, tensors[f"{node.name}.bias"][:, None]], axis=1, dtype=np.float64)


def measure_moments(network, tensors, pixels, draws: int = 1, seed: int = 0, progress: bool = False,
                    names=None) -> dict[str, Moments]:
    """The moments of layers, by images.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray of float32
    pixels : ndarray, shape (n, H, W, C)
    draws : int
        Labels drawn for each image.
    seed : int
    progress : bool
    names : collection of str or None
        The layers wanted; all.
    """
    random = np.random.default_rng(seed)
    sums = {name: _Sums(network, name) for name in network.weights if names is None or name in names}
    starts = tqdm(range(0, len(pixels), BATCH), desc="sensitivity", unit="batch", disable=None if progress else True)
    for start in starts:
        values = trace(network, tensors, images_of(network, pixels[start:start + BATCH]))
        p = np.exp(log_probabilities(values[network.nodes[-1].name].reshape(len(values["input"]), -1)))
        gradients = []
        for _ in range(draws):
            drawn = (p.cumsum(axis=1) < random.random((len(p), 1))).sum(axis=1).clip(max=p.shape[1] - 1)
            gradients.append(backward(network, tensors, values, (p - np.eye(p.shape[1])[drawn]).astype(np.float32)))
        for name, each in sums.items():
            each.add(values, [gradient[name] for gradient in gradients])
    return {name: each.moments(len(pixels), draws, tensors[f"{name}.weight"]) for name, each in sums.items()}


class _Sums:
    """The sums that the moments of a layer are made of."""

    def __init__(self, network, name):
        self.node, shape = network.node(name), network.shapes[name]
        self.places = math.prod(shape[:2]) if len(shape) == 3 else 1
        self.inputs = self.gradients = self.outputs = self.sums = 0.0

    def add(self, values, gradients):
        inputs = values[self.node.inputs[0]]
        places = patches(self.node, inputs)
        if self.node.kind == "depthwise":
            flat = np.moveaxis(places.reshape(-1, *places.shape[2:]), 2, 0)  # (C, n * places, K)
        else:
            flat = places.reshape(1, -1, places.shape[-1])
        self.inputs = self.inputs + _second(np.concatenate([flat, np.ones((*flat.shape[:2], 1), np.float32)], axis=2))
        for gradient in gradients:
            above = gradient.reshape(len(inputs), -1, gradient.shape[-1])
            self.outputs = self.outputs + _second(above.reshape(1, -1, above.shape[2]))[0]
            rows = weight_gradients(self.node, inputs, gradient)
            rows = np.concatenate([rows, above.sum(axis=1)[:, :, None]], axis=2)
            self.sums = self.sums + _second(rows.swapaxes(1, 2).reshape(1, -1, rows.shape[1]))[0]
            rows = rows.swapaxes(0, 1) if self.node.kind == "depthwise" else rows.reshape(1, -1, rows.shape[2])
            self.gradients = self.gradients + _second(rows)

    def moments(self, images, draws, weight):
        rows = layer_rows(self.node, weight).astype(np.float64)
        inputs = self.inputs / images
        about_zero = np.einsum("ok,ok->", rows, through(rows, inputs[:, :-1, :-1]))
        mean = np.einsum("ok,ok->o", rows, np.broadcast_to(inputs[:, -1, :-1], rows.shape))
        return Moments(inputs, self.gradients / (images * draws), self.outputs / (images * draws * self.places),
                       self.sums / (images * draws), float(about_zero - np.square(mean).sum() / self.places))


def _second(rows):
    """The second moment of rows (B, n, K), summed: float64 (B, K, K)."""
    return (rows.swapaxes(1, 2) @ rows).astype(np.float64)


def _shape(moment):
    """A moment over its trace."""
    return moment / (np.trace(moment) or 1.0)


def _damped(metric):
    """The metric with something added to its diagonal, so that it can be inverted."""
    metric = np.array(metric, np.float64)
    diagonal = np.einsum("okk->ok", metric)
    floor = diagonal.mean() or 1.0
    added = DAMPING * diagonal[:, :-1].mean(axis=1, keepdims=True) + 1e-9 * floor
    diagonal[:, :-1] += added
    diagonal[:, -1] += BIAS_DAMPING * diagonal[:, -1] + 1e-9 * floor
    return metric
