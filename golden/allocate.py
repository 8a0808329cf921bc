"""The command that chooses bins and steps of every layer for a size or for a loss: mixed precision after training.

The mathematics is in ``golden/frontend``: sensitivity, rounding, allocation, targets.
"""

import json

from .cli import OneLineParser, run
from .container import pack
from .formats import read_tensors, write_npz
from .frontend.allocation import Allocator, Method
from .frontend.description import find_network
from .frontend.images import read_images, read_labelled, split
from .frontend.measure import Labelled
from .frontend.sensitivity import DISTORTIONS
from .frontend.targets import Judge, Target, reach
from .network import encode_stream
from .options import add_plan_options, plan_options
from .rules import dequantize

__all__ = ["main"]


def _arguments():
    parser = OneLineParser(prog="golden.allocate", description="Quantize a float network with the bins and the step of "
                           "each layer chosen together: the smallest code for a loss, the least loss for a size. With "
                           "calibration images, which need no labels, loss is what the network's scores change by.")
    add = parser.add_argument
    add("weights", help="float network, .npz or .safetensors")
    add("-o", "--output", required=True, help="quantized network, .npz")
    add("--network", metavar="NAME", help="its description: a file .json, or a name that ships with Tansy")
    add("--target-bits", type=float, metavar="B", help="at most so many bits per weight, header and tables included")
    add("--max-drop", type=float, metavar="D", help="at most so much loss of accuracy: 0.01 is one point")
    add("--lambda", type=float, dest="rate_weight", metavar="X", help="what one bit may cost, in units of loss")
    add("--calibration", metavar="DATA", help="images without labels: a file .npz with an array x")
    add("--images", type=int, default=1000, metavar="K", help="calibrate with so many of them (default: 1000)")
    add("--held-out", type=int, default=4000, metavar="K", help="predict the drop on so many others (default: 4000)")
    add("--evaluate", metavar="DATA", help="images with labels to measure the drop on: a file .npz, arrays x and y")
    add("--distortion", choices=DISTORTIONS, help="what counts as loss (default: fisher with images, else weights)")
    add("--repair", type=int, default=0, metavar="STEPS",
        help="gradient steps after each of up to five stages: what is still float makes up for the rest (default: 0)")
    add("--no-bias-correction", action="store_true", help="leave biases as rounding moved them")
    biases = parser.add_mutually_exclusive_group()
    biases.add_argument("--half-biases", action="store_true", help="biases as float16")
    biases.add_argument("--byte-biases", action="store_true", help="biases of 255 bins, coded like weights")
    add("--seed", type=int, default=0, help="of all that is drawn at random (default: 0)")
    add_plan_options(parser)
    add("--json", action="store_true", help="report as JSON")
    arguments = parser.parse_args()
    if not arguments.output.endswith(".npz"):
        parser.error(f"output must be a file .npz, not {arguments.output}")
    for name in ("calibration", "evaluate"):
        if getattr(arguments, name) and not arguments.network:
            parser.error(f"{name} must come with the description of the network: --network NAME")
    if arguments.distortion in ("activations", "fisher") and not arguments.calibration:
        parser.error(f"distortion {arguments.distortion} must come with images: --calibration DATA")
    return arguments


def _images(arguments):
    """Images to calibrate with, and those held out."""
    if not arguments.calibration:
        return None, None
    images = read_images(arguments.calibration)
    used, others = split(len(images), arguments.images, arguments.held_out, arguments.seed)
    return images[used], images[others]


def _evaluation(arguments, network, floats):
    """What measures tensors on labelled images, or ``None``."""
    return Labelled(network, floats, *read_labelled(arguments.evaluate)) if arguments.evaluate else None


def _report(arguments, outcome):
    stream, directory = encode_stream(outcome.allocation.tensors, **plan_options(arguments))
    size, weights = len(pack(stream, directory)), outcome.allocation.weights
    floats = sum(array.size for name, array in outcome.allocation.tensors.items() if not name.endswith(".scale"))
    return {"layers": list(outcome.allocation.layers), "lambda": outcome.allocation.rate_weight, "weights": weights,
            "repaired": outcome.allocation.repaired,
            "entropy_bits": outcome.allocation.entropy_bits, "stream_bits_per_weight": outcome.stream_bits,
            "file_bytes": size, "ratio_weights": 32 / outcome.stream_bits, "ratio_file": 4 * floats / size,
            "held_out": outcome.likeness and outcome.likeness._asdict(),
            "evaluation": outcome.accuracy and outcome.accuracy._asdict()}


def _print(report, output, repair):
    width = max([len("layer"), *(len(row["name"]) for row in report["layers"])])
    print(f"{'layer':{width}}  {'weights':>9}  bins  {'step':>10}  bits/weight  {'loss':>9}")
    for row in report["layers"]:
        print(f"{row['name']:{width}}  {row['weights']:9}  {row['bins']:4}  {row['step']:10.4g}  {row['bits']:11.3f}  "
              f"{row['loss']:9.3g}")
    print(f"{'all':{width}}  {report['weights']:9}  {'':16}  {report['entropy_bits']:11.3f}  "
          f"{sum(row['loss'] for row in report['layers']):9.3g}")
    print(f"lambda {report['lambda']:.4g}; stream {report['stream_bits_per_weight']:.3f} bits per weight, "
          f"{report['ratio_weights']:.2f} times smaller than float32; file {report['file_bytes']} bytes, "
          f"{report['ratio_file']:.2f} times smaller with biases")
    held, seen = report["held_out"], report["evaluation"]
    if repair and not report["repaired"]:
        print("repair left out: on the held-out images the network is nearer to the float one without")
    if held:
        print(f"on {held['images']} held-out images: same answer as the float network on "
              f"{_percent(held, 'agreement')}; predicted drop {100 * held['drop']:.2f} points (standard error "
              f"{100 * held['drop_error']:.2f}); divergence {held['divergence']:.4f}")
    if seen:
        print(f"on {seen['images']} images with labels: accuracy {100 * seen['before']:.2f} % before, "
              f"{100 * seen['after']:.2f} % after; drop {100 * seen['drop']:.2f} points (standard error "
              f"{100 * seen['drop_error']:.2f})")
    print(f"{output}: written")


def _percent(figures, name):
    return f"{100 * figures[name]:.2f} % (standard error {100 * figures[f'{name}_error']:.2f})"


def main():
    """The command."""
    arguments = _arguments()
    target = Target(arguments.target_bits, arguments.max_drop, arguments.rate_weight)
    method = Method(arguments.distortion or ("fisher" if arguments.calibration else "weights"), arguments.repair,
                    bias_correction=not arguments.no_bias_correction, byte_biases=arguments.byte_biases,
                    half_biases=arguments.half_biases, seed=arguments.seed)
    options = plan_options(arguments)
    tensors = read_tensors(arguments.weights)
    network = find_network(arguments.network) if arguments.network else None
    used, others = _images(arguments)
    allocator = Allocator(tensors, network, used, method, progress=True)
    floats = dequantize(tensors)
    judge = Judge(network, floats, others, _evaluation(arguments, network, floats), options)
    outcome = reach(allocator, judge, target, bool(method.repair))
    report = _report(arguments, outcome)
    write_npz(arguments.output, outcome.allocation.tensors)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report, arguments.output, method.repair)


if __name__ == "__main__":
    run(main, "golden.allocate")
