"""The options of commands that encode a network, the same in each; what is not given is left to `golden.plan.plan`."""

from .errors import ConfigError

__all__ = ["add_plan_options", "plan_options"]

NAMES = ("lanes", "vector", "word_bits", "preload", "table_log", "max_run", "raw_bits", "search_rounds",
         "restart_every", "own_tables", "own_spans")


def _auto(text):
    return None if text == "auto" else int(text)


_auto.__name__ = "number"  # What argparse calls it in its complaint.


def add_plan_options(parser) -> None:
    """Add the options to an argument parser."""
    add = parser.add_argument
    add("--lanes", type=int, metavar="N", help="lanes, 1 to 64 (default: 8)")
    add("--vector", type=int, metavar="V", help="weights per lane and beat, 1 to 8 (default: 1)")
    add("--word-bits", type=int, metavar="W", help="8, 16, 32, 64 or 128 (default: 32)")
    add("--preload", type=int, metavar="P", help="words per lane before the first beat (default: the least)")
    add("--table-log", type=_auto, metavar="R", help="1 to 12, or auto (default)")
    add("--max-run", type=_auto, metavar="M", help="1 to 16, or auto (default), per layer")
    add("--raw-bits", type=_auto, metavar="S", help="0 to 7, or auto (default), per layer")
    add("--search", type=int, dest="search_rounds", metavar="ROUNDS",
        help="search better tables, in so many rounds; 200 are plenty (default: 0)")
    add("--own-tables", action="store_true", default=None,
        help="give each layer a table of its own: smaller words, a larger header")
    add("--own-spans", action="store_true", default=None,
        help="restart the lanes at each layer, so that a decoder can be asked for it alone")
    add("--restart-every", type=int, metavar="K",
        help="restart the lanes after about K weights; 0 for never (default: 131072)")


def plan_options(arguments) -> dict:
    """The options that were given, as keyword arguments for `golden.plan.plan`."""
    if (arguments.search_rounds or 0) < 0:
        raise ConfigError(f"search must be 0 or a number of rounds, not {arguments.search_rounds}")
    return {name: getattr(arguments, name) for name in NAMES if getattr(arguments, name) is not None}
