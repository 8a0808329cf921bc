"""The error codes of the hardware decoder, as they appear on its ``error`` port."""

from amaranth.lib import enum

__all__ = ["ErrorCode"]


class ErrorCode(enum.Enum, shape=8):
    """Why the decoder stopped. The code holds until ``clear`` or ``rst``."""

    NONE = 0  #: no error
    TRUNCATED = 1  #: the last transfer came before the stream's end
    MAGIC = 2  #: the stream does not begin with "TNSY"
    VERSION = 3  #: a format version that this decoder does not know
    LANES = 4  #: made for another N
    VECTOR = 5  #: made for another V
    WORD_BITS = 6  #: made for another W
    PRELOAD = 7  #: made for another P
    TABLE_LOG = 8  #: made for another R
    CAPACITY = 9  #: more max run, raw bits, bins, tables or segments than this decoder has room for
    HEADER_CRC = 10  #: the header's CRC-32 does not fit
    STREAM = 11  #: not the stream whose tables this decoder was built with (style ROM)
    TABLE = 12  #: an alphabet or a slot list out of range
    COUNTS = 13  #: the counts of a table do not sum to L
    SEGMENT = 14  #: a segment without weights, of an unknown table, or not restarting where it must
    WORDS_CRC = 15  #: the CRC-32 of a span's words does not fit
    END_STATE = 16  #: a lane did not end in state 0
    WORDS_LEFT = 17  #: a span ended before all its words were used
    SELECTION = 18  #: the segments chosen are not whole spans of the stream
    NOT_LOADED = 19  #: words without a header, and no header has been loaded
    PARITY = 20  #: a bit of a table entry or of a lane's state has flipped (with protect)
