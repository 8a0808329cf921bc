"""What of a stream one start decodes, and what is sent for it: the words of whole spans, with the header or without."""

from dataclasses import dataclass

from .errors import ConfigError
from .header import header_bytes

__all__ = ["EVERYTHING", "Selection", "Span", "chosen_spans", "selected_bytes", "selected_words", "spans_in_file"]


@dataclass(frozen=True)
class Selection:
    """A choice of segments, and of what is sent before their words.

    Parameters
    ----------
    first : int
        Number of the first segment; the lanes must restart there.
    count : int
        Number of segments, up to the end of a span; 0: all from ``first`` on.
    keep : bool
        The decoder keeps the header that it has read last: words alone are sent.
    load : bool
        The header alone is sent, and no segment decoded. Counts for nothing with ``keep``.

    Raises
    ------
    ConfigError
        If a number is negative.
    """

    first: int = 0
    count: int = 0
    keep: bool = False
    load: bool = False

    def __post_init__(self):
        if self.first < 0 or self.count < 0:
            raise ConfigError(f"first and count must be 0 or more, not {self.first} and {self.count}")


EVERYTHING = Selection()


@dataclass(frozen=True)
class Span:
    """Where the words of a span are.

    Parameters
    ----------
    segment, segments : int
        Number of its first segment, and how many it has.
    weights : int
    offset, size : int
        Of its words in the file, or in the stream, in bytes.
    """

    segment: int
    segments: int
    weights: int
    offset: int
    size: int


def spans_in_file(stream) -> list[Span]:
    """The spans of a stream, in order, one directly behind the other."""
    spans, offset = [], len(header_bytes(stream))
    for (first, last), words in zip(stream.spans, stream.words):
        weights = sum(segment.weights for segment in stream.segments[first:last])
        spans.append(Span(first, last - first, weights, offset, words.nbytes))
        offset += words.nbytes
    return spans


def chosen_spans(stream, selection: Selection) -> range:
    """Numbers of the spans that a start decodes.

    Raises
    ------
    ConfigError
        If the segments chosen are not whole spans; a decoder then ends in its error ``SELECTION``.
    """
    if selection.load and not selection.keep:
        return range(0)
    bounds = [first for first, _ in stream.spans] + [len(stream.segments)]
    end = selection.first + selection.count if selection.count else bounds[-1]
    for name, segment, allowed in (("first", selection.first, bounds[:-1]), ("past-the-last", end, bounds[1:])):
        if segment not in allowed:
            raise ConfigError(f"the {name} segment must be one of {', '.join(map(str, allowed))}, not {segment}")
    return range(bounds.index(selection.first), bounds.index(end))


def selected_bytes(stream, selection: Selection) -> bytes:
    """What a DMA engine sends for a start.

    Parameters
    ----------
    stream : Stream
    selection : Selection

    Returns
    -------
    bytes
        The header unless it is kept, then the words of the spans chosen. Where that is nothing at all, one word of 0,
        which the decoder drops: without a transfer it would not begin.

    Raises
    ------
    ConfigError
        As `chosen_spans`.
    """
    header = b"" if selection.keep else header_bytes(stream)
    data = header + b"".join(stream.words[span].tobytes() for span in chosen_spans(stream, selection))
    return data or bytes(stream.config.word_bits // 8)


def selected_words(stream, selection: Selection) -> int:
    """The number of words that `selected_bytes` are; the errors are the same."""
    header = 0 if selection.keep else len(header_bytes(stream)) // (stream.config.word_bits // 8)
    return header + sum(len(stream.words[span]) for span in chosen_spans(stream, selection)) or 1
