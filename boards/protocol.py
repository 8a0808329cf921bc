"""The words that host and board share: commands, statuses, states, and the frames they travel in.

For people they are written down in ``docs/boards.md``.
"""

import zlib
from dataclasses import dataclass

from amaranth.lib import data, enum

__all__ = ["ANSWER", "CHECK_BYTES", "END", "ESCAPE", "ESCAPED_END", "ESCAPED_ESCAPE", "FRAME_BYTES", "IDENTITY",
           "MAX_DATA", "MAX_RESULTS", "NUMBERS", "NUMBER_BYTES", "RESULT", "SUMMARY", "VERSION", "Command",
           "FrameReader", "State", "Status", "crcs_of", "digest_of", "frame_of", "layout_of", "pack_fields",
           "unpack_fields"]

VERSION = 1  #: of the protocol
END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD  #: the four bytes of SLIP (RFC 1055)
CHECK_BYTES = 4  #: a CRC-32 ends each frame
ANSWER = 0x80  #: added to the command in its answer
NUMBER_BYTES = 4  #: of a number in a request, the lowest byte first
MAX_DATA = 256  #: bytes of stream in a LOAD, of weights in a DUMP
MAX_RESULTS = 16  #: segments in a RESULTS
FRAME_BYTES = 512  #: room for a request; one that is longer is dropped


class Command(enum.Enum, shape=8):
    """What the host asks for."""

    IDENTIFY = 1  #: which board, which decoder, how much memory
    LOAD = 2  #: words into the stream memory
    DECODE = 3  #: decode what is in the memory
    RESULTS = 4  #: counters, and the CRC-32 of segments
    DUMP = 5  #: weights
    RESET = 6  #: as after power-up, but for the memory


class Status(enum.Enum, shape=8):
    """How a command ended."""

    OK = 0  #: done
    UNKNOWN = 1  #: there is no such command
    LENGTH = 2  #: the command has another number of bytes
    RANGE = 3  #: an address, a length or a number is beyond what there is
    BUSY = 4  #: the decoder is running
    STATE = 5  #: there are no weights to dump: the last run has not ended well


class State(enum.Enum, shape=8):
    """What the decoder has been doing."""

    IDLE = 0  #: nothing since the reset
    RUNNING = 1  #: decoding
    PASSED = 2  #: decoded, without an error, and with the digest that it was told
    FAILED = 3  #: the decoder stopped with an error
    DIFFERENT = 4  #: decoded without an error, but the digest is another one


NUMBERS = {  #: the numbers that follow a command
    Command.IDENTIFY: (),
    Command.LOAD: ("address",),
    Command.DECODE: ("length", "digest"),
    Command.RESULTS: ("first", "count"),
    Command.DUMP: ("first", "count"),
    Command.RESET: (),
}
# Records in answers: name and bytes of each field, the lowest byte first.
IDENTITY = (
    ("protocol", 1), ("format", 1), ("lanes", 1), ("vector", 1), ("word_bits", 1), ("preload", 2), ("table_log", 1),
    ("max_run", 1), ("raw_bits", 1), ("bins", 1), ("style", 1), ("ring", 1), ("queue", 1), ("count_bits", 1),
    ("max_tables", 2), ("max_segments", 4), ("stream", 4), ("depth", 4), ("frequency", 4), ("design", 4),
)
SUMMARY = (("state", 1), ("error", 1), ("segments", 4), ("weights", 4), ("cycles", 4), ("digest", 4))
RESULT = (("crc", 4), ("cycles", 4))


def layout_of(fields) -> data.StructLayout:
    """A record as hardware has it."""
    return data.StructLayout({name: 8 * size for name, size in fields})


def pack_fields(fields, values: dict) -> bytes:
    """A record as bytes."""
    return b"".join(values[name].to_bytes(size, "little") for name, size in fields)


def unpack_fields(fields, content: bytes) -> dict:
    """The numbers of a record at the begin of some bytes; the inverse of `pack_fields`."""
    values, place = {}, 0
    for name, size in fields:
        values[name] = int.from_bytes(content[place:place + size], "little")
        place += size
    return values


def frame_of(content: bytes) -> bytes:
    """A frame: END, the content and its CRC-32 with END and ESCAPE escaped, END."""
    data = content + zlib.crc32(content).to_bytes(CHECK_BYTES, "little")
    data = data.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPED_ESCAPE]))
    return bytes([END]) + data.replace(bytes([END]), bytes([ESCAPE, ESCAPED_END])) + bytes([END])


@dataclass
class FrameReader:
    """Finds frames among bytes that come piece by piece.

    Bytes that are no frame, or one whose CRC-32 does not fit, are passed over without a word; ``bad`` counts them.
    """

    bad: int = 0
    _pending: bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take some bytes; return the contents of the frames that end in them."""
        *frames, self._pending = (self._pending + data).split(bytes([END]))
        found = [self._content(frame) for frame in frames if frame]
        self.bad += found.count(None)
        return [content for content in found if content is not None]

    @staticmethod
    def _content(frame):
        data = bytearray()
        escaped = False
        for byte in frame:
            if escaped:
                if byte not in (ESCAPED_END, ESCAPED_ESCAPE):
                    return None
                data.append(END if byte == ESCAPED_END else ESCAPE)
                escaped = False
            elif byte == ESCAPE:
                escaped = True
            else:
                data.append(byte)
        content, check = bytes(data[:-CHECK_BYTES]), bytes(data[-CHECK_BYTES:])
        whole = len(content) > 0 and not escaped and zlib.crc32(content).to_bytes(CHECK_BYTES, "little") == check
        return content if whole else None


def crcs_of(segments) -> list[int]:
    """The CRC-32 of the weights of each segment: arrays of int8, a byte each."""
    return [zlib.crc32(weights.tobytes()) for weights in segments]


def digest_of(crcs) -> int:
    """One number for the CRC-32 of all segments in order: turned left by a bit, and exclusive-or the next one."""
    digest = 0
    for crc in crcs:
        digest = (digest << 1 & 0xFFFFFFFF | digest >> 31) ^ crc
    return digest
