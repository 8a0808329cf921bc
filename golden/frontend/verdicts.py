"""What a graph makes of a tensor: the words that the readers of all graph formats share."""

from typing import NamedTuple

from ..formats import TensorInfo

__all__ = ["Verdict", "best", "describe", "follow"]


class Verdict(NamedTuple):
    """What one use of a tensor says of it."""

    action: str | None  #: "weight", "raw", or ``None`` where an operator is unknown: the rule of dimensions decides
    reason: str
    axis: int | None = None  #: of the output channels
    place: tuple[int, int] = (1 << 40, 0)  #: number of the operator and of its input: the order of execution


def best(verdicts) -> Verdict:
    """What all uses together say: a weight if one says so, then unknown, then raw; the place is the first one."""
    verdicts = list(verdicts)
    if not verdicts:
        return Verdict("raw", "not used in the graph")
    rank = {"weight": 0, None: 1, "raw": 2}
    return min(verdicts, key=lambda verdict: rank[verdict.action])._replace(place=min(v.place for v in verdicts))


def follow(start, uses, onward, say, ends, known) -> Verdict:
    """What the uses of a tensor say of it, and those of what it becomes in operators that only hand it on.

    Each tensor is looked at once, however many ways lead to it, and however long they are.

    Parameters
    ----------
    start : a tensor, by whatever says which it is
    uses : function of a tensor, which returns its uses
    onward : function of a tensor and a use, which returns the tensor that it becomes there, or ``None``
    say : function of a tensor, a use and the verdict on what it becomes, which returns that on the tensor
    ends : function of a tensor without uses, which returns whether it is an output of the graph
    known : dict of tensor to Verdict
        What is known already; it grows.
    """
    waiting, stack = set(), [start]
    while stack:
        tensor = stack[-1]
        if tensor in known:
            stack.pop()
            continue
        found = [(use, onward(tensor, use)) for use in uses(tensor)]
        if tensor not in waiting:
            waiting.add(tensor)
            stack.extend(after for _, after in found if not (after is None or after in known or after in waiting))
            continue
        verdicts = [say(tensor, use, known.get(after, Verdict("raw", "an input of its own operator")))
                    for use, after in found]
        known[tensor] = best(verdicts) if verdicts or not ends(tensor) else Verdict("raw", "an output of the graph")
        stack.pop()
    return known[start]


def describe(verdict, shape, dtype, scale=None, zero_point=None) -> TensorInfo:
    """What is known of a tensor; a weight has two dimensions or more, and is no integer of more than 8 bits."""
    action, reason, axis, _ = verdict
    if dtype is None:
        return TensorInfo(shape, None, "left out", f"{reason}: neither integers nor floats")
    integer = dtype.kind in "iu"
    if action == "weight" and len(shape) < 2:
        action, reason = "raw", f"{reason}, {len(shape)} dimension{'s' * (len(shape) != 1)}"
    if integer and dtype.itemsize > 1 and action != "raw":
        action, reason = "raw", f"{reason}, {dtype}"
    if integer and action is None:
        action = "weight" if len(shape) >= 2 else "raw"
    return TensorInfo(shape, dtype, action, reason, axis, scale, zero_point)
