"""From a stream to the decoder made for it: the configuration it needs and, for style ROM, its tables and records."""

import zlib
from dataclasses import replace

from golden.config import Config, TableStyle
from golden.header import MAGIC, header_bytes, header_nibbles, preamble_nibbles
from golden.stream import Stream

from .decoder import Contents

__all__ = ["contents_of", "count_bits_of", "rom_config"]


def count_bits_of(stream: Stream) -> int:
    """Bits of the largest count of a stream: of weights in a segment or of words in a span."""
    return max(max(segment.weights for segment in stream.segments), max(map(len, stream.words))).bit_length()


def rom_config(stream: Stream, decoder: Config | None = None) -> Config:
    """The configuration of a decoder of style ROM for one stream.

    Parameters
    ----------
    stream : Stream
    decoder : Config or None
        Where rings, queue, kind of memory, output, choice of segments and protection are taken from, if not from the
        stream's configuration.
    """
    names = ("ring", "table_memory", "output", "queue", "select", "protect")
    own = {name: getattr(decoder or stream.config, name) for name in names}
    return replace(stream.config, table_style=TableStyle.ROM, max_tables=len(stream.tables),
                   max_segments=len(stream.segments), count_bits=max(8, count_bits_of(stream)), **own)


def contents_of(stream: Stream) -> Contents:
    """Tables, records and header of a stream, as plain ints for the hardware."""
    spans = iter(stream.words)
    records = []
    for segment in stream.segments:
        words = next(spans) if segment.restart else ()
        records.append({
            "weights": segment.weights,
            "table": segment.table,
            "raw_bits": stream.tables[segment.table].alphabet.raw_bits,
            "restart": int(segment.restart),
            "words": len(words),
            "crc": zlib.crc32(words.tobytes()) if segment.restart else 0,
        })
    nibbles = len(header_nibbles(stream))
    end = len(MAGIC) + 1 + nibbles // 2
    return Contents(
        tables=[[entry._asdict() for entry in table.entries] for table in stream.tables],
        records=records,
        header=(nibbles - len(preamble_nibbles(stream)), zlib.crc32(header_bytes(stream)[:end])),
    )
