"""From counts or a slot list to entries: the arithmetic of the table loader."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, enum, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import entry_layout

__all__ = ["Spreader", "count_layout"]


def count_layout(config: Config):
    """A token with its count."""
    return data.StructLayout({
        "run": range(config.max_run),
        "value": signed(config.weight_bits),
        "count": range(config.slots + 1),
    })


class Phase(enum.Enum):
    COUNTS = 0
    SCAN = 1
    PICK = 2
    LIST = 3


class Spreader(wiring.Component):
    """Takes the tokens of one table with their counts, then yields the L entries by state.

    By the spread (`golden.table.spread`) a slot takes one cycle per token and one more; by a slot list one per index.

    Members
    -------
    counts : In(stream of `count_layout`)
        The tokens whose count is not 0, in order.
    spread, listed : In(1)
        All counts are there (they sum to L): begin the spread, or take a slot list.
    indices : In(stream of R bits, rounded up to nibbles)
        The slot list.
    write : Out(1)
        An entry is put out in this cycle.
    slot, entry : Out(R), Out(`entry_layout`)
        That entry.
    tokens : Out(range(L + 1))
        How many tokens there are.
    ready : Out(1)
        Whether the next table can be taken.
    bad : Out(1)
        The index at hand names no token, or one that has had all its slots.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "counts": In(stream.Signature(count_layout(config))),
            "spread": In(1),
            "listed": In(1),
            "indices": In(stream.Signature(4 * -(-config.table_log // 4))),
            "write": Out(1),
            "slot": Out(config.table_log),
            "entry": Out(entry_layout(config)),
            "tokens": Out(range(config.slots + 1)),
            "ready": Out(1),
            "bad": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        work_layout = data.StructLayout({"credit": signed(config.table_log + 2), "turn": range(2 * config.slots + 1)})
        m.submodules.tokens = tokens = memory.Memory(shape=count_layout(config), depth=config.slots, init=[])
        m.submodules.work = work = memory.Memory(shape=work_layout, depth=config.slots, init=[])
        tokens_write, tokens_read = tokens.write_port(), tokens.read_port(domain="comb")
        work_write, work_read = work.write_port(), work.read_port(domain="comb")

        phase = Signal(Phase)
        k = Signal(range(config.slots))
        best = Signal(range(config.slots))
        best_credit = Signal(signed(config.table_log + 2))
        token, state = tokens_read.data, work_read.data
        credit = Signal(signed(config.table_log + 2))
        m.d.comb += [
            self.ready.eq(phase == Phase.COUNTS),
            self.counts.ready.eq(self.ready),
            tokens_write.addr.eq(self.tokens),
            tokens_write.data.eq(self.counts.payload),
            tokens_read.addr.eq(work_read.addr),
            work_write.addr.eq(work_read.addr),
            credit.eq(state.credit + token.count),
        ]
        with m.Switch(phase):
            with m.Case(Phase.COUNTS):
                m.d.comb += [
                    tokens_write.en.eq(self.counts.valid),
                    work_read.addr.eq(self.tokens),
                    work_write.data.credit.eq(0),
                    work_write.data.turn.eq(self.counts.payload.count),
                    work_write.en.eq(self.counts.valid),
                ]
                with m.If(self.counts.valid):
                    m.d.sync += self.tokens.eq(self.tokens + 1)
                m.d.sync += [k.eq(0), self.slot.eq(0)]
                with m.If(self.spread):
                    m.d.sync += phase.eq(Phase.SCAN)
                with m.Elif(self.listed):
                    m.d.sync += phase.eq(Phase.LIST)
            with m.Case(Phase.SCAN):
                m.d.comb += [
                    work_read.addr.eq(k),
                    work_write.data.credit.eq(credit),
                    work_write.data.turn.eq(state.turn),
                    work_write.en.eq(1),
                ]
                m.d.sync += k.eq(k + 1)
                with m.If((k == 0) | (credit > best_credit)):
                    m.d.sync += [best.eq(k), best_credit.eq(credit)]
                with m.If(k == (self.tokens - 1)[:len(k)]):
                    m.d.sync += phase.eq(Phase.PICK)
            with m.Case(Phase.PICK):
                m.d.comb += [
                    work_read.addr.eq(best),
                    work_write.data.credit.eq(best_credit - config.slots),
                    work_write.data.turn.eq(state.turn + 1),
                    work_write.en.eq(1),
                    self.write.eq(1),
                ]
                m.d.sync += [k.eq(0), phase.eq(Phase.SCAN)]
            with m.Case(Phase.LIST):
                m.d.comb += [
                    self.indices.ready.eq(1),
                    work_read.addr.eq(self.indices.payload),
                    work_write.data.credit.eq(0),
                    work_write.data.turn.eq(state.turn + 1),
                    work_write.en.eq(self.indices.valid),
                    self.write.eq(self.indices.valid),
                    self.bad.eq(self.indices.valid & (
                        (self.indices.payload >= self.tokens) | (state.turn >= token.count << 1))),
                ]
        with m.If(self.write):
            m.d.sync += self.slot.eq(self.slot + 1)
            with m.If(self.slot == config.slots - 1):
                m.d.sync += [phase.eq(Phase.COUNTS), self.tokens.eq(0)]
        self._entry(m, token, state.turn)
        return m

    def _entry(self, m, token, turn):
        """``nbits = R - floor(log2 turn)``, ``base = (turn << nbits) - L``."""
        log = self._config.table_log
        m.d.comb += [self.entry.run.eq(token.run), self.entry.value.eq(token.value)]
        for top in range(log + 1):
            with m.If(turn[top]):
                m.d.comb += [
                    self.entry.nbits.eq(log - top),
                    self.entry.base.eq(turn[:top] << (log - top)),
                ]
