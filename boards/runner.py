"""Runs the decoder over the stream memory: to count and to check, or to hand out weights one by one."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from golden.config import Config
from hw.decoder import Contents, Decoder, check_decoder
from hw.errors import ErrorCode
from hw.layouts import segment_numbers
from hw.memory.interface import write_layout

from .protocol import RESULT, SUMMARY, State, layout_of
from .results import COUNTS, Results
from .stream_source import StreamSource
from .unpacker import Unpacker

__all__ = ["Runner", "run_signature"]

SETTLING = 5  #: cycles from the last piece of a run to its whole results


def run_signature(config: Config, depth: int) -> wiring.Signature:
    """What the command interpreter tells a `Runner`, and learns from it.

    Parameters
    ----------
    config : Config
    depth : int
        Words of the stream memory.

    Members
    -------
    start, dump, stop : Out(1)
        Commands: count and check; hand out weights; end what is going on and forget the results. One at a time.
    length, digest : Out, Out(32)
        With ``start``: words of the stream, and the digest of its weights.
    write : Out(`write_layout`)
        A word for the stream memory. Not during a run.
    summary : In(`SUMMARY`)
        Of the last run that counted, or of the one going on.
    segment, result : Out, In(`RESULT`)
        The result of a segment, two cycles after its number.
    dumping : In(1)
        Weights are being handed out.
    weights : In(stream of 8 bits)
        These weights.
    over : In(1)
        There will be no more of them.
    """
    return wiring.Signature({
        "start": Out(1),
        "dump": Out(1),
        "stop": Out(1),
        "length": Out(range(depth + 1)),
        "digest": Out(32),
        "write": Out(write_layout(config.word_bits, depth)),
        "summary": In(layout_of(SUMMARY)),
        "segment": Out(segment_numbers(config)),
        "result": In(layout_of(RESULT)),
        "dumping": In(1),
        "weights": In(stream.Signature(8)),
        "over": In(1),
    })


class Runner(wiring.Component):
    """Source, decoder and results, from reset to the end of each run.

    A run begins three cycles after its command. In a run that counts, every transfer is taken as soon as it is on
    offer, except behind a partial one, of which weights are taken one per cycle. In a run that hands out weights the
    decoder waits for who takes them; it goes on until the next command. Reset: idle; the memories are as they were.

    Parameters
    ----------
    config : Config
    depth : int
        Words of the stream memory.
    contents, target
        As of `Decoder`.
    words : sequence of int
        What the stream memory begins with.

    Members
    -------
    runs : In(`run_signature`)
    """

    def __init__(self, config: Config, depth: int, contents: Contents | None = None, target: str | None = None,
                 words=()):
        check_decoder(config, contents, target)
        self._config, self._depth, self._contents, self._target, self._words = config, depth, contents, target, words
        super().__init__({"runs": In(run_signature(config, depth))})

    def elaborate(self, platform):
        m = Module()
        runs, again, length = self.runs, Signal(), Signal.like(self.runs.length)
        begin, open_ = Signal(), Signal()  # again, begin, open_: in this order, a cycle each; open_ stays
        reset = ResetInserter(again)
        m.submodules.source = source = reset(StreamSource(self._config, self._depth, self._target, self._words))
        m.submodules.decoder = decoder = reset(Decoder(self._config, self._contents, self._target))
        m.submodules.unpacker = unpacker = reset(Unpacker(self._config))
        connect(m, source.words, decoder.words)
        connect(m, decoder.beats, unpacker.beats)
        m.d.comb += [
            source.write.eq(runs.write),
            source.start.eq(begin),
            source.length.eq(length),
            unpacker.single.eq(runs.dumping),
        ]
        command = runs.start | runs.dump | runs.stop
        m.d.sync += [
            again.eq(command),
            begin.eq(again & (runs.dumping | (runs.summary.state == State.RUNNING))),
            open_.eq((begin | open_) & ~command & ~again),
        ]
        with m.If(command):
            m.d.sync += runs.dumping.eq(runs.dump)
        with m.If(runs.start):
            m.d.sync += length.eq(runs.length)
        self._count(m, open_, source, decoder, unpacker)
        self._judge(m, open_, decoder, unpacker)
        self._hand_out(m, open_, command, decoder, unpacker)
        return m

    def _count(self, m, open_, source, decoder, unpacker):
        """The results of a run."""
        runs, fresh, running, begun = self.runs, Signal(), Signal(), Signal()
        m.submodules.results = results = ResetInserter(fresh)(Results(self._config, self._target))
        m.d.sync += [fresh.eq(runs.start | runs.stop), begun.eq(open_ & (begun | source.words.valid))]
        going = (begun | source.words.valid) & ~decoder.done & (decoder.error == ErrorCode.NONE)
        beats = decoder.beats
        m.d.comb += [
            running.eq(open_ & (runs.summary.state == State.RUNNING)),
            results.valid.eq(running & unpacker.pieces.valid),
            results.piece.eq(unpacker.pieces.payload),
            results.counting.eq(running & going),
            results.ended.eq(beats.valid & beats.ready & beats.payload.last),
            results.address.eq(runs.segment),
            runs.result.eq(results.data),
            *(runs.summary[name].eq(getattr(results, name)) for name in COUNTS),
        ]

    def _judge(self, m, open_, decoder, unpacker):
        """What becomes of a run that counts."""
        runs, state, error = self.runs, Signal(State), Signal(8)
        wanted, equal, settling = Signal(32), Signal(), Signal(SETTLING)
        ended = open_ & decoder.done & unpacker.empty
        m.d.comb += [runs.summary.state.eq(state), runs.summary.error.eq(error)]
        m.d.sync += [equal.eq(wanted == runs.summary.digest), settling.eq(Mux(ended, Cat(1, settling), 0))]
        with m.If(runs.start):
            m.d.sync += [state.eq(State.RUNNING), error.eq(0), wanted.eq(runs.digest)]
        with m.Elif(runs.stop):
            m.d.sync += [state.eq(State.IDLE), error.eq(0)]
        with m.Elif(open_ & (state == State.RUNNING)):
            with m.If(decoder.error != ErrorCode.NONE):
                m.d.sync += [state.eq(State.FAILED), error.eq(decoder.error)]
            with m.Elif(settling[-1]):
                m.d.sync += state.eq(Mux(equal, State.PASSED, State.DIFFERENT))

    def _hand_out(self, m, open_, command, decoder, unpacker):
        """Weights one by one, through a register of their own, so that who takes them is not on the decoder's paths."""
        runs, taking, counting = self.runs, Signal(), Signal(init=1)
        weights, pieces = runs.weights, unpacker.pieces
        stopped = decoder.done | (decoder.error != ErrorCode.NONE)
        m.d.comb += pieces.ready.eq(taking | counting)
        m.d.sync += [
            counting.eq(~runs.dumping),
            taking.eq(open_ & runs.dumping & ~taking & ~weights.valid),
            runs.over.eq(open_ & runs.dumping & unpacker.empty & ~weights.valid & stopped),
        ]
        with m.If(command | weights.ready):
            m.d.sync += weights.valid.eq(0)
        with m.If(taking & pieces.valid & ~command):
            m.d.sync += [weights.payload.eq(pieces.payload.data[:8]), weights.valid.eq(1)]
