"""Integers that a model brings: which of them the codec can hold as they are, and how they pass where it cannot.

The names of what goes beside them, ``NAME.scale``, ``NAME.offset`` and ``NAME.zero_point``, are those of
`golden.formats`. Nothing here changes a value: `original_integers` gives back what the model had.
"""

from typing import NamedTuple

import numpy as np

from .formats import owner_of

__all__ = ["MAX_WEIGHT", "Passed", "code", "dequantize", "original_integers", "pass_raw"]

MAX_WEIGHT = 127


class Passed(NamedTuple):
    """An array of integers on its way to the codec, and what goes beside it."""

    array: np.ndarray  #: int8 within -127..127 if it can be coded
    beside: dict[str, np.ndarray]  #: by the end of the name: ".scale" and so on
    why_raw: str | None  #: why it is not coded, in words; ``None`` if it is


def code(array, scale=None, zero_point=None) -> Passed:
    """Integers as weights, if that loses nothing: with their zero point at 0, within -127..127.

    Parameters
    ----------
    array : ndarray of integers, any shape
    scale : ndarray of float32 or None
        Broadcasts against the array; ``None`` for 1.
    zero_point : ndarray of integers or None
        Likewise; ``None`` for 0.

    Returns
    -------
    Passed
        Coded, ``offset`` is the zero point that was subtracted, of the array's type, where there was one. Raw, the
        array is as it came, beside a ``zero_point`` that says so.
    """
    scale = np.ones((), np.float32) if scale is None else scale
    centred, beside = array, {".scale": scale}
    if zero_point is not None and np.any(zero_point):
        centred = np.subtract(array, zero_point, dtype=np.int16 if array.dtype.itemsize == 1 else np.int64)
        beside[".offset"] = np.asarray(zero_point, array.dtype)
    if _fits(centred):
        return Passed(centred.astype(np.int8), beside, None)
    low, high = int(centred.min()), int(centred.max())
    about = " about the zero point" if centred is not array else ""
    reason = f"{array.dtype} from {low} to {high}{about}, beyond -{MAX_WEIGHT}..{MAX_WEIGHT}"
    return pass_raw(array, scale, zero_point)._replace(why_raw=reason)


def pass_raw(array, scale=None, zero_point=None) -> Passed:
    """Integers that are no weights. Those without a scale become float32 where that is exact."""
    if scale is None and zero_point is None:
        exact = array.astype(np.float32)
        if np.array_equal(exact.astype(np.float64), array) and _float64_is_exact(array):
            return Passed(exact, {}, "integers, as float32")
    beside = {".zero_point": np.asarray(0 if zero_point is None else zero_point).astype(array.dtype)}
    return Passed(array, beside if scale is None else {".scale": scale, **beside}, f"integers of {array.dtype}")


def original_integers(tensors) -> dict[str, np.ndarray]:
    """The integers that a model had, from the arrays of its quantized or decoded file, without what went beside them.

    A zero point that was subtracted is added again; without one, what was coded stays int8, whatever its type was.
    """
    found = {}
    for name, array in tensors.items():
        if array.dtype.kind not in "iu" or _is_companion(name, tensors):
            continue
        offset = tensors.get(f"{name}.offset")
        found[name] = array if offset is None else np.add(array, offset, dtype=np.int64).astype(offset.dtype)
    return found


def dequantize(tensors) -> dict[str, np.ndarray]:
    """The float32 arrays of a quantized network: each integer array, less its ``NAME.zero_point`` if there is one,
    times its ``NAME.scale``; the rest as it is."""
    result = {}
    for name, array in tensors.items():
        if _is_companion(name, tensors):
            continue
        if array.dtype.kind in "iu":
            zero_point = tensors.get(f"{name}.zero_point")
            array = array if zero_point is None else np.subtract(array, zero_point, dtype=np.int64)
            array = np.multiply(array, tensors.get(f"{name}.scale", np.float32(1)), dtype=np.float32)
        result[name] = array
    return result


def _is_companion(name, tensors):
    owner = owner_of(name, tensors)
    return owner is not None and tensors[owner].dtype.kind in "iu"


def _fits(array):
    return not array.size or (array.min() >= -MAX_WEIGHT and array.max() <= MAX_WEIGHT)


def _float64_is_exact(array):
    return array.dtype.itemsize < 8 or not array.size or (array.min() >= -(1 << 53) and array.max() <= 1 << 53)
