"""The sizes as one picture: what each coder takes over the entropy, in percent, against the entropy."""

import io

from .sizes import COLUMNS

__all__ = ["picture"]

DRAWN = {  # key: colour, width of the line, marker; Tansy's stream is what the others are compared with
    "plain": ("#b9bec6", 1.2, "s"), "huff0": ("#c9a227", 1.2, "v"), "zstd": ("#8a6d1d", 1.2, "^"),
    "xz": ("#7b5ea7", 1.2, "D"), "huffman": ("#2f8f83", 1.2, "o"), "range": ("#9aa3ad", 1.2, "x"),
    "ans": ("#5b6673", 1.2, "+"), "file": ("#7ea9e0", 1.6, "o"), "stream": ("#1f5fa8", 2.4, "o"),
}
STYLE = {"svg.hashsalt": "tansy", "svg.fonttype": "none", "font.size": 9, "axes.edgecolor": "#9aa3ad",
         "text.color": "#222222"}


def picture(rows) -> bytes:
    """An SVG with a panel for each family of networks that has a weight which is not certain; equal rows, equal bytes.

    Parameters
    ----------
    rows : list of dict
        Of `tests.comparison.sizes.measure`, each with its family.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    rows = [row for row in rows if row["entropy"] > 0]
    families = list(dict.fromkeys(row["family"] for row in rows))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * max(2, len(families)), 4.4), layout="constrained")
        FigureCanvasSVG(figure)
        panels = figure.subplots(1, len(families), sharey=True, squeeze=False)[0]
        for axes, family in zip(panels, families):
            _panel(axes, family, sorted((row for row in rows if row["family"] == family),
                                        key=lambda row: row["entropy"]))
        panels[0].set_ylabel("excess over the entropy, percent, all in")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()


def _panel(axes, family, rows):
    line = "none" if len(rows) == 1 else "solid"
    for name, (colour, width, marker) in DRAWN.items():
        axes.plot([row["entropy"] for row in rows], [100 * (row[name] / row["entropy"] - 1) for row in rows],
                  color=colour, linewidth=width, marker=marker, markersize=4, linestyle=line, label=COLUMNS[name])
    axes.set_yscale("log")
    if len(rows) == 1:
        axes.set_xlim(rows[0]["entropy"] - 0.5, rows[0]["entropy"] + 0.5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("entropy, bits per weight")
    axes.set_title(family, loc="left", fontweight="bold")
    axes.grid(color="#e4e7ea")
    axes.spines[["top", "right"]].set_visible(False)
