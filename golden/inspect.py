"""The command that says what a ``.tsy`` file holds and costs. It decodes the whole file, so it checks it as well."""

import json
from dataclasses import asdict

from tqdm import tqdm

from .cli import OneLineParser, naming, read_bytes, run
from .codec import MAX_WEIGHTS, decode_each
from .container import unpack
from .figures import report
from .selection import spans_in_file

__all__ = ["main"]


def _number(value, form):
    return "-" if value is None else format(value, form)


def _print_layers(layers):
    width = max(len("layer"), *(len(layer["name"]) for layer in layers))
    print(f"{'layer':{width}}    weights  bins   M  s  table  weights/token  entropy    coded  excess %")
    for layer in layers:
        print(f"{layer['name']:{width}}  {layer['weights']:9}  {_number(layer.get('bins'), '4'):>4}  "
              f"{_number(layer.get('max_run'), '2'):>2}  {_number(layer.get('raw_bits'), ''):>1}  "
              f"{_number(layer.get('table'), '5'):>5}  {_number(layer.get('weights_per_token'), '13.2f'):>13}  "
              f"{_number(layer.get('entropy'), '7.4f'):>7}  {layer['coded_bits_per_weight']:7.4f}  "
              f"{_number(layer['coded_excess_percent'], '8.3f'):>8}")


def _print(file, figures):
    configuration, total = figures["configuration"], figures["total"]
    print(f"{file}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in configuration.items()))
    _print_layers(figures["layers"])
    for name, title in (("coded", "tokens"), ("words", "words"), ("stream", "header and words"),
                        ("file", "file without raw arrays")):
        print(f"{title}: {total[f'{name}_bits']} bits, {total[f'{name}_bits_per_weight']:.4f} per weight, excess over "
              f"the entropy of {total['entropy']:.4f}: {_number(total[f'{name}_excess_percent'], '.3f')} %")
    print(f"bytes: header {total['header_bytes']} (of it {len(figures['tables'])} tables {total['table_bytes']:g}), "
          f"words {total['words_bytes']}, tail {total['tail_bytes']} (of it raw arrays {total['raw_bytes']}), "
          f"file {total['file_bytes']}")
    print(f"{total['weights']} weights in {total['segments']} segments and {total['spans']} spans, "
          f"{total['ratio_to_float32']:.2f} times smaller than float32")


def _print_spans(spans):
    print("span  segment  segments    weights     offset      bytes")
    for number, span in enumerate(spans):
        print(f"{number:4}  {span['segment']:7}  {span['segments']:8}  {span['weights']:9}  {span['offset']:9}  "
              f"{span['size']:9}")


def main():
    """The command."""
    parser = OneLineParser(prog="golden.inspect", description="Say what an encoded network holds, layer by layer, and "
                           "check all of it. Entropy and coded size are in bits per weight, M is the max run, s the "
                           "raw bits.")
    parser.add_argument("file", help="encoded network, .tsy")
    parser.add_argument("--max-weights", type=int, default=MAX_WEIGHTS, metavar="COUNT",
                        help=f"refuse a file that holds more (default: {MAX_WEIGHTS})")
    parser.add_argument("--spans", action="store_true", help="list the spans, too: what a decoder can be asked for, "
                        "and where its words are in the file")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    arguments = parser.parse_args()
    with naming(arguments.file):
        stream, directory = unpack(read_bytes(arguments.file))
        figures = report(stream, directory, tqdm(decode_each(stream, arguments.max_weights), "decode",
                                                 len(stream.segments), unit="segment", disable=None))
    if arguments.spans:
        figures["spans"] = [asdict(span) for span in spans_in_file(stream)]
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        _print(arguments.file, figures)
        if arguments.spans:
            _print_spans(figures["spans"])


if __name__ == "__main__":
    run(main, "golden.inspect")
