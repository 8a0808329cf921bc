"""What a board should make of a file: by the golden model, before the board is asked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from golden.cli import naming, read_bytes
from golden.codec import decode
from golden.container import Directory, stream_bytes, unpack
from golden.cycles import simulate
from golden.errors import ConfigError
from golden.stream import Stream
from hw.build import check_room
from hw.contents import contents_of

from .identity import Identity
from .protocol import crcs_of

__all__ = ["Expected"]


@dataclass(frozen=True)
class Expected:
    """A file, and what comes of it.

    Parameters
    ----------
    path : str
    stream : Stream
    directory : Directory
    """

    path: str
    stream: Stream
    directory: Directory

    @classmethod
    def of(cls, path) -> "Expected":
        """Read a file ``.tsy``.

        Raises
        ------
        InputError, FormatError
            If it cannot be read, or is not what the format says.
        """
        data = read_bytes(path)
        with naming(path):
            return cls(str(path), *unpack(data))

    @cached_property
    def data(self) -> bytes:
        """Header and words."""
        return stream_bytes(self.stream)

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """The weights of each segment."""
        with naming(self.path):
            return decode(self.stream)

    @cached_property
    def crcs(self) -> list[int]:
        """Their CRC-32s."""
        return crcs_of(self.weights)

    def cycles(self, identity: Identity) -> int:
        """The cycles of a board's decoder from its first word to its last weight."""
        return simulate(self.stream, identity.config).beats[-1] + 1

    def check_board(self, identity: Identity) -> None:
        """Raise `ConfigError` if a board cannot decode the stream; says why."""
        size = identity.config.word_bits // 8
        try:
            check_room(identity.config, self.stream)
        except ConfigError as error:
            raise ConfigError(f"{self.path} is not for this board ({identity.name}): {error}") from None
        if len(self.data) > identity.depth * size:
            raise ConfigError(f"{self.path} is too large for this board ({identity.name}): {len(self.data):,} bytes, "
                              f"and its memory has {identity.depth * size:,}")
        if identity.stream and contents_of(self.stream).header[1] != identity.stream:
            raise ConfigError(f"{self.path} is not for this board ({identity.name}): its decoder was built for "
                              "another stream, and takes no other")

    def name_of(self, number: int) -> str:
        """A segment by its number, and by the tensor that it is of."""
        sizes = [segment.weights for segment in self.stream.segments]
        owner = next(name for (name, _), (first, last) in
                     zip(self.directory.coded, self.directory.segments(sizes)) if first <= number < last)
        return f"segment {number} ({owner})"
