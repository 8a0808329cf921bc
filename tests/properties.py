"""What all properties of golden share: how long they search, and which public names each of them is about."""

import contextlib

import pytest
from hypothesis import HealthCheck, settings

__all__ = ["LIMITS", "about", "examples", "flipped", "refused"]

#: The same examples each time, and no limit on how long one takes: that is the machine's business.
LIMITS = settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def examples(count: int) -> settings:
    """The `LIMITS` with another number of examples: fewer for what takes long, more for what has many cases."""
    return settings(LIMITS, max_examples=count)


def about(*subjects):
    """Say which functions and classes of golden a property is about, and not merely calls.

    It stands above all other decorators. `tests.test_properties_inventory` holds the subjects of all properties against
    golden's public names.
    """
    def mark(test):
        test.about = subjects
        return test

    return mark


@contextlib.contextmanager
def refused(kind):
    """What the block does must be refused: an exception of this kind, which says why in one line."""
    with pytest.raises(kind) as caught:
        yield
    text = str(caught.value)
    assert text and "\n" not in text


def flipped(data: bytes, bit: int) -> bytes:
    """Bytes with one bit turned over, whose number is taken modulo all of them."""
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)
