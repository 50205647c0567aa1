"""The connection to the grid: fuses that melt, phases that are gone, voltages, frequency, and what all of it does."""

from __future__ import annotations

from typing import Any

import pytest

from hil.plant import Options, Plant
from hil.plant_fuse import Fuses
from hil.sim.sunspec_modbus import Options as InverterOptions
from hil.sim.sunspec_modbus import SunspecInverter

HOUR_MS = 3_600_000


def melts_ms(times: float, rating_a: float = 35.0, step_ms: int = 10, until_ms: int = 4 * HOUR_MS) -> int | None:
    """After how long a cold link melts at so many times its rating."""
    fuses = Fuses(rating_a)
    now_ms = 0
    while now_ms < until_ms:
        now_ms += step_ms
        if fuses.step([0.0, times * rating_a, 0.0], step_ms):
            assert fuses.blown == [False, True, False]
            return now_ms
    return None


@pytest.mark.parametrize(
    ("times", "shortest_ms", "longest_ms", "step_ms"),
    [  # the gates of a gG link of 32 to 40 A: times its rating, not before, not after
        (1.6, 60_000, HOUR_MS, 1000),
        (2.35, 10_000, 120_000, 100),
        (5.0, 100, 5000, 10),
        (11.0, 1, 100, 2),
    ],
)
def test_a_link_melts_between_the_gates_of_its_class(
    times: float, shortest_ms: int, longest_ms: int, step_ms: int
) -> None:
    found = melts_ms(times, step_ms=step_ms)
    assert found is not None
    assert shortest_ms < found <= longest_ms
    assert melts_ms(times, 63.0, step_ms) == found


def test_a_link_bears_its_rating_and_a_quarter_more_for_hours() -> None:
    assert melts_ms(1.0, step_ms=1000) is None
    assert melts_ms(1.25, step_ms=1000) is None


def test_more_current_melts_sooner_whatever_the_steps() -> None:
    times = [melts_ms(at, step_ms=100) for at in (1.6, 2.0, 3.0, 4.0)]
    assert times == sorted(times, reverse=True)  # type: ignore[type-var]
    for at in (1.6, 2.0):
        coarse = melts_ms(at, step_ms=10_000)
        assert coarse == pytest.approx(melts_ms(at, step_ms=1000), abs=10_000)


def test_a_link_cools_between_bursts_and_remembers_the_last_one() -> None:
    fuses = Fuses(35.0)
    for _ in range(20):
        assert fuses.step([105.0] * 3, 2000) == []
        fuses.step([0.0] * 3, 60_000)
    worn = Fuses(35.0)
    worn.step([105.0] * 3, 5000)
    hot = worn.heats()[0]
    worn.step([0.0] * 3, 10_000)
    assert 0 < worn.heats()[0] < hot


def house(**options: Any) -> Plant:
    return Plant(Options(load_swing=0.0, pv_swing=0.0, **options), 1, 0)


def course(plant: Plant, seconds: int) -> dict[str, Any]:
    for _ in range(seconds):
        plant.step(plant._stepped_ms + 1000)  # the plant's own clock is the test's
    return plant.state(plant._stepped_ms)


def set_(plant: Plant, name: str, value: object) -> None:
    reply = plant.control({"set": name, "value": value}, plant._stepped_ms)
    assert reply["ok"], reply


def fault(plant: Plant, name: str, **params: object) -> None:
    reply = plant.control({"fault": name, **params}, plant._stepped_ms)
    assert reply["ok"], reply


def test_a_service_fuse_melts_in_the_house_and_its_phase_is_dark_until_it_is_replaced() -> None:
    plant = house(load_w=(14_000.0, 3000.0, 0.0), fuse_a=35.0)
    notes: list[Any] = []
    plant.trace = notes.append
    state = course(plant, 60)
    assert (state["fuse_blown"], 0.1 < state["fuse_heat"][0] < 1) == ([False] * 3, True)
    assert state["fuse_heat"][1] < 0.2
    state = course(plant, 3600)
    assert state["fuse_blown"] == [True, False, False]
    assert (state["load_w"], state["voltage_v"][0]) == ([0.0, 3000.0, 0.0], 0.0)
    assert state["fuse_heat"][0] == 1.0
    assert [note["phase"] for note in notes if note["what"] == "fuse_blown"] == [1]
    assert plant.exchange({"kind": "meter", "name": "meter"}, plant._stepped_ms)["voltage_l1"] == 0
    assert plant.exchange({"kind": "wallbox", "name": "w"}, plant._stepped_ms)["supplied"] is False
    set_(plant, "fuses", "new")
    assert plant.state(plant._stepped_ms)["load_w"][0] == 14_000  # type: ignore[index]


def test_export_heats_a_fuse_as_import_does_and_0_amperes_is_no_fuse() -> None:
    plant = house(load_w=(0.0, 0.0, 0.0), pv_w=45_000.0, fuse_a=35.0)
    assert course(plant, 3600)["fuse_blown"] == [True] * 3
    assert course(house(load_w=(40_000.0, 0.0, 0.0), fuse_a=0.0), 3600)["fuse_blown"] == [False] * 3


def test_an_outage_takes_everything_and_gives_it_back() -> None:
    plant = house(load_w=(500.0, 500.0, 500.0), pv_w=3000.0)
    set_(plant, "grid_v", 0)
    state = plant.state(0)
    assert (state["load_w"], state["pv_w"], state["grid_w"]) == ([0.0] * 3, [0.0] * 3, [0.0] * 3)
    assert plant.exchange({"kind": "meter", "name": "meter"}, 0)["frequency"] == 0
    set_(plant, "grid_v", 230)
    assert plant.state(0)["load_w"] == [500.0] * 3


@pytest.mark.parametrize(
    ("name", "params", "volts"),
    [
        ("overvoltage", {"phase": 2, "volt": 270}, [230, 270, 230]),
        ("overvoltage", {}, [265] * 3),
        ("sag", {"phase": 3, "volt": 150}, [230, 230, 150]),
        ("phase_lost", {"phase": 1}, [0, 230, 230]),
    ],
)
def test_each_phase_has_a_voltage_of_its_own(name: str, params: dict[str, object], volts: list[float]) -> None:
    plant = house(load_w=(0.0, 0.0, 0.0))
    fault(plant, name, **params)
    assert plant.state(1000)["voltage_v"] == pytest.approx(volts)
    plant.control({"clear": name}, 1000)
    assert plant.state(2000)["voltage_v"] == pytest.approx([230] * 3)
    set_(plant, "grid_l2_v", 245)
    set_(plant, "grid_hz", 51.2)
    view = plant.exchange({"kind": "meter", "name": "meter"}, 2000)
    assert [view[f"voltage_l{phase}"] for phase in (1, 2, 3)] == pytest.approx([230, 245, 230])
    assert view["frequency"] == 51.2


def test_without_its_neutral_the_idle_phase_rises_and_the_loaded_one_falls() -> None:
    plant = house(load_w=(3000.0, 100.0, 100.0))
    fault(plant, "neutral_lost")
    loaded, *idle = plant.state(1000)["voltage_v"]  # type: ignore[misc]
    assert loaded < 60
    assert all(350 < volt < 400 for volt in idle)
    later = course(plant, 60)
    assert (later["fuse_blown"], later["neutral_a"]) == ([False] * 3, 0.0)
    assert later["grid_a"][0] < 2, "what a lamp on each other phase lets through is all that flows"
    even = house(load_w=(1000.0, 1000.0, 1000.0))
    fault(even, "neutral_lost")
    assert even.state(1000)["voltage_v"] == pytest.approx([230] * 3, rel=0.01)


def test_a_deep_sag_does_not_make_loads_take_more_than_they_ever_did() -> None:
    plant = house(load_w=(4600.0, 4600.0, 4600.0))
    normal = max(plant.state(0)["grid_a"])  # type: ignore[call-overload]
    set_(plant, "grid_v", 60)
    assert max(course(plant, 5)["grid_a"]) < 1.3 * normal


def test_currents_of_grid_car_and_neutral_are_facts() -> None:
    plant = house(load_w=(2300.0, 0.0, 0.0))
    plant.exchange({"kind": "wallbox", "name": "w", "current_a": [6.0, 6.0, 6.0]}, 0)
    state: dict[str, Any] = plant.state(1000)
    assert state["grid_a"] == pytest.approx([16, 6, 6], rel=0.02)
    assert state["car_a"] == pytest.approx([6, 6, 6], rel=0.01)
    assert state["neutral_a"] == pytest.approx(10, rel=0.02)
    two = house(load_w=(2300.0, 2300.0, 0.0))
    assert two.state(0)["neutral_a"] == pytest.approx(10, rel=0.02), "two equal phases leave one of them on the neutral"


def test_import_lowers_the_voltage_and_export_raises_it() -> None:
    plant = house(load_w=(4600.0, 0.0, 0.0), pv_w=0.0)
    assert plant.state(0)["voltage_v"][0] == pytest.approx(227, abs=0.1)  # type: ignore[index]
    set_(plant, "load_w", 0)
    set_(plant, "pv_w", 13_800)
    assert plant.state(0)["voltage_v"] == pytest.approx([233] * 3, abs=0.1)


@pytest.mark.parametrize(
    ("name", "value"), [("grid_v", 180), ("grid_v", 266), ("grid_hz", 51.6), ("grid_hz", 47.4), ("grid_l3_v", 180)]
)
def test_an_inverter_leaves_a_grid_outside_its_limits_and_comes_back(name: str, value: float) -> None:
    inverter = SunspecInverter("inverter", InverterOptions(start_s=2.0), 0)
    plant = house(load_w=(500.0, 500.0, 500.0), pv_w=3000.0)
    now_ms = 0

    def live(seconds: int) -> float:
        nonlocal now_ms
        for _ in range(seconds):
            now_ms += 1000
            inverter.from_plant(plant.exchange({**inverter.to_plant(now_ms), "name": "inverter"}, now_ms), now_ms)
        return sum(plant.pv)

    assert live(20) == pytest.approx(3000)
    set_(plant, name, value)
    assert live(2) == 0
    set_(plant, name, 50 if name == "grid_hz" else 230)
    assert live(20) == pytest.approx(3000)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"fault": "phase_lost", "phase": 0}, "phase must be 1 to 3"),
        ({"fault": "sag", "phase": 4}, "phase must be 0 to 3"),
        ({"fault": "sag", "volt": 900}, "volt must be 0 to 500"),
        ({"set": "grid_hz", "value": 0}, "between 40 and 60"),
        ({"fault": "clamps_swapped", "first": 1, "second": 1}, "two different phases"),
        ({"fault": "clamp_reversed", "phase": 4}, "phase must be 1, 2 or 3"),
        ({"fault": "wallbox_rotated", "steps": 3}, "steps must be 1 or 2"),
        ({"fault": "clamp_reversed", "meter": "oven"}, "no meter 'oven' has spoken; there are feed, meter"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(request_: dict[str, object], told: str) -> None:
    plant = house()
    for name in ("meter", "feed"):
        plant.exchange({"kind": "meter", "name": name}, 0)
    reply = plant.control(request_, 0)
    assert reply["ok"] is False
    assert told in str(reply["error"])
    assert plant.faults.active() == []


@pytest.mark.parametrize("fault", ["overvoltage", "sag"])
def test_an_outage_is_one_whatever_the_voltage_was(fault: str) -> None:
    plant = Plant(Options(), 1, 0)
    plant.control({"fault": fault}, 0)
    plant.control({"set": "grid_l2_v", "value": 0}, 0)
    one, two, three = plant.voltages()
    assert two == 0
    assert min(one, three) > 170
