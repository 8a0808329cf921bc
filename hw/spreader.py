"""From counts or a slot list to entries: the arithmetic of the table loader."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, memory, stream, wiring
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
        credits = signed(config.table_log + 2)
        work_layout = data.StructLayout({"credit": credits, "turn": range(2 * config.slots + 1)})
        m.submodules.tokens = tokens = memory.Memory(shape=count_layout(config), depth=config.slots, init=[])
        m.submodules.work = work = memory.Memory(shape=work_layout, depth=config.slots, init=[])
        self._new_token = tokens.write_port()
        self._token = tokens.read_port(domain="comb")
        self._work = work.read_port(domain="comb")
        self._new_work = work.write_port()
        self._k = Signal(range(config.slots))  # the token being looked at
        self._best = Signal(range(config.slots))  # the one with the greatest credit so far
        self._best_credit = Signal(credits)
        m.d.comb += [
            self._new_token.addr.eq(self.tokens),
            self._new_token.data.eq(self.counts.payload),
            self._token.addr.eq(self._work.addr),
            self._new_work.addr.eq(self._work.addr),
        ]
        with m.FSM():
            self._counts(m)
            self._spread(m)
            self._list(m)
        with m.If(self.write):
            m.d.sync += self.slot.eq(self.slot + 1)
        with m.If(self.write & self._last_slot):
            m.d.sync += self.tokens.eq(0)
        self._entry(m, self._token.data, self._work.data.turn)
        return m

    @property
    def _last_slot(self):
        return self.slot == self._config.slots - 1

    def _counts(self, m):
        """Take the tokens."""
        taken = self.counts.valid
        with m.State("COUNTS"):
            m.d.comb += [
                self.ready.eq(1),
                self.counts.ready.eq(1),
                self._new_token.en.eq(taken),
                self._work.addr.eq(self.tokens),
                self._new_work.data.credit.eq(0),
                self._new_work.data.turn.eq(self.counts.payload.count),
                self._new_work.en.eq(taken),
            ]
            m.d.sync += [self.tokens.eq(self.tokens + taken), self._k.eq(0), self.slot.eq(0)]
            with m.If(self.spread):
                m.next = "SCAN"
            with m.Elif(self.listed):
                m.next = "LIST"

    def _spread(self, m):
        """For each slot raise the credit of every token and find the greatest, then pay with it."""
        k, work = self._k, self._work.data
        credit = Signal.like(self._best_credit)
        m.d.comb += credit.eq(work.credit + self._token.data.count)
        with m.State("SCAN"):
            m.d.comb += [
                self._work.addr.eq(k),
                self._new_work.data.credit.eq(credit),
                self._new_work.data.turn.eq(work.turn),
                self._new_work.en.eq(1),
            ]
            m.d.sync += k.eq(k + 1)
            with m.If((k == 0) | (credit > self._best_credit)):
                m.d.sync += [self._best.eq(k), self._best_credit.eq(credit)]
            with m.If(k == (self.tokens - 1)[:len(k)]):
                m.next = "PICK"
        with m.State("PICK"):
            m.d.comb += [
                self._work.addr.eq(self._best),
                self._new_work.data.credit.eq(self._best_credit - self._config.slots),
                self._new_work.data.turn.eq(work.turn + 1),
                self._new_work.en.eq(1),
                self.write.eq(1),
            ]
            m.d.sync += k.eq(0)
            m.next = "SCAN"
            with m.If(self._last_slot):
                m.next = "COUNTS"

    def _list(self, m):
        """Take each slot's token from the list."""
        index, work = self.indices, self._work.data
        with m.State("LIST"):
            m.d.comb += [
                index.ready.eq(1),
                self._work.addr.eq(index.payload),
                self._new_work.data.credit.eq(0),
                self._new_work.data.turn.eq(work.turn + 1),
                self._new_work.en.eq(index.valid),
                self.write.eq(index.valid),
                self.bad.eq(index.valid & (
                    (index.payload >= self.tokens) | (work.turn >= self._token.data.count << 1))),
            ]
            with m.If(index.valid & self._last_slot):
                m.next = "COUNTS"

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
