"""Bits flipped in emitted decoders: with ``protect`` no flip in tables or states is silent, and without it some are."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from golden.config import Config, TableMemory, TableStyle
from golden.cycles import simulate
from golden.errors import ConfigError
from golden.table import Alphabet
from hw.axis import AxisDecoder
from hw.contents import contents_of, rom_config
from hw.verilog import verilog_of, yosys

from .flips import Flip, Verdict, compile_flips
from .stored import GUARDED, KINDS, stored_bits
from .streams import Layer, make_stream
from .upsets import campaign, table_of

ALONE = Config(lanes=2, word_bits=8, table_log=4, max_run=2, bins=3, protect=True)
RING = Config(lanes=4, vector=2, word_bits=16, table_log=4, max_run=4, raw_bits=1, bins=7, ring=4, protect=True,
              table_style=TableStyle.RAM, table_memory=TableMemory.BLOCK, max_tables=2, max_segments=4)


def stream_for(config):
    """Two tables, two spans, a partial last beat."""
    beat = config.beat_weights
    return make_stream(config, [Layer(20 * beat + 1, Alphabet(1, 0, 2), 0.5), Layer(5 * beat, Alphabet(1), 0.8),
                                Layer(12 * beat, Alphabet(1), 0.8, restart=True)][:3 if config.ring == 1 else 2], 3)[0]


def design(config, target=None):
    """Configuration, stream and Verilog of a decoder."""
    stream, contents = stream_for(config), None
    if config.table_style is TableStyle.ROM:
        config, contents = rom_config(stream, config), contents_of(stream)
    return config, stream, verilog_of(AxisDecoder(config, contents, target), "decoder")


def bench_for(config, simulator, folder, target=None):
    """A bench, not yet entered."""
    if simulator.name != "verilator":
        pytest.skip("bits are flipped in Verilator only")
    config, stream, verilog = design(config, target)
    return compile_flips(verilog, config, stream, target, folder)


@pytest.fixture(scope="module")
def alone(simulator, tmp_path_factory):
    with bench_for(ALONE, simulator, tmp_path_factory.mktemp("upsets")) as bench:
        yield bench


def test_no_silent_flip_in_tables_and_states(alone):
    """All bits of states in all cycles, many of the tables; elsewhere there are silent ones, so they would be seen."""
    assert alone.cycles == simulate(stream_for(ALONE), ALONE).end
    rows = {row["kind"]: row for row in campaign(
        alone, 1200, 1, ("table entries", "parity", "tokens"), every=["states"])}
    assert set(rows) == {"states", "table entries", "parity", "tokens"}
    for kind in (*GUARDED, "parity"):
        if kind in rows:  # there are no registers behind tables in logic
            assert rows[kind]["silent"] == rows[kind]["hang"] == 0
            assert rows[kind]["codes"]["PARITY"] > rows[kind]["flips"] // 10
    assert rows["tokens"]["silent"] > 10
    for row in rows.values():
        assert row["masked"] + row["detected"] + row["silent"] + row["hang"] == row["flips"]
        assert sum(row["codes"].values()) == row["detected"] and row["masked"]
    assert rows["states"]["flips"] == rows["states"]["bits"] * alone.cycles == 2 * 4 * alone.cycles
    assert table_of(list(rows.values())).count("\n") == 6


def test_flips_are_independent(alone):
    """A flip leaves nothing behind for the next one, and an order of flips means nothing."""
    place = next(number for number, place in enumerate(alone.stored) if place.kind == "table entries")
    flips = [Flip(place, word, bit, cycle) for word in range(8) for bit in (0, 3) for cycle in (0, 40, 200)]
    outcomes = list(alone.run(flips))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.MASKED, Verdict.DETECTED}
    assert list(alone.run(flips[::-1])) == outcomes[::-1]
    late = [Flip(place, 0, 0, alone.cycles - 1)]
    assert [outcome.verdict for outcome in alone.run(late)] == [Verdict.MASKED]


def test_every_register_is_known():
    """As many bits in registers as Yosys has in flip-flops; every kind but those that only rings have."""
    config, stream, verilog = design(ALONE)
    stored = stored_bits(verilog, config, len(stream.tables), len(stream.segments))
    assert {place.kind for place in stored} == set(KINDS) - {"entries read"}
    assert len({(place.scope, place.name, place.bits) for place in stored}) == len(stored)
    assert sum(place.size for place in stored if place.words == 1) == _flip_flops(verilog)


def _flip_flops(verilog):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "design.v").write_text(verilog)
        yosys("-q", "-p", "read_verilog design.v; hierarchy -top decoder; proc; flatten; write_json design.json",
              folder=folder)
        module = json.loads(Path(folder, "design.json").read_text())["modules"]["decoder"]
    bits = {bit for cell in module["cells"].values() if "dff" in cell["type"] for bit in cell["connections"]["Q"]}
    writes = [net["bits"] for name, net in module["netnames"].items() if "$memwr$" in name]  # which Yosys takes apart
    return len(bits.difference(*writes))


def test_unknown_primitives_are_refused():
    with pytest.raises(ConfigError, match="it is not known what a SB_RAM40_4K stores"):
        config, stream, verilog = design(RING, "ice40")
        stored_bits(verilog, config, 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("config, target", [(ALONE, None), (RING, None), (RING, "ecp5")],
                         ids=["alone", "block", "block, ecp5"])
def test_with_and_without(simulator, tmp_path, config, target):
    """Tables and states, in lanes alone and in rings: silent flips without protection, and none with it."""
    found = {}
    for protect in (False, True):
        with bench_for(replace(config, protect=protect), simulator, tmp_path, target) as bench:
            rows = campaign(bench, 6000, 2, GUARDED)
        found[protect] = {row["kind"]: row for row in rows}
    for kind in found[True]:
        assert found[True][kind]["silent"] == found[True][kind]["hang"] == 0
    assert found[False]["table entries"]["silent"] > 20 and found[False]["states"]["silent"] > 0
    assert set(found[True]) == (set(GUARDED) if config.ring > 1 else set(GUARDED) - {"entries read"})
