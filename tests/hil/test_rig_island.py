"""The house that can leave the grid: when it is live, what flows, and every position that must not be.

What is expected is written down here once more, from the description of the house and not from the plant.
"""

from __future__ import annotations

import pytest

from tests.hil.wiring_bench import Bench

GRID, ISLAND, BOND = 1, 2, 3


@pytest.mark.parametrize(
    ("closed", "grid_v", "live"),
    [
        ((), 230, False),
        ((GRID,), 230, True),
        ((GRID,), 0, False),
        ((ISLAND, BOND), 230, True),
        ((ISLAND, BOND), 0, True),
        ((BOND,), 230, False),
    ],
)
def test_the_house_is_live_on_grid_or_island(closed: tuple[int, ...], grid_v: float, live: bool) -> None:
    bench = Bench("island")
    bench.set("grid_v", grid_v)
    bench.closed(*closed)
    bench.charge(10, 0, 0)
    bench.charge(10, 0, 0)  # the first exchange finds the voltage that the second one has
    on_grid = live and GRID in closed
    assert bench.phases("busmeter", "voltage") == pytest.approx([230 * live] * 3, rel=0.02)
    assert bench.phases("gridmeter", "voltage") == pytest.approx([grid_v] * 3, rel=0.02)
    assert (bench.meter("busmeter")["frequency"], bench.meter("gridmeter")["frequency"]) == (
        50 * live,
        50 * bool(grid_v),
    )
    house = bench.phases("busmeter", "power")
    assert house == pytest.approx([2700 * live, 250 * live, 150 * live], rel=0.02)
    assert bench.phases("gridmeter", "power") == pytest.approx([watt * on_grid for watt in house])
    assert bench.state()["island_w"] == pytest.approx([watt * (live and not on_grid) for watt in house])
    assert bench.tell("wallbox", "wallbox")["supplied"] is live


def test_the_island_inverter_shows_what_the_house_takes() -> None:
    bench = Bench("island")
    bench.closed(ISLAND, BOND)
    bench.run(20)
    house = sum(bench.state()["island_w"])
    assert house > 3 * 16 * 225
    assert bench.devices["islander"].state(bench.now_ms)["power_w"] == pytest.approx(house)
    assert bench.meter("gridmeter")["energy_import"] == 0
    assert bench.state()["energy_wh"]["island"] == pytest.approx(1000 * bench.meter("busmeter")["energy_import"])
    bench.closed(GRID)
    bench.run(1)
    assert bench.devices["islander"].state(bench.now_ms)["power_w"] == 0


DANGERS = ("backfeed", "island_without_bond", "bond_on_grid")


def dangers(bench: Bench) -> set[str]:
    """Those in the state; the notes must say the same."""
    state = bench.state()
    assert {name for name in DANGERS if bench.noted(name)} == {name for name in DANGERS if state[name]}
    return {name for name in DANGERS if state[name]}


def test_a_good_changeover_there_and_back_leaves_no_trace() -> None:
    bench = Bench("island")
    for closed, after_ms in (
        ((GRID,), 0),
        ((), 1000),
        ((ISLAND,), 500),
        ((ISLAND, BOND), 200),
        ((ISLAND,), 5000),
        ((), 200),
        ((GRID,), 500),
    ):
        bench.set("load_w", 0)  # nothing to break
        bench.closed(*closed, after_ms=after_ms)
        bench.set("load_w", 900)
    state = bench.state()
    assert dangers(bench) == set()
    assert (state["broken_under_load"], state["closed_onto_live"]) == ([], [])


@pytest.mark.parametrize(
    ("closed", "expected"), [((GRID, ISLAND, BOND), {"backfeed", "bond_on_grid"}), ((GRID, BOND), {"bond_on_grid"})]
)
def test_a_dangerous_position_is_never_forgotten(closed: tuple[int, ...], expected: set[str]) -> None:
    bench = Bench("island")
    bench.set("grid_v", 0)  # it is the position that is dangerous, whatever the grid does
    bench.closed(*closed, after_ms=100)
    bench.closed(*closed, after_ms=100)
    bench.closed(after_ms=100)
    assert dangers(bench) == expected
    assert all([line["t"] for line in bench.noted(name)] == [100] for name in expected)
    bench.closed(*closed, after_ms=100)
    assert all([line["t"] for line in bench.noted(name)] == [100, 400] for name in expected)


@pytest.mark.parametrize(("bond_after_ms", "expected"), [(200, set()), (201, {"island_without_bond"})])
def test_an_island_needs_its_bond_within_a_moment(bond_after_ms: int, expected: set[str]) -> None:
    bench = Bench("island")
    for _ in range(2):
        bench.closed(ISLAND)
        bench.closed(ISLAND, after_ms=150)  # hearing it again does not begin the moment anew
        bench.closed(ISLAND, BOND, after_ms=bond_after_ms - 150)
        bench.closed(ISLAND, BOND, after_ms=5000)
    assert dangers(bench) == expected


def test_a_bond_that_is_lost_is_noticed_without_any_movement_and_noted_once() -> None:
    bench = Bench("island")
    bench.closed(ISLAND, BOND)
    bench.closed(ISLAND, after_ms=5000)
    for _ in range(10):
        bench.now_ms += 100
        bench.state()
    assert [line["t"] for line in bench.noted("island_without_bond")] == [5300]
    assert dangers(bench) == {"island_without_bond"}


@pytest.mark.parametrize(
    ("first", "second", "contact"), [((GRID,), (GRID, ISLAND), ISLAND), ((ISLAND,), (ISLAND, GRID), GRID)]
)
def test_closing_onto_a_live_house_is_told(first: tuple[int, ...], second: tuple[int, ...], contact: int) -> None:
    bench = Bench("island")
    bench.closed(*first)
    bench.closed(*first, BOND)
    assert bench.state()["closed_onto_live"] == []
    bench.closed(*second, after_ms=700)
    bench.closed(*second, after_ms=700)
    assert bench.state()["closed_onto_live"] == [{"contact": contact, "t": 700}]
    assert [(line["contact"], line["t"]) for line in bench.noted("closed_onto_live")] == [(contact, 700)]


def test_an_exchange_of_the_two_within_one_word_counts_as_the_worse_order() -> None:
    bench = Bench("island")
    bench.closed(GRID)
    bench.closed(ISLAND)
    assert [entry["contact"] for entry in bench.state()["closed_onto_live"]] == [ISLAND]
    dead = Bench("island")
    dead.set("grid_v", 0)
    dead.closed(GRID)
    dead.closed(ISLAND)
    assert dead.state()["closed_onto_live"] == []


@pytest.mark.parametrize(("closed", "contact"), [((GRID,), GRID), ((ISLAND, BOND), ISLAND)])
def test_the_contactors_of_the_bus_break_what_the_house_takes(closed: tuple[int, ...], contact: int) -> None:
    bench = Bench("island", load_w=[460, 230, 2300])
    bench.closed(*closed)
    bench.closed(after_ms=100)
    assert bench.state()["broken_under_load"] == [{"contact": contact, "ampere": pytest.approx(10, rel=0.02), "t": 100}]


def test_a_neutral_that_is_mended_while_the_house_is_an_island_is_whole_at_the_grid_too() -> None:
    bench = Bench("island")
    bench.closed(GRID)
    assert bench.plant.control({"fault": "neutral_lost"}, 0)["ok"]
    assert max(bench.phases("gridmeter", "voltage")) > 260
    bench.closed(ISLAND, BOND)
    assert bench.phases("gridmeter", "voltage") == pytest.approx([230] * 3), "no load pulls at the star point now"
    bench.closed(GRID)
    assert max(bench.phases("gridmeter", "voltage")) > 260
    bench.closed(ISLAND, BOND)
    bench.set("grid_v", 220)
    assert bench.plant.control({"clear": "neutral_lost"}, 0)["ok"]
    assert bench.phases("gridmeter", "voltage") == pytest.approx([220] * 3)
