"""What holds of quantization and of integers that a model brings, for whatever arrays they are given."""

import math
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golden.errors import ConfigError, InputError
from golden.formats import TensorInfo
from golden.integers import Passed, code, dequantize, original_integers, pass_raw
from golden.rules import Arrays, Decision, Quantizer, Rules, check_finite, decide, quantize_network
from golden.zeropoint import (
    Quantized,
    best_step,
    check_bins,
    check_rate_weight,
    entropy_bits,
    quantize_tensor,
    round_to_bins,
)
from tests.properties import LIMITS, about, examples, refused

finite = st.floats(-1e6, 1e6, width=32)
floats = hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=6), elements=finite)
odd_bins = st.integers(1, 127).map(lambda half: 2 * half + 1)
#: Integers at the bounds of types, of weights, and of what floats hold exactly.
BOUNDS = (0, 1, 126, 127, 128, 129, 255, 1000, (1 << 24) + 1, (1 << 53) + 1, (1 << 62) + 1)


@st.composite
def integer_arrays(draw):
    dtype = np.dtype(draw(st.sampled_from(("i1", "u1", "i2", "i8"))))
    bounds = np.iinfo(dtype)
    values = [sign * value for value in BOUNDS for sign in (1, -1) if bounds.min <= sign * value <= bounds.max]
    return np.array(draw(st.lists(st.sampled_from(values), max_size=3)), dtype).reshape(-1, 1)




def cost_of(weights, step, bins, rate_weight):
    """What `best_step` minimises, by its definition."""
    q = round_to_bins(weights, step, bins // 2)
    error = np.square(weights - step * q.astype(np.float64)).mean() / np.square(weights, dtype=np.float64).mean()
    return error + rate_weight * entropy_bits(q)


@about(code, Passed, original_integers, dequantize)
@examples(200)
@given(integer_arrays(), st.none() | st.sampled_from((0, 1, 2, 127)))
def test_integers_come_back(array, zero_point):
    point = None if zero_point is None else np.array(zero_point, array.dtype)
    passed = code(array, np.float32(0.5), point)
    tensors = {"w": passed.array} | {f"w{name}": value for name, value in passed.beside.items()}
    assert (passed.why_raw is None) == (passed.array.dtype == np.int8 and "w.zero_point" not in tensors)
    if passed.why_raw is None:
        assert passed.array.size == 0 or -127 <= passed.array.min() <= passed.array.max() <= 127
    centred = array.astype(object) - (zero_point or 0)
    assert (passed.why_raw is None) == all(abs(int(value)) <= 127 for value in centred.reshape(-1))
    found = original_integers(tensors)["w"]
    assert found.tolist() == array.tolist()
    real = centred * 0.5
    np.testing.assert_allclose(dequantize(tensors)["w"].astype(np.float64), real.astype(np.float64), rtol=1e-6)


@about(pass_raw)
@examples(200)
@given(integer_arrays(), st.none() | st.floats(0.125, 2, width=32), st.none() | st.integers(0, 127))
@example(np.array([(1 << 24) + 1]), None, None)
@example(np.array([(1 << 62) + 1]), None, None)
def test_raw_integers_are_what_they_were(array, scale, zero_point):
    """As float32 if that is exact and they have neither; else of their own type, with a zero point that says so."""
    passed = pass_raw(array, None if scale is None else np.float32(scale), zero_point)
    exact = all(int(np.float32(int(value))) == int(value) for value in array.reshape(-1))
    if scale is None and zero_point is None and exact:
        assert passed.array.dtype == np.float32 and passed.beside == {}
    else:
        assert passed.array.dtype == array.dtype and passed.beside[".zero_point"] == (zero_point or 0)
        assert passed.beside[".zero_point"].dtype == array.dtype
        assert (".scale" in passed.beside) == (scale is not None)
    assert [int(value) for value in passed.array.reshape(-1)] == [int(value) for value in array.reshape(-1)]
    assert passed.why_raw and "\n" not in passed.why_raw


@about(quantize_tensor, Quantized, best_step, round_to_bins)
@LIMITS
@given(floats, st.sampled_from((3, 7, 255)))
def test_quantization(weights, bins):
    """Each weight goes to the nearest bin, and no step that is tried squares to less."""
    q, scale = quantize_tensor(weights, bins)
    half = bins // 2
    assert q.shape == weights.shape and np.abs(q).max(initial=0) <= half and scale > 0
    exact = weights.astype(np.float64) / float(scale)
    inside = np.abs(exact) <= half
    assert (np.abs(exact - q)[inside] <= 0.5 + 1e-9).all() and (np.abs(q)[~inside] == half).all()
    step = best_step(weights, bins)
    error = np.square(weights - step * round_to_bins(weights, step, half).astype(np.float64)).sum()
    for other in np.float32(step) * np.array([0.5, 0.9, 1.01, 1.3, 2]):
        if 0 < other < np.finfo(np.float32).max:
            worse = np.square(weights - other * round_to_bins(weights, other, half).astype(np.float64)).sum()
            assert error <= worse * (1 + 1e-5) + 1e-30
    assert (scale == np.float32(step)) if q.any() else scale == 1


@about(quantize_tensor)
@LIMITS
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), elements=finite),
       odd_bins, st.data())
def test_each_channel_is_quantized_as_if_alone(weights, bins, data):
    axis = data.draw(st.integers(-weights.ndim, weights.ndim - 1))
    q, scale = quantize_tensor(weights, bins, axis)
    if not weights.size:
        assert q.shape == weights.shape and scale == 1
        return
    wide = np.broadcast_to(scale, weights.shape)
    assert scale.shape == tuple(n if i == axis % weights.ndim else 1 for i, n in enumerate(weights.shape))
    for number in range(weights.shape[axis]):
        alone, step = quantize_tensor(weights.take(number, axis), bins)
        assert q.take(number, axis).tolist() == alone.tolist() and (wide.take(number, axis) == step).all()


@about(best_step)
@examples(100)
@given(st.integers(0, 1 << 20), st.integers(1, 12), st.integers(1, 7))
def test_no_step_squares_to_less(seed, count, half):
    """Of all steps: for those between which no weight changes its bin, the best is found by the least squares."""
    weights, errors = np.random.default_rng(seed).laplace(size=count), []
    for turn in (abs(w) / (k - 0.5) for w in weights.tolist() for k in range(1, half + 1)):
        bins = [min(half, math.floor(abs(w) / (turn * (1 - 1e-9)) + 0.5)) for w in weights.tolist()]
        step = sum(k * abs(w) for k, w in zip(bins, weights)) / sum(k * k for k in bins)
        errors.append(sum((abs(w) - k * step) ** 2 for k, w in zip(bins, weights)))
    step = best_step(weights, 2 * half + 1)
    found = np.square(weights - step * round_to_bins(weights, step, half).astype(np.float64)).sum()
    assert found <= min(errors) + 1e-6 * np.square(weights).sum()


@about(best_step, quantize_tensor)
@LIMITS
@given(st.integers(0, 1 << 20), odd_bins, st.floats(0.001, 1), st.floats(0.2, 5))
def test_the_step_of_a_price_is_cheaper_than_others(seed, bins, rate_weight, ratio):
    rng = np.random.default_rng(seed)
    weights = rng.laplace(size=int(rng.integers(1, 200))).astype(np.float32)
    step = best_step(weights, bins, rate_weight)
    assert step == np.float32(step) > 0
    dear = quantize_tensor(np.append(weights, [1, -1]), bins, None, 1e4)
    assert not dear.q.any() and dear.scale == 1  # bits are so dear that all become zero
    assert cost_of(weights, step, bins, rate_weight) <= cost_of(weights, step * ratio, bins, rate_weight) * 1.002 + 1e-9


@about(round_to_bins)
@LIMITS
@given(floats, st.floats(2.0 ** -7, 2.0 ** 13, width=32), st.integers(1, 127))
def test_ties_go_to_the_even_bin(weights, step, half):
    for values in (weights, (np.rint(weights / 1e5) + 0.5) * np.float64(step)):
        wanted = [max(-half, min(half, round(float(w) / step))) for w in values.reshape(-1)]
        assert round_to_bins(values, step, half).reshape(-1).tolist() == wanted


@about(entropy_bits)
@LIMITS
@given(hnp.arrays(np.int8, hnp.array_shapes(min_dims=0, min_side=0, max_side=6)))
def test_entropy_is_that_of_its_definition(q):
    values = q.reshape(-1).tolist()
    shares = [values.count(value) / len(values) for value in set(values)]
    assert entropy_bits(q) == pytest.approx(-sum(share * math.log2(share) for share in shares), abs=1e-12)


@about(check_bins, check_rate_weight, quantize_tensor)
@examples(100)
@given(st.sampled_from((-3, 0, 1, 2, 3, 4, 7, 254, 255, 256, 257, True, 3.0, "7", None)),
       st.sampled_from((0, 0.0, 3, -1, -1e-9, math.inf, math.nan)) | st.floats())
def test_bins_and_prices_are_checked(bins, rate_weight):
    if type(bins) is int and bins in range(3, 256, 2):
        check_bins(bins)
    else:
        for refuse in (check_bins, lambda bins: quantize_tensor(np.ones(2), bins), Rules):
            with refused(ConfigError):
                refuse(bins)
    if rate_weight >= 0 and rate_weight != math.inf:
        check_rate_weight(rate_weight)
    else:
        for refuse in (check_rate_weight, lambda price: quantize_tensor(np.ones(2), 3, None, price)):
            with refused(ConfigError):
                refuse(rate_weight)


@about(check_finite)
@LIMITS
@given(hnp.arrays(np.float64, hnp.array_shapes(max_side=3)) | integer_arrays(), st.booleans())
def test_what_is_not_finite_is_refused(array, infinite):
    limit = 2.0 ** 128 - 2.0 ** 103  # where a float32 rounds to infinity
    bad = [value for value in array.reshape(-1).tolist() if value != value or abs(value) >= limit
           and not (infinite and math.isinf(value))]
    if bad and array.dtype.kind == "f":
        with refused(InputError):
            check_finite("w", array, infinite)
    else:
        check_finite("w", array, infinite)


def network_of(seed):
    """Arrays of floats and integers, of any dimensions, some with a scale beside them."""
    rng, tensors = np.random.default_rng(seed), {}
    for number in range(int(rng.integers(1, 6))):
        shape = tuple(rng.integers(1, 4, int(rng.integers(0, 4))))
        name = f"{rng.choice(['a', 'b', 'c'])}{number}"
        if rng.random() < 0.6:
            tensors[name] = np.asarray(rng.normal(size=shape), rng.choice(["f2", "f4", "f8"]))
        else:
            tensors[name] = np.asarray(rng.integers(-127, 128, shape), rng.choice(["i1", "i2", "i8"]))
            if rng.random() < 0.5:
                tensors[f"{name}.scale"] = np.array(rng.random() + 0.1, np.float32)
    return tensors


@about(Rules, Decision, decide)
@examples(100)
@given(st.integers(0, 1 << 20), st.sampled_from(("a*", "b*", "*1", "*")), st.sampled_from(("a*", "c*", "*2")),
       st.sampled_from(("*", "b*", "*0")), odd_bins, st.booleans())
def test_what_becomes_of_each_array(seed, include, exclude, last, bins, per_channel):
    """By the rules in their order: what goes beside integers, exclusion, integers, inclusion, dimensions."""
    tensors = network_of(seed)
    rules = Rules(15, ((include, bins), (last, 3)), 0.0, per_channel, (), (include,), (exclude,))
    assert set(rules.patterns) == {include, exclude, last}
    if not all(any(fnmatchcase(name, pattern) for name in tensors) for pattern in rules.patterns):
        with refused(InputError):
            decide(tensors, rules)
        return
    found = decide(tensors, rules)
    assert list(found) == list(tensors)
    for name, array in tensors.items():
        action, wanted = "quantize", 3 if fnmatchcase(name, last) else bins if fnmatchcase(name, include) else 15
        if name.endswith(".scale") or fnmatchcase(name, exclude):
            action = "raw"
        elif array.dtype.kind == "i":
            action = "keep"
        elif array.ndim < 2 and not fnmatchcase(name, include):
            action = "raw"
        assert found[name].action == action and found[name].reason
        quantized = action == "quantize"
        assert (found[name].bins, found[name].axis) == (
            wanted if quantized else None, 0 if quantized and per_channel and array.ndim else None)


@about(quantize_network, Quantizer, Arrays)
@LIMITS
@given(st.integers(0, 1 << 20), odd_bins, st.booleans())
def test_a_network_is_quantized_array_by_array(seed, bins, per_channel):
    """Each as by itself, in order, with its scale; the report's figures are those of the arrays."""
    tensors = network_of(seed)
    rules = Rules(bins, per_channel=per_channel)
    found, report = quantize_network(tensors, rules)
    source = Arrays(tensors)
    assert source.tensors == {name: TensorInfo(array.shape, array.dtype) for name, array in tensors.items()}
    assert all(source.read(name) is array for name, array in tensors.items())
    quantizer = Quantizer(source, rules)
    assert [(n, a.tolist()) for n, a in quantizer] == [(n, a.tolist()) for n, a in found.items()]
    assert quantizer.report == report
    rows = {row["name"]: row for row in report}
    assert [n for n in found if n in tensors and not n.endswith(".scale")] == [
        n for n in tensors if not n.endswith(".scale")]
    assert not set(rows) & {row["name"] for row in quantizer.raw}
    assert set(rows) | {row["name"] for row in quantizer.raw} == {n for n in tensors if not n.endswith(".scale")}
    for name, array in tensors.items():
        if name.endswith(".scale"):
            assert found[name] == array
        elif array.dtype.kind == "f" and array.ndim > 1:
            q, scale = quantize_tensor(array, bins, 0 if per_channel else None)
            assert found[name].tolist() == q.tolist() and found[f"{name}.scale"].tolist() == scale.tolist()
            mse = np.square(array.astype(np.float64) - q * scale.astype(np.float64)).mean()
            assert rows[name]["mse"] == pytest.approx(mse, rel=1e-3, abs=1e-12) and rows[name]["bins"] == bins
            assert rows[name]["step"] == [scale.min(), scale.max()]
            power = np.square(array.astype(np.float64)).mean()
            assert rows[name]["snr_db"] is None or rows[name]["snr_db"] == pytest.approx(
                10 * math.log10(power / mse), abs=0.01)
        else:
            kind = np.float32 if array.dtype.kind == "f" else np.int8
            assert found[name].dtype == kind and found[name].tolist() == array.astype(kind).tolist()
        if name in rows:
            assert rows[name]["weights"] == array.size
            assert rows[name]["entropy_bits"] == entropy_bits(found[name])


@about(Quantizer, decide, quantize_network)
@examples(12)
@given(st.integers(0, 1 << 20), st.sampled_from((math.nan, math.inf, 1e39)), st.integers(128, 1 << 30))
def test_arrays_that_cannot_be_quantized_are_refused(seed, bad, large):
    tensors = network_of(seed) | {"w": np.ones((2, 2))}
    tensors["w"][1, 0] = bad
    with refused(InputError):
        quantize_network(tensors, Rules())
    integers = {"w": np.array([1, large])}
    assert decide(integers, Rules())["w"].action == "refused"
    for wrong in (integers, {"w": np.ones((2, 2)), "w.scale": np.float32(1)}):
        with refused(InputError):
            list(Quantizer(wrong, Rules()))
    with refused(ConfigError):
        Rules(axes=(("w", 0),))
    with refused(ConfigError):
        decide({"w": np.ones((2, 2))}, Rules(per_channel=True, axes=(("w", 2),)))
