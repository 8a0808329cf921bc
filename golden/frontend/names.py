"""Different names for the tensors of a file."""

__all__ = ["Names"]


class Names:
    """Names that were given; the second tensor of a name gets ``#2`` behind its own."""

    def __init__(self):
        self.given = set()
        self.last = {}  # name: the number of the last tensor of that name

    def give(self, name) -> str:
        """The name, or one made from it."""
        number, found = self.last.get(name, 1), name
        while found in self.given:
            number += 1
            found = f"{name}#{number}"
        self.last[name] = number
        self.given.add(found)
        return found
