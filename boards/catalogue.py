"""The boards: what is on each of them that a decoder needs to know, in one table."""

import importlib
from dataclasses import dataclass

from golden.config import TableMemory
from golden.errors import ConfigError
from hw.targets import find_target

__all__ = ["BOARDS", "SHOWN", "Board", "Light", "find_board"]

SHOWN = ("running", "passed", "failed")  #: what the lights of a board can show


@dataclass(frozen=True)
class Light:
    """A light of a board, and when it is on.

    Parameters
    ----------
    shows : tuple of str
        Of `SHOWN`; it is on while any of them is.
    resource : str
    number : int
        Of the resource of amaranth-boards.
    part : str
        Which subsignal of it; empty if it has none.
    """

    shows: tuple[str, ...]
    resource: str = "led"
    number: int = 0
    part: str = ""


@dataclass(frozen=True)
class Board:
    """One board.

    Parameters
    ----------
    name : str
        As given to ``--board``.
    title : str
        What it is, in words.
    platform : str
        Its description in the style of amaranth-boards: module and class, with a colon between.
    target : str
        The device of `hw.targets` whose cells it has.
    luts, block_rams : int
        What the device has of them.
    oscillator : float
        Hz of the clock on the board.
    pll : str
        Of `boards.pll.PLLS`.
    clock : float
        Hz that a build tries first.
    lanes : int
        Of a decoder whose user names no number.
    lights : tuple of Light
    load : str
        A command that loads the bitstream, with ``{}`` for its file.
    uart : str
        The resource of the serial line, with ``rx`` and ``tx`` as seen from the device.
    baud : int
        Bits per second of that line.
    memory : TableMemory
        What the tables are made of if the user does not say.
    bitstream : str
        Ending of the file that is loaded; empty where only a netlist can be made.
    """

    name: str
    title: str
    platform: str
    target: str
    luts: int
    block_rams: int
    oscillator: float
    pll: str
    clock: float
    lanes: int
    lights: tuple[Light, ...]
    load: str
    uart: str = "uart"
    baud: int = 1_000_000
    memory: TableMemory = TableMemory.LOGIC
    bitstream: str = "bit"

    @property
    def family(self) -> str | None:
        """The family of block RAM, see `hw.memory.block_memory`."""
        return find_target(self.target).memory_target

    def make_platform(self):
        """A new instance of the board's description; a platform of Amaranth can be built from once."""
        module, name = self.platform.split(":")
        return getattr(importlib.import_module(module), name)()


def _in_a_row(running, passed, failed):
    """Three lights that show one thing each, by their numbers."""
    return tuple(Light((shown,), number=number) for shown, number in zip(SHOWN, (running, passed, failed)))


def _ulx3s(size, luts, block_rams):
    return Board(
        name=f"ulx3s-{size}f", title=f"Radiona ULX3S, Lattice ECP5 LFE5U-{size}F",
        platform=f"amaranth_boards.ulx3s:ULX3S_{size}F_Platform", target=f"ecp5-{size}k-6", luts=luts,
        block_rams=block_rams, oscillator=25e6, pll="ecp5", clock=100e6, lanes=8, lights=_in_a_row(0, 1, 2),
        load="openFPGALoader -b ulx3s {}")


BOARDS = {board.name: board for board in (
    _ulx3s(85, 83_640, 208),
    _ulx3s(25, 24_288, 56),
    Board(
        name="orangecrab", title="OrangeCrab r0.2, Lattice ECP5 LFE5U-25F", platform="boards.orangecrab:Platform",
        target="ecp5-25k-6", luts=24_288, block_rams=56, oscillator=48e6, pll="ecp5", clock=100e6, lanes=8,
        lights=(Light(("running",), "rgb_led", part="b"), Light(("passed",), "rgb_led", part="g"),
                Light(("failed",), "rgb_led", part="r")),
        load="dfu-util -a 0 -D {}"),
    Board(
        name="icebreaker", title="iCEBreaker, Lattice iCE40 UP5K", platform="amaranth_boards.icebreaker:"
        "ICEBreakerPlatform", target="ice40-up5k", luts=5_280, block_rams=30, oscillator=12e6, pll="ice40-pad",
        clock=18e6, lanes=4, memory=TableMemory.BLOCK,
        lights=(Light(("passed", "running"), "led_g"), Light(("failed", "running"), "led_r")),
        load="iceprog {}", baud=115_200, bitstream="bin"),
    Board(
        name="ice40-hx8k-b-evn", title="iCE40-HX8K breakout board", platform="amaranth_boards.ice40_hx8k_b_evn:"
        "ICE40HX8KBEVNPlatform", target="ice40-hx8k", luts=7_680, block_rams=32, oscillator=12e6, pll="ice40",
        clock=50e6, lanes=8, memory=TableMemory.BLOCK, lights=_in_a_row(0, 1, 2), load="iceprog -S {}",
        bitstream="bin"),
    Board(
        name="tang-nano-9k", title="Sipeed Tang Nano 9K, Gowin GW1NR-9C", platform="boards.tang_nano_9k:Platform",
        target="gw1n-9", luts=8_640, block_rams=26, oscillator=27e6, pll="gowin", clock=54e6, lanes=8,
        memory=TableMemory.BLOCK, lights=_in_a_row(0, 1, 2), load="openFPGALoader -b tangnano9k {}", baud=115_200,
        bitstream="fs"),
    Board(
        name="arty-a7", title="Digilent Arty A7-35T, Xilinx Artix-7 XC7A35T", platform="boards.arty_a7:Platform",
        target="xilinx-7", luts=20_800, block_rams=100, oscillator=100e6, pll="xilinx", clock=100e6, lanes=8,
        lights=_in_a_row(0, 1, 2), load="openFPGALoader -b arty {}", bitstream=""),
)}


def find_board(board) -> Board:
    """A board by its name, or the board itself.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if isinstance(board, Board):
        return board
    if board not in BOARDS:
        raise ConfigError(f"board must be one of {', '.join(BOARDS)}, not {board!r}")
    return BOARDS[board]
