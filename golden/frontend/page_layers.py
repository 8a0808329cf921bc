"""The sections of the page that go layer by layer and table by table."""

import math

from .page_charts import ROWS, Bars, amount, bars, histogram, table_fill
from .page_draw import label
from .page_parts import escape, key_list, number, over, scrolled, section, table, times

__all__ = ["SECTIONS"]

CARDS = 12  #: histograms shown at once; more are behind a line to click
NAME = 29  #: characters of a card's heading
BIN_TICKS = (3, 7, 15, 31, 63, 127, 255)


def _numbers(facts):
    return [layer.number for layer in facts.layers]


def _names(facts):
    return [layer.name for layer in facts.layers]


def _where_names_are(facts):
    """Where layers are columns with numbers, which table names them."""
    return ' Layers are numbered as in the <a href="#layers">table of layers</a>.' if len(facts.layers) > ROWS else ""


def _memory(facts):
    """Bytes of each layer, before and after: the paper's figure 5."""
    layers = facts.layers
    texts = [(amount(layer.before), "→", amount(layer.after),
              times(layer.before / layer.after) if layer.after else "") for layer in layers]
    unit, size = ("MB", 1e6) if max(layer.before for layer in layers) >= 1e6 else ("kB", 1e3)
    data = Bars(_names(facts), _numbers(facts), [layer.before / size for layer in layers],
                [layer.after / size for layer in layers], None, texts, unit)
    largest = max(layers, key=lambda layer: layer.before)
    chart = bars(data, "memory", "Memory per layer before and after",
                 f"From {amount(sum(layer.before for layer in layers))} to "
                 f"{amount(sum(layer.after for layer in layers))} in all; the largest layer, {largest.name}, "
                 f"from {amount(largest.before)} to {amount(largest.after)}.")
    keys = key_list([("pale", "float32", ""), ("main", "coded", "")])
    return section("memory", "Memory", "Memory per layer, before and after",
                   f"What the weights of each layer take as float32, and as coded tokens.{_where_names_are(facts)}",
                   f"{keys}\n{chart}")


def _bins(facts):
    """Bins of each layer: the paper's figure 4."""
    layers = facts.layers
    data = Bars(_names(facts), _numbers(facts), None, [math.log2(layer.bins) for layer in layers], None,
                [(f"{layer.bins} bins",) for layer in layers], "bins",
                {math.log2(bins): f"{bins}" for bins in BIN_TICKS
                 if bins <= 2 * max(layer.bins for layer in layers) or bins == BIN_TICKS[0]})
    least, most = min(layer.bins for layer in layers), max(layer.bins for layer in layers)
    chart = bars(data, "bins", "Bins per layer", f"From {least} to {most} bins.")
    return section("bins", "Bins", "Bins per layer",
                   "The least odd number of bins around zero that holds a layer’s weights. The scale is logarithmic, "
                   "so that the length of a bar is what a weight would take in plain bits.", chart)


def _entropy(facts):
    """Entropy of each layer, and what its weights are coded in."""
    layers = facts.layers
    entropies = [layer.figures["entropy"] for layer in layers]
    coded = [layer.figures["coded_bits_per_weight"] for layer in layers]
    excess = [layer.figures["coded_excess_percent"] for layer in layers]
    texts = [(f"{least:.3f}", "→", f"{bits:.3f}", over(percent))
             for least, bits, percent in zip(entropies, coded, excess)]
    data = Bars(_names(facts), _numbers(facts), None, entropies, coded, texts, "bits per weight")
    known = [percent for percent in excess if percent is not None] or [0.0]
    chart = bars(data, "entropy", "Entropy and coded bits per layer",
                 f"The coded bits are {min(known):.2f} to {max(known):.2f} percent above the entropy.")
    if len(layers) > ROWS:
        above = Bars(_names(facts), _numbers(facts), None, [percent or 0.0 for percent in excess], None, texts,
                    "excess over the entropy, percent")
        chart += "\n" + bars(above, "excess", "Excess over the entropy per layer",
                             f"From {min(known):.2f} to {max(known):.2f} percent.")
    keys = key_list([("main", "Shannon entropy", ""), ("mark stroke", "coded, in bits per weight", "")])
    return section("entropy", "Entropy", "Entropy against coded bits",
                   "The entropy of a layer’s weights by its own histogram is the least that a coder without context "
                   f"can take. Layers that share a table pay a little for that. Start states and ends of lanes "
                   "are not counted here, and what a state carries over can take a layer a little below its entropy."
                   f"{_where_names_are(facts)}",
                   f"{keys}\n{chart}")


def _card(title, lines, chart, before=""):
    """A chart with a heading, cut in its middle where it is long, and with remarks."""
    lines = "".join(f"<p>{line}</p>" for line in lines)
    shown = escape(before + label(title, NAME - len(before)))
    return f'<div class="card"><h3 title="{escape(title)}">{shown}</h3>{lines}\n{chart}</div>'


def _grid(cards, kind, words):
    """Cards side by side; beyond a number of them, behind a line to click."""
    shown, rest = cards[:CARDS], cards[CARDS:]
    body = f'<div class="grid{kind}">\n' + "\n".join(shown) + "\n</div>"
    if rest:
        body += (f'\n<details><summary>{len(rest)} more {words}</summary><div class="grid{kind}">\n' + "\n".join(rest)
                 + "\n</div></details>")
    return body


def _weights(facts):
    """A histogram per layer."""
    cards, floats = [], any(layer.float for layer in facts.layers)
    for layer in facts.layers:
        line = f"{layer.bins} bins · {layer.figures['entropy']:.2f} bits · {100 * layer.zeros:.0f} % zero"
        if layer.float is not None and layer.float.snr_db is not None:
            line += f" · {layer.float.snr_db:.0f}\xa0dB"
        cards.append(_card(layer.name, [line], histogram(layer, f"weights-{layer.number}"),
                           f"{layer.number} " if len(facts.layers) > ROWS else ""))
    if floats:
        note = ("The histogram of the float weights; over it a stroke at each bin, as high as the share of the weights "
                "that it holds, or an outline where bins are many; below it the positions of all bins: the step times "
                "−1, 0, 1 and so on. Where a layer has more than one step, weights are in steps. The figure in dB is "
                "the power of the float weights over that of what coding took from them.")
        keys = key_list([("pale", "float weights", ""), ("mark stroke", "share of a bin", ""),
                         ("main stroke", "position of a bin", "")])
    else:
        note, keys = "What share of a layer’s weights each bin holds.", ""
    return section("weights", "Weights", "Weights and their bins", note, f"{keys}\n{_grid(cards, '', 'layers')}")


def _tables(facts):
    """How the slots of each table are shared."""
    cards = []
    for fill in facts.tables:
        alphabet = fill.table.alphabet
        held = sum(count > 0 for count in fill.table.counts)
        single = sum(count == 1 for count in fill.table.counts)
        form = "counts" if fill.table.slots is None else "list of slots"
        percent = fill.excess_percent
        above = "" if percent is None else f" · {over(percent)} over the tokens’ entropy"
        ones = f", {single} of them with one slot" if single else ""
        lines = [f"{sum(fill.table.counts)} slots for {held} of {alphabet.size} tokens{ones} · "
                 f"M\xa0=\xa0{alphabet.max_run} · s\xa0=\xa0{alphabet.raw_bits}",
                 f"{fill.figures['bytes']:g} bytes as {form}{above} · for {escape(_layers_of(fill, facts))}"]
        cards.append(_card(f"Table {fill.number}", lines, table_fill(fill, f"table-{fill.number}")))
    keys = key_list([("main", "slots of the token", ""), ("mark stroke", "its share of the tokens, in slots", "")])
    return section("tables", "Tables", "Table fill",
                   "A table has 2<sup>R</sup> slots. A token with more slots takes fewer bits; the closer slots are to "
                   "shares, the closer is the code to the entropy. Tokens are in the order of their values, and of the "
                   "runs of zeros before them where there are runs.", f"{keys}\n{_grid(cards, ' tables', 'tables')}")


def _layers_of(fill, facts):
    if len(fill.layers) == len(facts.layers) and len(fill.layers) > 1:
        return "all layers"
    shown = ", ".join(label(name, NAME) for name in fill.layers[:2])
    return shown if len(fill.layers) <= 2 else f"{shown} and {len(fill.layers) - 2} more"


def _layer_table(facts):
    """Every figure of every layer, and the sums."""
    floats = any(layer.float for layer in facts.layers)
    heads = ["layer", "number", "weights", "float32, bytes", "coded, bytes", "smaller", "bins", "occur",
             "zero", "entropy", "coded", "excess", "weights per token", "table", "M", "s", "shape",
             *["SNR, dB"] * floats]
    rows = []
    for layer in facts.layers:
        row = layer.figures
        rows.append([layer.name, f"{layer.number}", f"{layer.weights:,}", f"{layer.before:,}", f"{layer.after:,.0f}",
                     f"{layer.before / layer.after:.2f}×" if layer.after else "–",
                     f"{layer.bins}", f"{layer.used}", f"{100 * layer.zeros:.1f} %", f"{row['entropy']:.4f}",
                     f"{row['coded_bits_per_weight']:.4f}", over(row["coded_excess_percent"], 3),
                     f"{row['weights_per_token']:.2f}", f"{row['table']}", f"{row['max_run']}", f"{row['raw_bits']}",
                     " × ".join(map(str, layer.shape)) or "scalar",
                     *[number(layer.float.snr_db, ".1f") if layer.float else ""] * floats])
    empty = f" Without weights: {escape(', '.join(facts.empty))}." if facts.empty else ""
    found = table(heads, rows, _sums(facts, len(heads)))
    return section("layers", "Layers", "All layers", "Entropy and coded size in bits per weight; M is the max run, s "
                   f"the raw bits of the layer’s table.{empty}", scrolled(found, "All layers"))


def _sums(facts, columns):
    """The rows below the layers: what else is in the file, and all of it."""
    total = facts.figures["total"]
    coded = total["coded_bits"] / 8
    rest = total["file_bytes"] - total["raw_bytes"] - coded
    before = 4 * total["weights"]

    def line(name, weights, old, new):
        cells = [name, "", weights, f"{old:,}" if old else "–", f"{new:,.0f}",
                 f"{old / new:.2f}×" if old and new else "–"]
        return cells + [""] * (columns - len(cells))

    return [line("all weights", f"{total['weights']:,}", before, coded),
            line("header, names, lane ends", "", 0, rest), line("scales", "", 0, facts.scale_bytes),
            line("biases and other arrays", "", facts.other_bytes, facts.other_bytes),
            line("the file", "", facts.before, total["file_bytes"])]


#: In the order of the page; the table of layers comes last.
SECTIONS = (_memory, _bins, _entropy, _weights, _tables, _layer_table)
