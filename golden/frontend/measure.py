"""How far a network is from another one, on images, with and without labels; every figure with its standard error."""

import math
from typing import NamedTuple

import numpy as np

from .forward import logits

__all__ = ["Accuracy", "Labelled", "Likeness", "likeness", "log_probabilities"]


class Likeness(NamedTuple):
    """What two networks differ by on images without labels."""

    images: int
    agreement: float  #: the share of images that both name the same
    agreement_error: float  #: its standard error, of the binomial
    drop: float  #: the accuracy that is lost if the first network's own probabilities are right
    drop_error: float  #: its standard error
    divergence: float  #: Kullback-Leibler, from the first network's probabilities to the second's, in nats per image


class Accuracy(NamedTuple):
    """What two networks differ by on images with labels."""

    images: int
    before: float  #: accuracy of the first
    after: float  #: accuracy of the second
    after_error: float  #: its standard error, of the binomial
    drop: float  #: before - after
    drop_error: float  #: its standard error, over the images on which the two differ


def log_probabilities(scores) -> np.ndarray:
    """The logarithms of the softmax of scores, float64 (n, classes)."""
    scores = scores.astype(np.float64)
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def likeness(before, after) -> Likeness:
    """Compare the scores of two networks.

    The predicted drop is the mean of ``p[class of the first] - p[class of the second]`` by the first network's
    probabilities p: what the accuracy falls by, if these are as good as they say. It needs no labels, and varies less
    from sample to sample than a count of hits does.

    Parameters
    ----------
    before, after : ndarray, shape (n, classes)
        Scores of the float network and of the quantized one, of the same images.
    """
    first, second = log_probabilities(before), log_probabilities(after)
    p, rows = np.exp(first), np.arange(len(before))
    chosen = first.argmax(axis=1), second.argmax(axis=1)
    agreement = float((chosen[0] == chosen[1]).mean())
    lost = p[rows, chosen[0]] - p[rows, chosen[1]]
    return Likeness(len(rows), agreement, _binomial(agreement, len(rows)), float(lost.mean()),
                    float(lost.std() / math.sqrt(len(rows))), float((p * (first - second)).sum(axis=1).mean()))


class Labelled:
    """Images with labels, on which tensors are compared with those of the float network: a callable.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray of float32
        Of the float network.
    pixels : ndarray, shape (n, H, W, C)
    labels : ndarray of int, shape (n,)
    """

    def __init__(self, network, tensors, pixels, labels):
        self.network, self.pixels, self.labels = network, pixels, labels
        self.right = self._right(tensors)

    def __call__(self, tensors) -> Accuracy:
        """How much worse other tensors of the network are."""
        right, count = self._right(tensors), len(self.labels)
        lost, after = self.right.astype(np.float64) - right, float(right.mean())
        return Accuracy(count, float(self.right.mean()), after, _binomial(after, count), float(lost.mean()),
                        float(lost.std() / math.sqrt(count)))

    def _right(self, tensors):
        return logits(self.network, tensors, self.pixels).argmax(axis=1) == self.labels


def _binomial(share, count):
    return math.sqrt(share * (1 - share) / count)
