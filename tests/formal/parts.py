"""Part queues with their lookout: what is fetched is what was written, and only what was."""

from amaranth.hdl import Cat, Const, Mux, Signal

from hw.layouts import part_layout, part_numbers
from hw.lookout import Lookout
from hw.part_queue import PartQueue

from .harness import Harness, Inside

__all__ = ["PATIENCE", "Parts"]

PATIENCE = 5  #: cycles after which a turn whose parts are there must be told, while nothing is fetched


class Parts(Harness):
    """Watch any lane and any of its parts: what shows when it is fetched is what was written, in whatever order lanes
    complete parts. A turn is told to be there only when all its parts are, and soon after they are.

    Assumed, as lanes and join keep to it: parts of a lane come one after the other, and only where there is a place;
    the join fetches turn by turn what it was told a cycle before. The sweep after a reset is the control's.
    """

    def build(self, m):
        config, rings = self.config, self.config.rings
        queues = [PartQueue(config) for _ in range(rings)]
        lookout = Lookout(config, rings)
        inside = Inside(lookout)
        m.submodules.lookout = inside.fragment
        numbers, span = part_numbers(config), config.ring * config.parts_ahead
        sweeping, place = Signal(init=1), Signal(range(span))  # as in `Control`
        with m.If(sweeping):
            m.d.sync += [place.eq(place + 1), sweeping.eq(place != span - 1)]
        number, turn = Signal(numbers), Signal(range(config.ring))  # what is fetched next
        there, advance, free = Signal(), Signal(), self.any_of(1, "free")
        m.d.comb += advance.eq(there & free)
        m.d.sync += there.eq(self.any_of(1, "room") & Mux(advance, lookout.ahead.two, lookout.ahead.one))
        final = turn == config.ring - 1
        with m.If(advance):
            m.d.sync += [turn.eq(Mux(final, 0, turn + 1)), number.eq(number + final)]
        self.drive(lookout, there=Cat(queue.there for queue in queues), sweeping=sweeping, advance=advance)
        ring, lane = self.some(range(rings), "ring"), self.some(range(config.ring), "lane")
        self.assume((ring < rings) & (lane < config.ring))
        following, fetched = Signal(numbers), Signal(numbers)  # of the watched lane: parts written, and fetched
        watching, value, watched = Signal(), Signal(part_layout(config).size), Signal(numbers)
        written, new = Signal(), Signal.like(value)
        count = Signal(numbers)
        m.d.comb += [count.eq(following - fetched), fetched.eq(number + (lane < turn))]
        shown, here = Const(0, len(value)), 0
        for index, queue in enumerate(queues):
            m.submodules[f"queue_{index}"] = queue
            write = self.any_of(1, f"write_{index}")
            self.drive(queue, write=write, sweep=sweeping, place=place, read=Cat(number, turn), look=lookout.place)
            self.assume(~write | ~sweeping)
            self.assume(queue.turn < config.ring)
            mine = write & (ring == index) & (queue.turn == lane)
            self.assume(~mine | ((count < config.parts_ahead) & (queue.number == following)))
            with m.If(mine):
                m.d.comb += [written.eq(1), new.eq(queue.part)]
            shown, here = Mux(ring == index, queue.shown.as_value(), shown), Mux(ring == index, queue.there, here)
        m.d.sync += following.eq(following + written)
        watch = self.any_of(1, "watch")
        with m.If(watching):
            m.d.sync += watching.eq(~(advance & (turn == lane) & (number == watched)))
        with m.Elif(written & watch):
            m.d.sync += [watching.eq(1), watched.eq(following), value.eq(new)]
        now = turn == lane  # the watched lane's part is wanted
        with m.If(advance & now):
            self.claim(count != 0)
            self.claim(~watching | (number != watched) | (shown == value))
        with m.If(lookout.ahead.one & now):
            self.claim(count != 0)
        with m.If(lookout.ahead.two & (Mux(final, 0, turn + 1) == lane)):
            self.claim(count > (1 if config.ring == 1 else 0))
        with m.If(~sweeping & ~inside["full"] & (lookout.place.turn == lane)):
            ahead = Signal(numbers)  # written before it, and not fetched
            m.d.comb += ahead.eq(lookout.place.number - fetched)
            self.claim((ahead < config.parts_ahead + 2) & (here == (count > ahead)))
        self._patience(m, lookout, queues, number, turn, sweeping, advance)

    def _patience(self, m, lookout, queues, number, turn, sweeping, advance):
        """What the laps tell of the turn wanted, for all rings, is told to the join."""
        config = self.config
        laps = []
        for index, queue in enumerate(queues):
            known = Signal(config.ring * config.parts_ahead, name=f"known_{index}")  # parts that were written, by place
            at = Signal(range(len(known)), name=f"at_{index}")
            m.d.comb += at.eq(Cat(queue.number[:-1], queue.turn))
            for place in range(len(known)):
                with m.If(queue.write & (at == place)):
                    m.d.sync += known[place].eq(~queue.number[-1])
                with m.If(queue.sweep & (queue.place == place)):
                    m.d.sync += known[place].eq(0)
            laps.append(known.bit_select(Cat(number[:-1], turn), 1) != number[-1])
        waits = Signal(range(PATIENCE + 1))
        ready = Cat(laps).all() & ~sweeping & ~advance
        m.d.sync += waits.eq(Mux(ready, Mux(waits == PATIENCE, PATIENCE, waits + 1), 0))
        self.claim((waits != PATIENCE) | lookout.ahead.one)
