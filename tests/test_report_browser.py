"""The page of a network, looked at in a real browser: in light, in dark, on a phone. Skipped where there is none."""

import base64

import numpy as np
import pytest

from golden.frontend.curve import Curve, Point
from golden.frontend.page import page
from golden.frontend.page_facts import gather
from golden.network import encode_network

from .browser import chromium
from .sources import laplacian
from .test_report import float_network, quantized

SECTIONS = ["summary", "memory", "bins", "entropy", "weights", "tables", "curve", "layers"]
VIEWS = {"light": (1280, False), "dark": (1280, True), "phone": (375, False), "dark phone": (375, True)}
# Every text that is seen, with the contrast of its colour to the background that it is on, and its size in pixels.
CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d');
function rgba(text) {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
}
function luminance(color) {
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = color.slice(0, 3).map(v => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const color = rgba(getComputedStyle(e).backgroundColor);
    if (color[3] > 0) return color;
  }
  return [255, 255, 255, 255];
}
const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const parent = walk.currentNode.parentElement;
  const svg = parent.closest('svg');
  if (!walk.currentNode.data.trim() || !parent.checkVisibility() || (svg && parent.tagName !== 'text')) continue;
  const style = getComputedStyle(parent);
  const pair = [luminance(rgba(svg ? style.fill : style.color)), luminance(ground(parent))].sort((a, b) => b - a);
  const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
  found.push([walk.currentNode.data.trim(), (pair[0] + 0.05) / (pair[1] + 0.05), scale * parseFloat(style.fontSize)]);
}
return found;
"""
# Charts that are seen, with the texts in them that are not inside of what holds them.
CHARTS = """
return [...document.querySelectorAll('svg')].filter(e => e.checkVisibility()).map(svg => {
  const box = svg.getBoundingClientRect(), room = svg.parentElement.getBoundingClientRect();
  const out = [...svg.querySelectorAll('text')].filter(text => {
    const inner = text.getBoundingClientRect();
    return inner.left < room.left - 1 || inner.right > room.right + 1 || inner.bottom > box.bottom + 1;
  });
  return {section: svg.closest('section').id, width: box.width, left: box.left, right: box.right,
          texts: svg.querySelectorAll('text').length, out: out.map(text => text.textContent)};
});
"""
WIDE = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth, innerWidth]"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A page with everything: floats, runs, long names, a curve."""
    runs = {"a.layer.of.a.network.whose.names.are.long.weight": laplacian(3, 0.5, 3000)}
    runs |= {f"{next(iter(runs))}.scale": np.float32([0.25])}
    floats = float_network() | {name: q * np.float32(0.25) for name, q in runs.items() if q.size > 1}
    data = encode_network(quantized() | runs, vector=4)
    curve = Curve(tuple(Point(1000 * i, 0.7 + 0.02 * i, 0.01, i / 2, f"point {i}") for i in range(1, 9)),
                  Point(20_000, 0.88), "a curve")
    path = tmp_path_factory.mktemp("browser") / "page.html"
    path.write_text(page("network.tsy", gather(data, floats), curve), encoding="utf-8")
    return path


@pytest.mark.parametrize("view", VIEWS)
def test_page(browser, shown, view):
    width, dark = VIEWS[view]
    browser.complaints(), browser.requested()
    browser.show(shown, width, dark=dark)
    assert browser.complaints() == []
    assert [url for url in browser.requested() if not url.startswith("data:")] == [shown.as_uri()]
    scroll, client, inner = browser.run(WIDE)
    assert inner == width and scroll <= client == width
    assert browser.run("return [...document.querySelectorAll('section')].filter(s => s.offsetHeight > 80 && "
                       "s.querySelector('h2').checkVisibility()).map(s => s.id)") == SECTIONS
    luminance = [entry for entry in browser.run(CONTRAST) if entry[1] < 4.5]
    assert luminance == []
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") != dark


@pytest.mark.parametrize("view", VIEWS)
def test_charts(browser, shown, view):
    """Each is as wide as its place, one for each size of window, and no text of it is cut."""
    width, dark = VIEWS[view]
    browser.show(shown, width, dark=dark)
    charts = browser.run(CHARTS)
    assert [chart for chart in charts if chart["out"]] == []
    assert all(chart["left"] >= 0 and chart["right"] <= width and chart["texts"] > 1 for chart in charts)
    per_section = {name: [chart for chart in charts if chart["section"] == name] for name in SECTIONS}
    assert [len(per_section[name]) for name in ("memory", "bins", "entropy", "curve")] == [1] * 4
    assert len(per_section["weights"]) == 5 and len(per_section["tables"]) >= 3
    assert all(chart["width"] > 0.7 * min(width, 944) for chart in per_section["memory"] + per_section["curve"])
    assert [entry for entry in browser.run(CONTRAST) if entry[2] < 10.5] == []


@pytest.mark.parametrize("width", [1280, 375, 320])
def test_what_is_folded_away_fits_too(browser, shown, width):
    browser.show(shown, width)
    opened = browser.run("const all = [...document.querySelectorAll('details')]; all.forEach(e => e.open = true); "
                         "return all.length")
    assert opened == 2
    scroll, client, _ = browser.run(WIDE)
    assert scroll <= client == width
    assert browser.run("return [...document.querySelectorAll('details table')].every(e => e.checkVisibility())")
    assert [entry for entry in browser.run(CONTRAST) if entry[1] < 4.5] == []


def test_bars_change_with_the_colours(browser, shown):
    fills = []
    for dark in (False, True):
        browser.show(shown, dark=dark)
        fills.append(set(browser.run("return [...document.querySelectorAll('#memory .wide path')].map("
                                     "e => getComputedStyle(e).fill).filter(fill => fill !== 'none')")))
    assert all(len(found) >= 2 for found in fills) and not fills[0] & fills[1]


def test_links_lead_to_sections(browser, shown):
    browser.show(shown, 375)
    targets = browser.run("return [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    assert targets == [f"#{name}" for name in SECTIONS]
    browser.run("document.querySelector('nav a[href=\"#layers\"]').click()")
    assert abs(browser.run("return document.querySelector('#layers').getBoundingClientRect().top")) < 900
    assert browser.run("return scrollY") > 900


def test_wide_tables_scroll_by_themselves(browser, shown):
    browser.show(shown, 375)
    inner, outer = browser.run("const e = document.querySelector('#layers .scroll'); return [e.scrollWidth, "
                               "e.clientWidth]")
    assert inner > 2 * outer
    left = browser.run("const e = document.querySelector('#layers .scroll'); e.scrollLeft = 300; return "
                       "e.querySelector('tbody th').getBoundingClientRect().left - e.getBoundingClientRect().left")
    assert abs(left) <= 2


def test_faults_are_seen(browser, shown, tmp_path):
    """What the tests above look for they would find."""
    text = shown.read_text(encoding="utf-8")
    text = text[:text.index('<meta http-equiv="Content')] + text[text.index('<meta name="color-scheme"'):]
    fault = ('<p style="width: 3000px; color: #eee; background: #fff">pale</p><img src="http://127.0.0.1:9/a.png">'
             "<script>console.error('fault')</script>")
    (tmp_path / "p.html").write_text(text.replace("</main>", f"{fault}</main>"), encoding="utf-8")
    browser.complaints(), browser.requested()
    browser.show(tmp_path / "p.html")
    assert any("fault" in line for line in browser.complaints())
    assert "http://127.0.0.1:9/a.png" in browser.requested()
    scroll, client, _ = browser.run(WIDE)
    assert scroll > client
    assert [name for name, contrast, _ in browser.run(CONTRAST) if contrast < 4.5] == ["pale"]


def test_the_policy_stops_what_would_be_loaded(browser, shown, tmp_path):
    text = shown.read_text(encoding="utf-8").replace("</main>", '<img src="http://127.0.0.1:9/a.png"></main>')
    (tmp_path / "p.html").write_text(text, encoding="utf-8")
    browser.requested()
    browser.show(tmp_path / "p.html")
    assert any("Content Security Policy" in line for line in browser.complaints())
    assert not any("127.0.0.1" in url for url in browser.requested())


def test_picture(browser, shown, tmp_path):
    """A picture of the whole page can be taken: what a person would look at."""
    browser.show(shown, 375, dark=True)
    browser.picture(tmp_path / "p.png")
    data = (tmp_path / "p.png").read_bytes()
    assert data.startswith(base64.b64decode("iVBORw0KGgo=")) and len(data) > 50_000
