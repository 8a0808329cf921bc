"""Repair: what is still float makes up for what has been quantized, so that the scores are as before. No labels.

The loss is the divergence from the float network's probabilities to those of the network as it is; layers that are
not quantized yet, and all biases, go down its gradient by Adam (D. Kingma, J. Ba, ICLR 2015), each array with a rate in
proportion to its own size.
"""

import numpy as np
from tqdm import tqdm

from .backward import backward, weight_gradient
from .forward import BATCH, images_of, logits, trace
from .measure import log_probabilities

__all__ = ["Repair"]

RATE = 5e-4  #: the first step of a phase, of an array's root mean square
DECAY = 0.9, 0.99


class Repair:
    """Gradient steps on images without labels; moments of the gradients are kept from phase to phase.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray of float32
        The float network.
    pixels : ndarray, shape (n, H, W, C)
    seed : int
        Of the batches.
    """

    def __init__(self, network, tensors, pixels, seed: int = 0, progress: bool = False):
        self.network, self.pixels, self.progress = network, pixels, progress
        self.random = np.random.default_rng(seed)
        self.wanted = np.exp(log_probabilities(logits(network, tensors, pixels, progress=progress)))
        self.size = {name: max(float(np.sqrt(np.square(array, dtype=np.float64).mean())), 1e-12)
                     for name, array in tensors.items()}
        self.moments = {}

    def again(self, seed: int) -> "Repair":
        """As it was in the beginning; the scores wanted are kept."""
        self.random, self.moments = np.random.default_rng(seed), {}
        return self

    def steps(self, tensors, free, count: int) -> dict[str, np.ndarray]:
        """The tensors after so many steps of `BATCH` images.

        Parameters
        ----------
        tensors : dict of str to ndarray of float32
        free : collection of str
            The layers whose weights may change; biases may, of all layers.
        count : int
        """
        tensors = dict(tensors)
        bar = tqdm(range(count), desc="repair", unit="step", leave=False, disable=None if self.progress else True)
        for step in bar:
            chosen = self.random.choice(len(self.pixels), min(BATCH, len(self.pixels)), replace=False)
            for name, gradient in self.gradients(tensors, free, np.sort(chosen)).items():
                tensors[name] = self._moved(name, tensors[name], gradient, RATE * (1 - step / count))
        return tensors

    def gradients(self, tensors, free, chosen) -> dict[str, np.ndarray]:
        """The gradient of the mean divergence on chosen images, by the biases and the free weights."""
        values = trace(self.network, tensors, images_of(self.network, self.pixels[chosen]))
        scores = values[self.network.nodes[-1].name].reshape(len(chosen), -1)
        above = (np.exp(log_probabilities(scores)) - self.wanted[chosen]) / len(chosen)
        found = {}
        for name, gradient in backward(self.network, tensors, values, above.astype(np.float32)).items():
            node = self.network.node(name)
            found[f"{name}.bias"] = gradient.reshape(-1, gradient.shape[-1]).sum(axis=0)
            if name in free:
                product = weight_gradient(node, values[node.inputs[0]], gradient)
                found[f"{name}.weight"] = product.reshape(self.network.weights[name])
        return found

    def _moved(self, name, array, gradient, rate):
        count, first, second = self.moments.get(name, (0, 0.0, 0.0))
        count += 1
        first = DECAY[0] * first + (1 - DECAY[0]) * gradient
        second = DECAY[1] * second + (1 - DECAY[1]) * np.square(gradient)
        self.moments[name] = count, first, second
        direction = first / (1 - DECAY[0] ** count) / (np.sqrt(second / (1 - DECAY[1] ** count)) + 1e-12)
        return (array - rate * self.size[name] * direction).astype(np.float32)
