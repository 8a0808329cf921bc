"""The charts of the page: bars per layer, weight histograms, table fill, the accuracy-size curve.

A chart that is as wide as the page is drawn twice, for a wide window and for a narrow one; a style sheet shows one of
them. A few layers have a row each, with their name and their figures; many layers are columns with numbers.
"""

from typing import NamedTuple

import numpy as np

from .page_draw import BACK, INK, LINE, MAIN, MARK, PALE, SOFT, figure_of, label, svg

__all__ = ["ROWS", "WIDTHS", "Bars", "amount", "bars", "curve_chart", "histogram", "is_near",
           "table_fill"]

WIDTHS = {"wide": 880, "narrow": 340}
ROWS = 40  #: layers that have a row each; more are columns
MONO = 6.7  #: width of a character of 12 pixels, about, in the widest of the fonts


class Bars(NamedTuple):
    """A figure per layer, maybe beside another."""

    names: list[str]
    numbers: list[int]  #: of the layers, for columns
    behind: list[float] | None  #: pale bars behind the others
    front: list[float]
    marks: list[float] | None  #: strokes across the others
    texts: list[tuple[str, ...]]  #: what is written at each row, in columns
    axis: str
    ticks: dict[float, str] | None = None  #: places and names of ticks, where they are not plain numbers


def amount(count: float) -> str:
    """A number of bytes in words: 812 B, 9.4 kB, 144 kB, 2.31 MB, of 1,000 each."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= 0.9995 * size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def bars(data: Bars, key: str, title: str, description: str) -> str:
    """The chart for wide and for narrow windows: two elements of the page."""
    draw = _rows if len(data.names) <= ROWS else _columns
    return "\n".join(f'<div class="{name}">{draw(data, width, f"{key}-{name}", title, description)}</div>'
                     for name, width in WIDTHS.items())


def _greatest(data):
    return max([*data.front, *(data.behind or []), *(data.marks or []), *(data.ticks or [])]) or 1.0


def _ticks(axis, data, most, count):
    """A light grid with few ticks."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator

    if data.ticks is None:
        axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    else:
        ticks = [place for place in data.ticks if place <= most][::1 if count > 4 else 2]
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FixedFormatter([data.ticks[place] for place in ticks]))


def _rows(data, width, key, title, description):
    """A row per layer: name, bar, text; in a narrow window the bar is below the two."""
    narrow = width < 600
    pitch, top, bottom = (38, 4, 42) if narrow else (26, 4, 44)
    left = 6 if narrow else min(30, max(len(label(name, 30)) for name in data.names)) * MONO + 14
    widths = [max(map(len, column)) * MONO + 12 for column in zip(*data.texts)]
    right = 14 if narrow else sum(widths) + 4
    height = top + pitch * len(data.names) + bottom
    most = _greatest(data)
    with figure_of(width, height) as figure:
        axes = figure.add_axes((left / width, bottom / height, 1 - (left + right) / width,
                                1 - (top + bottom) / height))
        axes.set_xlim(0, most * 1.01)
        axes.set_ylim(len(data.names) - 0.5, -0.5)
        _ticks(axes.xaxis, data, most, 4 if narrow else 7)
        axes.set_yticks([])
        axes.grid(axis="x")
        axes.set_xlabel(data.axis)
        below, thick = (0.22, 0.3) if narrow else (0.0, 0.56)
        rows = np.arange(len(data.names)) + below
        for values, colour in ((data.behind, PALE), (data.front, MAIN)):
            if values is not None:
                axes.barh(rows, values, thick, color=colour)
        if data.marks is not None:
            axes.vlines(data.marks, rows - 0.62 * thick, rows + 0.62 * thick, color=MARK, linewidth=2.5)
        for row, (name, texts) in enumerate(zip(data.names, data.texts)):
            if narrow:
                text = "\N{NO-BREAK SPACE} ".join(filter(None, texts)).replace("\xa0 →\xa0 ", " → ")
                room = int((width - 20) / MONO) - len(text) - 2
                _say(axes, 0, row - 0.16, label(name, max(8, room)), 0, "left", INK)
                _say(axes, 1, row - 0.16, text, 0, "right", SOFT)
            else:
                _say(axes, 0, row, label(name, 30), -10, "right", INK)
                for text, end in zip(texts, np.cumsum(widths)):
                    _say(axes, 1, row, text, end, "right", SOFT)
        return svg(figure, key, title, description)


def _say(axes, x, y, text, shift, side, colour):
    """A text at an edge of the axes (x) and at a row (y)."""
    axes.annotate(text, (x, y), (shift, 0), axes.get_yaxis_transform(), "offset points", ha=side, va="center",
                  color=colour, annotation_clip=False)


def _columns(data, width, key, title, description):
    """A column per layer, by its number."""
    from matplotlib.ticker import MaxNLocator

    left, top, bottom, height = 46, 26, 42, 256
    most, least = _greatest(data), min(0, *data.front)
    with figure_of(width, height) as figure:
        axes = figure.add_axes((left / width, bottom / height, 1 - (left + 6) / width, 1 - (top + bottom) / height))
        axes.set_xlim(data.numbers[0] - 0.8, data.numbers[-1] + 0.8)
        axes.set_ylim(1.1 * least, most * 1.04)
        _ticks(axes.yaxis, data, most, 5)
        axes.xaxis.set_major_locator(MaxNLocator(6 if width < 600 else 12, integer=True))
        axes.grid(axis="y")
        axes.set_xlabel("layer")
        axes.annotate(data.axis, (0, 1), (0, 12), "axes fraction", "offset points", color=SOFT)
        for values, colour in ((data.behind, PALE), (data.front, MAIN)):
            if values is not None:
                axes.bar(data.numbers, values, 0.72, color=colour)
        if data.marks is not None:
            numbers = np.array(data.numbers)
            axes.hlines(data.marks, numbers - 0.46, numbers + 0.46, color=MARK, linewidth=1.5 if width < 600 else 2)
        return svg(figure, key, title, description)


def _small(figure, width, height, left, bottom=24, right=8):
    """Axes of a small chart: a base line and no scale upwards."""
    axes = figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + 6) / height))
    axes.set_yticks([])
    return axes


def histogram(layer, key: str) -> str:
    """The weights of a layer: a column for each bin; with the float weights, their histogram and the bins over it."""
    width, height = 272, 128
    title = f"Weights of {layer.name}"
    description = (f"{layer.weights:,} weights in {layer.bins} bins, of which {layer.used} occur; "
                   f"{100 * layer.zeros:.1f} percent are zero.")
    bins = np.arange(-layer.half, layer.half + 1)
    with figure_of(width, height) as figure:
        axes = _small(figure, width, height, 26, right=26)
        share, close = layer.counts / layer.weights, False
        if layer.float is None:
            _columns_of(axes, bins, share)
            reach, ticks = layer.half + 0.6, [-layer.half, 0, layer.half]
            top = share.max()
        else:
            found = layer.float
            axes.stairs(found.density, found.edges, fill=True, color=PALE)
            positions, density = bins * found.step, share / found.step
            top = min(1.6 * found.density.max(), max(found.density.max(), density.max()))
            _shares(axes, positions, density, found.step, top)
            axes.vlines(positions, -0.08 * top, -0.02 * top, color=MAIN, linewidth=0.5 if layer.bins > 63 else 1)
            reach = found.edges[-1]
            ticks = [positions[0], 0, positions[-1]]
            close = positions[-1] < 0.36 * reach
            if close:
                ticks.remove(0)
            unit = "" if found.steps == 1 else " steps"
            description += (f" The float weights reach from {found.least:.3g} to {found.most:.3g}{unit}, the bins from "
                            f"{positions[0]:.3g} to {positions[-1]:.3g}{unit}.")
        axes.set_xlim(-reach, reach)
        axes.set_ylim(0 if layer.float is None else -0.1 * top, 1.04 * top)
        axes.set_xticks(ticks, [f"{tick:.3g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
        if close:
            for name, side in zip(axes.get_xticklabels(), ("right", "left")):
                name.set_horizontalalignment(side)
        return svg(figure, key, title, description)


def _shares(axes, positions, density, step, top):
    """The shares of the bins over a histogram: a stroke each, or an outline where they are many."""
    if len(positions) <= 33:
        axes.vlines(positions, 0, np.minimum(density, top), color=MARK, linewidth=1.8)
        return
    group = -(-len(positions) // 65)
    starts = np.arange(0, len(positions), group)
    means = np.add.reduceat(density, starts) / np.diff(np.append(starts, len(positions)))
    edges = np.append(positions[starts] - step / 2, positions[-1] + step / 2)
    axes.stairs(np.minimum(means, top), edges, color=MARK, linewidth=1.4)


def _columns_of(axes, places, values):
    """Columns with gaps where there is room for gaps, otherwise one outline."""
    if len(places) <= 63:
        axes.bar(places, values, 0.78 if len(places) <= 31 else 0.9, color=MAIN)
    else:
        axes.stairs(values, np.append(places - 0.5, places[-1] + 0.5), fill=True, color=MAIN)


def table_fill(fill, key: str) -> str:
    """The slots of a table by token, and a mark where each token's share would be."""
    width, height = 340, 150
    table = fill.table
    tokens = np.arange(table.alphabet.size)
    counts = np.array(table.counts)
    wanted = fill.frequencies / max(1, fill.frequencies.sum()) * counts.sum()
    greatest = int(counts.argmax())
    run, value = table.alphabet.tokens[greatest]
    description = (f"{counts.sum()} slots for {np.count_nonzero(counts)} of {len(counts)} tokens; most, "
                   f"{counts[greatest]}, for the token of {run} zeros and then {value}.")
    with figure_of(width, height) as figure:
        axes = _small(figure, width, height, 36, 38 if table.alphabet.max_run > 1 else 24)
        _columns_of(axes, tokens, counts)
        half = 0.45 if len(tokens) <= 63 else 0.7
        seen = wanted > 0
        axes.hlines(wanted[seen], tokens[seen] - half, tokens[seen] + half, color=MARK,
                    linewidth=2 if len(tokens) <= 31 else 1.5)
        axes.set_xlim(-0.8, len(tokens) - 0.2)
        axes.set_ylim(0, 1.08 * max(counts.max(), wanted.max()))
        _upwards(axes)
        _name_tokens(axes, table.alphabet)
        return svg(figure, key, f"Slots of table {fill.number}", description)


def _upwards(axes):
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y")


def _signed(value):
    return f"{value:+d}".replace("-", "\N{MINUS SIGN}") if value else "0"


def _name_tokens(axes, alphabet):
    """Values below the columns, as far as there is room; below them the runs."""
    tokens = alphabet.tokens
    few = len(tokens) <= 11
    kept = [i for i, (run, value) in enumerate(tokens) if few or alphabet.max_run == 1 and (
        value % 2 == 0 if len(tokens) <= 21 else value in (alphabet.value_min, 0, alphabet.value_max))]
    axes.set_xticks(kept, [_signed(tokens[i][1]) for i in kept])
    if alphabet.max_run == 1:
        return
    for run in range(alphabet.max_run):
        places = [i for i, token in enumerate(tokens) if token[0] == run]
        if run:
            axes.axvline(places[0] - 0.5, color=LINE, linewidth=1, zorder=0)
        if alphabet.max_run <= 8 or run % 2 == 0:
            axes.annotate(f"run {run}" if alphabet.max_run <= 4 or not run else str(run), (np.mean(places), 0),
                          (0, -22 if few else -8), axes.get_xaxis_transform(), "offset points", ha="center", va="top",
                          color=SOFT)


def is_near(curve, here: int) -> bool:
    """Whether a file of so many bytes has a place in the chart of the curve."""
    sizes = [point.bytes for point in curve.points]
    return 0.5 * min(sizes) <= here <= 2 * max(sizes)


def curve_chart(curve, here: int, key: str, title: str) -> str:
    """Accuracy against bytes, with the float network as a line and this file's size as another."""
    return "\n".join(f'<div class="{name}">{_curve(curve, here, width, f"{key}-{name}", title)}</div>'
                     for name, width in WIDTHS.items())


def _curve(curve, here, width, key, title):
    narrow = width < 600
    height, left, bottom, top = (280, 46, 44, 12) if narrow else (360, 54, 46, 14)
    points = sorted(curve.points, key=lambda point: (point.bytes, point.accuracy))
    sizes, accuracies = [point.bytes for point in points], [100 * point.accuracy for point in points]
    errors = [100 * (point.standard_error or 0) for point in points]
    description = (f"{len(points)} points, from {amount(sizes[0])} at {accuracies[0]:.2f} percent to "
                   f"{amount(sizes[-1])} at {accuracies[-1]:.2f} percent.")
    with figure_of(width, height) as figure:
        axes = figure.add_axes((left / width, bottom / height, 1 - (left + 14) / width, 1 - (bottom + top) / height))
        axes.grid()
        axes.errorbar(sizes, accuracies, errors, color=MAIN, linewidth=2, elinewidth=1.2, marker="o", markersize=8,
                      markeredgecolor=BACK, markeredgewidth=1.2, zorder=3)
        levels = accuracies.copy()
        if curve.reference is not None:
            levels.append(100 * curve.reference.accuracy)
            axes.axhline(levels[-1], color=SOFT, linewidth=1.2, dashes=(4, 3))
            axes.annotate(f"float {levels[-1]:.2f} %", (0, levels[-1]), (4, 4), axes.get_yaxis_transform(),
                          "offset points", ha="left", va="bottom", color=SOFT)
        low, high = sizes[0], sizes[-1]
        if is_near(curve, here):
            low, high = min(low, here), max(high, here)
            axes.axvline(here, color=MARK, linewidth=1.6, zorder=1)
        _curve_axes(axes, (low, high), levels + [a - e for a, e in zip(accuracies, errors)], narrow)
        if not narrow:
            _name_points(axes, points, width - left - 14, height - bottom - top)
        return svg(figure, key, title, description)


def _curve_axes(axes, sizes, levels, narrow):
    """A logarithmic axis of bytes with a few round ticks, a plain one of percent."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

    low, high = sizes[0] / 1.15, sizes[1] * 1.15
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    steps = (1, 2, 5) if high > 4 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    ticks = [step * 10.0 ** power for power in range(13) for step in steps if low <= step * 10.0 ** power <= high]
    ticks = ticks[::1 + len(ticks) // (5 if narrow else 10)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([amount(tick) for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    span = max(max(levels) - min(levels), 0.5)
    axes.set_ylim(min(levels) - 0.08 * span, max(levels) + 0.12 * span)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel("bytes of the file, all in")
    axes.set_ylabel("accuracy, percent")


def _name_points(axes, points, width, height):
    """Write a label beside each point that has one, where it covers no other label and no point; or nowhere."""
    spots = [(x * width, y * height) for x, y in
             axes.transLimits.transform([(np.log10(point.bytes), 100 * point.accuracy) for point in points])]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    for point, (x, y) in zip(points, spots):
        text = label(point.label or "", 24)
        wide = MONO * len(text)
        for dx, dy, side in ((8, -13, "left"), (-8, 7, "right"), (8, 7, "left"), (-8, -13, "right")):
            start = x + dx - (wide if side == "right" else 0)
            box = (start, y + dy - 3, start + wide, y + dy + 9)
            free = all(box[0] > b[2] or box[2] < b[0] or box[1] > b[3] or box[3] < b[1] for b in taken)
            if text and free and box[0] >= 0 and box[2] <= width and box[1] >= 0 and box[3] <= height:
                axes.annotate(text, (point.bytes, 100 * point.accuracy), (dx, dy), textcoords="offset points", ha=side,
                              va="baseline", color=SOFT)
                taken.append(box)
                break
