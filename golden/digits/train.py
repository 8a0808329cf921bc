"""Train the embedded network: first in float, then with its weights rounded to their bins in every forward pass.

The second phase fixes the steps by squared error and lets the gradient pass through the rounding as if it were not
there ("straight-through"), with a pull of the weights towards zero (L1) that empties the bins of the ternary layer.
Images are shifted by up to one pixel while training. They are those that ship with scikit-learn (extra ``digits``).
Seeded: the same machine writes the same bytes; another BLAS rounds differently, and accuracies are within one point.
"""

import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..cli import OneLineParser, atomic_write, run
from ..errors import InputError
from ..formats import write_npz
from ..zeropoint import best_step, entropy_bits, round_to_bins
from . import accuracy
from .network import LAYERS, gradients, initial

__all__ = ["SEED", "split", "train"]

SEED = 7
TEST_IMAGES = 360
BATCH = 64
FLOAT_EPOCHS = 60
QUANTIZED_EPOCHS = 120
FLOAT_RATE = 3e-3
QUANTIZED_RATE = 2e-3
#: Pull towards zero, per update, in steps of the layer and parts of the learning rate.
PULL = {"conv2": 1.5, "conv3": 0.8, "dense": 0.3}


def split(seed: int = SEED) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The digits of scikit-learn in two parts: training images and labels, test images and labels.

    Parameters
    ----------
    seed : int
        Of the permutation whose first 360 images are the test images.

    Returns
    -------
    images : ndarray of float32, shapes (1437, 8, 8) and (360, 8, 8)
        Pixels 0 to 1.
    labels : ndarray of int64, shapes (1437,) and (360,)

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
    images = (digits.images / 16).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(images))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return images[train], digits.target[train], images[test], digits.target[test]


class Adam:
    """Adam (D. Kingma, J. Ba, 2014, algorithm 1) over a dict of arrays, which it changes in place."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.mean = {name: np.zeros_like(array) for name, array in tensors.items()}
        self.square = {name: np.zeros_like(array) for name, array in tensors.items()}
        self.count = 0

    def update(self, slopes, rate):
        """One step against the slopes, with the learning rate ``rate``."""
        self.count += 1
        rate = np.float32(rate * np.sqrt(1 - 0.999 ** self.count) / (1 - 0.9 ** self.count))
        for name, slope in slopes.items():
            self.mean[name] += np.float32(0.1) * (slope - self.mean[name])
            self.square[name] += np.float32(0.001) * (slope * slope - self.square[name])
            self.tensors[name] -= rate * self.mean[name] / (np.sqrt(self.square[name]) + np.float32(1e-8))


def train(seed: int = SEED) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict]:
    """Train the network in both phases.

    Parameters
    ----------
    seed : int
        Of the split, the first weights and the order of the images.

    Returns
    -------
    quantized, floats : dict of str to ndarray
        The network as `golden.digits.load` hands it out, after and before quantization.
    record : dict
        Seed, split, accuracies on the test images, layers.

    Raises
    ------
    InputError
        If scikit-learn is missing.
    """
    images, labels, test_images, test_labels = split(seed)
    generator = np.random.default_rng(seed)
    tensors = initial(generator)
    epochs = FLOAT_EPOCHS + QUANTIZED_EPOCHS
    with tqdm(total=epochs, desc="train", unit="epoch", disable=None) as bar:
        _float_phase(tensors, images, labels, generator, bar)
        floats = {name: array.copy() for name, array in tensors.items()}
        steps = {layer.name: np.float32(best_step(tensors[f"{layer.name}.weight"], layer.bins)) for layer in LAYERS}
        _quantized_phase(tensors, steps, images, labels, generator, bar)
    quantized = {}
    for layer in LAYERS:
        name = f"{layer.name}.weight"
        quantized[name] = round_to_bins(tensors[name], steps[layer.name], layer.bins // 2)
        quantized[f"{name}.scale"] = steps[layer.name].reshape(())
        quantized[f"{layer.name}.bias"] = tensors[f"{layer.name}.bias"]
    record = {
        "data": "scikit-learn load_digits", "seed": seed,
        "split": {"train": len(labels), "test": len(test_labels)},
        "test_accuracy": {"float": accuracy(floats, test_images, test_labels),
                          "quantized": accuracy(quantized, test_images, test_labels)},
        "layers": [_describe(layer, quantized[f"{layer.name}.weight"]) for layer in LAYERS]}
    return quantized, floats, record


def _float_phase(tensors, images, labels, generator, bar):
    adam = Adam(tensors)
    for epoch in range(FLOAT_EPOCHS):
        rate = FLOAT_RATE * _cosine(epoch, FLOAT_EPOCHS)
        for batch_images, batch_labels in _batches(images, labels, generator):
            adam.update(gradients(tensors, batch_images, batch_labels)[1], rate)
        bar.update()


def _quantized_phase(tensors, steps, images, labels, generator, bar):
    adam = Adam(tensors)
    for epoch in range(QUANTIZED_EPOCHS):
        rate = QUANTIZED_RATE * _cosine(epoch, QUANTIZED_EPOCHS)
        for batch_images, batch_labels in _batches(images, labels, generator):
            adam.update(gradients(_rounded(tensors, steps), batch_images, batch_labels)[1], rate)
            for layer in LAYERS:
                weight, step = tensors[f"{layer.name}.weight"], steps[layer.name]
                pull = np.float32(PULL.get(layer.name, 0) * rate) * step
                weight -= np.clip(weight, -pull, pull)
                reach = step * np.float32(layer.bins / 2)
                np.clip(weight, -reach, reach, out=weight)
        bar.update()


def _rounded(tensors, steps):
    """The network with its weights rounded to their bins."""
    rounded = dict(tensors)
    for layer in LAYERS:
        name, step = f"{layer.name}.weight", steps[layer.name]
        rounded[name] = round_to_bins(tensors[name], step, layer.bins // 2) * step
    return rounded


def _batches(images, labels, generator):
    """Batches of one epoch in random order, each image shifted by -1, 0 or 1 pixel either way."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    shifts = generator.integers(0, 3, (len(images), 2))
    rows = shifts[:, :1] + np.arange(8)
    columns = shifts[:, 1:] + np.arange(8)
    shifted = padded[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]
    order = generator.permutation(len(images))
    for begin in range(0, len(order), BATCH):
        chosen = order[begin:begin + BATCH]
        yield shifted[chosen], labels[chosen]


def _cosine(epoch, epochs):
    return 0.5 * (1 + np.cos(np.pi * epoch / epochs))


def _describe(layer, q):
    return {"name": layer.name, "shape": list(layer.shape), "weights": q.size, "bins": layer.bins,
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
    quantized, floats, record = train(arguments.seed)
    write_npz(output, quantized)
    write_npz(output.with_name("float.npz"), floats)
    with atomic_write(output.with_suffix(".json"), "w") as file:
        file.write(json.dumps(record, indent=2) + "\n")
    for layer in record["layers"]:
        print(f"{layer['name']}: {layer['weights']} weights, {layer['bins']} bins, {100 * layer['zeros']:.1f} % zeros, "
              f"{layer['entropy_bits']:.3f} bits per weight")
    before, after = (100 * record["test_accuracy"][name] for name in ("float", "quantized"))
    print(f"test accuracy: {before:.2f} % before, {after:.2f} % after quantization")


if __name__ == "__main__":
    run(main, "golden.digits.train")
