"""The lambda that meets a target: bits per weight of the real file, or a drop that the images allow."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..container import stream_bytes
from ..errors import ConfigError, InputError
from ..network import encode_stream
from ..rules import dequantize
from .allocation import Allocation
from .forward import logits
from .measure import Accuracy, Likeness, likeness

__all__ = ["Judge", "Outcome", "Target", "reach", "stream_bits"]

CERTAINTY = 1.645  #: standard errors that are added to a drop: 95 % one-sided
FIRST_LAMBDA = 1e-6
LEAST_LAMBDA, GREATEST_LAMBDA = 1e-14, 1e4
LOOKS = 12  #: lambdas tried without repair
TRIES = 4  #: and with it


@dataclass(frozen=True)
class Target:
    """What is asked for; one of the three, or a number of bits at a drop that must not be more.

    Parameters
    ----------
    bits : float or None
        Bits per weight of header, tables and words together, at most.
    drop : float or None
        Of accuracy, 0 to 1, at most.
    rate_weight : float or None
        Lambda itself.
    """

    bits: float | None = None
    drop: float | None = None
    rate_weight: float | None = None

    def __post_init__(self):
        if self.rate_weight is not None and (self.bits is not None or self.drop is not None):
            raise ConfigError("lambda must stand alone, without target bits or a largest drop")
        if self.bits is None and self.drop is None and self.rate_weight is None:
            raise ConfigError("a target must be given: target bits, a largest drop, or lambda")
        for name, number in (("target bits", self.bits), ("largest drop", self.drop), ("lambda", self.rate_weight)):
            if number is not None and not (0 < number < math.inf):
                raise ConfigError(f"{name} must be a positive number, not {number!r}")


@dataclass(frozen=True, eq=False)
class Outcome:
    """A quantized network with all that a `Judge` knows of it; found out when it is asked for."""

    allocation: Allocation
    judge: "Judge"

    @cached_property
    def floats(self) -> dict[str, np.ndarray]:
        """The tensors that the network computes with."""
        return dequantize(self.allocation.tensors)

    @cached_property
    def stream_bits(self) -> float:
        """Per weight, by the real coder."""
        return stream_bits(self.allocation.tensors, self.judge.options)

    @cached_property
    def likeness(self) -> Likeness | None:
        """On held-out images, where there are some."""
        judge = self.judge
        if judge.scores is None:
            return None
        return likeness(judge.scores, logits(judge.network, self.floats, judge.pixels))

    @cached_property
    def accuracy(self) -> Accuracy | None:
        """On images with labels, where there are some."""
        return self.judge.evaluate and self.judge.evaluate(self.floats)

    @property
    def drop(self) -> tuple[float, float] | None:
        """Measured where there are labels, predicted where there are none; and its standard error."""
        found = self.accuracy or self.likeness
        return None if found is None else (found.drop, found.drop_error)


class Judge:
    """What an allocation comes to: its real size, and its drop on images that had no part in it.

    Parameters
    ----------
    network : Network or None
    tensors : dict of str to ndarray
        The float network.
    pixels : ndarray or None
        Held-out images without labels.
    evaluate : callable or None
        ``evaluate(tensors)`` with float32 tensors gives an `Accuracy`.
    options : dict
        Of `golden.plan.plan`.
    """

    def __init__(self, network=None, tensors=None, pixels=None, evaluate=None, options=None):
        self.network, self.pixels, self.evaluate, self.options = network, pixels, evaluate, options or {}
        self.scores = None
        if pixels is not None and len(pixels):
            self.scores = logits(network, dequantize(tensors), pixels)

    def __call__(self, allocation: Allocation) -> Outcome:
        """The outcome of an allocation."""
        return Outcome(allocation, self)

    @property
    def sees(self) -> bool:
        """Whether it can tell a drop."""
        return self.scores is not None or self.evaluate is not None


def stream_bits(tensors, options=None) -> float:
    """Bits per weight of header, tables and words of a quantized network, by the real coder."""
    stream, _ = encode_stream(tensors, **(options or {}))
    return 8 * len(stream_bytes(stream)) / stream.weights


def reach(allocator, judge: Judge, target: Target, repairs: bool) -> Outcome:
    """The smallest network that meets a target.

    Repair on few images can do harm. So where images are held out, the network found is compared there with the one
    of the same lambda without repair, and that one is taken if it is nearer to the float network and meets the target.

    Parameters
    ----------
    allocator : Allocator
    judge : Judge
    target : Target
    repairs : bool
        Whether the allocator repairs: then lambda is looked for without, and settled with it.

    Raises
    ------
    InputError
        If the target is out of reach; the message says what was reached.
    ConfigError
        If a drop is asked for, and there are no images to tell one.
    """
    if target.rate_weight is not None:
        return _nearer(allocator, judge, judge(allocator.at(target.rate_weight)))
    if target.drop is not None and not judge.sees:
        raise ConfigError("a largest drop must come with calibration images that are held out, or with images to "
                          "evaluate on; there are none")
    by_bits = target.bits is not None
    goal = target.bits if by_bits else target.drop

    def measured(outcome):
        return outcome.stream_bits if by_bits else outcome.drop[0] + CERTAINTY * outcome.drop[1]

    found = _search(lambda x: judge(allocator.at(math.exp(x), quick=repairs)), measured, goal, by_bits, LOOKS,
                    math.log(FIRST_LAMBDA))
    if found.met is not None and repairs:
        start = math.log(found.met.allocation.rate_weight)
        found = _search(lambda x: judge(allocator.at(math.exp(x))), measured, goal, by_bits, TRIES, start)
    if found.met is None:
        raise InputError(_unreached(found.nearest, target))
    found.met = _nearer(allocator, judge, found.met, lambda outcome: measured(outcome) <= goal)
    if by_bits and target.drop is not None:
        drop, error = found.met.drop
        if drop + CERTAINTY * error > target.drop:
            raise InputError(_unreached(found.met, target))
    return found.met


def _nearer(allocator, judge, outcome, meets=lambda outcome: True):
    """The outcome, or that without repair, if on held-out images that is the nearer one to the float network."""
    if not outcome.allocation.repaired or outcome.likeness is None:
        return outcome
    plain = judge(allocator.at(outcome.allocation.rate_weight, repair=False))
    better = plain.likeness.divergence < outcome.likeness.divergence
    return plain if better and meets(plain) else outcome


@dataclass(eq=False)
class _Found:
    """The best outcome that meets the goal, and that which comes nearest."""

    met: Outcome | None = None
    nearest: Outcome | None = None


def _search(outcome_at, measured, goal, falls, looks, start):
    """Regula falsi on the logarithm of lambda: bits fall as it grows, a drop rises.

    What is found need not be continuous; of all that meets the goal the one is taken that is nearest to it in bits, or
    has the fewest bits.
    """
    tolerance, width = (0.005, 0.02) if falls else (0.05, 0.05)  # of the goal, how far below it; of log lambda
    found, ends, x = _Found(), {}, start
    for look in range(looks):
        outcome = outcome_at(x)
        value = measured(outcome)
        if found.nearest is None or value < measured(found.nearest):
            found.nearest = outcome
        if value <= goal:
            better = found.met is None or (outcome.allocation.entropy_bits > found.met.allocation.entropy_bits) == falls
            found.met = outcome if better else found.met
            if value >= goal * (1 - tolerance):
                break
        ends["low" if (value > goal) == falls else "high"] = (x, value)
        x = _next(ends, x, value, goal * (1 - tolerance / 2), falls, look)
        if not LEAST_LAMBDA < math.exp(x) < GREATEST_LAMBDA or \
                len(ends) == 2 and ends["high"][0] - ends["low"][0] < width:
            break
    return found


def _next(ends, x, value, goal, falls, look):
    """Between the ends, once there are both; beyond the one that there is, by what theory says of the slope."""
    if len(ends) < 2:
        slope = -0.65 if falls else 0.8 * max(value, goal / 10)
        beyond = 0.2 * 3 ** look * (1 if "low" in ends else -1)
        return x + float(np.clip((goal - value) / slope, -3, 3)) + beyond
    (low, at_low), (high, at_high) = ends["low"], ends["high"]
    part = (goal - at_low) / (at_high - at_low) if at_high != at_low else 0.5
    return low + (high - low) * float(np.clip(part, 0.2, 0.8))


def _unreached(outcome, target):
    wanted = []
    if target.bits is not None:
        wanted.append(f"{target.bits:g} bits per weight")
    if target.drop is not None:
        wanted.append(f"a drop of at most {100 * target.drop:g} points, {CERTAINTY} standard errors included")
    reached = f"{outcome.stream_bits:.3f} bits per weight"
    if outcome.drop is not None:
        drop, error = outcome.drop
        reached += f" at a drop of {100 * drop:.2f} points (standard error {100 * error:.2f})"
    return f"target of {' at '.join(wanted)} is out of reach; reached: {reached}"
