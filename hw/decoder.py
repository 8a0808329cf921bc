"""The decoder: a stream of words in, a stream of beats out."""

from dataclasses import dataclass

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.config import Config, TableStyle
from golden.errors import ConfigError

from .control import Control
from .distribution import WordDistribution
from .errors import ErrorCode
from .header import Header
from .join import Join
from .lane import Lane
from .layouts import beat_layout, transfer_layout
from .records import Records
from .sequencer import SegmentSequencer

__all__ = ["Contents", "Decoder", "MAX_TABLE_LOG", "check_contents"]

MAX_TABLE_LOG = 7  #: largest R of tables in logic


@dataclass(frozen=True)
class Contents:
    """What a decoder of style ROM knows of its stream, as plain ints.

    Parameters
    ----------
    tables : list of list of dict
        See `SymbolTable`.
    records : list of dict
        See `Records`.
    header : (int, int)
        See `Header`.
    """

    tables: list
    records: list
    header: tuple


def check_contents(config: Config, contents: Contents | None) -> None:
    """Raise `ConfigError` if there can be no decoder of this configuration with these contents."""
    if config.table_log > MAX_TABLE_LOG:
        raise ConfigError(f"table log must be at most {MAX_TABLE_LOG} for tables in logic, not {config.table_log}")
    if (contents is None) == (config.table_style is TableStyle.ROM):
        raise ConfigError(f"a decoder of style {config.table_style.name} must be built "
                          f"{'with' if contents is None else 'without'} the contents of a stream")


class Decoder(wiring.Component):
    """Decodes streams, one after the other.

    Throughput: one beat per cycle where every lane needs at most one token for its V weights, and while the input
    brings the words (one per cycle at most). The last beat of a span is held back until the CRC-32 of the span's words
    and the end states of the lanes have been checked. Reset: ready for a stream.

    Parameters
    ----------
    config : Config
        R up to 7.
    contents : Contents or None
        Style ROM: of the one stream that it decodes.

    Members
    -------
    words : In(stream of `transfer_layout`)
        Header and words; what follows them up to the last transfer is ignored.
    beats : Out(stream of `beat_layout`)
        The weights.
    busy, done : Out(1)
        A stream is being decoded; the last beat of a stream has been taken, and no transfer of the next one.
    error : Out(ErrorCode)
        Why decoding stopped. The input is then ignored up to its last transfer. Only a reset ends this.

    Raises
    ------
    ConfigError
        If R is too large for tables in logic, or ``contents`` does not go with the table style.
    """

    def __init__(self, config: Config, contents: Contents | None = None):
        check_contents(config, contents)
        self._config = config
        self._contents = contents or Contents([], [], None)
        super().__init__({
            "words": In(stream.Signature(transfer_layout(config))),
            "beats": Out(stream.Signature(beat_layout(config))),
            "busy": Out(1),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        config, contents = self._config, self._contents
        m.submodules.control = control = Control(config)
        m.submodules.header = header = ResetInserter(control.fresh)(Header(config, contents.header))
        m.submodules.records = records = Records(config, contents.records)
        m.submodules.sequencer = sequencer = SegmentSequencer(config)
        m.submodules.distribution = distribution = WordDistribution(config)
        m.submodules.join = join = Join(config)
        lanes = [Lane(config, contents.tables) for _ in range(config.lanes)]
        for number, lane in enumerate(lanes):
            m.submodules[f"lane_{number}"] = lane
            connect(m, lane.beat, join.parts[number])
            m.d.comb += [
                lane.words.valid.eq(distribution.to_lane[number]),
                lane.words.payload.eq(distribution.word),
                lane.start.eq(control.start),
                lane.current.eq(sequencer.current.lanes[number]),
                lane.current.valid.eq(sequencer.current.lanes[number].valid & control.running),
                lane.following.eq(sequencer.following.lanes[number]),
                lane.write.eq(header.table_write),
                lane.clear.eq(control.begin),
                join.at_zero[number].eq(lane.at_zero),
            ]
        connect(m, flipped(self.words), control.transfers)
        connect(m, control.header_words, header.source)
        connect(m, control.span_words, distribution.source)
        connect(m, join.requests, distribution.requests)
        connect(m, join.beats, flipped(self.beats))
        m.d.comb += [
            control.header_done.eq(header.done),
            control.header_error.eq(header.error),
            control.preloading.eq(distribution.preloading),
            control.waiting.eq(self.beats.valid & ~self.beats.ready),
            control.span_end.eq(join.retire & sequencer.current.last_of_span),
            control.stream_end.eq(sequencer.current.last_of_stream),
            control.rejected.eq(join.rejected),
            records.write.eq(header.record_write),
            records.address.eq(sequencer.address),
            sequencer.begin.eq(control.begin),
            sequencer.record.eq(records.record),
            sequencer.segments.eq(header.segments),
            sequencer.restart.eq(control.fresh),
            sequencer.retire.eq(join.retire),
            distribution.begin.eq(control.begin),
            distribution.words.eq(records.record.words),
            distribution.crc.eq(records.record.crc),
            join.running.eq(control.running),
            join.current.eq(sequencer.current),
            join.idle.eq(distribution.idle),
            join.used.eq(distribution.used),
            join.fits.eq(distribution.fits),
            self.busy.eq(control.busy),
            self.done.eq(control.done),
            self.error.eq(control.error),
        ]
        return m
