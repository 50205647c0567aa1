"""A house with two wallboxes or two batteries: what each of them does flows, and what flows is shared."""

from __future__ import annotations

from typing import Any

import pytest

from hil.plant import Options, Plant

SAY = {"voltage_v": 50.0, "charge_a": 40.0, "discharge_a": 60.0}


class House:
    def __init__(self) -> None:
        self.plant = Plant(Options(load_w=(1000.0, 1000.0, 1000.0), load_swing=0.0), 1, 0)

    def tell(self, kind: str, name: str, **words: object) -> dict[str, Any]:
        return self.plant.exchange({"kind": kind, "name": name, **words}, 0)

    def state(self) -> dict[str, Any]:
        return self.plant.state(0)


def test_two_cars_draw_what_both_of_them_draw() -> None:
    house = House()
    house.tell("wallbox", "left", current_a=[16, 16, 16])
    house.tell("wallbox", "right", current_a=[10, 0, 0])
    house.tell("wallbox", "right", current_a=[10, 0, 0])
    amperes = [watt / volt for watt, volt in zip(house.state()["car_w"], house.state()["voltage_v"], strict=True)]
    assert amperes == pytest.approx([26, 16, 16], rel=0.02)
    house.tell("wallbox", "left", current_a=[0, 0, 0])
    assert house.state()["car_w"][1:] == [0, 0]


@pytest.mark.parametrize(("wanted_w", "left", "right"), [("auto", 0.5, 0.5), (-2500, 0.75, 0.25)])
def test_two_packs_share_what_flows_and_no_more(wanted_w: object, left: float, right: float) -> None:
    house = House()
    house.tell("battery", "left", **SAY | {"charge_a": 60.0})
    house.tell("battery", "right", **SAY | {"charge_a": 20.0})
    house.plant.control({"set": "battery_w", "value": wanted_w}, 0)
    flows = sum(house.state()["battery_w"])
    assert flows == pytest.approx(3000 if wanted_w == "auto" else wanted_w)
    found = [
        house.tell("battery", name, **SAY | {"charge_a": ampere})["current_a"] * 50
        for name, ampere in (("left", 60.0), ("right", 20.0))
    ]
    assert -sum(found) == pytest.approx(flows), "what the packs feel is what the house has seen"
    assert [-watt / flows for watt in found] == pytest.approx([left, right])


def test_a_pack_that_takes_nothing_more_leaves_it_to_the_other() -> None:
    house = House()
    for name, ampere in (("left", 0.0), ("right", 40.0)):
        house.tell("battery", name, **SAY | {"charge_a": ampere})
    house.plant.control({"set": "battery_w", "value": -4000}, 0)
    assert sum(house.state()["battery_w"]) == pytest.approx(-2000)
    assert house.tell("battery", "left", **SAY | {"charge_a": 0.0})["current_a"] == 0
    assert house.tell("battery", "right", **SAY)["current_a"] == pytest.approx(40)
