"""What should become of a stream, right or not, and what became of it in hardware."""

from dataclasses import dataclass

import numpy as np

from golden.codec import MAX_WEIGHTS
from golden.config import Config, OutputMode
from golden.container import parse_stream
from golden.errors import ConfigError, FormatError
from golden.scalar import decode
from golden.stream import Segment, Stream
from hw.build import check_room
from hw.errors import ErrorCode

from .fast import NONE, Broken, End

__all__ = ["Expectation", "LEFT_TO_GOLDEN", "Outcome", "expectation", "judge"]

LEFT_TO_GOLDEN = (  # what the hardware does not check: docs/architecture.md, "Ranges in hardware"
    "max run must be 1 to", "half must be 1 to", "must be written with no more nibbles", "padding nibble",
    "must be filled up", "last word stored", "holds a weight outside",
    "half of table", "raw bits of table", "max run of table",
)


@dataclass(frozen=True, eq=False)
class Expectation:
    """What should become of a stream.

    Parameters
    ----------
    segments : tuple of Segment
        What the header says; none if it is refused.
    weights : ndarray
        int8, of the spans that are right, up to the first that is not.
    spans : int
        How many those are.
    refused : str
        Why it must end in an error; nothing: it must be decoded.
    stream : Stream or None
        Itself, if its header is right.
    """

    segments: tuple[Segment, ...]
    weights: np.ndarray
    spans: int
    refused: str = ""
    stream: Stream | None = None

    @property
    def left(self) -> bool:
        """Whether the hardware may decode it nevertheless."""
        return any(reason in self.refused for reason in LEFT_TO_GOLDEN)

    def ends_unread(self, span: int) -> bool:
        """Whether no lane reads a bit of the last word stored of a span that is right.

        The decoder does not ask for the words of a span's last beat, since no encoder stores one of them; where one is
        stored nevertheless it ends in ``WORDS_LEFT``. The golden model, which asks for them, drops it.
        """
        one = _alone(self.stream, span)
        shorter = Stream(one.config, one.tables, one.segments, (one.words[0][:-1],))
        try:
            return len(one.words[0]) > 0 and all(map(np.array_equal, decode(one), decode(shorter)))
        except FormatError:
            return False


def _alone(stream, span):
    """A span of a stream as a stream by itself."""
    return Stream(stream.config, stream.tables, stream.segments[slice(*stream.spans[span])], (stream.words[span],))


def expectation(data: bytes, config: Config, max_weights: int = MAX_WEIGHTS) -> Expectation | None:
    """What the golden model makes of a stream for a decoder; ``None``: it holds more weights than ``max_weights``.

    Its words are decoded span by span; that their CRC-32s are right is asked for first, of all of them.
    """
    try:
        stream, _ = parse_stream(data)
        check_room(config, stream)
    except (FormatError, ConfigError) as error:
        return Expectation((), np.zeros(0, np.int8), 0, str(error))
    if stream.weights > max_weights:
        return None
    weights, spans, refused = [np.zeros(0, np.int8)], 0, ""
    while spans < len(stream.spans):
        try:
            weights += decode(_alone(stream, spans))
        except FormatError as error:
            refused = str(error)
            break
        spans += 1
    return Expectation(stream.segments, np.concatenate(weights), spans, refused, stream)


@dataclass(frozen=True)
class Outcome:
    """What became of a stream in hardware.

    Parameters
    ----------
    how : str
        The name of the error code; or of what was decoded ``right``, ``other`` weights than those before it was
        corrupted, or ``left``: what is for golden to refuse.
    finding : str
        What the decoder may not do, in words; nothing if it did nothing of the kind.
    """

    how: str
    finding: str = ""


def judge(result, config: Config, expected: Expectation, before: np.ndarray, mended: bool) -> Outcome:
    """What a result comes to.

    Parameters
    ----------
    result : Result
    config : Config
        Of the decoder.
    expected : Expectation
        Of a stream with mended CRC-32s what it says by itself, otherwise what it was before it was corrupted.
    before : ndarray
        The weights before it was corrupted.
    mended : bool
    """
    how = _how(result, expected, before, mended)
    return Outcome(how, _broken(result) or (_disagreement(result, config, expected, how) if mended else ""))


def _how(result, expected, before, mended):
    if result.ended == End.HANG:
        return "hang"
    if result.ended == End.ERROR:
        return ErrorCode(result.error).name
    if expected.refused:
        return "left" if expected.left else "other"
    if result.wrong != NONE or result.broken:
        return "other"
    return "right" if not mended or np.array_equal(expected.weights, before) else "other"


def _broken(result):
    """What no stream excuses."""
    if result.ended == End.HANG:
        return f"no end after {result.cycles} cycles"
    if result.late:
        return f"{result.late} transfers were offered after the error"
    if result.broken in (Broken.CHANGED, Broken.VERDICT) or result.broken and result.ended == End.ERROR:
        return f"the rule {Broken(result.broken).name} was broken"
    if result.ended == End.ERROR and result.wrong_span < result.spans:
        return f"span {result.wrong_span} was ended with wrong weights"
    return ""


def _disagreement(result, config, expected, how):
    """Where hardware and golden model do not do alike. Ends that wait in a sparse output when an error shows stay
    there."""
    failed = result.ended == End.ERROR
    if result.wrong != NONE:
        return f"weight {result.wrong} is not the golden model's"
    if how == ErrorCode.WORDS_LEFT.name and result.spans < expected.spans and expected.ends_unread(result.spans):
        return ""
    if not expected.refused:
        if failed:
            return f"ended in {how}, not refused by the golden model"
        return f"the rule {Broken(result.broken).name} was broken" if result.broken else ""
    if expected.left:
        return ""
    if not failed:
        return f"decoded, but {expected.refused}"
    lost = config.output is OutputMode.SPARSE and result.spans < expected.spans
    if expected.segments and result.spans != expected.spans and not lost:
        return f"ended in {how} after {result.spans} spans, not {expected.spans}"
    return ""
