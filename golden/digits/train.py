"""Train the embedded network: first in float, then to a file of less than one bit per weight by `golden.frontend`.

Images are shifted by up to one pixel while training. They are those that ship with scikit-learn (extra ``digits``); JAX
comes with the extra ``train``. Settings were chosen on images held out of the training images; the test images are
looked at once, for the record. Seeded: the same machine writes the same bytes; another one rounds differently, and
accuracies are within two points.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..cli import OneLineParser, atomic_write, run
from ..errors import InputError
from ..formats import write_npz
from ..frontend.batches import hold_out
from ..frontend.description import find_network
from ..zeropoint import entropy_bits
from . import accuracy

__all__ = ["SEED", "split", "train"]

SEED = 7
TEST_IMAGES = 360
HELD_IMAGES = 137
TARGET_BYTES = 1500
FLOAT = {"epochs": 200, "batch": 64, "rate": 5e-3, "shift": 1}
QUANTIZED = {"epochs": 250, "batch": 64, "rate": 2e-2, "step_rate": 8e-3, "shift": 1}


def split(seed: int = SEED) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The digits of scikit-learn in two parts: training images and labels, test images and labels.

    Parameters
    ----------
    seed : int
        Of the permutation whose first 360 images are the test images.

    Returns
    -------
    images : ndarray of uint8, shapes (1437, 8, 8) and (360, 8, 8)
        Pixels 0 to 16.
    labels : ndarray of int32, shapes (1437,) and (360,)

    Raises
    ------
    InputError
        If scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError("the digits images need an extra: pip install tansy[digits]") from None
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(images))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return images[train], labels[train], images[test], labels[test]


def train(seed: int = SEED, progress: bool = False) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict]:
    """Train the network in float, then to its size.

    Parameters
    ----------
    seed : int
        Of the split, the first weights and the order of the images.
    progress : bool
        Show bars where standard error is a terminal.

    Returns
    -------
    quantized, floats : dict of str to ndarray
        The network as `golden.digits.load` hands it out, after and before quantization.
    record : dict
        Seed, split, settings, accuracies on the test images, layers.

    Raises
    ------
    InputError
        If scikit-learn or JAX is missing.
    """
    images, labels, test_images, test_labels = split(seed)
    try:
        from ..frontend.jax_float import train_float
        from ..frontend.jax_objective import Settings
        from ..frontend.jax_trainer import Trainer
    except ImportError as error:
        raise InputError(f"training needs an extra, {error.name} is missing: pip install tansy[train]") from None
    network = find_network("digits")
    *kept, held_images, held_labels = hold_out(images[..., None], labels, HELD_IMAGES, seed)
    floats = train_float(network, *kept, Settings(**FLOAT, seed=seed), progress)
    settings = Settings(**QUANTIZED, seed=seed)
    trainer = Trainer(network, floats, *kept, held_images, held_labels, [TARGET_BYTES], settings)
    point, = trainer.run(progress=progress)
    record = {
        "data": "scikit-learn load_digits", "seed": seed,
        "split": {"train": len(kept[1]), "validation": len(held_labels), "test": len(test_labels)},
        "settings": {"float": FLOAT, "quantized": asdict(settings), "target_bytes": TARGET_BYTES},
        "bytes": point.bytes, "bits_per_weight": 8 * point.bytes / trainer.count,
        "test_accuracy": {"float": accuracy(floats, test_images, test_labels),
                          "quantized": accuracy(point.tensors, test_images, test_labels)},
        "validation_accuracy": {"float": accuracy(floats, held_images, held_labels), "quantized": point.validation},
        "layers": [_describe(name, point.tensors[f"{name}.weight"]) for name in network.weights]}
    return point.tensors, floats, record


def _describe(name, q):
    return {"name": name, "shape": list(q.shape), "weights": q.size, "bins": 2 * int(np.abs(q).max()) + 1,
            "zeros": float((q == 0).mean()), "entropy_bits": entropy_bits(q)}


def main():
    """The command."""
    parser = OneLineParser(prog="golden.digits.train", description="Train the embedded digits network. Writes the "
                           "quantized network; beside it a record (same name, .json) and the float network, float.npz.")
    parser.add_argument("-o", "--output", required=True, help="quantized network, .npz")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default: {SEED}")
    arguments = parser.parse_args()
    if arguments.seed < 0:
        parser.error(f"seed must not be below 0, not {arguments.seed}")
    output = Path(arguments.output)
    if output.suffix != ".npz" or output.name == "float.npz":
        parser.error(f"output must be a file .npz other than float.npz, not {output}")
    quantized, floats, record = train(arguments.seed, progress=True)
    write_npz(output, quantized)
    write_npz(output.with_name("float.npz"), floats)
    with atomic_write(output.with_suffix(".json"), "w") as file:
        file.write(json.dumps(record, indent=2) + "\n")
    for layer in record["layers"]:
        print(f"{layer['name']}: {layer['weights']} weights, {layer['bins']} bins, {100 * layer['zeros']:.1f} % zeros, "
              f"{layer['entropy_bits']:.3f} bits per weight")
    before, after = (100 * record["test_accuracy"][name] for name in ("float", "quantized"))
    print(f"encoded: {record['bytes']} bytes, {record['bits_per_weight']:.3f} bits per weight, all in")
    print(f"test accuracy: {before:.2f} % before, {after:.2f} % after quantization")


if __name__ == "__main__":
    run(main, "golden.digits.train")
