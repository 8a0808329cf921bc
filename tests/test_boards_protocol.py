"""Frames and bytes of the boards' protocol: software and hardware hold to each other, what is damaged is dropped."""

import zlib
from random import Random

import pytest

from boards.answers import AnswerWriter
from boards.protocol import END, ESCAPE, FRAME_BYTES, FrameReader, digest_of, frame_of
from boards.requests import RequestReader
from boards.uart import UartReceiver, UartTransmitter, check_divisor
from golden.errors import ConfigError
from tests.support import feeder, run_bench

SPECIAL = bytes([END, ESCAPE, 0xDC, 0xDD, 0, 255])


def contents(count, seed=0, most=40):
    """Contents of frames, rich in the bytes that are escaped."""
    random = Random(seed)
    return [bytes(random.choice(SPECIAL) if random.random() < 0.4 else random.randrange(256)
                  for _ in range(random.randint(1, most))) for _ in range(count)]


def test_frame_as_written_down():
    """A frame byte by byte."""
    assert zlib.crc32(bytes([7, 1])).to_bytes(4, "little").hex() == "aeb49f79"
    assert frame_of(bytes([7, 1])).hex() == "c00701aeb49f79c0"
    assert frame_of(bytes([END, ESCAPE]))[:5].hex() == "c0dbdcdbdd"


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_frames_there_and_back(piece):
    sent = contents(30)
    line = b"noise" + b"".join(map(frame_of, sent))
    reader = FrameReader()
    assert [one for i in range(0, len(line), piece) for one in reader.feed(line[i:i + piece])] == sent
    assert reader.bad == 1


def test_damaged_frame_is_passed_over():
    """Whatever byte of a frame is another one, the frame after it is found, and nothing else."""
    frame = frame_of(bytes(SPECIAL))
    for place in range(len(frame)):
        for byte in (frame[place] ^ 1, END, ESCAPE):
            if byte != frame[place]:
                damaged = frame[:place] + bytes([byte]) + frame[place + 1:]
                found = FrameReader().feed(damaged + frame_of(b"good"))
                assert found in ([b"good"], [bytes(SPECIAL), b"good"] if place in (0, len(frame) - 1) else [b"good"])


def test_digest():
    assert digest_of([]) == 0
    assert digest_of([0x80000001]) == 0x80000001
    assert digest_of([0x80000001, 0x10]) == 0x13


@pytest.mark.parametrize("divisor", [8, 13])
def test_uart_there_and_back(divisor):
    """What the transmitter sends the receiver reads, byte after byte; the line follows the definition, bit by bit."""
    random = Random(divisor)
    sent = [0, 255, *(random.randrange(256) for _ in range(10))]
    transmitter, levels = UartTransmitter(divisor), []

    async def watch(ctx):
        for _ in range((len(sent) + 1) * 10 * divisor + 50):
            levels.append(ctx.get(transmitter.line))
            await ctx.tick()

    run_bench(transmitter, watch, feeder(transmitter.bytes, sent, random))
    start, found = 0, []
    while 0 in levels[start:] and len(found) < len(sent):
        start = levels.index(0, start)
        bits = [levels[start + divisor * bit + divisor // 2] for bit in range(10)]
        assert bits[0] == 0 and bits[9] == 1
        found.append(sum(bit << i for i, bit in enumerate(bits[1:9])))
        start += 9 * divisor + divisor // 2
    assert found == sent
    receiver, read = UartReceiver(divisor), []

    async def play(ctx):
        for level in levels:
            ctx.set(receiver.line, level)
            if ctx.get(receiver.valid):
                read.append(ctx.get(receiver.byte))
            await ctx.tick()

    run_bench(receiver, play)
    assert read == sent


def test_uart_byte_without_stop_bit():
    """A line held low gives nothing, and the byte after it is read."""
    receiver, read = UartReceiver(8), []
    bits = [0] * 15 + [1] * 2 + [0, *(0x5A >> i & 1 for i in range(8)), 1, 1]

    async def play(ctx):
        for level in bits:
            ctx.set(receiver.line, level)
            for _ in range(8):
                if ctx.get(receiver.valid):
                    read.append(ctx.get(receiver.byte))
                await ctx.tick()

    run_bench(receiver, play)
    assert read == [0x5A]


@pytest.mark.parametrize("divisor", [7, 65537])
def test_uart_divisor(divisor):
    with pytest.raises(ConfigError, match=f"cycles per bit must be from 8 to 65536, not {divisor}"):
        check_divisor(divisor)


async def give(ctx, dut, data):
    """Bytes from the line, four cycles each."""
    for byte in data:
        ctx.set(dut.valid, 1)
        ctx.set(dut.byte, byte)
        await ctx.tick()
        ctx.set(dut.valid, 0)
        await ctx.tick().repeat(3)


async def take(ctx, dut):
    """The content of the request on hand, or None."""
    if not ctx.get(dut.found.request):
        return None
    data = []
    for address in range(ctx.get(dut.found.length)):
        ctx.set(dut.found.address, address)
        await ctx.tick().repeat(2)
        data.append(ctx.get(dut.found.data))
    ctx.set(dut.found.done, 1)
    await ctx.tick()
    ctx.set(dut.found.done, 0)
    return bytes(data)


def test_requests():
    """Good frames are found between all kinds of bad ones."""
    random = Random(1)
    dut = RequestReader()
    good = contents(12, seed=2)

    async def testbench(ctx):
        for content in good:
            frame = bytearray(frame_of(content))
            damaged = bytearray(frame)
            damaged[random.randrange(1, len(frame) - 1)] ^= 0x10
            for bad in (damaged, frame[:-2] + frame[-1:], bytes([END, ESCAPE, 1, END]), b"\xc0\x01\x02\xc0",
                        bytes(random.randrange(256) for _ in range(9))):
                await give(ctx, dut, bad)
                assert await take(ctx, dut) is None
            await give(ctx, dut, frame)
            assert await take(ctx, dut) == content

    run_bench(dut, testbench)


def test_request_too_long():
    dut = RequestReader()

    async def testbench(ctx):
        await give(ctx, dut, frame_of(bytes(FRAME_BYTES)))
        assert await take(ctx, dut) is None
        await give(ctx, dut, frame_of(bytes(FRAME_BYTES - 4)))
        assert await take(ctx, dut) == bytes(FRAME_BYTES - 4)

    run_bench(dut, testbench)


def test_bytes_during_a_request_are_passed_over():
    dut = RequestReader()

    async def testbench(ctx):
        await give(ctx, dut, frame_of(b"one"))
        await give(ctx, dut, frame_of(b"two")[:4])
        assert await take(ctx, dut) == b"one"
        await give(ctx, dut, frame_of(b"two")[4:])
        assert await take(ctx, dut) is None
        await give(ctx, dut, frame_of(b"three"))
        assert await take(ctx, dut) == b"three"

    run_bench(dut, testbench)


@pytest.mark.parametrize("stall", [0, 0.7])
def test_answers(stall):
    """The frames are those of `frame_of`; one that is spoilt has a wrong check."""
    random = Random(3)
    dut, sent = AnswerWriter(), contents(10, seed=4)
    payloads = [payload for number, content in enumerate(sent)
                for payload in [*({"byte": byte, "last": 0, "spoilt": 0} for byte in content),
                                {"byte": 0, "last": 1, "spoilt": number == 5}]]
    line = bytearray()

    async def testbench(ctx):
        while line.count(END) < 2 * len(sent):
            ready = random.random() >= stall
            ctx.set(dut.bytes.ready, ready)
            *_, valid, byte = await ctx.tick().sample(dut.bytes.valid, dut.bytes.payload)
            if valid and ready:
                line.append(byte)

    run_bench(dut, testbench, feeder(dut.content, payloads, random, idle=0.2))
    reader = FrameReader()
    assert reader.feed(bytes(line)) == sent[:5] + sent[6:]
    assert reader.bad == 1
