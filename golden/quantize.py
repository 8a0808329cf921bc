"""The command that quantizes a network: a model in, integers and their scales out, a report of what that costs.

The rules it goes by are those of `golden.rules`, the mathematics is that of `golden.zeropoint`.
"""

import json

from .cli import OneLineParser, run
from .formats import write_npz
from .frontend.models import open_model
from .rules import Quantizer, Rules, decide

__all__ = ["main"]


def _pair(text):
    name, equals, number = text.rpartition("=")
    if not equals or not name:
        raise ValueError
    return name, int(number)


_pair.__name__ = "PATTERN=NUMBER"  # What argparse calls it in its complaint.


def _arguments():
    parser = OneLineParser(prog="golden.quantize", description="Quantize the weights of a network: zero exact, an odd "
                           "number of bins. Writes for each layer NAME an int8 array and a float32 array NAME.scale.")
    parser.add_argument("model", help="network: .npz, .safetensors, .onnx or .tflite")
    parser.add_argument("-o", "--output", help="quantized network, .npz")
    parser.add_argument("--bins", type=int, default=15, help="odd number of bins, 3 to 255 (default: 15)")
    parser.add_argument("--bins-for", type=_pair, action="append", default=[], metavar="PATTERN=BINS",
                        help="bins of the layers that match; the last match counts")
    parser.add_argument("--lambda", type=float, default=0.0, dest="rate_weight", metavar="X",
                        help="minimise mean squared error / mean square + X * entropy in bits (default: 0)")
    parser.add_argument("--per", choices=("tensor", "channel"), default="tensor",
                        help="one step per tensor (default) or per output channel")
    parser.add_argument("--axis", type=_pair, action="append", default=[], metavar="PATTERN=AXIS",
                        help="axis of the output channels, where it is not 0, or that of the graph")
    parser.add_argument("--include", action="append", default=[], metavar="PATTERN",
                        help="quantize these float arrays, whatever their dimensions or use")
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="pass these arrays raw")
    parser.add_argument("--no-fold", action="store_true", help="leave the batch normalizations of an ONNX graph")
    parser.add_argument("--list", action="store_true", help="show what would become of each array, write nothing")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    arguments = parser.parse_args()
    if not arguments.list and not arguments.output:
        parser.error("an output file must be given: -o FILE, or --list to write none")
    if arguments.output and not arguments.output.endswith(".npz"):
        parser.error(f"output must be a file .npz, not {arguments.output}")
    return arguments


def _print_decisions(decisions, tensors, as_json):
    if as_json:
        about = {name: {"shape": list(info.shape), "dtype": None if info.dtype is None else info.dtype.name}
                 for name, info in tensors.items()}
        print(json.dumps({name: decision._asdict() | about[name] for name, decision in decisions.items()}, indent=2))
        return
    for name, decision in decisions.items():
        bins = "" if decision.bins is None else f", {decision.bins} bins"
        axis = "" if decision.axis is None else f", a step per channel of axis {decision.axis}"
        print(f"{name}: {decision.action} ({decision.reason}{bins}{axis})")


def _summary(report):
    weights = sum(row["weights"] for row in report)
    bits = sum(row["weights"] * row["entropy_bits"] for row in report)
    return {"weights": weights, "entropy_bits": bits / weights if weights else 0.0}


def _print_report(report, raw, output):
    width = max([len("layer"), *(len(row["name"]) for row in report)])
    print(f"{'layer':{width}}  {'weights':>9}  bins  {'step':>10}  {'MSE':>9}  {'SNR dB':>6}  bits/weight")
    for row in report:
        low, high = row["step"]
        print(f"{row['name']:{width}}  {row['weights']:9}  {row['bins'] or '-':>4}  "
              f"{f'{low:.4g}' if low == high else f'<={high:.3g}':>10}  {_number(row['mse'], '.3g'):>9}  "
              f"{_number(row['snr_db'], '.1f'):>6}  {row['entropy_bits']:11.3f}")
    total = _summary(report)
    print(f"{'all':{width}}  {total['weights']:9}  {'':39}{total['entropy_bits']:11.3f}")
    for row in raw:
        if row["uncoded"]:
            print(f"{row['name']}: {row['action']} ({row['reason']})")
    print(f"{output}: written")


def _number(value, form):
    return "-" if value is None else format(value, form)


def main():
    """The command."""
    arguments = _arguments()
    rules = Rules(arguments.bins, tuple(arguments.bins_for), arguments.rate_weight, arguments.per == "channel",
                  tuple(arguments.axis), tuple(arguments.include), tuple(arguments.exclude))
    with open_model(arguments.model, fold=not arguments.no_fold) as model:
        if arguments.list:
            _print_decisions(decide(model, rules), model.tensors, arguments.json)
            return
        quantizer = Quantizer(model, rules, progress=True)
        write_npz(arguments.output, quantizer)
    if arguments.json:
        print(json.dumps({"layers": quantizer.report, "raw": quantizer.raw, **_summary(quantizer.report)}, indent=2))
    else:
        _print_report(quantizer.report, quantizer.raw, arguments.output)


if __name__ == "__main__":
    run(main, "golden.quantize")
