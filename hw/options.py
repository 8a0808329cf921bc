"""The options of commands that build a decoder: what is no part of the stream. `golden.options` has the others."""

from golden.config import LEAST_BLOCK_RING, MAX_RING, QUEUES, Config, OutputMode, TableMemory, TableStyle
from golden.errors import ConfigError

from .memory import TARGETS as FAMILIES
from .targets import TARGETS as DEVICES

__all__ = ["add_decoder_options", "decoder_options", "default_ring", "family_of", "rooms_of", "spare_words"]

BLOCK_RINGS = (4, *(ring for ring in range(LEAST_BLOCK_RING, MAX_RING + 1) if ring != 4))


def add_decoder_options(parser) -> None:
    """Add the options to an argument parser."""
    add = parser.add_argument
    add("--tables", choices=[style.value for style in TableStyle], default=TableStyle.ROM.value,
        help="rom: the tables of this one stream; ram: loaded from each stream's header (default: %(default)s)")
    add("--max-tables", type=int, help="style ram: room for tables (default: 8)")
    add("--max-segments", type=int, help="style ram: room for segments (default: 64)")
    add("--memory", choices=[memory.value for memory in TableMemory], default=TableMemory.LOGIC.value,
        help="what the tables are made of: logic, or block RAM (default: %(default)s)")
    add("--ring", type=int, metavar="C", help="lanes that take turns in one ring, a divisor of the lanes (default: 1 "
        f"for tables in logic; in block RAM the first divisor of {', '.join(map(str, BLOCK_RINGS[:3]))} to {MAX_RING})")
    add("--queue", type=int, metavar="D", help="beats that a lane may work ahead: one of "
        f"{', '.join(map(str, QUEUES))} (default: 16 / C, at least 4)")
    add("--output-mode", choices=[mode.value for mode in OutputMode], default=OutputMode.DENSE.value,
        help="all weights in order, or tokens as they come (default: %(default)s)")
    add("--select", action="store_true", help="ports that choose segments and keep a loaded header (always with a "
        "shell, in registers)")
    add("--protect", action="store_true", help="parity on table entries and lane states: a flipped bit in them ends in "
        "the error PARITY")


def default_ring(lanes: int, memory: TableMemory) -> int:
    """The ring of a decoder whose user names none.

    Raises
    ------
    ConfigError
        If the lanes have no divisor that tables in block RAM allow.
    """
    if memory is TableMemory.LOGIC:
        return 1
    for ring in BLOCK_RINGS:
        if lanes % ring == 0:
            return ring
    raise ConfigError(f"lanes must have a divisor from {LEAST_BLOCK_RING} to {MAX_RING} for tables in block RAM, "
                      f"not be {lanes}")


def spare_words(ring: int) -> int:
    """Words of preload beyond the least, if the user says nothing: lanes alone wait less with some."""
    return 2 if ring == 1 else 0


def decoder_options(args, lanes: int) -> dict:
    """The options as fields of `Config`, for a decoder of so many lanes; without the rooms.

    Raises
    ------
    ConfigError
        If there can be no such decoder, whatever the stream.
    """
    memory = TableMemory(args.memory)
    if rooms_of(args) and args.tables == TableStyle.ROM.value:
        raise ConfigError("room for tables and segments must be given with --tables ram only")
    options = {
        "table_style": TableStyle(args.tables),
        "table_memory": memory,
        "ring": default_ring(lanes, memory) if args.ring is None else args.ring,
        "queue": args.queue,
        "output": OutputMode(args.output_mode),
        "select": args.select,
        "protect": args.protect,
    }
    Config(lanes=lanes, **options)
    return options


def rooms_of(args) -> dict:
    """The rooms that were given, as fields of `Config`."""
    return {name: getattr(args, name) for name in ("max_tables", "max_segments") if getattr(args, name) is not None}


def family_of(target: str | None) -> str | None:
    """The family of block RAM for a target: its own name, or that of one of its devices.

    Raises
    ------
    ConfigError
        If there is no such target.
    """
    if target in FAMILIES:
        return target
    if target not in DEVICES:
        raise ConfigError(f"target must be one of {', '.join([*filter(None, FAMILIES), *DEVICES])}, not {target!r}")
    return DEVICES[target].memory_target
