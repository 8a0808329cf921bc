"""The boards, and what fits on them: plans, and refusals that name what is short."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from boards.catalogue import BOARDS, SHOWN, find_board
from boards.fit import BAUD_ERROR, divisor_for, plan_design
from boards.protocol import digest_of
from golden import digits
from golden.config import OutputMode, TableMemory, TableStyle
from golden.container import stream_bytes
from golden.errors import ConfigError, FormatError, InputError
from golden.network import encode_network, encode_stream
from hw.memory import check_memory


@pytest.mark.parametrize("name", BOARDS)
def test_the_embedded_network_fits_every_board(name):
    board = find_board(name)
    plan = plan_design(name)
    assert plan.board is board and plan.config.lanes == board.lanes
    assert plan.target == board.family
    assert len(plan.words) <= plan.depth
    check_memory(plan.target, plan.config.word_bits, plan.depth, plan.words)
    assert abs(plan.frequency / plan.divisor / board.baud - 1) <= BAUD_ERROR
    assert {shown for light in board.lights for shown in light.shows} == set(SHOWN)


def test_a_plan_has_the_stream_and_its_digest():
    stream, _ = encode_stream(digits.load(), lanes=4, spare=2, table_log_limit=7)
    plan = plan_design("ulx3s-85f", lanes=4)
    data = b"".join(word.to_bytes(4, "little") for word in plan.words)
    assert data == stream_bytes(stream)
    weights = [array for array in digits.load().values() if array.dtype == np.int8]
    assert plan.crcs == tuple(zlib.crc32(array.tobytes()) for array in weights)
    assert plan.digest == digest_of(plan.crcs)


def test_a_stream_is_taken_as_file_bytes_or_object(tmp_path):
    data = encode_network(digits.load(), lanes=2, table_log_limit=7)
    (tmp_path / "net.tsy").write_bytes(data)
    stream, _ = encode_stream(digits.load(), lanes=2, table_log_limit=7)
    given = [tmp_path / "net.tsy", str(tmp_path / "net.tsy"), data, stream]
    plans = [plan_design("ulx3s-25f", each) for each in given]
    assert len({plan.identity for plan in plans}) == 1
    assert {plan.config.lanes for plan in plans} == {2}


def test_loaded_tables_leave_room_for_other_streams():
    plan = plan_design("tang-nano-9k", table_style=TableStyle.RAM, max_segments=32)
    assert plan.contents is None and plan.config.max_segments == 32
    assert plan.depth > len(plan.words)


def test_the_identity_tells_designs_apart():
    plan = plan_design("ulx3s-85f")
    others = [plan, plan_design("ulx3s-25f"), plan.at(plan.frequency + 1e6), replace(plan, depth=plan.depth + 1),
              plan_design("ulx3s-85f", lanes=4), plan_design("ulx3s-85f", table_memory=TableMemory.BLOCK)]
    assert len({other.identity for other in others}) == len(others)


@pytest.mark.parametrize("name, more, message", [
    ("ulx4m", {}, "board must be one of ulx3s-85f, ulx3s-25f, .*, not 'ulx4m'"),
    ("icebreaker", {"lanes": 32, "table_memory": TableMemory.LOGIC},
     "32 lanes alone take 13,000 LUTs at least, and icebreaker has 5,280"),
    ("ulx3s-85f", {"frequency": 7e6}, "cycles per bit must be from 8 to 65536, not 7"),
    ("ulx3s-85f", {"frequency": 10.45e6}, "clock of 10.450 MHz gives 1,045,000 baud, not 1,000,000 within 2%"),
    ("ulx3s-85f", {"output": OutputMode.SPARSE}, "dense weights only"),
    ("ulx3s-85f", {"lanes": 2, "table_memory": TableMemory.BLOCK}, "lanes must have a divisor from 3 to 16"),
    ("ulx3s-85f", {"table_style": TableStyle.RAM, "max_segments": 2}, "max segments must be at least 4"),
])
def test_what_does_not_fit_is_refused_in_one_line(name, more, message):
    with pytest.raises(ConfigError, match=message) as caught:
        plan_design(name, **more)
    assert "\n" not in str(caught.value)


def test_a_stream_that_is_too_large_is_refused_with_the_room():
    weights = np.random.default_rng(0).integers(-7, 8, 30_000).astype(np.int8)
    stream, _ = encode_stream({"w": weights}, lanes=4)
    with pytest.raises(ConfigError, match=r"takes 14,\d\d\d bytes, and icebreaker holds 8,192 beside"):
        plan_design("icebreaker", stream)
    assert plan_design("ulx3s-85f", stream, table_memory=TableMemory.BLOCK).depth * 4 == len(stream_bytes(stream))


def test_a_stream_for_other_lanes_or_a_damaged_one_is_refused(tmp_path):
    stream, _ = encode_stream(digits.load(), lanes=4)
    with pytest.raises(ConfigError, match="made for 4 lanes, not 8"):
        plan_design("ulx3s-85f", stream, lanes=8)
    with pytest.raises(FormatError, match="the stream: "):
        plan_design("ulx3s-85f", b"TNSYnothing")
    with pytest.raises(InputError, match="nowhere.tsy: cannot be read"):
        plan_design("ulx3s-85f", tmp_path / "nowhere.tsy")


def test_the_line_is_served_at_every_clock_far_above_its_speed():
    for megahertz in range(50, 251):
        assert divisor_for(find_board("ulx3s-85f"), megahertz * 1e6) == megahertz
