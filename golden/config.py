"""The one configuration object: codec, cycle model and RTL take every parameter from here."""

from dataclasses import dataclass, fields
from enum import Enum

from .errors import ConfigError

__all__ = ["Config", "OutputMode", "TableMemory", "TableStyle", "MAX_LANES", "MAX_VECTOR", "MAX_TABLE_LOG", "MAX_RUN",
           "MAX_RAW_BITS", "MAX_BINS", "LOOKOUT_RINGS", "REQUEST_QUEUE", "SELECT_CYCLES", "TOKEN_QUEUE", "WORD_BITS"]

MAX_LANES = 64
MAX_VECTOR = 8
MAX_TABLE_LOG = 12
MAX_RUN = 16
MAX_RAW_BITS = 7
MAX_BINS = 255
MAX_RING = 16
LEAST_BLOCK_RING = 3
QUEUES = (2, 4, 8, 16)
WORD_BITS = (8, 16, 32, 64, 128)
REQUEST_QUEUE = 16  #: requests for words that wait in the decoder's word distribution, besides the one being served
SELECT_CYCLES = 16  #: in which it is checked, ahead of the first span, that the segments chosen are whole spans
LOOKOUT_RINGS = 2  #: rings for which it is looked together whether their parts are there
TOKEN_QUEUE = 16  #: sparse: records that wait at the output of each ring


class TableStyle(Enum):
    """How the decoder holds its symbol tables. The style never shows in the stream."""

    ROM = "rom"  #: logic, the tables of one stream, fixed at generation time
    RAM = "ram"  #: memories, one per ring or for two of them, loaded from the stream's own header


class TableMemory(Enum):
    """What the symbol tables are made of. It never shows in the stream."""

    LOGIC = "logic"  #: look-up tables or small memories in each ring
    BLOCK = "block"  #: block RAM, of which two rings share one through a port each


class OutputMode(Enum):
    """What the decoder hands out. It never shows in the stream."""

    DENSE = "dense"  #: all weights in order
    SPARSE = "sparse"  #: the tokens as they come, a stream per ring


def _whole(name, value, low, high):
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {value!r}")


@dataclass(frozen=True)
class Config:
    """The parameters that encoder, decoder and cycle model share. Immutable, and valid once it exists.

    Parameters
    ----------
    lanes : int
        N, the number of lanes, 1 to 64.
    vector : int
        V, weights per lane and beat, 1 to 8.
    word_bits : int
        W, the bits of a word: 8, 16, 32, 64 or 128; at least ``table_log + raw_bits``.
    preload : int or None
        P, the words preloaded per lane, at least ``1 + ceil(V (R + s) / W)``; ``None`` takes that least value.
    table_log : int
        R, the table has ``2 ** R`` slots, 1 to 12.
    max_run : int
        M, the largest max run of any table, 1 to 16; 1 is the plain weight alphabet.
    raw_bits : int
        s, the largest number of raw bits of any table, 0 to 7.
    bins : int
        The largest number of bins of any table: odd, 3 to 255.
    table_style : TableStyle
        How the decoder holds its tables. No part of the stream.
    max_tables, max_segments : int
        What a decoder of style RAM has room for. No part of the stream.
    ring : int
        C, the lanes that take turns in one ring, 1 to 16, a divisor of ``lanes``; at least 3 for tables in block RAM.
        No part of the stream.
    table_memory : TableMemory
        What the tables are made of. No part of the stream.
    output : OutputMode
        Dense weights or tokens. No part of the stream.
    queue : int or None
        D, the beats that a lane may work ahead of the oldest one not handed out: 2, 4, 8 or 16; ``None`` takes 16 / C,
        4 at least. No part of the stream.
    count_bits : int
        Bits of the numbers of weights in a segment and of words in a span that a decoder has room for, 8 to 32. No part
        of the stream.
    select : bool
        Whether a decoder can be told which segments to decode, and to keep the header. No part of the stream.
    protect : bool
        Whether a decoder guards the entries of its tables and the states of its lanes by parity. No part of the stream.

    Raises
    ------
    ConfigError
        If a parameter is out of range, or the combination breaks a rule of ``docs/format.md``.
    """

    lanes: int = 8
    vector: int = 1
    word_bits: int = 32
    preload: int | None = None
    table_log: int = 7
    max_run: int = 1
    raw_bits: int = 0
    bins: int = 15
    table_style: TableStyle = TableStyle.ROM
    max_tables: int = 8
    max_segments: int = 64
    ring: int = 1
    table_memory: TableMemory = TableMemory.LOGIC
    output: OutputMode = OutputMode.DENSE
    queue: int | None = None
    count_bits: int = 32
    select: bool = False
    protect: bool = False

    def __post_init__(self):
        _whole("lanes", self.lanes, 1, MAX_LANES)
        _whole("vector", self.vector, 1, MAX_VECTOR)
        if self.word_bits not in WORD_BITS or isinstance(self.word_bits, bool):
            raise ConfigError(f"word bits must be one of {', '.join(map(str, WORD_BITS))}, not {self.word_bits!r}")
        _whole("table log", self.table_log, 1, MAX_TABLE_LOG)
        _whole("max run", self.max_run, 1, MAX_RUN)
        _whole("raw bits", self.raw_bits, 0, MAX_RAW_BITS)
        _whole("bins", self.bins, 3, MAX_BINS)
        if self.bins % 2 == 0:
            raise ConfigError(f"bins must be odd, not {self.bins}")
        _whole("max tables", self.max_tables, 1, 256)
        _whole("max segments", self.max_segments, 1, 65536)
        for name, kind in (("table style", TableStyle), ("table memory", TableMemory), ("output", OutputMode)):
            value = getattr(self, name.replace(" ", "_"))
            if not isinstance(value, kind):
                raise ConfigError(f"{name} must be a {kind.__name__}, not {value!r}")
        for name in ("select", "protect"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be True or False, not {getattr(self, name)!r}")
        self._check_ring()
        if self.token_bits > self.word_bits:
            raise ConfigError(f"word bits must be at least table log + raw bits = {self.token_bits}, "
                              f"not {self.word_bits}")
        if self.preload is None:
            object.__setattr__(self, "preload", self.least_preload)
        _whole(f"preload (of {self.lanes} lanes, {self.vector} weights per beat, {self.word_bits}-bit words)",
               self.preload, self.least_preload, 256)

    def _check_ring(self):
        _whole("ring", self.ring, 1, MAX_RING)
        _whole("count bits", self.count_bits, 8, 32)
        if self.lanes % self.ring:
            raise ConfigError(f"ring must divide the {self.lanes} lanes, not be {self.ring}")
        if self.table_memory is TableMemory.BLOCK and self.ring < LEAST_BLOCK_RING:
            raise ConfigError(f"ring must be at least {LEAST_BLOCK_RING} for tables in block RAM, not {self.ring}")
        if self.queue is not None and self.queue not in QUEUES or isinstance(self.queue, bool):
            raise ConfigError(f"queue must be one of {', '.join(map(str, QUEUES))}, not {self.queue!r}")

    @property
    def rings(self) -> int:
        """G, the number of rings: N / C. Lane l is in ring ``l % G``, and takes turn ``l // G`` in it."""
        return self.lanes // self.ring

    @property
    def lane_bits(self) -> int:
        """Bits of a lane's number, one at least."""
        return max(1, (self.lanes - 1).bit_length())

    @property
    def parts_ahead(self) -> int:
        """D: ``queue``, or what ``None`` stands for."""
        return self.queue or max(4, 1 << (16 // self.ring).bit_length() - 1)

    @property
    def beats_ahead(self) -> int:
        """How many beats may be announced that have not been handed out; lanes alone look further ahead than they
        work."""
        return min(self.parts_ahead + 5, 2 * self.parts_ahead - 1) if self.ring == 1 else self.parts_ahead + 1

    @property
    def entry_latency(self) -> int:
        """Cycles from the begin of a lane's turn to its entry and its window of bits; none for a lane alone."""
        return min(self.ring - 1, 2)

    @property
    def step_latency(self) -> int:
        """Cycles from the begin of a lane's turn to the step that it makes."""
        return min(self.ring - 1, 3)

    @property
    def token_latency(self) -> int:
        """Cycles from the begin of a lane's turn, or for a lane alone from the placement of a token, to the record of
        what became of it."""
        return 2 if self.ring == 1 else self.step_latency + 1

    @property
    def token_room(self) -> int:
        """Sparse: a turn may begin in a ring, or a lane alone look up a token, if fewer records than this waited at its
        output two cycles ago; what comes of all that is under way then has room."""
        return TOKEN_QUEUE - (9 if self.ring == 1 else self.token_latency + 3)

    @property
    def chunk_bits(self) -> int:
        """K, the bits in which a lane alone moves along its words: a power of two, R + s at least."""
        return max(8, 1 << (self.token_bits - 1).bit_length())

    @property
    def slots(self) -> int:
        """L, the number of slots of a table."""
        return 1 << self.table_log

    @property
    def token_bits(self) -> int:
        """The most bits that one token takes from the stream: R + s."""
        return self.table_log + self.raw_bits

    @property
    def words_per_beat(self) -> int:
        """Q, the most words that one lane's tokens of one beat ask for: ceil(V (R + s) / W)."""
        return -(-self.vector * self.token_bits // self.word_bits)

    @property
    def request_words(self) -> int:
        """The most words that the lanes of one turn ask for: G Q."""
        return self.rings * self.words_per_beat

    @property
    def order_words(self) -> int:
        """Places for words in a request that are ordered together: a power of two, 4 at least, whose square is G Q or
        more."""
        return max(4, 1 << -(-(self.request_words - 1).bit_length() // 2))

    @property
    def least_preload(self) -> int:
        """The smallest P that cannot deadlock: 1 + ceil(V (R + s) / W)."""
        return 1 + self.words_per_beat

    @property
    def beat_weights(self) -> int:
        """Weights per full beat: N x V."""
        return self.lanes * self.vector

    @property
    def transfer_weights(self) -> int:
        """Weights per full output transfer of a dense decoder: G x V. A beat takes C transfers."""
        return self.rings * self.vector

    @property
    def half(self) -> int:
        """The largest magnitude of a weight: (bins - 1) / 2."""
        return self.bins // 2

    @property
    def weight_bits(self) -> int:
        """Bits of a signed weight."""
        return self.half.bit_length() + 1

    def as_dict(self) -> dict:
        """The parameters as plain values, in order, for a manifest."""
        return {f.name: getattr(v, "value", v) for f in fields(self) for v in [getattr(self, f.name)]}

    @classmethod
    def from_dict(cls, values: dict) -> "Config":
        """The inverse of `as_dict`."""
        values = dict(values)
        for name, kind in (("table_style", TableStyle), ("table_memory", TableMemory), ("output", OutputMode)):
            if name in values:
                values[name] = kind(values[name])
        return cls(**values)
