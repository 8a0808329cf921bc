"""Every stored bit of an emitted decoder: its registers and memories as the Verilog has them, sorted into kinds."""

import re
from collections import defaultdict
from dataclasses import dataclass

from golden.config import Config
from golden.errors import ConfigError
from hw.layouts import entry_layout, lane_layout
from hw.ring import found_layout

__all__ = ["GUARDED", "KINDS", "Stored", "stored_bits"]

KINDS = ("table entries", "entries read", "states", "parity", "pointers", "reservoir", "lane control", "tokens",
         "parts", "part queues", "join", "sequencer", "records", "distribution", "CRC-32", "control", "header")
GUARDED = ("table entries", "entries read", "states")  #: what ``Config.protect`` guards

NAME = r"(?:\\\S+|\w+)"
MODULE = re.compile(rf"^module ({NAME}) ?\(.*?^endmodule", re.MULTILINE | re.DOTALL)
INSTANCE = re.compile(rf"^  ({NAME}) (?:#\(\n.*?^  \) )? ?({NAME}) +\($", re.MULTILINE | re.DOTALL)
MEMORY = re.compile(rf"^  reg (?:signed )?(?:\[(\d+):0\] )?({NAME}) +\[(\d+):0\];", re.MULTILINE)
REGISTER = re.compile(rf"^  reg (?:signed )?(?:\[(\d+):0\] )?({NAME}) *(?:=.*)?;", re.MULTILINE)
CLOCKED = re.compile(rf"always @\(posedge clk\)\n    ({NAME}) ?(?:\[(\d+)(?::(\d+))?\])? <= ")
PRIMITIVES = {"DP16KD": {"memory": (18, 1024), **dict.fromkeys(("latch_a", "latch_b", "register_a", "register_b"),
                                                               (18, 1))}}  #: of `hw.memory.models`: bits, words
HIERARCHY = [  # the first that is found in an instance's path; the kind of all in it that has no other
    (r"\.table_\d+$|\.tables_\d+\b", "entries read"),
    (r"\.header\.crc|\.distribution\.crc", "CRC-32"),
    (r"\.header\b", "header"),
    (r"\.distribution\b", "distribution"),
    (r"\.(lane|ring)_\d+\.reservoir$", "pointers"),
    (r"\.lane_\d+\.pair$", "tokens"),
    (r"\.lane_\d+\.placement$|\.ring_\d+\.step$|\.expander_\d+$", "parts"),
    (r"\.(lane|ring)_\d+$", "lane control"),
    (r"\.queue_\d+$|\.lookout_\d+$|\.output_\d+\b", "part queues"),
    (r"\.join$", "join"),
    (r"\.sequencer$|\.selection$", "sequencer"),
    (r"\.records\b", "records"),
    (r"\.control$", "control"),
    (r"^decoder\.decoder$", "join"),  # what is gathered for it of all lanes
]
NAMES = [  # within a lane, a ring or a reservoir: names of registers, the kind of them
    (r"^(chunk_\d|memory|low|high|pair_1|window(_\d)?)$", "reservoir"),
    (r"^following_\d$", "pointers"),
    (r"^token$", "tokens"),
    (r"^(work|fill|known)_\d$", "parts"),
    (r"^state$", "states"),
    (r"^(parity|flipped|upset)$", "parity"),
]
LANE_FIELDS = {"state": "states", "parity": "parity", "pointer": "pointers", "word": "pointers", "lap": "pointers"}
FOUND_FIELDS = {"state": "states", "bits": "states", "base": "states", "moved": "pointers", "crossed": "pointers",
                "value": "tokens", "run": "tokens", "flipped": "parity", "parity": "parity"}


@dataclass(frozen=True)
class Stored:
    """Bits of one variable of the Verilog that are of one kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    scope, name : str
        The instance's path from the top module on, and the variable as Verilator spells it.
    words : int
        Words that may matter, from the first; 1 of a register.
    bits : tuple of int
        Which bits of each.
    """

    kind: str
    scope: str
    name: str
    words: int
    bits: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many bits they are."""
        return self.words * len(self.bits)


def stored_bits(verilog: str, config: Config, tables: int, segments: int) -> list[Stored]:
    """All registers and memories of a decoder, in the order of their instances.

    Parameters
    ----------
    verilog : str
        As `hw.build` writes it, without a shell.
    config : Config
    tables, segments : int
        Of the stream: further words of tables and records are left out, as nothing reads them.

    Raises
    ------
    ConfigError
        If the Verilog has primitives of which it is not known what they store.
    """
    modules = {match[1]: match[0] for match in MODULE.finditer(verilog)}
    found = []

    def walk(module, path):
        for name, depth, bits in _variables(module, modules):
            words = _words_used(path, depth, config, tables, segments)
            kinds = defaultdict(list)
            for bit in bits:
                kinds[_kind(path, name, bit, depth, config)].append(bit)
            for kind, its_bits in kinds.items():
                if kind == "table entries" and module in PRIMITIVES:
                    low = int(path.rpartition("_")[2])
                    its_bits = [bit for bit in its_bits if low + bit < entry_layout(config).size]
                found.append(Stored(kind, path, _spelled(name), words, tuple(its_bits)))
        for instance in INSTANCE.finditer(modules.get(module, "")):
            walk(instance[1], f"{path}.{instance[2].removeprefix(chr(92))}")

    walk("decoder", "decoder")
    return found


def _spelled(name):
    """A name as Verilator has it: escaped ones end in a blank."""
    return f"\\{name} " if "$" in name or "." in name else name


def _variables(module, modules):
    """Name, words and stored bits of each register and memory of a module."""
    if module not in modules:
        if module not in PRIMITIVES:
            raise ConfigError(f"it is not known what a {module} stores; block RAM must be of ecp5 or of no target")
        for name, (width, depth) in PRIMITIVES[module].items():
            yield name, depth, range(width)
        return
    text = modules[module]
    for high, name, last in MEMORY.findall(text):
        yield name.removeprefix("\\"), int(last) + 1, range(int(high or 0) + 1)
    clocked = defaultdict(set)
    widths = {name: int(high or 0) + 1 for high, name in REGISTER.findall(text)}
    for name, high, low in CLOCKED.findall(text):
        clocked[name] |= set(range(int(low or high), int(high) + 1) if high else range(widths[name]))
    for name, bits in clocked.items():
        yield name.removeprefix("\\"), 1, sorted(bits)


def _words_used(path, depth, config, tables, segments):
    """Words of a memory that hold something of this stream."""
    if ".table" in path and ".header." not in path:
        return min(depth, tables * config.slots)
    if ".records" in path:
        return min(depth, 8 * segments)
    return min(depth, config.slots) if ".spreader." in path else depth


def _kind(path, name, bit, depth, config):
    kind = next((kind for pattern, kind in HIERARCHY if re.search(pattern, path)), None)
    plain = name.partition("$")[0]
    if kind is None:
        raise ConfigError(f"{path}.{name} is of no known kind")
    if kind == "entries read":
        return "table entries" if depth > 1 else kind
    if re.search(r"\.(lane|ring)_\d+(\.reservoir)?$", path):
        if re.fullmatch(r"(lane|at_entry|at_step)_\d", plain):
            return _field(lane_layout(config), bit, LANE_FIELDS)
        if re.fullmatch(r"found_\d", plain):
            return _field(found_layout(config), bit, FOUND_FIELDS)
        kind = next((its for pattern, its in NAMES if re.search(pattern, plain)), kind)
    if plain == "upset":
        return "parity"
    return kind


def _field(layout, bit, kinds):
    """The kind of a bit of a record."""
    return next(kinds.get(name, "parts") for name, field in layout if field.offset <= bit < field.offset + field.width)
