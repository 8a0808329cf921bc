"""Draws what accuracy costs: points of drop against bytes, a line for each recorded curve, as SVG.

Run by hand: ``python -m tests.plot_curves docs/records/resnet8-*.json -o docs/resnet8.svg``. Every curve is measured
against its own float network, on the images that its title names.
"""

import io

from golden.cli import OneLineParser, atomic_write, run
from golden.errors import InputError
from golden.frontend.curve import read_curve

from .comparison.plot import STYLE

COLOURS = ("#1f5fa8", "#2f8f83", "#c9a227", "#7b5ea7")
TICKS = (2_000, 5_000, 10_000, 15_000, 20_000, 25_000, 30_000, 50_000, 100_000)


def picture(curves) -> bytes:
    """An SVG; equal curves, equal bytes.

    Parameters
    ----------
    curves : list of Curve
        Each with its float network, at most as many as there are `COLOURS`.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 4.4), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for curve, colour in zip(curves, COLOURS, strict=False):
            points = sorted(curve.points, key=lambda point: point.bytes)
            axes.errorbar([point.bytes for point in points],
                          [100 * (curve.reference.accuracy - point.accuracy) for point in points],
                          [100 * (point.standard_error or 0) for point in points], color=colour, linewidth=2,
                          elinewidth=1, capsize=2, marker="o", markersize=5, label=curve.title)
        axes.axhline(1, color="#b9bec6", linewidth=1.2, dashes=(4, 3))
        _axes(axes, [point.bytes for curve in curves for point in curve.points])
        figure.legend(loc="outside lower center", frameon=False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()


def _axes(axes, sizes):
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.set_xlim(min(sizes) / 1.1, max(sizes) * 1.1)
    ticks = [tick for tick in TICKS if min(sizes) / 1.1 < tick < max(sizes) * 1.1]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.set_xlabel("bytes of the whole file")
    axes.set_ylabel("points of accuracy lost")
    axes.grid(color="#e4e7ea")
    axes.spines[["top", "right"]].set_visible(False)


def main():
    """The command."""
    parser = OneLineParser(prog="tests.plot_curves", description=__doc__.split("\n")[0])
    parser.add_argument("records", nargs="+", metavar="FILE", help="curves, as golden.frontend.curve defines them")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="SVG")
    args = parser.parse_args()
    if len(args.records) > len(COLOURS):
        raise InputError(f"curves must be at most {len(COLOURS)}, not {len(args.records)}")
    curves = [read_curve(path) for path in args.records]
    for path, curve in zip(args.records, curves):
        if curve.reference is None:
            raise InputError(f"{path}: a curve must have the accuracy of its float network to be drawn; it has none")
    data = picture(curves)
    with atomic_write(args.output) as file:
        file.write(data)


if __name__ == "__main__":
    run(main, "tests.plot_curves")
