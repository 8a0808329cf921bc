"""A ``.tsy`` file in pieces, so that one of them can be changed and the file put together again with right CRC-32s."""

import zlib
from dataclasses import dataclass

from tests.second_decoder import Nibbles, Refused, read_header

__all__ = ["Parts", "put_together", "take_apart"]


@dataclass
class Parts:
    """A ``.tsy`` file in pieces.

    Parameters
    ----------
    fields : list of [name, number, digits]
        The numbers of the header in order, named as in `tests.second_decoder`, of ``digits`` nibbles; ``None`` for a
        vint.
    words, directory, raw : bytes
        The directory is plain, whatever ``form`` says.
    form : int
    """

    fields: list
    words: bytes
    form: int
    directory: bytes
    raw: bytes


class _Recorder(Nibbles):
    """Keeps what it reads."""

    def __init__(self, data):
        super().__init__(data)
        self.fields = []

    def fixed(self, count):
        number = super().fixed(count)
        self.fields.append(["", number, count])
        return number

    def vint(self, low, high, name):
        number = super().vint(low, high, name)
        self.fields.append([name, number, None])
        return number


def take_apart(data) -> Parts | None:
    """The pieces of a file whose header and tail are sound; ``None`` for others."""
    recorder = _Recorder(data)
    try:
        header = read_header(data, recorder)
    except Refused:
        return None
    end = header.length + sum(segment.words or 0 for segment in header.segments) * header.word_bits // 8
    tail = data[end:]
    length = int.from_bytes(tail[1:5], "little")
    if len(tail) < 9 + length:
        return None
    directory = tail[5:5 + length]
    if tail[0] == 1:
        try:
            directory = zlib.decompressobj().decompress(directory, 1 << 16)
        except zlib.error:
            return None
    return Parts(recorder.fields, data[header.length:end], tail[0], directory, tail[5 + length:-4])


def put_together(parts) -> bytes:
    """The file of these pieces, its CRC-32s right where there are words for them."""
    _renew_words_crcs(parts)
    nibbles = [nibble for field in parts.fields for nibble in _nibbles(*field[1:])]
    nibbles += [0] * (len(nibbles) % 2)
    header = b"TNSY\1" + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))
    header += zlib.crc32(header).to_bytes(4, "little")
    header += bytes(-len(header) % _word_bytes(parts))
    stored = zlib.compress(parts.directory, 9) if parts.form == 1 else parts.directory
    tail = bytes([parts.form & 255]) + len(stored).to_bytes(4, "little") + stored + parts.raw
    return header + parts.words + tail + zlib.crc32(tail).to_bytes(4, "little")


def _word_bytes(parts):
    return 1 << (parts.fields[2][1] & 7) if len(parts.fields) > 2 else 1


def _renew_words_crcs(parts):
    place = 0
    for field, after in zip(parts.fields, parts.fields[1:]):
        if field[0] == "the words of a span" and after[2] == 8:
            end = place + field[1] * _word_bytes(parts)
            after[1] = zlib.crc32(parts.words[place:end])
            place = end


def _nibbles(number, digits):
    if digits is not None:
        return [number >> 4 * k & 15 for k in range(digits)]
    groups = [number & 7]
    while number := number >> 3:
        groups[-1] |= 8
        groups.append(number & 7)
    return groups
