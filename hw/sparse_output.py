"""The sparse output of a ring: a queue of its lanes' tokens, and their ends."""

from amaranth.hdl import Module, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import TOKEN_QUEUE, Config

from .layouts import sparse_layout, token_layout

__all__ = ["SparseOutput"]


class SparseOutput(wiring.Component):
    """Hands out the tokens of a ring's lanes as they come, each with its lane's turn.

    A lane's end of a segment is told with its last token, or by a record without one. Where the segment is the last of
    its span, the ends of all lanes are told turn by turn once the span has been checked, by records without tokens; so
    an error is never followed by them.

    Throughput: one record per cycle. Latency: one cycle. A turn may begin only if there is ``room``.

    Members
    -------
    token : In(`token_layout`)
        A step of the ring.
    stop : In(1)
        Something went wrong: no record comes on offer any more. What is on offer stays.
    sweeping : In(1)
        After a reset: what the ring then shows is from before it.
    last_of_span : In(1)
        The segment is the span's last.
    span_end : In(1)
        The span has been checked, and all its parts have been taken.
    records : Out(stream of `sparse_layout`)
        Tokens and ends.
    room : Out(1)
        There is a place for what comes of the turn that begins, and for all that is under way.
    empty : Out(1)
        No record waits, or will come without a turn.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "token": In(token_layout(config)),
            "stop": In(1),
            "sweeping": In(1),
            "last_of_span": In(1),
            "span_end": In(1),
            "records": Out(stream.Signature(sparse_layout(config))),
            "room": Out(1),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, token = self._config, self.token
        layout = sparse_layout(config)
        m.submodules.queue = queue = fifo.SyncFIFO(width=layout.size, depth=TOKEN_QUEUE)
        record = Signal(layout)
        over = Signal()  # the lane's segment ends, and that may be told
        offered = Signal()  # what is on offer was so a cycle ago
        goes = Signal()  # a record may be on offer
        ending, turn = Signal(), Signal(range(config.ring))  # the span's end is being told, of the lane of this turn
        m.d.comb += [
            over.eq(token.over & ~self.last_of_span),
            record.turn.eq(token.turn),
            record.run.eq(token.run),
            record.value.eq(token.value),
            record.keep.eq(token.taken),
            record.last.eq(over),
            queue.w_data.eq(record.as_value()),
            queue.w_en.eq(((token.taken | over) & ~self.sweeping) | ending),
            goes.eq(~self.stop | offered),
            queue.r_en.eq(self.records.ready & goes),
            self.records.valid.eq(queue.r_rdy & goes),
            self.records.payload.as_value().eq(queue.r_data),
            self.empty.eq(~queue.r_rdy & ~ending),
        ]
        m.d.sync += [
            offered.eq(self.records.valid & ~self.records.ready),
            self.room.eq((queue.level < config.token_room) & ~ending),
        ]
        with m.If(ending):
            m.d.comb += [record.turn.eq(turn), record.keep.eq(0), record.last.eq(1)]
            with m.If(queue.w_rdy):
                m.d.sync += [turn.eq(turn + 1), ending.eq(turn != config.ring - 1)]
        with m.If(self.span_end):
            m.d.sync += [ending.eq(1), turn.eq(0)]
        return m
