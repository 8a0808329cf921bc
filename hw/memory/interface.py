"""The interface of every block memory, and what its renderings for one family's primitive share."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from golden.errors import ConfigError

__all__ = ["LATENCY", "BlockMemory", "write_layout"]

LATENCY = 2  # cycles from address to data: the array, then the output register


def write_layout(width: int, depth: int) -> data.StructLayout:
    """One write: whether, where, what."""
    return data.StructLayout({"enable": 1, "address": ceil_log2(depth), "data": width})


class BlockMemory(wiring.Component):
    """A memory in block RAM, read through an output register. Each family has its own; `block_memory` makes one.

    Latency: the address given in cycle t yields data in cycle t + 2, on every port and in every cycle. A word written
    in cycle t may be read (its address given) from cycle t + 1 on. Undefined are: what port 0 reads in a cycle with a
    write, what any port reads of the very word that is being written, and the data of the first two cycles. A reset
    leaves contents and data as they are.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words, from 2 to what the family's primitive holds: there are never multiplexers behind the output register.
    init : sequence of int
        The first words; zero beyond them.
    ports : int
        1 or 2 words per cycle.
    writable : bool

    Members
    -------
    address : In, one per port
        What to read. At or beyond ``depth`` the data are undefined.
    data : Out(width), one per port
        What was read.
    write : In(`write_layout`)
        Writable memories only.
    """

    MAX_DEPTH = 1 << 16
    ASPECTS = {36: 512, 18: 1024, 9: 2048, 4: 4096, 2: 8192, 1: 16384}  # words by their bits, in one primitive
    COPIED = False  # whether a second port takes a second copy

    def __init__(self, width: int, depth: int, init=(), ports: int = 1, writable: bool = False):
        self.width, self.depth, self.init, self.ports, self.writable = width, depth, tuple(init), ports, writable
        members = {
            "address": In(ceil_log2(depth)).array(ports),
            "data": Out(width).array(ports),
        }
        if writable:
            members["write"] = In(write_layout(width, depth))
        super().__init__(members)

    @classmethod
    def check(cls, width: int, depth: int, init=(), ports: int = 1) -> None:
        """Raise `ConfigError` if there can be no such memory. Before it is made, as Amaranth warns of unused parts."""
        if width < 1:
            raise ConfigError(f"width of a block memory must be at least 1, not {width!r}")
        if not 2 <= depth <= cls.MAX_DEPTH:
            raise ConfigError(f"depth of a block memory must be from 2 to {cls.MAX_DEPTH} here, not {depth!r}")
        if ports not in (1, 2):
            raise ConfigError(f"ports of a block memory must be 1 or 2, not {ports!r}")
        if len(init) > depth:
            raise ConfigError(f"a block memory of {depth} words cannot begin with {len(init)}")
        if any(not 0 <= word < 1 << width for word in init):
            raise ConfigError(f"words of a block memory must be from 0 to {(1 << width) - 1}")

    @classmethod
    def primitives(cls, width: int, depth: int, ports: int = 1) -> int:
        """How many of the family's primitives such a memory takes; more for more words than `check` allows."""
        bits = next((bits for bits, words in cls.ASPECTS.items() if depth <= words), min(cls.ASPECTS))
        rows = -(-depth // cls.ASPECTS[bits])
        return rows * -(-width // bits) * (ports if cls.COPIED else 1)

    def image(self, low: int, count: int, place) -> int:
        """Some bits of every word, laid out as one number.

        Parameters
        ----------
        low, count : int
            Which bits: from ``low``, so many.
        place : callable
            From (word number, bit from ``low``) to the bit of the result.
        """
        bits = 0
        for number, word in enumerate(self.init):
            for bit in range(min(count, self.width - low)):
                bits |= (word >> low + bit & 1) << place(number, bit)
        return bits
