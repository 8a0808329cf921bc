"""In how many cycles the decoder must have come to an end, whatever a stream holds."""

from golden.config import Config

__all__ = ["cycle_bound"]

FIELD_CYCLES = 7  #: that a nibble of the header takes at most, with what follows the field that it ends
SEGMENT_CYCLES = 64  #: of a span, or of a change of segment, besides what grows with lanes and rings
BEAT_CYCLES = 24  #: from a request for words to the weights that hang on them


def cycle_bound(config: Config, transfers: int, segments) -> int:
    """A bound on the cycles of a stream, those aside in which source or sink hold the decoder up.

    It is no estimate: every nibble could end a field, every table take as long as the slowest one, and every beat wait
    for its words, then for its tokens. A cycle in which the decoder is held up may cost a lane its turn, so it counts C
    times in `sim.fast`.

    Parameters
    ----------
    config : Config
        Of a decoder of style RAM.
    transfers : int
        Of the input, the tail included.
    segments : sequence of Segment
        What the header says; none, if the header is refused.

    Returns
    -------
    int
    """
    tokens = config.max_run * (2 * config.half + 1) + 1
    table = tokens + config.slots * (2 * min(tokens, config.slots) + 9 + 2 * FIELD_CYCLES)
    header = transfers * (config.word_bits // 4 * FIELD_CYCLES + 1) + config.max_tables * table
    beats = sum(-(-segment.weights // config.beat_weights) for segment in segments)
    beat = config.lanes * config.words_per_beat + 3 * config.ring * config.vector + BEAT_CYCLES
    span = config.lanes * config.preload + config.ring * (config.parts_ahead + 8) + SEGMENT_CYCLES
    return header + beats * beat + (len(segments) + 1) * span
