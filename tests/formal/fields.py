"""The header's way from words to nibbles, and from nibbles to numbers."""

from amaranth.hdl import Mux, Signal

from hw.fields import VINT_NIBBLES, FieldReader, NibbleReader

from .asking import Asking
from .contract import Offer, Passage
from .harness import Harness

__all__ = ["Fields", "Nibbles"]


class Nibbles(Harness):
    """The nibbles are those of the words, low nibble first; what is on offer stays; a word is taken when a nibble is
    wanted and there is none.

    Nothing is assumed of source and sink.
    """

    def build(self, m):
        size = self.config.word_bits
        reader, per_word = NibbleReader(self.config), size // 4
        m.submodules.reader = reader
        m.submodules.passage, m.submodules.offer = passage, offer = Passage(4, per_word, per_word), Offer(4)
        self.drive(reader)
        source, nibbles = reader.source, reader.nibbles
        m.d.comb += [
            passage.put.eq(source.valid & source.ready), passage.value.eq(source.payload),
            passage.take.eq(nibbles.valid & nibbles.ready), passage.found.eq(nibbles.payload),
        ]
        offer.watch(m, nibbles)
        self.claim(passage.kept & offer.kept)
        self.claim(nibbles.valid == (passage.inside != 0))
        self.claim(source.ready == (nibbles.ready & ~nibbles.valid))


class Fields(Harness):
    """A field is the number that its nibbles make, of a vint or of a fixed count of nibbles, and none too many are
    taken; and none is there too soon.

    Assumed, as the header's readers keep to it: a field is wanted until it is there, and its kind does not change
    meanwhile.
    """

    def build(self, m):
        reader = FieldReader()
        m.submodules.reader = reader
        m.submodules.asking = asking = Asking()
        self.drive(reader)
        fields, nibbles = reader.fields, reader.nibbles
        asking.watch(m, fields)
        wants = Signal()
        m.d.sync += wants.eq(fields.want & ~fields.valid)
        self.assume(fields.fixed <= 8)
        self.assume(asking.kept)
        self.claim(asking.answered)
        taken, last, count = Signal(), Signal(), Signal(range(VINT_NIBBLES + 1))
        value, comes = Signal(40), Signal()  # of the nibbles so far, if all bits of a vint were kept
        nibble = nibbles.payload
        m.d.comb += [
            taken.eq(nibbles.valid & nibbles.ready),
            last.eq(taken & Mux(fields.fixed == 0, ~nibble[3] | (count == VINT_NIBBLES - 1),
                                count == fields.fixed - 1)),
        ]
        m.d.sync += comes.eq(last)
        with m.If(taken):
            m.d.sync += [count.eq(Mux(last, 0, count + 1)), value.eq(Mux(count == 0, 0, value) | Mux(
                fields.fixed == 0, nibble[:3] << 3 * count, nibble << 4 * count[:3]))]
        self.claim(fields.valid == comes)
        self.claim(~fields.valid | (fields.value == value[:32]))
        self.claim(~nibbles.ready | wants)
