"""The fastest clock of a board's design: build, see what the timing meets, build with that.

A first build is made at the clock of the catalogue. Place and route is always told the same goal, more than it can
reach, and reports the clock that it did reach. The next build is made with the PLL's fastest clock that this one meets,
and so on; a clock that was tried is passed over. The search ends when that is not faster than a clock that was met, or
after `ATTEMPTS` builds. Builds at different clocks differ in a few constants and so in their placement, by a tenth of
the clock at times: a clock that one has missed may be below what the next one meets.
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
    board, kind, tried, best = plan.board, PLLS[plan.board.pll], [], None
    wanted = plan.frequency if clock is None else clock
    with tqdm(total=ATTEMPTS if clock is None else 1, disable=None if progress else True, desc=board.name, unit="build",
              leave=False) as bar:
        while len(tried) < bar.total:
            setting = _untried(kind, board.oscillator, wanted, tried)
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
            wanted = built.fmax
    if best is None:
        frequency, fmax = tried[-1]
        raise TansyError(f"{board.name} at {frequency / 1e6:.3f} MHz: place and route reaches {fmax / 1e6:.3f} MHz")
    return *best, tried


def _untried(kind, oscillator, most, tried):
    """The setting of the fastest clock up to a frequency that has not been tried."""
    while True:
        setting = best_setting(kind, oscillator, most)
        if float(setting.output) not in {frequency for frequency, _ in tried}:
            return setting
        most = float(setting.output) * (1 - STEP)
