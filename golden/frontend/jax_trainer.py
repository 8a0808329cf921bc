"""Entropy-driven training: a float network to quantized ones of wanted sizes, one after another from the last.

A target is reached in a number of epochs. After each of them, or, of many, `MEASUREMENTS` times, the network is encoded
as it would be for use, which tells what the file needs besides the entropy of the weights; the controller counts that
in. The result is the last network measured whose file is within the target: the learning rate has fallen by then, and
no accuracy has chosen it.

Source of the objective: C. Metz, O. Bichler, A. Dupret, "Efficient Neural Compression with Inference-time Decoding",
ISCAS 2024 (mixed precision and entropy in the loss); quantizer, relaxation and controller are ours.
"""

import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from ..errors import InputError
from ..network import encode_network
from ..rules import dequantize
from ..zeropoint import entropy_bits
from . import jax_quantizer as quantizer
from .batches import batches
from .checkpoint import read_checkpoint, write_checkpoint
from .jax_forward import accuracy
from .jax_objective import Settings, make_step, optimizer
from .target import Controller

__all__ = ["Point", "Trainer"]

#: How often a network is measured on its way to a target, at least.
MEASUREMENTS = 25
#: Bits per weight before training, at least; and how much above the first target, at least.
FIRST_BITS = 3.3
ABOVE_TARGET = 0.7


@dataclass
class Point:
    """What came of one target."""

    target_bytes: float
    bytes: int
    reached: bool  #: whether the file is within the target
    epoch: int  #: whose end it is, from 1
    validation: float  #: accuracy on the images held out
    minutes: float
    history: list  #: of each measurement: epoch, loss, lambda, entropy, bytes, validation
    tensors: dict = field(repr=False)  #: as `golden.frontend.jax_quantizer.export`

    def floats(self) -> dict[str, np.ndarray]:
        """The network that its weights make, float32."""
        return {name: array.astype(np.float32) for name, array in dequantize(self.tensors).items()}


@dataclass
class _State:
    params: dict
    optimizer: object
    controller: Controller
    target: int = 0  #: its number
    epoch: int = 0  #: of this target
    overhead: float = 0.0  #: bytes of the file besides the entropy of the weights
    entropy: float = 0.0  #: bytes
    minutes: float = 0.0  #: of this target
    history: list = field(default_factory=list)
    kept_epoch: int = 0  #: from 1; 0 if none yet
    kept: dict = field(default_factory=dict)  #: its network


#: The fields of a state that JSON holds as they are.
PLAIN = ("target", "epoch", "overhead", "entropy", "minutes", "history", "kept_epoch")


class Trainer:
    """A training, to be run target by target.

    Parameters
    ----------
    network : Network
    tensors : dict of str to ndarray
        The float network.
    images, labels : ndarray
        To train with: pixels (n, H, W, C), and int32 (n,).
    held_images, held_labels : ndarray
        To validate with.
    targets : sequence of float
        Sizes of the whole file in bytes, in the order in which they are trained.
    settings : Settings
    checkpoint : str, Path or None
        Written after each epoch.
    start : dict of str to ndarray or None
        A quantized network of an earlier training to begin with, not the float network.
    """

    def __init__(self, network, tensors, images, labels, held_images, held_labels, targets, settings: Settings,
                 checkpoint=None, start=None):
        self.network, self.settings, self.targets = network, settings, list(targets)
        self.train, self.held = (images, labels), (held_images, held_labels)
        self.checkpoint, self.start = checkpoint, start or {}
        network.check(tensors)
        self.teacher = {name: jnp.asarray(tensors[name], jnp.float32) for layer in network.weights
                        for name in (f"{layer}.weight", f"{layer}.bias")}
        self.count = sum(math.prod(shape) for shape in network.weights.values())
        params, self.units = quantizer.initial(network, tensors, self._first_bits(), start)
        self.steps = settings.epochs * max(1, len(images) // settings.batch)
        self._every = max(1, settings.epochs // MEASUREMENTS)
        self._step = make_step(network, settings, self.steps)
        self.points: list[Point] = []
        self._state = self._begin(params, 0)

    def _first_bits(self):
        """Where the steps begin: a little above the first target, but never where most networks are lost at once."""
        return max(FIRST_BITS, 8 * self.targets[0] / self.count + ABOVE_TARGET)

    def resume(self) -> None:
        """Take up the state of the checkpoint.

        Raises
        ------
        InputError
            If it cannot be read, or is one of another training.
        """
        leaves, values = read_checkpoint(self.checkpoint, self._purpose)
        self._restore(leaves, values)

    def run(self, finished=None, progress: bool = False) -> list[Point]:
        """Train all targets that are left.

        Parameters
        ----------
        finished : callable or None
            ``finished(number, point)`` after each target.
        progress : bool
            Show a bar per target where standard error is a terminal.

        Returns
        -------
        list of Point
            One per target, those before a resumption included.

        Raises
        ------
        InputError
            If the loss is no longer finite.
        """
        while len(self.points) < len(self.targets):
            self._train_target(progress)
            if finished is not None:
                finished(len(self.points) - 1, self.points[-1])
        return self.points

    def _train_target(self, progress):
        state = self._state
        label = f"{self.network.name}, {self.targets[state.target]:.0f} bytes"
        per_epoch = self.steps // self.settings.epochs
        with tqdm(total=self.steps, initial=state.epoch * per_epoch, desc=label, unit="step",
                  disable=None if progress else True) as bar:
            while state.epoch < self.settings.epochs:
                self._train_epochs(min(self._every, self.settings.epochs - state.epoch), bar)
                if state.epoch < self.settings.epochs:
                    self._save()
        row = next(row for row in state.history if row["epoch"] == state.kept_epoch)
        self.points.append(Point(self.targets[state.target], row["bytes"], row["bytes"] <= self.targets[state.target],
                                 state.kept_epoch, row["validation"], state.minutes, state.history, state.kept))
        if len(self.points) < len(self.targets):
            level = state.controller.level
            self._state = self._begin(state.params, len(self.points))
            self._state.controller.level = level
        self._save()

    def _train_epochs(self, count, bar):
        begin, state, losses = time.monotonic(), self._state, []
        for _ in range(count):
            losses += self._train_epoch(bar)
            state.epoch += 1
        tensors = self._export(state.params)
        size = self._measure(tensors)
        state.history.append({"epoch": state.epoch, "loss": float(np.mean(losses)),
                              "lambda": math.exp(state.controller.level), "entropy_bytes": state.entropy, "bytes": size,
                              "validation": accuracy(self.network, dequantize(tensors), *self.held)})
        kept = min((row["bytes"] for row in state.history if row["epoch"] == state.kept_epoch), default=math.inf)
        if size <= self.targets[state.target] or size <= kept:
            state.kept_epoch, state.kept = state.epoch, tensors
        state.minutes += (time.monotonic() - begin) / 60

    def _train_epoch(self, bar):
        """One epoch; the losses of its steps."""
        state, settings, losses = self._state, self.settings, []
        generator = np.random.default_rng([settings.seed, 1, state.target, state.epoch])
        for images, labels in batches(*self.train, settings.batch, generator, settings.shift, settings.mirror):
            weight = state.controller.weight(state.overhead + state.entropy)
            state.params, state.optimizer, loss, bits = self._step(state.params, state.optimizer, self.units,
                                                                   self.teacher, images, labels, weight)
            state.entropy = float(bits) / 8
            losses.append(float(loss))
            if not math.isfinite(losses[-1] + state.entropy):
                raise InputError(f"the loss must stay finite; it is {losses[-1]} in epoch {state.epoch + 1} of target "
                                 f"{state.target + 1}, step {len(losses)}: a lower learning rate may help")
            bar.update()
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", weight=f"{weight:.3g}",
                            bytes=f"{state.overhead + state.entropy:.0f}", refresh=False)
        return losses

    def _export(self, params):
        """The quantized network."""
        return quantizer.export(params, self.units, self.settings.byte_biases)

    def _measure(self, tensors):
        """The size of the file; what it is besides the entropy of the weights is noted."""
        size = len(encode_network(tensors))
        state = self._state
        weights = [tensors[f"{name}.weight"] for name in self.network.weights]
        state.entropy = sum(entropy_bits(q) * q.size for q in weights) / 8
        state.overhead = size - state.entropy
        return size

    def _begin(self, params, target):
        """The state before a target is trained."""
        self._state = _State(params, optimizer(self.settings, self.steps).init(params), None, target)
        size = self._measure(self._export(params))
        self._state.controller = Controller(self.targets[target], self.steps, size)
        return self._state

    @cached_property
    def _purpose(self):
        """A hash of everything that the course of the training follows from."""
        plain = json.dumps([self.network.as_dict(), asdict(self.settings), self.targets], sort_keys=True)
        digest = hashlib.sha256(plain.encode())
        for array in (*self.teacher.values(), *self.start.values(), *self.train, *self.held):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def _save(self):
        if self.checkpoint is None:
            return
        state = self._state
        points = [{key: value for key, value in asdict(point).items() if key != "tensors"} for point in self.points]
        leaves = jax.tree.leaves((state.params, state.optimizer))
        leaves += [*state.kept.values()] + [array for point in self.points for array in point.tensors.values()]
        plain = {key: getattr(state, key) for key in PLAIN}
        write_checkpoint(self.checkpoint, leaves, {"purpose": self._purpose, "state": plain, "points": points,
                                                   "controller": asdict(state.controller)})

    def _restore(self, leaves, values):
        state = self._state
        tree = jax.tree.structure((state.params, state.optimizer))
        params, moments = jax.tree.unflatten(tree, [jnp.asarray(leaf) for leaf in leaves[:tree.num_leaves]])
        groups, names = leaves[tree.num_leaves:], list(self._export(params))
        groups = [dict(zip(names, groups[i:i + len(names)])) for i in range(0, len(groups), len(names))]
        kept = groups.pop(0) if values["state"]["kept_epoch"] else {}
        self.points = [Point(**point, tensors=tensors) for point, tensors in zip(values["points"], groups)]
        self._state = _State(params, moments, Controller(**values["controller"]), kept=kept, **values["state"])
