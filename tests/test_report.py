"""The page of a network: what it says is what the file holds, it stands alone, and bad input is one line."""

import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest

from golden.codec import decode_measured
from golden.container import unpack
from golden.errors import InputError, TansyError
from golden.figures import report
from golden.formats import read_tensors, write_npz
from golden.frontend import page_charts, page_draw, page_layers
from golden.frontend.curve import Curve, Point, write_curve
from golden.frontend.page import page
from golden.frontend.page_facts import gather
from golden.network import encode_network
from golden.rules import Rules, quantize_network

from .sources import laplacian
from .test_commands import ROOT, command, complaint

BAD_NAME = "<b>&\"'$x_1$\x01\n日本</b>"
VOID = {"meta", "link", "br"}
SECTIONS = ["summary", "memory", "bins", "entropy", "weights", "tables", "layers"]


class Reader(HTMLParser):
    """The tags of a page, balanced or not, and the cells of its tables."""

    def __init__(self):
        super().__init__()
        self.open, self.unbalanced, self.ids, self.labels, self.rows, self.headings = [], [], [], [], [], []
        self.parents = Counter()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.labels += found.get("aria-labelledby", "").split()
        self.parents[(self.open[-1] if self.open else "", tag)] += 1
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "h3":
            self.headings.append("")

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if "h3" in self.open:
            self.headings[-1] += data
        if self.rows and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [] and reader.unbalanced == []
    return reader


def float_network(layers=4):
    rng = np.random.default_rng(3)
    shapes = [(8, 3, 3, 2), (12, 8), (12, 12), (5, 12)]
    return {f"layer{i}.weight": rng.laplace(0, 0.1 + 0.05 * (i % 3), shapes[i % 4]).astype(np.float32)
            for i in range(layers)} | {"bias": rng.normal(size=7).astype(np.float32)}


def quantized(layers=4, **options):
    rules = Rules(7, (("layer0*", 255), ("layer2*", 3)), **options)
    return quantize_network(float_network(layers), rules)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network, its floats and a curve."""
    path = tmp_path_factory.mktemp("report")
    write_npz(path / "float.npz", float_network())
    (path / "net.tsy").write_bytes(encode_network(quantized()))
    write_curve(path / "curve.json", Curve((Point(500, 0.9, 0.01, 2.5, "small"), Point(900, 0.96)), Point(2000, 0.97)))
    return path


def digits(text):
    return float(text.replace(",", "").rstrip("× %").replace("\N{MINUS SIGN}", "-"))


def test_command(folder, tmp_path):
    pages = []
    for seed, name in (("1", "a"), ("2", "b.htm")):
        done = command("report", folder / "net.tsy", "--float", folder / "float.npz", "--curve", folder / "curve.json",
                       "-o", tmp_path / (name if "." in name else f"{name}.html"), "--title", "A net",
                       environment={"PYTHONHASHSEED": seed})
        assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1, done
        pages.append((tmp_path / (name if "." in name else f"{name}.html")).read_bytes())
    assert pages[0] == pages[1]
    text = pages[0].decode()
    found = read(text)
    assert "<title>A net – Tansy</title>" in text
    assert [each for each in found.ids if each in SECTIONS + ["curve"]] == [*SECTIONS[:-1], "curve", SECTIONS[-1]]
    assert "4 layers" in done.stdout


def test_default_output(folder, tmp_path):
    (tmp_path / "some.net.tsy").write_bytes((folder / "net.tsy").read_bytes())
    assert command("report", tmp_path / "some.net.tsy").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["some.net.html", "some.net.tsy"]


def test_figures_are_those_of_the_file(folder):
    """Row by row those of `golden.figures`; what is below them sums to the file's bytes."""
    data = (folder / "net.tsy").read_bytes()
    rows = read(page("n", gather(data))).rows
    stream, directory = unpack(data)
    figures = report(stream, directory, decode_measured(stream))
    start = next(i for i, row in enumerate(rows) if row[0] == "layer")
    heads, body, foot = rows[start], rows[start + 1:start + 5], rows[start + 5:]
    for cells, row in zip(body, figures["layers"]):
        cells = dict(zip(heads, cells))
        assert cells["layer"] == row["name"] and digits(cells["weights"]) == row["weights"]
        assert digits(cells["coded"]) == round(row["coded_bits_per_weight"], 4)
        assert digits(cells["entropy"]) == round(row["entropy"], 4)
        assert digits(cells["excess"]) == pytest.approx(row["coded_excess_percent"], abs=6e-4)
        assert digits(cells["float32, bytes"]) == 4 * row["weights"]
        assert cells["shape"] == " × ".join(map(str, row["shape"]))
    column, before = heads.index("coded, bytes"), heads.index("float32, bytes")
    names = [row[0] for row in foot]
    assert names == ["all weights", "header, names, lane ends", "scales", "biases and other arrays", "the file"]
    assert digits(foot[-1][column]) == len(data)
    assert sum(digits(row[column]) for row in foot[:-1]) == pytest.approx(len(data), abs=2)
    assert digits(foot[-1][before]) == 4 * figures["total"]["weights"] + 28
    assert digits(foot[2][column]) == 16


def test_facts():
    network = quantized()
    facts = gather(encode_network(network, vector=2, lanes=3, max_run=2, table_log=9), float_network())
    for layer in facts.layers:
        q = network[layer.name]
        assert layer.bins == 2 * max(1, abs(int(q.min())), int(q.max())) + 1
        assert layer.counts.sum() == q.size and layer.zeros == np.mean(q == 0)
        assert layer.counts[layer.half + 1] == np.sum(q == 1) and layer.used == len(np.unique(q))
        width = np.diff(layer.float.edges)
        assert 0.99 < layer.float.density @ width <= 1 + 1e-9
        assert layer.float.edges[-1] >= (layer.half + 0.5) * float(network[f"{layer.name}.scale"]) * (1 - 1e-6)
    _, rows = quantize_network(float_network(), Rules(7, (("layer0*", 255), ("layer2*", 3))))
    assert [layer.float.snr_db for layer in facts.layers] == pytest.approx([row["snr_db"] for row in rows])
    for fill in facts.tables:
        tokens = sum(layer.weights / layer.figures["weights_per_token"] for layer in facts.layers
                     if layer.name in fill.layers)
        assert fill.frequencies.sum() == pytest.approx(tokens)
        assert -0.01 < fill.excess_percent < 5
    assert sorted(name for fill in facts.tables for name in fill.layers) == sorted(layer.name for layer in facts.layers)


def test_steps_per_channel():
    facts = gather(encode_network(quantized(per_channel=True)), float_network())
    assert [layer.float.steps for layer in facts.layers] == [8, 12, 12, 5]
    assert all(layer.float.step == 1 and layer.float.edges[-1] >= layer.half + 0.5 for layer in facts.layers)
    assert " steps" in page("n", facts)


def odd_page():
    """A small network with the worst of names."""
    odd = {BAD_NAME: laplacian(3, 0.5, 4000), f"{BAD_NAME}.scale": np.ones((), np.float32),
           "empty": np.zeros((0, 2), np.int8), "wide": laplacian(255, 6.5, 3000), "x" * 90: laplacian(63, 3.0, 900)}
    curve = Curve(tuple(Point(300 * i, 0.5 + i / 40, 0.01, i / 4, f"{BAD_NAME} {i}") for i in range(1, 14)),
                  Point(40_000, 0.9), BAD_NAME)
    return page(BAD_NAME, gather(encode_network(odd, vector=4)), curve)


@pytest.fixture(scope="module")
def made():
    """That one; one with what counts as many layers; one of a single layer of zeros."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_charts, "ROWS", 8)
        patch.setattr(page_layers, "ROWS", 8)
        many = page("many", gather(encode_network(quantized(14)), float_network(14)))
    zeros = page("zeros", gather(encode_network({"z": np.zeros(99, np.int8)})), Curve((Point(9, 0.5),)))
    return {"odd": odd_page(), "many": many, "zeros": zeros}


@pytest.mark.parametrize("name", ["odd", "many", "zeros"])
def test_the_page_stands_alone(made, name):
    """Nothing is loaded and nothing runs; names are unique; every chart says what it is, in the page's own colours."""
    text = made[name]
    found = read(text)
    assert not re.search(r"<script|https?:|//www|@import|@font-face|src=|\bon\w+=|url\((?!#)|href=\"(?!#|data:,)", text)
    assert [each for each, count in Counter(found.ids).items() if count > 1] == []
    assert set(found.labels) <= set(found.ids)
    used = set(re.findall(r"(?:href=\"|url\()#([\w-]+)", text))
    assert used <= set(found.ids)
    charts = text.count("<svg ")
    assert charts and found.parents["svg", "title"] == found.parents["svg", "desc"] == charts
    colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", text.partition("</style>")[2]))
    assert colours <= {"none", *(f"var(--{each})" for each in page_draw.VARIABLES.values())}


def test_names_are_text(made):
    text = made["odd"]
    assert text == odd_page()
    shown = BAD_NAME.replace("\x01", "\ufffd")
    assert "<b>&" not in text and "\x01" not in text
    assert "&lt;b&gt;&amp;&quot;&#x27;$x_1$\ufffd\n日本&lt;/b&gt;</h1>" in text
    cells = [cell for row in read(text).rows for cell in row]
    assert shown in cells and f"{shown} 13" in cells and "x" * 90 in cells
    assert "Without weights: empty." in text


def test_many_layers_are_columns(made):
    text, found = made["many"], read(made["many"])
    assert "2 more layers</summary>" in text
    assert found.headings.count("14 layer13.weight") == 1
    assert "Excess over the entropy per layer" in text and "Excess over the entropy per layer" not in made["odd"]
    assert text.count("<svg ") == 8 + 14 + len(set(re.findall(r"Slots of table \d+", text)))


def test_bars_are_in_proportion():
    """Of a row of the chart: the lengths of the two bars, pale and full."""
    facts = gather(encode_network({"w": laplacian(3, 0.5, 4000), "v": laplacian(3, 0.5, 1000)}))
    text = page("n", facts)
    chart = text[text.index('id="memory-wide-t"'):text.index('id="memory-narrow-t"')]
    lengths = {}
    for path, colour in re.findall(r'<path d="(M [^"]*z )"[^>]*fill: var\(--(pale|main)\)', chart):
        across = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", path)]
        lengths.setdefault(colour, []).append(max(across) - min(across))
    assert lengths["pale"][0] / lengths["pale"][1] == pytest.approx(4, rel=1e-3)
    for before, after, layer in zip(lengths["pale"], lengths["main"], facts.layers):
        assert before / after == pytest.approx(layer.before / layer.after, rel=0.02)


@pytest.mark.parametrize("count, text", [(0, "0 B"), (812.4, "812 B"), (999.6, "1 kB"), (9_432, "9.43 kB"),
                                         (144_000, "144 kB"), (2_310_000, "2.31 MB"), (5e9, "5 GB")])
def test_amounts(count, text):
    assert page_charts.amount(count) == text


def test_labels():
    assert page_draw.label("short", 8) == "short"
    assert page_draw.label("a.very.long.name", 9) == "a.v….name" and len(page_draw.label("a" * 50, 21)) == 21
    assert page_draw.label("a\nb\x00", 9) == "a b\ufffd"


def floats_without(name):
    return {key: array for key, array in float_network().items() if key != name}


@pytest.mark.parametrize("floats, message", [
    (floats_without("layer1.weight"), "there must be a float array layer1.weight"),
    (float_network() | {"layer1.weight": np.ones((8, 12), np.float32)}, "must have the shape (12, 8) of the encoded"),
    (float_network() | {"layer1.weight": np.ones((12, 8), np.int8)}, "must be an array of floats, not of int8"),
    (float_network() | {"layer1.weight": np.full((12, 8), np.nan, np.float32)}, "finite, not nan at index (0, 0)"),
])
def test_floats_that_do_not_fit(folder, tmp_path, floats, message):
    write_npz(tmp_path / "w.npz", floats)
    line = complaint("report", folder / "net.tsy", "--float", tmp_path / "w.npz", "-o", tmp_path / "p.html")
    assert message in line and "layer1.weight" in line
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize("scale", [None, np.ones(5, np.float32), np.zeros((), np.float32)])
def test_scales_that_do_not_fit(scale):
    network = quantized()
    del network["layer1.weight.scale"]
    data = encode_network(network if scale is None else network | {"layer1.weight.scale": scale})
    assert len(gather(data).layers) == 4
    with pytest.raises(InputError, match=r"layer1.weight.scale"):
        gather(data, float_network())


def test_bad_input(folder, tmp_path):
    data = (folder / "net.tsy").read_bytes()
    (tmp_path / "cut.tsy").write_bytes(data[:len(data) // 2])
    (tmp_path / "curve.json").write_text('{"points": [{"bytes": 3, "accuracy": 99}]}')
    before = sorted(tmp_path.iterdir())
    output = ("-o", tmp_path / "p.html")
    assert "cut.tsy: the file ends within" in complaint("report", tmp_path / "cut.tsy", *output)
    assert "curve.json: point 0: accuracy must be" in complaint("report", folder / "net.tsy", "--curve",
                                                                tmp_path / "curve.json", *output)
    assert "cannot be read" in complaint("report", tmp_path / "none.tsy", *output)
    assert "cannot be read" in complaint("report", folder / "net.tsy", "--float", tmp_path / "none.npz", *output)
    assert "must be a file .html, not" in complaint("report", folder / "net.tsy", "-o", tmp_path / "p.pdf")
    assert "cannot be written" in complaint("report", folder / "net.tsy", "-o", tmp_path / "no" / "p.html")
    assert "at most 10 weights" in complaint("report", folder / "net.tsy", *output, "--max-weights", 10)
    assert "the following arguments are required: file" in complaint("report")
    assert sorted(tmp_path.iterdir()) == before


def test_without_matplotlib(monkeypatch):
    monkeypatch.setattr(page_draw.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TansyError, match=r"pip install tansy\[plot\]"):
        page_draw.check_plotting()


def test_the_embedded_network():
    """The network that ships with Tansy beside the float weights it came from."""
    tensors = read_tensors(ROOT / "golden" / "digits" / "digits.npz")
    facts = gather(encode_network(tensors), read_tensors(ROOT / "golden" / "digits" / "float.npz"))
    assert [layer.bins for layer in facts.layers] == [29, 3, 3, 9]
    read(page("digits", facts))
