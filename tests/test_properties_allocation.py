"""What holds of allocation, repair and targets, for whatever networks they are given."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.container import stream_bytes
from golden.errors import ConfigError, InputError
from golden.frontend.allocation import Allocation, Allocator, Method
from golden.frontend.forward import logits
from golden.frontend.measure import Accuracy, likeness
from golden.frontend.repair import Repair
from golden.frontend.sensitivity import (
    DISTORTIONS,
)
from golden.frontend.targets import CERTAINTY, Judge, Outcome, Target, reach, stream_bits
from golden.network import encode_stream
from golden.rules import dequantize
from golden.zeropoint import entropy_bits
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import networks, pixels_for, seeds, tensors_for

HALF = 127


@about(Method, Allocator)
@LIMITS
@given(st.sampled_from(("repair", "passes", "sweeps", "seed")), st.integers(-2, 2),
       st.sampled_from((*DISTORTIONS, "other")), st.booleans(), st.booleans(), st.floats(-1, 1))
def test_a_method_is_refused_or_valid(name, value, distortion, byte_biases, half_biases, rate_weight):
    parameters = {"distortion": distortion, "byte_biases": byte_biases, "half_biases": half_biases, name: value}
    valid = value >= (name == "passes") and distortion in DISTORTIONS and not (byte_biases and half_biases)
    if not valid:
        with refused(ConfigError):
            Method(**parameters)
        return
    method, tensors = Method(**parameters), {"a": np.ones((2, 2))}
    if byte_biases or method.repair:
        with refused(ConfigError):
            Allocator(tensors, method=method)
    elif rate_weight <= 0:
        with refused(ConfigError):
            Allocator(tensors, method=method).at(rate_weight)


@about(Allocator, Allocation)
@examples(8)
@given(networks(1, ("conv", "depthwise", "dense")), seeds, st.booleans(), st.sampled_from(DISTORTIONS), st.booleans(),
       st.booleans())
def test_an_allocation_is_a_network_in_bins(network, seed, seen, distortion, byte_biases, repair):
    """Its rows are those of its arrays; a larger lambda never gives more bits and less loss together."""
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 30, seed) if seen else None
    method = Method(distortion, repair=2 * (seen and repair), byte_biases=byte_biases, half_biases=not byte_biases)
    allocator = Allocator(tensors, network, pixels, method)
    found = [allocator.at(rate_weight) for rate_weight in (1e-6, 1e-2)]
    for each, rate_weight in zip(found, (1e-6, 1e-2)):
        assert each.rate_weight == rate_weight and each.repaired == bool(method.repair)
        assert [row["name"] for row in each.layers] == [f"{name}.weight" for name in network.weights]
        assert each.weights == sum(math.prod(shape) for shape in network.weights.values())
        bits = 0.0
        for row in each.layers:
            q, step = each.tensors[row["name"]], float(each.tensors[f"{row['name']}.scale"])
            assert q.dtype == np.int8 and q.shape == tensors[row["name"]].shape
            assert row["bins"] == 2 * max(1, np.abs(q.astype(int)).max()) + 1 and row["step"] == step > 0
            assert row["bits"] == pytest.approx(entropy_bits(q)) and row["weights"] == q.size
            bits += row["bits"] * q.size
        assert each.entropy_bits == pytest.approx(bits / each.weights)
        kinds = {each.tensors[f"{name}.bias"].dtype for name in network.weights}
        assert kinds == {np.dtype(np.int8 if byte_biases else np.float16)}
        network.check(dequantize(each.tensors))
    losses = [sum(row["loss"] for row in each.layers) for each in found]
    assert found[1].entropy_bits <= found[0].entropy_bits + 1e-9 or losses[1] <= losses[0]
    again = Allocator(tensors, network, pixels, method).at(1e-2)
    assert all(np.array_equal(again.tensors[name], array) for name, array in found[1].tensors.items())


@about(Allocator)
@LIMITS
@given(seeds, st.floats(1e-5, 1e-3))
def test_of_weights_alone_each_goes_to_a_bin_beside_it(seed, rate_weight):
    """Or to zero, or to the next towards zero; and what is lost is the squared error over the mean square."""
    weight = np.random.default_rng(seed).laplace(size=(5, 7)).astype(np.float32)
    found = Allocator({"w": weight, "b": np.ones(3, np.float32)}, method=Method("weights")).at(rate_weight)
    (row,), q = found.layers, found.tensors["w"]
    exact = weight / row["step"]
    assert (np.abs(exact - q) < 1.5).all() or np.abs(q).max() == HALF or (q[np.abs(exact - q) >= 1.5] == 0).all()
    assert (q * np.sign(weight) >= -1).all()
    error = np.square(q * np.float64(row["step"]) - weight).sum() / np.square(weight, dtype=float).mean()
    assert row["loss"] == pytest.approx(error, rel=1e-3) and found.tensors["b"].dtype == np.float32


@about(Repair)
@examples(8)
@given(networks(1, ("conv", "depthwise", "dense")), seeds)
def test_repair_goes_down_the_divergence(network, seed):
    """Its gradients are differences of the mean divergence; what is not free stays; the same seed, the same steps."""
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 12, seed)
    rounded = {name: np.round(array) for name, array in tensors.items()}
    repair, free = Repair(network, tensors, pixels, 5), {"scores"}
    wanted = logits(network, tensors, pixels)
    found = repair.gradients(rounded, free, np.arange(12))
    assert set(found) == {f"{name}.bias" for name in network.weights} | {"scores.weight"}
    for key in ("scores.weight", "scores.bias"):
        way = np.random.default_rng(seed).normal(size=found[key].shape)
        ends = [likeness(wanted, logits(network, rounded | {key: rounded[key] + end * way}, pixels)).divergence
                for end in (-1e-3, 1e-3)]
        assert (found[key] * way).sum() == pytest.approx((ends[1] - ends[0]) / 2e-3, rel=2e-2, abs=2e-3)
    before = likeness(wanted, logits(network, rounded, pixels)).divergence
    first = repair.steps(rounded, free, 20)
    assert likeness(wanted, logits(network, first, pixels)).divergence <= before
    changed = {name for name in tensors if not np.array_equal(first[name], rounded[name])}
    assert changed <= set(found) and (changed or before < 1e-6)
    again = repair.again(5).steps(rounded, free, 20)
    assert all(np.array_equal(first[name], again[name]) for name in tensors)


class Ladder:
    """An allocator of which each lambda's size and drop are known: bits fall and the drop rises with its logarithm."""

    def __init__(self, bits, drop):
        self.bits, self.drop = bits, drop

    def at(self, rate_weight, repair=True, quick=False):
        x = math.log(rate_weight)
        return SimpleNamespace(rate_weight=rate_weight, repaired=False, x=x, entropy_bits=max(0.1, self.bits - 0.4 * x),
                               drop=self.drop * math.exp(0.4 * x))


class LadderJudge:
    """What a `Judge` says of a `Ladder`."""

    sees = True

    def __call__(self, allocation):
        drop = (allocation.drop, 0.01 * allocation.drop)
        return SimpleNamespace(allocation=allocation, stream_bits=allocation.entropy_bits + 0.2, drop=drop,
                               likeness=None)


@about(reach)
@LIMITS
@given(st.floats(-6, 1), st.floats(0.1, 10), st.floats(0.5, 6), st.floats(1e-4, 0.5), st.booleans())
def test_a_target_is_met_closely_or_out_of_reach(bits, drop, wanted, most, by_bits):
    allocator, judge = Ladder(bits, drop), LadderJudge()
    target = Target(bits=wanted) if by_bits else Target(drop=most)
    try:
        found = reach(allocator, judge, target, False)
    except InputError as error:
        assert "out of reach" in str(error) and "\n" not in str(error)
        assert not by_bits or judge(allocator.at(1e4)).stream_bits > wanted * 0.9
        return
    if by_bits:
        assert wanted * 0.9 <= found.stream_bits <= wanted
    else:
        assert 0.6 * most <= found.drop[0] + CERTAINTY * found.drop[1] <= most
    lone = reach(allocator, judge, Target(rate_weight=most), False)
    assert lone.allocation.rate_weight == most


@about(Target, reach)
@LIMITS
@given(*[st.none() | st.floats(-1, 3) | st.sampled_from((0.0, math.inf, math.nan))] * 3)
def test_a_target_is_refused_or_valid(bits, drop, rate_weight):
    given_numbers = [each for each in (bits, drop, rate_weight) if each is not None]
    valid = given_numbers and all(0 < each < math.inf for each in given_numbers)
    if not valid or rate_weight is not None and len(given_numbers) > 1:
        with refused(ConfigError):
            Target(bits, drop, rate_weight)
        return
    if drop is not None:
        with refused(ConfigError):
            reach(Ladder(1, 1), Judge(), Target(bits, drop), False)


@about(Judge, Outcome, stream_bits)
@examples(8)
@given(networks(1, ("conv", "dense")), seeds, st.booleans(), st.booleans())
def test_an_outcome_is_what_its_network_does(network, seed, seen, labelled):
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 6, seed)
    allocation = Allocator(tensors, network, method=Method("weights")).at(1e-3)
    measured = Accuracy(5, 0.5, 0.25, 0.1, 0.25, 0.125)
    judge = Judge(network, tensors, pixels if seen else None, (lambda tensors: measured) if labelled else None,
                  {"lanes": 2})
    outcome = judge(allocation)
    assert isinstance(outcome, Outcome) and judge.sees == (seen or labelled)
    floats = dequantize(allocation.tensors)
    assert all(np.array_equal(outcome.floats[name], array) for name, array in floats.items())
    stream, _ = encode_stream(allocation.tensors, lanes=2)
    wanted = 8 * len(stream_bytes(stream)) / sum(math.prod(shape) for shape in network.weights.values())
    assert outcome.stream_bits == pytest.approx(wanted) == stream_bits(allocation.tensors, {"lanes": 2})
    alike = likeness(logits(network, tensors, pixels), logits(network, floats, pixels)) if seen else None
    assert outcome.likeness == alike and outcome.accuracy == (measured if labelled else None)
    best = measured if labelled else alike
    assert outcome.drop == (None if best is None else (best.drop, best.drop_error))
