"""Images and labels from a ``.npz`` file, and the parts into which calibration divides them."""

import io

import numpy as np

from ..cli import read_bytes
from ..errors import ConfigError, InputError

__all__ = ["read_images", "read_labelled", "split"]


def read_images(path) -> np.ndarray:
    """The array ``x`` of a file: images (n, H, W, C) or (n, H, W), integers or floats.

    Raises
    ------
    InputError
        If the file is no sound ``.npz``, or has no such array.
    """
    return _arrays(path, "x")[0]


def read_labelled(path) -> tuple[np.ndarray, np.ndarray]:
    """The arrays ``x`` and ``y`` of a file: images, and the number of the class of each.

    Raises
    ------
    InputError
        As `read_images`; and if there is not one whole number for each image.
    """
    images, labels = _arrays(path, "x", "y")
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise InputError(f"{path}: y must be {len(images)} whole numbers, not of {labels.dtype} and shape "
                         f"{labels.shape}")
    return images, labels


def split(count: int, wanted: int, held_out: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of images to calibrate with, and of others to measure on: drawn at random, both sorted.

    Parameters
    ----------
    count : int
        Of images there are.
    wanted, held_out : int
        1 or more, and 0 or more. Where there are fewer images, both get their share.
    seed : int
    """
    if wanted < 1 or held_out < 0:
        raise ConfigError(f"images must be from 1 and held-out images from 0, not {wanted} and {held_out}")
    if wanted + held_out > count:
        wanted, held_out = max(1, count * wanted // (wanted + held_out)), count * held_out // (wanted + held_out)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[:wanted]), np.sort(order[wanted:wanted + held_out])


def _arrays(path, *names):
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive.files]
            found = [archive[name] for name in names if not missing]
    except Exception as error:  # What a damaged file makes zipfile, its codecs and NumPy raise is an open set.
        raise InputError(f"{path}: not a sound .npz file: {error}") from None
    if missing:
        raise InputError(f"{path}: must hold an array {missing[0]}; it does not")
    images = found[0]
    if images.dtype.kind not in "iuf" or images.ndim < 3 or not len(images):
        raise InputError(f"{path}: x must be images, numbers of shape (n, height, width, channels), not of "
                         f"{images.dtype} and shape {images.shape}")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError(f"{path}: x must be finite; it is not")
    return found
