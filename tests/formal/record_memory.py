"""The memories of segment records: what is read of one is what was written last of it."""

from random import Random

from amaranth.hdl import Cat, Const, Mux, Shape, Signal, Value

from golden.config import TableStyle
from hw.delay import delay
from hw.layouts import record_layout, segment_numbers
from hw.record_memory import ORDER, RecordMemory, _pieces
from hw.records import Records

from .harness import Harness, Inside

__all__ = ["FRESH", "NEXT", "STAYS", "Kept"]

LATE = {"restart": 4, "table": 6, "raw_bits": 6, "weights": 6, "words": 10, "crc": 10}  #: cycles from move to record
FRESH = 20  #: cycles from a write until all of it shows
NEXT = 7  #: cycles from a record to the next one, at least
STAYS = {"weights": 3, "table": 6, "raw_bits": 6, "restart": 6, "words": 9, "crc": 19}  #: cycles for which it does


class Kept(Harness):
    """Any bit of any record: that written last under its number shows, `LATE` cycles after the address has changed and
    `FRESH` cycles after any write; in style ROM, that of the contents, a cycle later. What is kept of the weights is
    one less.

    Assumed of the loader, as it claims: records come `NEXT` cycles apart or more, each with its fields left as they are
    for `STAYS` cycles. Their contents and numbers, and when the address changes, and to what: anything.
    """

    def build(self, m):
        numbers = segment_numbers(self.config)
        self.number = self.some(range(len(numbers)), "number")
        self.assume(self.number < len(numbers))
        if self.config.table_style is TableStyle.ROM:
            self._fixed(m, len(numbers))
        else:
            self._written(m)

    def _fixed(self, m, count):
        """Records that differ; seeded."""
        random = Random(1)
        contents = [{name: random.randrange(name == "weights", 1 << Shape.cast(shape).width)
                     for name, shape in record_layout(self.config).members.items()} for _ in range(count)]
        m.submodules.records = records = Records(self.config, contents)
        self.drive(records)
        asked = delay(m, records.address, 1)
        for place, content in enumerate(contents):
            with m.If((asked == place) & (self.number == place)):
                for name, value in content.items():
                    self.claim(records.record[name] == value - (name == "weights"))

    def _written(self, m):
        config, memory = self.config, RecordMemory(self.config)
        inside = Inside(memory)
        m.submodules.memory = inside.fragment
        address, moved = Signal.like(memory.address), self.any_of(1, "moved")
        with m.If(moved):
            m.d.sync += address.eq(self.any_of(len(address), "to"))
        self.drive(memory, address=address, moved=moved)
        write, less = memory.write, Signal(config.count_bits)
        m.d.comb += less.eq(write.record.weights - 1)
        moves, writes = self._cycles(m, moved, 1, "moves"), self._cycles(m, write.enable, FRESH, "writes")
        self._loader(m, write, writes)
        new = [less if name == "weights" else Value.cast(write.record[name]) for name in ORDER]
        shown = [Value.cast(memory.record[name]) for name in ORDER]
        size = sum(map(len, new))
        bit = self.some(range(size), "bit")
        self.assume(bit < size)
        mine = write.enable & (write.number == self.number)
        known, kept = Signal(), Signal()  # it has been written since the reset; the bit
        m.d.sync += known.eq(known | mine)
        with m.If(mine):
            m.d.sync += kept.eq(Cat(new).bit_select(bit, 1))
        shows, first = known & (address == self.number) & (writes >= FRESH), 0
        for name, value in zip(ORDER, shown):
            with m.If(shows & (moves >= LATE[name]) & (bit >= first) & (bit < first + len(value))):
                self.claim(Cat(shown).bit_select(bit, 1) == kept)
            first += len(value)
        if self.lemmas:
            self._stored(m, inside, write, (moves, writes), mine, known, kept, bit, new)
            self._fetched(m, inside, moved, address, (moves, writes), known, kept, bit)

    def _stored(self, m, inside, write, times, mine, known, kept, bit, new):
        """Lemmas: the bit on its way into the memory."""
        places, pieces, width = _pieces(self.config, None)
        (_, writes), later = times, pieces + 2  # cycles after which all of a record is there
        age = self._cycles(m, mine, FRESH, "age")
        self.lemma(known | (age == FRESH))
        self.lemma(Mux(age <= NEXT, age == writes, writes <= age))
        storing, piece, number = inside["storing"], inside["$signal", 0], inside["number"]
        self.lemma(~known | (storing == (writes <= pieces)))
        self.lemma(~storing | ((piece == writes - 1) & (writes <= pieces)))
        self.lemma(~storing | ((number == self.number) == (known & (age <= pieces))))
        which, row = bit // width, Signal(width)
        for place in range(pieces):
            for number in range(len(segment_numbers(self.config))):
                with m.If((which == place) & (self.number == number)):
                    m.d.comb += row.eq(inside.memories[0].rows[number * places + place])
        stored = inside["write"]
        enable, at, word = stored[0], stored[1:-width], stored[-width:]
        low = len(range(places)).bit_length() - 1
        writing = enable & (at[low:] == self.number)
        self.lemma(~known | ~writing | Mux(age == 1, at[:low] == pieces - 1, at[:low] == age - 2))
        self.lemma(~known | (Mux(age == 1, writing, (age >= 2) & (age <= pieces + 1)) == writing))
        self.lemma(~known | ~writing | (age == 1) | (at[:low] != which) | (word.bit_select(bit % width, 1) == kept))
        self.lemma(~known | (age < which + 3) | (row.bit_select(bit % width, 1) == kept))
        first = 0
        for name, value in zip(ORDER, new):
            mine = known & (age <= which + 1) & (bit >= first) & (bit < first + len(value))
            here = inside["less"] if name == "weights" else Value.cast(write.record[name])
            self.lemma(~mine | (Cat(Const(0, first), here).bit_select(bit, 1) == kept))
            first += len(value)
        self.set, self.writing = known & (age >= later), enable

    def _fetched(self, m, inside, moved, address, times, known, kept, bit):
        """Lemmas: the bit on its way out of it."""
        _, pieces, width = _pieces(self.config, None)
        (moves, writes), piece = times, inside["$signal", 1]
        since = self._cycles(m, moved | self.writing, 1, "since")  # since it began anew to read
        self.lemma(piece < pieces)
        self.lemma((since > pieces) | (piece == since - 1))
        self.lemma(~known | (since >= Mux(writes > pieces + 1, Mux(moves < writes - pieces - 1, moves,
                                                                   writes - pieces - 1), 0)))
        which, off, here = bit // width, bit % width, self.set & (address == self.number)
        one, two = inside["come_1"], inside["come_2"]
        self.lemma((since < 2) | (since > pieces + 1) | (one == since - 2))
        self.lemma((since < 3) | (since > pieces + 2) | (two == since - 3))
        for late, at, word in ((2, one, inside["memory.array.data"]), (3, two, inside["memory.register_0"])):
            self.lemma(~here | (since < late) | (at != which) | (word.bit_select(off, 1) == kept))
        self.lemma(~here | (since < which + 4) | (inside["found"].bit_select(bit, 1) == kept))

    def _cycles(self, m, event, begin, name):
        """Cycles since the last one, up to `FRESH`."""
        count = Signal(range(FRESH + 1), init=begin, name=name)
        with m.If(event):
            m.d.sync += count.eq(1)
        with m.Elif(count != FRESH):
            m.d.sync += count.eq(count + 1)
        self.lemma((count != 0) & (count <= FRESH))
        return count

    def _loader(self, m, write, writes):
        """What is assumed of it."""
        before = Signal.like(write.record)
        m.d.sync += before.eq(write.record)
        self.assume(~write.enable | (writes >= NEXT))
        for name, stays in STAYS.items():
            self.assume((writes > stays) | (Value.cast(write.record[name]) == Value.cast(before[name])))
