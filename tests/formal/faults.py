"""Faults planted in the hardware, each of which a proof must find.

A fault is a change of the source of one file of `hw`: so it reads like the slip that somebody may make there. It is
planted in the classes, and in the functions of the file, while they are elaborated; no file changes.
"""

import importlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from unittest.mock import patch

from golden.errors import TansyError

__all__ = ["FAULTS", "Fault", "planted"]


@dataclass(frozen=True)
class Fault:
    """One slip: ``old``, which the file of the block has once, becomes ``new``; the proof named finds it in its
    configuration number ``config``."""

    proof: str
    block: str
    old: str
    new: str
    config: int = 0

    def __str__(self):
        return f"{self.block}: {self.old} -> {self.new}"


FAULTS = (
    Fault("expander", "expander", "before | Mux(token.place[slot], token.here, 0)",
          "Mux(token.place[slot], token.here, before)", 1),
    Fault("expander", "expander", "Mux(token.complete, 0, before)", "before"),
    Fault("expander", "expander", "Mux(token.place[slot], token.kept, 0)", "Mux(token.place[slot], token.here, 0)"),
    Fault("expander", "expander", "self._config.ring - 1", "self._config.ring", 2),
    Fault("expander", "expander", "m.If(self.clear)", "m.If(self.clear & token.complete)"),
    Fault("reservoir", "reservoir", "size - config.token_bits)", "size - config.token_bits + 1)"),
    Fault("reservoir", "reservoir", "Mux(passed, there[2], there[1])", "there[1]", 1),
    Fault("reservoir", "reservoir", "moves == there[2]", "moves | ~there[2]"),
    Fault("reservoir", "reservoir", "Mux(taken & waiting & final, second != last, first != last)", "(first != last)"),
    Fault("reservoir", "reservoir", "& ~self.read & ~self.starting", "& ~self.starting"),
    Fault("reservoir", "reservoir", "there.eq(0)", "there.eq(there[:2])"),
    Fault("reservoir", "reservoir", "passed & last", "passed", 2),
    Fault("preload", "distribution", "filling & (count == 0)", "filling"),
    Fault("preload", "distribution", "count == config.preload - 2", "count == config.preload - 1"),
    Fault("preload", "distribution", "turn.eq(turn + 1)", "turn.eq(turn)", 1),
    Fault("stored", "distribution", "few & (left[:NEAR] == 2)", "few & (left[:NEAR] == 3)"),
    Fault("stored", "distribution", "self.source.payload & ~self.used.replicate(config.word_bits)",
          "self.source.payload"),
    Fault("stored", "distribution", "self.words_stored == 1", "self.words_stored == 2"),
    Fault("progress", "distribution", "~self.hungry | self.source.valid  #", "self.source.valid  #"),
    Fault("progress", "requests", "more_left | some", "more_left"),
    Fault("progress", "distribution", "several(order.mask & ~lowest(order.mask)), requests.more)",
          "several(order.mask), requests.more)"),
    Fault("need order", "distribution", "Mux(requests.take, filling | requests.there, 1)", "filling | requests.there"),
    Fault("need order", "distribution", "Mux(last_lane, 0, ring.rotate_left(1))", "ring.rotate_left(1)"),
    Fault("need order", "distribution", "Mux(filling, first.turn, requests.turn)", "first.turn", 1),
    Fault("need order", "distribution", "requests.take.eq(free & ~more)", "requests.take.eq(free)"),
    Fault("weights", "placement", "was.placed & (~was.reaches | was.exact)", "was.placed & ~was.reaches", 2),
    Fault("weights", "step", "& ~found.exact & ~found.final)", "& ~found.exact)", 1),
    Fault("weights", "step", "over >= vector", "over > vector", 1),
    Fault("weights", "step", "self.run >= self.room", "self.run > self.room", 1),
    Fault("weights", "ring", "lane.part + step.complete", "lane.part + step.placed", 1),
    Fault("weights", "ring", "Mux(Mux(step.complete, step.beyond, step.here), found.value, 0)",
          "Mux(step.here, found.value, 0)", 1),
    Fault("weights", "placement", "waits.eq(self._full & found.reaches)", "waits.eq(0)", 2),
    Fault("weights", "placement", "self._spent | (self._entered & spent)", "self._spent", 3),
    Fault("weights", "placement", "found.final.eq(self._final)", "found.final.eq(0)", 3),
    Fault("weights", "placement", "found.placed & ~head.again", "found.placed", 3),
    Fault("weights", "token_pair", "Mux(self.second, other[name], self.token[name])", "self.token[name]", 4),
    Fault("weights", "token_pair", "stays & (self.second | self.push)", "self.push & stays", 4),
    Fault("input", "control", "full & ~used) | (self", "full & ~wanted & used) | (self"),
    Fault("input", "control", "with m.If(~full | used)", "with m.If(~full | self.transfers.valid)"),
    Fault("nibbles", "fields", "word.eq(word >> 4)", "word.eq(word >> 3)"),
    Fault("nibbles", "fields", "left.eq(~0)", "left.eq(1)"),
    Fault("nibbles", "fields", "~left[0] & self.nibbles.ready", "~left[0]"),
    Fault("nibbles", "fields", "m.Elif(self.nibbles.ready)", "m.Else()", 1),
    Fault("fields", "fields", "rest.eq(1 << fields.fixed)", "rest.eq(2 << fields.fixed)"),
    Fault("fields", "fields", "~nibble[3] | place[-1]", "~nibble[3]"),
    Fault("fields", "fields", "nibble[bit % 3]", "nibble[bit % 4]"),
    Fault("fields", "fields", "~fields.valid & ~(taken & last)", "~fields.valid & ~taken"),
    Fault("word memory", "word_memory", "Mux(self.words.first, 0, read.data.lap)", "read.data.lap"),
    Fault("word memory", "word_memory", "Mux(self.words.first, 0, read.data.place)", "read.data.place"),
    Fault("word memory", "word_memory", "next_lap.eq(lap ^ wrap)", "next_lap.eq(lap)"),
    Fault("word memory", "word_memory", "Mux(upper, after, at_hand)", "at_hand"),
    Fault("word memory", "word_memory", "upper & fits)", "upper)"),
    Fault("word memory", "word_memory", "(seen[2] == seen[3]) & seen[4]", "(seen[2] == seen[3])", 2),
    Fault("parts", "part_queue", "~(self.sweep | self.number[-1])", "~self.number[-1]"),
    Fault("parts", "part_queue", "read.data != self.look.number[-1]", "read.data"),
    Fault("parts", "part_queue", "write.addr.eq(Cat(self.number[:-1], self.turn)),", "write.addr.eq(self.number[:-1]),",
          1),
    Fault("parts", "part_queue", "_address(self.read)", "_address(self.look)"),
    Fault("parts", "lookout", "self.there.all() & ~full", "self.there.any() & ~full"),
    Fault("parts", "lookout", "full.eq(self.sweeping | (ahead.two & (full | found) & ~self.advance))",
          "full.eq(self.sweeping)", 1),
    Fault("parts", "lookout", "ahead.two | found, ahead.one | found", "ahead.one | found, ahead.one | found"),
    Fault("parts", "lookout", "full & ahead.two | ahead.two & found", "ahead.two"),
    Fault("sequencer", "sequencer", "_below_beats(self.record.weights, 2, beat)",
          "_below_beats(self.record.weights, 3, beat)"),
    Fault("sequencer", "sequencer", "_below_beats(rest, 3, beat)", "_below_beats(rest, 2, beat)"),
    Fault("sequencer", "sequencer", "active & room & (~last | ripe[-1])", "active & room"),
    Fault("sequencer", "sequencer", "(ahead != most) & ~(announce & (ahead == most - 1))", "ahead != most"),
    Fault("sequencer", "sequencer", "coming.eq((turn + 3) % config.ring)", "coming.eq((turn + 2) % config.ring)", 1),
    Fault("sequencer", "sequencer", "(self.address == self.segments) | self.record.restart", "self.record.restart"),
    Fault("sequencer", "sequencer", "m.d.sync += told.ended.eq(0)", "m.d.comb += Signal().eq(0)"),
    Fault("look-up", "renormalization", "self.nbits + self.raw_bits", "self.nbits"),
    Fault("look-up", "renormalization", "count > bit", "count >= bit"),
    Fault("look-up", "renormalization", "self.window >> self.nbits", "self.window >> self.raw_bits"),
    Fault("look-up", "lane", "self.running & reservoir.next_enough", "self.running"),
    Fault("look-up", "lane", "Mux(self.starting, reservoir.window, entry.base | renormalization.bits)",
          "entry.base | renormalization.bits"),
    Fault("look-up", "lane", "self.at_zero.eq(state == 0)", "self.at_zero.eq(self.entry.base == 0)"),
    Fault("turn", "ring", "found.base | found.bits", "found.base"),
    Fault("turn", "ring", "found.crossed.eq(moved[-1])", "found.crossed.eq(moved[-2])"),
    Fault("turn", "ring", "Mux(found.starting, config.table_log, lane.pointer)", "lane.pointer"),
    Fault("turn", "ring", "after.word.eq(following.word), after.lap.eq(following.lap)",
          "after.word.eq(following.word), after.lap.eq(lane.lap)"),
    Fault("turn", "ring", "step.token.eq(enough | resting)", "step.token.eq(1)"),
    Fault("turn", "ring", "step.placed & ~found.resting", "step.placed", 1),
    Fault("table", "symbol_table", "Cat(self.write.state, self.write.table)",
          "Cat(self.write.table, self.write.state)"),
    Fault("table", "symbol_table", "write.en.eq(self.write.enable)", "write.en.eq(self.write.enable & ~read.addr[0])"),
    Fault("table", "symbol_table", "for table in self._tables for", "for table in self._tables[::-1] for", 2),
    Fault("table", "block_tables", "address[ring].eq(self.lookup[ring])", "address[ring].eq(self.lookup[0])", 4),
    Fault("table", "block_tables", "Cat(self.write.state, self.write.table)", "self.write.state", 4),
    Fault("slot list", "spreader", "work.turn >= token.count << 1", "work.turn > token.count << 1"),
    Fault("slot list", "spreader", "step.scan | step.pick | step.take | taken", "step.scan | step.pick | taken"),
    Fault("slots of 2 bits", "spreader", "its_turn[:bit] << (log - bit)", "its_turn[:bit]"),
    Fault("slot list", "spreader", "new.turn.eq(Mux(taken, self.counts.payload.count, work.turn + ~step.scan))",
          "new.turn.eq(work.turn + ~step.scan)"),
    Fault("spread", "spreader", "new.credit > self._best_credit", "new.credit >= self._best_credit"),
    Fault("spread", "spreader", "self._best_credit - self._config.slots", "self._best_credit"),
    Fault("spread", "spreader", "judged.scan & better", "judged.scan & late.scan"),
    Fault("header", "header", "crc.valid.eq(taken & ~loader.sealed)", "crc.valid.eq(taken)"),
    Fault("header", "header", "with m.If(preamble.done)", "with m.If(loader.done)"),
    Fault("header", "header", "odd.eq(~odd)", "odd.eq(1)"),
    Fault("header", "header", "preamble.error.as_value() | loader", "loader"),
    Fault("preamble", "preamble", "at_most(value[:low], config.max_run)", "at_most(value[:low], config.max_run + 1)"),
    Fault("preamble", "preamble", "value[:low].any() & at_most(value[:low], config.max_tables)",
          "at_most(value[:low], config.max_tables)"),
    Fault("preamble", "preamble", "self.tables.eq(self.segments)", "self.tables.eq(value)"),
    Fault("preamble", "preamble", "right[1:] & small.replicate(len(rules) - 1)", "right[1:]"),
    Fault("preamble", "preamble", "(config.word_bits // 8).bit_length() - 1", "(config.word_bits // 8).bit_length()"),
    Fault("segment memory", "record_memory", "self.write.record.weights - 1", "self.write.record.weights"),
    Fault("segment memory", "record_memory", "Cat(piece, number)", "Cat(piece, self.write.number)"),
    Fault("segment memory", "record_memory", "self.moved | memory.write.enable |", "memory.write.enable |"),
    Fault("segment memory", "record_memory", "delay(m, piece, LATENCY,", "delay(m, piece, LATENCY - 1,", 1),
    Fault("segment memory", "record_memory", "storing.eq(piece != pieces - 1)", "storing.eq(piece != pieces - 2)", 1),
    Fault("segment memory", "records", "delay(m, read.data, 1,", "delay(m, read.data, 2,", 2),
    Fault("segment records", "segment_loader", "value[1:1 + numbers] < self.tables",
          "value[1:1 + numbers] <= self.tables"),
    Fault("segment records", "segment_loader", "& (value[0] | started)", ""),
    Fault("segment records", "segment_loader", "(was[0] | was[2]) & ~fits", "was[0] & ~fits"),
    Fault("segment records", "segment_loader", "write.addr.eq(self.table_number)", "write.addr.eq(0)"),
    Fault("segment records", "loader", "last_segment.eq(place + 1 == self.segments)",
          "last_segment.eq(place == self.segments)"),
    Fault("segment records", "loader", "stored == 7", "stored == 5"),
    Fault("segment records", "loader", "self.fields.want.eq(self.odd)", "self.fields.want.eq(~self.odd)"),
    Fault("table record", "table_loader", "(low != 0) & at_most(low, config.half)", "at_most(low, config.half)"),
    Fault("table record", "table_loader", "value[:len(room)] <= room", "value[:len(room)] < room"),
    Fault("table record", "table_loader", "Mux((self.value == -1) & ~final_run, 1, self.value + 1)",
          "Mux(self.value == -1, 1, self.value + 1)"),
    Fault("table record", "table_loader", "-self.half >> self.raw_bits", "-(self.half >> self.raw_bits)", 1),
    Fault("table record", "table_loader", "self._fail(m, self._room == 0,", "self._fail(m, self._room < 2,"),
    Fault("table record", "table_loader", "listed = self._listed & ~one", "listed = self._listed"),
    Fault("recognized", "loader", "m.If(~known)", "m.If(known)"),
    Fault("recognized", "loader", "count == blocks - 1", "count == blocks"),
    Fault("recognized", "loader", "self.fields.fixed.eq(rest)", "self.fields.fixed.eq(8)"),
    Fault("recognized", "loader", '"REST" if rest else "KNOWN"', '"KNOWN"'),
    Fault("selection", "selection", "(first < segments) & (end <= segments)", "first < segments"),
    Fault("selection", "selection", "(step == SEE_FIRST) & ~self.restart", "(step == SEE_FIRST) & ~self.loaded"),
    Fault("selection", "selection", "= 1, 6, 6, 11", "= 1, 4, 6, 11"),
    Fault("selection", "selection", "m.d.sync += loaded.eq(0)", "m.d.sync += segments.eq(0)"),
    Fault("selection", "selection", "whole.eq(end == segments)", "whole.eq(count == 0)", 1),
    Fault("records", "sparse_output", "token.taken | over) & ~self.sweeping", "token.taken) & ~self.sweeping"),
    Fault("records", "sparse_output", "token.over & ~self.last_of_span", "token.over"),
    Fault("records", "sparse_output", "turn != config.ring - 1", "turn == config.ring - 1"),
    Fault("records", "sparse_output", "~queue.r_rdy & ~ending", "~queue.r_rdy"),
    Fault("room", "sparse_output", "queue.level < config.token_room", "queue.w_rdy"),
    Fault("room", "ring", "self.running & (lane.part", "(lane.part", 1),
    Fault("clean start", "control", "ended = Signal()  #", "ended = Signal(reset_less=True)  #"),
    Fault("clean start", "lookout", "full = Signal(init=1)", "full = Signal(init=1, reset_less=True)"),
    Fault("clean start", "join", "holds = Signal()", "holds = Signal(reset_less=True)"),
    Fault("clean start", "part_queue", "self.write | self.sweep", "self.write"),
    Fault("clean start", "sequencer", "active = Signal()", "active = Signal(reset_less=True)"),
    Fault("clean header", "fields", "left = Signal(per_word)", "left = Signal(per_word, reset_less=True)"),
    Fault("clean header", "fields", "asked, fixed = Signal(), Signal()",
          "asked, fixed = Signal(reset_less=True), Signal()"),
    Fault("guard", "join", "Mux(free, there, 1) & ~self.stop", "Mux(free, there, 1)"),
    Fault("guard", "join", "(~self.beats.valid | self.beats.ready) if", "1 if"),
    Fault("guard", "control", "m.If(~bad)", "m.If(1)"),
    Fault("guard", "control", "(~full | used) & ~ended)", "~full | used)"),
    Fault("guard", "sparse_output", "goes.eq(~self.stop | offered)", "goes.eq(1)", 2),
    Fault("guard", "sparse_output", "goes.eq(~self.stop | offered)", "goes.eq(~self.stop)", 2),
    Fault("upset", "lane", "parity_of(state, parity)", "parity_of(state, parity[0])"),
    Fault("upset", "lane", "Cat(parity_of(entry), parity_of(state, parity))",
          "Cat(parity_of(entry.value, entry.nbits, entry.base, entry.parity), 0)"),
    Fault("upset", "lane", "Mux(self.starting, window.xor(), Cat(entry.base.xor(), bits))",
          "Cat(entry.base.xor(), bits)"),
    Fault("upset", "parity", "return Cat(values).xor()", "return Cat(values).any()"),
    Fault("upset", "renormalization", "self.window[:count].xor() if count else 0",
          "self.window[:count].xor() if count > 1 else 0"),
    Fault("upset", "ring", "found.parity[1] ^ found.parity[2], found.parity[0]",
          "found.parity[1] ^ found.parity[2], lane.parity", 1),
    Fault("upset", "ring", "found.flipped.eq(parity_of(entry))",
          "found.flipped.eq(parity_of(entry.base, entry.parity))", 1),
    Fault("upset", "ring", "parity_of(lane.state, lane.parity) & self.running", "0", 1),
    Fault("upset", "symbol_table", "[protected(config, entry) for", "[dict(entry) for"),
    Fault("more upsets", "ring", "self._flipped = taken & found.flipped",
          "self._flipped = self.running & found.flipped"),
    Fault("parity written", "spreader", "its_token.run, its_token.value, nbits[:log.bit_length()], base[:log]",
          "its_token.run, token.value, nbits[:log.bit_length()], base[:log]"),
    Fault("upset in time", "ring", "self.announced.ended & (lane.part == self.announced.parts)",
          "self.announced.ended & ((lane.part + 1)[:len(lane.part)] == self.announced.parts)", 1),
    Fault("upset in time", "placement", "self.announced.ended & (part == self.announced.parts)",
          "self.announced.ended & (part[:-1] == self.announced.parts[:-1])"),
    Fault("stopped", "control", "flaws.append(self.upset)", "flaws.append(self.upset & self.running)"),
    Fault("stopped", "control", "problem.eq(ErrorCode.PARITY)", "problem.eq(ErrorCode.END_STATE)"),
    Fault("stopped", "join", "Mux(free, there, 1) & ~self.stop", "Mux(free, there, 1)"),
    Fault("stopped", "join", "settled.eq(held & self.resting & self.idle)", "settled.eq(held & self.idle)"),
    Fault("stopped", "decoder", "Cat(ring.upset for ring in rings).any()", "rings[0].upset"),
    Fault("transfers", "join", "self.wanted.number == beat.before,", "self.wanted.number == beat.number,"),
    Fault("transfers", "join", "beat.known & Mux(step,", "beat.known & Mux(step & self.beats.ready,"),
    Fault("transfers", "join", "self.wanted.turn <= self.last_turn", "self.wanted.turn < self.last_turn", 1),
    Fault("transfers", "join", "self.left >= j if j else 1", "self.left > j if j else 1"),
    Fault("transfers", "join", "part.asked > k", "part.asked >= k"),
    Fault("transfers", "join", "move & ~head.silent & asks", "move & asks"),
    Fault("transfers", "join", "self.segment_end.eq(move & head.end)", "self.segment_end.eq(move & head.last)", 1),
    Fault("transfers", "join", "ahead.two for ahead", "ahead.one for ahead"),
    Fault("lane moves", "lane", " | (placement.next_first & ~pair.second & ~look_up)", ""),
    Fault("lane moves", "placement", "(self._spent & self.running)) & ~self._full", "0) & ~self._full"),
    Fault("lane moves", "ring", "step.token.eq(enough | resting)", "step.token.eq(enough & ~resting)", 1),
    Fault("lane moves", "step", "found.spent.eq(self.allowed & self.spent & ~self.full)", "found.spent.eq(0)", 1),
    Fault("join moves", "join", "settled.eq(held & self.resting & self.idle)",
          "settled.eq(held & self.resting & self.idle & self.room)"),
    Fault("join moves", "join", "free.eq(~holds | (~head.held & output))", "free.eq(holds & ~head.held & output)"),
    Fault("phases", "control", "phase.fresh.eq(phase.drop & ended)",
          "phase.fresh.eq(phase.drop & ended & self.drained)"),
    Fault("phases", "control", "(phase.begin & self.sweeping)", "(phase.begin & self.sweeping & ~self._full)"),
    Fault("whole stream", "lane", " | (placement.next_first & ~pair.second & ~look_up)", ""),
    Fault("whole stream", "sequencer", "(self.address == self.segments) | self.record.restart", "self.record.restart"),
    Fault("whole stream", "requests", "more_left | some", "more_left"),
    Fault("whole stream", "part_queue", "self.write | self.sweep", "self.write"),
    Fault("whole stream", "control", "(span_end & ~self.stream_end)", "(span_end & self.stream_end)"),
    Fault("whole decoder", "lane", " | (placement.next_first & ~pair.second & ~look_up)", ""),
    Fault("whole decoder", "distribution", "Mux(requests.take, filling | requests.there, 1)",
          "filling | requests.there"),
    Fault("check", "join", "holds & ~head.held & output", "holds & output"),
    Fault("check", "join", "found.used.eq(self.used)", "found.used.eq(1)"),
    Fault("check", "join", "held & self.resting & self.idle", "held & self.idle"),
    Fault("check", "join", "with m.Elif(~found.fits)", "with m.Elif(~found.fits & ~found.at_zero)"),
)


@contextmanager
def planted(fault: Fault):
    """Within this context the classes and functions of the block have the fault.

    Raises
    ------
    TansyError
        If the file does not have the text to change, or has it more than once.
    """
    module = importlib.import_module(f"hw.{fault.block}")
    source = Path(module.__file__).read_text(encoding="utf-8")
    if (count := source.count(fault.old)) != 1:
        raise TansyError(f"hw/{fault.block}.py must have the text {fault.old!r} once, not {count} times")
    wrong = ModuleType(module.__name__)
    wrong.__package__, wrong.__file__ = module.__package__, module.__file__
    exec(compile(source.replace(fault.old, fault.new), module.__file__, "exec"), wrong.__dict__)
    with ExitStack() as stack:
        for name, kind in vars(wrong).items():
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                for method, function in vars(kind).items():
                    if isinstance(function, FunctionType) and method != "__init__":
                        stack.enter_context(patch.object(getattr(module, name), method, function))
            elif isinstance(kind, FunctionType) and kind.__module__ == module.__name__:
                right = getattr(module, name)
                stack.callback(setattr, right, "__code__", right.__code__)
                right.__code__ = kind.__code__
        yield
