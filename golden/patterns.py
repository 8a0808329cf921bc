"""When a source offers and a sink takes: functions of the cycle number, the same in cycle model and simulation."""

from dataclasses import dataclass

from .errors import ConfigError

__all__ = ["ALWAYS", "Pattern"]

_MASK = (1 << 64) - 1
_ARGUMENTS = {"always": (), "never": (), "alternate": (), "burst": ("on", "off"), "random": ("probability", "seed")}


@dataclass(frozen=True)
class Pattern:
    """In which cycles one side of a ready/valid stream is willing. ``pattern(cycle)`` is a bool, without memory.

    Parameters
    ----------
    name : str
        ``always``; ``never``; ``alternate``: the even cycles; ``burst``: ``on`` cycles yes, ``off`` cycles no, and
        again; ``random``: each cycle by itself with a probability, from a hash of seed and cycle number.
    arguments : tuple of numbers
        ``burst``: (on, off), whole numbers, at least 1 and at least 0. ``random``: (probability, seed), above 0 and up
        to 1, and a whole number.

    Raises
    ------
    ConfigError
        If the name is unknown or the arguments are not those of the name.
    """

    name: str
    arguments: tuple = ()

    def __post_init__(self):
        wanted = _ARGUMENTS.get(self.name)
        if wanted is None:
            raise ConfigError(f"pattern must be one of {', '.join(_ARGUMENTS)}, not {self.name!r}")
        if len(self.arguments) != len(wanted):
            form = ":".join((self.name, *wanted))
            raise ConfigError(f"pattern must have the form {form}, not {self}")
        if self.name == "burst" and not (self.arguments[0] >= 1 and self.arguments[1] >= 0):
            raise ConfigError(f"burst must be at least 1 cycle on and 0 off, not {self.arguments}")
        if self.name == "random" and not 0 < self.arguments[0] <= 1:
            raise ConfigError(f"probability must be above 0 and at most 1, not {self.arguments[0]}")

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """From a form such as ``always``, ``burst:3:5`` or ``random:0.25:7``: the inverse of ``str``."""
        name, *words = text.split(":")
        try:
            arguments = tuple(float(word) if name == "random" and i == 0 else int(word) for i, word in enumerate(words))
        except ValueError:
            raise ConfigError(f"pattern must be a name and numbers, not {text!r}") from None
        return cls(name, arguments)

    def __str__(self):
        return ":".join((self.name, *map(str, self.arguments)))

    def __call__(self, cycle: int) -> bool:
        if self.name == "always":
            return True
        if self.name == "alternate":
            return cycle % 2 == 0
        if self.name == "burst":
            on, off = self.arguments
            return cycle % (on + off) < on
        if self.name == "random":
            probability, seed = self.arguments
            return _hash(cycle + (seed << 40)) < probability * 2.0 ** 64
        return False


def _hash(number):
    """64 well-mixed bits: one step of SplitMix64 (Steele, Lea, Flood, "Fast splittable generators", OOPSLA 2014)."""
    number = (number + 1) * 0x9E3779B97F4A7C15 & _MASK
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31


ALWAYS = Pattern("always")
