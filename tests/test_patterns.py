"""The patterns of sources and sinks."""

import pytest

from golden.errors import ConfigError
from golden.patterns import ALWAYS, Pattern

NAMES = ["always", "never", "alternate", "burst:3:5", "random:0.25:7"]


@pytest.mark.parametrize("text", NAMES)
def test_text_round_trip(text):
    assert str(Pattern.parse(text)) == text


@pytest.mark.parametrize("text, cycles", [
    ("always", "11111111"),
    ("never", "00000000"),
    ("alternate", "10101010"),
    ("burst:3:2", "11100111"),
    ("random:0.5:1", "11101001"),
])
def test_first_cycles(text, cycles):
    pattern = Pattern.parse(text)
    assert "".join(str(int(pattern(cycle))) for cycle in range(8)) == cycles


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_random_has_its_probability(probability):
    pattern = Pattern("random", (probability, 3))
    assert sum(map(pattern, range(20000))) == pytest.approx(20000 * probability, rel=0.05)


def test_seeds_differ():
    cycles = range(64)
    assert len({tuple(map(Pattern("random", (0.5, seed)), cycles)) for seed in range(50)}) == 50


@pytest.mark.parametrize("text, message", [
    ("sometimes", "pattern must be one of always"),
    ("burst:3", "pattern must have the form burst:on:off, not burst:3"),
    ("burst:0:1", "burst must be at least 1 cycle on"),
    ("burst:x:1", "pattern must be a name and numbers, not 'burst:x:1'"),
    ("random:0:1", "probability must be above 0"),
    ("random:1.5:1", "probability must be above 0"),
    ("always:1", "pattern must have the form always, not always:1"),
])
def test_wrong_patterns(text, message):
    with pytest.raises(ConfigError, match=message):
        Pattern.parse(text)


def test_always_is_shared():
    assert Pattern.parse("always") == ALWAYS
