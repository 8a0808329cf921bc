"""What holds of images, batches, curves, checkpoints and the controller of a training, whatever they are given."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.digits.train import split as split_digits
from golden.errors import ConfigError, InputError
from golden.formats import write_npz
from golden.frontend.batches import batches, hold_out, read_examples
from golden.frontend.checkpoint import read_checkpoint, write_checkpoint
from golden.frontend.curve import Curve, Point, read_curve, write_curve
from golden.frontend.images import read_images, read_labelled, split
from golden.frontend.target import LEAST, MOST, Controller
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import networks, seeds

json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
                           lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner,
                                                                                       max_size=3), max_leaves=6)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
points = st.builds(Point, st.integers(1, 10 ** 9), st.floats(0, 1), st.none() | st.floats(0, 1),
                   st.none() | st.floats(0, 64), st.none() | texts)


def file_of(folder, arrays):
    write_npz(Path(folder, "a.npz"), arrays)
    return Path(folder, "a.npz")


@about(read_images, read_labelled, read_examples)
@LIMITS
@given(networks(0), seeds, st.integers(1, 5), st.sampled_from(("u1", "f4", "i4")))
def test_examples_come_back_or_do_not_fit(network, seed, count, dtype):
    rng, classes = np.random.default_rng(seed), network.nodes[-1].outputs
    x = rng.integers(0, 99, (count, *network.input_shape)).astype(dtype)
    y = rng.integers(0, classes, count)
    with tempfile.TemporaryDirectory() as folder:
        path = file_of(folder, {"y": y, "x": x, "other": np.zeros(2)})
        images, labels = read_labelled(path)
        assert np.array_equal(read_images(path), x) and np.array_equal(images, x) and np.array_equal(labels, y)
        images, labels = read_examples(path, network)
        assert np.array_equal(images, x) and np.array_equal(labels, y) and labels.dtype == np.int32
        if x.shape[3] == 1:
            assert np.array_equal(read_examples(file_of(folder, {"x": x[..., 0], "y": y}), network)[0], x)
        for wrong in ({"x": x, "y": y + classes}, {"x": x, "y": y - classes}, {"x": x[:, 1:], "y": y}):
            with refused(InputError):
                read_examples(file_of(folder, wrong), network)
        for wrong in ({"x": x, "y": y[1:]}, {"x": x, "y": y + 0.5}, {"x": x}):
            with refused(InputError):
                read_labelled(file_of(folder, wrong))
        for wrong in ({"y": y}, {"x": x[:0]}, {"x": x[0, 0]}, {"x": np.full(x.shape, np.nan)}):
            with refused(InputError):
                read_images(file_of(folder, wrong))


@about(split)
@LIMITS
@given(st.integers(1, 200), st.integers(1, 150), st.integers(0, 150), seeds)
def test_images_are_shared_out(count, wanted, held_out, seed):
    """None twice, in order, and as many as asked for where there are so many; else in proportion."""
    used, others = split(count, wanted, held_out, seed)
    both = [*used.tolist(), *others.tolist()]
    assert len(set(both)) == len(both) and set(both) <= set(range(count))
    assert used.tolist() == sorted(used) and others.tolist() == sorted(others) and len(used) >= 1
    if wanted + held_out <= count:
        assert (len(used), len(others)) == (wanted, held_out)
    else:
        assert abs(len(used) - count * wanted / (wanted + held_out)) <= 1
        assert abs(len(others) - count * held_out / (wanted + held_out)) <= 1
    assert [each.tolist() for each in split(count, wanted, held_out, seed)] == [used.tolist(), others.tolist()]
    for wrong in ((count, 0, held_out), (count, wanted, -1)):
        with refused(ConfigError):
            split(*wrong)


@about(hold_out)
@LIMITS
@given(st.integers(2, 60), st.integers(-1, 62), seeds)
def test_held_out_images_are_the_others(images, count, seed):
    x, y = np.arange(images) * 2, np.arange(images) * 3
    if not 0 < count < images:
        with refused(InputError):
            hold_out(x, y, count, seed)
        return
    kept_x, kept_y, held_x, held_y = hold_out(x, y, count, seed)
    assert len(held_x) == count and sorted([*kept_x, *held_x]) == x.tolist()
    assert (kept_x * 3 == kept_y * 2).all() and (held_x * 3 == held_y * 2).all()
    assert kept_x.tolist() == sorted(kept_x) and held_x.tolist() == sorted(held_x)


@about(batches)
@LIMITS
@given(seeds, st.integers(1, 12), st.integers(1, 5), st.integers(0, 2), st.booleans())
def test_batches_are_images_moved_and_mirrored(seed, count, size, shift, mirror):
    """Each whole batch of others, and each image one of the moves and mirrors that are allowed; all seeded."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 255, (count, 3, 4, 2), np.uint8), np.arange(count)
    found = list(batches(x, y, size, np.random.default_rng(seed), shift, mirror))
    again = list(batches(x, y, size, np.random.default_rng(seed), shift, mirror))
    assert [labels.tolist() for _, labels in found] == [labels.tolist() for _, labels in again]
    taken = [label for _, labels in found for label in labels.tolist()]
    assert len(set(taken)) == len(taken) == (count // size * size or count)
    assert all(len(labels) == min(size, count) for _, labels in found)
    for images, labels in found:
        for image, label in zip(images, labels):
            near = np.pad(x[label], ((shift, shift), (shift, shift), (0, 0)), "edge")
            allowed = [near[i:i + 3, j:j + 4] for i in range(2 * shift + 1) for j in range(2 * shift + 1)]
            allowed += [each[:, ::-1] for each in allowed if mirror]
            assert any(np.array_equal(image, each) for each in allowed)
    moved = any(not np.array_equal(image, x[label]) for images, labels in found for image, label in zip(images, labels))
    assert moved <= (mirror or shift > 0)


@about(batches)
@examples(3)
@given(seeds)
def test_every_second_image_is_mirrored_by_chance(seed):
    x = np.broadcast_to(np.arange(8)[None, None, :, None], (400, 1, 8, 1))
    (images, _), = batches(x, np.zeros(400), 400, np.random.default_rng(seed), 0, True)
    assert 150 < (images[:, 0, 0, 0] == 7).sum() < 250
    (images, _), = batches(x, np.zeros(400), 400, np.random.default_rng(seed), 2, False)
    firsts = images[:, 0, 4, 0].tolist()
    assert all(50 < firsts.count(place) < 110 for place in (2, 3, 4, 5, 6))


@about(write_checkpoint, read_checkpoint)
@LIMITS
@given(seeds, st.integers(0, 12), st.dictionaries(st.text(max_size=5), json_values, max_size=4), st.text(max_size=4))
def test_a_checkpoint_comes_back_to_its_own_training(seed, count, values, purpose):
    rng = np.random.default_rng(seed)
    leaves = [rng.normal(size=rng.integers(0, 4, int(rng.integers(0, 3)))).astype(rng.choice(["f2", "f4", "f8"]))
              for _ in range(count)]
    leaves += [np.int32(7)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.npz")
        write_checkpoint(path, leaves, values | {"purpose": purpose})
        found, again = read_checkpoint(path, purpose)
        assert again == values | {"purpose": purpose}
        for one, other in zip(found, leaves, strict=True):
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
        with refused(InputError):
            read_checkpoint(path, purpose + "x")
        for wrong in ({"leaf0": np.zeros(1)}, {"values": np.frombuffer(b"{]", np.uint8)},
                      {"values": np.frombuffer(b"[1]", np.uint8)}, {"values": np.frombuffer(b"{}", np.uint8)}):
            with refused(InputError):
                read_checkpoint(file_of(folder, wrong), purpose)


@about(Curve, Point, read_curve, write_curve)
@LIMITS
@given(st.lists(points, min_size=1, max_size=4), st.none() | points, texts,
       st.dictionaries(st.sampled_from(("settings", "minutes")), json_values))
def test_a_curve_comes_back(found, reference, title, others):
    curve = Curve(tuple(found), reference, title)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.json")
        try:
            write_curve(path, curve, **others)
        except ValueError:  # JSON has no infinity.
            assert "inf" in repr(others)
            return
        assert read_curve(path) == curve
        assert {key: json.loads(path.read_text("utf-8"))[key] for key in others} == others


@about(Point, Curve, read_curve)
@examples(150)
@given(st.sampled_from(("bytes", "accuracy", "standard_error", "bits_per_weight", "label", "points", "float", "title")),
       st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3) | st.just([]) | st.none())
def test_a_curve_with_another_member_is_refused_or_a_curve(name, value):
    plain = {"title": "t", "points": [{"bytes": 5, "accuracy": 0.5}]}
    (plain if name in ("points", "float", "title") else plain["points"][0])[name] = value
    real = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    valid = {"bytes": type(value) is int and value >= 1, "accuracy": real and value <= 1,
             "standard_error": value is None or real and value <= 1, "bits_per_weight": value is None or real,
             "label": value is None or isinstance(value, str), "title": isinstance(value, str),
             "float": value is None, "points": False}[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.json")
        path.write_text(json.dumps(plain))
        if valid:
            assert read_curve(path).points[0].bytes >= 1
            return
        with refused(InputError):
            read_curve(path)
        path.write_text(json.dumps(plain)[:-1])
        with refused(InputError):
            read_curve(path)
    if name in ("bytes", "accuracy"):
        with refused(InputError):
            Point(**plain["points"][0])
    with refused(InputError):
        Curve(())


@about(Controller)
@LIMITS
@given(st.floats(10, 1e6), st.floats(10, 1e6), st.integers(4, 400))
def test_the_wanted_size_falls_to_the_target(target, first, steps):
    """From the first size, evenly in its logarithm, over half of the steps; it never rises."""
    controller, wanted = Controller(target, steps, first), []
    for _ in range(steps):
        wanted.append(controller.wanted)
        controller.weight(first)
    aim = target * (1 - Controller.MARGIN)
    assert controller.done == steps and wanted[-1] == pytest.approx(aim)
    assert wanted[0] == pytest.approx(max(first, aim) if first > aim else aim)
    assert all(late <= early * (1 + 1e-12) for early, late in zip(wanted, wanted[1:]))
    falls = np.diff(np.log(wanted[:steps // 2]))
    assert falls == pytest.approx(np.full(len(falls), falls[0] if len(falls) else 0), abs=1e-9)


@about(Controller)
@LIMITS
@given(st.floats(100, 1e5), st.integers(10, 400), st.lists(st.floats(0.2, 5), min_size=1, max_size=30))
def test_lambda_grows_where_the_network_is_too_large(target, steps, ratios):
    """It stays within its bounds; what is larger at the same past gets more of it, and what stays large ever more."""
    controller = Controller(target, steps, target)
    for ratio in ratios:
        twin = Controller(**vars(controller))
        assert twin.weight(1.5 * ratio * target) >= controller.weight(ratio * target) * (1 - 1e-9)
        assert twin.level >= controller.level - 1e-12
        assert math.exp(LEAST) * (1 - 1e-9) <= math.exp(controller.level) <= math.exp(MOST) * (1 + 1e-9)
    steady = Controller(target, steps, target)
    weights = [steady.weight(1.05 * target) for _ in range(8)]
    assert all(late >= early * (1 - 1e-9) for early, late in zip(weights[1:], weights[2:])) and weights[-1] > 0.3


@about(split_digits)
@examples(4)
@given(seeds)
def test_digits_are_split_in_two(seed):
    pytest.importorskip("sklearn", reason="needs the extra 'digits'")
    images, labels, test_images, test_labels = split_digits(seed)
    assert (len(images), len(labels), len(test_images), len(test_labels)) == (1437, 1437, 360, 360)
    whole = split_digits(seed + 1)
    both = [sorted((image.tobytes(), int(label)) for image, label in zip(np.concatenate(parts[::2]),
                                                                          np.concatenate(parts[1::2])))
            for parts in ((images, labels, test_images, test_labels), whole)]
    assert both[0] == both[1] and not np.array_equal(whole[3], test_labels)
    assert images.dtype == np.uint8 and images.max() == 16 and set(labels.tolist()) == set(range(10))
