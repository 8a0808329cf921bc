"""The accuracy-size curve of a network, as a JSON file: written by what trains or searches, read by the report.

An object with the members ``title`` (a string), ``float`` (the network that all points are measured against: accuracy,
and bytes as float32) and ``points``, a list of objects: ``bytes``, all in, as the file of the point has them;
``accuracy``, from 0 to 1; and where they are known ``standard_error`` of that accuracy, ``bits_per_weight`` and
``label``. Only ``points`` must be there. Other members are left for others to read.
"""

import json
import math
from dataclasses import dataclass

from ..cli import atomic_write, read_bytes
from ..errors import InputError

__all__ = ["Curve", "Point", "read_curve", "write_curve"]


@dataclass(frozen=True)
class Point:
    """One network: what it takes and what it does.

    Parameters
    ----------
    bytes : int
        Size with everything in it: words, tables, scales, biases.
    accuracy : float
        0 to 1.
    standard_error : float or None
        Of the accuracy.
    bits_per_weight : float or None
    label : str or None
    """

    bytes: int
    accuracy: float
    standard_error: float | None = None
    bits_per_weight: float | None = None
    label: str | None = None

    def __post_init__(self):
        if isinstance(self.bytes, bool) or not isinstance(self.bytes, int) or self.bytes < 1:
            raise InputError(f"bytes must be a whole number above 0, not {self.bytes!r}")
        for name, most in (("accuracy", 1), ("standard_error", 1), ("bits_per_weight", math.inf)):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if (value is not None or name == "accuracy") and not (number and 0 <= value <= most and value < math.inf):
                raise InputError(f"{name} must be a number from 0{' to 1' if most == 1 else ''}, not {value!r}")
        if self.label is not None and not isinstance(self.label, str):
            raise InputError(f"label must be a string, not {self.label!r}")


@dataclass(frozen=True)
class Curve:
    """Points of one network.

    Parameters
    ----------
    points : tuple of Point
        At least one, in any order.
    reference : Point or None
        The float network; ``float`` in the file.
    title : str
    """

    points: tuple[Point, ...]
    reference: Point | None = None
    title: str = ""

    def __post_init__(self):
        if not self.points:
            raise InputError("points must hold at least one point")
        if not isinstance(self.title, str):
            raise InputError(f"title must be a string, not {self.title!r}")


MEMBERS = tuple(Point.__dataclass_fields__)


def _point(where, member):
    if not isinstance(member, dict):
        raise InputError(f"{where} must be an object, not {member!r:.40}")
    missing = [name for name in ("bytes", "accuracy") if name not in member]
    if missing:
        raise InputError(f"{where} must have the member {missing[0]}")
    try:
        return Point(**{name: member[name] for name in MEMBERS if name in member})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def read_curve(path) -> Curve:
    """Read and check a curve.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Curve

    Raises
    ------
    InputError
        If the file cannot be read, is no JSON, or is not what this module says.
    """
    data = read_bytes(path)
    try:
        found = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise InputError(f"{path}: a curve must be a file of JSON, in UTF-8") from None
    try:
        if not isinstance(found, dict) or not isinstance(found.get("points"), list):
            raise InputError("a curve must be an object with a list points")
        points = tuple(_point(f"point {number}", member) for number, member in enumerate(found["points"]))
        reference = None if found.get("float") is None else _point("float", found["float"])
        return Curve(points, reference, found.get("title", ""))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _members(point):
    return {name: getattr(point, name) for name in MEMBERS if getattr(point, name) is not None}


def write_curve(path, curve: Curve, **others) -> None:
    """Write a curve: whole or not at all.

    Parameters
    ----------
    path : str or Path
    curve : Curve
    **others
        Further members of the object, for other readers: settings, times.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    content = {"title": curve.title} | ({} if curve.reference is None else {"float": _members(curve.reference)})
    content |= {"points": [_members(point) for point in curve.points]} | others
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_write(path, "w") as file:
        file.write(text)
