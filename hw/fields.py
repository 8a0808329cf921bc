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
        word = Signal(self._config.word_bits)
        left = Signal(range(per_word + 1))
        m.d.comb += [
            self.source.ready.eq((left == 0) & self.nibbles.ready),
            self.nibbles.valid.eq(left != 0),
            self.nibbles.payload.eq(word[:4]),
        ]
        with m.If(self.source.valid & self.source.ready):
            m.d.sync += [word.eq(self.source.payload), left.eq(per_word)]
        with m.Elif(self.nibbles.valid & self.nibbles.ready):
            m.d.sync += [word.eq(word >> 4), left.eq(left - 1)]
        return m


def field_port():
    """Asks a `FieldReader` for fields: hold ``want`` and ``fixed`` until ``valid``; then comes the next field.

    ``fixed`` is the field's count of nibbles, 1 to 8, or 0 for a vint.
    """
    return wiring.Signature({"want": Out(1), "fixed": Out(range(9)), "valid": In(1), "value": In(32)})


class FieldReader(wiring.Component):
    """Reads one number after the other: a vint, or a fixed count of nibbles.

    Throughput: a field of k nibbles takes k + 1 cycles. Bits of a vint beyond the 32nd are lost; one of more than
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
        count = Signal(range(VINT_NIBBLES + 1))
        last = Mux(fields.fixed != 0, count == fields.fixed - 1, ~nibble[3] | (count == VINT_NIBBLES - 1))
        m.d.comb += self.nibbles.ready.eq(fields.want & ~fields.valid)
        with m.If(self.nibbles.valid & self.nibbles.ready):
            for bit in range(len(fields.value)):
                place = Mux(fields.fixed != 0, bit // 4, bit // 3)
                with m.If(count == place):
                    m.d.sync += fields.value[bit].eq(Mux(fields.fixed != 0, nibble[bit % 4], nibble[bit % 3]))
            m.d.sync += [count.eq(count + 1), fields.valid.eq(last)]
        with m.Elif(fields.valid):
            m.d.sync += [fields.valid.eq(0), fields.value.eq(0), count.eq(0)]
        return m
