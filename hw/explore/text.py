"""The rows of a sweep as lines."""

from .pareto import speed

__all__ = ["options_of", "text_of"]

NAMES = {"lanes": "--lanes", "vector": "--vector", "word_bits": "--word-bits", "table_log": "--table-log",
         "max_run": "--max-run", "tables": "--tables", "memory": "--memory", "ring": "--ring"}
ALWAYS = ("lanes", "vector")
PLAIN = {"word_bits": 32, "table_log": None, "max_run": None, "tables": "rom", "memory": "logic", "ring": 1}


def options_of(point: dict) -> str:
    """The options of ``hw.build`` for a point; those that keep their default are left out."""
    return " ".join(f"{option} {point[name]}" for name, option in NAMES.items()
                    if name in ALWAYS or point[name] != PLAIN[name])


def text_of(rows, by_target: dict, files) -> str:
    """The fronts, the named designs, what failed, and the files.

    Parameters
    ----------
    rows : sequence of dict
    by_target : dict of str to dict
        For each device ``front``, a list of rows, and ``named``, rows by name.
    files : sequence of str
        The folder, then the files in it.
    """
    lines = []
    for target, found in by_target.items():
        here = [row for row in rows if row["target"] == target]
        failed = [row for row in here if row["failed"]]
        lines.append(f"{target}: {len(here) - len(failed)} designs, {len(found['front'])} on the front")
        if found["front"]:
            lines.append("      LUT     FF  RAM    MHz  M weights/s  M/s per LUT  options of hw.build")
        for row in found["front"]:
            titles = [name for name, chosen in found["named"].items() if chosen is row]
            lines.append(_line(row) + (f"  <- {', '.join(titles)}" if titles else ""))
        lines += [f"  failed  {options_of(row['point'])}: {row['failed']}" for row in failed]
    return "\n".join([*lines, f"written {files[0]}/{' '.join(files[1:])}"])


def _line(row):
    mhz = f"{row['fmax_median']:.1f}" if row["fmax_median"] else "-"
    timed = row["fmax_median"] is not None
    rate = f"{speed(row) / 1e6:,.1f}" if timed else f"{speed(row):.2f} / cycle"
    per_lut = f"{speed(row) / row['lut'] / 1e6:.3f}" if timed else "-"
    return (f"  {row['lut']:>7,} {row['ff']:>6,} {row['block_rams']:>4} {mhz:>6} {rate:>12} {per_lut:>12}  "
            f"{options_of(row['point'])}")
