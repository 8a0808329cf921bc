"""The spreader: what comes of a table's counts, beside the definition of its entries."""

from amaranth.hdl import Array, Cat, Mux, Signal, signed

from hw.spreader import Spreader

from .harness import Harness

__all__ = ["LATENCY", "Listed", "Spread"]

LATENCY = 5  #: cycles from an index to its entry


class _Tables(Harness):
    """Table after table; the counts sum to L.

    Assumed, as the table loader keeps to it: no count is 0, none comes in the cycle before the spread or the list
    begins, or in that of a table's last entry; nothing begins before all counts are there.
    """

    listed = False

    def build(self, m):
        config = self.config
        spreader, slots = Spreader(config), config.slots
        m.submodules.spreader = self.dut = spreader
        self.drive(spreader)
        counts, token = spreader.counts, spreader.counts.payload
        self.tokens = Array(Signal(token.shape(), name=f"token_{number}") for number in range(slots))
        self.turns = Array(Signal(range(2 * slots + 1), name=f"turn_{number}") for number in range(slots))
        self.many, self.slot = Signal(range(slots + 1), name="many"), Signal(config.table_log, name="slot")
        left, came = Signal(range(slots + 1), init=slots), Signal()  # slots that no count has claimed
        self.busy = Signal(name="busy")
        begin = spreader.spread | spreader.listed
        taken = counts.valid & counts.ready
        self.assume(~counts.valid | (~self.busy & (token.count != 0) & (token.count <= left)))
        self.assume(~begin | (~self.busy & (left == 0) & ~counts.valid & ~came))
        self.assume(~(spreader.listed if not self.listed else spreader.spread))
        m.d.sync += came.eq(counts.valid)
        with m.If(taken):
            m.d.sync += [self.tokens[self.many[:config.table_log]].eq(token),
                         self.turns[self.many[:config.table_log]].eq(token.count),
                         self.many.eq(self.many + 1), left.eq(left - token.count)]
        with m.If(begin):
            m.d.sync += self.busy.eq(1)
        self.last = self.slot == slots - 1
        with m.If(spreader.write):
            m.d.sync += self.slot.eq(self.slot + 1)
            with m.If(self.last):
                m.d.sync += [self.many.eq(0), left.eq(slots), self.busy.eq(0)]
        self._rules(m, counts, spreader)
        self.claim(~spreader.write | (self.busy & (spreader.slot == self.slot)))
        self.check(m)

    def _rules(self, m, counts, spreader):
        """What the table loader relies on, whatever comes of an index that is wrong."""
        wants = Signal()
        m.d.sync += wants.eq(spreader.indices.ready & ~spreader.indices.valid)
        self.claim(counts.ready == spreader.ready)
        self.claim(spreader.ready == (~self.busy | (spreader.write & self.last)))
        self.claim(spreader.tokens == self.many)
        self.claim(~spreader.bad | (self.busy & ~spreader.ready))
        self.claim(~spreader.indices.ready | (self.listed & self.busy & ~spreader.ready))
        self.claim(~wants | spreader.indices.ready)

    def entry_is(self, number):
        """Whether the entry put out is the next of this token, by the definition; a turn is taken with it."""
        config, entry = self.config, self.dut.entry
        token, turn, log = self.tokens[number], self.turns[number], config.table_log
        return (entry.run == token.run) & (entry.value == token.value) & Cat(
            (turn >> log - nbits == 1) & (entry.nbits == nbits) & (entry.base == (turn << nbits)[:log])
            for nbits in range(log + 1)).any()


class Listed(_Tables):
    """By a slot list: for each index, in order, the entry of the token that it names. A wrong index is told, four
    cycles later; nothing is claimed after it."""

    listed = True

    def check(self, m):
        spreader, config = self.dut, self.config
        taken, wrong, broken = Signal(), Signal(), Signal()
        number = Signal.like(spreader.indices.payload)
        waits, due = Signal(range(LATENCY + 2)), Signal(config.table_log)
        place, turn = number[:config.table_log], Signal(range(2 * config.slots + 1))
        m.d.comb += [
            number.eq(spreader.indices.payload),
            taken.eq(spreader.indices.valid & spreader.indices.ready),
            turn.eq(self.turns[place] + (spreader.write & (due == place))),
            wrong.eq(taken & ((number >= self.many) | (turn == self.tokens[place].count << 1))),
        ]
        told = [Signal(name=f"told_{cycle}") for cycle in range(4)]
        m.d.sync += [told[0].eq(wrong), *(after.eq(before) for before, after in zip(told, told[1:])),
                     broken.eq(broken | wrong)]
        with m.If(~broken | Cat(told).any()):
            self.claim(spreader.bad == told[-1])
        with m.If(taken):
            m.d.sync += [waits.eq(1), due.eq(number)]
        with m.If(~broken):
            self.claim(~taken | (waits == 0) | spreader.write)
            self.claim(waits <= LATENCY)
            self.claim(~spreader.write | ((waits == LATENCY) & self.entry_is(due)))
            with m.If(spreader.write):
                m.d.sync += [waits.eq(Mux(taken, 1, 0)), self.turns[due].eq(self.turns[due] + 1)]
            with m.Elif(waits != 0):
                m.d.sync += waits.eq(waits + 1)
            self.claim(~self.busy | spreader.indices.ready | (waits != 0))


class Spread(_Tables):
    """By the spread: for each slot in turn the entry of the token with the greatest credit, as `golden.table.spread`
    says it; each slot takes two cycles per token and nine more."""

    def check(self, m):
        spreader, config, slots = self.dut, self.config, self.config.slots
        width = signed(config.table_log + 3)
        credits = [Signal(width, name=f"credit_{number}") for number in range(slots)]
        raised, best, most = [], 0, None
        for number, credit in enumerate(credits):
            grown = Signal(width, name=f"raised_{number}")
            m.d.comb += grown.eq(credit + self.tokens[number].count)
            better = (number < self.many) & (grown > most) if number else 1
            best, most = Mux(better, number, best), Mux(better, grown, most) if number else grown
            raised.append(grown)
        chosen = Signal(config.table_log)
        m.d.comb += chosen.eq(best)
        waits, patience = Signal(range(2 * slots + 12)), Signal(range(2 * slots + 12))
        m.d.comb += patience.eq((self.many << 1) + 9)
        m.d.sync += waits.eq(Mux(spreader.write | ~self.busy, 0, waits + 1))
        self.claim(waits < patience + (self.slot == 0))
        with m.If(spreader.write):
            self.claim(self.entry_is(chosen))
            m.d.sync += self.turns[chosen].eq(self.turns[chosen] + 1)
            for number, (credit, grown) in enumerate(zip(credits, raised)):
                m.d.sync += credit.eq(Mux(self.last, 0, grown - Mux(chosen == number, slots, 0)))
