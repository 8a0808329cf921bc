"""The Pareto front of a sweep as a picture: weights per second against LUTs, one picture per device."""

import importlib.util
import io

from golden.errors import TansyError

from .pareto import front, named, speed

__all__ = ["check_plotting", "picture"]

BLUE, GREY, INK = "#1f5fa8", "#9aa3ad", "#222222"
WIDE = 8  #: an axis whose values differ by more than this factor is logarithmic
MARKS = (("s", 12), ("D", 13), ("o", 16))  #: shape and size: so that two on one design are both seen
STYLE = {"svg.hashsalt": "tansy", "svg.fonttype": "path", "font.size": 10, "axes.edgecolor": GREY, "text.color": INK}


def check_plotting() -> None:
    """Raise `TansyError` if Matplotlib is not here, before a long sweep."""
    if importlib.util.find_spec("matplotlib") is None:
        raise TansyError("plots need an extra: pip install tansy[plot], or give --no-plots")


def label(row: dict) -> str:
    """A design in short."""
    point, config = row["point"], row["config"]
    ring = f" C{config['ring']}" if config["ring"] > 1 else ""
    return (f"N{config['lanes']} V{config['vector']} W{config['word_bits']} R{config['table_log']} "
            f"M{config['max_run']}{ring} {point['tables']} {point['memory']}")


def picture(title: str, rows, form: str) -> bytes:
    """Draw the rows of one device. The same rows give the same bytes.

    Parameters
    ----------
    title : str
    rows : sequence of dict
        Those that did not fail; at least one.
    form : str
        ``png`` or ``svg``.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 5.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        timed = rows[0].get("weights_per_second") is not None
        unit = 1e6 if timed else 1
        kept = front(rows)
        axes.scatter([row["lut"] for row in rows], [speed(row) / unit for row in rows], s=22, color=GREY,
                     label="designs", zorder=2)
        axes.step([row["lut"] for row in kept], [speed(row) / unit for row in kept], where="post", color=BLUE,
                  marker="o", markersize=6, label="Pareto front", zorder=3)
        _scales(axes, rows, unit)
        _name(axes, rows, unit)
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set_xlabel(f"look-up tables ({rows[0]['lut_words']})")
        axes.set_ylabel("million weights per second, median of the seeds" if timed else "weights per cycle")
        figure.legend(loc="outside lower left", frameon=False, ncols=2)
        file = io.BytesIO()
        figure.savefig(file, format=form, dpi=150, metadata={"Date": None} if form == "svg" else {"Software": None})
        return file.getvalue()


def _scales(axes, rows, unit):
    """A grid, room around the points, logarithmic axes where the values are far apart."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.grid(color="#e4e7ea", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    for axis, values in ((axes.xaxis, [row["lut"] for row in rows]),
                         (axes.yaxis, [speed(row) / unit for row in rows])):
        low, high = min(values), max(values)
        wide = high > WIDE * low
        change = (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)
        change("log" if wide else "linear")
        limits = (low / 1.5, high * 1.5) if wide else (0, 1.1 * high)
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(limits)
        if wide:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _name(axes, rows, unit):
    """Ring the three named designs, each its own way, and say in the legend what they are."""
    for (name, row), (mark, size) in zip(named(rows).items(), MARKS):
        axes.plot([row["lut"]], [speed(row) / unit], linestyle="none", marker=mark, markersize=size, color=INK,
                  markerfacecolor="none", zorder=4, label=f"{name}: {label(row)}")
