"""Gradients of a described network in NumPy: what reaches the output of each layer, from a gradient at the scores.

Used to learn, without labels, how much each output of each layer matters. For layouts see
`golden.frontend.description`.
"""

import math

import numpy as np

from .description import INPUT
from .forward import patches, window_pads, windows_of

__all__ = ["backward", "weight_gradient", "weight_gradients"]


def backward(network, tensors, values, gradient) -> dict[str, np.ndarray]:
    """The gradient at the output of each layer, before its activation.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray of float32
    values : dict of str to ndarray
        Of `golden.frontend.forward.trace`.
    gradient : ndarray of float32, shape (n, classes)
        Of a loss, by the scores.

    Returns
    -------
    dict of str to ndarray
        For each node with weights: float32, of the shape of its output.
    """
    last = network.nodes[-1].name
    gradients, found = {last: gradient.reshape(values[last].shape)}, {}
    for node in reversed(network.nodes):
        above = gradients.pop(node.name, None)
        if above is None:  # Its output goes nowhere.
            above = np.zeros_like(values[node.name])
        if node.activation == "relu":
            above = above * (values[node.name] > 0)
        if node.weighted:
            found[node.name] = above
        for name in node.inputs:
            if name != INPUT:
                below = _below(node, tensors, values, above, values[name])
                gradients[name] = gradients[name] + below if name in gradients else below
    return {name: found[name] for name in network.weights}


def weight_gradient(node, inputs, gradient) -> np.ndarray:
    """The gradient by the weights, of all images together: one product, where `weight_gradients` has one per image.

    Parameters
    ----------
    node, inputs, gradient
        As for `weight_gradients`.

    Returns
    -------
    ndarray of float32
        (O, K), with K in the order of the weights; depthwise: (H * W, C).
    """
    places = patches(node, inputs)
    if node.kind == "depthwise":
        return np.einsum("npkc,npc->kc", places, gradient.reshape(*places.shape[:2], -1))
    flat = gradient.reshape(-1, gradient.shape[-1])
    return flat.T @ places.reshape(len(flat), -1)


def weight_gradients(node, inputs, gradient) -> np.ndarray:
    """The gradient by the weights, image by image.

    Parameters
    ----------
    node : Node
        With weights.
    inputs : ndarray of float32, shape (n, H, W, C) or (n, I)
    gradient : ndarray of float32
        At its output, of `backward`.

    Returns
    -------
    ndarray of float32
        (n, O, K), with K in the order of the weights; depthwise: (n, C, H * W).
    """
    places = patches(node, inputs)
    above = gradient.reshape(*places.shape[:2], -1)
    if node.kind == "depthwise":
        return np.einsum("npkc,npc->nck", places, above)
    return above.transpose(0, 2, 1) @ places


def _below(node, tensors, values, above, inputs):
    """The gradient at one input of a node."""
    if node.kind == "add":
        return above
    if node.kind == "mean":
        height, width = inputs.shape[1:3]
        return np.broadcast_to(above[:, None, None] / np.float32(height * width), inputs.shape)
    if node.kind == "dense":
        return (above @ tensors[f"{node.name}.weight"]).reshape(inputs.shape)
    if node.kind == "conv":
        weight = tensors[f"{node.name}.weight"]
        spread = above @ weight.reshape(len(weight), -1)
        return _fold(node, spread.reshape(*above.shape[:3], *node.size, -1), inputs.shape)
    if node.kind == "depthwise":
        return _fold(node, above[:, :, :, None, None] * tensors[f"{node.name}.weight"], inputs.shape)
    return _fold(node, _pool_shares(node, inputs) * above[:, :, :, None, None], inputs.shape)


def _pool_shares(node, inputs):
    """The part that each place of a window has in what the pool hands out."""
    windows = windows_of(inputs, node, np.nan)
    flat = windows.reshape(*windows.shape[:3], math.prod(node.size), -1)
    if node.kind == "average_pool":
        there = ~np.isnan(flat)
        shares = there / there.sum(axis=3, keepdims=True)
    else:
        shares = np.arange(flat.shape[3])[:, None] == np.nanargmax(flat, axis=3)[:, :, :, None]
    return shares.astype(np.float32).reshape(*flat.shape[:3], *node.size, flat.shape[4])


def _fold(node, windows, shape):
    """The sum of windows (n, H', W', size, size, C) at the places of the input that they were taken from."""
    (top, bottom), (left, right) = window_pads(node, shape[1:])
    count, height, width, channels = shape
    rows, columns = windows.shape[1:3]
    padded = np.zeros((count, height + top + bottom, width + left + right, channels), np.float32)
    for row, column in np.ndindex(*node.size):
        padded[:, row:row + (rows - 1) * node.stride[0] + 1:node.stride[0],
               column:column + (columns - 1) * node.stride[1] + 1:node.stride[1]] += windows[:, :, :, row, column]
    return padded[:, top:top + height, left:left + width]
