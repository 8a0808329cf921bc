"""One design to one row: built, simulated, placed and routed twice, as emitted and with its ports behind registers."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from golden.config import Config
from golden.errors import TansyError
from golden.figures import entropy
from golden.network import encode_stream
from hw.build import build, summary
from hw.synth import synthesize
from hw.targets import find_target
from hw.verilog import verilog_of

from ..support import collect, feeder, run_bench
from .designs import Baseline, TansyDesign

__all__ = ["GOAL", "Built", "build_design", "leads", "measure", "rates", "simulate"]

GOAL = 400  #: MHz that the placer is told to reach: more than any design here can
SIMULATED = 8192  # weights, of a baseline
FIGURES = ("lut", "lut_words", "ff", "port_registers", "block_rams", "lut_rams", "seeds", "fmax", "fmax_best",
           "fmax_median", "critical_path", "cells", "ports")


class Built(NamedTuple):
    """A design ready for synthesis, and what is known of it before."""

    verilog: str
    bits_per_weight: float
    weights_per_cycle: float
    cycles_by: str


def simulate(component, words, weights, vector: int) -> int:
    """Cycles from the reset to the last of the weights, which are compared, source and sink never pausing."""
    cycles, taken = [0], []

    async def testbench(ctx):
        taken.extend(await collect(ctx, component.weights, -(-len(weights) // vector), Random(0)))
        taken.append(cycles[0])

    async def clock(ctx):
        while True:
            await ctx.tick()
            cycles[0] += 1

    run_bench(component, testbench, feeder(component.words, words.tolist(), Random(0)), clock)
    payloads = [list(payload) for payload in taken[:-1]] if vector > 1 else taken[:-1]
    found = np.array(payloads).reshape(-1).astype(np.uint8).view(np.int8)[:len(weights)]
    if not np.array_equal(found, weights):
        raise TansyError("a baseline has handed out wrong weights")
    return taken[-1]


def _build_tansy(design, tensors, target):
    stream, _ = encode_stream(tensors, **design.options)
    config = Config.from_dict(stream.config.as_dict() | design.replacements)
    stream = replace(stream, config=config)  # a decoder with tables in ROM takes its configuration from there
    with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
        made = build(config, stream, folder, target.memory_target)["config"]
        if made | design.replacements != made:
            raise TansyError(f"hw.build made another decoder than one of {design.replacements}")
        verilog = Path(folder, "decoder.v").read_text(encoding="utf-8")
    bits = 8 * sum(span.nbytes for span in stream.words) / stream.weights
    return Built(verilog, bits, summary(stream, config)["weights_per_cycle"], "cycle model")


def _build_baseline(design, tensors, target):
    half, (weights,) = design.source.half, tensors.values()
    portable = design.make(weights, half, False)
    part = weights[:SIMULATED - SIMULATED % design.vector]
    cycles = simulate(portable.component, portable.encode(part), part, design.vector)
    made = design.make(weights, half, target.memory_target == "ecp5")
    bits = 32 * len(made.encode(weights)) / len(weights)
    return Built(verilog_of(made.component, "decoder"), bits, len(part) / cycles, "simulation")


def build_design(design: TansyDesign | Baseline, tensors: dict, target) -> Built:
    """Build a design for the layers of its source."""
    return (_build_tansy if isinstance(design, TansyDesign) else _build_baseline)(design, tensors, target)


def _synthesize(verilog, target, seeds, registered):
    with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
        Path(folder, "decoder.v").write_text(verilog, encoding="utf-8")
        found = synthesize(folder, target, seeds, registered).as_dict()
    found = {name: found[name] for name in FIGURES}
    return found | {"multipliers": sum(n for kind, n in found["cells"].items() if kind.startswith("MULT"))}


def _cached(verilog, target, seeds, registered, cache):
    key = cache.key(hashlib.sha256(verilog.encode()).hexdigest(), target, seeds, registered)
    found = cache.get(key)
    if found is None:
        found = _synthesize(verilog, target, seeds, registered)
        cache.put(key, found)
    return found


def measure(designs, target_name, seeds, count, cache, progress=True) -> list[dict]:
    """One row per design; of one that failed the row says why.

    Parameters
    ----------
    designs : sequence of TansyDesign or Baseline
    target_name : str
    seeds : sequence of int
    count : int
        Weights of each Laplacian source.
    cache : Cache
    progress : bool
    """
    target = replace(find_target(target_name), goal=GOAL)
    rows = []
    for design in tqdm(designs, "designs", disable=None if progress else True):
        row = {"design": design.name, "source": str(design.source), "target": target.name, "entropy": None,
               "error": None}
        try:
            tensors = design.source.tensors(count)
            weights = sum(weights.size for weights in tensors.values())
            row |= {"weights": weights, "entropy": sum(entropy(np.ravel(each)) for each in tensors.values()) / weights}
            built = build_design(design, tensors, target)
            row |= {name: getattr(built, name) for name in ("bits_per_weight", "weights_per_cycle", "cycles_by")}
            for name, registered in (("emitted", False), ("registered", True)):
                row[name] = _cached(built.verilog, target, seeds[:design.seeds], registered, cache)
        except (TansyError, ValueError) as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


def rates(row, per_lut: bool) -> list[float]:
    """Weights per second, of each seed as emitted and with registered ports; or these per look-up table."""
    return [row["weights_per_cycle"] * mhz * 1e6 / (row[name]["lut"] if per_lut else 1)
            for name in ("emitted", "registered") for mhz in row[name]["fmax"]]


def leads(rows, per_lut: bool) -> dict:
    """Who is first by the median, who is level with it within the noise, and whom it leads.

    The noise of a design is all that its seeds and both forms of its ports gave. A lead is one of the lowest of these
    over the other's highest.
    """
    found = sorted(((median(values), min(values), max(values), row["design"]) for row in rows if not row["error"]
                    if (values := rates(row, per_lut))), reverse=True)
    if not found:
        return {"first": None, "level": [], "led": []}
    first = found[0]
    return {"first": first[3], "median": first[0],
            "level": [name for _, _, high, name in found[1:] if high >= first[1]],
            "led": [{"design": name, "by": first[0] / middle - 1} for middle, _, high, name in found[1:]
                    if high < first[1]]}
