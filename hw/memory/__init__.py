"""Memories in block RAM behind one interface, rendered for the primitives of several families.

`block_memory` makes one, `check_memory` says whether there can be one, `primitives_of` what it takes; `models_for`
names the Verilog models of the primitives, for simulation.
"""

from pathlib import Path

from golden.errors import ConfigError

from .ecp5 import Ecp5Memory
from .gowin import GowinMemory
from .ice40 import Ice40Memory
from .interface import LATENCY, BlockMemory
from .portable import PortableMemory

__all__ = ["LATENCY", "TARGETS", "BlockMemory", "block_memory", "check_memory", "models_for", "primitives_of"]

TARGETS = {None: PortableMemory, "ecp5": Ecp5Memory, "ice40": Ice40Memory, "gowin": GowinMemory}
MODELS = Path(__file__).with_name("models")


def block_memory(target: str | None, width: int, depth: int, init=(), ports: int = 1,
                 writable: bool = False) -> BlockMemory:
    """A memory in block RAM. All targets behave the same.

    Parameters
    ----------
    target : str or None
        ``"ecp5"``, ``"ice40"`` or ``"gowin"``: made of that family's primitives. ``None``: of what any tool knows.
    width, depth, init, ports, writable
        As of `BlockMemory`.

    Raises
    ------
    ConfigError
        If there is no such target, or it can have no such memory.
    """
    check_memory(target, width, depth, init, ports)
    return _rendering(target)(width, depth, init, ports, writable)


def check_memory(target: str | None, width: int, depth: int, init=(), ports: int = 1) -> None:
    """Raise `ConfigError` if `block_memory` would, without making one."""
    _rendering(target).check(width, depth, tuple(init), ports)


def primitives_of(target: str | None, width: int, depth: int, ports: int = 1) -> int:
    """How many primitives of the target's family a `block_memory` takes; without a target, RAMs of 18 Kbit."""
    return _rendering(target).primitives(width, depth, ports)


def models_for(target: str | None) -> list[Path]:
    """The Verilog files that a simulation of `block_memory` for the target needs besides the emitted one."""
    _rendering(target)
    return [] if target is None else [MODELS / f"{target}.v"]


def _rendering(target):
    if target not in TARGETS:
        raise ConfigError(f"target must be one of {', '.join(filter(None, TARGETS))} or none, not {target!r}")
    return TARGETS[target]
