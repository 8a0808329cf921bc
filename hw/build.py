# amaranth: UnusedElaboratable=no
"""``python -m hw.build``: a network in, the Verilog of its decoder and its compressed stream out."""

import json
import platform
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from amaranth.hdl import Value

from golden import digits
from golden.cli import OneLineParser, atomic_write, naming, read_bytes, run
from golden.config import Config, TableMemory, TableStyle
from golden.container import pack, stream_bytes, unpack
from golden.cycles import simulate
from golden.errors import ConfigError, InputError
from golden.formats import read_tensors
from golden.header import VERSION
from golden.network import encode_stream
from golden.options import add_plan_options, plan_options
from golden.rules import Rules, quantize_network
from golden.stream import Stream, words_of

from .axis import AxisDecoder
from .contents import contents_of, count_bits_of, rom_config
from .decoder import MAX_TABLE_LOG
from .errors import ErrorCode
from .options import add_decoder_options, decoder_options, default_ring, family_of, rooms_of, spare_words
from .registers import c_header, python_constants
from .shell import SHELLS, ShellDecoder
from .verilog import verilog_of, yosys_version

__all__ = ["add_build_options", "build", "build_from", "check_room", "main", "ports_of", "summary", "write_files"]

TOP = "decoder"


def build(config: Config, stream: Stream | None, out, target: str | None = None, shell: str | None = None) -> dict:
    """Write ``decoder.v`` and ``manifest.json``, with a stream ``stream.hex``, with a shell its constants.

    Parameters
    ----------
    config : Config
        The decoder's. Of style ROM its room for everything is made that of the stream.
    stream : Stream or None
        Must be given for style ROM.
    out : path
        A folder, made if it is not there.
    target : str or None
        See `Decoder`.
    shell : str or None
        One of `SHELLS`: with a register file. ``None``: AXI4-Stream alone.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    ConfigError
        If there can be no such decoder, or it cannot decode the stream.
    InputError
        If the folder cannot be written.
    """
    contents = None
    if config.table_style is TableStyle.ROM:
        if stream is None:
            raise ConfigError("a decoder with tables in ROM must be given the stream it is for")
        config, contents = rom_config(stream, config), contents_of(stream)
    config = replace(config, select=config.select or shell is not None)
    if stream is not None:
        check_room(config, stream)
    component = (AxisDecoder(config, contents, target) if shell is None
                 else ShellDecoder(config, shell, contents, target))
    files = {"decoder.v": verilog_of(component, TOP)}
    manifest = {
        "top": TOP,
        "format_version": VERSION,
        "config": config.as_dict(),
        "target": target,
        "ports": ports_of(component),
        "errors": {code.name: code.value for code in ErrorCode},
        "versions": {"tansy": _version("tansy"), "amaranth": _version("amaranth"), "yosys": yosys_version(),
                     "python": platform.python_version()},
    }
    if shell is not None:
        manifest["shell"] = shell
        files |= {"tansy.h": c_header(), "tansy.py": python_constants()}
    files["manifest.json"] = json.dumps(manifest, indent=2) + "\n"
    if stream is not None:
        files["stream.hex"] = _hex(stream)
    write_files(out, files)
    return manifest


def write_files(out, files: dict) -> None:
    """Write files into a folder, each whole or not at all, the folder made if it is not there."""
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from None
    for name, content in files.items():
        with atomic_write(out / name) as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def check_room(config, stream):
    """Raise `ConfigError` if a decoder of this configuration does not take the stream: the rules of its preamble."""
    made = stream.config
    for name, label in (("lanes", "lanes"), ("vector", "weights per lane and beat"), ("word_bits", "word bits"),
                        ("preload", "preload"), ("table_log", "table log")):
        if getattr(made, name) != getattr(config, name):
            raise ConfigError(f"the stream was made for {label} {getattr(made, name)}, not {getattr(config, name)}")
    for label, needed, room in (("max run", made.max_run, config.max_run),
                                ("raw bits", made.raw_bits, config.raw_bits), ("bins", made.bins, config.bins),
                                ("max tables", len(stream.tables), config.max_tables),
                                ("max segments", len(stream.segments), config.max_segments),
                                ("count bits", count_bits_of(stream), config.count_bits)):
        if needed > room:
            raise ConfigError(f"{label} must be at least {needed} for this stream, not {room}")


def ports_of(component) -> list[dict]:
    """Name, direction and width of each port of the Verilog."""
    ports = [{"name": "clk", "direction": "input", "width": 1}, {"name": "rst", "direction": "input", "width": 1}]
    for (name,), member, value in component.signature.flatten(component):
        direction = "input" if member.flow.name == "In" else "output"
        ports.append({"name": name, "direction": direction, "width": len(Value.cast(value))})
    return ports


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _hex(stream):
    """One word per line, for ``$readmemh``."""
    bits = stream.config.word_bits
    return "".join(f"{word:0{bits // 4}x}\n" for word in words_of(stream_bytes(stream), bits))


def summary(stream: Stream, config: Config) -> dict:
    """The figures of a stream in a decoder: size, ratios, and speed by the cycle model."""
    timing = simulate(stream, config)
    weights = stream.weights
    bits = 8 * len(stream_bytes(stream))
    plain = sum(segment.weights * (2 * stream.tables[segment.table].alphabet.half).bit_length()
                for segment in stream.segments)
    cycles = timing.end - timing.causes["header"]
    return {
        "weights": weights,
        "segments": len(stream.segments),
        "tables": len(stream.tables),
        "stream_bytes": bits // 8,
        "bits_per_weight": bits / weights,
        "ratio_to_float32": 32 * weights / bits,
        "ratio_to_plain_packing": plain / bits,
        "header_cycles": timing.causes["header"],
        "decoding_cycles": cycles,
        "weights_per_cycle": weights / cycles,
    }


def _network(args):
    """The tensors to encode."""
    if args.weights is None:
        return digits.load()
    tensors = read_tensors(args.weights)
    return quantize_network(tensors, Rules(bins=args.bins), progress=True)[0]


def _stream(args):
    """The stream, and the bytes of its file."""
    if args.stream is not None:
        data = read_bytes(args.stream)
        with naming(args.stream):
            stream = unpack(data)[0]
        for name, value in plan_options(args).items():
            made = getattr(stream.config, name, value)
            if made != value:
                raise ConfigError(f"{args.stream} was made with {name.replace('_', ' ')} {made}, not {value}")
        return stream, data
    memory = TableMemory(args.memory)
    options = plan_options(args)
    ring = args.ring or default_ring(options.get("lanes", Config().lanes), memory)
    stream, directory = encode_stream(_network(args), table_log_limit=MAX_TABLE_LOG[memory], spare=spare_words(ring),
                                      progress=True, **options)
    return stream, pack(stream, directory)


def add_build_options(parser) -> None:
    """Add the options that say which decoder to build, and for what; `build_from` takes them."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--stream", metavar="FILE", help="a .tsy file to build the decoder for")
    source.add_argument("--weights", metavar="FILE", help="a network, .npz or .safetensors: integers are coded as "
                        "they are, floats of two or more dimensions quantized (default: the embedded digits network)")
    parser.add_argument("--bins", type=int, default=15, help="bins for --weights of floats (default: %(default)s)")
    add_plan_options(parser)
    add_decoder_options(parser)


def build_from(args, out, target: str | None = None, shell: str | None = None) -> tuple[Stream, Config]:
    """Build what the options of `add_build_options` say, the stream beside it as ``net.tsy``.

    Parameters
    ----------
    args : Namespace
    out : path
    target : str or None
        See `Decoder`.
    shell : str or None
        See `build`.

    Returns
    -------
    tuple of (Stream, Config)
        The stream, and the configuration of the decoder.
    """
    if args.stream is None:
        decoder_options(args, Config.lanes if args.lanes is None else args.lanes)  # wrong ones show before the work
    stream, data = _stream(args)
    config = replace(stream.config, **decoder_options(args, stream.config.lanes), **rooms_of(args))
    config = Config.from_dict(build(config, stream, out, target, shell)["config"])
    write_files(out, {"net.tsy": data})
    return stream, config


def _arguments():
    parser = OneLineParser(prog="hw.build", description=__doc__.split(": ", 1)[1])
    add_build_options(parser)
    parser.add_argument("--target", metavar="NAME", help="family or device whose block RAM primitives are to be used: "
                        "ecp5, ice40, gowin, or a target of hw.synth (default: what any tool knows)")
    parser.add_argument("--shell", choices=list(SHELLS), help="a register file beside the decoder, on this bus "
                        "(default: none, AXI4-Stream alone)")
    parser.add_argument("-o", "--output", default="build", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser.parse_args()


def main():
    """The command."""
    args = _arguments()
    target = family_of(args.target)
    stream, config = build_from(args, args.output, target, args.shell)
    figures = summary(stream, config)
    print(json.dumps(figures) if args.json else _text(figures, config, target, args))


def _text(figures, config, target, args):
    constants = " tansy.h tansy.py" if args.shell else ""
    memory = "logic" if config.table_memory is TableMemory.LOGIC else f"block RAM of {target or 'any family'}"
    return "\n".join([
        f"decoder          {config.lanes} lanes x {config.vector} weights, {config.word_bits}-bit words, R = "
        f"{config.table_log}, M = {config.max_run}",
        f"rings            {config.rings} of {config.ring}, tables of style {config.table_style.name} in {memory}",
        f"weights          {figures['weights']:,} in {figures['segments']} segments, {figures['tables']} tables",
        f"stream           {figures['stream_bytes']:,} bytes, {figures['bits_per_weight']:.3f} bits per weight",
        f"ratio            {figures['ratio_to_float32']:.2f} to float32, {figures['ratio_to_plain_packing']:.2f} "
        f"to plain packing",
        f"speed            {figures['weights_per_cycle']:.2f} weights per cycle expected, after "
        f"{figures['header_cycles']:,} cycles for the header",
        f"written          {args.output}/decoder.v manifest.json stream.hex net.tsy{constants}",
    ])


if __name__ == "__main__":
    run(main, "hw.build")
