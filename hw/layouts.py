"""The records that travel between the blocks, each defined once."""

from amaranth.hdl import signed
from amaranth.lib import data, stream

from golden.config import Config

__all__ = ["beat_layout", "descriptor_layout", "entry_layout", "lane_beat_layout", "nibble_stream", "record_layout",
           "record_write_layout", "segment_numbers", "table_numbers", "table_write_layout", "transfer_layout",
           "work_layout"]

WEIGHTS_BITS = 32  #: of a segment's number of weights, and of a span's number of words


def table_numbers(config: Config) -> range:
    """The numbers of tables; two at least, for Yosys warns of a memory that only constants address."""
    return range(max(config.max_tables, 2))


def segment_numbers(config: Config) -> range:
    """The numbers of segments; two at least, as of tables."""
    return range(max(config.max_segments, 2))


def transfer_layout(config: Config):
    """One transfer of the input: a word, and whether it is the stream's last."""
    return data.StructLayout({"data": config.word_bits, "last": 1})


def entry_layout(config: Config):
    """An entry of the symbol table."""
    return data.StructLayout({
        "run": range(config.max_run),
        "value": signed(config.weight_bits),
        "nbits": range(config.table_log + 1),
        "base": config.table_log,
    })


def table_write_layout(config: Config):
    """A write to the symbol tables of all lanes: entry number ``state`` of table ``table``."""
    return data.StructLayout({
        "enable": 1,
        "table": table_numbers(config),
        "state": config.table_log,
        "entry": entry_layout(config),
    })


def lane_beat_layout(config: Config):
    """One lane's part of a beat: V weights, and the words that its tokens ask for."""
    return data.StructLayout({
        "weights": data.ArrayLayout(signed(config.weight_bits), config.vector),
        "asked": range(config.words_per_beat + 1),
    })


def beat_layout(config: Config):
    """One beat: N x V weights in order, which of them there are, and whether the segment ends here."""
    return data.StructLayout({
        "weights": data.ArrayLayout(signed(config.weight_bits), config.beat_weights),
        "keep": config.beat_weights,
        "last": 1,
    })


def work_layout(config: Config):
    """What a lane must know of a beat.

    ``valid``: whether there is one; ``need``: the weights that the lane owns in it; ``final``: whether it owns none in
    later beats of the segment; ``table``, ``raw_bits``: the segment's.
    """
    return data.StructLayout({
        "valid": 1,
        "need": range(config.vector + 1),
        "final": 1,
        "table": table_numbers(config),
        "raw_bits": range(config.raw_bits + 1),
    })


def descriptor_layout(config: Config):
    """A beat as the sequencer announces it: each lane's part, and whether the segment, the span, the stream ends."""
    return data.StructLayout({
        "lanes": data.ArrayLayout(work_layout(config), config.lanes),
        "last": 1,
        "last_of_span": 1,
        "last_of_stream": 1,
    })


def record_layout(config: Config):
    """A segment as the sequencer reads it; ``words`` and ``crc`` are those of the span, where it restarts."""
    return data.StructLayout({
        "weights": WEIGHTS_BITS,
        "table": table_numbers(config),
        "raw_bits": range(config.raw_bits + 1),
        "restart": 1,
        "words": WEIGHTS_BITS,
        "crc": 32,
    })


def record_write_layout(config: Config):
    """A write to the segment records."""
    return data.StructLayout({
        "enable": 1,
        "number": segment_numbers(config),
        "record": record_layout(config),
    })


def nibble_stream():
    """A stream of 4-bit nibbles of the header."""
    return stream.Signature(4)
