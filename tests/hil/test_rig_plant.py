"""The plant: what flows in adds up to what flows out, and one seed gives one course."""

from __future__ import annotations

import pytest

from hil.plant import Options, Plant

PACK = {"kind": "battery", "charge_a": 100.0, "discharge_a": 100.0, "voltage_v": 50.0}
STEADY = Options(load_w=(1000.0, 500.0, 0.0), load_swing=0.0, pv_swing=0.0)


def test_import_is_positive_and_the_meter_shows_load_and_car_less_sun_and_battery() -> None:
    plant = Plant(Options(load_w=(1000, 500, 0), load_swing=0, pv_w=300, pv_swing=0), seed=1, now_ms=0)
    plant.exchange({"kind": "wallbox", "current_a": [10.0, 0.0, 0.0]}, 0)
    view = plant.exchange({"kind": "meter"}, 0)
    car_w = plant.car[0]
    assert car_w == pytest.approx(2300, rel=0.02)
    assert view["power_l1"] == pytest.approx(1000 + car_w - 100)
    assert view["power_l2"] == pytest.approx(400)
    assert view["power_l3"] == pytest.approx(-100)
    assert view["power"] == pytest.approx(1500 + car_w - 300)
    assert float(str(view["current_l1"])) > 0


def test_the_battery_covers_the_house_within_its_limits_and_counts_charging_positive() -> None:
    plant = Plant(STEADY, 1, 0)
    view = plant.exchange(PACK, 0)
    assert view["current_a"] == pytest.approx(-1500 / 50)
    assert sum(plant.grid()) == pytest.approx(0)
    plant.exchange({**PACK, "discharge_a": 10.0}, 0)
    assert sum(plant.battery) == pytest.approx(500)
    plant.control({"set": "pv_w", "value": 9000}, 0)
    assert plant.exchange(PACK, 0)["current_a"] == pytest.approx(100)
    plant.control({"set": "battery_w", "value": 700}, 0)
    assert sum(plant.battery) == pytest.approx(700)
    plant.control({"set": "battery_w", "value": "auto"}, 0)
    assert sum(plant.battery) == pytest.approx(-5000)


def test_the_energies_add_up() -> None:
    plant = Plant(Options(load_w=(1000, 500, 200), pv_w=3000, battery_w_max=800), seed=3, now_ms=0)
    for now_ms in range(0, 3_600_001, 10_000):
        plant.exchange(PACK, now_ms)
        plant.exchange({"kind": "wallbox", "current_a": [6.0] * 3 if now_ms % 600_000 > 300_000 else [0.0] * 3}, now_ms)
    energy = plant.energy_wh
    assert energy["import"] - energy["export"] == pytest.approx(
        energy["load"] + energy["car"] - energy["pv"] - energy["battery"]
    )
    assert energy["import"] > 0
    assert energy["export"] > 0


def test_one_seed_is_one_course_however_often_somebody_looks() -> None:
    often, seldom, other = (Plant(Options(pv_w=5000), seed, 0) for seed in (5, 5, 6))
    for now_ms in range(0, 600_001, 1000):
        often.step(now_ms)
    for plant in (seldom, other):
        plant.step(600_000)
    assert (often.load, often.pv) == (seldom.load, seldom.pv)
    assert other.load != seldom.load


def test_an_element_behind_a_contact_is_there_while_that_is_closed() -> None:
    plant = Plant(Options(load_w=(900, 0, 0), load_swing=0, contacts={2: "battery"}), 1, 0)
    assert plant.exchange(PACK, 0)["current_a"] == 0
    plant.exchange({"kind": "relays", "contacts": [True, False]}, 0)
    assert plant.exchange(PACK, 0)["current_a"] == 0
    plant.exchange({"kind": "relays", "contacts": [False, True]}, 0)
    assert plant.exchange(PACK, 0)["current_a"] == pytest.approx(-18)


def test_a_device_that_fell_silent_keeps_its_last_word() -> None:
    plant = Plant(STEADY, 1, 0)
    plant.exchange({"kind": "wallbox", "current_a": [10.0] * 3}, 0)
    plant.step(3_600_000)
    assert sum(plant.car) > 6000


def test_a_load_that_is_set_has_no_swing() -> None:
    plant = Plant(Options(), 1, 0)
    plant.control({"set": "load_w", "value": 700}, 0)
    plant.control({"set": "load_l2_w", "value": 3000}, 0)
    assert plant.load == [700, 3000, 700]
    assert plant.control({"set": "load_w", "value": -1}, 0)["ok"] is False


def test_devices_are_kept_apart_by_their_names_and_the_panel_hears_the_contacts() -> None:
    plant = Plant(STEADY, 1, 0)
    for name, watt in (("east", 900.0), ("west", 300.0), ("east", 600.0)):
        plant.exchange({"kind": "inverter", "name": name, "power_w": [watt, 0.0, 0.0]}, 0)
    assert plant.pv == pytest.approx([900, 0, 0])  # both, each with its last word
    assert plant.exchange({"kind": "panel", "name": "panel"}, 0) == {"contacts": {}}
    plant.exchange({"kind": "relays", "name": "relays", "contacts": [True, False]}, 0)
    assert plant.exchange({"kind": "panel", "name": "panel"}, 0) == {"contacts": {"relays": [True, False]}}
