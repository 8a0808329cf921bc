"""What holds of the pieces of the report's page, whatever texts and figures they are given."""

import html
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.frontend.page_charts import amount
from golden.frontend.page_draw import clean, label
from golden.frontend.page_parts import (
    Section,
    escape,
    key_list,
    number,
    over,
    scrolled,
    section,
    table,
    times,
)
from tests.pages import Reader
from tests.properties import LIMITS, about, examples

texts = st.text(max_size=12)
MINUS = "\N{MINUS SIGN}"


@about(clean, escape)
@LIMITS
@given(st.text(st.characters(), max_size=20))
def test_texts_are_shown_as_they_are(text):
    """But for what no page can hold; nothing of them is markup."""
    found = clean(text)
    assert len(found) == len(text) and clean(found) == found
    assert all(a == b or b == "\ufffd" for a, b in zip(text, found))
    held = [ord(c) in (9, 10, 13) or 32 <= ord(c) < 127 or 160 <= ord(c) < 0xD800 or 0xE000 <= ord(c) <= 0xFFFD
            or ord(c) >= 0x10000 for c in text]
    assert all((a == b) == kept or a == "\ufffd" for a, b, kept in zip(text, found, held))
    ElementTree.fromstring(f"<a>{escape(text)}</a>")
    assert html.unescape(escape(text)) == found and not set('<>"') & set(escape(text))
    found.encode()


@about(label)
@LIMITS
@given(st.text(max_size=40), st.integers(4, 30))
def test_a_label_is_cut_in_its_middle(text, most):
    found, whole = label(text, most), re.sub(r"\s", " ", clean(text))
    assert len(found) <= max(most, 1) and not set("\n\t\r") & set(found)
    if len(whole) <= most:
        assert found == whole
    else:
        head, _, tail = found.partition("…") if "…" not in whole else (whole[:most // 2 - 1], "", found[most // 2:])
        assert whole.startswith(head) and whole.endswith(tail) and tail


@about(amount)
@examples(200)
@given(st.floats(-1, 12).map(lambda power: 10 ** power) | st.builds(lambda power, part: part * 10.0 ** power,
       st.sampled_from((3, 6, 9)), st.floats(0.99, 1.01)))
def test_amounts_are_right_to_three_figures(count):
    value, unit = amount(count).split(" ")
    size = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
    assert float(value) * size == pytest.approx(count, rel=0.0051, abs=0.501)
    assert float(value) < 1000 or unit == "GB" or unit == "B" and count < 1000
    assert unit == "B" or float(value) >= 0.9995
    assert "e" not in value or unit == "GB"


@about(number, over, times)
@LIMITS
@given(st.none() | st.floats(-1e6, 1e6), st.integers(0, 4), st.floats(-2, 5).map(lambda power: 10 ** power))
def test_figures_are_written_right(value, digits, ratio):
    if value is None:
        assert number(value, ".2f") == over(value, digits) == "–"
    else:
        assert number(value, f".{digits}f") == f"{value:.{digits}f}"
        text = over(value, digits)
        assert text.endswith(" %") and text[0] in f"+{MINUS}" and "-" not in text
        assert float(text[:-2].replace(MINUS, "-")) == pytest.approx(value, abs=0.501 * 10.0 ** -digits)
        assert over(value) == over(value, 2)
    assert times(ratio)[-1] == "×" and float(times(ratio)[:-1]) == pytest.approx(ratio, abs=0.0501, rel=0.0051)
    assert len(times(ratio)) <= 7


@about(section, Section, scrolled, key_list)
@LIMITS
@given(texts, texts, st.sampled_from(("", "<b>note</b>")), st.lists(st.tuples(texts, texts), max_size=3))
def test_pieces_hold_their_texts_and_nothing_more(title, name, note, entries):
    found = section("key", "Short", title, note, "<p>body</p>")
    assert (found.key, found.short) == ("key", "Short")
    read = Reader(found.text)
    assert read.text("h2") == clean(title).replace("\r\n", "\n").replace("\r", "\n") or "\r" in title
    assert [tag for tag, _ in read.tags] == ["section", "h2", *["p", "b"] * bool(note), "p"]
    assert read.tags[0][1] == {"id": "key", "aria-labelledby": "key-h"} and "key-h" in read.ids
    (tag, attributes), body = Reader(scrolled("<i>x</i>", name)).tags
    assert (tag, attributes["aria-label"], body[0]) == ("div", clean(name), "i") and attributes["tabindex"] == "0"
    keys = Reader(key_list([("main", text, figure) for text, figure in entries]))
    kinds = [tag for tag, _ in keys.tags]
    assert kinds.count("li") == len(entries) == kinds.count("span")
    assert kinds.count("b") == sum(bool(figure) for _, figure in entries)
    assert keys.text("b") == "".join(clean(figure) for _, figure in entries)


@about(table)
@LIMITS
@given(st.integers(1, 4), st.integers(0, 3), st.integers(0, 2), st.data())
def test_a_table_has_its_cells(columns, rows, feet, data):
    cells = [[data.draw(texts) for _ in range(columns)] for _ in range(1 + rows + feet)]
    found = ElementTree.fromstring(table(cells[0], cells[1:1 + rows], cells[1 + rows:]))
    lines = found.findall(".//tr")
    assert len(lines) == 1 + rows + feet and (found.find("tfoot") is not None) == (feet > 0)
    for line, wanted in zip(lines, cells):
        said = ["".join(cell.itertext()) for cell in line]
        assert said == [clean(cell).replace("\r\n", "\n").replace("\r", "\n") for cell in wanted] or "\r" in str(wanted)
    for line in lines[1:]:
        assert [cell.tag for cell in line] == ["th"] + ["td"] * (columns - 1)
    assert [line.get("class") for line in lines] == [None] * (rows + feet) + ["whole" if feet else None]
