"""The loader of style RAM after its tables: segment records, padding, CRC-32."""

from amaranth.hdl import Array, Cat, Mux, Signal, Value

from hw.errors import ErrorCode
from hw.layouts import record_layout
from hw.loader import RamLoader
from hw.table_loader import TableLoader

from .asking import Asking
from .free import free
from .harness import Harness, Inside
from .record_memory import FRESH, NEXT, STAYS

__all__ = ["PATIENCE", "Segments"]

PATIENCE = 10  #: cycles until it asks for a field again, after the tables
WEIGHTS, TABLE, WORDS, CRC, STORE = range(5)  # steps of a record


class Segments(Harness):
    """After as many tables as there are it reads as many segments, field by field as the format has them, and stores
    each record under its number, with the raw bits of its table. Then it reads a nibble if their number is odd, and the
    CRC-32, and is done. The first thing that is wrong with a field is told two cycles later, by its code, and nothing
    else is; after that nothing is claimed. Fields are anything.

    Records come when the memory of the records can take them, and it is done when they have been stored.

    Assumed: what `Asking` says of the field reader; the number of nibbles changes as they are read. Of the table
    loader, which does anything, as it claims: what `Asking` says; it wants no field when it is done, nor is done twice
    within two cycles. How many tables and segments there are is known before the first field.
    """

    def build(self, m):
        config, loader = self.config, RamLoader(self.config)
        with free(TableLoader):
            inside = Inside(loader)
        m.submodules.loader = inside.fragment
        m.submodules.asking = self.asking = asking = Asking()
        self.loader, self.done = loader, inside["table.done"]
        self.settled = Signal(range(3), name="settled")  # cycles since the numbers, or the number of the table, changed
        with m.If(self.done | ((self.settled == 0) & self.any_of(1, "begins"))):
            m.d.sync += self.settled.eq(1)
        with m.Elif(self.settled == 1):
            m.d.sync += self.settled.eq(2)
        tables, segments = (self._number(name, most) for name, most in (
            ("tables", config.max_tables), ("segments", config.max_segments)))
        self.drive(loader, tables=tables, segments=segments, odd=self._odd(m, asking))
        asking.watch(m, loader.fields)
        number, place = Signal.like(tables), Signal.like(segments)
        loads, ends = (self.settled == 0) | (number != tables), place == segments
        self.assume(asking.answered)
        self.assume(~(loader.fields.valid | self.done) | (self.settled == 2))
        self.assume(~self.done | (loads & ~loader.fields.want & ~loader.fields.valid))
        self.assume(~loads | asking.kept)
        self.claim(loads | asking.kept)
        raw_bits = Array(Signal.like(inside["table.raw_bits"], name=f"raw_bits_{number}")
                         for number in range(config.max_tables))
        with m.If(self.done):
            m.d.sync += [number.eq(number + 1), raw_bits[number].eq(inside["table.raw_bits"])]
        write = loader.table_write
        self.claim(write.enable == inside["table.write"])
        self.claim(~loads | ((write.table == number) & (write.state == inside["table.state"])
                             & (Value.cast(write.entry) == inside["table.entry"])))
        wrong = Signal(8)
        self._records(m, loads | ends, place, tables, raw_bits, wrong)
        self._seal(m, loads | ~ends, wrong)
        self._errors(m, loads, inside["table.error"], wrong)
        self._patience(m, loads)

    def _number(self, name, most):
        """How many there are: any number, which is known once it matters."""
        known, value = self.some(range(most + 1), name), Signal(range(most + 1), name=f"{name}_seen")
        self.assume((known != 0) & (known <= most))
        self.m.d.comb += value.eq(Mux(self.settled == 0, self.any_of(range(most + 1), f"{name}_before"), known))
        return value

    def _odd(self, m, asking):
        """Whether the nibbles so far are odd in number: it may change while a field is read, and does with each of one
        nibble."""
        odd, before, wants, one = self.any_of(1, "odd"), Signal(), Signal(), Signal()
        m.d.sync += [before.eq(odd), wants.eq(asking.want & ~asking.valid), one.eq(asking.fixed == 1)]
        self.assume((odd == before) | (wants & (~one | asking.valid)))
        self.assume((odd != before) | ~(one & asking.valid))
        self.was_odd = before
        return odd

    def _records(self, m, aside, place, tables, raw_bits, wrong):
        """Records as their fields say, and what may be wrong with a field."""
        config, fields, value = self.config, self.loader.fields, self.loader.fields.value
        step, due = Signal(range(STORE + 1)), Signal(record_layout(config))
        beyond = (value >> config.count_bits) != 0
        rules = {  # of each field: what is kept, the step after it, what it must not be
            WEIGHTS: ([due.weights.eq(value)], TABLE, {ErrorCode.CAPACITY: beyond, ErrorCode.SEGMENT: value == 0}),
            TABLE: ([due.table.eq(value >> 1), due.restart.eq(value[0]), due.raw_bits.eq(raw_bits[value[1:]])],
                    Mux(value[0], WORDS, STORE),
                    {ErrorCode.SEGMENT: (value[1:] >= tables) | ((place == 0) & ~value[0])}),
            WORDS: ([due.words.eq(value)], CRC, {ErrorCode.CAPACITY: beyond}),
            CRC: ([due.crc.eq(value)], STORE, {}),
        }
        for at, (keep, then, flaws) in rules.items():
            with m.If(~aside & (step == at)):
                self.claim(fields.want & (fields.fixed == (8 if at == CRC else 0)))
                with m.If(fields.valid):
                    m.d.sync += [*keep, step.eq(then)]
                    for code, flaw in flaws.items():
                        with m.If(flaw):
                            m.d.comb += wrong.eq(code.value)
        write = self.loader.record_write
        with m.If(step == STORE):
            m.d.sync += [step.eq(WEIGHTS), place.eq(place + 1)]
        self.claim(write.enable == (step == STORE))
        self.right = write.number == place[:len(write.number)]
        self.due, self.step = due, step
        self._stays(m, write)

    def _stays(self, m, write):
        """What the memory of the records has to have."""
        since, before = Signal(range(FRESH + 1), init=FRESH), Signal.like(write.record)
        m.d.sync += before.eq(write.record)
        with m.If(write.enable):
            m.d.sync += since.eq(1)
        with m.Elif(since != FRESH):
            m.d.sync += since.eq(since + 1)
        self.claim(~write.enable | (since >= NEXT))
        self.claim(~self.loader.done | (since >= FRESH))
        for name, stays in STAYS.items():
            self.claim((since > stays) | (Value.cast(write.record[name]) == Value.cast(before[name])))

    def _seal(self, m, aside, wrong):
        """Padding and CRC-32."""
        loader, fields = self.loader, self.loader.fields
        sealed, read, done = Signal(), Signal(), Signal()
        m.d.sync += [sealed.eq(loader.sealed), read.eq(read | (loader.sealed & fields.valid)), done.eq(read)]
        with m.If(aside):
            self.claim(~loader.sealed & ~loader.done)
        with m.Else():
            self.claim(loader.done == done)
            self.claim(~sealed | loader.sealed)
            self.claim(~loader.sealed | sealed | ~loader.odd)
            self.claim(~fields.valid | loader.sealed | self.was_odd)
            self.claim(~fields.want | (fields.fixed == Mux(loader.sealed, 8, 1)))
            self.claim(~fields.want | ~read)
            with m.If(fields.valid & loader.sealed & (fields.value != loader.crc)):
                m.d.comb += wrong.eq(ErrorCode.HEADER_CRC.value)

    def _errors(self, m, loads, of_table, wrong):
        """The first one is told, and what is stored before is right."""
        was, told, broken, flaw = Signal(8), Signal(8), Signal(), Mux(loads, of_table, wrong)
        m.d.sync += [was.eq(wrong), told.eq(Mux(loads, of_table, was)), broken.eq(broken | (flaw != 0))]
        record = self.loader.record_write.record
        with m.If(~broken | (Cat(was, told) != 0)):
            self.claim(self.loader.error.as_value() == told)
        with m.If(~broken & (self.step == STORE)):
            self.claim(self.right)
            for name in ("weights", "table", "raw_bits", "restart"):
                self.claim(Value.cast(record[name]) == Value.cast(self.due[name]))
            for name in ("words", "crc"):
                self.claim(~record.restart | (Value.cast(record[name]) == Value.cast(self.due[name])))

    def _patience(self, m, loads):
        """Fields are asked for without a long pause until it is done."""
        waits, loader = Signal(range(PATIENCE + 3)), self.loader
        m.d.sync += waits.eq(Mux(loads | loader.fields.want, 0, waits + 1))
        self.claim((waits <= PATIENCE) | loader.done)
