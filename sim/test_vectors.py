"""The conformance vectors of `tests/vectors` through the emitted decoder."""

import json
from pathlib import Path

import numpy as np
import pytest

from golden.config import Config, TableMemory, TableStyle
from golden.container import parse_stream
from golden.errors import FormatError
from golden.patterns import Pattern
from hw.contents import rom_config
from hw.decoder import MAX_TABLE_LOG

from .checks import wrong_weights
from .jobs import Steps

FOLDER = Path(__file__).parents[1] / "tests" / "vectors"
VALID = {path.stem: path.read_bytes() for path in sorted((FOLDER / "valid").glob("*.tsy"))}
REFUSED = {path.stem: path.read_bytes() for path in sorted((FOLDER / "refused").glob("*.tsy"))}
# One decoder that loads its tables: most vectors are made for these N, V, W, P and R.
CONFIG = Config(lanes=2, word_bits=16, table_log=4, max_run=16, raw_bits=3, bins=255, max_segments=63,
                table_style=TableStyle.RAM)
SHARED = [name for name, data in VALID.items()
          if all(getattr(parse_stream(data)[0].config, part) == getattr(CONFIG, part)
                 for part in ("lanes", "vector", "word_bits", "preload", "table_log"))]
# What hardware leaves to golden, or holds against its own room: docs/architecture.md, "Ranges in hardware".
LEFT_TO_GOLDEN = {"vint-too-long", "padding", "fill", "weight-beyond-half", "half-of-a-table", "raw-bits-of-a-table",
                  "max-run-of-a-table", "last-word-zero", "m-0", "h-0"}
STOP = 20_000


def weights_of(name):
    """The weights of a vector, cut into its segments."""
    stream, _ = parse_stream(VALID[name])
    tensors = json.loads((FOLDER / "valid" / f"{name}.json").read_bytes())["coded"].values()
    weights = np.array([weight for tensor in tensors for weight in tensor["weights"]], np.int8)
    return np.split(weights, np.cumsum([segment.weights for segment in stream.segments])[:-1])


def wrong_streams():
    """The vectors whose header or words are refused."""
    for name, data in REFUSED.items():
        try:
            parse_stream(data)
        except FormatError:
            if data and name not in LEFT_TO_GOLDEN:
                yield name, data


def test_one_decoder_decodes_them(design_of):
    """Header, words and tail, back to back, with three patterns of source and sink; then what must end in an error."""
    assert len(SHARED) > 15
    patterns = [Pattern.parse(text) for text in ("always", "random:0.5:1", "burst:3:5")]
    steps = Steps()
    for place, name in enumerate(SHARED):
        steps.clear().stream(VALID[name], patterns[place % 3], patterns[place // 3 % 3], STOP)
    wrong = dict(wrong_streams())
    for data in wrong.values():
        steps.clear().stream(data, stop=STOP)
    episodes = design_of(CONFIG).run(steps, CONFIG.word_bits)[1:]
    for name, episode in zip(SHARED, episodes):
        assert (name, episode.error, episode.done) == (name, 0, True)
        assert (name, wrong_weights(episode.weights(CONFIG), weights_of(name))) == (name, None)
    ended = {name: (bool(episode.error), episode.done) for name, episode in zip(wrong, episodes[len(SHARED):])}
    assert ended == dict.fromkeys(wrong, (True, False))


def capable(data):
    """Whether a decoder can be built for a vector, with its tables in logic."""
    config = parse_stream(data)[0].config
    return config.table_log <= MAX_TABLE_LOG[TableMemory.LOGIC] and config.table_log < config.word_bits


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, data in VALID.items() if capable(data)])
def test_a_decoder_of_its_own(design_of, name):
    """Each vector by the decoder that is built for it."""
    stream, _ = parse_stream(VALID[name])
    config = rom_config(stream)
    steps = Steps().clear().stream(VALID[name], Pattern.parse("random:0.6:1"), Pattern.parse("random:0.6:2"), STOP)
    episode = design_of(config, stream).run(steps, config.word_bits)[1]
    assert (episode.error, episode.done) == (0, True)
    assert wrong_weights(episode.weights(config), weights_of(name)) is None
