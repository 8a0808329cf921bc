"""The digits network: a small convolutional classifier for 8 x 8 images, forward and backward, in NumPy.

Three convolutions and a dense layer. Layout of the weights: OHWI, the dense layer OI with inputs in the order (height,
width, channel). Activations NHWC; padding SAME as TensorFlow's (an odd remainder at the bottom and right); ReLU after
each convolution. Bins per layer are part of the design: a precise first layer, a sparse ternary middle.

Products of matrices are taken image by image: they are then too small for a BLAS to spread over threads, and the result
does not depend on how many there are.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["LAYERS", "Layer", "gradients", "initial", "logits"]


class Layer(NamedTuple):
    """One layer: a convolution, or a dense layer where the shape has two dimensions."""

    name: str
    shape: tuple[int, ...]  #: of the weights: (O, H, W, I) or (O, I)
    stride: int  #: of a convolution
    bins: int


LAYERS = (
    Layer("conv1", (16, 3, 3, 1), 1, 255),
    Layer("conv2", (24, 3, 3, 16), 2, 15),
    Layer("conv3", (24, 3, 3, 24), 2, 3),
    Layer("dense", (10, 96), 1, 7),
)


def initial(generator) -> dict[str, np.ndarray]:
    """Random weights (He's variance) and zero biases, float32, names NAME.weight and NAME.bias."""
    tensors = {}
    for layer in LAYERS:
        deviation = np.sqrt(2 / np.prod(layer.shape[1:]))
        tensors[f"{layer.name}.weight"] = generator.normal(0, deviation, layer.shape).astype(np.float32)
        tensors[f"{layer.name}.bias"] = np.zeros(layer.shape[0], np.float32)
    return tensors


def logits(tensors, images) -> np.ndarray:
    """The ten scores of each image.

    Parameters
    ----------
    tensors : dict of str to ndarray
        NAME.weight and NAME.bias of each layer; float32.
    images : ndarray of float32, shape (n, 8, 8)
        Pixels 0 to 1.

    Returns
    -------
    ndarray of float32, shape (n, 10)
    """
    return _forward(tensors, images)[0]


def gradients(tensors, images, labels) -> tuple[float, dict[str, np.ndarray]]:
    """Mean cross-entropy of a batch in nats, and its gradient for each array of the network.

    Parameters
    ----------
    tensors, images : as `logits`
    labels : ndarray of int, shape (n,)
        0 to 9.
    """
    scores, passes = _forward(tensors, images)
    rows = np.arange(len(labels))
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_share = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    slope = np.exp(log_share)
    slope[rows, labels] -= 1
    slope /= np.float32(len(labels))
    found = {}
    for layer, (patches, shape, outputs) in zip(reversed(LAYERS), reversed(passes)):
        if len(layer.shape) == 4:
            slope = slope.reshape(outputs.shape) * (outputs > 0)
        slope = slope.reshape(len(images), -1, layer.shape[0])
        found[f"{layer.name}.weight"] = (slope.transpose(0, 2, 1) @ patches).sum(axis=0).reshape(layer.shape)
        found[f"{layer.name}.bias"] = slope.sum(axis=(0, 1))
        slope = slope @ tensors[f"{layer.name}.weight"].reshape(layer.shape[0], -1)
        if len(layer.shape) == 4:
            slope = _fold(slope, shape, layer)
    return float(-log_share[rows, labels].mean()), found


def _forward(tensors, images):
    """The scores, and of each layer its input patches (n, places, inputs), the shape of its input, and its output."""
    x = images[..., None]
    passes = []
    for layer in LAYERS:
        weight, bias = tensors[f"{layer.name}.weight"], tensors[f"{layer.name}.bias"]
        shape = x.shape
        patches = _unfold(x, layer) if len(layer.shape) == 4 else x.reshape(len(x), 1, -1)
        x = patches @ weight.reshape(layer.shape[0], -1).T + bias
        if len(layer.shape) == 4:
            side = -(-shape[1] // layer.stride)
            x = np.maximum(x, 0).reshape(shape[0], side, side, -1)
        passes.append((patches, shape, x))
    return x.reshape(len(x), -1), passes


def _windows(padded, layer, side):
    """For each place in the kernel: its row and column there, and the view of the padded input that it meets."""
    reach = (side - 1) * layer.stride + 1
    for i in range(layer.shape[1]):
        for j in range(layer.shape[2]):
            yield i, j, padded[:, i:i + reach:layer.stride, j:j + reach:layer.stride]


def _padding(layer, size):
    side = -(-size // layer.stride)
    total = (side - 1) * layer.stride + layer.shape[1] - size
    return side, (total // 2, total - total // 2)


def _unfold(x, layer):
    """The input patches of a convolution, float32 (n, side * side, H * W * I)."""
    side, pad = _padding(layer, x.shape[1])
    padded = np.pad(x, ((0, 0), pad, pad, (0, 0)))
    patches = np.empty((len(x), side, side, *layer.shape[1:]), np.float32)
    for i, j, window in _windows(padded, layer, side):
        patches[:, :, :, i, j] = window
    return patches.reshape(len(x), side * side, -1)


def _fold(slope, shape, layer):
    """The inverse of `_unfold` for slopes: those of patches, added up into those of the input."""
    side, pad = _padding(layer, shape[1])
    padded = np.zeros((shape[0], shape[1] + sum(pad), shape[2] + sum(pad), shape[3]), np.float32)
    slope = slope.reshape(shape[0], side, side, *layer.shape[1:])
    for i, j, window in _windows(padded, layer, side):
        window += slope[:, :, :, i, j]
    return padded[:, pad[0]:pad[0] + shape[1], pad[0]:pad[0] + shape[2]]
