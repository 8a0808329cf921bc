"""What holds of training in JAX for whatever small networks it is given; few examples, for each compiles anew."""

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import ConfigError, InputError
from golden.frontend import forward
from golden.frontend.bias import as_bytes
from golden.frontend.description import Network, Node
from golden.frontend.measure import log_probabilities
from golden.network import encode_network
from golden.rules import dequantize
from golden.zeropoint import entropy_bits
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import networks, pixels_for, seeds, tensors_for

jax = pytest.importorskip("jax", reason="needs the extra 'train' (JAX)")
optax = pytest.importorskip("optax", reason="needs the extra 'train' (Optax)")
jax_float = pytest.importorskip("golden.frontend.jax_float")
jax_forward = pytest.importorskip("golden.frontend.jax_forward")
jax_objective = pytest.importorskip("golden.frontend.jax_objective")
quantizer = pytest.importorskip("golden.frontend.jax_quantizer")
jax_trainer = pytest.importorskip("golden.frontend.jax_trainer")

HALF = 127
SMALL = Network("small", (4, 4, 1), (Node("a", "conv", ("input",), 3, (3, 3), activation="relu"),
                                     Node("d", "dense", ("a",), 2)))


def params_of(seed, sizes=(30, 12)):
    """Parameters of layers by themselves, as `initial` hands them out, and their units."""
    rng, names = np.random.default_rng(seed), [f"n{i}" for i in range(len(sizes))]
    params = {"weight": {name: rng.normal(size=size).astype(np.float32) for name, size in zip(names, sizes)},
              "bias": {name: rng.normal(size=3).astype(np.float32) for name in names},
              "step": {name: np.float32(rng.uniform(-3, 0.5)) for name in names},
              "bound": {name: np.float32(rng.uniform(-2, 1.5)) for name in names}}
    units = {name: (float(rng.uniform(0.1, 3)), float(rng.uniform(0.1, 3))) for name in names}
    return jax.tree.map(jax.numpy.asarray, params), units


def positions(params, name):
    """Each weight in steps, clipped, by the words of `jax_quantizer`; and the step."""
    step, bound = (math.exp(float(params[kind][name])) for kind in ("step", "bound"))
    reach = min(max(bound / step, 1), HALF)
    return np.clip(np.asarray(params["weight"][name], np.float64) / step, -reach, reach), step


def far_from_ties(params):
    """Whether float32 rounds as float64 does."""
    return all(np.abs(np.abs(positions(params, name)[0]) % 1 - 0.5).min() > 1e-3 for name in params["weight"])


def entropy_of(counts):
    counts = np.array([count for count in counts if count > 0])
    return counts @ np.log2(counts.sum() / counts)


@about(jax_forward.forward, jax_forward.logits, jax_forward.accuracy)
@examples(6)
@given(networks(), seeds)
def test_jax_computes_what_numpy_does(network, seed):
    tensors, pixels = tensors_for(network, seed), pixels_for(network, 3, seed)
    wanted = forward.logits(network, tensors, pixels)
    near = {"rel": 1e-3, "abs": 1e-4 * float(np.abs(wanted).max())}
    assert jax_forward.logits(network, tensors, pixels) == pytest.approx(wanted, **near)
    found = jax_forward.forward(network, tensors, forward.images_of(network, pixels))
    assert np.asarray(found) == pytest.approx(wanted, **near)
    labels = np.where([True, False, True], wanted.argmax(axis=1), -1)
    gaps = np.sort(wanted, axis=1)
    if (gaps[:, -1] - gaps[:, -2] > 1e-2).all():
        assert jax_forward.accuracy(network, tensors, pixels, labels) == pytest.approx(2 / 3)


@about(quantizer.tensors_of, quantizer.bits, quantizer.soft_bits, quantizer.export)
@examples(8)
@given(seeds)
def test_quantized_weights_and_their_entropy_are_those_of_the_definition(seed):
    params, units = params_of(seed)
    if not far_from_ties(params):
        return
    tensors, found, bits, soft = quantizer.tensors_of(params, units), quantizer.export(params, units), 0.0, 0.0
    assert list(found) == [f"{name}.{end}" for name in units for end in ("weight", "weight.scale", "bias")]
    for name, (sigma, unit) in units.items():
        x, step = positions(params, name)
        q = np.rint(x)
        assert found[f"{name}.weight"].tolist() == q.tolist() and found[f"{name}.weight"].dtype == np.int8
        assert float(found[f"{name}.weight.scale"]) == pytest.approx(step * sigma, rel=1e-5)
        assert np.asarray(tensors[f"{name}.weight"]) == pytest.approx(q * step * sigma, rel=1e-4)
        bias = np.asarray(params["bias"][name]) * unit
        assert np.asarray(tensors[f"{name}.bias"]) == pytest.approx(bias, rel=1e-5)
        assert found[f"{name}.bias"] == pytest.approx(bias, abs=2.0 ** -9 * float(np.abs(bias).max()))
        bits += entropy_of([(q == value).sum() for value in set(q)])
        soft += entropy_of(np.maximum(0, 1 - np.abs(x[:, None] - np.arange(-HALF, HALF + 2))).sum(axis=0))
    assert float(quantizer.bits(params)) == pytest.approx(bits, rel=1e-4)
    assert float(quantizer.soft_bits(params)) == pytest.approx(soft, rel=1e-4)
    in_bytes = quantizer.export(params, units, True)
    for name, (_, unit) in units.items():
        wanted = as_bytes(f"{name}.bias", np.asarray(params["bias"][name] * unit))
        assert all(np.array_equal(in_bytes[key], array) for key, array in wanted.items())


@about(quantizer.initial, quantizer.export)
@examples(3)
@given(networks(1, ("conv", "depthwise", "dense")), seeds, st.floats(2.0, 4.0))
def test_training_begins_with_the_network_given(network, seed, first_bits):
    """At the bits asked for, each layer's bins around its weights; and from what was exported it goes on as it was."""
    tensors = {name: 3 * array for name, array in tensors_for(network, seed).items()}
    params, units = quantizer.initial(network, tensors, first_bits)
    names, count = list(network.weights), sum(math.prod(shape) for shape in network.weights.values())
    assert list(units) == names
    for name in names:
        for kind, unit in zip(("weight", "bias"), units[name]):
            assert np.asarray(params[kind][name]) * unit == pytest.approx(tensors[f"{name}.{kind}"], rel=1e-4, abs=1e-6)
        weight = np.asarray(params["weight"][name])
        assert weight.std() == pytest.approx(1, abs=1e-3) or weight.size == 1
        bound, step = (math.exp(float(params[kind][name])) for kind in ("bound", "step"))
        assert bound == pytest.approx(max(np.abs(weight).max(), step), rel=1e-4)
    free = [name for name in names if math.exp(params["bound"][name] - params["step"][name]) < HALF * 0.99]
    if free == names and count > 1:  # one ratio to the root of the size
        ratios = [float(params["step"][name]) - math.log(math.prod(network.weights[name])) / 2 for name in names]
        assert ratios == pytest.approx([ratios[0]] * len(names), abs=1e-3)
    assert float(quantizer.bits(params)) <= first_bits * count * 1.001 + 1e-3
    exported = quantizer.export(params, units)
    again, same = quantizer.initial(network, tensors, first_bits, exported)
    assert same == units
    for name, array in quantizer.export(again, same).items():
        assert np.asarray(array, float) == pytest.approx(np.asarray(exported[name], float), rel=1e-3, abs=1e-6)
    for wrong in ({}, exported | {f"{names[0]}.weight.scale": np.float32(0)}):
        with refused(InputError):
            quantizer.initial(network, tensors, first_bits, wrong)
    with refused(InputError):
        quantizer.initial(network, tensors | {f"{names[0]}.bias": tensors[f"{names[0]}.bias"] * np.nan}, first_bits)


@about(jax_objective.Settings)
@LIMITS
@given(st.sampled_from(("epochs", "batch", "shift", "seed", "rate", "step_rate", "clip", "temperature", "distill")),
       st.integers(-2, 3) | st.floats(-2, 2) | st.booleans() | st.sampled_from((math.inf, math.nan)))
def test_settings_are_refused_or_valid(name, value):
    if name in ("epochs", "batch", "shift", "seed"):
        valid = type(value) is int and value >= (name in ("epochs", "batch"))
    else:
        valid = 0 <= value <= 1 if name == "distill" else 0 < value < math.inf
    if valid:
        assert getattr(jax_objective.Settings(**{name: value}), name) == value
        return
    with refused(ConfigError):
        jax_objective.Settings(**{name: value})


@about(jax_objective.optimizer)
@examples(3)
@given(st.floats(1e-4, 1e-1), st.floats(1e-4, 1e-1), st.sampled_from((6, 100)), seeds)
def test_each_kind_of_parameter_has_its_rate(rate, step_rate, steps, seed):
    """Of Adam, for equal gradients: first a fiftieth of it; the whole after a fiftieth of the steps; then ever less."""
    chosen = jax_objective.optimizer(jax_objective.Settings(rate=rate, step_rate=step_rate, clip=1e9), steps)
    slopes = {kind: {"n0": layers["n0"] + np.float32(1e-2)} for kind, layers in params_of(seed)[0].items()}
    state, taken = chosen.init(slopes), []
    for _ in range(6):
        moves, state = chosen.update(slopes, state)
        taken.append(jax.tree.map(np.asarray, moves))
    for kind, wanted in (("weight", rate), ("bias", rate), ("step", step_rate), ("bound", step_rate)):
        sizes = [float(np.abs(each[kind]["n0"]).max()) for each in taken]
        assert all(np.array_equal(np.sign(each[kind]["n0"]), -np.sign(slopes[kind]["n0"])) for each in taken)
        warm = max(1, steps // 50)
        assert sizes[0] == pytest.approx(wanted / 50, rel=1e-2) and sizes[warm] == pytest.approx(wanted, rel=1e-2)
        assert sizes[warm:] == sorted(sizes[warm:], reverse=True)
        assert steps > 6 or sizes[-1] < 0.5 * wanted


@about(jax_objective.make_step)
@examples(4)
@given(seeds, st.sampled_from((0.0, 1.0)))
def test_a_step_is_against_the_loss_of_its_definition(seed, weight):
    """Cross-entropy and divergence from the float network's scores, in their parts; a step of a fiftieth of the rate,
    which with a price of bits leaves fewer of them."""
    settings = jax_objective.Settings(distill=0.4, rate=1e-2, step_rate=1e-2)
    tensors, pixels = tensors_for(SMALL, seed), pixels_for(SMALL, 20, seed)
    labels = np.random.default_rng(seed).integers(0, 2, 20).astype(np.int32)
    params, units = quantizer.initial(SMALL, tensors, 3.0)
    step = jax_objective.make_step(SMALL, settings, 50)
    state = jax_objective.optimizer(settings, 50).init(params)
    after, _, task, bits = step(params, state, units, tensors, pixels, labels, weight)
    rounded = {name: np.asarray(array) for name, array in quantizer.tensors_of(params, units).items()}
    logs = [log_probabilities(forward.logits(SMALL, each, pixels) / heat) for each, heat in
            ((rounded, 1), (tensors, settings.temperature), (rounded, settings.temperature))]
    hard = -logs[0][np.arange(20), labels].mean()
    soft = (np.exp(logs[1]) * (logs[1] - logs[2])).sum(axis=1).mean() * settings.temperature ** 2
    assert float(task) == pytest.approx(0.6 * hard + 0.4 * soft, rel=1e-3, abs=1e-5)
    assert float(bits) == pytest.approx(float(quantizer.bits(after)), rel=1e-5)
    moved = [np.abs(np.asarray(a) - np.asarray(b)).max() for a, b in
             zip(jax.tree.leaves(after), jax.tree.leaves(params), strict=True)]
    assert 0 < max(moved) <= 1e-2 / 50 * 1.05
    if weight:
        priced = step(params, state, units, tensors, pixels, labels, 1e4)[0]
        assert float(quantizer.soft_bits(priced)) < float(quantizer.soft_bits(params))


@about(jax_float.random_weights)
@examples(6)
@given(networks(), seeds)
def test_random_weights_have_the_variance_of_he(network, seed):
    found = jax_float.random_weights(network, np.random.default_rng(seed))
    network.check(found)
    wide = Network("w", (20, 20, 1), (Node("d", "depthwise", ("input",), size=(20, 20)),
                                      Node("c", "dense", ("d",), 9)))
    large = jax_float.random_weights(wide, np.random.default_rng(seed))
    for name, fan in (("d", 400), ("c", 400)):
        weight = large[f"{name}.weight"]
        assert weight.std() == pytest.approx(math.sqrt(2 / fan), rel=0.25 if name == "d" else 0.08)
        assert abs(weight.mean()) < 0.2 * math.sqrt(2 / fan)
    for tensors in (found, large):
        assert not any(array.any() for name, array in tensors.items() if name.endswith(".bias"))
        assert {array.dtype for array in tensors.values()} == {np.dtype(np.float32)}


def halves(seed, count):
    """Images whose class is the brighter half, and the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count).astype(np.int32)
    images = rng.normal(size=(count, 4, 4, 1))
    images[np.arange(count), 2 * labels] += 2.0
    return images.astype(np.float32), labels


@about(jax_float.train_float)
@examples(2)
@given(seeds)
def test_training_in_float_learns_and_is_the_same_again(seed):
    images, labels = halves(seed, 200)
    settings = jax_objective.Settings(epochs=6, batch=20, rate=1e-2, seed=seed)
    found, again = (jax_float.train_float(SMALL, images, labels, settings) for _ in range(2))
    assert all(np.array_equal(found[name], array) for name, array in again.items())
    first = jax_float.random_weights(SMALL, np.random.default_rng([seed, 2]))
    losses = [-log_probabilities(forward.logits(SMALL, each, images))[np.arange(200), labels].mean()
              for each in (first, found)]
    assert losses[1] < 0.5 * losses[0]


@about(jax_trainer.Trainer, jax_trainer.Point)
@examples(2)
@given(seeds, st.booleans(), st.booleans())
def test_a_training_is_what_it_says_and_can_be_resumed(seed, byte_biases, generous):
    """Each point's bytes are those of its network, and whether its target is reached; a training that was stopped after
    a target ends as one that was not."""
    tensors, (images, labels) = tensors_for(SMALL, seed), halves(seed, 60)
    settings = jax_objective.Settings(epochs=2, batch=20, rate=1e-2, seed=seed, byte_biases=byte_biases)
    targets = [4000.0, 3900.0] if generous else [20.0, 4000.0]
    with tempfile.TemporaryDirectory() as folder:
        path, told = Path(folder, "c.npz"), []

        def trainer(checkpoint):
            return jax_trainer.Trainer(SMALL, tensors, images, labels, *halves(seed + 1, 30), targets, settings,
                                       checkpoint)

        whole = trainer(None).run(lambda number, point: told.append((number, point)))
        assert [number for number, _ in told] == [0, 1] and [point for _, point in told] == whole
        stopped = trainer(path)
        with pytest.raises(KeyboardInterrupt):
            stopped.run(lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        resumed = trainer(path)
        resumed.resume()
        assert len(resumed.points) == 1
        for first, point in zip(whole, resumed.run(), strict=True):
            assert point.bytes == first.bytes == len(encode_network(point.tensors))
            assert point.reached == (point.bytes <= point.target_bytes) and 1 <= point.epoch <= 2
            assert [row["epoch"] for row in point.history] == [1, 2] and point.target_bytes in targets
            assert all(np.array_equal(point.tensors[name], array) for name, array in first.tensors.items())
            last = point.history[point.epoch - 1]
            entropy = sum(entropy_bits(point.tensors[f"{name}.weight"]) * point.tensors[f"{name}.weight"].size
                          for name in SMALL.weights) / 8
            assert (last["bytes"], last["validation"]) == (point.bytes, point.validation)
            assert last["entropy_bytes"] == pytest.approx(entropy)
            floats = dequantize(point.tensors)
            assert all(np.array_equal(array, floats[name]) for name, array in point.floats().items())
            assert {array.dtype for array in point.floats().values()} == {np.dtype(np.float32)}
        assert whole[1].reached and whole[0].reached == generous
