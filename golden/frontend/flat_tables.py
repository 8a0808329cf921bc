"""The tables of a FlatBuffers file, in which every place is checked before it is looked at.

The library's reader takes whatever it finds for an offset or a length. Here a table, a vector or a text that is not
within the file is `Unsound`, and so are tables that lead to others again and again: what they have together, counted
as often as something refers to it, may be four times the file at most, so that no small file takes long or becomes
large. A writer does not share tables at all.
"""

from collections.abc import Iterator
from struct import calcsize, unpack_from

import numpy as np

from .unsound import Unsound

__all__ = ["Table", "root"]

SHARED = 4  #: how many times the size of a file its tables may have together
SPARE = 1024  #: bytes besides


class _File:
    """The bytes, and how many of them may still be looked at."""

    def __init__(self, data):
        self.data = data
        self.left = SHARED * len(data) + SPARE

    def number(self, form, place):
        if not 0 <= place <= len(self.data) - calcsize(form):
            raise Unsound(f"something in it is at byte {place} of {len(self.data)}")
        return unpack_from(form, self.data, place)[0]

    def check(self, place, count):
        if not 0 <= place <= place + count <= len(self.data):
            raise Unsound(f"there are {count} bytes at {place} of {len(self.data)} in it")

    def spend(self, place, count):
        self.check(place, count)
        self.left -= count
        if self.left < 0:
            raise Unsound("its tables lead to the same ones again and again")


class Table:
    """A table: its fields by their numbers. Vectors and texts are copies."""

    def __init__(self, file, place):
        self.file = file
        self.place = place
        self.fields = place - file.number("<i", place)
        self.size = file.number("<H", self.fields)
        if self.size % 2 or self.size < 4:
            raise Unsound(f"the fields of a table take {self.size} bytes in it")
        file.spend(self.fields, self.size)
        file.spend(place, 4)

    def _find(self, field):
        """Where a field is; ``None`` if it is not there."""
        offset = self.file.number("<H", self.fields + 4 + 2 * field) if 6 + 2 * field <= self.size else 0
        return self.place + offset if offset else None

    def scalar(self, field, form) -> int:
        """A number of a form of `struct`; 0 if it is not there."""
        place = self._find(field)
        return 0 if place is None else self.file.number(form, place)

    def span(self, field, width) -> tuple[int, int]:
        """First byte and number of elements of a vector, which is not looked at."""
        place = self._find(field)
        if place is None:
            return 0, 0
        place += self.file.number("<I", place)
        count = self.file.number("<I", place)
        self.file.check(place + 4, count * width)
        return place + 4, count

    def vector(self, field, dtype) -> np.ndarray:
        """Numbers of a type of NumPy."""
        place, count = self.span(field, np.dtype(dtype).itemsize)
        length = count * np.dtype(dtype).itemsize
        self.file.spend(place, length)
        return np.frombuffer(self.file.data[place:place + length], dtype)

    def text(self, field) -> str:
        """A text, empty if it is not there."""
        try:
            return self.vector(field, np.uint8).tobytes().decode()
        except UnicodeDecodeError:
            raise Unsound("a name in it is no text") from None

    def table(self, field) -> "Table | None":
        """A table, if it is there."""
        place = self._find(field)
        return None if place is None else Table(self.file, place + self.file.number("<I", place))

    def tables(self, field) -> Iterator["Table"]:
        """A vector of tables, none of which is looked at before it is asked for."""
        start, count = self.span(field, 4)
        for place in range(start, start + 4 * count, 4):
            yield Table(self.file, place + self.file.number("<I", place))


def root(data) -> Table:
    """The outermost table of a file."""
    file = _File(data)
    return Table(file, file.number("<I", 0))
