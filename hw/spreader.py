"""From counts or a slot list to entries: the arithmetic of the table loader."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .delay import delay
from .layouts import entry_layout
from .memory import block_memory
from .parity import parity_of

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

    By the spread (`golden.table.spread`) a slot takes two cycles per token and nine more; by a slot list five cycles
    from index to index. What is read of a token is at hand three cycles later, what becomes of it is written back in
    the cycle after that, and an entry is put out a cycle later still.

    Parameters
    ----------
    config : Config
    target : str or None
        The family whose block RAM holds the tokens; see `hw.memory.block_memory`.

    Members
    -------
    counts : In(stream of `count_layout`)
        The tokens whose count is not 0, in order. None may come in the cycle before ``spread`` or ``listed``, or in
        that of the last entry.
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
        The index taken four cycles ago names no token, or one that has had all its slots.
    """

    def __init__(self, config: Config, target: str | None = None):
        self._config = config
        self._target = target
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
        self._credits = signed(config.table_log + 2)
        steps = data.StructLayout({
            "scan": 1,  # raise the credit of a token
            "first": 1,  # the first one's
            "pick": 1,  # it gets the slot, and pays
            "take": 1,  # it gets the slot by the list
            "number": len(self.indices.payload),
        })
        self._ask, self._step = Signal(steps), [Signal(steps, name=f"step_{number}") for number in range(5)]
        for step, before in zip(self._step, [self._ask, *self._step]):
            m.d.sync += step.eq(before)
        self._best = Signal(range(config.slots))  # the token with the greatest credit so far
        self._best_credit = Signal(self._credits, reset_less=True)
        work_layout = data.StructLayout({"credit": self._credits, "turn": range(2 * config.slots + 1)})
        self._new, self._renew = Signal(work_layout, reset_less=True), Signal()
        self._new_number = Signal(config.table_log, reset_less=True)
        token, work = self._memories(m)
        self._change(m, token, work)
        with m.FSM():
            self._counts(m)
            self._spread(m)
            self._list(m)
        with m.If(self.write):
            m.d.sync += self.slot.eq(self.slot + 1)
            with m.If(self._last_slot):
                m.d.sync += self.tokens.eq(0)
        self._entry(m, token, work.turn)
        return m

    @property
    def _last_slot(self):
        return self.slot == self._config.slots - 1

    @property
    def _taken(self):
        return self.counts.valid & self.counts.ready

    def _memories(self, m):
        """The tokens with their counts, and what changes of them: both as of the token asked for three cycles ago."""
        slots, taken = self._config.slots, self._taken
        token, work = count_layout(self._config), self._new.shape()
        m.submodules.tokens = tokens = block_memory(self._target, token.size, slots, ports=2, writable=True)
        m.submodules.works = works = block_memory(self._target, work.size, slots, ports=2, writable=True)
        for store, enable, number, new in ((tokens, taken, self.tokens, self.counts.payload),
                                           (works, self._renew, self._new_number, self._new)):
            m.d.comb += [
                store.address[1].eq(self._step[0].number),  # the first port is for writing
                store.write.enable.eq(enable),
                store.write.address.eq(number),
                store.write.data.eq(new),
            ]
        return data.View(token, tokens.data[1]), data.View(work, works.data[1])

    def _change(self, m, token, work):
        """What becomes of a token, to be written back; and which has the greatest credit."""
        step, late, new = self._step[2], self._step[3], self._new
        taken = self._taken
        m.d.sync += [
            self._renew.eq(step.scan | step.pick | step.take | taken),
            self._new_number.eq(Mux(taken, self.tokens, step.number)),
            new.credit.eq(Mux(step.pick, self._best_credit - self._config.slots, work.credit + token.count)),
            new.turn.eq(Mux(taken, self.counts.payload.count, work.turn + ~step.scan)),
            self.bad.eq(step.take & ((step.number >= self.tokens) | (work.turn >= token.count << 1))),
        ]
        with m.If(taken):
            m.d.sync += new.credit.eq(0)
        better, credit, judged = Signal(reset_less=True), delay(m, new.credit, 1, "credit"), self._step[4]
        m.d.sync += better.eq(late.first | (new.credit > self._best_credit))
        with m.If(judged.scan & better):
            m.d.sync += [self._best.eq(judged.number), self._best_credit.eq(credit)]

    def _counts(self, m):
        """Take the tokens."""
        with m.State("COUNTS"):
            m.d.comb += [self.ready.eq(1), self.counts.ready.eq(1)]
            m.d.sync += [self.tokens.eq(self.tokens + self.counts.valid), self.slot.eq(0)]
            with m.If(self.spread):
                m.next = "SCAN"
            with m.Elif(self.listed):
                m.next = "LIST"

    def _spread(self, m):
        """For each slot raise the credit of every token and find the greatest, then pay with it."""
        k = Signal(range(self._config.slots))  # the token being looked at
        last = Signal.like(k)
        m.d.sync += last.eq(self.tokens - 1)
        with m.State("SCAN"):
            m.d.comb += [self._ask.scan.eq(1), self._ask.first.eq(k == 0), self._ask.number.eq(k)]
            m.next = "JUDGE"
        with m.State("JUDGE"):
            m.d.sync += k.eq(k + 1)
            m.next = "SCAN"
            with m.If(k == last):
                m.d.sync += k.eq(0)
                m.next = "PICK"
        with m.State("PICK"), m.If(~Cat(step.scan for step in self._step).any()):
            m.d.comb += [self._ask.pick.eq(1), self._ask.number.eq(self._best)]
            m.next = "PAY"
        with m.State("PAY"), m.If(self._step[3].pick):
            m.next = "SCAN"
            with m.If(self._last_slot):
                m.next = "COUNTS"

    def _list(self, m):
        """Take each slot's token from the list."""
        with m.State("LIST"):
            m.d.comb += [
                self.indices.ready.eq(1),
                self._ask.take.eq(self.indices.valid),
                self._ask.number.eq(self.indices.payload),
            ]
            with m.If(self.indices.valid):
                m.next = "TAKE"
        with m.State("TAKE"), m.If(self._step[3].take):
            m.next = "LIST"
            with m.If(self._last_slot):
                m.next = "COUNTS"

    def _entry(self, m, token, turn):
        """``nbits = R - floor(log2 turn)``, ``base = (turn << nbits) - L``, in two cycles."""
        log = self._config.table_log
        step = self._step[2]
        got, its_token = Signal(), delay(m, token, 1, "its")
        its_turn, top = delay(m, turn, 1, "its_turn"), Signal(log + 1, reset_less=True)  # the turn's highest bit
        nbits = reduce(or_, (top[bit].replicate(log.bit_length()) & (log - bit) for bit in range(log + 1)))
        base = reduce(or_, (top[bit].replicate(log) & (its_turn[:bit] << (log - bit)) for bit in range(log + 1)))
        m.d.sync += [
            got.eq(step.pick | step.take),
            top.eq(Cat(turn[bit] & ~turn[bit + 1:].any() for bit in range(log + 1))),
            self.write.eq(got),
            self.entry.run.eq(its_token.run),
            self.entry.value.eq(its_token.value),
            self.entry.nbits.eq(nbits),
            self.entry.base.eq(base),
        ]
        if self._config.protect:  # of what the entry is made of, not of the entry
            m.d.sync += self.entry.parity.eq(parity_of(
                its_token.run, its_token.value, nbits[:log.bit_length()], base[:log]))
