"""The host's program against the simulated board, over a pseudo-terminal: what goes well, and all that goes wrong."""

import contextlib
import fcntl
import json
import os
import re
import sys
import threading
import tty

import numpy as np
import pytest

from boards import host, simulate
from boards.expected import Expected
from boards.fit import plan_design
from boards.link import BoardError, Link, Silence
from boards.protocol import (
    ANSWER,
    IDENTITY,
    MAX_DATA,
    MAX_RESULTS,
    SUMMARY,
    Command,
    FrameReader,
    State,
    Status,
    digest_of,
    frame_of,
)
from boards.remote import connect_board
from golden import digits
from golden.config import TableMemory, TableStyle
from golden.network import decode_network, encode_network
from hw.errors import ErrorCode
from hw.simulators import SimulatorError, find_simulator

from .test_layering import ROOT

OPTIONS = ("--simulate", "icebreaker", "--tables", "ram", "--memory", "logic", "--lanes", "2")
PATIENCE = 20.0
TRIES = 20


@pytest.fixture(scope="module", autouse=True)
def cache():
    """Compiled boards stay beside the other compiled designs."""
    try:
        find_simulator("verilator")
    except SimulatorError as error:
        pytest.skip(str(error))
    folder = ROOT / "sim_build" / "boards"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "CACHE", folder)
        patch.setattr(host, "PATIENCE", PATIENCE)
        yield folder


@pytest.fixture(scope="module")
def data():
    """The embedded network for two lanes."""
    return encode_network(digits.load(), lanes=2, spare=2, table_log_limit=7)


@pytest.fixture
def file(data, tmp_path):
    path = tmp_path / "net.tsy"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def plan(data):
    """A board that takes any stream of two lanes; it begins with the embedded network."""
    return plan_design("icebreaker", data, 2, table_style=TableStyle.RAM, table_memory=TableMemory.LOGIC)


@pytest.fixture(scope="module")
def program(cache, plan):
    """Its simulation. One process makes it, the others wait."""
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return simulate.compile_board(plan)


@pytest.fixture
def board(program):
    with simulate.SimulatedBoard(program) as simulated:
        yield simulated


class Between:
    """A line with someone on it: answers go through ``edit``, requests byte by byte through ``spoil``.

    ``edit`` is given the content of an answer and returns what goes on instead, as bytes of the line.
    """

    def __init__(self, port, edit=frame_of, spoil=bytes):
        self._edit, self._spoil, self._open = edit, spoil, True
        self._board = os.open(port, os.O_RDWR | os.O_NOCTTY)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        tty.setraw(self._board)
        self.port = os.ttyname(self._slave)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._up, self._down)]

    def _up(self):
        reader = FrameReader()
        with contextlib.suppress(OSError):
            while True:
                for content in reader.feed(os.read(self._board, 4096)):
                    os.write(self._master, self._edit(content))

    def _down(self):
        with contextlib.suppress(OSError):
            while True:
                os.write(self._board, self._spoil(os.read(self._master, 4096)))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for handle in (self._slave, self._master, self._board):
            os.close(handle)


def run(capsys, *arguments):
    """Run the command; its exit code and its figures."""
    code = host.main(["--json", *map(str, arguments)])
    return code, json.loads(capsys.readouterr().out)


def test_check(capsys, program, file):
    """The embedded network on a simulated board, as a user does it."""
    assert host.main([*OPTIONS, "check", str(file)]) == 0
    out = capsys.readouterr().out
    assert "weights          9,744 in 4 segments, equal to the golden model's\n" in out
    cycles, = re.findall(r"^cycles +([\d,]+), ([\d,]+) by the cycle model$", out, re.MULTILINE)
    assert cycles[0] == cycles[1]


def test_figures_and_dump(capsys, board, file, data, tmp_path):
    code, figures = run(capsys, "--port", board.port, "check", file)
    assert code == 0 and "difference" not in figures
    assert (figures["board"], figures["weights"], figures["segments"]) == ("icebreaker", 9744, 4)
    assert figures["cycles"] == figures["expected_cycles"]
    speed = figures["weights"] * figures["frequency"] / figures["cycles"]
    assert figures["weights_per_second"] == pytest.approx(speed)
    code, figures = run(capsys, "--port", board.port, "dump", file, "-o", tmp_path / "w.npz")
    assert code == 0 and figures["written"] == str(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as found:
        wanted = decode_network(data)
        assert list(found) == list(wanted)
        for name, array in wanted.items():
            assert found[name].dtype == array.dtype and (found[name] == array).all()


def test_identify_and_reset(capsys, board):
    code, figures = run(capsys, "--port", board.port, "identify")
    assert code == 0 and figures["config"]["lanes"] == 2 and figures["frequency"] == 18_000_000
    assert run(capsys, "--port", board.port, "reset") == (0, {**figures, "reset": True})
    assert host.main(["--port", board.port, "reset"]) == 0
    assert "reset            done\n" in capsys.readouterr().out


def test_garbage_and_losses_on_the_line(capsys, monkeypatch, board, file):
    """Bytes that are no frames in both directions, a byte of a request lost, answers lost: asked again, all is well."""
    monkeypatch.setattr(host, "PATIENCE", 3.0)
    answers, requests = [], []

    def edit(content):
        answers.append(content)
        lost = len(answers) in (3, 6)
        return b"\x00\xc0\xdb\x55" + (b"" if lost else frame_of(content) + frame_of(b"\xee\x81"))

    def spoil(piece):
        requests.append(piece)
        return piece[:5] + piece[6:] if len(requests) == 2 else b"\xdb\x00" + piece

    with Between(board.port, edit, spoil) as line:
        code, figures = run(capsys, "--port", line.port, "check", file)
    assert code == 0 and figures["weights"] == 9744 and len(answers) > 8


def test_board_that_decodes_wrongly(capsys, board, file):
    """Which segment it is, and exit code 1."""
    def edit(content):
        if content[1] == Command.RESULTS.value | ANSWER and len(content) > 40:
            place = 3 + sum(size for _, size in SUMMARY) + 2 * 8  # the CRC-32 of segment 2
            content = content[:place] + bytes([content[place] ^ 1]) + content[place + 1:]
        return frame_of(content)

    with Between(board.port, edit) as line:
        code, figures = run(capsys, "--port", line.port, "check", file)
        name = list(decode_network(file.read_bytes()))[2]
        assert code == 1 and f"segment 2 ({name}): CRC-32 " in figures["difference"]
        assert host.main(["--port", line.port, "check", str(file)]) == 1
        assert "DIFFERENT        segment 2" in capsys.readouterr().out


def test_line_that_is_cut(board, file):
    expected = Expected.of(file)
    with connect_board(board.port, [1_000_000], PATIENCE) as remote:
        pieces = remote.load(expected.data)
        next(pieces)
        board.process.kill()
        board.process.wait()
        with pytest.raises(BoardError, match=f"{board.port}: the line was cut: "):
            list(pieces)


def test_nobody_answers():
    master, slave = os.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    link = Link(port, 115_200, 0.1)
    os.write(master, b"hello")
    with pytest.raises(Silence, match=r"no answer to RESET within 0\.1 s, asked 3 times; 5 bytes came that were no"):
        link.ask(Command.RESET)
    link.close()
    with pytest.raises(Silence, match="no answer to IDENTIFY within 0.1 s, asked 2 times$"), \
            connect_board(port, [115_200], 0.1):
        pass
    with pytest.raises(BoardError, match="asked 2 times, at each of 1,000,000, 115,200 baud"), \
            connect_board(port, [1_000_000, 115_200], 0.1):
        pass
    os.close(master)
    os.close(slave)


def identity_with(name, value):
    """An edit of the answer to IDENTIFY."""
    place = 3
    for field, size in IDENTITY:
        if field == name:
            break
        place += size

    def edit(content):
        if content[1] == Command.IDENTIFY.value | ANSWER:
            content = content[:place] + value.to_bytes(size, "little") + content[place + size:]
        return frame_of(content)

    return edit


@pytest.mark.parametrize("edit, message", [
    (identity_with("protocol", 2), "the board knows version 2 of the protocol, this program version 1"),
    (identity_with("format", 9), "the board knows version 9 of the format, this program version 1"),
    (identity_with("lanes", 4), "is not for this board .icebreaker.: the stream was made for lanes 2, not 4"),
    (identity_with("max_segments", 3), "max segments must be at least 4 for this stream, not 3"),
    (identity_with("stream", 7), "its decoder was built for another stream, and takes no other"),
    (identity_with("depth", 10), "is too large for this board .icebreaker.: .* bytes, and its memory has 40"),
    (lambda content: frame_of(content[:2] + b"\x03"), "refuses IDENTIFY with the status RANGE"),
    (lambda content: frame_of(content[:2] + b"\x63"), "refuses IDENTIFY with the status 99"),
    (lambda content: frame_of(content[:9]), "says of itself what cannot be"),
], ids=["protocol", "format", "lanes", "segments", "stream", "depth", "status", "unknown status", "short"])
def test_wrong_board(board, file, edit, message):
    with Between(board.port, edit) as line, pytest.raises(ValueError, match=message):
        host.main(["--port", line.port, "check", str(file)])


@pytest.mark.parametrize("arguments, message", [
    (("--port", "/dev/nowhere", "identify"), "/dev/nowhere: cannot be opened: No such file or directory"),
    (("--port", "/dev/null", "identify"), "/dev/null: cannot be opened: "),
    (("--simulate", "zx81", "identify"), "board must be one of "),
    ((*OPTIONS[:-1], "3", "check", "net.tsy"), "the stream was made for 2 lanes, not 3"),
    (("--port", "x", "check", "none.tsy"), "none.tsy: cannot be read"),
], ids=str)
def test_refusals(file, monkeypatch, arguments, message):
    monkeypatch.chdir(file.parent)
    with pytest.raises(ValueError, match=message):
        host.main(list(arguments))


def test_a_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(BoardError, match="a serial port needs an extra: pip install 'tansy.boards.'"):
        Link("/dev/null", 9600, 1.0)


class Raw:
    """Requests of any bytes."""

    def __init__(self, port):
        import serial
        self._port, self._tag = serial.Serial(port, timeout=PATIENCE), 0

    def ask(self, command, *numbers, data=b""):
        """Status and data of the answer."""
        self._tag += 1
        code = getattr(command, "value", command)
        self._port.write(frame_of(bytes([self._tag, code]) + b"".join(n.to_bytes(4, "little") for n in numbers) + data))
        reader = FrameReader()
        while not (answers := reader.feed(self._port.read(1))):
            pass
        answer, = answers
        assert answer[:2] == bytes([self._tag, code | ANSWER])
        return Status(answer[2]), answer[3:]

    def state(self):
        status, data = self.ask(Command.RESULTS, 0, 0)
        assert status is Status.OK
        return State(data[0])

    def finish(self):
        while (state := self.state()) is State.RUNNING:
            pass
        return state

    def close(self):
        self._port.close()


@pytest.fixture
def raw(board):
    line = Raw(board.port)
    yield line
    line.close()


def bad_requests(words, weights):
    """Status, command, numbers and data of requests for a board of so many words that has decoded so many weights."""
    most = 0xFFFFFFFF
    return [
        (Status.UNKNOWN, 0, (), b""), (Status.UNKNOWN, 7, (), b""), (Status.UNKNOWN, 255, (1, 2), b"more"),
        (Status.LENGTH, Command.IDENTIFY, (), b"x"), (Status.LENGTH, Command.RESET, (1,), b""),
        (Status.LENGTH, Command.LOAD, (), b""), (Status.LENGTH, Command.LOAD, (0,), b""),
        (Status.LENGTH, Command.LOAD, (0,), b"odd"), (Status.LENGTH, Command.LOAD, (0,), bytes(MAX_DATA + 4)),
        (Status.LENGTH, Command.DECODE, (1,), b""), (Status.LENGTH, Command.DECODE, (1, 2), b"x"),
        (Status.LENGTH, Command.RESULTS, (), b""), (Status.LENGTH, Command.DUMP, (0,), b"abc"),
        (Status.RANGE, Command.LOAD, (words,), b"word"), (Status.RANGE, Command.LOAD, (words - 1,), b"word" * 2),
        (Status.RANGE, Command.LOAD, (most,), b"word"), (Status.RANGE, Command.DECODE, (0, 0), b""),
        (Status.RANGE, Command.DECODE, (words + 1, 0), b""), (Status.RANGE, Command.DECODE, (1 << 31, 0), b""),
        (Status.RANGE, Command.RESULTS, (0, 5), b""), (Status.RANGE, Command.RESULTS, (5, 0), b""),
        (Status.RANGE, Command.RESULTS, (0, MAX_RESULTS + 1), b""), (Status.RANGE, Command.RESULTS, (most, 1), b""),
        (Status.RANGE, Command.DUMP, (0, 0), b""), (Status.RANGE, Command.DUMP, (0, MAX_DATA + 1), b""),
        (Status.RANGE, Command.DUMP, (weights, 1), b""), (Status.RANGE, Command.DUMP, (weights - 1, 2), b""),
        (Status.RANGE, Command.DUMP, (most, 2), b""),
    ]


def test_bad_requests(raw, plan):
    """Each gets its status, and what the board has decoded at power-up is as it was."""
    assert raw.finish() is State.PASSED
    good = raw.ask(Command.RESULTS, 0, 4)
    for status, command, numbers, content in bad_requests(plan.depth, 9744):
        assert raw.ask(command, *numbers, data=content) == (status, b""), (command, numbers, content)
    assert raw.ask(Command.RESULTS, 0, 4) == good
    assert raw.ask(Command.RESULTS, 4, 0)[0] is Status.OK
    assert raw.ask(Command.RESET) == (Status.OK, b"")
    assert raw.state() is State.IDLE and raw.ask(Command.DUMP, 0, 1) == (Status.STATE, b"")


def test_busy(raw, file):
    """While a run goes on nothing disturbs it but RESET, after which everything works."""
    expected = Expected.of(file)
    run_of = (Command.DECODE, len(expected.data) // 4, digest_of(expected.crcs))
    assert raw.finish() is State.PASSED
    good = raw.ask(Command.RESULTS, 0, 4)

    def is_busy(command, *numbers, data=b""):
        """Begin a run, and ask for something in the middle of it. The simulated board does not wait for a host that is
        late: if the run is over by then, once more."""
        for _ in range(TRIES):
            assert raw.ask(*run_of) == (Status.OK, b"")
            if raw.ask(command, *numbers, data=data) == (Status.BUSY, b""):
                return True
            raw.finish()
        return False

    for command, numbers, content in ((Command.LOAD, (0,), expected.data[:4]), (run_of[0], run_of[1:], b""),
                                      (Command.DUMP, (0, 1), b"")):
        assert is_busy(command, *numbers, data=content)
        assert raw.finish() is State.PASSED and raw.ask(Command.RESULTS, 0, 4) == good
    assert raw.ask(*run_of) == raw.ask(Command.RESET) == (Status.OK, b"") and raw.state() is State.IDLE
    assert raw.ask(*run_of) == (Status.OK, b"")
    assert raw.finish() is State.PASSED and raw.ask(Command.RESULTS, 0, 4) == good


def test_what_is_wrong_with_streams(board, file):
    """The error codes of the decoder, and a digest that differs; after each the right stream is decoded."""
    expected = Expected.of(file)
    stream, count, digest = expected.data, len(expected.data) // 4, digest_of(expected.crcs)
    wrong = {ErrorCode.MAGIC: b"X" + stream[1:], ErrorCode.VERSION: stream[:4] + b"\x02" + stream[5:],
             ErrorCode.WORDS_CRC: stream[:-1] + bytes([stream[-1] ^ 1]), ErrorCode.TRUNCATED: stream[:-4],
             ErrorCode.LANES: stream[:5] + bytes([stream[5] ^ 1]) + stream[6:]}
    with connect_board(board.port, [1_000_000], PATIENCE) as remote:
        for code, content in wrong.items():
            list(remote.load(content))
            summary = remote.decode(len(content) // 4, digest, 10 ** 6)
            assert (summary["state"], summary["error"]) == (State.FAILED, code.value)
            with pytest.raises(BoardError, match="refuses DUMP with the status STATE"):
                list(remote.dump(1))
            list(remote.load(stream))
            assert remote.decode(count, digest, 10 ** 6)["state"] is State.PASSED
        assert remote.decode(count, digest ^ 1, 10 ** 6)["state"] is State.DIFFERENT
        assert next(remote.dump(9)) == expected.weights[0][:9].tobytes()
        with pytest.raises(BoardError, match="still decodes after .* cycles"):
            remote.decode(count, digest, 1)


def test_weights_from_anywhere(raw, file):
    """Forwards without decoding anew, backwards with it."""
    weights = np.concatenate(Expected.of(file).weights).tobytes()
    assert raw.finish() is State.PASSED
    for first, count in ((0, 5), (5, 100), (300, 7), (299, 1), (9743, 1), (0, 256)):
        assert raw.ask(Command.DUMP, first, count) == (Status.OK, weights[first:first + count])


@pytest.mark.slow
@pytest.mark.parametrize("name, options", [
    ("ulx3s-85f", ()), ("tang-nano-9k", ("--lanes", "4")), ("arty-a7", ("--tables", "ram")), ("ulx3s-25f", (
        "--memory", "block", "--ring", "4")),
])
def test_boards_of_every_family(capsys, tmp_path, name, options):
    """The embedded network on each family's block RAM."""
    lanes = 4 if "4" in options[:2] else 8
    path = tmp_path / "net.tsy"
    path.write_bytes(encode_network(digits.load(), lanes=lanes, spare=2, table_log_limit=7))
    code, figures = run(capsys, "--simulate", name, *options, "check", path)
    assert code == 0 and figures["cycles"] == figures["expected_cycles"]
