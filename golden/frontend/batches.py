"""Batches of images for training: shuffled, shifted and mirrored, by a seed."""

import numpy as np

from ..errors import InputError
from .images import read_labelled

__all__ = ["batches", "hold_out", "read_examples"]


def read_examples(path, network):
    """The arrays x (images) and y (labels) of a file ``.npz``.

    Raises
    ------
    InputError
        If they are not there, or do not fit the network.
    """
    x, y = read_labelled(path)
    if x.ndim == 3 and network.input_shape[2] == 1:
        x = x[..., None]
    if x.shape[1:] != network.input_shape:
        raise InputError(f"{path}: images must be of shape {network.input_shape}, as {network.name} says, not "
                         f"{x.shape[1:]}")
    classes = int(np.prod(network.shapes[network.nodes[-1].name]))
    if y.min() < 0 or y.max() >= classes:
        raise InputError(f"{path}: labels must be 0 to {classes - 1}, as {network.name} says, not {y.min()} to "
                         f"{y.max()}")
    return x, y.astype(np.int32)


def hold_out(x, y, count: int, seed: int):
    """Images and labels in two parts, to train with and ``count`` to validate with, by a permutation of the seed."""
    if not 0 < count < len(x):
        raise InputError(f"images held out must be fewer than the {len(x)} there are, not {count}")
    order = np.random.default_rng([seed, 0]).permutation(len(x))
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    return x[kept], y[kept], x[held], y[held]


def batches(x, y, size: int, generator, shift: int = 0, mirror: bool = False):
    """The whole batches of one epoch in random order.

    Parameters
    ----------
    x : ndarray, shape (n, H, W, C)
    y : ndarray of int, shape (n,)
    size : int
        Images per batch, of which the last may have fewer where there are not so many.
    generator : numpy.random.Generator
    shift : int
        Up to so many pixels each way; what comes in repeats the edge.
    mirror : bool
        Every second image, by chance, is mirrored left to right.
    """
    order = generator.permutation(len(x))
    height, width = x.shape[1:3]
    for begin in range(0, max(1, len(order) - size + 1), size):
        chosen = order[begin:begin + size]
        moves = generator.integers(-shift, shift + 1, (len(chosen), 2))
        mirrored = generator.random(len(chosen)) < (0.5 if mirror else 0)
        images = np.pad(x[chosen], ((0, 0), (shift, shift), (shift, shift), (0, 0)), "edge")
        rows = moves[:, :1] + np.arange(height) + shift
        columns = moves[:, 1:] + np.arange(width) + shift
        columns = np.where(mirrored[:, None], columns[:, ::-1], columns)
        yield images[np.arange(len(chosen))[:, None, None], rows[:, :, None], columns[:, None, :]], y[chosen]
