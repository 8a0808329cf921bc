"""``python -m hw.registers``: the register map as Markdown, a C header and Python constants."""

from golden.cli import OneLineParser, run

from .errors import ErrorCode
from .register_map import REGISTERS

__all__ = ["c_header", "main", "markdown", "python_constants"]

NOTE = "Written by python -m hw.registers."


def markdown() -> str:
    """The page of docs/."""
    lines = ["# Registers", "", f"{NOTE} Offsets are in bytes, registers have 32 bits. What is not listed reads as 0.",
             "", "| offset | register | access | meaning |", "|---|---|---|---|"]
    lines += [f"| 0x{register.offset:02X} | `{register.name}` | {register.access} | {register.meaning} |"
              for register in REGISTERS]
    lines += ["", "| register | bit | field | meaning |", "|---|---|---|---|"]
    lines += [f"| `{register.name}` | {field.low} | `{field.name}` | {field.meaning} |"
              for register in REGISTERS for field in register.fields]
    lines += ["", "`ERROR` holds the codes of [architecture.md](architecture.md#how-to-use-it). What a start wants",
              "from the input is told in [shells.md](shells.md)."]
    return "\n".join(lines) + "\n"


def _constants():
    """(name, number, meaning) of each constant."""
    for register in REGISTERS:
        yield register.name, register.offset, register.meaning
        for field in register.fields:
            mask = ((1 << field.width) - 1) << field.low
            yield f"{register.name}_{field.name}", mask, f"bit of {register.name}: {field.meaning}"
    for code in ErrorCode:
        yield f"ERROR_{code.name}", code.value, "value of ERROR"


def c_header() -> str:
    """Constants for C: offsets, masks of fields, error codes."""
    lines = [f"/* {NOTE} */", "#ifndef TANSY_H", "#define TANSY_H", ""]
    lines += [f"#define TANSY_{name} 0x{number:02X}u /* {meaning} */" for name, number, meaning in _constants()]
    return "\n".join([*lines, "", "#endif"]) + "\n"


def python_constants() -> str:
    """The same for Python."""
    lines = [f'"""Registers of the decoder: offsets, masks of fields, error codes. {NOTE}"""', ""]
    lines += [f"{name} = 0x{number:02X}" for name, number, _ in _constants()]
    return "\n".join(lines) + "\n"


def main():
    """The command."""
    from .build import write_files  # hw.build writes these files, too

    parser = OneLineParser(prog="hw.registers", description=__doc__.split(": ", 1)[1])
    parser.add_argument("-o", "--output", default="docs", metavar="FOLDER", help="default: %(default)s")
    args = parser.parse_args()
    write_files(args.output, {"registers.md": markdown(), "tansy.h": c_header(), "tansy.py": python_constants()})


if __name__ == "__main__":
    run(main, "hw.registers")
