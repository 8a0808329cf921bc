"""The page that shows a network: one HTML file that holds all it needs, without a script and without an address."""

import html
import importlib.resources

from .page_charts import amount, curve_chart, is_near
from .page_draw import clean
from .page_layers import SECTIONS
from .page_parts import key_list, number, over, scrolled, section, table, times

__all__ = ["page"]

# Nothing may be loaded, from anywhere, and nothing may run.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{name} – Tansy</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="kind">Tansy report</p>
<h1>{name}</h1>
<p class="lead">{lead}</p>
<nav aria-label="Sections"><ul>
{links}
</ul></nav>
</header>
<main>
{sections}
</main>
<footer>{foot}</footer>
</body>
</html>
"""


def page(name: str, facts, curve=None) -> str:
    """The page of a file.

    Parameters
    ----------
    name : str
        What the page calls the network.
    facts : golden.frontend.page_facts.Facts
    curve : golden.frontend.curve.Curve or None

    Returns
    -------
    str
        HTML; the same for the same facts.
    """
    made = [_summary(facts), *(make(facts) for make in SECTIONS[:-1])]
    if curve is not None:
        made.append(_curve(curve, facts))
    made.append(SECTIONS[-1](facts))
    links = "\n".join(f'<li><a href="#{each.key}">{each.short}</a></li>' for each in made)
    style = importlib.resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    floats = any(layer.float for layer in facts.layers)
    return FRAME.format(policy=POLICY, name=html.escape(clean(name)), style=style, lead=_lead(facts), links=links,
                        sections="\n".join(each.text for each in made), foot=_foot(floats))


def _foot(floats):
    beside = ", beside the float weights it was made from" if floats else ""
    return (f"Written by <code>python -m golden.report</code> from the encoded file, all of which was decoded and "
            f"checked{beside}. kB and MB are 1,000 and 1,000,000 bytes.")


def _lead(facts):
    total = facts.figures["total"]
    plural = "" if len(facts.layers) == 1 else "s"
    return (f"{total['weights']:,} weights in {len(facts.layers):,} layer{plural}, at "
            f"{total['words_bits_per_weight']:.3f} bits per weight in the stream’s words. The network that was "
            f"{amount(facts.before)} in float32 is a file of {amount(total['file_bytes'])}.")


def _fact(name, value, more):
    return f'<div><dt>{name}</dt><dd><span class="value">{value}</span><br><span class="more">{more}</span></dd></div>'


def _summary(facts):
    """The figures in large, where the bytes are, the sizes, the configuration."""
    total = facts.figures["total"]
    excess = total["words_excess_percent"]
    boxes = [
        _fact("Smaller than float32", times(facts.ratio), "the whole file"),
        _fact("Bits per weight", f"{total['words_bits_per_weight']:.3f}",
              f"words; {total['file_bits_per_weight']:.3f} with header and names"),
        _fact("Shannon entropy", f"{total['entropy']:.3f}",
              "bits per weight" if excess is None else f"bits per weight; words {over(excess)}"),
        _fact("File", amount(total["file_bytes"]), f"{total['file_bytes']:,} bytes"),
    ]
    heads = ["", "bytes", "bits per weight", "over the entropy", "smaller than float32"]
    sizes = scrolled(table(heads, _sizes(facts)), "Sizes")
    return section("summary", "Summary", "Summary", "", f'<dl class="facts">\n{"".join(boxes)}\n</dl>\n'
                   f"{_parts(facts)}\n{sizes}\n{_configuration(facts)}")


def _sizes(facts):
    """A row for each way to count."""
    total, rows = facts.figures["total"], []
    for key, title in (("coded", "tokens"), ("words", "words"), ("stream", "header and words"),
                       ("file", "file without raw arrays")):
        bits, excess = total[f"{key}_bits"], total[f"{key}_excess_percent"]
        rows.append([title, f"{bits / 8:,.0f}", f"{total[f'{key}_bits_per_weight']:.4f}",
                     over(excess, 3),
                     f"{32 * total['weights'] / bits:.2f}×" if bits else "–"])
    rows.append(["whole file, raw arrays with it", f"{total['file_bytes']:,}",
                 f"{8 * total['file_bytes'] / total['weights']:.4f}", "", f"{facts.ratio:.2f}×"])
    return rows


def _parts(facts):
    """Where the bytes of the file are, as one bar."""
    total = facts.figures["total"]
    tables = total["table_bytes"]
    parts = [("words", total["words_bytes"], "main"), ("tables", tables, "mark"),
             ("rest of the header", total["header_bytes"] - tables, "ink"),
             ("names and shapes", total["tail_bytes"] - total["raw_bytes"], "quiet"),
             ("scales", facts.scale_bytes, "fresh"), ("biases and other arrays", facts.other_bytes, "pale")]
    parts = [part for part in parts if part[1]]
    spans = "".join(f'<span class="{colour}" style="flex: {size:g}"></span>' for _, size, colour in parts)
    keys = [(colour, name, amount(size)) for name, size, colour in parts]
    return f'<h3>Where the bytes are</h3>\n<div class="parts" aria-hidden="true">{spans}</div>\n{key_list(keys)}'


def _configuration(facts):
    names = {"lanes": "lanes, N", "vector": "weights per lane and beat, V", "word_bits": "bits per word, W",
             "preload": "preload in words, P", "table_log": "table log, R", "max_run": "max run, M",
             "raw_bits": "raw bits, s", "bins": "bins"}
    total = facts.figures["total"]
    rows = [[title, f"{facts.figures['configuration'][name]}"] for name, title in names.items()]
    rows += [[name, f"{total[name]:,}"] for name in ("segments", "spans")] + [["tables", f"{len(facts.tables)}"]]
    found = scrolled(table(["configuration", "value"], rows), "Configuration")
    return f"<details><summary>Configuration of the stream</summary>{found}</details>"


def _curve(curve, facts):
    """The points as a chart and as a table."""
    here = facts.figures["total"]["file_bytes"]
    title = f"Accuracy and size{f': {curve.title}' if curve.title else ''}"
    reference = curve.reference
    rows = []
    for point in sorted(curve.points, key=lambda point: point.bytes):
        error = None if point.standard_error is None else 100 * point.standard_error
        drop = None if reference is None else 100 * (reference.accuracy - point.accuracy)
        ratio = "–" if reference is None else times(reference.bytes / point.bytes)
        rows.append([point.label or "–", f"{point.bytes:,}", number(point.bits_per_weight, ".3f"),
                     f"{100 * point.accuracy:.2f}", number(error, ".2f"), number(drop, "+.2f"), ratio])
    body = table(["point", "bytes", "bits per weight", "accuracy, %", "standard error", "drop, points",
                  "smaller than float32"], rows)
    keys = [("main", "networks of the curve" + ", with the standard error of each"
             * any(point.standard_error for point in curve.points), "")]
    keys += [("mark stroke", "this file", amount(here))] if is_near(curve, here) else []
    chart = curve_chart(curve, here, "curve", title)
    return section("curve", "Accuracy and size", title,
                   "Bytes count everything: words, tables, header, scales, biases.",
                   f"{key_list(keys)}\n{chart}\n<details><summary>All points as a table</summary>"
                   f"{scrolled(body, 'Points of the curve')}</details>")
