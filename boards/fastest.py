"""The fastest clock of a board's design: build, see what the timing meets, build with that.

A first build is made at the clock of the catalogue. Place and route is always told the same goal, more than it can
reach, and reports the clock that it did reach. The next build is made with the PLL's fastest clock that this one meets,
and so on: a clock that a build has missed is never tried again, nor one above it. The search ends with a build that
meets its clock and leaves none between to be tried, after `ATTEMPTS` builds at the latest.
"""

import tempfile

from tqdm import tqdm

from golden.errors import TansyError

from .fit import DesignPlan
from .flow import build_plan, run_plan
from .pll import PLLS, best_setting

__all__ = ["ATTEMPTS", "build_fastest"]

ATTEMPTS = 6  #: builds of a search
STEP = 1e-6  #: what a clock must be slower by, as a share, to be another one


def build_fastest(plan: DesignPlan, seed: int = 1, clock: float | None = None, progress: bool = False):
    """Build a plan with the fastest clock that the timing meets.

    Parameters
    ----------
    plan : DesignPlan
    seed : int
        Of the placer.
    clock : float or None
        Hz; the PLL's fastest clock up to this is the only one tried.
    progress : bool
        Whether to show a progress bar, where standard error is a terminal.

    Returns
    -------
    tuple of (DesignPlan, dict, Built, list)
        The plan with its clock, the files of the build plan, what became of it, and (clock, reached) of each build in
        Hz.

    Raises
    ------
    ConfigError
        If the PLL cannot make the clock, or the serial line be served from it.
    TansyError
        If a tool is not there or fails, or no build met its clock.
    """
    board, tried, best = plan.board, [], None
    kind, wanted, missed = PLLS[board.pll], clock or plan.frequency, float("inf")
    with tqdm(total=1 if clock else ATTEMPTS, disable=None if progress else True, desc=board.name, unit="build",
              leave=False) as bar:
        while len(tried) < bar.total:
            setting = best_setting(kind, board.oscillator, min(wanted, missed * (1 - STEP)))
            frequency = float(setting.output)
            if best and frequency <= best[0].frequency:
                break
            made = plan.at(frequency)
            files = dict(build_plan(made, setting, seed).files)
            with tempfile.TemporaryDirectory(prefix="tansy-") as work:
                built = run_plan(made, files, work)
            bar.update()
            tried.append((frequency, built.fmax))
            if built.fmax is None:
                return made, files, built, tried
            if built.fmax >= frequency:
                best = made, files, built
            else:
                missed = frequency
            wanted = built.fmax
    if best is None:
        frequency, fmax = tried[-1]
        raise TansyError(f"{board.name} at {frequency / 1e6:.3f} MHz: place and route reaches {fmax / 1e6:.3f} MHz")
    return *best, tried
