"""What a board is to decode, and with what: all that its design must be told, or one line on what is short."""

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from golden import digits
from golden.cli import naming, read_bytes
from golden.codec import decode
from golden.config import Config, OutputMode, TableMemory, TableStyle
from golden.container import stream_bytes, unpack
from golden.errors import ConfigError
from golden.network import encode_network
from golden.stream import Stream, words_of
from hw.build import check_room
from hw.contents import contents_of, rom_config
from hw.decoder import MAX_TABLE_LOG, Contents, check_decoder
from hw.layouts import entry_layout, table_numbers
from hw.memory import check_memory, primitives_of
from hw.options import default_ring, spare_words

from .catalogue import Board, find_board
from .protocol import crcs_of, digest_of
from .uart import check_divisor

__all__ = ["DesignPlan", "default_memory", "divisor_for", "embedded_stream", "least_luts", "plan_design", "room_of"]

OWN_RAMS = 6  #: block RAMs that are kept for what is neither the stream's memory nor the decoder's tables
LOADER_BITS, RECORD_BITS, RECORD_PIECES = 32, 16, 8  #: about what the loader keeps of a slot and of a segment
BAUD_ERROR = 0.02  #: the largest error of the serial line's speed, as a share of it
LUTS, ALONE_LUTS, RING_LUTS = 1800, 350, 60  #: the least that a design takes, each lane alone, each lane in a ring


@dataclass(frozen=True)
class DesignPlan:
    """One board's design.

    Parameters
    ----------
    board : Board
    config : Config
        The decoder's.
    contents : Contents or None
        Tables and records of style ROM.
    depth : int
        Words of the stream's memory.
    words : tuple of int
        What that memory begins with: the stream.
    crcs : tuple of int
        CRC-32 of the weights of each segment of that stream, as bytes.
    frequency : float
        Hz of the clock.
    divisor : int
        Cycles for a bit of the serial line.
    """

    board: Board
    config: Config
    contents: Contents | None
    depth: int
    words: tuple[int, ...]
    crcs: tuple[int, ...]
    frequency: float
    divisor: int

    @property
    def target(self) -> str | None:
        """The family of block RAM, see `hw.memory.block_memory`."""
        return self.board.family

    @property
    def digest(self) -> int:
        """What the design's digest must be when it has decoded what its memory begins with."""
        return digest_of(self.crcs)

    @property
    def identity(self) -> int:
        """32 bits that tell this design from another: board, decoder, tables, memory, clock."""
        config = self.config.as_dict()
        if not config["protect"]:  # designs from before there was such a thing keep their numbers
            del config["protect"]
        told = [self.board.name, config, self.contents and self.contents.header, self.depth,
                self.frequency, self.divisor]
        return zlib.crc32(json.dumps(told).encode())

    def at(self, frequency: float) -> "DesignPlan":
        """The same design at another clock.

        Raises
        ------
        ConfigError
            If the serial line cannot be served from it.
        """
        return replace(self, frequency=frequency, divisor=divisor_for(self.board, frequency))


def divisor_for(board: Board, frequency: float) -> int:
    """Cycles for a bit of the board's serial line.

    Raises
    ------
    ConfigError
        If the line's speed cannot be met from this clock.
    """
    divisor = max(1, round(frequency / board.baud))
    check_divisor(divisor)
    if abs(frequency / divisor - board.baud) > BAUD_ERROR * board.baud:
        raise ConfigError(f"clock of {frequency / 1e6:.3f} MHz gives {frequency / divisor:,.0f} baud, not "
                          f"{board.baud:,} within {BAUD_ERROR:.0%}")
    return divisor


def default_memory(board: Board, lanes: int) -> TableMemory:
    """What the tables of so many lanes are made of if the user does not say: the board's default, where lanes allow."""
    try:
        default_ring(lanes, board.memory)
    except ConfigError:
        return TableMemory.LOGIC
    return board.memory


def embedded_stream(board: Board, lanes: int | None = None, ring: int | None = None,
                    memory: TableMemory | None = None) -> bytes:
    """The embedded network as a ``.tsy`` file, encoded for a decoder; what is ``None`` is the board's default."""
    lanes = lanes or board.lanes
    memory = memory or default_memory(board, lanes)
    spare = spare_words(ring or default_ring(lanes, memory))
    return encode_network(digits.load(), lanes=lanes, spare=spare, table_log_limit=MAX_TABLE_LOG[memory])


def _stream(stream, lanes):
    """A stream that is given in one of several ways."""
    if not isinstance(stream, Stream):
        with naming("the stream" if isinstance(stream, bytes) else stream):
            stream = unpack(stream if isinstance(stream, bytes) else read_bytes(Path(stream)))[0]
    if lanes not in (None, stream.config.lanes):
        raise ConfigError(f"the stream was made for {stream.config.lanes} lanes, not {lanes}")
    return stream


def plan_design(board, stream=None, lanes: int | None = None, frequency: float | None = None, **decoder) -> DesignPlan:
    """Everything that the design of a board is made from.

    Parameters
    ----------
    board : str or Board
    stream : Stream, bytes, path or None
        A stream, or a ``.tsy`` file or its bytes; ``None`` takes the embedded network.
    lanes : int or None
        Those of the stream; for the embedded network ``None`` takes the board's default.
    frequency : float or None
        Hz of the clock; ``None`` takes the one that a build tries first.
    **decoder
        Fields of `Config` that are no part of the stream: table_style, table_memory, ring, queue, max_tables,
        max_segments.

    Raises
    ------
    ConfigError
        If the board cannot hold it, or its clock not serve the line; names what is short.
    FormatError, InputError
        If the stream is none, or cannot be read.
    """
    board = find_board(board)
    divisor = divisor_for(board, board.clock if frequency is None else frequency)
    if decoder.get("output", OutputMode.DENSE) is not OutputMode.DENSE:
        raise ConfigError("a board's decoder hands out dense weights only")
    if stream is None:
        _complete(board, decoder, lanes or board.lanes)
        stream = embedded_stream(board, lanes, decoder["ring"], decoder["table_memory"])
    stream = _stream(stream, lanes)
    _complete(board, decoder, stream.config.lanes)
    config, contents = replace(stream.config, **decoder), None
    if config.table_style is TableStyle.ROM:
        config, contents = rom_config(stream, config), contents_of(stream)
    check_room(config, stream)
    check_decoder(config, contents, board.family)
    words = tuple(words_of(stream_bytes(stream), config.word_bits))
    return DesignPlan(board=board, config=config, contents=contents, depth=_depth(board, config, len(words)),
                      words=words, crcs=tuple(crcs_of(decode(stream))),
                      frequency=board.clock if frequency is None else frequency, divisor=divisor)


def _complete(board, decoder, lanes):
    """Put the defaults for so many lanes into the fields of `Config`; raise `ConfigError` if they do not fit."""
    memory = decoder["table_memory"] = decoder.get("table_memory") or default_memory(board, lanes)
    ring = decoder["ring"] = decoder.get("ring") or default_ring(lanes, memory)
    least = least_luts(lanes, ring)
    if least > board.luts:
        raise ConfigError(f"{lanes} lanes {'alone' if ring == 1 else f'in rings of {ring}'} take {least:,} LUTs at "
                          f"least, and {board.name} has {board.luts:,}")


def least_luts(lanes: int, ring: int) -> int:
    """The look-up tables that so many lanes in rings take at least, the rest of the design included."""
    return LUTS + (ALONE_LUTS if ring == 1 else RING_LUTS) * lanes


def _depth(board, config, needed):
    """Words of the stream's memory: what the one stream of style ROM takes, or all that the board has room for."""
    room = room_of(board, config)
    if needed > room:
        size = config.word_bits // 8
        raise ConfigError(f"the stream takes {needed * size:,} bytes, and {board.name} holds {room * size:,} beside a "
                          f"decoder of {config.lanes} lanes with {config.word_bits}-bit words")
    return max(2, needed) if config.table_style is TableStyle.ROM else room


def room_of(board: Board, config: Config) -> int:
    """The most words of a stream that a board has block RAM for, beside a decoder; 0 if there is none left."""
    free = board.block_rams - OWN_RAMS - _table_rams(board, config)
    depths = [1 << power for power in range(8, 15)]
    return max((depth for depth in depths if _fits(board, config, depth, free)), default=0)


def _table_rams(board, config):
    """About how many block RAMs the decoder takes: for tables that are in them, for their loader, for the records."""
    family, bits, rams = board.family, entry_layout(config).size, 0
    if config.table_memory is TableMemory.BLOCK:
        words = len(table_numbers(config)) * config.slots
        rams += -(-config.rings // 2) * primitives_of(family, bits, words, min(2, config.rings))
    if config.table_style is TableStyle.RAM:
        rams += 2 * primitives_of(family, LOADER_BITS, config.slots, 2)
        rams += primitives_of(family, RECORD_BITS, RECORD_PIECES * config.max_segments)
    return rams


def _fits(board, config, depth, free):
    try:
        check_memory(board.family, config.word_bits, depth)
    except ConfigError:
        return False
    return primitives_of(board.family, config.word_bits, depth) <= free
