"""The part queue of a ring: D parts of beats per lane, complete and waiting for those of the other lanes."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .layouts import part_layout, part_numbers

__all__ = ["PartQueue"]


class PartQueue(wiring.Component):
    """A small memory of D parts for each lane, written in any order of lanes, read in the order of the weights.

    A part that is written shows in the next cycle. It is known by the parity of its lap, the round through the D
    places of its lane. Therefore after a reset the memory must be swept once, which takes C D cycles; then laps go on
    from span to span. Nothing here knows how full the queue is: the sequencer announces no beat that has no place.

    Members
    -------
    write, turn, number, part : In(1), In, In, In(`part_layout`)
        Part ``number`` of the lane of turn ``turn`` is complete; ``part.lap`` is left to the queue.
    sweep, place : In(1), In
        Clear a place.
    read_turn, read_number : In
        Which part to show.
    shown : Out(`part_layout`)
        That part.
    there : Out(1)
        Whether it is there.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "write": In(1),
            "turn": In(range(config.ring)),
            "number": In(part_numbers(config)),
            "part": In(part_layout(config)),
            "sweep": In(1),
            "place": In(range(config.ring * config.queue)),
            "read_turn": In(range(config.ring)),
            "read_number": In(part_numbers(config)),
            "shown": Out(part_layout(config)),
            "there": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.memory = store = memory.Memory(
            shape=part_layout(config), depth=config.ring * config.queue, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.write | self.sweep),
            write.addr.eq(Mux(self.sweep, self.place, Cat(self.number[:-1], self.turn))),
            write.data.eq(self.part),
            write.data.lap.eq(~(self.sweep | self.number[-1])),
            read.addr.eq(Cat(self.read_number[:-1], self.read_turn)),
            self.shown.eq(read.data),
            self.there.eq(read.data.lap != self.read_number[-1]),
        ]
        return m
