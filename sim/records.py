"""Long runs in batches, each recorded when it is done, so that a run that was broken off goes on from there."""

import json
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from golden.cli import OneLineParser, atomic_write, read_bytes
from golden.errors import FormatError, InputError

__all__ = ["Record", "add_options", "batches"]


def add_options(parser: OneLineParser, decoders) -> None:
    """Add the options that all long runs have."""
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--decoders", default=",".join(decoders), metavar="NAMES", help="default: %(default)s")
    parser.add_argument("-o", "--output", metavar="FILE",
                        help="the counts as JSON, written after each batch; a run that was broken off goes on from it")


class Record:
    """The tallies of a run, by decoder, and their file.

    Parameters
    ----------
    path : str or None
        A file that is there is gone on from; ``None``: nothing is kept.
    seed : int
        Of the run.
    tally : type
        A dataclass that takes no arguments, or by keywords what `vars` of one became as JSON.

    Raises
    ------
    FormatError, InputError
        If the file is no such record, or of another seed.
    """

    def __init__(self, path: str | None, seed: int, tally: type):
        self.path = path and Path(path)
        self.seed = seed
        self.tally = tally
        self.tallies = {}
        if seed < 0:
            raise InputError(f"seed must be at least 0, not {seed}")
        if self.path and not self.path.absolute().parent.is_dir():
            raise InputError(f"{path}: cannot be written: No such file or directory")
        if self.path and self.path.exists():
            self._read()

    def _read(self):
        text = read_bytes(self.path)
        try:
            record = json.loads(text)
            seed = record["seed"]
            self.tallies = {name: self._tally(values) for name, values in record["decoders"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FormatError(f"{self.path} is not a record of this kind of run") from None
        if seed != self.seed:
            raise InputError(f"{self.path} was begun with seed {seed}, not {self.seed}")

    def _tally(self, values):
        for name, value in vars(self.tally()).items():
            if not isinstance(values[name], int | float if isinstance(value, float) else type(value)):
                raise TypeError(name)
        return self.tally(**values)

    def of(self, name: str):
        """The tally of a decoder."""
        return self.tallies.setdefault(name, self.tally())

    def write(self):
        """Put what there is into the file."""
        if self.path:
            decoders = {name: vars(tally) for name, tally in self.tallies.items()}
            with atomic_write(self.path, "w") as file:
                json.dump({"seed": self.seed, "decoders": decoders}, file, indent=1)
                file.write("\n")


def batches(name: str, record: Record, unit: str, wanted: int) -> Iterator[int]:
    """Once for each batch, with what is left, until a tally has so many of its attribute ``unit``; then it is recorded.

    On a terminal there is a bar.
    """
    tally = record.of(name)
    with tqdm(total=wanted, initial=getattr(tally, unit), desc=name, unit=unit, unit_scale=True, disable=None) as bar:
        while getattr(tally, unit) < wanted:
            yield wanted - getattr(tally, unit)
            bar.update(getattr(tally, unit) - bar.n)
            record.write()
