"""A device that boots slowly has a grace of its own, and one that was rebooting needs no hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_mains import PERMISSIONS, SITE, Driven, box_words, meter_words, plan_of
from kernel_toys import replace

from supervisor.kernel.plan import Plan

LOST = """\
limits:
  meter_lost:
    why: without the meter nobody knows the fuse
    when: meter unseen
    hold: 1 s
    clear: 2 s
    house: degraded
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    site = SITE.replace("port: 1}}", "port: 1}, grace: 40 s}").replace("port: 3, max", "port: 3, max")
    return plan_of(tmp_path_factory.mktemp("grace"), site, LOST + PERMISSIONS)


def live(house: Driven, seconds: int, *silent: str) -> None:
    for _ in range(0, seconds * 1000, 500):
        if "meter" not in silent:
            house.hear(meter_words([3, 3, 3]))
        for box in ("box1", "box2", "box3"):
            if box not in silent:
                house.hear(box_words(box, 0))
        house.cycle()
        house.now_ms += 500


def test_the_house_waits_for_a_slow_device_as_long_as_its_own_grace(plan: Plan) -> None:
    house = Driven(plan)
    live(house, 39, "meter")
    assert house.mode == "starting"
    live(house, 3, "meter")
    assert house.mode == "degraded"


def test_for_all_others_the_usual_grace_counts(plan: Plan) -> None:
    house = Driven(plan)
    live(house, 9, "box2")
    assert house.mode == "starting"
    live(house, 3, "box2")
    assert house.mode == "degraded"


def test_a_shorter_grace_is_one_too(plan: Plan) -> None:
    devices = tuple(replace(device, grace_ms=2_000) if device.id == "box2" else device for device in plan.devices)
    house = Driven(replace(plan, devices=devices))
    live(house, 4, "box2")
    assert house.mode == "degraded"


def test_a_house_that_is_complete_waits_for_nobody(plan: Plan) -> None:
    house = Driven(plan)
    live(house, 2)
    assert house.mode == "normal"


@pytest.mark.parametrize("away_s", [5, 60, 600])
def test_a_device_that_was_rebooting_recovers_by_itself(plan: Plan, away_s: int, tmp_path: Path) -> None:
    house = Driven(plan)
    live(house, 5)
    house.wish("box1.current", 16_000)
    live(house, 40)
    assert (house.mode, house.output("box1.current")) == ("normal", 16_000)
    live(house, away_s, "meter")
    assert (house.mode, house.output("box1.current")) == ("degraded", 6_000)
    live(house, 50)
    assert (house.mode, house.output("box1.current")) == ("normal", 16_000)
