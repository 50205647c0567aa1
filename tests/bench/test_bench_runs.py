"""The benches run, and what they send is what they say: no test of a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain, pairwise
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "e2e"))  # as __main__.py does: the house that the benches run

from bench_can import can_load
from bench_trip import trips
from can_traffic import STRANGERS, packets

from drivers.can_table import FRAMES_KEPT
from drivers.contract import Defect, Driver, Frame
from drivers.registry import FAMILIES
from hil.can_frame import unpack_frame
from hil.sim.relaynode_frames import STATUS

Rows = list[dict[str, object]]
COLUMNS = {"id", "what", "measured", "must", "floor", "ratio"}
OPTIONS: dict[str, dict[str, int | bool | str]] = {
    "relaynode_can": {"node": 1, "contacts": 4, "drop_out_ms": 8000},
    "pylontech_can": {"role": "listener"},
}


def ears() -> dict[int, Driver]:
    """The drivers of the example house, by what they listen to."""
    drivers: dict[int, Driver] = {}
    for stem, options in OPTIONS.items():
        driver = FAMILIES[stem].build(options, bytes(32))
        drivers |= dict.fromkeys(FAMILIES[stem].listens(options), driver)
    return drivers


@pytest.mark.parametrize("of_1000", [50, 500, 1000])
def test_the_traffic_of_p2_is_what_the_drivers_understand_also_where_it_begins_anew(of_1000: int) -> None:
    drivers, ours = ears(), 0
    cycle = packets(of_1000)
    for number, packet in enumerate(chain(cycle, cycle)):
        frame = unpack_frame(packet)
        driver = None if frame.extended else drivers.get(frame.can_id)
        if driver is None:
            assert frame.extended or frame.can_id in STRANGERS
            continue
        ours += 1
        heard = list(driver.on_frame(Frame(frame.can_id, frame.data), number))
        assert not [thing for thing in heard if isinstance(thing, Defect)]
    assert ours * 1000 == 2 * len(cycle) * of_1000


@pytest.mark.parametrize("of_1000", [50, 1000])
def test_the_relay_node_of_p2_loses_no_count_also_where_it_begins_anew(of_1000: int) -> None:
    cycle = [unpack_frame(packet) for packet in packets(of_1000)]
    shown = [STATUS.unpack(frame.data)["AliveCounter"] for frame in cycle if frame.can_id == STATUS.can_id]
    assert len(shown) > 200
    assert all(later == (earlier + 1) % 15 for earlier, later in pairwise([*shown, shown[0]]))


def test_the_traffic_of_p2_changes_more_than_a_decoder_remembers() -> None:
    ours = [packet for packet in packets(1000) if unpack_frame(packet).can_id in ears()]
    assert len(ours) > 10_000
    assert len(set(ours)) > 4 * FRAMES_KEPT


@pytest.mark.parametrize(
    ("bench", "rows"),
    [pytest.param(lambda: can_load(1, (50,)), 3, id="P2"), pytest.param(lambda: trips(2), 2, id="P3")],
)
def test_a_bench_of_the_can_bus_runs_and_has_rows_of_the_table(bench: Callable[[], Rows], rows: int) -> None:
    told = bench()
    assert len(told) == rows
    assert all(set(row) == COLUMNS and "nan" not in f"{row}" for row in told)
