"""The host's side of the line: requests out, answers in, again if they do not come."""

import os
import time

from golden.errors import TansyError
from golden.formats import one_line

from .protocol import ANSWER, NUMBER_BYTES, Command, FrameReader, Status, frame_of

__all__ = ["BoardError", "Link", "Silence"]

TRIES = 3


class BoardError(TansyError):
    """The board, or the line to it, does not do what it should."""


class Silence(BoardError):
    """No answer has come."""


class Link:
    """A serial port with a board at its other end.

    Parameters
    ----------
    port : str
    baud : int
        Bits per second.
    patience : float
        Seconds in which an answer must come.

    Raises
    ------
    BoardError
        If there is no such port, or it cannot be opened.
    """

    def __init__(self, port: str, baud: int, patience: float):
        try:
            import serial
        except ImportError:
            raise BoardError("a serial port needs an extra: pip install 'tansy[boards]'") from None
        self._name, self._patience, self._reader, self._tag = port, patience, FrameReader(), 0
        try:
            self._port = serial.Serial(port, baud, timeout=patience, write_timeout=patience, exclusive=True)
        except (OSError, ValueError) as error:
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if number else one_line(error)
            raise BoardError(f"{port}: cannot be opened: {reason}") from None

    def close(self) -> None:
        """Let others have the port."""
        self._port.close()

    def ask(self, command: Command, *numbers: int, data: bytes = b"", tries: int = TRIES) -> bytes:
        """Send a request until its answer comes.

        Parameters
        ----------
        command : Command
        *numbers : int
        data : bytes
        tries : int

        Returns
        -------
        bytes
            What the answer has behind its status.

        Raises
        ------
        Silence
            If none comes.
        BoardError
            If the board refuses, or the port is gone.
        """
        body = b"".join(number.to_bytes(NUMBER_BYTES, "little") for number in numbers) + data
        seen = 0
        for _ in range(tries):
            self._tag = self._tag + 1 & 0xFF
            try:
                answer, count = self._once(bytes([self._tag, command.value]) + body)
            except OSError as error:  # of which pyserial's are
                raise BoardError(f"{self._name}: the line was cut: {one_line(error)}") from None
            if answer is not None:
                return self._content(command, answer)
            seen += count
        noise = f"; {seen} bytes came that were no answer" if seen else ""
        raise Silence(f"{self._name}: no answer to {command.name} within {self._patience:g} s, asked "
                      f"{'once' if tries == 1 else f'{tries} times'}{noise}")

    def _once(self, request):
        """The answer to a request, or None, and how many bytes came."""
        self._port.write(frame_of(request))
        end, seen = time.monotonic() + self._patience, 0
        while (left := end - time.monotonic()) > 0:
            self._port.timeout = left
            data = self._port.read(max(1, self._port.in_waiting))
            seen += len(data)
            for content in self._reader.feed(data):
                if len(content) > 2 and content[:2] == bytes([request[0], request[1] | ANSWER]):
                    return content[2:], seen
        return None, seen

    def _content(self, command, answer):
        if answer[0] == Status.OK.value:
            return answer[1:]
        known = {status.value: status.name for status in Status}
        raise BoardError(f"{self._name}: the board refuses {command.name} with the status "
                         f"{known.get(answer[0], answer[0])}")
