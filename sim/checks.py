"""Hold an episode against the golden model: weights bit for bit, handshakes cycle for cycle."""

import numpy as np

from hw.errors import ErrorCode

__all__ = ["difference", "wrong_weights"]


def difference(episode, weights, timing, config) -> str | None:
    """What is wrong with an episode in which one whole stream was sent, from its first edge on.

    Parameters
    ----------
    episode : Episode
    weights : list of ndarray
        Per segment what went into the encoder.
    timing : Timing
        What the cycle model says.
    config : Config
        Of the decoder.

    Returns
    -------
    str or None
        The first difference in words; ``None`` if there is none.
    """
    if episode.error or not episode.done:
        return f"the decoder ended with error {ErrorCode(episode.error).name}, done {int(episode.done)}"
    return (wrong_weights(episode.weights(config), weights)
            or _wrong_edges("input transfer", episode.inputs, timing.inputs)
            or _wrong_edges("beat", episode.outputs, timing.beats))


def wrong_weights(found, expected) -> str | None:
    """The first difference between two lists of segments, in words; ``None`` if there is none."""
    if len(found) != len(expected):
        return f"there are {len(found)} segments, not {len(expected)}"
    for number, (one, other) in enumerate(zip(found, expected)):
        if len(one) != len(other):
            return f"segment {number} has {len(one)} weights, not {len(other)}"
        if not np.array_equal(one, other):
            place = int(np.flatnonzero(one != other)[0])
            return f"weight {place} of segment {number} is {one[place]}, not {other[place]}"
    return None


def _wrong_edges(name, found, expected):
    found, expected = list(map(int, found)), list(map(int, expected))
    if len(found) != len(expected):
        return f"the count of {name}s is {len(found)}, in the cycle model {len(expected)}"
    for place, (one, other) in enumerate(zip(found, expected)):
        if one != other:
            return f"{name} {place} was taken at edge {one}, in the cycle model at {other}"
    return None
