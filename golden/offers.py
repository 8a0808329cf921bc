"""What sparse streams offer, cycle by cycle, for every bench: the transfers taken, and none changed or withdrawn."""

__all__ = ["Offers"]


class Offers:
    """The streams of the sparse ports, which lie side by side: stream g has bit g, or the g-th share, of each port.

    Parameters
    ----------
    rings, dest_bits : int
        Number of streams, and the bits of one's ``tdest``.
    """

    def __init__(self, rings: int, dest_bits: int):
        self.rings = rings
        self.dest_bits = dest_bits
        self.waiting = [None] * rings  # what was on offer and was refused

    def look(self, cycle: int, ready: bool, valid: int, data: int, keep: int, dest: int, last: int) -> list:
        """A cycle's ports, ``ready`` being the same for all streams. Returns what is taken: (cycle, ring, data, keep,
        dest, last) each. `AssertionError` if an offer that was refused has changed or is gone."""
        taken = []
        for ring in range(self.rings):
            offer = None
            if valid >> ring & 1:
                offer = (data >> 16 * ring & 0xFFFF, keep >> 2 * ring & 3,
                         dest >> self.dest_bits * ring & (1 << self.dest_bits) - 1, last >> ring & 1)
            if self.waiting[ring] not in (None, offer):
                raise AssertionError(f"the transfer on offer in stream {ring} changed or was withdrawn at edge {cycle}")
            self.waiting[ring] = None if ready else offer
            if offer and ready:
                taken.append((cycle, ring, *offer))
        return taken
