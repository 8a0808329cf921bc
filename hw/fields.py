"""The header as fields: transfers to nibbles, nibbles to numbers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import nibble_stream

__all__ = ["FieldReader", "NibbleReader", "field_port"]

VINT_NIBBLES = 11


class NibbleReader(wiring.Component):
    """Cuts words into nibbles, low nibble first.

    Throughput: a word takes W / 4 + 1 cycles.

    Members
    -------
    source : In(stream of W bits)
        A word is taken when its first nibble is wanted.
    nibbles : Out(stream of 4 bits)
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "source": In(stream.Signature(config.word_bits)),
            "nibbles": Out(nibble_stream()),
        })

    def elaborate(self, platform):
        m = Module()
        per_word = self._config.word_bits // 4
        word = Signal(self._config.word_bits, reset_less=True)
        left = Signal(per_word)  # the nibbles that are left, as a run of ones
        m.d.comb += [
            self.source.ready.eq(~left[0] & self.nibbles.ready),
            self.nibbles.valid.eq(left[0]),
            self.nibbles.payload.eq(word[:4]),
        ]
        with m.If(~left[0]):
            m.d.sync += word.eq(self.source.payload)
            with m.If(self.source.valid & self.nibbles.ready):
                m.d.sync += left.eq(~0)
        with m.Elif(self.nibbles.ready):
            m.d.sync += [word.eq(word >> 4), left.eq(left >> 1)]
        return m


def field_port():
    """Asks a `FieldReader` for fields: hold ``want`` and ``fixed`` until ``valid``; then comes the next field.

    ``fixed`` is the field's count of nibbles, 1 to 8, or 0 for a vint.
    """
    return wiring.Signature({"want": Out(1), "fixed": Out(range(9)), "valid": In(1), "value": In(32)})


class FieldReader(wiring.Component):
    """Reads one number after the other: a vint, or a fixed count of nibbles.

    Throughput: a field of k nibbles takes k + 2 cycles. Bits of a vint beyond the 32nd are lost; one of more than
    11 nibbles ends after the 11th (both can only be in a corrupted header, which its CRC-32 finds).

    Members
    -------
    nibbles : In(stream of 4 bits)
    fields : In(`field_port`)
    """

    def __init__(self):
        super().__init__({"nibbles": In(nibble_stream()), "fields": In(field_port())})

    def elaborate(self, platform):
        m = Module()
        fields, nibble = self.fields, self.nibbles.payload
        value = Signal(32, reset_less=True)
        m.d.comb += fields.value.eq(value)
        place = Signal(VINT_NIBBLES, init=1, reset_less=True)  # of the nibble that comes next, as one bit
        asked, fixed = Signal(), Signal()  # a field is wanted, and one of fixed length, as of the cycle before
        rest = Signal(9, reset_less=True)  # of such a field: nibbles that are left, as one bit
        last = Signal()
        taken = Signal()
        m.d.comb += [
            last.eq(Mux(fixed, rest[1], ~nibble[3] | place[-1])),
            self.nibbles.ready.eq(asked),
            taken.eq(self.nibbles.valid & asked),
        ]
        m.d.sync += [
            asked.eq(fields.want & ~fields.valid & ~(taken & last)),
            fixed.eq(fields.fixed != 0),
        ]
        with m.If(~asked & ~fields.valid):
            m.d.sync += [value.eq(0), place.eq(1), rest.eq(1 << fields.fixed)]
        with m.Elif(taken):
            for bit in range(len(value)):
                with m.If(Mux(fixed, place[bit // 4], place[bit // 3])):
                    m.d.sync += value[bit].eq(Mux(fixed, nibble[bit % 4], nibble[bit % 3]))
            m.d.sync += [place.eq(place << 1), rest.eq(rest >> 1)]
        m.d.sync += fields.valid.eq(taken & last)
        return m
