"""The embedded network: a digits classifier, trained by `golden.digits.train` to less than one bit per weight.

Its description is `golden.frontend.networks`' ``digits``. `load` needs NumPy only. The images, which are no part of
Tansy, come from `golden.digits.train.split`.
"""

import json
from importlib import resources

import numpy as np

from ..formats import read_tensors
from ..frontend import forward
from ..frontend.description import find_network
from ..rules import dequantize

__all__ = ["accuracy", "load", "record"]


def load(name: str = "digits") -> dict[str, np.ndarray]:
    """The arrays of the embedded network.

    Parameters
    ----------
    name : str
        "digits", the quantized network: int8 ``LAYER.weight``, float32 ``LAYER.weight.scale``, float16 ``LAYER.bias``;
        or "float", the network before quantization, float32.
    """
    with resources.as_file(resources.files(__package__) / f"{name}.npz") as path:
        return read_tensors(path, widen=False)


def record() -> dict:
    """What `golden.digits.train` wrote down: seed, split, settings, accuracies, layers."""
    return json.loads((resources.files(__package__) / "digits.json").read_text("utf-8"))


def accuracy(tensors, images, labels) -> float:
    """The share of images, 0 to 1, that the network names right.

    Parameters
    ----------
    tensors : dict of str to ndarray
        As of `load`, quantized or float.
    images : ndarray, shape (n, 8, 8)
        Pixels 0 to 16.
    labels : ndarray of int, shape (n,)
    """
    floats = {name: array.astype(np.float32) for name, array in dequantize(tensors).items()}
    return forward.accuracy(find_network("digits"), floats, images, labels)
