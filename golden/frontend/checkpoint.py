"""The state of a training in a file, whole or not at all: arrays in the order of a tree's leaves, and plain values."""

import json

import numpy as np

from ..errors import InputError
from ..formats import read_tensors, write_npz

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path, leaves, values: dict) -> None:
    """Write a state.

    Parameters
    ----------
    path : str or Path
    leaves : list of ndarray
        Arrays of integers and floats.
    values : dict
        What JSON can say.
    """
    text = np.frombuffer(json.dumps(values).encode(), np.uint8)
    write_npz(path, {"values": text} | {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)})


def read_checkpoint(path, purpose: str):
    """The leaves and the values of a state.

    Parameters
    ----------
    path : str or Path
    purpose : str
        What ``values["purpose"]`` must be: everything that the course of the training follows from.

    Raises
    ------
    InputError
        If the file is no checkpoint, or one of another training.
    """
    arrays = read_tensors(path, widen=False)
    try:
        values = json.loads(arrays.pop("values").tobytes())
        found = values["purpose"]
    except (KeyError, ValueError, TypeError):
        raise InputError(f"{path}: not a checkpoint of a training") from None
    if found != purpose:
        raise InputError(f"{path}: a checkpoint of another training, not of this network, data, targets and settings")
    return [arrays[f"leaf{i}"] for i in range(len(arrays))], values
