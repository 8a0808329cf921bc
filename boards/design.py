"""The board design: a decoder, the memory of its stream, and a serial line that commands it."""

from dataclasses import replace

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from .answers import AnswerWriter
from .commands import Commands
from .fit import DesignPlan
from .identity import Identity
from .protocol import State
from .requests import RequestReader
from .runner import Runner
from .uart import UartReceiver, UartTransmitter, check_divisor

__all__ = ["BoardCore", "BoardDesign", "identity_of"]


def identity_of(plan: DesignPlan) -> Identity:
    """What the board of a plan says of itself."""
    stream = plan.contents.header[1] if plan.contents else 0
    config = replace(plan.config, queue=plan.config.parts_ahead)  # as a number, whatever stood for it
    return Identity(plan.board.name, config, stream, plan.depth, round(plan.frequency), plan.identity)


class BoardCore(wiring.Component):
    """The board design without its serial line: bytes of requests come in, bytes of answers go out.

    Reset: as after power-up. If the memory begins with a stream, that one is decoded and checked, without a host.

    Parameters
    ----------
    plan : DesignPlan

    Members
    -------
    valid, byte : In(1), In(8)
        A byte from the host has come. They must be four cycles apart.
    bytes : Out(stream of 8 bits)
        For the host.
    state : Out(State)
        Of the last run.

    """

    valid: In(1)
    byte: In(8)
    bytes: Out(stream.Signature(8))
    state: Out(State)

    def __init__(self, plan: DesignPlan):
        self._plan = plan
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        first_run = (len(plan.words), plan.digest) if plan.words else None
        m.submodules.requests = requests = RequestReader(plan.target)
        m.submodules.answers = answers = AnswerWriter()
        m.submodules.runner = runner = Runner(plan.config, plan.depth, plan.contents, plan.target, plan.words)
        m.submodules.commands = commands = Commands(plan.config, plan.depth, identity_of(plan).to_bytes(), first_run)
        connect(m, commands.requests, requests.found)
        connect(m, commands.content, answers.content)
        connect(m, commands.runs, runner.runs)
        connect(m, answers.bytes, flipped(self.bytes))
        m.d.comb += [
            requests.valid.eq(self.valid),
            requests.byte.eq(self.byte),
            self.state.eq(runner.runs.summary.state),
        ]
        return m


class BoardDesign(wiring.Component):
    """What is on a board, on one clock: a `BoardCore` on a serial line. ``docs/boards.md`` has what it answers to what.

    Reset: as after power-up.

    Parameters
    ----------
    plan : DesignPlan

    Members
    -------
    rx, tx : In(1), Out(1)
        The serial line, from and to the host.
    running, passed, failed : Out(1)
        For lights: the decoder is at work; the last run was right; it was not.

    Raises
    ------
    ConfigError
        If there can be no such serial line.
    """

    rx: In(1, init=1)
    tx: Out(1, init=1)
    running: Out(1)
    passed: Out(1)
    failed: Out(1)

    def __init__(self, plan: DesignPlan):
        check_divisor(plan.divisor)
        self._plan = plan
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._plan.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self._plan.divisor)
        m.submodules.core = core = BoardCore(self._plan)
        connect(m, core.bytes, transmitter.bytes)
        m.d.comb += [
            receiver.line.eq(self.rx),
            self.tx.eq(transmitter.line),
            core.valid.eq(receiver.valid),
            core.byte.eq(receiver.byte),
        ]
        m.d.sync += [
            self.running.eq(core.state == State.RUNNING),
            self.passed.eq(core.state == State.PASSED),
            self.failed.eq((core.state == State.FAILED) | (core.state == State.DIFFERENT)),
        ]
        return m
