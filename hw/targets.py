"""The devices that ``hw.synth`` knows: how Yosys and nextpnr are called for each, and how their cells are counted.

Yosys 0.70 maps to look-up tables by ABC9 for all of them, without being asked. See ``hw.synth`` for what was compared.
"""

from dataclasses import dataclass

from golden.errors import ConfigError

__all__ = ["TARGETS", "Target", "find_target"]


@dataclass(frozen=True)
class Target:
    """One device.

    Parameters
    ----------
    name : str
        As given to ``--target``.
    device : str
        What it is, in words.
    synth : str
        Yosys' command that maps to it.
    pnr : str or None
        The program of nextpnr that places and routes; ``None`` for area only.
    options : tuple of str
        Of that program: device, speed grade, package.
    goal : int
        The clock in MHz that the placer is told to reach: more than it can, so that it tries hard. Missing it is no
        error.
    pins : int
        Pins of the package that ports may take; 0 where nextpnr takes no port without a pin of its own choosing.
    constraint : str
        Where a port must be given a pin: a line per port, with ``{port}`` and ``{pin}``; its option is ``--vopt cst``.
    spare : tuple of str
        Pins for such lines.
    lut : str
        Cells that count as a look-up table: a key of nextpnr's report, or a pattern of the cell types of Yosys.
    placed : bool
        Whether ``lut`` is counted in nextpnr's report.
    ff, block_ram, lut_ram : str
        Patterns of the cell types of Yosys.
    memory_target : str or None
        Family of memory primitives, for ``hw.build``.
    """

    name: str
    device: str
    synth: str
    pnr: str | None
    options: tuple[str, ...]
    goal: int
    pins: int
    lut: str
    placed: bool
    ff: str
    block_ram: str
    lut_ram: str
    memory_target: str | None
    constraint: str = ""
    spare: tuple[str, ...] = ()

    @property
    def lut_words(self) -> str:
        """What is counted as a look-up table."""
        return f"{self.lut} of nextpnr" if self.placed else f"{self.lut.replace('|', ' + ')} of Yosys"


def _ecp5(name, device, size, pins):
    return Target(name=name, device=device, synth="synth_ecp5", pnr="nextpnr-ecp5",
                  options=(size, "--speed", "6", "--package", "CABGA381", "--lpf-allow-unconstrained"), goal=250,
                  pins=pins, lut="TRELLIS_COMB", placed=True, ff="TRELLIS_FF", block_ram="DP16KD|PDPW16KD",
                  lut_ram="TRELLIS_DPR16X4", memory_target="ecp5")


def _ice40(name, device, kind, size, goal, package, pins):
    return Target(name=name, device=device, synth=f"synth_ice40 -device {kind}", pnr="nextpnr-ice40",
                  options=(size, "--package", package, "--pcf-allow-unconstrained"), goal=goal, pins=pins,
                  lut="SB_LUT4", placed=False, ff="SB_DFF.*", block_ram="SB_RAM40.*", lut_ram="(?!)",
                  memory_target="ice40")


TARGETS = {target.name: target for target in (
    _ecp5("ecp5-85k-6", "Lattice ECP5 LFE5U-85F-6, CABGA381", "--85k", 205),
    _ecp5("ecp5-25k-6", "Lattice ECP5 LFE5U-25F-6, CABGA381", "--25k", 197),
    _ice40("ice40-hx8k", "Lattice iCE40 HX8K, CT256", "hx", "--hx8k", 150, "ct256", 206),
    _ice40("ice40-up5k", "Lattice iCE40 UP5K, SG48", "u", "--up5k", 60, "sg48", 39),
    Target(name="gw1n-9", device="Gowin GW1NR-9C (GW1NR-LV9QN88PC6/I5, as on the Tang Nano 9K)", synth="synth_gowin",
           pnr="nextpnr-himbaechel-gowin", options=("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C"),
           goal=150, pins=0, lut="LUT[1-4]|ALU", placed=False, ff="DFF.*", block_ram="(SDP|DP|SP|pROM)(X9)?B?",
           lut_ram="RAM16.*", memory_target="gowin", constraint='IO_LOC "{port}" {pin};', spare=("52", "25", "26")),
    Target(name="xilinx-7", device="Xilinx 7 series, area only", synth="synth_xilinx -flatten -family xc7",
           pnr=None, options=(), goal=0, pins=0, lut="LUT[1-6]", placed=False, ff="FD[RSCP]E.*", block_ram="RAMB.*",
           lut_ram="RAM(32|64|128|256).*", memory_target=None),
)}


def find_target(target) -> Target:
    """A target by its name, or the target itself.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if isinstance(target, Target):
        return target
    if target not in TARGETS:
        raise ConfigError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    return TARGETS[target]
