"""Record of mixed precision on ResNet-8: accuracy against the bytes of the whole file, for several lambdas.

Run by hand: ``python -m tests.bench_mixed DATA --record docs/records/resnet8-mixed.json``. Everything is chosen on
training images: some calibrate, the others are held out and measured on, with their labels and without. With
``--test LAMBDA`` one point is measured on the test images besides.
"""

import argparse
import json
import sys
from pathlib import Path

from golden.cli import atomic_write
from golden.formats import read_tensors, write_npz
from golden.frontend.allocation import Allocator, Method
from golden.frontend.description import find_network
from golden.frontend.forward import accuracy
from golden.frontend.images import read_labelled, split
from golden.frontend.measure import Labelled
from golden.frontend.targets import Judge
from golden.network import encode_network
from golden.rules import dequantize


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("data", type=Path, help="folder of resnet8.npz, cifar10_train25k.npz and cifar10_test.npz")
    add("--lambdas", type=float, nargs="+", default=[1.5e-6, 2.2e-6, 3.6e-6, 5e-6, 8e-6, 1.1e-5, 2.5e-5])
    add("--repair", type=int, default=40, help="steps after each stage")
    add("--images", type=int, default=4000, help="to calibrate with")
    add("--held-out", type=int, default=8000, help="others to measure on")
    add("--biases", choices=("half", "byte"), default="half", help="float16, or 255 bins that are coded like weights")
    add("--search", type=int, default=0, help="rounds of the search for better tables")
    add("--test", type=float, nargs="*", default=[], metavar="LAMBDA", help="points to measure on the test images")
    add("--record", type=Path, help="JSON file of the record")
    add("--folder", type=Path, help="where the quantized networks are put, LAMBDA.npz")
    return parser.parse_args()


def point(allocator, judge, options, rate_weight, folder):
    """Quantize, encode and measure: figures, and the tensors."""
    outcome = judge(allocator.at(rate_weight))
    tensors, seen, alike = outcome.allocation.tensors, outcome.accuracy, outcome.likeness
    if folder is not None:
        write_npz(folder / f"{rate_weight:g}.npz", tensors)
    return {"bytes": len(encode_network(tensors, **options)), "bits_per_weight": outcome.stream_bits,
            "accuracy": seen.after, "standard_error": seen.after_error, "label": f"lambda {rate_weight:g}",
            "lambda": rate_weight, "drop": seen.drop, "drop_error": seen.drop_error, "predicted_drop": alike.drop,
            "predicted_drop_error": alike.drop_error, "agreement": alike.agreement, "divergence": alike.divergence,
            "layers": list(outcome.allocation.layers)}, tensors


def main():
    """The command."""
    chosen = arguments()
    network, floats = find_network("resnet8"), read_tensors(chosen.data / "resnet8.npz")
    images, labels = read_labelled(chosen.data / "cifar10_train25k.npz")
    used, others = split(len(images), chosen.images, chosen.held_out)
    held, held_labels = images[others], labels[others]
    options = {"search_rounds": chosen.search} if chosen.search else {}
    method = Method(repair=chosen.repair, half_biases=chosen.biases == "half", byte_biases=chosen.biases == "byte")
    allocator = Allocator(floats, network, images[used], method, progress=True)
    judge = Judge(network, floats, held, Labelled(network, floats, held, held_labels), options)
    record = {"title": f"without training: mixed precision, on {len(others):,} held-out training images",
              "images": len(used), "held_out": len(others), "repair": chosen.repair, "biases": chosen.biases,
              "float": {"accuracy": accuracy(network, floats, held, held_labels),
                        "bytes": 4 * sum(array.size for array in floats.values())}, "points": []}
    for rate_weight in chosen.lambdas:
        row, tensors = point(allocator, judge, options, rate_weight, chosen.folder)
        if rate_weight in chosen.test:
            test = Labelled(network, floats, *read_labelled(chosen.data / "cifar10_test.npz"))
            row["test"] = test(dequantize(tensors))._asdict()
        record["points"].append(row)
        print(json.dumps({key: value for key, value in row.items() if key != "layers"}), file=sys.stderr, flush=True)
        if chosen.record:
            with atomic_write(chosen.record, "w") as file:
                file.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
