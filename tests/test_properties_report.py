"""What holds of the report's pictures, of its facts and of the whole page, whatever networks they are of."""

import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.codec import decode_measured
from golden.container import unpack
from golden.errors import FormatError, InputError
from golden.figures import report
from golden.frontend.curve import Curve, Point
from golden.frontend.page import page
from golden.frontend.page_charts import WIDTHS, Bars, bars, curve_chart, histogram, is_near, table_fill
from golden.frontend.page_draw import PALE, clean, figure_of, svg
from golden.frontend.page_facts import Facts, FloatLayer, Layer, TableFill, gather
from golden.frontend.page_layers import SECTIONS
from golden.network import encode_network
from golden.normalize import coding_cost
from golden.rate import exact_rate
from golden.rules import Rules, quantize_network
from golden.tokens import split_lanes, tokenize
from tests.pages import Reader
from tests.properties import about, examples, flipped, refused
from tests.strategies import seeds

texts = st.text(max_size=12)


def network(seed, layers=3):
    """A quantized network and the floats that it was made of."""
    rng = np.random.default_rng(seed)
    floats = {f"layer{i}": rng.laplace(0, 0.2, (int(rng.integers(1, 5)), int(rng.integers(1, 40)))).astype(np.float32)
              for i in range(layers)} | {"bias": rng.normal(size=5).astype(np.float32)}
    rules = Rules(int(rng.choice([3, 7, 31])), per_channel=bool(rng.integers(2)))
    return quantize_network(floats, rules)[0], floats


def drawn(text, key):
    """The picture of a piece of a page: well-formed, its own names, the page's colours, nothing from outside."""
    root = ElementTree.fromstring(text)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(ids)) == len(ids) and all(each.startswith(key) for each in ids)
    assert "#00000" not in text and not re.search(r"<script|<image|@import|https?:|font-family", text)
    assert set(re.findall(r"url\(#([^)]*)\)|href=\"#([^\"]*)\"", text)) <= {(each, "") for each in ids} | {
        ("", each) for each in ids}
    return root


@about(svg, figure_of)
@examples(6)
@given(texts, texts, st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="$"), max_size=6))
def test_a_picture_belongs_to_the_page(title, description, written):
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    found = []
    for _ in range(2):
        with figure_of(200, 100) as figure:
            axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
            axes.bar([1, 2], [3, 4], color=PALE)
            axes.text(1, 2, written)
            found.append(svg(figure, "k", title, description))
    root = drawn(found[0], "k-")
    assert found[0] == found[1] and root.get("viewBox").split()[2:] == ["200", "100"]
    names = [element for element in root if element.tag in ("title", "desc")]
    assert [re.sub("\r\n?", "\n", element.text or "") for element in names] == [
        re.sub("\r\n?", "\n", clean(text)) for text in (title, description)]
    assert root.get("aria-labelledby").split() == [element.get("id") for element in names]
    assert "var(--pale)" in found[0] and (not written or written in ["".join(e.itertext()) for e in root.iter("text")])


@about(Bars, bars)
@examples(6)
@given(st.sampled_from((1, 3, 41)), seeds, texts, st.booleans())
def test_bars_are_as_long_as_their_figures(count, seed, name, behind):
    """A row for each of a few layers with its name and texts; of many, a column each."""
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    front = np.random.default_rng(seed).random(count).tolist()
    data = Bars([name] * count, list(range(1, count + 1)), front if behind else None, front, None,
                [("one", "two")] * count, "axis")
    for (kind, width), text in zip(WIDTHS.items(), bars(data, "k", "t", "d").split("\n<div class=\"narrow\">")):
        root = drawn(re.search(r"<svg.*</svg>", text, re.DOTALL)[0], f"k-{kind}-")
        assert root.get("viewBox").split()[2] == str(width)
        paths = [path for path in root.iter("path") if "var(--main)" in path.get("style", "")]
        assert len(paths) == count
        sizes = []
        for path in paths:
            points = np.array([float(each) for each in re.findall(r"-?\d+\.?\d*", path.get("d"))]).reshape(-1, 2)
            sizes.append(np.ptp(points[:, int(count > 40)]))
        assert np.array(sizes) / max(sizes) == pytest.approx(np.array(front) / max(front), abs=0.02)
        pale = [path for path in root.iter("path") if "var(--pale)" in path.get("style", "")]
        assert len(pale) == count * behind
        said = ["".join(element.itertext()) for element in root.iter("text")]
        if count <= 40 and kind == "wide":
            assert said.count("one") == said.count("two") >= count and "axis" in said


@about(is_near, curve_chart)
@examples(6)
@given(st.lists(st.tuples(st.integers(100, 10 ** 6), st.floats(0.1, 1)), min_size=1, max_size=4),
       st.integers(10, 10 ** 7), st.booleans())
def test_a_curve_has_its_points(made, here, referred):
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    curve = Curve(tuple(Point(size, share) for size, share in made), Point(10 ** 7, 0.9) if referred else None)
    near = min(size for size, _ in made) / 2 <= here <= 2 * max(size for size, _ in made)
    assert is_near(curve, here) == near
    for kind, text in zip(WIDTHS, curve_chart(curve, here, "k", "t").split("\n<div class=\"narrow\">")):
        root = drawn(re.search(r"<svg.*</svg>", text, re.DOTALL)[0], f"k-{kind}-")
        assert len([use for use in root.iter("use") if "var(--main)" in use.get("style", "")]) == len(made)
        assert ("var(--mark)" in text) == near
        assert ("float 90.00 %" in text) == referred


@about(gather, Facts, Layer, FloatLayer, TableFill)
@examples(8)
@given(seeds, st.booleans())
def test_facts_are_counts_of_the_file(seed, beside):
    tensors, floats = network(seed)
    data = encode_network(tensors, lanes=2)
    found = gather(data, floats if beside else None)
    stream, directory = unpack(data)
    decoded = decode_measured(stream)
    assert found.figures == report(stream, directory, decoded) and found.empty == []
    scales = sum(array.nbytes for name, array in tensors.items() if name.endswith(".scale"))
    weights = sum(array.size for name, array in tensors.items() if array.dtype == np.int8)
    assert (found.scale_bytes, found.other_bytes, found.before) == (scales, 20, 4 * weights + 20)
    assert found.ratio == pytest.approx(found.before / len(data))
    for position, layer in enumerate(found.layers, 1):
        q = tensors[layer.name]
        assert (layer.number, layer.shape, layer.weights, layer.before) == (position, q.shape, q.size, 4 * q.size)
        assert layer.half == max(1, np.abs(q).max()) and layer.bins == 2 * layer.half + 1
        assert layer.counts.tolist() == [(q == value).sum() for value in range(-layer.half, layer.half + 1)]
        assert layer.used == len(np.unique(q)) and layer.zeros == pytest.approx((q == 0).mean())
        assert layer.after == layer.figures["coded_bits"] / 8 and (layer.float is not None) == beside
        if beside:
            exact, scale = floats[layer.name].astype(float), tensors[f"{layer.name}.scale"].astype(float)
            units = exact if scale.size == 1 else exact / scale
            assert (layer.float.steps, layer.float.step) == (scale.size, scale.reshape(-1)[0] if scale.size == 1 else 1)
            assert (layer.float.least, layer.float.most) == pytest.approx((units.min(), units.max()), rel=1e-6)
            inside = ((units >= layer.float.edges[0]) & (units <= layer.float.edges[-1])).mean()
            columns = layer.float.density * np.diff(layer.float.edges)
            assert columns.sum() == pytest.approx(inside, abs=1e-4)
            assert layer.float.edges[-1] >= (layer.half + 0.499) * layer.float.step and inside >= 0.99
            noise = np.square(exact - q * scale).sum()
            snr = 10 * math.log10(np.square(exact).sum() / noise) if noise else None
            assert layer.float.snr_db == (snr if snr is None else pytest.approx(snr, abs=1e-3))
    for position, fill in enumerate(found.tables):
        assert fill.number == position and fill.table == stream.tables[position]
        assert fill.layers == [layer.name for layer in found.layers if layer.figures["table"] == position]
        lanes = [lane for name in fill.layers for lane in split_lanes(tensors[name].reshape(-1), 2, 1)]
        tokens = [token for lane in lanes for token in tokenize(lane, fill.table.alphabet).index.tolist()]
        assert fill.frequencies.tolist() == np.bincount(tokens, minlength=fill.table.alphabet.size).tolist()
        least = coding_cost(fill.frequencies, fill.frequencies)
        rate = exact_rate(fill.table, fill.frequencies) * len(tokens)
        assert fill.excess_percent == (pytest.approx(100 * (rate / least - 1)) if least else None)


@about(gather)
@examples(8)
@given(seeds, st.integers(0, 1 << 20), st.sampled_from(("missing", "shape", "kind", "nan")))
def test_floats_that_are_not_the_files_are_refused(seed, bit, wrong):
    tensors, floats = network(seed, 2)
    data = encode_network(tensors)
    other = {"shape": floats["layer1"][None], "kind": floats["layer1"].astype(int), "nan": floats["layer1"] * np.nan}
    changed = {name: array for name, array in floats.items() if name != "layer1"}
    changed |= {} if wrong == "missing" else {"layer1": other[wrong]}
    with refused(InputError):
        gather(data, changed)
    with refused(FormatError):
        gather(flipped(data, bit))
    with refused(FormatError):
        gather(data, None, 1)


@about(page, histogram, table_fill)
@examples(3)
@given(seeds, texts, st.booleans(), st.booleans())
def test_a_page_stands_alone_and_shows_its_facts(seed, name, beside, curved):
    """A section for each part, in the order of the list; every picture sound; a histogram for each layer."""
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    tensors, floats = network(seed)
    facts, name = gather(encode_network(tensors), floats if beside else None), f"<b>&\"{name}"
    curve = Curve((Point(500, 0.9), Point(900, 0.95))) if curved else None
    text = page(name, facts, curve)
    read = Reader(text)
    assert text == page(name, facts, curve) and not any(tag in ("script", "img") for tag, _ in read.tags)
    keys = [attributes["id"] for tag, attributes in read.tags if tag == "section"]
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a" and attributes["href"][0] == "#"]
    assert links[:len(keys)] == [f"#{key}" for key in keys] and set(links) <= {f"#{each}" for each in read.ids}
    assert len(keys) == 1 + len(SECTIONS) + curved and keys[-1] == "layers" and ("curve" in keys) == curved
    assert read.text("h1") == clean(name) or "\r" in name
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(picture)
    total = facts.figures["total"]
    assert f"{total['weights']:,} weights in 3 layers" in read.text("p") and f"{total['file_bytes']:,} bytes" in text
    for layer in facts.layers:
        chart = histogram(layer, "k")
        drawn(chart, "k-")
        assert f"Weights of {layer.name}" in chart and chart.replace('"k-', f'"weights-{layer.number}-') != chart
        assert f"of which {layer.used} occur" in chart
        assert f"{layer.weights:,} weights in {layer.bins} bins" in chart and f"Weights of {layer.name}" in text
    for fill in facts.tables:
        chart = table_fill(fill, "k")
        drawn(chart, "k-")
        kept = sum(count > 0 for count in fill.table.counts)
        assert f"{sum(fill.table.counts)} slots for {kept} of {len(fill.table.counts)} tokens" in chart
    cells = read.text("td")
    assert all(f"{layer.weights:,}" in cells and layer.name in read.text("span") for layer in facts.layers)
