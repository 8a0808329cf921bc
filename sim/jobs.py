"""A job for the bench, and what comes back from it."""

from dataclasses import dataclass, field

import numpy as np

from golden.patterns import ALWAYS, Pattern

__all__ = ["Episode", "NO_LIMIT", "Steps"]

NO_LIMIT = 1 << 62


@dataclass(frozen=True)
class Episode:
    """What happened from one reset or clear to the next. Edges are numbered from the first without reset, 0.

    Parameters
    ----------
    trace : bytes
        Per clock edge the handshakes: bit 0 input valid, 1 input ready, 2 output valid (of sparse streams: of any), 3
        output ready.
    beats : list of (int, int, int)
        Per output beat that was taken: data, keep, last.
    tokens : list of (int, int, int, int, int, int)
        Per sparse transfer that was taken: edge, ring, data, keep, dest, last.
    status : list of (int, int, int, int)
        Each change of the outputs: edge, busy, done, error; the first entry is of edge 0.
    """

    trace: bytes
    beats: list
    status: list
    tokens: list = field(default_factory=list)

    @classmethod
    def of(cls, trace: str, beats: list, tokens: list, status: list) -> "Episode":
        """From what the bench wrote: hexadecimal text."""
        return cls(trace=bytes(int(edge, 16) for edge in trace),
                   beats=[(int(data, 16), int(keep, 16), last) for data, keep, last in beats],
                   status=[tuple(change) for change in status],
                   tokens=[tuple(token) for token in tokens])

    @property
    def inputs(self) -> np.ndarray:
        """Edges at which an input transfer was taken."""
        return np.flatnonzero(np.frombuffer(self.trace, np.uint8) & 3 == 3)

    @property
    def outputs(self) -> np.ndarray:
        """Edges at which an output beat, or a transfer of any sparse stream, was taken."""
        return np.flatnonzero(np.frombuffer(self.trace, np.uint8) & 12 == 12)

    @property
    def done(self) -> bool:
        """Whether ``done`` was up at the end."""
        return bool(self.status[-1][2])

    @property
    def error(self) -> int:
        """The error code at the end."""
        return self.status[-1][3]

    def weights(self, config) -> list[np.ndarray]:
        """The weights that came out, cut into segments at each last beat: list of int8 arrays.

        A segment that was left unfinished is the last array. `ValueError` if a beat's ``keep`` is not that of a full
        beat, or in a last beat that of its first weights.
        """
        width = config.transfer_weights
        segments, part = [], []
        for data, keep, last in self.beats:
            count = keep.bit_length()
            if keep != (1 << count) - 1 or count == 0 or (count < width and not last):
                raise ValueError(f"a beat has keep {keep:#x}, last {last}")
            part.append(np.frombuffer(data.to_bytes(width, "little"), np.int8)[:count])
            if last:
                segments.append(np.concatenate(part))
                part = []
        return segments + ([np.concatenate(part)] if part else [])

    def lane_tokens(self, config) -> tuple[list[list[list[tuple[int, int]]]], list[list[tuple[int, int]]]]:
        """Sparse: the tokens (run, value), for each lane and each of its segments that has ended; and for each lane
        those after its last end.

        `ValueError` if a transfer comes in another lane's ring, or has neither a token nor an end.
        """
        ended, rest = [[] for _ in range(config.lanes)], [[] for _ in range(config.lanes)]
        for edge, ring, data, keep, lane, last in self.tokens:
            if lane >= config.lanes or lane % config.rings != ring or keep not in (0, 3) or not (keep or last):
                raise ValueError(f"ring {ring} has a transfer of lane {lane}, keep {keep}, last {last} at edge {edge}")
            if keep:
                rest[lane].append((data >> 8, (data & 0xFF ^ 0x80) - 0x80))
            if last:
                ended[lane].append(rest[lane])
                rest[lane] = []
        return ended, rest


class Steps:
    """The steps of a job, in order. It begins with a reset."""

    def __init__(self):
        self.list = [{"do": "rst", "edges": 2}]

    def reset(self, edges: int = 1) -> "Steps":
        """Reset the whole system; a new episode begins."""
        self.list.append({"do": "rst", "edges": edges})
        return self

    def clear(self, edges: int = 1) -> "Steps":
        """Clear the decoder; a new episode begins."""
        self.list.append({"do": "clear", "edges": edges})
        return self

    def stream(self, data: bytes, source: Pattern = ALWAYS, sink: Pattern = ALWAYS, stop: int = NO_LIMIT,
               settle: int | None = 4) -> "Steps":
        """Send a stream; see `sim.bench.Bench.stream`."""
        self.list.append({"do": "stream", "data": data.hex(), "source": str(source), "sink": str(sink), "stop": stop,
                          "settle": settle})
        return self
