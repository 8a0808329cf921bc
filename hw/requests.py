"""Requests for words: their queue, and the oldest one group by group."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import REQUEST_QUEUE, Config

from .layouts import request_layout

__all__ = ["Requests", "lowest", "several"]


def lowest(bits):
    """The lowest bit that is set, alone."""
    return Cat(bit & ~bits[:place].any() for place, bit in enumerate(bits))


def several(bits):
    """Whether more than one bit is set."""
    return Cat(bit & bits[:place].any() for place, bit in enumerate(bits)).any()


def _slices(config):
    """The bits of each group in a mask."""
    width, end = config.order_words, config.request_words
    return [slice(low, min(low + width, end)) for low in range(0, end, width)]


class Requests(wiring.Component):
    """Keeps the requests in a queue, and cuts the oldest into orders: `Config.order_words` bits of its mask at a time,
    without those of which none is set.

    Throughput: one order per cycle. A request shows as an order two cycles after it came. What decides about the next
    order are a few bits, one per group; they come out of the queue together with the mask.

    Members
    -------
    requests : In(stream of `request_layout`, always ready)
        What the parts of beats ask for, in order. An empty request must not be sent.
    room : Out(1)
        Whether the parts fetched in the next cycle, in the way of `Join`, will find room for their request.
    turn, group, mask : Out
        The next order, as in `order_layout`; none of the bits is set if there is none.
    there, more : Out(1)
        Whether there is one, and whether it is for more than one word.
    take : In(1)
        It is taken, if there is one.
    queued : Out(1)
        Whether requests wait in the queue, or come.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "requests": In(stream.Signature(request_layout(config), always_ready=True)),
            "room": Out(1),
            "turn": Out(range(config.ring)),
            "group": Out(len(_slices(config))),
            "mask": Out(config.order_words),
            "there": Out(1),
            "more": Out(1),
            "take": In(1),
            "queued": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        slices = _slices(self._config)
        left = Signal(len(slices))  # the groups of the request that is being served which have not been ordered
        there = Signal()  # there are such groups
        more_left = Signal()  # more than one
        request = Signal(request_layout(self._config), reset_less=True)
        many = Signal(len(slices), reset_less=True)  # the groups with more than one word
        load = ~there | (self.take & ~more_left)
        oldest, some = self._queue(m, load)
        with m.If(~there | self.take):
            m.d.sync += [
                there.eq(more_left | some),
                more_left.eq(Mux(more_left, several(left & ~lowest(left)), several(oldest.groups) & some)),
                left.eq(Mux(more_left, left & ~lowest(left), oldest.groups & some.replicate(len(left)))),
            ]
        with m.If(load):
            m.d.sync += [
                request.eq(oldest.request),
                many.eq(Cat(several(oldest.request.mask[group]) for group in slices)),
            ]
        group = lowest(left)
        m.d.comb += [
            self.there.eq(there),
            self.more.eq((many & group).any()),
            self.turn.eq(request.turn),
            self.group.eq(group),
        ]
        for bit in range(self._config.order_words):
            bits = [request.mask[which.start + bit] & group[number] for number, which in enumerate(slices)
                    if which.start + bit < which.stop]
            m.d.comb += self.mask[bit].eq(Cat(bits).any())
        return m

    def _queue(self, m, load):
        """The queue: its oldest request, and whether there is one; ``load``: it is taken."""
        slices = _slices(self._config)
        layout = data.StructLayout({"request": request_layout(self._config), "groups": len(slices)})
        m.submodules.store = store = memory.Memory(shape=layout, depth=REQUEST_QUEUE, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        level = Signal(range(REQUEST_QUEUE + 2))  # of the requests before the last cycle, those taken in it included
        some = Signal()  # not empty
        popped = Signal()
        push, pop = self.requests.valid, load & some
        m.d.comb += [
            write.en.eq(push),
            write.data.request.eq(self.requests.payload),
            write.data.groups.eq(Cat(self.requests.payload.mask[group].any() for group in slices)),
            self.queued.eq(some | push),
        ]
        with m.If(push):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(pop):
            m.d.sync += read.addr.eq(read.addr + 1)
        with m.If(push & ~popped):
            m.d.sync += level.eq(level + 1)
        with m.If(popped & ~push):
            m.d.sync += level.eq(level - 1)
        m.d.sync += [
            popped.eq(pop),
            some.eq(push | (some & ~(load & (level == 1 + popped)))),
            self.room.eq(level < REQUEST_QUEUE - 4),  # for four more may be on their way
        ]
        return read.data, some
