"""The register map, written down once. ``python -m hw.registers`` renders it for people, C and Python."""

from dataclasses import dataclass

__all__ = ["ADDRESS_BITS", "Access", "Field", "REGISTERS", "Register", "offset_of"]

ADDRESS_BITS = 8  #: of a byte address; its low two bits are ignored


class Access:
    """What the bus may do with a register. Anything else is a fault and has no other effect."""

    READ = "read"
    WRITE = "write"  #: reads as 0
    BOTH = "read, write"
    CLEAR = "read, 1 clears"  #: a bit that is written as 1 becomes 0


@dataclass(frozen=True)
class Field:
    """Bits of a register: ``width`` of them from bit ``low`` on."""

    name: str
    low: int
    width: int
    meaning: str


@dataclass(frozen=True)
class Register:
    """32 bits at a byte offset, without fields a number."""

    name: str
    offset: int
    access: str
    meaning: str
    fields: tuple = ()


REGISTERS = (
    Register("MAGIC", 0x00, Access.READ, 'the bytes "TNSY", the first one lowest: 0x59534E54'),
    Register("VERSION", 0x04, Access.READ, "the version of the stream format"),
    Register("LANES", 0x08, Access.READ, "N"),
    Register("VECTOR", 0x0C, Access.READ, "V"),
    Register("WORD_BITS", 0x10, Access.READ, "W"),
    Register("PRELOAD", 0x14, Access.READ, "P"),
    Register("TABLE_LOG", 0x18, Access.READ, "R"),
    Register("MAX_RUN", 0x1C, Access.READ, "M"),
    Register("STYLE", 0x20, Access.READ, "how the decoder was built", (
        Field("RAM", 0, 1, "tables are loaded from each stream's header (style RAM)"),
        Field("SPARSE", 1, 1, "the output is sparse"),
    )),
    Register("CONTROL", 0x24, Access.WRITE, "commands; CLEAR comes before START, KEEP before LOAD", (
        Field("START", 0, 1, "take one stream from the input, and decode the segments that FIRST and COUNT name; wants "
              "STATUS.IDLE"),
        Field("CLEAR", 1, 1, "reset the decoder at any time; what it was doing is lost, but not a loaded header"),
        Field("KEEP", 2, 1, "with START: no header comes, the one that is loaded holds; wants STATUS.LOADED"),
        Field("LOAD", 3, 1, "with START: the header alone comes, no segment is decoded"),
    )),
    Register("STATUS", 0x28, Access.READ, "where the decoder stands", (
        Field("IDLE", 0, 1, "START is allowed: nothing is going on, the last stream has been taken in up to its last "
              "transfer, and no output transfer waits"),
        Field("BUSY", 1, 1, "a stream was started and is neither done nor failed"),
        Field("DONE", 2, 1, "the stream that was started last came out right"),
        Field("FAILED", 3, 1, "it did not; ERROR says why"),
        Field("LOADED", 4, 1, "START may have KEEP: the header that was read last was right (style RAM); always (style "
              "ROM)"),
    )),
    Register("ERROR", 0x2C, Access.READ, "the error code of the decoder, 0 for none"),
    Register("FAULTS", 0x30, Access.CLEAR, "what the bus did wrong; a fault is also an error on the bus", (
        Field("ADDRESS", 0, 1, "there is no such register, or it cannot be written"),
        Field("START", 1, 1, "START without STATUS.IDLE; nothing was started"),
        Field("KEEP", 2, 1, "START and KEEP without STATUS.LOADED; nothing was started"),
    )),
    Register("CYCLES", 0x34, Access.READ, "cycles from the start to the end, or till now; modulo 2^32"),
    Register("WEIGHTS", 0x38, Access.READ, "weights handed out since the start (sparse: tokens); modulo 2^32"),
    Register("STARVED", 0x3C, Access.READ, "of CYCLES, those in which the input had nothing to take; modulo 2^32"),
    Register("BLOCKED", 0x40, Access.READ, "of CYCLES, those in which an output transfer was refused; modulo 2^32"),
    Register("FIRST", 0x44, Access.BOTH, "number of the first segment that the next START is to decode; the lanes must "
             "restart there"),
    Register("COUNT", 0x48, Access.BOTH, "how many segments the next START is to decode, up to the end of a span; 0: "
             "all from FIRST on"),
)


def offset_of(name: str) -> int:
    """The byte offset of a register."""
    return next(register.offset for register in REGISTERS if register.name == name)
