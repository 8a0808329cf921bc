"""The board design: a decoder, the memory of its stream, and a serial line that commands it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from golden.config import OutputMode
from golden.errors import ConfigError

from .answers import AnswerWriter
from .commands import Commands
from .identity import Identity
from .protocol import State
from .requests import RequestReader
from .runner import Runner
from .uart import UartReceiver, UartTransmitter, check_divisor

__all__ = ["BoardDesign", "identity_of"]


def identity_of(plan) -> Identity:
    """What the board of a plan says of itself."""
    stream = plan.contents.header[1] if plan.contents else 0
    return Identity(plan.board.name, plan.config, stream, plan.depth, round(plan.frequency), plan.identity)


class BoardDesign(wiring.Component):
    """What is on a board, one clock, no pins: requests come in, answers go out, as ``docs/boards.md`` has it.

    Reset: as after power-up. If the memory begins with a stream, that one is decoded and checked, without a host.

    Parameters
    ----------
    plan : `boards.fit.DesignPlan`

    Members
    -------
    rx, tx : In(1), Out(1)
        The serial line, from and to the host.
    running, passed, failed : Out(1)
        For LEDs: the decoder is at work; the last run was right; it was not.

    Raises
    ------
    ConfigError
        If there can be no such decoder or serial line.
    """

    rx: In(1, init=1)
    tx: Out(1, init=1)
    running: Out(1)
    passed: Out(1)
    failed: Out(1)

    def __init__(self, plan):
        check_divisor(plan.divisor)
        if plan.config.output is not OutputMode.DENSE:
            raise ConfigError("a board's decoder must have a dense output")
        self._plan = plan
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        m.submodules.runner = runner = Runner(plan.config, plan.depth, plan.contents, plan.target, plan.words)
        m.submodules.commands = commands = Commands(plan.config, plan.depth, identity_of(plan).to_bytes(),
                                                    (len(plan.words), plan.digest) if plan.words else None)
        m.d.comb += [
            runner.start.eq(commands.start),
            runner.dump.eq(commands.dump),
            runner.stop.eq(commands.stop),
            runner.length.eq(commands.run_length),
            runner.digest.eq(commands.digest),
            runner.write.eq(commands.write),
            runner.address.eq(commands.segment),
            commands.summary.eq(runner.summary),
            commands.result.eq(runner.result),
            commands.dumping.eq(runner.dumping),
            commands.over.eq(runner.over),
        ]
        connect(m, runner.weights, commands.weights)
        self._talk(m, commands)
        state = runner.summary.state
        m.d.sync += [
            self.running.eq(state == State.RUNNING),
            self.passed.eq(state == State.PASSED),
            self.failed.eq((state == State.FAILED) | (state == State.DIFFERENT)),
        ]
        return m

    def _talk(self, m, commands):
        """The serial line, and what makes requests of its bytes and bytes of answers."""
        plan = self._plan
        m.submodules.receiver = receiver = UartReceiver(plan.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(plan.divisor)
        m.submodules.requests = requests = RequestReader(plan.target)
        m.submodules.answers = answers = AnswerWriter()
        connect(m, commands.content, answers.content)
        connect(m, answers.bytes, transmitter.bytes)
        m.d.comb += [
            receiver.line.eq(self.rx),
            self.tx.eq(transmitter.line),
            requests.valid.eq(receiver.valid),
            requests.byte.eq(receiver.byte),
            requests.address.eq(commands.address),
            requests.done.eq(commands.done),
            commands.request.eq(requests.request),
            commands.length.eq(requests.length),
            commands.data.eq(requests.data),
        ]
