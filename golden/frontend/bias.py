"""Biases: corrected, so that each channel's mean output is that of the float network; and rounded to bytes."""

import numpy as np
from tqdm import tqdm

from ..config import MAX_BINS
from .forward import BATCH, images_of, trace

__all__ = ["as_bytes", "correct_biases", "mean_outputs"]

HALF = MAX_BINS // 2


def as_bytes(name: str, bias) -> dict[str, np.ndarray]:
    """A bias as 255 bins with one step, a layer of its own to the encoder: ``name``, int8, and ``name.scale``."""
    step = np.float32(np.abs(bias).max(initial=0) / HALF) or np.float32(1.0)
    return {name: np.rint(bias / step).astype(np.int8), f"{name}.scale": step.reshape(())}


def mean_outputs(network, tensors, pixels, names=None) -> dict[str, np.ndarray]:
    """The mean of each channel of layers, over images and places, before the activation: float64, (O,) each."""
    sums = dict.fromkeys(network.weights if names is None else names, 0.0)

    def see(node, inputs, outputs):
        if node.name in sums:
            flat = outputs.reshape(-1, outputs.shape[-1])
            sums[node.name] = sums[node.name] + flat.mean(axis=0, dtype=np.float64) * len(inputs)

    for start in range(0, len(pixels), BATCH):
        trace(network, tensors, images_of(network, pixels[start:start + BATCH]), see)
    return {name: total / len(pixels) for name, total in sums.items()}


def correct_biases(network, before, after, pixels, progress: bool = False) -> dict[str, np.ndarray]:
    """The tensors ``after`` with biases moved so that all mean outputs equal those of ``before``.

    Parameters
    ----------
    network : Network
    before, after : dict of str to ndarray of float32
        Of the float network and of the quantized one.
    pixels : ndarray, shape (n, H, W, C)
        No labels are needed.
    progress : bool

    Returns
    -------
    dict of str to ndarray
        A layer's inputs are those that the corrected layers before it hand out.
    """
    wanted, after = mean_outputs(network, before, pixels), dict(after)
    for name in tqdm(network.weights, desc="biases", unit="layer", disable=None if progress else True):
        found = mean_outputs(network, after, pixels, [name])[name]
        after[f"{name}.bias"] = (after[f"{name}.bias"] + (wanted[name] - found)).astype(np.float32)
    return after
