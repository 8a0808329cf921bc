"""Runs the decoder over the stream memory: to count and to check, or to hand out weights one by one."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from golden.config import Config
from hw.decoder import Contents, Decoder, check_decoder
from hw.errors import ErrorCode
from hw.layouts import segment_numbers
from hw.memory.interface import write_layout

from .protocol import RESULT, SUMMARY, State, layout_of
from .results import Results
from .stream_source import StreamSource
from .unpacker import Unpacker

__all__ = ["Runner"]

SETTLING = 5  #: cycles from the decoder's last piece to the whole result


class Runner(wiring.Component):
    """Source, decoder and results, from reset to the end of each run.

    A run begins three cycles after its command. In a run that counts, every transfer is taken as soon as it is on
    offer, except behind a partial one, of which weights are taken one per cycle. In a run that hands out weights the
    decoder waits for ``weights``; it goes on until the next command. Reset: idle; the memories are as they were.

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
    start, dump, stop : In(1)
        Commands: count and check; hand out weights; end what is going on and forget the results. One at a time.
    length, digest : In, In(32)
        With ``start``: words of the stream, and the digest of its weights.
    write : In(`write_layout`)
        A word for the stream memory. Not during a run.
    summary : Out(`SUMMARY`)
        Of the last run that counted, or of the one going on.
    address, result : In, Out(`RESULT`)
        As of `Results`.
    dumping : Out(1)
        Weights are being handed out.
    weights : Out(stream of 8 bits)
        These weights.
    over : Out(1)
        There will be no more of them.
    """

    def __init__(self, config: Config, depth: int, contents: Contents | None = None, target: str | None = None,
                 words=()):
        check_decoder(config, contents, target)
        self._config, self._depth, self._contents, self._target, self._words = config, depth, contents, target, words
        super().__init__({
            "start": In(1),
            "dump": In(1),
            "stop": In(1),
            "length": In(range(depth + 1)),
            "digest": In(32),
            "write": In(write_layout(config.word_bits, depth)),
            "summary": Out(layout_of(SUMMARY)),
            "address": In(segment_numbers(config)),
            "result": Out(layout_of(RESULT)),
            "dumping": Out(1),
            "weights": Out(stream.Signature(8)),
            "over": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        clear, begin, open_ = Signal(), Signal(), Signal()  # in this order, a cycle each; open_ stays
        again = ResetInserter(clear)
        m.submodules.source = source = again(StreamSource(self._config, self._depth, self._target, self._words))
        m.submodules.decoder = decoder = again(Decoder(self._config, self._contents, self._target))
        m.submodules.unpacker = unpacker = again(Unpacker(self._config))
        length = Signal.like(self.length)
        connect(m, source.words, decoder.words)
        connect(m, decoder.beats, unpacker.beats)
        m.d.comb += [
            source.write.eq(self.write),
            source.start.eq(begin),
            source.length.eq(length),
            unpacker.single.eq(self.dumping),
        ]
        command = self.start | self.dump | self.stop
        m.d.sync += [
            clear.eq(command),
            begin.eq(clear & (self.dumping | (self.summary.state == State.RUNNING))),
            open_.eq((begin | open_) & ~command & ~clear),
        ]
        with m.If(command):
            m.d.sync += [self.dumping.eq(self.dump), self.weights.valid.eq(0)]
        with m.If(self.start):
            m.d.sync += length.eq(self.length)
        self._count(m, open_, source, decoder, unpacker)
        self._judge(m, open_, decoder, unpacker)
        self._hand_out(m, open_, decoder, unpacker)
        return m

    def _count(self, m, open_, source, decoder, unpacker):
        """The results of a run."""
        fresh = Signal()
        results = Results(self._config, self._target)
        m.submodules.results = results = ResetInserter(fresh)(results)
        running, begun, going = Signal(), Signal(), Signal()
        m.d.sync += [fresh.eq(self.start | self.stop), begun.eq(open_ & (begun | source.words.valid))]
        m.d.comb += [
            running.eq(open_ & (self.summary.state == State.RUNNING)),
            going.eq(~decoder.done & (decoder.error == ErrorCode.NONE)),
            results.valid.eq(running & unpacker.pieces.valid),
            results.piece.eq(unpacker.pieces.payload),
            results.counting.eq(running & going & (begun | source.words.valid)),
            results.ended.eq(decoder.beats.valid & decoder.beats.ready & decoder.beats.payload.last),
            results.address.eq(self.address),
            self.result.eq(results.data),
        ]
        m.d.comb += [self.summary[name].eq(getattr(results, name))
                     for name in ("segments", "weights", "cycles", "digest")]

    def _judge(self, m, open_, decoder, unpacker):
        """What becomes of the run."""
        state, error = Signal(State), Signal(8)
        wanted, equal, settling = Signal(32), Signal(), Signal(SETTLING)
        m.d.comb += [self.summary.state.eq(state), self.summary.error.eq(error)]
        m.d.sync += [
            equal.eq(wanted == self.summary.digest),
            settling.eq(Cat(open_ & decoder.done & unpacker.empty, settling) & open_.replicate(SETTLING)),
        ]
        with m.If(self.start):
            m.d.sync += [state.eq(State.RUNNING), error.eq(0), wanted.eq(self.digest)]
        with m.Elif(self.stop):
            m.d.sync += [state.eq(State.IDLE), error.eq(0)]
        with m.Elif(open_ & (state == State.RUNNING)):
            with m.If(decoder.error != ErrorCode.NONE):
                m.d.sync += [state.eq(State.FAILED), error.eq(decoder.error)]
            with m.Elif(settling[-1] & equal):
                m.d.sync += state.eq(State.PASSED)
            with m.Elif(settling[-1]):
                m.d.sync += state.eq(State.DIFFERENT)

    def _hand_out(self, m, open_, decoder, unpacker):
        """Weights one by one, through a register of their own, so that who takes them is not on the decoder's paths."""
        taking, counting = Signal(), Signal(init=1)
        taken = self.dumping & taking & unpacker.pieces.valid
        m.d.comb += unpacker.pieces.ready.eq(taking | counting)
        m.d.sync += [
            counting.eq(~self.dumping),
            taking.eq(open_ & self.dumping & ~taking & ~self.weights.valid),
            self.over.eq(open_ & self.dumping & unpacker.empty & ~self.weights.valid
                         & (decoder.done | (decoder.error != ErrorCode.NONE))),
        ]
        with m.If(taken):
            m.d.sync += [self.weights.payload.eq(unpacker.pieces.payload.data[:8]), self.weights.valid.eq(1)]
        with m.Elif(self.weights.ready):
            m.d.sync += self.weights.valid.eq(0)
        return m
