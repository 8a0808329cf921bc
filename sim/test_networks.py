"""Whole networks through the decoder that is built for them."""

from dataclasses import replace

import numpy as np
import pytest

from golden import digits
from golden.config import TableMemory, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.formats import read_tensors
from golden.network import encode_stream
from golden.patterns import ALWAYS, Pattern
from golden.rules import Rules, quantize_network
from hw.contents import rom_config
from hw.decoder import MAX_TABLE_LOG

from .checks import difference
from .jobs import Steps

OFTEN = [("resnet8", TableStyle.RAM, 1), ("kws", TableStyle.ROM, 4)]  #: the others by ``-m slow``
PATTERNS = [(ALWAYS, ALWAYS), (Pattern("random", (0.6, 1)), Pattern("random", (0.9, 2)))]


def check(design_of, tensors, style, ring=1, **options):
    """Encode, build, run by every pattern; the weights must be those of the tensors. Rings have tables in block RAM."""
    memory = TableMemory.LOGIC if ring == 1 else TableMemory.BLOCK
    stream, _ = encode_stream(tensors, table_log_limit=min(MAX_TABLE_LOG[memory], 10), **options)
    config = replace(rom_config(stream), table_style=style, ring=ring, table_memory=memory)
    layers = [array for array in tensors.values() if array.dtype.kind == "i"]
    steps = Steps()
    timings = [simulate(stream, config, *pattern) for pattern in PATTERNS]
    for pattern, timing in zip(PATTERNS, timings):
        steps.clear().stream(stream_bytes(stream), *pattern, timing.end + 100)
    episodes = design_of(config, stream).run(steps, config.word_bits)[1:]
    weights = np.split(np.concatenate([layer.ravel() for layer in layers]),
                       np.cumsum([segment.weights for segment in stream.segments])[:-1])
    for timing, episode in zip(timings, episodes):
        assert difference(episode, weights, timing, config) is None


@pytest.mark.parametrize("options", [
    {"lanes": 8},
    {"lanes": 2, "vector": 4, "word_bits": 16, "restart_every": 2000},
    {"lanes": 8, "vector": 2, "ring": 4, "restart_every": 4000},
], ids=["N 8", "N 2, V 4, restarts", "block, C 4"])
@pytest.mark.parametrize("style", TableStyle)
def test_digits(design_of, style, options):
    check(design_of, digits.load(), style, **options)


@pytest.mark.parametrize("name, style, ring", [
    pytest.param(name, style, ring, id=f"{name}, {style.name}, C {ring}",
                 marks=() if (name, style, ring) in OFTEN else pytest.mark.slow)
    for name in ("resnet8", "kws") for style in TableStyle for ring in (1, 4)])
def test_real_network(design_of, shared_data, name, style, ring):
    """15 bins, 8 lanes, every weight of the network."""
    tensors, _ = quantize_network(read_tensors(shared_data / f"{name}.npz"), Rules(bins=15))
    check(design_of, tensors, style, ring, lanes=8)


@pytest.mark.parametrize("options", [
    pytest.param({"raw_bits": 0, "table_log": 11}, id="large tables"),
    pytest.param({"raw_bits": 3, "table_log": 7}, id="raw bits", marks=pytest.mark.slow)])
def test_eight_bits(design_of, shared_data, options):
    """255 bins both ways: by large tables in block RAM, and by raw bits."""
    tensors, _ = quantize_network(read_tensors(shared_data / "kws.npz"), Rules(bins=255))
    check(design_of, tensors, TableStyle.ROM, 4, lanes=8, **options)
