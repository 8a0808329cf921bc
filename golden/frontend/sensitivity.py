"""How much each layer's errors matter: a metric per layer, from the weights alone or from images without labels.

A layer has rows (outputs) of K weights and a bias. What an error d of a row, (K + 1,), costs is ``d^T H d``. H is made
of two parts:

- F, the Fisher information of the row: with labels drawn from the network's own probabilities, the mean of ``g g^T``
  for the gradients g of single images. Its expectation is the second-order growth of the divergence between the
  network's probabilities before and after, twice over. No labels are needed.
- S A, with the second moment A of what the layer multiplies, per place, summed over places, and the mean square S of
  the gradient at the row's output: the same if places and gradients were independent. It is known from far fewer images
  than F, and keeps F from overfitting to those that were drawn; both are about equally large, and are added.

Where F would not fit in memory, S A stands alone.
"""

import math
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from .backward import backward, weight_gradients
from .forward import BATCH, images_of, patches, trace
from .measure import log_probabilities
from .rounding import Layer, through

__all__ = ["DISTORTIONS", "Moments", "by_images", "by_weights", "layer_rows", "measure_moments", "rows_to_tensor"]

DISTORTIONS = ("weights", "activations", "fisher")
MOST_FISHER = 1 << 26  #: numbers in F of a layer, beyond which it is left out
DAMPING = 0.01  #: of the diagonal's mean, for weights
BIAS_DAMPING = 1e-4


@dataclass(eq=False)
class Moments:
    """What is known of a layer by images."""

    inputs: np.ndarray  #: A: float64 (1, K + 1, K + 1); depthwise (C, K + 1, K + 1)
    outputs: np.ndarray  #: S: float64 (O,)
    power: float  #: the mean square of the outputs, about their mean, summed over places and channels
    fisher: np.ndarray | None  #: F: float32 (O, K + 1, K + 1)


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
    rows = layer_rows(node, tensors[f"{node.name}.weight"])
    weights = np.concatenate([rows, tensors[f"{node.name}.bias"][:, None]], axis=1).astype(np.float64)
    if distortion == "activations":
        return Layer(weights, _damped(moments.inputs / (moments.power or 1.0)))
    if moments.fisher is None:
        mean = float(moments.outputs.mean()) or 1.0
        importance = np.maximum(moments.outputs / mean, 1e-3)
        return Layer(weights, _damped(moments.inputs * mean), importance)
    return Layer(weights, _damped(moments.fisher + moments.outputs[:, None, None] * moments.inputs))


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
        self.inputs = self.outputs = self.fisher = 0.0
        columns = math.prod(network.weights[name]) // shape[-1] + 1
        self.with_fisher = shape[-1] * columns ** 2 <= MOST_FISHER

    def add(self, values, gradients):
        inputs = values[self.node.inputs[0]]
        places = patches(self.node, inputs)
        if self.node.kind == "depthwise":
            flat = np.moveaxis(places.reshape(-1, *places.shape[2:]), 2, 0)  # (C, n * places, K)
        else:
            flat = places.reshape(1, -1, places.shape[-1])
        flat = np.concatenate([flat, np.ones((*flat.shape[:2], 1), np.float32)], axis=2)
        self.inputs = self.inputs + (flat.swapaxes(1, 2) @ flat).astype(np.float64)
        for gradient in gradients:
            above = gradient.reshape(len(inputs), -1, gradient.shape[-1])
            self.outputs = self.outputs + np.square(above, dtype=np.float64).sum(axis=(0, 1))
            if self.with_fisher:
                rows = np.concatenate([weight_gradients(self.node, inputs, gradient),
                                       above.sum(axis=1)[:, :, None]], axis=2).swapaxes(0, 1)
                self.fisher = self.fisher + rows.swapaxes(1, 2) @ rows

    def moments(self, images, draws, weight):
        rows = layer_rows(self.node, weight).astype(np.float64)
        inputs = self.inputs / images
        about_zero = np.einsum("ok,ok->", rows, through(rows, inputs[:, :-1, :-1]))
        mean = np.einsum("ok,ok->o", rows, np.broadcast_to(inputs[:, -1, :-1], rows.shape))
        return Moments(inputs, self.outputs / (images * draws * self.places),
                       float(about_zero - np.square(mean).sum() / self.places),
                       self.fisher / np.float32(images * draws) if self.with_fisher else None)


def _damped(metric):
    """The metric with something added to its diagonal, so that it can be inverted."""
    metric = np.array(metric, np.float64)
    diagonal = np.einsum("okk->ok", metric)
    floor = diagonal.mean() or 1.0
    added = DAMPING * diagonal[:, :-1].mean(axis=1, keepdims=True) + 1e-9 * floor
    diagonal[:, :-1] += added
    diagonal[:, -1] += BIAS_DAMPING * diagonal[:, -1] + 1e-9 * floor
    return metric
