"""Matplotlib's figures as SVG that belongs to a page: its colours are the page's variables, its text is text.

Charts are drawn in stand-in colours. `svg` puts CSS variables in their place, so that one picture is right in light and
in dark, takes fonts off, so that the page's hold, and makes the few names that are referred to unique in the page.
Equal figures give equal text.
"""

import contextlib
import importlib.util
import io
import re
import warnings
import xml.etree.ElementTree as ElementTree

from ..errors import TansyError

__all__ = ["BACK", "INK", "LINE", "MAIN", "MARK", "PALE", "SOFT", "check_plotting", "clean", "figure_of", "label",
           "svg"]

# Stand-ins, each for the page's variable of its name.
INK, SOFT, LINE, MAIN, PALE, MARK, BACK = (f"#00000{i}" for i in range(1, 8))
VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", MAIN: "main", PALE: "pale", MARK: "mark", BACK: "back"}
COLOUR = re.compile(r"#00000[1-7]\b")
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
UNREADABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f]")
STYLE = {
    "svg.hashsalt": "tansy", "svg.fonttype": "none", "path.simplify": False, "font.family": "DejaVu Sans",
    "font.size": 12, "text.color": INK, "text.parse_math": False, "axes.edgecolor": LINE, "axes.facecolor": "none",
    "figure.facecolor": "none", "axes.labelcolor": SOFT, "axes.labelsize": 12, "axes.axisbelow": True,
    "axes.grid": False, "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
    "axes.linewidth": 1, "grid.color": LINE, "grid.linewidth": 1, "xtick.color": LINE, "ytick.color": LINE,
    "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT, "xtick.labelsize": 12, "ytick.labelsize": 12,
    "xtick.major.size": 0, "ytick.major.size": 0, "xtick.major.pad": 5, "ytick.major.pad": 5,
    "axes.unicode_minus": True, "lines.solid_capstyle": "butt",
}
SPACE = "http://www.w3.org/2000/svg"


def check_plotting() -> None:
    """Raise `TansyError` if Matplotlib is not here."""
    if importlib.util.find_spec("matplotlib") is None:
        raise TansyError("the report's charts need an extra: pip install tansy[plot]")


def clean(text: str) -> str:
    """A text with a mark in place of each character that no page can hold: controls, halves of pairs."""
    return UNREADABLE.sub("\ufffd", text)


def label(text: str, most: int) -> str:
    """A name for a chart: at most so many characters, cut in its middle."""
    text = re.sub(r"\s", " ", clean(text))
    return text if len(text) <= most else f"{text[:most // 2 - 1]}…{text[-(most - most // 2):]}"


@contextlib.contextmanager
def figure_of(width: float, height: float):
    """An empty figure of so many of the page's pixels, in the style of the page."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        yield figure


def svg(figure, key: str, title: str, description: str) -> str:
    """The figure as an element of a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of `figure_of`, whose block must not have ended.
    key : str
        Begins every name in the picture; another for each picture of the page.
    title, description : str
        What the picture is, and what it shows, for those who do not see it.
    """
    file = io.StringIO()
    with warnings.catch_warnings():
        # A name may have characters that Matplotlib's font lacks; the page's fonts decide.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(clean(file.getvalue()))
    for part in ("metadata", f"{{{SPACE}}}metadata", f"{{{SPACE}}}defs/{{{SPACE}}}style/.."):
        for found in root.findall(part):
            root.remove(found)
    named = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", file.getvalue()))
    for element in root.iter():
        _settle(element, key, named)
    _flatten(root)
    box = root.get("viewBox")
    root.attrib.clear()
    root.attrib |= {"class": "chart", "viewBox": box, "role": "img", "aria-labelledby": f"{key}-t {key}-d"}
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag, {"id": f"{key}-{tag[0]}"})
        element.text, element.tail = clean(text), "\n"
        root.insert(place, element)
    return ElementTree.tostring(root, encoding="unicode")


def _settle(element, key, named):
    """Name, colours and fonts of one element, without name spaces."""
    element.tag = element.tag.rpartition("}")[2]
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        name = name.rpartition("}")[2]
        if name == "id":
            if value not in named:
                continue
            value = f"{key}-{value}"
        elif value.startswith("rotate(-0 "):
            continue
        elif name in ("d", "x", "y", "transform"):
            value = LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value)
        elif name == "href":
            value = f"#{key}-{value[1:]}"
        elif "url(#" in value:
            value = value.replace("url(#", f"url(#{key}-")
        elif name == "style":
            value = COLOUR.sub(lambda found: f"var(--{VARIABLES[found[0]]})", value)
            value = re.sub(r"font: (?:(\d+) )?([\d.]+)px [^;]*", r"font-size: \2px; font-weight: \1", value)
            value = re.sub(r"font-family: [^;]*;? ?|font-weight: (;|$) ?|stroke-linejoin: miter;? ?", "", value)
        element.set(name, value)


def _flatten(element):
    """Take off groups that say nothing, and the white space between elements."""
    element.text = element.text if element.tag in ("text", "title", "desc") else None
    children = []
    for child in list(element):
        _flatten(child)
        child.tail = None
        plain = child.tag == "g" and not child.attrib
        children += list(child) if plain else [child]
    for child in list(element):
        element.remove(child)
    element.extend(children)
