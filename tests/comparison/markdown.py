"""The tables of the comparison as Markdown."""

from statistics import median

from .designs import PEERS
from .hardware import leads, rates
from .sizes import COLUMNS

__all__ = ["table", "text_of"]

NOTE = ("{}. Each netlist twice: as emitted / with its ports behind a register each. MHz: median (best). LUT4 as Yosys "
        "maps; LUT placed as nextpnr counts, carry chains and all; rates are at the median, and per LUT placed.")

SIZES_NOTE = """\
Bits per weight, all in. Entropy is the Shannon entropy of each layer's weights by its own histogram. What each coder
pays for:

- Tansy, words: the lanes' start states, tokens, half-used last words. Header and words: besides, configuration,
  tables, segments and CRC-32s, which is enough to decode. File: besides, names, shapes and what describes the raw
  arrays, without these arrays' own bytes. Only Tansy pays for names, shapes and checksums.
- All others pay for the number of weights of each layer, in the nibbles of Tansy's header, and for no other frame.
- Plain packing: ceil(log2(bins)) bits per weight by the layer's own range, and a byte per layer to say so.
- Huffman, and constriction's range coder and ANS: one stream for all layers; a model for each layer, or for each group
  of layers that share a table of Tansy's, whichever is smaller. A Huffman code has at most 15 bits and pays 4 bits per
  bin. The range coder and ANS have the same models: frequencies in 2^5 to 2^12 parts, the best for each model, for
  which they pay what Tansy's header takes for such a table.
- zstd and xz find their models themselves. They get all layers as one sequence or each layer by itself, a byte per
  weight, or where bins are few two, four or five weights per byte: whichever is smallest. The entropy stage is Huff0,
  with next to no matches; xz is -9e without checksum, with or without its contexts."""
EXCESS_NOTE = """\
Excess over the entropy in percent. Where there are two figures: with each layer's exact frequencies for nothing and no
numbers of weights / all in, as above."""


def table(heads, rows) -> str:
    """A Markdown table of strings."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines).replace(
        "| --- ", "|---").replace("---| |", "---|").replace("|--- |", "|---|")


def _synthesis_cells(row):
    """Cells of a placed design; look-up tables and flip-flops are those as emitted."""
    emitted, registered = row["emitted"], row["registered"]
    rate = {per: (median(rates(row, per)[:len(emitted["fmax"])]), median(rates(row, per)[len(emitted["fmax"]):]))
            for per in (False, True)} if emitted["fmax"] else None
    clocks = [f"{found['fmax_median']:.0f} ({found['fmax_best']:.0f})" if found["fmax"] else ""
              for found in (emitted, registered)]
    return [f"{emitted['cells'].get('LUT4', emitted['lut']):,}", f"{emitted['lut']:,} / {registered['lut']:,}",
            f"{emitted['ff']:,}", emitted["block_rams"], emitted["multipliers"], *clocks,
            f"{row['weights_per_cycle']:.2f}",
            *(" / ".join(f"{value / 1e6:,.{digits}f}" for value in rate[per]) if rate else ""
              for per, digits in ((False, 0), (True, 2))), f"{row['bits_per_weight']:.3f}"]


def _lead_text(rows, per_lut, words, unit):
    found = leads(rows, per_lut)
    if found["first"] is None:
        return ""
    text = f"{words}: {found['first']}, {found['median'] / 1e6:,.{2 if per_lut else 0}f} million{unit}"
    if found["level"]:
        text += f"; level with it within the noise: {', '.join(found['level'])}"
    if found["led"]:
        nearest = min(found["led"], key=lambda other: other["by"])
        text += f"; it leads the others, the nearest of which is {nearest['design']}, by {100 * nearest['by']:.0f} %"
    return text + "."


def hardware_text(rows) -> str:
    """A table for each source, and what follows from it."""
    heads = ["design", "LUT4", "LUT placed", "FF", "block RAM", "multipliers", "MHz as emitted", "MHz ports registered",
             "weights per cycle", "M weights/s", "M weights/s per LUT", "bits per weight"]
    parts = [NOTE.format(rows[0]["target"])] if rows else []
    for source in dict.fromkeys(row["source"] for row in rows):
        mine = [row for row in rows if row["source"] == source]
        lines = [[row["design"], *(_synthesis_cells(row) if not row["error"] else
                                   [f"failed: {row['error']}", *[""] * (len(heads) - 2)])] for row in mine]
        entropy = f" (entropy of the sample {mine[0]['entropy']:.4f})" if mine[0]["entropy"] else ""
        parts += [f"### {source}{entropy}", table(heads, lines),
                  " ".join(filter(None, (_lead_text(mine, False, "Fastest", " weights per second"),
                                         _lead_text(mine, True, "Most per LUT", " weights per second and LUT"))))]
    return "\n\n".join(filter(None, parts))


def software_text(rows) -> str:
    """The software table."""
    heads = ["source", "entropy", "coder", "bits per weight", "encode, M weights/s", "decode, M weights/s"]
    return table(heads, [[row["source"], f"{row['entropy']:.4f}", row["coder"], f"{row['bits_per_weight']:.4f}",
                          f"{row['encode_per_s'] / 1e6:,.1f}", f"{row['decode_per_s'] / 1e6:,.1f}"] for row in rows])


def _excess(row, name):
    """Excess over the entropy in percent; where models can be left out, without and with them."""
    if not row["entropy"]:
        return ""
    percent = [f"{100 * (row[key] / row['entropy'] - 1):.2f}" for key in (f"{name}_free", name) if key in row]
    return " / ".join(percent)


def sizes_text(rows) -> str:
    """Two tables: bits per weight with all that is paid for, and the excess over the entropy."""
    sizes = table(["network", "weights", "entropy", *COLUMNS.values(), "R"], [
        [row["network"], f"{row['weights']:,}", f"{row['entropy']:.4f}", *(f"{row[name]:.4f}" for name in COLUMNS),
         row["table_log"]] for row in rows])
    excess = table(["network", *COLUMNS.values()],
                   [[row["network"], *(_excess(row, name) for name in COLUMNS)] for row in rows])
    return "\n\n".join((SIZES_NOTE, sizes, EXCESS_NOTE, excess))


def peers_text(rows) -> str:
    """The table of published figures."""
    return table(["peer", "M symbols/s", "LUT4", "M per second and LUT4", ""], rows)


TITLES = {"hardware": ("Hardware", hardware_text), "software": ("Software, one core", software_text),
          "sizes": ("Bits per weight", sizes_text), "peers": ("Open peers, as quoted in the design", peers_text)}


def text_of(sections: dict) -> str:
    """All sections, in the order given."""
    sections = {name: PEERS if name == "peers" else rows for name, rows in sections.items()}
    return "\n\n".join(f"## {TITLES[name][0]}\n\n{TITLES[name][1](rows)}" for name, rows in sections.items()) + "\n"
