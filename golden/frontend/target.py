"""What drives a training to its size: the weight of the entropy in the loss, from step to step."""

import math
from dataclasses import dataclass

__all__ = ["Controller"]

#: Bounds of the logarithm of lambda.
LEAST, MOST = -9.0, 3.0


@dataclass
class Controller:
    """A proportional-integral controller of the logarithm of lambda.

    The wanted size falls from what it is at first to the target over the first part of the steps, evenly in its
    logarithm, and stays there. By what part the network is above it, or will be soon at the rate at which it changes,
    adds to lambda's logarithm at once and builds up over the steps.

    Parameters
    ----------
    target : float
        The size to reach, in bytes of the whole file.
    steps : int
        Of the whole training of this target.
    first : float
        The size at its begin.
    level : float
        The logarithm of lambda that has built up.
    done : int
        Steps done.
    before, slope : float
        The logarithm of the size over the wanted one at the last step, and its change per step, smoothed.
    """

    target: float
    steps: int
    first: float
    level: float = math.log(0.3)
    done: int = 0
    before: float | None = None
    slope: float = 0.0

    DESCENT = 0.5  #: the part of the steps in which the wanted size falls
    MARGIN = 0.006  #: by what part of it the aim is below the target
    PROPORTIONAL = 30.0
    INTEGRAL = 600.0  #: per step, divided by the number of steps
    LEAD = 0.03  #: how far ahead the size is foreseen, in parts of all steps
    MEMORY = 0.9  #: of the size's change per step

    @property
    def wanted(self) -> float:
        """The size that is wanted now."""
        part = min(1.0, self.done / max(1.0, self.DESCENT * self.steps))
        aim = self.target * (1 - self.MARGIN)
        return aim if self.first <= aim else self.first ** (1 - part) * aim ** part

    def weight(self, size: float) -> float:
        """Lambda for the next step, per bit and weight, from the size now; a step is counted."""
        excess = math.log(size / self.wanted)
        if self.before is not None:
            self.slope += (1 - self.MEMORY) * (excess - self.before - self.slope)
        self.before = excess
        seen = max(-0.1, min(0.1, excess + self.LEAD * self.steps * self.slope))
        self.level = max(LEAST, min(MOST, self.level + self.INTEGRAL / self.steps * seen))
        self.done += 1
        return math.exp(max(LEAST, min(MOST, self.level + self.PROPORTIONAL * seen)))
