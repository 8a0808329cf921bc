"""What came out of synthesis, and how it is printed."""

from dataclasses import asdict, dataclass, field
from statistics import median

from .critical_path import CriticalPath

__all__ = ["SynthesisReport", "speed_of", "text_of"]


@dataclass(frozen=True)
class SynthesisReport:
    """One design on one device.

    Parameters
    ----------
    target : str
        Name of the device.
    registered : bool
        Whether the ports are behind a register each.
    ports : str
        What the ports are tied to: ``pins``; ``registers`` on the design's clock; ``detached``, registers on a clock
        of their own, where there are not enough pins; ``none`` for area only.
    lut, ff, block_rams, lut_rams : int
        Look-up tables, flip-flops, block RAMs, and cells of memory made of look-up tables (which ``lut`` includes where
        nextpnr counts it). Registers behind the ports are not in ``ff``.
    lut_words : str
        What was counted as a look-up table, and by whom.
    port_registers : int
        Registers around the design, in no other figure.
    fmax : tuple of float
        MHz for each seed; empty for area only. Paths from and to pins do not count.
    seeds : tuple of int
    path : CriticalPath or None
        Of the seed whose Fmax is the median, or the next below it.
    cells : dict of str to int
        All cells by type, by Yosys.
    placed : dict of str to int
        What nextpnr says is used of the device.
    tools : dict of str to str
        Versions.
    """

    target: str
    registered: bool
    ports: str
    lut: int
    ff: int
    block_rams: int
    lut_rams: int
    lut_words: str = ""
    port_registers: int = 0
    fmax: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    path: CriticalPath | None = None
    cells: dict[str, int] = field(default_factory=dict)
    placed: dict[str, int] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)

    @property
    def fmax_best(self) -> float | None:
        """The highest Fmax in MHz; ``None`` for area only."""
        return max(self.fmax, default=None)

    @property
    def fmax_median(self) -> float | None:
        """The median Fmax in MHz; ``None`` for area only."""
        return median(self.fmax) if self.fmax else None

    @property
    def critical_path(self) -> str:
        """The critical path in words; empty for area only."""
        return str(self.path) if self.path else ""

    def as_dict(self) -> dict:
        """All of it as plain values, for JSON."""
        values = {name: getattr(self, name) for name in (
            "target", "registered", "ports", "lut", "lut_words", "ff", "port_registers", "block_rams", "lut_rams",
            "seeds", "fmax", "fmax_best", "fmax_median", "critical_path", "cells", "placed", "tools")}
        steps = [asdict(step) for step in self.path.steps] if self.path else []
        return values | {"fmax": list(self.fmax), "seeds": list(self.seeds), "critical_steps": steps}


def speed_of(lut: int, fmax: float | None, weights_per_cycle: float) -> dict:
    """The speed of a decoder: ``weights_per_cycle``, and with an Fmax in MHz ``weights_per_second`` and
    ``weights_per_second_per_lut``."""
    if fmax is None:
        return {"weights_per_cycle": weights_per_cycle}
    rate = weights_per_cycle * fmax * 1e6
    return {"weights_per_cycle": weights_per_cycle, "weights_per_second": rate,
            "weights_per_second_per_lut": rate / lut}


PORTS = {"pins": "ports at pins", "registers": "ports behind a register each",
         "detached": "ports on a clock of their own, not at pins", "none": "area only"}


def text_of(report: SynthesisReport, speed: dict) -> str:
    """The lines that ``python -m hw.synth`` prints for a report.

    Parameters
    ----------
    report : SynthesisReport
    speed : dict
        What `speed_of` gives; empty if there is no stream.
    """
    lines = [f"{report.target:16} {PORTS[report.ports]}",
             f"LUT              {report.lut:,} ({report.lut_words})",
             f"FF               {report.ff:,}" + (f", and {report.port_registers} behind the ports"
                                                  if report.port_registers else ""),
             f"RAM              {report.block_rams} blocks, {report.lut_rams} cells of LUT RAM"]
    if report.fmax:
        seeds = " ".join(f"{value:.1f}" for value in report.fmax)
        lines += [f"Fmax             {report.fmax_median:.1f} MHz median, {report.fmax_best:.1f} best of {seeds}",
                  f"critical path    {report.critical_path}"]
    if speed:
        words = f"{speed['weights_per_cycle']:.2f} per cycle"
        if report.fmax:
            words = (f"{speed['weights_per_second'] / 1e6:,.1f} million per second at the median Fmax, {words}, "
                     f"{speed['weights_per_second_per_lut'] / 1e6:.3f} million per second and LUT")
        lines.append(f"weights          {words}")
    return "\n".join(lines)
