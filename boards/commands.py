"""The command interpreter: from requests to what the board does, and to the answers."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config
from hw.memory import LATENCY

from .answers import answer_layout
from .protocol import (
    ANSWER,
    MAX_DATA,
    MAX_RESULTS,
    NUMBER_BYTES,
    NUMBERS,
    SUMMARY,
    Command,
    State,
    Status,
    layout_of,
)
from .requests import REQUEST
from .runner import run_signature

__all__ = ["Commands"]

HEAD = 2  #: bytes of tag and command


def _request_layout():
    """The begin of a request: what it has of these."""
    return data.StructLayout({"tag": 8, "command": 8, "first": 32, "second": 32})


class Commands(wiring.Component):
    """Obeys requests, one after the other, and answers each.

    After a reset the run that the board begins with is started, if there is one. Latency: some forty cycles from a
    request to its answer, three for each byte of a LOAD. Reset: a request at hand is not answered.

    Parameters
    ----------
    config : Config
    depth : int
        Words of the stream memory.
    identity : bytes
        The answer to IDENTIFY.
    begin : tuple of (int, int) or None
        Length and digest of a first run.

    Members
    -------
    requests : In(`REQUEST`)
    content : Out(stream of `answer_layout`)
        For an `AnswerWriter`.
    runs : Out(`run_signature`)
    """

    def __init__(self, config: Config, depth: int, identity: bytes, begin: tuple[int, int] | None = None):
        self._config, self._depth, self._identity, self._begin = config, depth, identity, begin
        super().__init__({
            "requests": In(REQUEST),
            "content": Out(stream.Signature(answer_layout())),
            "runs": Out(run_signature(config, depth)),
        })

    def elaborate(self, platform):
        m = Module()
        length, digest = self._begin or (0, 0)
        self._head = head = Signal(_request_layout(), init={"first": length, "second": digest})
        self._status, self._index = Signal(Status), Signal(range(max(len(self._identity), SUMMARY_BYTES)))
        self._left, self._at = Signal(range(MAX_DATA + 1)), Signal(32)
        m.d.comb += [
            self.runs.length.eq(head.first),
            self.runs.digest.eq(head.second),
            self.runs.segment.eq(head.first),
        ]
        with m.FSM():
            with m.State("wake"):
                m.d.comb += self.runs.start.eq(self._begin is not None)
                m.next = "idle"
            self._read(m)
            self._judge(m)
            self._obey(m)
            self._load(m)
            self._answer(m)
            self._dump(m)
            with m.State("end"):
                self._send(m, 0, "done", last=1)
            with m.State("spoil"):
                m.d.sync += self._at.eq(~0)  # so that the next DUMP decodes from the begin
                self._send(m, 0, "done", last=1, spoilt=1)
            with m.State("done"):
                m.d.comb += self.requests.done.eq(1)
                m.next = "idle"
        return m

    def _is(self, *commands):
        """Whether the command is one of these."""
        return Cat(self._head.command == command.value for command in commands).any()

    def _fetch(self, m, name, after):
        """States in which the memory of requests, or of results, brings what is at the address."""
        for step in range(LATENCY):
            with m.State(name if step == 0 else f"{name} {step}"):
                m.next = f"{name} {step + 1}" if step + 1 < LATENCY else after

    def _send(self, m, byte, after, last=0, spoilt=0):
        """Statements of a state that puts a byte into the answer."""
        payload = self.content.payload
        m.d.comb += [self.content.valid.eq(1), payload.byte.eq(byte), payload.last.eq(last), payload.spoilt.eq(spoilt)]
        with m.If(self.content.ready):
            m.next = after
        return self.content.ready

    def _read(self, m):
        """The begin of the request."""
        requests, whole = self.requests, _request_layout().size // 8
        with m.State("idle"):
            m.d.sync += [requests.address.eq(0), self._index.eq(0)]
            with m.If(requests.request):
                m.next = "head"
        self._fetch(m, "head", "head byte")
        with m.State("head byte"):
            m.d.sync += [self._head.eq(Cat(self._head, requests.data)[8:]), requests.address.eq(requests.address + 1)]
            m.next = "head"
            with m.If(requests.address == whole - 1):
                m.d.sync += requests.address.eq(HEAD + NUMBER_BYTES)  # where the data of a LOAD begin
                m.next = "sum"

    def _judge(self, m):
        """The status of the request. Sums and comparisons are cycles of their own."""
        head, word = self._head, self._config.word_bits // 8
        content, begin = self.requests.length, HEAD + NUMBER_BYTES
        words, odd = Signal(range(MAX_DATA + 1)), Signal()
        m.d.comb += [
            words.eq((content - begin) >> (word.bit_length() - 1)),
            odd.eq(((content - begin) & (word - 1)) != 0),
        ]
        known, fits, busy, able, ranged = Signal(), Signal(), Signal(), Signal(), Signal()
        total, limit, size = Signal(33), Signal(32), Signal()
        state = self.runs.summary.state
        with m.State("sum"):
            m.d.sync += [
                known.eq(self._is(*Command)),
                busy.eq(self._is(Command.LOAD, Command.DECODE, Command.DUMP) & (state == State.RUNNING)),
                able.eq(~self._is(Command.DUMP) | (state == State.PASSED) | (state == State.DIFFERENT)),
                total.eq(head.first),
                size.eq(1),
                limit.eq(self._depth),
            ]
            for command, names in NUMBERS.items():
                with m.If(self._is(command)):
                    m.d.sync += fits.eq(content == HEAD + NUMBER_BYTES * len(names))
            with m.Switch(head.command):
                with m.Case(Command.LOAD):
                    m.d.sync += [total.eq(head.first + words),
                                 fits.eq((content > begin) & (content <= begin + MAX_DATA) & ~odd)]
                with m.Case(Command.DECODE):
                    m.d.sync += size.eq(head.first != 0)
                with m.Case(Command.RESULTS):
                    m.d.sync += [total.eq(head.first + head.second), limit.eq(self.runs.summary.segments),
                                 size.eq(head.second <= MAX_RESULTS)]
                with m.Case(Command.DUMP):
                    m.d.sync += [total.eq(head.first + head.second), limit.eq(self.runs.summary.weights),
                                 size.eq((head.second != 0) & (head.second <= MAX_DATA))]
            m.next = "compare"
        with m.State("compare"):
            m.d.sync += ranged.eq(self._is(Command.IDENTIFY, Command.RESET) | size & (total <= limit))
            m.next = "judge"
        with m.State("judge"):
            m.d.sync += self._status.eq(Mux(~known, Status.UNKNOWN, Mux(~fits, Status.LENGTH, Mux(
                busy, Status.BUSY, Mux(~able, Status.STATE, Mux(~ranged, Status.RANGE, Status.OK))))))
            m.next = "obey"

    def _obey(self, m):
        """What the command does to the runner."""
        begins = Signal()  # weights from before where the last ones ended
        m.d.sync += begins.eq(~self.runs.dumping | (self._head.first < self._at))
        with m.State("obey"):
            m.d.sync += self._left.eq(self._head.second)
            m.next = "tag"
            with m.If(self._status == Status.OK):
                m.d.comb += [
                    self.runs.start.eq(self._is(Command.DECODE)),
                    self.runs.stop.eq(self._is(Command.LOAD, Command.RESET)),
                    self.runs.dump.eq(self._is(Command.DUMP) & begins),
                ]
                with m.If(self.runs.dump):
                    m.d.sync += self._at.eq(0)
                with m.If(self._is(Command.LOAD)):
                    m.next = "load"

    def _load(self, m):
        """The words of a LOAD go into the stream memory."""
        requests, word_bytes = self.requests, self._config.word_bits // 8
        word, count = Signal(self._config.word_bits), Signal(range(max(word_bytes, 2)))
        m.d.comb += [self.runs.write.data.eq(word), self.runs.write.address.eq(self._head.first)]
        self._fetch(m, "load", "load byte")
        with m.State("load byte"):
            m.d.sync += [
                word.eq(Cat(word, requests.data)[8:]),
                requests.address.eq(requests.address + 1),
                count.eq(count + 1),
            ]
            m.next = "load"
            with m.If(count == word_bytes - 1):
                m.d.sync += count.eq(0)
                m.next = "word"
        with m.State("word"):
            m.d.comb += self.runs.write.enable.eq(1)
            m.d.sync += self._head.first.eq(self._head.first + 1)
            m.next = "load"
            with m.If(requests.address == requests.length):
                m.next = "tag"

    def _record(self, m, name, content, after):
        """A state that sends all bytes of a record."""
        content = Array(content)
        with m.State(name):
            sent = self._send(m, content[self._index], name)
            with m.If(sent):
                m.d.sync += self._index.eq(self._index + 1)
                with m.If(self._index == len(content) - 1):
                    m.d.sync += self._index.eq(0)
                    m.next = after

    def _answer(self, m):
        """Tag, command and status; identity, summary, results."""
        head = self._head
        with m.State("tag"):
            self._send(m, head.tag, "command")
        with m.State("command"):
            self._send(m, head.command | ANSWER, "status")
        with m.State("status"):
            sent = self._send(m, self._status, "end")
            for command, after in (
                    (Command.IDENTIFY, "identity"), (Command.RESULTS, "summary"), (Command.DUMP, "seek")):
                with m.If(sent & (self._status == Status.OK) & self._is(command)):
                    m.next = after
        self._record(m, "identity", [Const(byte, 8) for byte in self._identity], "end")
        self._record(m, "summary", _bytes_of(self.runs.summary), "next result")
        with m.State("next result"):
            m.d.sync += self._left.eq(self._left - 1)
            m.next = "result"
            with m.If(self._left == 0):
                m.next = "end"
        self._fetch(m, "result", "result bytes")
        self._record(m, "result bytes", _bytes_of(self.runs.result), "result sent")
        with m.State("result sent"):
            m.d.sync += head.first.eq(head.first + 1)
            m.next = "next result"

    def _dump(self, m):
        """Weights that come before the first one asked for are dropped."""
        there = Signal()  # the next weight is asked for
        with m.State("seek"):
            m.d.sync += there.eq(self._at == self._head.first)
            m.next = "weight"
        with m.State("weight"):
            with m.If(self.runs.weights.valid & ~there):
                m.d.comb += self.runs.weights.ready.eq(1)
                m.d.sync += self._at.eq(self._at + 1)
                m.next = "seek"
            with m.Elif(self.runs.weights.valid):
                sent = self._send(m, self.runs.weights.payload, "weight")
                with m.If(sent):
                    m.d.comb += self.runs.weights.ready.eq(1)
                    m.d.sync += [self._at.eq(self._at + 1), self._left.eq(self._left - 1)]
                with m.If(sent & (self._left == 1)):
                    m.next = "end"
            with m.Elif(self.runs.over):
                m.next = "spoil"


SUMMARY_BYTES = layout_of(SUMMARY).size // 8


def _bytes_of(record):
    """The bytes of a record."""
    value = record.as_value()
    return [value.word_select(i, 8) for i in range(len(value) // 8)]
