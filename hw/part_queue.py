"""The part queue of a ring: D parts of beats per lane, complete and waiting for those of the other lanes."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import part_layout, part_numbers, place_layout

__all__ = ["PartQueue"]


def _address(place):
    return Cat(place.number[:-1], place.turn)


class PartQueue(wiring.Component):
    """A small memory of D parts for each lane, written in any order of lanes, read in the order of the weights.

    A part that is written can be read in the next cycle. That it is there is known by the
    parity of its lap, the round through the D places of its lane. Therefore after a reset the laps must be swept once,
    which takes C D cycles; then they go on from span to span. Nothing here knows how full the queue is: no lane
    completes a part that has no place.

    Members
    -------
    write, turn, number, part : In(1), In, In, In(`part_layout`)
        Part ``number`` of the lane of turn ``turn`` is complete.
    sweep, place : In(1), In
        Clear a place.
    read, shown : In(`place_layout`), Out(`part_layout`)
        Which part to show, and that part.
    look, there : In(`place_layout`), Out(1)
        Of which part to tell whether it is there, and whether it is.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "write": In(1),
            "turn": In(range(config.ring)),
            "number": In(part_numbers(config)),
            "part": In(part_layout(config)),
            "sweep": In(1),
            "place": In(range(config.ring * config.parts_ahead)),
            "read": In(place_layout(config)),
            "shown": Out(part_layout(config)),
            "look": In(place_layout(config)),
            "there": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.memory = store = memory.Memory(
            shape=part_layout(config), depth=config.ring * config.parts_ahead, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(Cat(self.number[:-1], self.turn)),
            write.data.eq(self.part),
            read.addr.eq(_address(self.read)),
            self.shown.eq(read.data),
        ]
        self._look(m)
        return m

    def _look(self, m):
        """Whether a part is there, by the memory of laps."""
        m.submodules.laps = laps = memory.Memory(
            shape=1, depth=self._config.ring * self._config.parts_ahead, init=[])
        write, read = laps.write_port(), laps.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.write | self.sweep),
            write.addr.eq(Mux(self.sweep, self.place, Cat(self.number[:-1], self.turn))),
            write.data.eq(~(self.sweep | self.number[-1])),
            read.addr.eq(_address(self.look)),
            self.there.eq(read.data != self.look.number[-1]),
        ]
