"""The command that trains a network to a wanted size: float weights in, quantized ones of that size out, and a record.

The training is that of `golden.frontend.jax_trainer`; JAX and Optax come with the extra ``train``.
"""

import json
import math
from dataclasses import asdict, fields
from pathlib import Path

from .cli import OneLineParser, atomic_write, run
from .errors import ConfigError, InputError
from .formats import read_tensors, write_npz
from .frontend.batches import hold_out, read_examples
from .frontend.description import find_network

__all__ = ["main"]


def _numbers(text):
    return [float(number) for number in text.split(",")]


_numbers.__name__ = "numbers, comma between them,"  # What argparse calls it in its complaint.


def _arguments():
    parser = OneLineParser(prog="golden.train", description="Train a network to a size: the entropy of its quantized "
                           "weights is part of the loss, with a weight that is driven to the target. The size counts "
                           "the whole encoded file. Several targets are trained one after another, each from the one "
                           "before, and their numbers are appended to the output's name.")
    add = parser.add_argument
    add("--network", required=True, help="description .json, or the name of one that ships: digits, kws, resnet8")
    add("--weights", required=True, metavar="FILE", help="float network, .npz or .safetensors")
    add("--data", required=True, metavar="FILE", help=".npz with x, images, and y, labels")
    add("--valid", required=True, metavar="K|FILE", help="images to validate with: so many of the data's, or a file")
    add("--test", metavar="FILE", help="images on which each target's network is measured, once")
    add("--start", metavar="FILE", help="begin with this quantized network, of an earlier training")
    add("--target-bits", type=_numbers, metavar="X[,X...]", help="bits of the file per weight")
    add("--target-bytes", type=_numbers, metavar="N[,N...]", help="bytes of the file")
    add("--epochs", type=int, help="per target (default: 20)")
    add("--batch", type=int, help="images per step (default: 100)")
    add("--rate", type=float, help="learning rate of weights, in their layer's deviations (default: 0.002)")
    add("--step-rate", type=float, help="that of steps and bounds, of their logarithms (default: 0.001)")
    add("--clip", type=float, help="greatest norm of a gradient (default: 5)")
    add("--distill", type=float, metavar="PART", help="learn this part, 0 to 1, from the float network (default: 0)")
    add("--temperature", type=float, help="of the scores learned from (default: 3)")
    add("--shift", type=int, metavar="PIXELS", help="shift images at most so far (default: 0)")
    add("--mirror", action="store_true", default=None, help="mirror every second image")
    add("--byte-biases", action="store_true", default=None, help="biases of 255 bins, coded like weights")
    add("--seed", type=int, help="default: 0")
    add("--checkpoint", metavar="FILE", help="state of the training, .npz, written after each epoch")
    add("--resume", action="store_true", help="go on from the checkpoint")
    add("-o", "--output", required=True, help="quantized network, .npz")
    add("--json", metavar="FILE", help="record: settings, the curve of accuracy and size, each epoch")
    arguments = parser.parse_args()
    if (arguments.target_bits is None) == (arguments.target_bytes is None):
        parser.error("one of --target-bits and --target-bytes must be given")
    if arguments.resume and not arguments.checkpoint:
        parser.error("--resume must come with --checkpoint")
    for name in ("output", "checkpoint"):
        path = getattr(arguments, name)
        if path is not None and Path(path).suffix != ".npz":
            parser.error(f"{name} must be a file .npz, not {path}")
    return arguments


def _library():
    try:
        from .frontend import jax_objective, jax_trainer
    except ImportError as error:
        raise InputError(f"training needs an extra, {error.name} is missing: pip install tansy[train]") from None
    return jax_objective, jax_trainer


def _targets(arguments, weights):
    """The targets in bytes."""
    given = arguments.target_bytes or [bits * weights / 8 for bits in arguments.target_bits]
    if not all(0 < target < math.inf for target in given):
        raise ConfigError(f"targets must be above 0, not {arguments.target_bytes or arguments.target_bits}")
    return given


def _data(arguments, network):
    images, labels = read_examples(arguments.data, network)
    if not arguments.valid.isdigit():
        return images, labels, *read_examples(arguments.valid, network)
    return hold_out(images, labels, int(arguments.valid), arguments.seed or 0)


def _figures(point, accuracy, count, weights):
    return {"bytes": point.bytes, "bits_per_weight": 8 * point.bytes / weights, "accuracy": accuracy,
            "standard_error": math.sqrt(accuracy * (1 - accuracy) / count),
            "label": f"trained to {8 * point.target_bytes / weights:.2f} bits per weight",
            "target_bytes": point.target_bytes, "reached": point.reached, "validation": point.validation,
            "epoch": point.epoch, "minutes": round(point.minutes, 2), "history": point.history}


def _names(output, count):
    """The file of each target: the output itself, or, of several, with the number before the suffix."""
    output = Path(output)
    return [output] if count == 1 else [output.with_name(f"{output.stem}-{i + 1}.npz") for i in range(count)]


class _Record:
    """The networks and the record of a training, written as targets are done."""

    def __init__(self, arguments, network, tensors, held, trainer, accuracy):
        self.network, self.trainer, self.accuracy, self.path = network, trainer, accuracy, arguments.json
        self.files = _names(arguments.output, len(trainer.targets))
        self.images = read_examples(arguments.test, network) if arguments.test else held
        self.weights = sum(math.prod(shape) for shape in network.weights.values())
        used = {f"{name}.{kind}": tensors[f"{name}.{kind}"] for name in network.weights for kind in ("weight", "bias")}
        self.whole = {"title": f"{network.name}, trained", "measured_on": "test" if arguments.test else "validation",
                      "images": len(self.images[1]), "weights": self.weights,
                      "settings": asdict(trainer.settings) | {"training_images": len(trainer.train[1]),
                                                              "validation_images": len(held[1])},
                      "float": {"accuracy": accuracy(network, used, *self.images),
                                "validation": accuracy(network, used, *held),
                                "bytes": 4 * sum(array.size for array in used.values())}, "points": []}

    def add(self, number, point):
        """Write the network of a target and what is known so far; say it in a line."""
        found = self.accuracy(self.network, point.floats(), *self.images)
        figures = _figures(point, found, len(self.images[1]), self.weights)
        self.whole["points"].append(figures)
        write_npz(self.files[number], point.tensors)
        if self.path:
            with atomic_write(self.path, "w") as file:
                file.write(json.dumps(self.whole, indent=1) + "\n")
        missed = "" if point.reached else f", not the {point.target_bytes:.0f} wanted: the least that was reached"
        print(f"{self.files[number]}: {point.bytes} bytes, {figures['bits_per_weight']:.3f} bits per weight{missed}; "
              f"{self.whole['measured_on']} accuracy {found:.4f}, float {self.whole['float']['accuracy']:.4f}; "
              f"{point.minutes:.1f} minutes", flush=True)


def main():
    """The command."""
    arguments = _arguments()
    network = find_network(arguments.network)
    tensors = read_tensors(arguments.weights)
    network.check(tensors)
    images, labels, *held = _data(arguments, network)
    objective, training = _library()
    given = {each.name: getattr(arguments, each.name) for each in fields(objective.Settings)}
    settings = objective.Settings(**{name: value for name, value in given.items() if value is not None})
    weights = sum(math.prod(shape) for shape in network.weights.values())
    trainer = training.Trainer(network, tensors, images, labels, *held, _targets(arguments, weights), settings,
                               arguments.checkpoint, read_tensors(arguments.start) if arguments.start else None)
    record = _Record(arguments, network, tensors, held, trainer, training.accuracy)
    if arguments.resume:
        trainer.resume()
        for number, point in enumerate(trainer.points):
            record.add(number, point)
    trainer.run(record.add, progress=True)


if __name__ == "__main__":
    run(main, "golden.train")
