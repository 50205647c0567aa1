"""The three documented uses of a changeover (docs/uses.md), as whole houses: judged from the rig's contacts and plant.

What a contact did stands in the relay node's trace, what flowed and what it broke in the plant's state; what the
product says of itself is only asked for its reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_house import ROOT, RunningHouse

from supervisor import wire

SOON_S = 45.0
SHORT = {
    "dwell: 7 min": "dwell: 1 s",
    "dwell: 10 min": "dwell: 1 s",
    "for: 6 s ": "for: 2 s ",
    "for: 5 s ": "for: 2 s ",
    "settle: 10 s": "settle: 2 s",
    "settle: 5 s": "settle: 2 s",
    "drain_within: 30 s": "drain_within: 10 s",
    "hold: 45 s": "hold: 5 s",
}
"""Nobody waits here for what only gives a car and a cloud their time."""


def _running(name: str) -> Iterator[RunningHouse]:
    running = RunningHouse(house=name, example=Path(ROOT / "policies" / name), edits=SHORT)
    try:
        running.until(running.healthy, "the gateway answers")
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def phases() -> Iterator[RunningHouse]:
    yield from _running("wallbox_phases")


@pytest.fixture(scope="module")
def bundle() -> Iterator[RunningHouse]:
    yield from _running("rebundling")


@pytest.fixture(scope="module")
def island() -> Iterator[RunningHouse]:
    yield from _running("island")


# ---- what can be seen ----------------------------------------------------------------------------------------------
def closed(house: RunningHouse) -> list[int]:
    """The numbers of the contacts that are closed."""
    return [number for number, is_closed in enumerate(house.state("relays")["closed"], 1) if is_closed]


def moves(house: RunningHouse) -> list[tuple[int, bool]]:
    """Every movement of a contact so far: (number, closed)."""
    return [(e["contact"], e["closed"]) for e in house.trace("relays") if e.get("what") == "contact"]


def plant(house: RunningHouse) -> dict[str, Any]:
    return house.state("plant")


def at(house: RunningHouse, changeover: str, state: str, place: str, timeout_s: float = SOON_S) -> wire.Snapshot:
    """The first picture in which the changeover is in this state and place."""

    def there(describe: wire.Describe, snapshot: wire.Snapshot) -> bool:
        said = f"{changeover}: {_machine(describe, snapshot, changeover)[0]} {_place(describe, snapshot, changeover)}"
        return said == f"{changeover}: {state} {place}"

    return house.until_seen(there, f"{changeover} {state} in {place}", timeout_s)


def drawing(house: RunningHouse, place: str) -> None:
    """The car draws in this position, on its first phase at least."""
    at(house, "phases", "resting", place)
    house.until(lambda: plant(house)["car_w"][0] > 1_000, "the car draws on L1")


def why(house: RunningHouse, changeover: str) -> str:
    found: list[str] = []
    house.until_seen(lambda d, s: bool(found.append(_machine(d, s, changeover)[1])) or True, "a picture")
    return found[0]


def stopped(house: RunningHouse) -> str:
    """How the emergency stop is latched; "" when it acts no longer."""
    found: list[str] = []
    house.until_seen(
        lambda _, s: bool(found.append("".join(t.latched for t in s.trips if "emergency" in t.rule))) or True,
        "a picture",
    )
    return found[0]


def _machine(describe: wire.Describe, snapshot: wire.Snapshot, name: str) -> tuple[str, str]:
    for info, now in zip(describe.machines, snapshot.machines, strict=True):
        if info.id == name:
            return info.states[now.state], now.why
    raise LookupError(name)


def _place(describe: wire.Describe, snapshot: wire.Snapshot, name: str) -> str:
    for info, now in zip(describe.targets, snapshot.targets, strict=True):
        if info.id == f"{name}.position" and now.output is not None:
            return dict(info.codes)[now.output]
    return ""


def press(house: RunningHouse, button: str) -> bool:
    """Long enough for the debouncing of any panel, and let go."""
    for level, state in ((1, "pressed"), (0, "released")):
        house.fault("panel", set=button, value=level)
        house.until_seen(lambda d, s, state=state: _reading(d, s, f"panel.{button}") == state, f"{button} {state}")  # type: ignore[misc]
    return False


def _reading(describe: wire.Describe, snapshot: wire.Snapshot, name: str) -> str:
    for info, seen in zip(describe.signals, snapshot.readings, strict=True):
        if info.id == name:
            return dict(info.codes).get(seen.value, "") if seen.value is not None else ""
    raise LookupError(name)


# ---- one phase or three --------------------------------------------------------------------------------------------
def test_from_all_open_the_house_takes_one_phase_and_then_three_with_the_car_paused(phases: RunningHouse) -> None:
    at(phases, "phases", "resting", "one")
    assert closed(phases) == [1]
    phases.set("wallbox.current", 10, "A", "setting", 600)
    phases.until(lambda: plant(phases)["car_w"][0] > 2_000, "the car draws on L1")
    assert plant(phases)["car_w"][1:] == [0, 0]
    phases.set("phases.position", 2, "position", "setting", 600)
    at(phases, "phases", "resting", "three")
    assert closed(phases) == [1, 2]
    assert moves(phases)[-3:] == [(1, False), (1, True), (2, True)]
    phases.until(lambda: min(plant(phases)["car_w"]) > 2_000, "the car draws on three phases")
    assert plant(phases)["broken_under_load"] == []


@pytest.mark.parametrize("fault", ["silent", "nan"])
def test_a_meter_that_is_lost_in_the_middle_leaves_everything_where_it_is(phases: RunningHouse, fault: str) -> None:
    drawing(phases, "three")
    before = moves(phases)
    phases.set("phases.position", 1, "position", "setting", 600)
    at(phases, "phases", "draining", "three")
    phases.fault("feed", fault=fault)
    at(phases, "phases", "held", "three", 60)
    assert moves(phases) == before
    assert "feed.current_l1 is not known" in why(phases, "phases")
    phases.fault("feed", clear=True)
    at(phases, "phases", "resting", "one")
    phases.set("phases.position", 2, "position", "setting", 600)


def test_a_car_that_does_not_stop_keeps_its_contacts_and_the_reason_is_said(phases: RunningHouse) -> None:
    drawing(phases, "three")
    before = moves(phases)
    phases.fault("plant", set="stubborn_car_a", value=10)
    phases.set("phases.position", 1, "position", "setting", 600)
    at(phases, "phases", "held", "three", 60)
    assert (moves(phases), closed(phases)) == (before, [1, 2])
    assert "zero flow is not proven: feed.current_l1 is flowing" in why(phases, "phases")
    assert phases.state("wallbox")["ampere"] == 0 or phases.state("wallbox")["force_state"] == 1
    phases.fault("plant", set="stubborn_car_a", value=0)
    at(phases, "phases", "resting", "one")
    assert plant(phases)["broken_under_load"] == []


def test_a_position_that_needs_a_welded_contact_is_refused_until_somebody_in_the_house_resets_it(
    phases: RunningHouse,
) -> None:
    phases.set("phases.position", 2, "position", "setting", 600)
    at(phases, "phases", "resting", "three")
    phases.fault("relays", fault="welded", contact=2)
    phases.set("phases.position", 1, "position", "setting", 600)
    at(phases, "phases", "faulted", "three")
    assert closed(phases) == [2]
    assert "relays.coil_2 is welded" in why(phases, "phases")
    body = {"value": "one", "unit": "position", "kind": "setting"}
    code, answer = phases.http("PUT", "/v1/targets/phases.position/setpoint", body)
    assert code == 403
    assert "relays.coil_2 is welded" in answer["clauses"][-1]["text"] or "permission" in answer["clauses"][-1]["rule"]
    press(phases, "reset")
    assert closed(phases) == [2]  # still welded: nothing to reset yet
    phases.fault("relays", clear="welded")
    phases.until(lambda: closed(phases) == [], "the repaired contact falls open")
    press(phases, "reset")
    at(phases, "phases", "resting", "one")
    assert plant(phases)["broken_under_load"] == []


# ---- UC001 ---------------------------------------------------------------------------------------------------------
def test_the_button_beside_the_wallbox_bundles_the_strings_and_the_car_gets_what_outlet_and_cable_bear(
    bundle: RunningHouse,
) -> None:
    bundle.fault("plant", set="pv_w", value=12_000)
    at(bundle, "bundle", "resting", "house")
    assert closed(bundle) == [5, 6]
    press(bundle, "car_button")
    at(bundle, "bundle", "resting", "car")
    assert closed(bundle) == [7, 8]
    assert moves(bundle)[-4:] == [(6, False), (5, False), (7, True), (8, True)]
    bundle.until(lambda: plant(bundle)["car_w"][0] > 7_000, "more than 7 kW for the car", 60)
    assert (plant(bundle)["broken_under_load"], plant(bundle)["short"]) == ([], False)
    target = bundle.http("GET", "/v1/targets/wallbox.current")[1]
    assert (target["envelope"]["hi"], target["envelope"]["hi_by"]) == (32, "rating")


def test_when_the_car_stops_suddenly_inverter_4_is_brought_down(bundle: RunningHouse) -> None:
    at(bundle, "bundle", "resting", "car")
    bundle.fault("wallbox", set="car", value="none")
    bundle.until(lambda: plant(bundle)["car_w"][0] == 0, "the car is gone")
    bundle.until(lambda: plant(bundle)["grid_w"][0] > -4_700, "L1 exports no more than 4.6 kW", 20)
    bundle.fault("wallbox", set="car", value="plugged")


def test_the_button_again_is_the_way_back_and_an_emergency_stop_opens_everything_for_good(bundle: RunningHouse) -> None:
    press(bundle, "car_button")
    at(bundle, "bundle", "resting", "house", 60)
    assert closed(bundle) == [5, 6]
    bundle.fault("panel", set="estop", value=1)
    at(bundle, "bundle", "resting", "open", 60)
    assert closed(bundle) == []
    bundle.fault("panel", set="estop", value=0)
    bundle.until_seen(lambda d, s: _reading(d, s, "panel.estop") == "clear", "the stop is pulled out again")
    assert closed(bundle) == []
    assert stopped(bundle) == "danger"
    bundle.until(
        lambda: press(bundle, "reset") or not stopped(bundle), "reset, once the stop has been out for its time"
    )
    at(bundle, "bundle", "resting", "house", 60)
    assert (plant(bundle)["broken_under_load"], plant(bundle)["short"]) == ([], False)


# ---- grid or island ------------------------------------------------------------------------------------------------
def test_the_island_has_its_bond_before_its_source_and_the_grid_comes_back_onto_a_dead_bus(
    island: RunningHouse,
) -> None:
    at(island, "supply", "resting", "grid")
    assert closed(island) == [1]
    island.fault("plant", set="grid_v", value=0)
    at(island, "supply", "resting", "open")  # a grid that is not there is let go of
    press(island, "car_button")
    at(island, "supply", "resting", "island")
    assert moves(island)[-3:] == [(1, False), (3, True), (2, True)]
    assert min(plant(island)["house_v"]) > 200
    island.fault("plant", set="grid_v", value=230)
    press(island, "car_button")
    at(island, "supply", "resting", "grid", 60)
    assert moves(island)[-3:] == [(2, False), (3, False), (1, True)]
    state = plant(island)
    assert [state[danger] for danger in ("backfeed", "island_without_bond", "bond_on_grid")] == [False] * 3
    assert state["closed_onto_live"] == []
    assert {broken["contact"] for broken in state["broken_under_load"]} <= {2}  # rated for it, after its escalation
