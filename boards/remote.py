"""A board as the host's program sees it: what its commands do, as methods."""

import contextlib

from golden.errors import FormatError

from .identity import Identity
from .link import BoardError, Link, Silence
from .protocol import MAX_DATA, MAX_RESULTS, RESULT, SUMMARY, Command, State, unpack_fields

__all__ = ["RemoteBoard", "connect_board"]

RESULT_BYTES, SUMMARY_BYTES = (sum(size for _, size in fields) for fields in (RESULT, SUMMARY))
FIRST_TRIES = 2  #: questions at each speed of the line


@contextlib.contextmanager
def connect_board(port: str, bauds, patience: float):
    """A `RemoteBoard` at a port, at the first speed at which it answers, until the context ends.

    Parameters
    ----------
    port : str
    bauds : sequence of int
        Speeds to try, in bits per second.
    patience : float
        Seconds in which an answer must come.

    Raises
    ------
    BoardError
        If none answers, or not as a board should.
    """
    for baud in bauds:
        link = Link(port, baud, patience)
        try:
            try:
                board = RemoteBoard(link)
            except Silence as error:
                if len(bauds) == 1:
                    raise
                reason = error
                continue
            yield board
            return
        finally:
            link.close()
    raise BoardError(f"{reason}, at each of {', '.join(f'{baud:,}' for baud in bauds)} baud")


class RemoteBoard:
    """A board that has said what it is.

    Parameters
    ----------
    link : Link

    Attributes
    ----------
    identity : Identity

    Raises
    ------
    BoardError
        If the board is silent, or another version's.
    """

    def __init__(self, link: Link):
        self._link = link
        try:
            self.identity = Identity.from_bytes(link.ask(Command.IDENTIFY, tries=FIRST_TRIES))
        except FormatError as error:
            raise BoardError(str(error)) from None

    def reset(self) -> None:
        """End what is going on."""
        self._link.ask(Command.RESET)

    def load(self, data: bytes):
        """Put whole words into the memory, from its begin on; yields how many bytes have gone, piece by piece."""
        size = self.identity.config.word_bits // 8
        step = MAX_DATA // size * size
        for place in range(0, len(data), step):
            piece = data[place:place + step]
            self._link.ask(Command.LOAD, place // size, data=piece)
            yield len(piece)

    def decode(self, words: int, digest: int, most_cycles: int) -> dict:
        """Decode so many words of the memory, and wait for the end.

        Parameters
        ----------
        words, digest : int
        most_cycles : int
            After as many of the board's cycles it is taken for stuck.

        Returns
        -------
        dict
            A `SUMMARY`, its state a `State`.
        """
        self._link.ask(Command.DECODE, words, digest)
        while True:
            summary, _ = self._results(0, 0)
            if summary["state"] is not State.RUNNING:
                return summary
            if summary["cycles"] > most_cycles:
                self.reset()
                raise BoardError(f"the board still decodes after {summary['cycles']:,} cycles; it should have ended "
                                 f"after {most_cycles:,} at the latest")

    def results(self, count: int) -> list[dict]:
        """The `RESULT` of each of so many segments."""
        found = []
        for first in range(0, count, MAX_RESULTS):
            found += self._results(first, min(MAX_RESULTS, count - first))[1]
        return found

    def _results(self, first, count):
        data = self._link.ask(Command.RESULTS, first, count)
        if len(data) != SUMMARY_BYTES + count * RESULT_BYTES:
            raise BoardError(f"the board answers RESULTS with {len(data)} bytes, not "
                             f"{SUMMARY_BYTES + count * RESULT_BYTES}")
        summary = unpack_fields(SUMMARY, data)
        try:
            summary["state"] = State(summary["state"])
        except ValueError:
            raise BoardError(f"the board is in a state {summary['state']} that this program does not know") from None
        return summary, [unpack_fields(RESULT, data[place:])
                         for place in range(SUMMARY_BYTES, len(data), RESULT_BYTES)]

    def dump(self, count: int):
        """The first so many weights, a byte each, piece by piece."""
        for first in range(0, count, MAX_DATA):
            size = min(MAX_DATA, count - first)
            piece = self._link.ask(Command.DUMP, first, size)
            if len(piece) != size:
                raise BoardError(f"the board answers DUMP with {len(piece)} bytes, not {size}")
            yield piece
