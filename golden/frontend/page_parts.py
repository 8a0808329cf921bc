"""Pieces of the page: sections, tables, keys to charts. What is put in as text is escaped here."""

import html
from typing import NamedTuple

from .page_draw import clean

__all__ = ["Section", "escape", "key_list", "number", "over", "scrolled", "section", "table", "times"]


class Section(NamedTuple):
    """A section, and what the list of sections calls it."""

    key: str
    short: str
    text: str


def escape(text) -> str:
    """A text for the page."""
    return html.escape(clean(str(text)))


def number(value, form: str) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def over(percent, digits=2) -> str:
    """An excess in percent, or a dash where there is none."""
    return "–" if percent is None else f"{percent:+.{digits}f} %".replace("-", "\N{MINUS SIGN}")


def times(ratio: float) -> str:
    """How many times smaller."""
    return f"{ratio:.{1 if ratio < 99.95 else 0}f}×"


def section(key: str, short: str, title: str, note: str, body: str) -> Section:
    """A section with a heading (text), a remark (markup, maybe none) and a body (markup)."""
    note = f'<p class="note">{note}</p>\n' if note else ""
    head = f'<section id="{key}" aria-labelledby="{key}-h">\n<h2 id="{key}-h">{escape(title)}</h2>\n'
    return Section(key, short, f"{head}{note}{body}\n</section>")


def _line(cells, kind=""):
    """A row. Its first cell is its head, which may take several lines."""
    first = f'<th scope="row"><span>{escape(cells[0])}</span></th>'
    return f"<tr{kind}>{first}{''.join(f'<td>{escape(cell)}</td>' for cell in cells[1:])}</tr>"


def table(heads, rows, foot=()) -> str:
    """A table of texts; the first cell of each row is its head. The last row of a foot is the whole."""
    last = len(foot) - 1
    tail = "\n".join(_line(cells, ' class="whole"' if i == last else "") for i, cells in enumerate(foot))
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
    body = "\n".join(map(_line, rows))
    return (f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
            + (f"<tfoot>\n{tail}\n</tfoot>\n" if foot else "") + "</table>")


def scrolled(body: str, name: str) -> str:
    """A wide piece of markup that scrolls sideways by itself; the keyboard reaches it."""
    return f'<div class="scroll" role="region" aria-label="{escape(name)}" tabindex="0">\n{body}\n</div>'


def key_list(entries) -> str:
    """The key to a chart: (classes of the swatch, text, figure or nothing)."""
    items = "".join(f'<li><span class="swatch {classes}"></span>{escape(text)}'
                    + (f" <b>{escape(figure)}</b>" if figure else "") + "</li>" for classes, text, figure in entries)
    return f'<ul class="key">{items}</ul>'
