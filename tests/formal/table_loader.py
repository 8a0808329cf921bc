"""The table loader: from the fields of a table record to counts and indices for the spreader."""

from amaranth.hdl import Array, Cat, Const, Mux, Signal, Value

from golden.table import Alphabet
from hw.errors import ErrorCode
from hw.spreader import Spreader
from hw.table_loader import TableLoader

from .asking import Asking
from .free import free
from .harness import Harness, Inside

__all__ = ["Counts"]

KIND, HALF, RAW_BITS, MAX_RUN, COUNT, ZEROS, SLOTS = range(7)  # fields of a table record
PATIENCE = 4  #: cycles until an error is told, besides one for each token


class Counts(Harness):
    """Table after table, for fields of any values: each count that is not 0 goes to the spreader once, in order, with
    the token of the alphabet that it belongs to; then comes the spread, or the slot list, index by index, as the format
    has them. By then the counts sum to L, or an error has been told. The first field that is wrong is told, by its
    code, and nothing else is; after that nothing is claimed. All entries are put out as they come, then the loader is
    done.

    So the spreader is given what its own proofs assume: counts above 0 that fit, none in the cycle before the spread or
    in that of the last entry.

    Assumed: what `Asking` says of the field reader. Of the spreader, which puts out anything at any time, as it claims:
    it is ready until it begins, and again with the last of L entries, and takes counts while it is; it wants indices
    if it is given a list, each until it comes; it counts its tokens; it finds an index wrong only while it is at work.
    """

    def build(self, m):
        self.loader = loader = TableLoader(self.config)
        with free(Spreader):
            self.inside = inside = Inside(loader)
        m.submodules.loader = inside.fragment
        m.submodules.asking = asking = Asking()
        self.drive(loader)
        asking.watch(m, loader.fields)
        self.assume(asking.answered)
        self.counts, self.indices = inside["counts__valid"], inside["indices__valid"]
        self.begins, self.wrong = inside["spread"] | inside["listed"], Signal(8, name="wrong")
        self.broken, self.step = Signal(name="broken"), Signal(range(SLOTS + 1), name="step")
        with m.If(~self.broken):
            self.claim(asking.kept)
            self.claim(~loader.fields.valid | (self.step != SLOTS) | self.indices)
        self._spreader(m, {name: inside[f"spreader.{name}"] for name in (
            "counts__ready", "indices__ready", "write", "slot", "entry", "tokens", "ready", "bad")})
        self._fields(m)
        self._errors(m)

    def _spreader(self, m, spreader):
        """What is assumed of the spreader, and what it assumes."""
        loader, counts, slots = self.loader, self.counts, self.config.slots
        busy, by_list, came, wants = Signal(), Signal(), Signal(), Signal()
        slot = Signal(self.config.table_log)
        many, counted = Signal(range(slots + 1)), Signal(range(slots + 1))  # its tokens, and the sum of their counts
        last = spreader["write"] & (slot == slots - 1)
        count = self.inside["counts__payload"][-len(counted):]
        m.d.sync += [came.eq(counts), wants.eq(spreader["indices__ready"] & ~self.indices),
                     slot.eq(slot + spreader["write"]), busy.eq((busy | self.begins) & ~last)]
        with m.If(self.begins):
            m.d.sync += by_list.eq(self.inside["listed"])
        with m.If(counts):
            m.d.sync += [many.eq(many + 1), counted.eq(counted + count)]
        with m.If(last):
            m.d.sync += [many.eq(0), counted.eq(0)]
        self.assume(~spreader["write"] | busy)
        self.assume(spreader["ready"] == (~busy | last))
        self.assume(spreader["counts__ready"] == spreader["ready"])
        self.assume(~spreader["indices__ready"] | (busy & by_list & ~spreader["ready"]))
        self.assume(~wants | spreader["indices__ready"])
        self.assume(spreader["tokens"] == many)
        self.assume(~spreader["bad"] | (busy & ~spreader["ready"]))
        done = [Signal(name=f"done_{cycle}") for cycle in range(3)]
        m.d.sync += [after.eq(before) for before, after in zip([last, *done], done)]
        with m.If(~self.broken):
            self.claim(~counts | (~busy & (count != 0) & (counted + count <= slots)))
            self.claim(~self.begins | (~busy & (counted == slots) & ~counts & ~came))
            self.claim(~(self.inside["spread"] & self.inside["listed"]))
            self.claim(~self.indices | spreader["indices__ready"])
            self.claim(loader.done == done[0])
            self.claim(~loader.done | (~busy & ~self.begins & ~loader.fields.want & ~loader.fields.valid))
            self.claim(~loader.done | (~done[1] & ~done[2]))
        self.claim((loader.write == spreader["write"]) & (loader.state == spreader["slot"])
                   & (Value.cast(loader.entry) == spreader["entry"]))
        self.busy, self.many, self.bad = busy, many, spreader["bad"]

    def _fields(self, m):
        """The fields of a record, by docs/format.md."""
        config, fields, value, step = self.config, self.loader.fields, self.loader.fields.value, self.step
        kind, half, raw_bits = Signal(), Signal(range(config.half + 1)), Signal.like(self.loader.raw_bits)
        max_run, left = Signal(range(config.max_run + 1)), Signal(range(config.slots + 1))
        size, token, index = self._alphabet(m, half, raw_bits, max_run)
        after = Signal(33)  # the token after this field
        m.d.comb += after.eq(index + 1 + Mux(step == ZEROS, value, 0))
        over = after == size
        due, now = (Signal(len(token) + len(left) + 1, name=name) for name in ("due", "due_now"))
        rules = {  # of each field: what is kept, the step after it, the error, and when it is one
            KIND: ([kind.eq(value)], HALF, ErrorCode.TABLE, value > 1),
            HALF: ([half.eq(value)], RAW_BITS, ErrorCode.TABLE, (value == 0) | (value > config.half)),
            RAW_BITS: ([raw_bits.eq(value)], MAX_RUN, ErrorCode.TABLE, value > config.raw_bits),
            MAX_RUN: ([max_run.eq(value), index.eq(0), left.eq(config.slots)], COUNT, ErrorCode.TABLE,
                      (value == 0) | (value > config.max_run) | ((value != 1) & (raw_bits != 0))),
            COUNT: ([left.eq(left - value), due.eq(Cat(value != 0, token, value)),
                     index.eq(Mux(value == 0, index, after))], Mux(value == 0, ZEROS, Mux(over, SLOTS, COUNT)),
                    ErrorCode.COUNTS, (value > left) | ((value != 0) & over & (value != left))),
            ZEROS: ([index.eq(after)], Mux(over, SLOTS, COUNT), ErrorCode.COUNTS,
                    (after > size) | (over & (left != 0))),
        }
        m.d.sync += [due.eq(0), now.eq(due)]
        for at, (keep, then, code, flaw) in rules.items():
            with m.If(~self.broken & (step == at)):
                self.claim(~fields.want | (fields.fixed == 0))
                self.claim(~self.begins & ~self.indices)
                with m.If(fields.valid):
                    m.d.sync += [*keep, step.eq(then)]
                    with m.If(flaw):
                        m.d.comb += self.wrong.eq(code.value)
        listed = kind & (self.many != 1)
        with m.If(~self.broken & (step == SLOTS)):
            self.claim(~fields.want | (self.busy & listed & (fields.fixed == Mux(self.many > 16, 2, 1))))
            self.claim(~self.begins | (self.inside["listed"] == listed))
            with m.If(self.bad):
                m.d.comb += self.wrong.eq(ErrorCode.TABLE.value)
            with m.If(self.loader.done):
                self.claim(self.loader.raw_bits == raw_bits)
                m.d.sync += step.eq(KIND)
        number, given = self.inside["indices__payload"], self.inside["counts__payload"]
        with m.If(~self.broken):
            self.claim(~self.indices | (number == value[:len(number)]))
            self.claim(self.counts == now[0])
            self.claim(~self.counts | (given == now[1:]))

    def _alphabet(self, m, half, raw_bits, max_run):
        """Its size, and its token of number ``index``, by `golden.table`; returns them and the number."""
        config, runs = self.config, (self.config.max_run - 1).bit_length()
        index = Signal(range(Alphabet(config.half, 0, config.max_run).size + 1), name="index")
        size, token = Signal(len(index)), Signal(runs + config.weight_bits)
        for h in range(1, config.half + 1):
            for s in range(config.raw_bits + 1):
                for most in range(1, config.max_run + 1 if s == 0 else 2):
                    alphabet = Alphabet(h, s, most)
                    words = Array(Const(run | (value % (1 << config.weight_bits)) << runs, len(token))
                                  for run, value in alphabet.tokens)
                    this = (half == h) & (raw_bits == s) & (max_run == most)
                    with m.If(this):
                        m.d.comb += [size.eq(alphabet.size), token.eq(words[index])]
        return size, token, index

    def _errors(self, m):
        """The first thing wrong is told, and soon; nothing else is, and no table begins before it is."""
        error, code, told = self.loader.error.as_value(), Signal(8), Signal()
        waits = Signal(range(64))
        with m.If(~self.broken & (self.wrong != 0)):
            m.d.sync += [self.broken.eq(1), code.eq(self.wrong)]
        m.d.sync += told.eq(told | (error != 0))
        with m.If(~told):
            self.claim((error == 0) | (self.broken & (error == code)))
            self.claim(~self.broken | (error != 0) | ~self.begins)
        m.d.sync += waits.eq(Mux(self.broken & ~told & (error == 0), waits + 1, 0))
        self.claim(waits <= PATIENCE + Alphabet(self.config.half, 0, self.config.max_run).size)
