"""Training to a size: the quantizer and its entropy, the controller, whole trainings of a network of 1,000 weights."""

import importlib.util
import json
import sys
from dataclasses import asdict

import numpy as np
import pytest

from golden import train
from golden.cli import run
from golden.errors import ConfigError, InputError
from golden.formats import read_tensors, write_npz
from golden.frontend import forward
from golden.frontend.batches import batches, hold_out, read_examples
from golden.frontend.checkpoint import read_checkpoint, write_checkpoint
from golden.frontend.description import parse_network
from golden.frontend.target import Controller
from golden.network import decode_network, encode_network
from golden.rules import dequantize
from golden.zeropoint import entropy_bits

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra 'train' (JAX)")

DESCRIPTION = {"name": "tiny", "input": {"shape": [8, 8, 1], "scale": 0.0625}, "nodes": [
    {"name": "a", "kind": "conv", "outputs": 8, "size": [3, 3], "stride": [2, 2], "activation": "relu"},
    {"name": "b", "kind": "conv", "outputs": 8, "size": [3, 3], "activation": "relu"},
    {"name": "sum", "kind": "add", "inputs": ["a", "b"]},
    {"name": "d", "kind": "dense", "outputs": 3}]}
TINY = parse_network(json.dumps(DESCRIPTION))


def images_of_bars(count, seed=0):
    """Images of three classes: horizontal bars, vertical bars, and checks, with noise; pixels 0 to 16."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, count).astype(np.int32)
    rows, columns = np.indices((8, 8))
    marks = np.array([rows // 2 % 2, columns // 2 % 2, (rows // 2 + columns // 2) % 2]) * 10.0
    x = marks[y] + random.normal(0, 4, (count, 8, 8))
    return np.clip(np.rint(x), 0, 16).astype(np.uint8)[..., None], y


@pytest.fixture(scope="module")
def floats():
    """A float network that tells the bars, trained for the tests that need one."""
    from golden.frontend.jax_float import train_float
    from golden.frontend.jax_objective import Settings

    return train_float(TINY, *images_of_bars(300), Settings(epochs=12, batch=30, rate=3e-3))


def trainer_of(floats, targets, checkpoint=None, **more):
    from golden.frontend.jax_objective import Settings
    from golden.frontend.jax_trainer import Trainer

    usual = {"epochs": 8, "batch": 15, "rate": 0.02, "step_rate": 0.02, "distill": 0.5, "shift": 1}
    settings = Settings(**usual | more)
    return Trainer(TINY, floats, *images_of_bars(600), *images_of_bars(200, 1), targets, settings, checkpoint)


def soft_entropy(x):
    """The entropy that is trained with, in bits, by its definition: a weight counts for the bins it lies between."""
    bins = np.arange(-127, 129)
    counts = np.maximum(0, 1 - np.abs(x[:, None] - bins)).sum(axis=0)
    counts = counts[counts > 0]
    return counts @ np.log2(counts.sum() / counts)


@needs_jax
def test_gradient_of_the_entropy_is_that_of_finite_differences():
    import jax
    import jax.numpy as jnp

    from golden.frontend.jax_quantizer import soft_bits

    random = np.random.default_rng(3)
    weight = random.normal(size=60)
    step, bound = 0.4, 1.5
    params = {"weight": {"a": jnp.asarray(weight, jnp.float32)}, "bias": {"a": jnp.zeros(2)},
              "step": {"a": jnp.float32(np.log(step))}, "bound": {"a": jnp.float32(np.log(bound))}}

    def entropy(weight, log_step, log_bound):
        size, reach = np.exp(log_step), np.exp(log_bound - log_step)
        return soft_entropy(np.clip(weight / size, -reach, reach))

    logs = np.log(step), np.log(bound)
    value, slopes = jax.value_and_grad(soft_bits)(params)
    assert float(value) == pytest.approx(entropy(weight, *logs), rel=1e-5)
    tiny = 1e-7
    wanted = [(entropy(weight + tiny * one, *logs) - entropy(weight - tiny * one, *logs)) / 2 / tiny
              for one in np.eye(60)]
    assert np.asarray(slopes["weight"]["a"]) == pytest.approx(wanted, rel=1e-3, abs=1e-3)
    for name, moves in (("step", (tiny, 0)), ("bound", (0, tiny))):
        up, down = (entropy(weight, *(log + sign * move for log, move in zip(logs, moves))) for sign in (1, -1))
        assert float(slopes[name]["a"]) == pytest.approx((up - down) / 2 / tiny, rel=1e-3), name


@needs_jax
def test_the_gradient_of_a_step_is_that_of_learned_steps():
    import jax
    import jax.numpy as jnp

    from golden.frontend.jax_quantizer import tensors_of

    v, step, bound = np.array([0.0, 0.3, -1.1, 2.9, -3.0], np.float32), 0.5, 1.5
    params = {"weight": {"a": jnp.asarray(v)}, "bias": {"a": jnp.zeros(1)}, "step": {"a": jnp.float32(np.log(step))},
              "bound": {"a": jnp.float32(np.log(bound))}}
    found = np.asarray(tensors_of(params, {"a": (2.0, 1.0)})["a.weight"])
    assert found.tolist() == [0, 1, -2, 3, -3]
    slopes = jax.jacobian(lambda params: tensors_of(params, {"a": (2.0, 1.0)})["a.weight"])(params)
    inside = np.abs(v) < bound
    assert np.asarray(slopes["weight"]["a"]) == pytest.approx(np.diag(2.0 * inside))
    q = np.array([0, 1, -2, 3, -3])
    assert np.asarray(slopes["step"]["a"]) == pytest.approx(2 * step * (q - np.clip(v, -bound, bound) / step), abs=1e-5)
    assert np.asarray(slopes["bound"]["a"]) == pytest.approx(2 * bound * np.sign(v) * ~inside)


@needs_jax
@pytest.mark.parametrize("wanted", [1.2, 4.0])
def test_first_steps_have_the_entropy_asked_for_and_are_exported_as_trained(wanted):
    from golden.frontend import jax_quantizer as quantizer
    from golden.frontend.jax_float import random_weights

    tensors = random_weights(TINY, np.random.default_rng(0))
    tensors["a.bias"] = np.linspace(-1, 1, 8).astype(np.float32)
    params, units = quantizer.initial(TINY, tensors, wanted)
    found = quantizer.export(params, units)
    total = sum(entropy_bits(q) * q.size for q in found.values() if q.dtype == np.int8)
    count = sum(q.size for q in found.values() if q.dtype == np.int8)
    assert total / count == pytest.approx(wanted, abs=0.02)
    assert float(quantizer.bits(params)) == pytest.approx(total, rel=1e-4)
    assert found["a.bias"].dtype == np.float16
    trained = quantizer.tensors_of(params, units)
    for name, array in dequantize(found).items():
        assert array == pytest.approx(np.asarray(trained[name]), rel=1e-3, abs=1e-6)


@needs_jax
@pytest.mark.parametrize("byte_biases", [False, True])
def test_a_start_is_taken_as_it_is(byte_biases):
    from golden.frontend import jax_quantizer as quantizer
    from golden.frontend.jax_float import random_weights

    tensors = random_weights(TINY, np.random.default_rng(0))
    tensors["a.bias"] = np.linspace(-1, 1, 8).astype(np.float32)
    wanted = quantizer.export(*quantizer.initial(TINY, tensors, 2.0), byte_biases)
    found = quantizer.export(*quantizer.initial(TINY, tensors, 3.0, wanted), byte_biases)
    assert wanted["a.bias"].dtype == (np.int8 if byte_biases else np.float16) and list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype and found[name] == pytest.approx(array, rel=1e-3), name
    with pytest.raises(InputError, match="b.weight of the network to start from must be integers with one step"):
        quantizer.initial(TINY, tensors, 3.0, wanted | {"b.weight": wanted["b.weight"] * 0.5})


@needs_jax
def test_a_layer_of_zeros_and_a_large_bias_are_trained_as_well():
    from golden.frontend import jax_quantizer as quantizer
    from golden.frontend.jax_float import random_weights

    tensors = random_weights(TINY, np.random.default_rng(0))
    tensors["b.weight"][:] = 0
    tensors["d.bias"][:] = 1e6
    found = quantizer.export(*quantizer.initial(TINY, tensors, 3.0))
    assert not found["b.weight"].any() and found["b.weight.scale"] > 0
    assert found["d.bias"].dtype == np.float32 and found["d.bias"].tolist() == [1e6] * 3


@pytest.mark.parametrize("steps", [300, 3000])
@pytest.mark.parametrize("target", [1000.0, 6000.0])
def test_the_controller_reaches_what_responds(steps, target):
    """A size that moves towards what lambda makes it, slower as the learning rate falls; or one that is smaller yet."""
    control, size = Controller(target, steps, 4000.0), 4000.0
    for step in range(steps):
        aim = 1500 * control.weight(size) ** -0.4
        size += (aim - size) * 10 / steps * (1 - step / steps)
    assert control.done == steps
    assert size == pytest.approx(target, rel=0.02) if target < 4000 else 4000 < size < 6100
    assert Controller(**json.loads(json.dumps(asdict(control)))) == control


@needs_jax
def test_a_training_reaches_its_targets_and_is_encoded_as_it_says(floats):
    trainer = trainer_of(floats, [400, 330])
    before = forward.accuracy(TINY, floats, *images_of_bars(200, 1))
    points = trainer.run()
    for point in points:
        data = encode_network(point.tensors)
        assert len(data) == point.bytes <= point.target_bytes and point.reached
        assert point.bytes > 0.9 * point.target_bytes
        assert all(np.isfinite(row["loss"]) for row in point.history)
        again = forward.accuracy(TINY, dequantize(decode_network(data)), *images_of_bars(200, 1))
        assert again == pytest.approx(point.validation, abs=0.006) and again > before - 0.05
    entropies = [row["entropy_bytes"] for point in points for row in point.history]
    assert entropies[-1] < 0.8 * entropies[0]


@needs_jax
def test_a_resumed_training_is_the_same(floats, tmp_path, monkeypatch):
    from golden.frontend import jax_trainer

    left = [5]

    def interrupted(path, leaves, values):
        write_checkpoint(path, leaves, values)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    whole = trainer_of(floats, [420, 380], epochs=3, byte_biases=True).run()
    monkeypatch.setattr(jax_trainer, "write_checkpoint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer_of(floats, [420, 380], tmp_path / "state.npz", epochs=3, byte_biases=True).run()
    monkeypatch.undo()
    trainer = trainer_of(floats, [420, 380], tmp_path / "state.npz", epochs=3, byte_biases=True)
    trainer.resume()
    assert len(trainer.points) == 1
    for one, other in zip(whole, trainer.run(), strict=True):
        assert one.history == other.history and one.epoch == other.epoch
        assert one.tensors["a.bias"].dtype == np.int8
        for name, array in one.tensors.items():
            assert array.dtype == other.tensors[name].dtype and (array == other.tensors[name]).all(), name
    with pytest.raises(InputError, match="a checkpoint of another training"):
        trainer_of(floats, [420, 381], tmp_path / "state.npz", epochs=3).resume()


@needs_jax
def test_a_loss_that_is_lost_is_one_error(floats):
    with pytest.raises(InputError, match="the loss must stay finite; it is .*(nan|inf) in epoch .*lower learning rate"):
        trainer_of(floats, [400], rate=1e18, epochs=2).run()


@needs_jax
@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"rate": 0.0}, {"distill": 1.5}, {"batch": True}, {"clip": -1.0},
                                   {"temperature": float("nan")}, {"seed": -1}])
def test_wrong_settings(wrong):
    from golden.frontend.jax_objective import Settings

    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be"):
        Settings(**wrong)


def test_batches_are_whole_images_moved_and_mirrored():
    x = np.arange(1, 1 + 7 * 4 * 4, dtype=np.uint8).reshape(7, 4, 4, 1)
    plain = list(batches(x, np.arange(7), 3, np.random.default_rng(0)))
    assert [len(images) for images, _ in plain] == [3, 3]
    assert all((images == x[labels]).all() for images, labels in plain)
    seen = set()
    for number in range(60):
        for images, labels in batches(x, np.arange(7), 10, np.random.default_rng(number), 1, True):
            assert len(images) == 7
            for image, label in zip(images, labels):
                padded = np.pad(x[label], ((1, 1), (1, 1), (0, 0)), "edge")
                found = [(i, j, flip) for i in range(3) for j in range(3) for flip in (1, -1)
                         if (padded[i:i + 4, j:j + 4][:, ::flip] == image).all()]
                assert len(found) == 1
                seen |= {found[0]}
    assert len(seen) == 18


def test_held_images_are_no_training_images():
    x, y = np.arange(20).reshape(20, 1, 1, 1), np.arange(20)
    kept, _, held, labels = hold_out(x, y, 6, 3)
    assert len(held) == 6 and sorted([*kept.ravel(), *held.ravel()]) == list(range(20))
    assert (hold_out(x, y, 6, 3)[3] == labels).all() and (hold_out(x, y, 6, 4)[3] != labels).any()
    with pytest.raises(InputError, match="images held out must be fewer than the 20 there are, not 20"):
        hold_out(x, y, 20, 0)


@pytest.mark.parametrize("arrays, complaint", [
    ({"x": np.zeros((3, 8, 8))}, "must hold an array y; it does not"),
    ({"x": np.zeros((3, 9, 8)), "y": np.zeros(3, int)}, r"images must be of shape \(8, 8, 1\), as tiny says"),
    ({"x": np.zeros((3, 8, 8)), "y": np.zeros(3)}, "y must be 3 whole numbers"),
    ({"x": np.zeros((3, 8, 8)), "y": np.zeros(4, int)}, "y must be 3 whole numbers"),
    ({"x": np.zeros((3, 8, 8)), "y": np.array([0, 3, 1])}, "labels must be 0 to 2, as tiny says, not 0 to 3"),
    ({"x": np.full((3, 8, 8), np.nan), "y": np.zeros(3, int)}, "x must be finite"),
    ({"x": np.array(["a"] * 3), "y": np.zeros(3, int)}, "x must be images"),
])
def test_wrong_images(tmp_path, arrays, complaint):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=complaint):
        read_examples(tmp_path / "a.npz", TINY)


def test_images_come_with_or_without_channels_and_with_other_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((2, 8, 8), np.uint8), y=np.array([0, 2]), classes=np.array(["a", "b"]))
    x, y = read_examples(tmp_path / "a.npz", TINY)
    assert x.shape == (2, 8, 8, 1) and x.dtype == np.uint8 and y.tolist() == [0, 2]
    (tmp_path / "b.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="b.npz: not a sound .npz file"):
        read_examples(tmp_path / "b.npz", TINY)


def test_a_wrong_checkpoint(tmp_path):
    write_checkpoint(tmp_path / "a.npz", [np.float16([1, 2]), np.int32(3)], {"purpose": "x", "more": [1]})
    leaves, values = read_checkpoint(tmp_path / "a.npz", "x")
    assert [leaf.dtype for leaf in leaves] == [np.float16, np.int32] and values["more"] == [1]
    with pytest.raises(InputError, match="a.npz: a checkpoint of another training"):
        read_checkpoint(tmp_path / "a.npz", "y")
    write_npz(tmp_path / "b.npz", {"x": np.zeros(3)})
    with pytest.raises(InputError, match="b.npz: not a checkpoint"):
        read_checkpoint(tmp_path / "b.npz", "x")


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run the command in a folder; its exit code, what it printed, and what it complained."""
    def run_command(*arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["golden.train", *arguments])
        code = 0
        try:
            run(train.main, "golden.train")
        except SystemExit as left:
            code = left.code
        return code, *capsys.readouterr()

    return run_command


@pytest.fixture
def folder(tmp_path, floats):
    (tmp_path / "tiny.json").write_text(json.dumps(DESCRIPTION))
    write_npz(tmp_path / "w.npz", floats)
    for name, seed in (("train", 0), ("test", 2)):
        x, y = images_of_bars(300, seed)
        write_npz(tmp_path / f"{name}.npz", {"x": x, "y": y})
    return tmp_path


USUAL = ("--network", "tiny.json", "--weights", "w.npz", "--data", "train.npz", "--valid", "100", "-o", "q.npz")


@needs_jax
def test_the_command(folder, call):
    code, printed, complaints = call(*USUAL, "--test", "test.npz", "--target-bytes", "450,200", "--seed", "3",
                                     "--epochs", "6", "--batch", "10", "--rate", "0.02", "--step-rate", "0.05",
                                     "--json", "r.json")
    assert (code, complaints) == (0, "")
    record = json.loads((folder / "r.json").read_text())
    assert record["measured_on"] == "test" and record["images"] == 300
    assert record["settings"]["seed"] == 3 and record["settings"]["training_images"] == 200
    assert record["float"]["bytes"] == 4 * sum(array.size for array in read_tensors(folder / "w.npz").values())
    x, y = images_of_bars(300, 2)
    for i, point in enumerate(record["points"], 1):
        tensors = read_tensors(folder / f"q-{i}.npz", widen=False)
        assert len(encode_network(tensors)) == point["bytes"]
        assert point["bits_per_weight"] == 8 * point["bytes"] / record["weights"]
        found = forward.accuracy(TINY, {k: v.astype(np.float32) for k, v in dequantize(tensors).items()}, x, y)
        assert found == pytest.approx(point["accuracy"], abs=0.004)
        assert f"q-{i}.npz: {point['bytes']} bytes" in printed
    assert [point["reached"] for point in record["points"]] == [True, False]
    assert "not the 200 wanted: the least that was reached" in printed


@needs_jax
@pytest.mark.parametrize("more, complaint", [
    ((), "one of --target-bits and --target-bytes must be given"),
    (("--target-bits", "2", "--target-bytes", "300"), "one of --target-bits and --target-bytes must be given"),
    (("--target-bits", "-1"), "targets must be above 0"),
    (("--target-bits", "2,x"), "numbers"),
    (("--target-bits", "2", "--distill", "2"), "distill must be a part from 0 to 1, not 2.0"),
    (("--target-bits", "2", "--valid", "300"), "images held out must be fewer than the 300 there are"),
    (("--target-bits", "2", "--valid", "none.npz"), "none.npz: cannot be read"),
    (("--target-bits", "2", "--network", "digits"), "conv1.weight of digits must be there"),
    (("--target-bits", "2", "--resume"), "--resume must come with --checkpoint"),
    (("--target-bits", "2", "--resume", "--checkpoint", "s.npz"), "s.npz: cannot be read"),
    (("--target-bits", "2", "-o", "q.tsy"), "output must be a file .npz, not q.tsy"),
])
def test_the_command_complains_in_one_line(folder, call, more, complaint):
    before = sorted(folder.iterdir())
    code, printed, found = call(*USUAL, *more)
    assert (code, printed, found.count("\n")) == (2, "", 1) and found.startswith("golden.train: error: ")
    assert complaint in found
    assert sorted(folder.iterdir()) == before


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "golden.frontend.jax_objective", None)
    monkeypatch.delattr(sys.modules["golden.frontend"], "jax_objective", raising=False)
    with pytest.raises(InputError, match=r"pip install tansy\[train\]"):
        train._library()
