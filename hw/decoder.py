"""The decoder: a stream of words in, a stream of beats or streams of tokens out."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.config import LOOKOUT_RINGS, Config, OutputMode, TableMemory, TableStyle
from golden.errors import ConfigError

from .block_tables import BlockTables, check_block_tables
from .control import Control
from .distribution import WordDistribution
from .errors import ErrorCode
from .expander import Expander
from .header import Header
from .join import Join
from .lane import Lane
from .layouts import beat_layout, select_port, sparse_layout, transfer_layout
from .lookout import Lookout
from .part_queue import PartQueue
from .record_memory import RecordMemory, check_record_memory
from .records import Records
from .ring import Ring
from .selection import Selection
from .sequencer import SegmentSequencer
from .sparse_output import SparseOutput
from .symbol_table import SymbolTable

__all__ = ["Contents", "Decoder", "MAX_TABLE_LOG", "check_decoder"]

MAX_TABLE_LOG = {TableMemory.LOGIC: 7, TableMemory.BLOCK: 11}  #: the largest R


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


def check_decoder(config: Config, contents: Contents | None, target: str | None) -> None:
    """Raise `ConfigError` if there can be no decoder of this configuration with these contents for this target."""
    most = MAX_TABLE_LOG[config.table_memory]
    if config.table_log > most:
        raise ConfigError(f"table log must be at most {most} for tables in {config.table_memory.value}, "
                          f"not {config.table_log}")
    if config.table_log == config.word_bits:
        raise ConfigError(f"word bits must be more than the table log {config.table_log} in hardware")
    if (contents is None) == (config.table_style is TableStyle.ROM):
        raise ConfigError(f"a decoder of style {config.table_style.name} must be built "
                          f"{'with' if contents is None else 'without'} the contents of a stream")
    if config.table_memory is TableMemory.BLOCK:
        check_block_tables(config, target)
    if config.table_style is TableStyle.RAM:
        check_record_memory(config, target)


class Decoder(wiring.Component):
    """Decodes streams, one after the other.

    Throughput: one transfer per cycle where every lane needs at most one token for its V weights, and while the input
    brings the words (one per cycle at most). The last transfer of a span is held back until the CRC-32 of the span's
    words and the end states of the lanes have been checked. Reset: ready for a stream.

    With a sparse output each ring hands out the tokens of its lanes as they come, one per cycle at most; what is held
    back until the check is the mark of each lane's end.

    Parameters
    ----------
    config : Config
        R up to 7 with tables in logic, up to 11 in block RAM.
    contents : Contents or None
        Style ROM: of the one stream that it decodes.
    target : str or None
        The family whose block RAM primitives are to be used; see `hw.memory.block_memory`. ``None``: any tool's.

    Members
    -------
    words : In(stream of `transfer_layout`)
        Header and words; what follows them up to the last transfer is ignored.
    beats : Out(stream of `beat_layout`)
        The weights, if the output is dense.
    tokens : Out(stream of `sparse_layout`).array(G)
        The tokens of each ring's lanes, if it is sparse.
    busy, done : Out(1)
        A stream is being decoded; the last transfer of a stream has been taken, and none of the next one.
    error : Out(ErrorCode)
        Why decoding stopped. The input is then ignored up to its last transfer. Only a reset ends this.
    select : In(`select_port`)
        With ``config.select``: which segments to decode, and what is sent for it.
    loaded : Out(1)
        With ``config.select``: there is a header to keep. No reset changes this.

    Raises
    ------
    ConfigError
        If R is too large, or ``contents`` does not go with the table style, or the target cannot hold the tables.
    """

    def __init__(self, config: Config, contents: Contents | None = None, target: str | None = None):
        check_decoder(config, contents, target)
        self._target = target
        self._config = config
        self._contents = contents or Contents([], [], None)
        super().__init__({
            "words": In(stream.Signature(transfer_layout(config))),
            **self._output_members(config),
            "busy": Out(1),
            "done": Out(1),
            "error": Out(ErrorCode),
            **({"select": In(select_port(config)), "loaded": Out(1)} if config.select else {}),
        })

    @staticmethod
    def _output_members(config):
        if config.output is OutputMode.DENSE:
            return {"beats": Out(stream.Signature(beat_layout(config)))}
        return {"tokens": Out(stream.Signature(sparse_layout(config))).array(config.rings)}

    def elaborate(self, platform):
        m = Module()
        config, contents = self._config, self._contents
        m.submodules.control = control = Control(config)
        m.submodules.header = header = ResetInserter(control.fresh)(
            Header(config, contents.header, self._target))
        m.submodules.sequencer = sequencer = SegmentSequencer(config)
        records = self._records(m, header, sequencer)
        m.submodules.distribution = distribution = WordDistribution(config)
        m.submodules.join = join = Join(config)
        self._resting, self._at_zero = Signal(config.rings), Signal(config.rings)
        self._empty = Signal(config.rings)  # sparse: no token or end waits
        lookouts = self._lookouts(m, control, join)
        rings = [self._ring(m, number, control, sequencer, distribution, join, lookouts[number // LOOKOUT_RINGS])
                 for number in range(config.rings)]
        self._symbol_tables(m, rings, header)
        connect(m, flipped(self.words), control.transfers)
        connect(m, control.header_words, header.source)
        connect(m, control.span_words, distribution.source)
        connect(m, join.requests, distribution.requests)
        drained = self._output(m, join)
        header_error = self._segments(m, control, header, sequencer, records)
        m.d.comb += [
            control.header_done.eq(header.done),
            control.header_error.eq(header_error),
            control.preloading.eq(distribution.preloading),
            control.span_end.eq(join.span_end),
            control.stream_end.eq(sequencer.last_of_stream),
            control.drained.eq(drained),
            control.rejected.eq(join.rejected),
            records.address.eq(sequencer.address),
            sequencer.load.eq(control.begin | (join.segment_end & ~join.span_end)),
            sequencer.record.eq(records.record),
            sequencer.turn.eq(control.turn),
            sequencer.retired.eq(join.wanted.number),
            distribution.begin.eq(control.begin),
            distribution.words_stored.eq(records.record.words),
            distribution.crc.eq(records.record.crc),
            join.stop.eq(control.stop),
            join.ended.eq(sequencer.announced[0].ended),
            join.announced.eq(sequencer.announced[0].parts),
            join.last_turn.eq(sequencer.last_turn),
            join.left.eq(sequencer.left),
            join.last_of_span.eq(sequencer.last_of_span),
            join.room.eq(distribution.room),
            join.idle.eq(distribution.idle),
            join.used.eq(distribution.used),
            join.fits.eq(distribution.fits),
            self.busy.eq(control.busy),
            self.done.eq(control.done),
            self.error.eq(control.error),
        ]
        m.d.sync += [join.resting.eq(self._resting.all()), join.at_zero.eq(self._at_zero.all())]
        if config.protect:
            m.d.sync += control.upset.eq(Cat(ring.upset for ring in rings).any())
        return m

    def _segments(self, m, control, header, sequencer, records):
        """Which segments are decoded: all, or those chosen. Returns the error of header and choice."""
        if not self._config.select:
            m.d.comb += [sequencer.segments.eq(header.segments), sequencer.restart.eq(control.fresh)]
            return header.error
        m.submodules.selection = selection = Selection(self._config, len(self._contents.records) or None)
        connect(m, flipped(self.select), selection.select)
        m.d.comb += [
            selection.header_begun.eq(control.header_words.valid & control.header_words.ready),
            selection.header_done.eq(control.loaded),
            selection.segments.eq(header.segments),
            selection.selecting.eq(control.selecting),
            selection.restart.eq(records.record.restart),
            control.keep.eq(self.select.keep),
            control.load.eq(self.select.load),
            control.selected.eq(selection.selected),
            sequencer.segments.eq(selection.end),
            sequencer.restart.eq(selection.move),
            sequencer.start.eq(selection.address),
            self.loaded.eq(selection.loaded),
        ]
        return header.error.as_value() | selection.error.as_value()

    def _output(self, m, join):
        """The transfers of weights, if the output is dense; returns whether all that was handed out has been taken."""
        if self._config.output is OutputMode.SPARSE:
            return self._empty.all()
        connect(m, join.beats, flipped(self.beats))
        return ~self.beats.valid | self.beats.ready

    def _works(self, control):
        """Whether lanes may work: in this cycle, or, if they are alone, in the next one."""
        return (control.starting | control.running) if self._config.ring == 1 else control.running

    def _expand(self, m, number, control, ring):
        """Dense: a ring's tokens become weights. Returns when it may work, the weights, and the statements."""
        m.submodules[f"expander_{number}"] = expander = Expander(self._config)
        return self._works(control), expander.weights, [
            expander.token.eq(ring.token),
            expander.clear.eq(control.loading),
        ]

    def _hand_out(self, m, number, control, sequencer, join, ring):
        """Sparse: a ring's tokens go out. Returns when it may work, no weights, and the statements."""
        m.submodules[f"output_{number}"] = output = SparseOutput(self._config)
        connect(m, output.records, flipped(self.tokens[number]))
        return self._works(control) & output.room, 0, [
            output.token.eq(ring.token),
            output.stop.eq(control.stop),
            output.sweeping.eq(control.sweeping),
            output.last_of_span.eq(sequencer.last_of_span),
            output.span_end.eq(join.span_end),
            self._empty[number].eq(output.empty),
        ]

    def _symbol_tables(self, m, rings, header):
        """The symbol tables: for each ring in logic, or for two rings in a block RAM."""
        config, contents = self._config, self._contents
        if config.table_memory is TableMemory.LOGIC:
            for number, ring in enumerate(rings):
                table = SymbolTable(config, config.entry_latency, contents.tables)
                m.submodules[f"table_{number}"] = table
                m.d.comb += [
                    table.lookup.eq(ring.lookup),
                    ring.entry.eq(table.entry),
                    table.write.eq(header.table_write),
                ]
            return
        for first in range(0, len(rings), 2):
            pair = rings[first:first + 2]
            m.submodules[f"tables_{first // 2}"] = table = BlockTables(config, len(pair), self._target, contents.tables)
            m.d.comb += table.write.eq(header.table_write)
            for port, ring in enumerate(pair):
                m.d.comb += [table.lookup[port].eq(ring.lookup), ring.entry.eq(table.entry[port])]

    def _records(self, m, header, sequencer):
        """The segments, fixed or as the header has them."""
        if self._config.table_style is TableStyle.ROM:
            m.submodules.records = records = Records(self._config, self._contents.records)
            return records
        m.submodules.records = records = RecordMemory(self._config, self._target)
        m.d.comb += [records.write.eq(header.record_write), records.moved.eq(sequencer.load | sequencer.restart)]
        return records

    def _lookouts(self, m, control, join):
        """Who looks which parts are there, for some rings each."""
        lookouts = []
        for number, ahead in enumerate(join.ahead):
            rings = min(LOOKOUT_RINGS, self._config.rings - number * LOOKOUT_RINGS)
            m.submodules[f"lookout_{number}"] = lookout = Lookout(self._config, rings)
            m.d.comb += [
                lookout.sweeping.eq(control.sweeping),
                lookout.advance.eq(join.advance),
                ahead.eq(lookout.ahead),
            ]
            lookouts.append(lookout)
        return lookouts

    def _ring(self, m, number, control, sequencer, distribution, join, lookout):
        """One ring, from its words to its parts of beats, or its tokens."""
        config = self._config
        if config.ring == 1:
            m.submodules[f"lane_{number}"] = ring = Lane(config)
            m.d.comb += ring.clear.eq(control.begin)
        else:
            m.submodules[f"ring_{number}"] = ring = Ring(config)
            m.d.comb += [
                ring.turn.eq(control.turn),
                ring.loading.eq(control.loading),
                ring.sweeping.eq(control.sweeping),
            ]
        queue = PartQueue(config)
        if config.output is OutputMode.DENSE:
            running, weights, consumed = self._expand(m, number, control, ring)
        else:
            running, weights, consumed = self._hand_out(m, number, control, sequencer, join, ring)
        m.submodules[f"queue_{number}"] = queue
        m.d.comb += [
            ring.words.eq(distribution.words[number]),
            ring.announced.eq(sequencer.announced[number]),
            ring.oldest.eq(join.wanted.number),
            ring.starting.eq(control.starting),
            ring.running.eq(running),
            *consumed,
            queue.write.eq(ring.token.complete),
            queue.turn.eq(ring.token.turn),
            queue.number.eq(ring.token.part),
            queue.part.weights.eq(weights),
            queue.part.asked.eq(ring.token.asked),
            queue.sweep.eq(control.sweeping),
            queue.place.eq(control.place),
            queue.read.eq(join.wanted),
            queue.look.eq(lookout.place),
            lookout.there[number % LOOKOUT_RINGS].eq(queue.there),
            join.parts[number].eq(queue.shown),
            self._resting[number].eq(ring.resting),
            self._at_zero[number].eq(ring.at_zero),
        ]
        return ring
