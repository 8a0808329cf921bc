"""Inference of a described network in NumPy: scores, accuracy, and what goes into each layer.

Products of matrices are taken image by image, so that sums do not depend on the batch. For layouts and padding see
`golden.frontend.description`.
"""

import math

import numpy as np
from tqdm import tqdm

from ..errors import InputError
from .description import INPUT

__all__ = ["accuracy", "images_of", "logits", "patches", "trace", "walk", "window_pads", "windows_of"]

BATCH = 100


def images_of(network, pixels) -> np.ndarray:
    """Pixels as the network takes them: float32, shape (n, H, W, C); ``(p - zero) * scale``.

    Parameters
    ----------
    network : Network
    pixels : ndarray of integers or floats, shape (n, H, W, C), or (n, H, W) where C is 1

    Raises
    ------
    InputError
        If the shape is another.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and network.input_shape[2] == 1:
        pixels = pixels[..., None]
    if pixels.shape[1:] != network.input_shape:
        raise InputError(f"images must be of shape {network.input_shape}, as {network.name} says, not "
                         f"{pixels.shape[1:]}")
    return (pixels.astype(np.float32) - np.float32(network.zero)) * np.float32(network.scale)


def logits(network, tensors, pixels, see=None, progress: bool = False) -> np.ndarray:
    """The scores of images.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray of float32
        ``NAME.weight`` and ``NAME.bias`` of each layer.
    pixels : ndarray, shape (n, H, W, C)
        See `images_of`; `BATCH` at a time are taken.
    see : callable or None
        ``see(node, inputs, outputs)`` is called for each node with weights and each batch: what goes in, (n, H, W, C)
        or (n, I), and what comes out before the activation.
    progress : bool
        Show a progress bar where standard error is a terminal.

    Returns
    -------
    ndarray of float32, shape (n, classes)

    Raises
    ------
    InputError
        If an array is missing or of another shape.
    """
    network.check(tensors)
    starts = tqdm(range(0, len(pixels), BATCH), desc=network.name, unit="batch", leave=False,
                  disable=None if progress else True)
    return np.concatenate([_forward(network, tensors, images_of(network, pixels[i:i + BATCH]), see) for i in starts])


def accuracy(network, tensors, pixels, labels, progress: bool = False) -> float:
    """The share of images, 0 to 1, that the network names right."""
    return float((logits(network, tensors, pixels, progress=progress).argmax(axis=1) == labels).mean())


def trace(network, tensors, images, see=None) -> dict[str, np.ndarray]:
    """What every node hands out, after its activation, for one batch of images; and the images, as ``input``.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray of float32
    images : ndarray of float32, shape (n, H, W, C)
        Of `images_of`.
    see : callable or None
        As for `logits`.
    """
    return walk(network, tensors, images, _weighted, _pool, lambda outputs: np.maximum(outputs, 0), see)


def walk(network, tensors, images, weighted, pool, relu, see=None) -> dict:
    """What every node hands out, by NumPy or by JAX: whoever brings these three functions.

    Parameters
    ----------
    network, tensors, images, see
        As for `trace`.
    weighted : callable
        (node, weight, inputs) to outputs without the bias, in any shape that ends in channels.
    pool : callable
        (node, inputs) to outputs.
    relu : callable
        Outputs to those of them that are positive, and 0.
    """
    values = {INPUT: images}
    for node in network.nodes:
        inputs = [values[name] for name in node.inputs]
        if node.weighted:
            outputs = weighted(node, tensors[f"{node.name}.weight"], inputs[0]) + tensors[f"{node.name}.bias"]
            outputs = outputs.reshape(len(images), *network.shapes[node.name])
            if see is not None:
                see(node, inputs[0], outputs)
        elif node.kind == "add":
            outputs = sum(inputs[1:], inputs[0])
        elif node.kind == "mean":
            outputs = inputs[0].mean(axis=(1, 2))
        else:
            outputs = pool(node, inputs[0])
        values[node.name] = relu(outputs) if node.activation == "relu" else outputs
    return values


def window_pads(node, shape) -> list[tuple[int, int]]:
    """Places padded before and after the height, and the width, of what goes into a node with windows."""
    return [_padding(length, size, stride) if node.padding == "same" else (0, 0)
            for length, size, stride in zip(shape[:2], node.size, node.stride)]


def patches(node, inputs) -> np.ndarray:
    """What the weights of a node are multiplied with, for each place of its output.

    Parameters
    ----------
    node : Node
        With weights.
    inputs : ndarray of float32, shape (n, H, W, C) or (n, I)

    Returns
    -------
    ndarray of float32
        (n, places, K) with K = H * W * I in the order of the weights; depthwise: (n, places, H * W, C).
    """
    if node.kind == "dense":
        return inputs.reshape(len(inputs), 1, -1)
    windows = windows_of(inputs, node)
    if node.kind == "depthwise":
        return windows.reshape(len(inputs), -1, math.prod(node.size), inputs.shape[3])
    return windows.reshape(len(inputs), math.prod(windows.shape[1:3]), -1)


def _forward(network, tensors, images, see):
    return trace(network, tensors, images, see)[network.nodes[-1].name].reshape(len(images), -1)


def _weighted(node, weight, inputs):
    if node.kind == "depthwise":
        return np.einsum("npkc,kc->npc", patches(node, inputs), weight.reshape(-1, weight.shape[2]))
    return patches(node, inputs) @ weight.reshape(len(weight), -1).T


def _pool(node, inputs):
    if node.kind == "max_pool":
        return windows_of(inputs, node, -np.inf).max(axis=(3, 4))
    return np.nanmean(windows_of(inputs, node, np.nan), axis=(3, 4), dtype=np.float32)


def windows_of(inputs, node, fill=0.0) -> np.ndarray:
    """The window of each place of the output, float32 (n, H', W', size, size, C), padded with a value."""
    (height, width), (down, right) = node.size, node.stride
    padded = np.pad(inputs, ((0, 0), *window_pads(node, inputs.shape[1:]), (0, 0)), constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))[:, ::down, ::right]
    return np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3))


def _padding(length, size, stride):
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2
