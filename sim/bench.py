"""The bench inside the simulator: plays a job's steps on the ports of ``decoder`` and records what happens.

A job is a JSON file named by the environment variable ``TANSY_JOB``; `sim.harness` writes it and reads the result.
"""

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

from golden.offers import Offers
from golden.patterns import Pattern
from golden.stream import words_of

__all__ = ["play"]

HALF_PERIOD_NS = 5
SELECT_PORTS = ("select_first", "select_count", "select_keep", "select_load")


class Bench:
    """One clock edge at a time: drive, wait, sample, rise, wait.

    All inputs change together with the falling edge, and all outputs are sampled just before the rising edge, so
    nothing depends on the order in which a simulator runs what happens at once.

    Parameters
    ----------
    dut : cocotb handle
        The module ``decoder``.
    word_bytes : int
        Bytes per input transfer.
    """

    def __init__(self, dut, word_bytes):
        self.dut = dut
        self.word_bytes = word_bytes
        self.half = Timer(HALF_PERIOD_NS, "ns")
        self.episode = None
        self.sparse = hasattr(dut, "m_axis_tdest")
        for name in ("clk", "rst", "clear", "s_axis_tdata", "s_axis_tvalid", "s_axis_tlast", "m_axis_tready"):
            getattr(dut, name).value = 0
        for name in SELECT_PORTS:  # which few decoders have
            if hasattr(dut, name):
                getattr(dut, name).value = 0

    async def fresh(self, name, edges):
        """Hold ``rst`` or ``clear`` for some clock edges. The first edge after them is number 0 of a new episode."""
        dut = self.dut
        dut.s_axis_tvalid.value = 0
        dut.m_axis_tready.value = 0
        getattr(dut, name).value = 1
        for _ in range(edges):
            await self.half
            dut.clk.value = 1
            await self.half
            dut.clk.value = 0
        getattr(dut, name).value = 0
        self.episode = {"trace": [], "beats": [], "tokens": [], "status": []}

    async def stream(self, data, source, sink, stop, settle):
        """Send a stream and take what comes.

        Parameters
        ----------
        data : bytes
            What is sent; a partial last transfer is filled up with zeros.
        source, sink : Pattern
            When a transfer may be offered, and when a beat is taken, by the edge's number in the episode. Sparse
            streams are taken from all together.
        stop : int
            Number of the edge before which to stop, whatever the state.
        settle : int or None
            Go on after the last input transfer until the decoder is done, or shows an error, and then for so many
            edges; ``None``: stop with the last input transfer.
        """
        dut, episode = self.dut, self.episode
        clk, half = dut.clk, self.half
        s_data, s_valid, s_ready, s_last = dut.s_axis_tdata, dut.s_axis_tvalid, dut.s_axis_tready, dut.s_axis_tlast
        m_data, m_valid, m_ready, m_last = dut.m_axis_tdata, dut.m_axis_tvalid, dut.m_axis_tready, dut.m_axis_tlast
        m_keep, busy, done, error = dut.m_axis_tkeep, dut.busy, dut.done, dut.error
        trace, status = episode["trace"], episode["status"]
        every = (1 << len(m_ready)) - 1
        offers = Offers(len(m_valid), len(dut.m_axis_tdest) // len(m_valid)) if self.sparse else None
        transfers = words_of(data, 8 * self.word_bytes)
        sent, offered, ready, waiting = 0, False, None, None
        cycle = len(trace)
        while cycle < stop:
            if not offered and sent < len(transfers) and source(cycle):
                offered = True
                s_data.value = transfers[sent]
                s_last.value = int(sent == len(transfers) - 1)
                s_valid.value = 1
            if (willing := sink(cycle)) != ready:
                ready = willing
                m_ready.value = every if ready else 0
            await half
            taken = s_ready.value == 1
            beat = int(m_valid.value)
            trace.append(offered | taken << 1 | (beat != 0) << 2 | ready << 3)
            if offers:
                episode["tokens"] += self.taken(offers, cycle, ready)
            elif beat:
                payload = int(m_data.value), int(m_keep.value), int(m_last.value)
                if waiting is not None and payload != waiting:
                    raise AssertionError(f"the beat on offer changed at edge {cycle}")
                waiting = None if ready else payload
                if ready:
                    episode["beats"].append(payload)
            elif waiting is not None:
                raise AssertionError(f"the beat on offer was withdrawn at edge {cycle}")
            now = [int(busy.value), int(done.value), int(error.value)]
            if not status or status[-1][1:] != now:
                status.append([cycle, *now])
            clk.value = 1
            await half
            clk.value = 0
            cycle += 1
            if offered and taken:
                sent += 1
                offered = False
                s_valid.value = 0
                if settle is None and sent == len(transfers):
                    return
            elif sent == len(transfers) and (now[1] or now[2]):
                settle -= 1
                if settle < 0:
                    return


    def taken(self, offers, cycle, ready):
        """The sparse transfers that are taken."""
        dut = self.dut
        valid = int(dut.m_axis_tvalid.value)
        ports = (dut.m_axis_tdata, dut.m_axis_tkeep, dut.m_axis_tdest, dut.m_axis_tlast) if valid else ()
        return offers.look(cycle, ready, valid, *([int(port.value) for port in ports] or [0] * 4))


@cocotb.test()
async def play(dut):
    """Play the steps of the job, write the result."""
    job = json.loads(Path(os.environ["TANSY_JOB"]).read_text())
    bench = Bench(dut, job["word_bytes"])
    episodes = []
    for step in job["steps"]:
        if step["do"] == "stream":
            await bench.stream(bytes.fromhex(step["data"]), Pattern.parse(step["source"]), Pattern.parse(step["sink"]),
                               step["stop"], step["settle"])
        else:
            await bench.fresh(step["do"], step["edges"])
            episodes.append(bench.episode)
    for episode in episodes:
        episode["trace"] = "".join(f"{cycle:x}" for cycle in episode["trace"])
        episode["beats"] = [(f"{data:x}", f"{keep:x}", last) for data, keep, last in episode["beats"]]
    Path(job["result"]).write_text(json.dumps(episodes))
