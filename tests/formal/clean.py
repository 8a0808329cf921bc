"""Two decoders that begin with any states, are reset, and then are given the same: they do the same."""

from unittest.mock import patch
from zlib import crc32

from amaranth.hdl import Const, Fragment, Module, Value
from amaranth.lib import wiring

from hw.decoder import Contents, Decoder
from hw.header import Header

from .harness import Harness

__all__ = ["Decoders", "Headers"]

TABLE = [{"run": 0, "value": value, "nbits": 1, "base": 0} for value in (1, -1)]
WORDS = bytes([0x05, 0x33])  # of one lane: state 1, then the bits 0, 1, 0


def _record(weights, restart):
    return {"weights": weights, "table": 0, "raw_bits": 0, "restart": restart, "words": len(WORDS),
            "crc": crc32(WORDS)}


CONTENTS = Contents([TABLE], [_record(3, 1), _record(2, 0), _record(1, 1)], (40, 0x12345678))


class _Twins(Harness):
    """A component twice, with the same inputs."""

    def twins(self, m, make):
        """Make it twice and drive both alike; returns them."""
        one, other = make(), make()
        for path, member, port in one.signature.flatten(one):
            if member.flow is wiring.In and not isinstance(port, Const):
                value = self.any_of(len(Value.cast(port)), "_".join(map(str, path)))
                m.d.comb += [Value.cast(port).eq(value), Value.cast(_at(other, path)).eq(value)]
        return one, other

    def same(self, one, other):
        """Whether two values are the same."""
        return Value.cast(one) == Value.cast(other)


class Headers(_Twins):
    """The reader of the header."""

    def build(self, m):
        one, other = self.twins(m, lambda: Header(self.config, CONTENTS.header))
        m.submodules.one, m.submodules.other = one, other
        for name in ("segments", "done", "error"):
            self.claim(self.same(getattr(one, name), getattr(other, name)))
        self.claim(self.same(one.source.ready, other.source.ready))


class Decoders(_Twins):
    """The decoder, but for the reader of its header, which says anything, the same to both."""

    def build(self, m):
        one, other = self.twins(m, lambda: Decoder(self.config, CONTENTS))
        told = {}

        def elaborate(header, platform):
            inner = Module()
            for path, member, port in header.signature.flatten(header):
                if member.flow is wiring.Out and not isinstance(port, Const):
                    if path not in told:
                        told[path] = self.any_of(len(Value.cast(port)), "header_" + "_".join(map(str, path)))
                    inner.d.comb += Value.cast(port).eq(told[path])
            return inner

        with patch.object(Header, "elaborate", elaborate):
            m.submodules.one, m.submodules.other = Fragment.get(one, None), Fragment.get(other, None)
        for name in ("busy", "done", "error"):
            self.claim(self.same(getattr(one, name), getattr(other, name)))
        self.claim(self.same(one.words.ready, other.words.ready))
        self.claim(one.beats.valid == other.beats.valid)
        self.claim(~one.beats.valid | self.same(one.beats.payload, other.beats.payload))


def _at(component, path):
    """The port of this path."""
    for name in path:
        component = component[name] if isinstance(name, int) else getattr(component, name)
    return component
