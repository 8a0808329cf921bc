"""The board design: each command, what is wrong with it, and what the decoder makes of streams."""

import zlib
from dataclasses import replace
from functools import lru_cache
from random import Random

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream as streams
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from boards.answers import AnswerWriter
from boards.catalogue import find_board
from boards.commands import Commands
from boards.design import BoardCore, identity_of
from boards.fit import DesignPlan
from boards.identity import Identity
from boards.protocol import (
    ANSWER,
    MAX_DATA,
    RESULT,
    SUMMARY,
    Command,
    FrameReader,
    State,
    Status,
    digest_of,
    frame_of,
    unpack_fields,
)
from boards.requests import RequestReader
from boards.runner import run_signature
from boards.unpacker import Unpacker
from golden.codec import decode
from golden.config import Config, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.errors import FormatError
from golden.network import encode_stream
from golden.stream import words_of
from hw.contents import contents_of, rom_config

from .sources import laplacian
from .support import collect, feeder, run_bench

STEP = 4  # cycles between bytes of the line
PATIENCE = 20_000  # cycles until an answer is missing


def network(*sizes, lanes=2, bins=7, **options):
    """A stream of one layer for each size."""
    layers = {str(i): laplacian(bins, 1.5, size).astype(np.int8) for i, size in enumerate(sizes)}
    return encode_stream(layers, lanes=lanes, word_bits=options.pop("word_bits", 16), **options)[0]


def plan_for(stream, depth=None, style=TableStyle.RAM, begin=False, **options):
    """The plan of a board for streams like this one, whose memory begins with it or with nothing."""
    if style is TableStyle.ROM:
        config, contents = rom_config(stream, replace(stream.config, **options)), contents_of(stream)
    else:
        config, contents = replace(stream.config, table_style=style, max_segments=4, max_tables=2, **options), None
    stored = tuple(words_of(stream_bytes(stream), stream.config.word_bits))
    words = stored if begin else ()
    return DesignPlan(board=replace(find_board("ulx3s-85f"), target="xilinx-7"), config=config, contents=contents,
                      depth=depth or len(stored), words=words, crcs=crcs_of(stream) if begin else (),
                      frequency=1e8, divisor=8)


def crcs_of(stream):
    return tuple(zlib.crc32(weights.tobytes()) for weights in decode(stream))


class Host:
    """Sends requests to a `BoardCore`, byte by byte, and reads its answers."""

    def __init__(self, ctx, dut):
        self.ctx, self.dut, self.reader, self.tag = ctx, dut, FrameReader(), 0
        ctx.set(dut.bytes.ready, 1)

    async def tick(self):
        """A cycle; returns the answers that are complete."""
        *_, valid, byte = await self.ctx.tick().sample(self.dut.bytes.valid, self.dut.bytes.payload)
        return self.reader.feed(bytes([byte])) if valid else []

    async def send(self, data: bytes):
        for byte in data:
            self.ctx.set(self.dut.byte, byte)
            self.ctx.set(self.dut.valid, 1)
            await self.tick()
            self.ctx.set(self.dut.valid, 0)
            for _ in range(STEP - 1):
                await self.tick()

    async def receive(self):
        """The next answer, or None if the line stays silent."""
        for _ in range(PATIENCE):
            if answers := await self.tick():
                return answers[0]

    async def ask(self, command, *numbers, data=b"", length=None):
        """Send a request, cut to a length, and return status and data of its answer."""
        self.tag = self.tag + 1 & 0xFF
        code = command.value if isinstance(command, Command) else command
        content = bytes([self.tag, code]) + b"".join(number.to_bytes(4, "little") for number in numbers) + data
        await self.send(frame_of(content[:length]))
        answer = await self.receive()
        assert answer is not None and answer[:2] == bytes([self.tag, code | ANSWER])
        return Status(answer[2]), answer[3:]

    async def load(self, stream, address=0):
        data, size = stream if isinstance(stream, bytes) else stream_bytes(stream), self.size
        step = MAX_DATA // size * size
        for place in range(0, len(data), step):
            assert await self.ask(Command.LOAD, address + place // size, data=data[place:place + step]) == (
                Status.OK, b"")

    async def results(self, count=0):
        """Summary and results of all segments."""
        status, data = await self.ask(Command.RESULTS, 0, count)
        assert status is Status.OK
        summary, size = unpack_fields(SUMMARY, data), sum(size for _, size in SUMMARY)
        summary["state"] = State(summary["state"])
        assert len(data) == size + 8 * count
        return summary, [unpack_fields(RESULT, data[size + 8 * i:]) for i in range(count)]

    async def finish(self):
        """Wait for the end of a run; its summary."""
        for _ in range(1000):
            summary, _ = await self.results()
            if summary["state"] is not State.RUNNING:
                return summary
        raise AssertionError("the run goes on")

    async def decode(self, stream, digest=None):
        """Decode what is in the memory."""
        length = len(words_of(stream_bytes(stream), stream.config.word_bits))
        digest = digest_of(crcs_of(stream)) if digest is None else digest
        assert await self.ask(Command.DECODE, length, digest) == (Status.OK, b"")
        return await self.finish()


def with_host(plan, play):
    """Run ``play(host)`` against the board of a plan."""
    dut = BoardCore(plan)

    async def testbench(ctx):
        host = Host(ctx, dut)
        host.size = plan.config.word_bits // 8
        await play(host)

    run_bench(dut, testbench)


@lru_cache
def small():
    return network(50, 7, 23)


def test_whole_exchange():
    """Identify, load, decode, results and weights; twice, with two streams."""
    first, second = small(), network(90)
    plan = plan_for(first, depth=512, bins=15)

    async def play(host):
        status, data = await host.ask(Command.IDENTIFY)
        assert status is Status.OK and Identity.from_bytes(data) == identity_of(plan)
        assert (await host.results())[0] == dict.fromkeys(dict(SUMMARY), 0) | {"state": State.IDLE}
        for stream in (second, first):
            await host.load(stream)
            summary = await host.decode(stream)
            timing, crcs = simulate(stream, plan.config), crcs_of(stream)
            assert summary == {"state": State.PASSED, "error": 0, "segments": len(crcs), "weights": stream.weights,
                               "cycles": timing.end, "digest": digest_of(crcs)}
            _, results = await host.results(len(crcs))
            assert [result["crc"] for result in results] == list(crcs)
            ends = np.cumsum([-(-segment.weights // plan.config.transfer_weights) for segment in stream.segments])
            assert [result["cycles"] for result in results] == [timing.beats[end - 1] + 1 for end in ends]
            weights = np.concatenate(decode(stream)).tobytes()
            for place, count in ((0, 3), (3, 20), (40, 20), (7, 1), (len(weights) - 9, 9)):
                assert await host.ask(Command.DUMP, place, count) == (Status.OK, weights[place:place + count])
            assert await host.results(len(crcs)) == (summary, results)

    with_host(plan, play)


def test_garbage_between_requests():
    """Bytes that are no request, and parts of requests, are not answered; the whole request behind them is."""
    async def play(host):
        request = frame_of(bytes([9, Command.IDENTIFY.value]))
        for garbage in (b"\x00\xff\xdb", request[:4], request[1:4], b"\xc0" * 5, request[:2] + b"\x06" + request[3:]):
            await host.send(garbage)
            assert not host.reader.feed(b"")
            assert (await host.ask(Command.IDENTIFY))[0] is Status.OK

    with_host(plan_for(small(), bins=15), play)


@pytest.mark.parametrize("style, options", [
    (TableStyle.ROM, {"lanes": 4, "vector": 2, "word_bits": 32}),
    (TableStyle.RAM, {"lanes": 3, "word_bits": 8, "table_log": 5}),
    (TableStyle.ROM, {"lanes": 1, "word_bits": 16}),
])
def test_run_at_power_up(style, options):
    """A memory that begins with its stream is decoded without a host. Partial transfers of several weights."""
    stream = network(61, 5, 30, 8, **options)
    plan = plan_for(stream, style=style, begin=True)

    async def play(host):
        summary = await host.finish()
        assert (summary["state"], summary["weights"]) == (State.PASSED, stream.weights)
        assert summary["cycles"] == simulate(stream, plan.config).end
        _, results = await host.results(len(stream.segments))
        assert [result["crc"] for result in results] == list(plan.crcs)
        weights = np.concatenate(decode(stream)).tobytes()
        assert await host.ask(Command.DUMP, 0, len(weights)) == (Status.OK, weights)

    with_host(plan, play)


def test_power_up_with_another_digest():
    """Weights other than those that the board was built for: the run ends, and is not called right."""
    stream = small()
    plan = replace(plan_for(stream, begin=True), crcs=(*crcs_of(stream)[:-1], 1))

    async def play(host):
        summary = await host.finish()
        assert (summary["state"], summary["error"], summary["weights"]) == (State.DIFFERENT, 0, stream.weights)
        assert summary["digest"] == digest_of(crcs_of(stream)) != plan.digest
        assert (await host.decode(stream))["state"] is State.PASSED

    with_host(plan, play)


class CommandLine(wiring.Component):
    """A command interpreter between the two ends of its line; the runner is the test."""

    def __init__(self, config, depth):
        self._commands = Commands(config, depth, b"identity")
        super().__init__({"valid": In(1), "byte": In(8), "bytes": Out(streams.Signature(8)),
                          "runs": Out(run_signature(config, depth))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.requests = requests = RequestReader()
        m.submodules.answers = answers = AnswerWriter()
        m.submodules.commands = commands = self._commands
        connect(m, commands.requests, requests.found)
        connect(m, commands.content, answers.content)
        connect(m, answers.bytes, flipped(self.bytes))
        connect(m, commands.runs, flipped(self.runs))
        m.d.comb += [requests.valid.eq(self.valid), requests.byte.eq(self.byte)]
        return m


@pytest.mark.parametrize("good", [0, 1, 4])
def test_dump_ends_with_its_run(good):
    """The decoder stops in the middle of a DUMP: no frame with a right check; the next DUMP decodes from the begin."""
    dut, started = CommandLine(Config(lanes=2), 16), []

    async def decoder(ctx):
        """Each run has one weight more than the one before."""
        count = good
        while True:
            while not (await ctx.tick().sample(dut.runs.dump))[-1]:
                pass
            started.append(count)
            ctx.set(dut.runs.over, 0)
            ctx.set(dut.runs.dumping, 1)
            for weight in range(count):
                ctx.set(dut.runs.weights.payload, weight)
                ctx.set(dut.runs.weights.valid, 1)
                while not (await ctx.tick().sample(dut.runs.weights.ready))[-1]:
                    pass
            ctx.set(dut.runs.weights.valid, 0)
            ctx.set(dut.runs.over, 1)
            count += 1

    async def testbench(ctx):
        ctx.set(dut.runs.summary.state, State.PASSED)
        ctx.set(dut.runs.summary.weights, good + 1)
        host = Host(ctx, dut)
        wanted = b"".join(number.to_bytes(4, "little") for number in (0, good + 1))
        await host.send(frame_of(bytes([1, Command.DUMP.value]) + wanted))
        assert await host.receive() is None and started == [good]
        assert (await host.ask(Command.IDENTIFY)) == (Status.OK, b"identity")
        assert await host.ask(Command.DUMP, 0, good + 1) == (Status.OK, bytes(range(good + 1)))
        assert started == [good, good + 1]

    run_bench(dut, testbench, decoder)


def test_identity():
    identity = identity_of(plan_for(small()))
    data = identity.to_bytes()
    assert Identity.from_bytes(data) == identity
    for place, message in ((0, "version 3 of the protocol, this program version 1"),
                           (1, "version 3 of the format, this program version 1"),
                           (2, "says of itself what cannot be: lanes must be"), (len(data) - 1, "cannot be")):
        wrong = bytes([*data[:place], {0: 3, 1: 3, 2: 0}.get(place, 200), *data[place + 1:]])
        with pytest.raises(FormatError, match=message):
            Identity.from_bytes(wrong)
    with pytest.raises(FormatError, match="cannot be"):
        Identity.from_bytes(data[:9])


@pytest.mark.parametrize("single", [0, 1])
@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_unpacker(lanes, single):
    """Transfers in random cycles, pieces taken in random cycles: the same weights, the ends of segments marked."""
    random = Random(lanes)
    transfers, wanted = [], []
    for _ in range(30):
        last = random.random() < 0.4
        count = random.randint(1, lanes) if last else lanes
        weights = [random.randint(-7, 7) for _ in range(lanes)]
        transfers.append({"weights": weights, "keep": (1 << count) - 1, "last": last})
        pieces = [weights] if count == lanes and not single else [[weight] for weight in weights[:count]]
        wanted += [(bytes(weight & 0xFF for weight in piece), len(piece) == lanes and not single,
                    last and number == len(pieces) - 1) for number, piece in enumerate(pieces)]
    dut, found = Unpacker(Config(lanes=lanes)), []

    async def testbench(ctx):
        ctx.set(dut.single, single)
        for piece in await collect(ctx, dut.pieces, len(wanted), random, 0.4):
            size = lanes if piece.whole else 1
            found.append((piece.data.to_bytes(lanes, "little")[:size], bool(piece.whole), bool(piece.last)))
        assert found == wanted

    run_bench(dut, testbench, feeder(dut.beats, transfers, random, 0.3))
