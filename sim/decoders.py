"""Decoders for long runs, all of style RAM so that each takes any stream of its configuration, and what stalls them."""

from golden.config import Config, OutputMode, TableMemory, TableStyle
from golden.errors import InputError
from golden.patterns import ALWAYS, Pattern

__all__ = ["FUZZED", "SOAKED", "named", "pattern"]

RAM = {"table_style": TableStyle.RAM}
BLOCK = {"table_memory": TableMemory.BLOCK}
SPARSE = {"output": OutputMode.SPARSE}

FUZZED = {  # small, so that a stream takes few cycles
    "alone": Config(lanes=4, word_bits=16, table_log=5, max_run=4, raw_bits=2, bins=31, max_tables=4, max_segments=8,
                    **RAM),
    "block": Config(lanes=8, vector=2, table_log=5, max_run=4, raw_bits=3, bins=63, max_tables=4, max_segments=8,
                    ring=4, **RAM, **BLOCK),
    "sparse": Config(lanes=4, vector=2, word_bits=8, table_log=5, max_run=8, bins=7, max_tables=4, max_segments=8,
                     ring=2, **RAM, **SPARSE),
}
SOAKED = {  # wide, so that a cycle brings many weights
    "alone": Config(vector=8, preload=5, table_log=6, max_run=16, raw_bits=2, bins=63, max_tables=16, max_segments=64,
                    **RAM),
    "block": Config(vector=8, table_log=8, max_run=16, raw_bits=4, bins=255, max_tables=16, max_segments=64, ring=4,
                    **RAM, **BLOCK),
    "sparse": Config(vector=4, word_bits=64, table_log=6, max_run=16, raw_bits=2, bins=63, max_tables=16,
                     max_segments=64, ring=2, **RAM, **SPARSE),
}


def named(decoders: dict[str, Config], names: str) -> dict[str, Config]:
    """Those of some decoders that a list of names with commas between them names."""
    chosen = names.split(",")
    for name in chosen:
        if name not in decoders:
            raise InputError(f"decoders must be of {', '.join(decoders)}, not {name!r}")
    return {name: decoders[name] for name in decoders if name in chosen}


def pattern(random) -> Pattern:
    """A source's or a sink's behaviour, drawn at random: steady, alternate, at random, in bursts, with long pauses."""
    match random.choice(5, p=(0.15, 0.05, 0.45, 0.2, 0.15)):
        case 0:
            return ALWAYS
        case 1:
            return Pattern("alternate")
        case 2:
            return Pattern("random", (float(random.uniform(0.15, 0.95)), int(random.integers(1 << 24))))
        case 3:
            return Pattern("burst", (int(random.integers(1, 17)), int(random.integers(1, 17))))
    return Pattern("burst", (int(random.integers(20, 300)), int(random.integers(50, 500))))
