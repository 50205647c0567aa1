"""Contacts under current: heat, wear, welding; and meters and a wallbox that are connected wrongly (H28)."""

from __future__ import annotations

from typing import Any

import pytest

from hil.sim.relaynode_can import Options as NodeOptions
from hil.sim.relaynode_can import RelayNode
from tests.hil.wiring_bench import Bench


def charging(rating_a: float = 16.0, **plant: Any) -> Bench:
    bench = Bench("wallbox_phases", contact_rating_a=rating_a, **plant)
    bench.closed(1, 2)
    bench.charge(16, 16, 16)
    bench.charge(16, 16, 16)
    return bench


def test_a_contact_warms_to_1_at_its_rating_and_to_4_at_twice_that_and_cools() -> None:
    bench = charging()
    assert bench.state()["contact_a"] == pytest.approx([16, 16], rel=0.01)
    bench.now_ms += 300_000
    assert bench.state()["contact_heat"] == pytest.approx([0.632, 0.632], rel=0.02)
    bench.now_ms += 3_600_000
    assert bench.state()["contact_heat"] == pytest.approx([1, 1], rel=0.02)
    bench.charge(32, 32, 32)
    bench.charge(32, 32, 32)
    for _ in range(60):
        bench.now_ms += 60_000
        bench.state()
    assert bench.state()["contact_heat"] == pytest.approx([4, 4], rel=0.03)
    bench.charge(0, 0, 0)
    bench.now_ms += 3_600_000
    assert max(bench.state()["contact_heat"]) < 0.01


def test_movements_and_broken_loads_are_counted() -> None:
    bench = charging()
    assert bench.state()["contact_switched_count"] == [1, 1]
    bench.closed(1)
    bench.closed(1)
    bench.closed()
    state = bench.state()
    assert state["contact_switched_count"] == [2, 2]
    assert state["contact_broken_count"] == [1, 1]
    bench.charge(0, 0, 0)
    bench.closed(1, 2)
    bench.closed()
    state = bench.state()
    assert (state["contact_switched_count"], state["contact_broken_count"]) == ([4, 4], [1, 1])


def told(bench: Bench, *contacts: int) -> object:
    closed = [contact in contacts for contact in range(1, 9)]
    return bench.tell("relays", "relays", contacts=closed).get("welded")


def test_a_contact_that_is_closed_onto_more_than_its_rating_welds_where_the_house_says_so() -> None:
    for welds, expected in ((True, [2]), (False, None)):
        bench = charging(contact_welds=welds)
        assert told(bench, 1) is None
        bench.set("stubborn_car_a", 20)
        assert told(bench, 1, 2) == expected
        assert told(bench, 1, 2) is None, "the relay node hears of it once, and keeps it"


def test_a_contact_that_was_opened_under_more_than_its_rating_welds_when_it_closes_next() -> None:
    bench = charging(contact_welds=True)
    bench.charge(30, 20, 20)
    assert told(bench, 2) is None
    bench.charge(0, 0, 0)
    assert told(bench) is None
    assert told(bench, 1, 2) == [1]
    assert [note["contact"] for note in bench.noted("contact_welded")] == [1]


def test_a_contact_within_its_rating_never_welds() -> None:
    bench = charging(17.0, contact_welds=True)
    for closed in ((1,), (), (1, 2), (2,), (1, 2)):
        assert told(bench, *closed) is None


def test_the_relay_node_s_contact_stays_closed_once_it_has_welded() -> None:
    node = RelayNode("relays", NodeOptions(), 0)
    node.from_plant({"welded": [2]}, 0)
    assert node.faults.all("welded") == [{"contact": 2}]
    node.from_plant({}, 10)
    assert node.faults.all("welded") == [{"contact": 2}]
    node.control({"clear": "welded"}, 20)
    assert node.faults.active() == []


def test_a_house_without_contacts_has_no_facts_about_them() -> None:
    assert not [name for name in Bench("inverter").state() if name.startswith("contact")]


# -- H28 --

LOADS = [3000.0, 1200.0, 300.0]


def shown(bench: Bench, meter: str = "meter") -> tuple[list[float], list[float]]:
    return bench.phases(meter, "power"), bench.phases(meter, "current")


def wired(*faults: dict[str, object]) -> Bench:
    bench = Bench("wallbox_phases", load_w=LOADS)
    bench.meter("meter"), bench.meter("feed")
    for fault in faults:
        reply = bench.plant.control(fault, 0)
        assert reply["ok"], reply
    return bench


def test_a_reversed_clamp_shows_the_same_current_and_the_opposite_power() -> None:
    right, wrong = shown(wired()), shown(wired({"fault": "clamp_reversed", "phase": 2}))
    assert right[0] == pytest.approx(LOADS)
    assert wrong[0] == pytest.approx([3000, -1200, 300])
    assert wrong[1] == right[1]


def test_swapped_clamps_show_the_other_s_current_and_minus_half_of_a_power() -> None:
    right = shown(wired())
    power, current = shown(wired({"fault": "clamps_swapped", "first": 1, "second": 3}))
    assert current == [right[1][2], right[1][1], right[1][0]]
    assert power == pytest.approx([-150, 1200, -1500], rel=0.02)


def test_swapped_phases_are_seen_by_moving_a_load_and_by_nothing_else() -> None:
    bench = wired({"fault": "phases_swapped", "first": 1, "second": 2})
    assert shown(bench)[0] == pytest.approx([1200, 3000, 300])
    assert bench.meter("meter")["power"] == pytest.approx(4500)
    bench.set("load_l1_w", 4000)
    assert shown(bench)[0] == pytest.approx([1200, 4000, 300])


def test_only_the_meter_that_was_named_is_wired_wrongly_and_clearing_repairs_it() -> None:
    bench = wired({"fault": "clamp_reversed", "meter": "feed", "phase": 1})
    bench.closed(1, 2)
    bench.charge(10, 10, 10)
    assert shown(bench, "feed")[0][0] < 0 < shown(bench)[0][0]
    assert bench.plant.control({"clear": "clamp_reversed"}, 0)["ok"]
    assert min(shown(bench, "feed")[0]) > 0


@pytest.mark.parametrize(("steps", "phases"), [(1, [0, 1, 0]), (2, [0, 0, 1])])
def test_a_rotated_wallbox_charges_on_another_phase_of_the_house(steps: int, phases: list[int]) -> None:
    bench = Bench("uc001", load_w=[0, 0, 0])
    bench.charge(16, 0, 0)
    assert [watt > 0 for watt in bench.state()["car_w"]] == [True, False, False]
    bench.plant.control({"fault": "wallbox_rotated", "steps": steps}, 0)
    bench.set("grid_l1_v", 240)
    bench.charge(16, 0, 0)
    assert bench.state()["car_a"] == pytest.approx([16 * phase for phase in phases], rel=0.02)
    around = bench.tell("wallbox", "wallbox", current_a=[0, 0, 0])
    assert around["voltage_v"].index(max(around["voltage_v"])) == 3 - steps
