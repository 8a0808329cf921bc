"""Hold an episode against the golden model: weights bit for bit, handshakes cycle for cycle."""

from itertools import zip_longest

import numpy as np

from golden.stream import lane_counts
from hw.errors import ErrorCode

__all__ = ["difference", "sparse_difference", "wrong_tokens", "wrong_weights"]


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
    return (_wrong_end(episode)
            or wrong_weights(episode.weights(config), weights)
            or _wrong_edges("input transfer", episode.inputs, timing.inputs)
            or _wrong_edges("beat", episode.outputs, timing.beats))


def sparse_difference(episode, tokens, weights, timing, config) -> str | None:
    """As `difference`, of a decoder with a sparse output.

    Parameters
    ----------
    episode : Episode
    tokens : list of list of list of (int, int)
        Per segment and lane the tokens; see `golden.scalar.lane_tokens`.
    weights, timing, config
        As of `difference`.
    """
    taken = [[edge for edge, ring, *_ in episode.tokens if ring == number] for number in range(config.rings)]
    return (_wrong_end(episode)
            or wrong_tokens(episode, tokens, config)
            or wrong_weights(_weights_of(episode, weights, config), weights)
            or _wrong_edges("input transfer", episode.inputs, timing.inputs)
            or next(filter(None, (_wrong_edges(f"ring {ring} transfer", *both)
                                  for ring, both in enumerate(zip_longest(taken, timing.tokens, fillvalue=[])))), None))


def wrong_tokens(episode, expected, config) -> str | None:
    """The first difference between the tokens that came out and those expected, in words; ``None`` if there is none."""
    try:
        found, rest = episode.lane_tokens(config)
    except ValueError as error:
        return str(error)
    for lane, segments in enumerate(found):
        if rest[lane]:
            return f"lane {lane} has the tokens {rest[lane]} after its last end"
        if len(segments) != len(expected):
            return f"lane {lane} has {len(segments)} segments, not {len(expected)}"
        for number, (one, lanes) in enumerate(zip(segments, expected)):
            if one != lanes[lane]:
                return f"lane {lane} has the tokens {one} in segment {number}, not {lanes[lane]}"
    return None


def _weights_of(episode, weights, config):
    """The weights that the tokens of an episode stand for, in as many segments and as long as those expected."""
    lanes, _ = episode.lane_tokens(config)
    segments = []
    for number, expected in enumerate(weights):
        values = np.zeros(len(expected), np.int8)
        owner = np.arange(len(expected)) // config.vector % config.lanes
        for lane, count in enumerate(lane_counts(len(expected), config.lanes, config.vector)):
            sequence = [weight for run, value in lanes[lane][number] for weight in [0] * run + [value]]
            values[owner == lane] = sequence[:count]
        segments.append(values)
    return segments


def _wrong_end(episode):
    if episode.error or not episode.done:
        return f"the decoder ended with error {ErrorCode(episode.error).name}, done {int(episode.done)}"
    return None


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
