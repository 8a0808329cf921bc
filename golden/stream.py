"""The stream as a value: configuration, tables, segments, and the words of each span."""

from dataclasses import dataclass

import numpy as np

from .config import Config
from .errors import FormatError
from .table import Table

__all__ = ["Segment", "Stream", "lane_counts", "spans_of", "word_dtype", "words_of"]


def word_dtype(word_bits: int) -> np.dtype:
    """The NumPy type of words: little-endian unsigned; 128-bit words are pairs of 64 bits, low half first."""
    return np.dtype(f"<u{min(word_bits, 64) // 8}")


def words_of(data: bytes, word_bits: int) -> list[int]:
    """Bytes as words, the first byte lowest: header, words, or both. A last one that is cut is taken as it is."""
    size = word_bits // 8
    return [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]


def lane_counts(weights: int, lanes: int, vector: int) -> np.ndarray:
    """How many of a segment's weights each lane owns: int64, shape (lanes,). Weight i is of lane ``(i // V) % N``."""
    full, rest = divmod(weights, lanes * vector)
    return full * vector + np.clip(rest - vector * np.arange(lanes, dtype=np.int64), 0, vector)


@dataclass(frozen=True)
class Segment:
    """A run of weights coded with one table.

    Parameters
    ----------
    weights : int
        Number of weights, 1 to ``2 ** 32 - 1``.
    table : int
        Number of its table.
    restart : bool
        Whether the lanes start afresh here. True for the first segment of a stream.
    """

    weights: int
    table: int
    restart: bool = False


def spans_of(segments) -> list[tuple[int, int]]:
    """The spans, as (first, past-the-last) segment numbers: a span runs from one restart to the next."""
    starts = [i for i, segment in enumerate(segments) if segment.restart]
    return list(zip(starts, starts[1:] + [len(segments)]))


@dataclass(frozen=True, eq=False)
class Stream:
    """One compressed stream.

    Parameters
    ----------
    config : Config
    tables : tuple of Table
    segments : tuple of Segment
    words : tuple of ndarray
        Per span, its words in need order without the zero words at the end; dtype `word_dtype`, shape (n,), or (n, 2)
        for 128-bit words.
    """

    config: Config
    tables: tuple[Table, ...]
    segments: tuple[Segment, ...]
    words: tuple[np.ndarray, ...]

    def __post_init__(self):
        if not self.segments or not self.segments[0].restart:
            raise FormatError("a stream must hold at least one segment, and the first must restart the lanes")
        for i, segment in enumerate(self.segments):
            if not 0 <= segment.table < len(self.tables):
                raise FormatError(f"segment {i} names table {segment.table} of {len(self.tables)}")
            if not 1 <= segment.weights < 1 << 32:
                raise FormatError(f"segment {i} must hold 1 to 2**32 - 1 weights, not {segment.weights}")
        for i, table in enumerate(self.tables):
            a, c = table.alphabet, self.config
            if table.table_log != c.table_log:
                raise FormatError(f"table {i} has table log {table.table_log}, the stream {c.table_log}")
            if a.half > c.half or a.raw_bits > c.raw_bits or a.max_run > c.max_run:
                raise FormatError(f"table {i} exceeds the stream's bins, raw bits or max run")
        if len(self.words) != len(self.spans):
            raise FormatError(f"{len(self.spans)} spans need as many word sequences, not {len(self.words)}")

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The spans, as (first, past-the-last) segment numbers."""
        return spans_of(self.segments)

    @property
    def weights(self) -> int:
        """Weights of all segments."""
        return sum(segment.weights for segment in self.segments)
