"""What is proved, of which configurations, and how."""

from collections.abc import Callable
from dataclasses import dataclass

from golden.config import Config, OutputMode, TableMemory, TableStyle

from . import (
    clean,
    distribution,
    expander,
    fields,
    guard,
    header,
    look_up,
    moves,
    parity,
    parts,
    preamble,
    record_memory,
    reservoir,
    rom_loader,
    segment_loader,
    selection,
    sequencer,
    sparse,
    spreader,
    table_loader,
    tokens,
    transfers,
    word_memory,
)
from .engine import Circuit, Verdict
from .faults import Fault, planted
from .harness import Harness

__all__ = ["PROOFS", "Proof", "configuration", "find", "prove"]

LETTERS = {"lanes": "N", "ring": "C", "vector": "V", "word_bits": "W", "preload": "P", "table_log": "R",
           "raw_bits": "s", "output": "output", "max_run": "M", "queue": "D", "bins": "bins",
           "count_bits": "count bits", "max_tables": "tables", "max_segments": "segments", "table_style": "style",
           "table_memory": "in", "select": "select", "protect": "protect"}


@dataclass(frozen=True)
class Proof:
    """A claim about a component.

    Parameters
    ----------
    name : str
        Of the proof.
    blocks : str
        The files of `hw` that it is about.
    claim : str
        What is proved, in words.
    harness : callable
        From a configuration to a `Harness`.
    configs : tuple of dict
        The configurations, as parameters of `Config`.
    method : str
        See `Circuit.solve`.
    cycles : int
        Of an induction, those it assumes; of a bounded check, those it looks at.
    depth : int
        How many cycles to look at for a planted fault.
    slow : bool
        Whether it takes longer than some seconds.
    """

    name: str
    blocks: str
    claim: str
    harness: Callable[[Config], Harness]
    configs: tuple
    method: str = "pdr"
    cycles: int = 0
    depth: int = 12
    slow: bool = False


SPAN = {"lanes": 2, "word_bits": 8, "table_log": 2, "count_bits": 8}
TURNS = {"lanes": 4, "ring": 2, "vector": 2, "word_bits": 8, "table_log": 5, "count_bits": 8}
SPARSE = {"word_bits": 8, "table_log": 1, "bins": 3, "output": OutputMode.SPARSE}
RAW = {"word_bits": 8, "table_log": 2, "raw_bits": 1, "bins": 7, "queue": 2}
RAM = {"table_style": TableStyle.RAM}
TABLES = {"word_bits": 8, "table_log": 2, "bins": 7, "max_tables": 2}
BYTE = {"word_bits": 8, "table_log": 2}
SEGMENTS = {"word_bits": 8, "table_log": 2, "count_bits": 8, "max_segments": 2, "raw_bits": 1}
ONE = {"word_bits": 8, "table_log": 1, "bins": 3, "queue": 2, "count_bits": 8, "max_segments": 3, "max_tables": 1}
TINY = {"word_bits": 8, "bins": 3}
HEAD = {"word_bits": 8, "table_log": 1, "bins": 3, "max_tables": 2, "max_segments": 3, "count_bits": 8}
LOOP = {"word_bits": 8, "table_log": 1, "bins": 3, "queue": 2}
SAFE = {"word_bits": 8, "table_log": 2, "bins": 3, "max_tables": 1, "queue": 2, "protect": True}
BLOCK = {"table_memory": TableMemory.BLOCK}
STREAM = {"word_bits": 8, "table_log": 7, "bins": 3, "queue": 2, "count_bits": 8, "max_segments": 3, "max_tables": 1}

PROOFS = (
    Proof("expander", "expander", "a slot shows the value put there since its part was begun, or 0", expander.Slots,
          ({"ring": 1, "vector": 1}, {"ring": 1, "vector": 4}, {"ring": 2, "vector": 2}, {"ring": 3, "vector": 3},
           {"ring": 1, "vector": 8})),
    Proof("reservoir", "reservoir", "bits of the words in order; what is promised is there; what is there is promised",
          reservoir.Bits,
          ({"word_bits": 8, "preload": 2, "table_log": 3},
           {"word_bits": 8, "preload": 3, "table_log": 7, "raw_bits": 1},
           {"word_bits": 16, "preload": 2, "table_log": 7, "raw_bits": 1}), "induction", 2, depth=16),
    Proof("look-up", "lane, renormalization", "next state, bits taken and token are those of the definition",
          look_up.LookUp, (RAW, RAW | {"table_log": 3, "max_run": 2})),
    Proof("turn", "ring, step, renormalization", "the same from turn to turn, and the place in the words",
          look_up.TakenTurn, ({"ring": 2} | RAW, {"ring": 3, "max_run": 2, "preload": 3} | RAW), depth=32),
    Proof("table", "symbol_table, block_tables", "the entry is that of the state's address, as it was written last",
          look_up.Loaded, (TABLES | RAM, TABLES | {"ring": 3} | RAM, TABLES, TABLES | {"ring": 3},
                           TABLES | {"ring": 3, "table_memory": TableMemory.BLOCK} | RAM,
                           TABLES | {"ring": 3, "table_memory": TableMemory.BLOCK})),
    Proof("word memory", "word_memory", "bits of a lane's words in order; a window is told to be there when it is",
          word_memory.Words, ({"ring": 2, "preload": 2} | BYTE, {"ring": 3, "preload": 2} | BYTE,
                              {"ring": 2, "preload": 3} | BYTE | {"table_log": 5}), depth=24),
    Proof("parts", "part_queue, lookout", "the part fetched is the one written; a turn is told to be there when it is",
          parts.Parts, (TINY | {"lanes": 2, "queue": 2}, TINY | {"lanes": 4, "ring": 2, "queue": 2},
                        TINY | {"lanes": 2, "ring": 2, "queue": 4}), depth=18),
    Proof("sequencer", "sequencer", "segments are announced in order, by their records, beat by beat to their ends",
          sequencer.Segments, (SEGMENTS | {"lanes": 2, "queue": 2},
                               SEGMENTS | {"lanes": 4, "ring": 2, "vector": 2, "queue": 2}), "bounded", 20, depth=18),
    Proof("preload", "distribution", "P words to each lane, lane by lane, one at a time", distribution.Preload,
          (SPAN, TURNS), depth=14),
    Proof("stored", "distribution", "the words of the source in order, then zeros, and none taken beyond them",
          distribution.Stored, (SPAN, TURNS), "induction", 3),
    Proof("progress", "distribution, requests", "what is asked for comes within 8 cycles, a stalled source aside; the "
          "queue never overflows", distribution.Progress, (SPAN,), "induction", 3, depth=26),
    Proof("need order", "distribution, requests", "each word goes to the lane that asked for it, in order of requests",
          distribution.NeedOrder, (SPAN, SPAN | {"ring": 2, "vector": 2, "table_log": 5}), "bounded", 22, depth=26,
          slow=True),
    Proof("weights", "lane, token_pair, placement, ring, step, expander",
          "parts hold the weights of the tokens, all of them in order, cut at the segment's end", tokens.Weights,
          ({"ring": 2, "vector": 1, "max_run": 2} | LOOP, {"ring": 2, "vector": 2, "max_run": 3} | LOOP,
           {"ring": 1, "vector": 1, "max_run": 2} | LOOP, {"ring": 1, "vector": 2, "max_run": 3} | LOOP,
           {"ring": 1, "vector": 2, "max_run": 1} | LOOP, {"ring": 1, "vector": 3, "max_run": 2} | LOOP,
           {"ring": 1, "vector": 4, "max_run": 2} | LOOP, {"ring": 2, "vector": 3, "max_run": 2} | LOOP,
           {"ring": 2, "vector": 4, "max_run": 2} | LOOP, {"ring": 3, "vector": 1, "max_run": 2} | LOOP,
           {"ring": 3, "vector": 2, "max_run": 3} | LOOP, {"ring": 2, "vector": 8, "max_run": 2} | LOOP), depth=18),
    Proof("input", "control", "no transfer is lost, made up, changed or overtaken; what is on offer stays", guard.Input,
          (SPAN, TURNS)),
    Proof("nibbles", "fields", "nibbles are those of the words, in order; what is on offer stays", fields.Nibbles,
          ({"word_bits": 8}, {"word_bits": 16})),
    Proof("fields", "fields", "a field is the number that its nibbles make, and takes no others", fields.Fields,
          ({"word_bits": 8},), depth=16, slow=True),
    Proof("slot list", "spreader", "for each index in order the entry of its token; a wrong one is told",
          spreader.Listed, (TINY | {"table_log": 1},), depth=18, slow=True),
    Proof("slots of 2 bits", "spreader", "the same at R = 2", spreader.Listed, (TINY | {"table_log": 2},), "bounded",
          20, depth=14, slow=True),
    Proof("spread", "spreader", "for each slot the entry of the token that the spread names, in time", spreader.Spread,
          (TINY | {"table_log": 1},), "bounded", 40, depth=32, slow=True),
    Proof("header", "header", "each reader is asked and answered in its turn; the CRC-32 is that of the nibbles before",
          header.Wired, (HEAD | RAM, HEAD)),
    Proof("preamble", "preamble", "each field that does not go with the configuration is told, by its code; numbers of "
          "tables and segments are those read", preamble.Fits,
          (HEAD, {"lanes": 64, "vector": 8, "word_bits": 128, "preload": 256, "table_log": 11, "raw_bits": 7,
                  "bins": 255, "max_tables": 256, "max_segments": 65536}), depth=50),
    Proof("segment memory", "record_memory; records", "the record read is the one written last under its number",
          record_memory.Kept, (HEAD | {"max_segments": 2} | RAM,
                               HEAD | {"count_bits": 32, "raw_bits": 1} | RAM, HEAD), "induction", 2, depth=32),
    Proof("segment records", "loader (RAM), segment_loader", "records are stored as the fields say, in order, as "
          "many as there are; what is wrong is told; padding and CRC-32", segment_loader.Segments,
          (HEAD | {"raw_bits": 1} | RAM,), depth=40, slow=True),
    Proof("table record", "table_loader", "counts of the fields to the spreader, each with its token, in order, "
          "and they sum to L; what is wrong is told", table_loader.Counts,
          (HEAD | {"max_run": 2} | RAM, HEAD | {"bins": 5, "raw_bits": 1} | RAM, HEAD | {"table_log": 2} | RAM),
          depth=40, slow=True),
    Proof("recognized", "loader (ROM)", "the header is read over to its end; it is told if its CRC-32 is not known",
          rom_loader.Recognized, (HEAD,), depth=30),
    Proof("selection", "selection", "whole spans are accepted, all else is told; then the first record is at hand",
          selection.Chosen, (HEAD | {"select": True} | RAM, HEAD | {"select": True}), depth=22),
    Proof("records", "sparse_output", "records are the tokens and ends that came, in order; then the span's ends",
          sparse.Records, ({"ring": 2} | SPARSE, {"ring": 1, "vector": 1, "max_run": 2} | SPARSE), "induction", 2),
    Proof("room", "sparse_output, lane, token_pair, placement; ring, step", "turns begin only where their records have "
          "a place", sparse.Room,
          ({"ring": 1, "vector": 2, "max_run": 3, "queue": 4} | SPARSE, {"ring": 2, "queue": 2} | SPARSE,
           {"ring": 4, "max_run": 2, "queue": 2} | SPARSE), depth=40),
    Proof("clean start", "all but the header's", "two decoders, reset in any states and then given the same, do the "
          "same", clean.Decoders, (ONE,), "bounded", 40, depth=30, slow=True),
    Proof("clean header", "header, fields, preamble, loader (ROM)", "the same of the header's reader", clean.Headers,
          (ONE,), "bounded", 30, depth=12),
    Proof("guard", "control, join, sparse_output", "after an error no transfer begins and the error stays; an offer "
          "stays until taken", guard.Guard, (SPAN, TURNS, {"lanes": 4, "ring": 2} | SPARSE), depth=30),
    Proof("upset", "lane, ring, symbol_table, block_tables, renormalization", "without a flipped bit no upset is told; "
          "with one all is as without it, or the upset is told 2 cycles after the first difference", parity.Upset,
          (SAFE, SAFE | {"ring": 2}, SAFE | RAM, SAFE | RAM | {"ring": 2}, SAFE | BLOCK | {"ring": 3}), depth=16),
    Proof("more upsets", "lane, ring, symbol_table, block_tables, renormalization", "the same, where it takes longer",
          parity.Upset, (SAFE | RAM | {"ring": 3}, SAFE | RAM | BLOCK | {"ring": 3}, SAFE | {"ring": 4},
                         SAFE | RAM | {"bins": 7, "raw_bits": 1, "vector": 2, "max_run": 2},
                         SAFE | {"ring": 2, "vector": 2, "max_run": 2}), depth=16, slow=True),
    Proof("parity written", "spreader", "entries have their parity", parity.Even, (SAFE | RAM | {"table_log": 1},)),
    Proof("upset in time", "lane, token_pair, placement; ring, step", "when lanes rest, the upset of every entry used "
          "is told", parity.InTime, (SAFE | {"ring": 1, "vector": 2, "max_run": 3},
                                  SAFE | {"ring": 2, "vector": 2, "max_run": 3}, SAFE | {"ring": 4}), depth=24),
    Proof("stopped", "control, join, decoder", "three cycles after an upset the error is told, then nothing begins; a "
          "span's last transfer begins four cycles after its lanes rest or later", parity.Stopped,
          (SPAN | {"protect": True}, TURNS | {"protect": True}), depth=20),
    Proof("transfers", "join", "turns become transfers and requests, in order, marked at the segment's end",
          transfers.Transfers, (TINY | {"lanes": 2, "queue": 2}, TINY | {"lanes": 4, "ring": 2, "queue": 2},
                                TINY | {"lanes": 2, "vector": 2, "queue": 4}), depth=18),
    Proof("lane moves", "lane, token_pair, placement; ring, step", "a lane with its bits completes the part announced, "
          "V tokens and some cycles later", moves.LaneMoves,
          (LOOP | {"ring": 1, "vector": 2, "max_run": 3}, LOOP | {"ring": 2, "vector": 2, "max_run": 3}), depth=32),
    Proof("join moves", "join", "what is there is fetched in time; the last transfer leaves or is rejected",
          moves.JoinMoves, (SPAN, TURNS), depth=14),
    Proof("phases", "control", "there is one phase, left in time when what it waits for has come", moves.Phases,
          (SPAN, TURNS), depth=32),
    Proof("whole decoder", "all but the header's", "a transfer, a word for a lane, done or an error within 17 cycles, "
          "those aside in which source or sink hold it up", moves.Whole, (STREAM,), "bounded", 56, depth=44, slow=True),
    Proof("whole stream", "all but the header's", "the same, and done or in an error after 100 N = 1, 120 cycles, if "
          "neither source nor sink pauses", moves.Steady,
          (STREAM, STREAM | {"lanes": 2}, STREAM | {"lanes": 2, "ring": 2}), "bounded", 123, depth=103, slow=True),
    Proof("check", "join", "a span's last transfer goes if words, CRC and states are right, and only then", guard.Check,
          (SPAN, TURNS)),
)


def _config(values):
    """The configuration, as small as it can be where nothing is said."""
    return Config(**({"lanes": values.get("ring", 1), "word_bits": 16, "bins": 7, "table_log": 2} | values))


def configuration(values: dict) -> str:
    """The configuration in letters."""
    return " ".join(f"{LETTERS[name]}={getattr(value, 'value', value)}" for name, value in values.items())


def prove(proof: Proof, values: dict, limit: int = 600) -> Verdict:
    """Prove it of one configuration."""
    return Circuit(proof.harness(_config(values))).solve(proof.method, proof.cycles, limit)


def find(fault: Fault, limit: int = 600) -> Verdict:
    """Look for a planted fault with its proof."""
    proof = next(proof for proof in PROOFS if proof.name == fault.proof)
    harness = proof.harness(_config(proof.configs[fault.config]))
    harness.lemmas = False
    with planted(fault):
        circuit = Circuit(harness)
    return circuit.solve("bounded", proof.depth, limit)
