"""Virtual runs are the same again, and skipping quiet time changes nothing that anybody could see."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from virtual_course import HOUSES, Course, random_scenario, scenario

from hil.scenario.model import Event, ToDevice, Wish

SEEDS = range(1, 4)
COURSE = Path(__file__).with_name("virtual_course.py")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("house", HOUSES)
def test_skipping_quiet_cycles_changes_nothing_on_the_wire(house: str, seed: int) -> None:
    scenario = random_scenario(house, seed)
    whole, skipping = Course(scenario, skip=False), Course(scenario, skip=True)
    assert skipping.bench.harness.skipped > whole.bench.harness.cycles // 20, "hardly a cycle was skipped"
    assert skipping.reached == whole.reached
    assert [(m.at_ms, m.facts) for m in skipping.moments] == [(m.at_ms, m.facts) for m in whole.moments]
    assert skipping.decisions == whole.decisions


def test_skipping_changes_nothing_where_the_same_reading_again_proves_something() -> None:
    greedy = ToDevice("wallbox", {"fault": "car_takes_more", "percent": 20, "rush_a": 0, "rush_ms": 0})
    actions = {
        3_000: greedy,
        3_500: ToDevice("plant", {"set": "load_w", "value": 5_200}),  # some 10 A are left
        4_000: Wish("optimiser", "set", "wallbox.current", 16, "A", "live", 600),
        11_000: ToDevice("meter", {"fault": "frozen"}),  # nothing flickers: all that comes was there before
        20_000: ToDevice("meter", {"clear": "frozen"}),
        40_000: ToDevice("wallbox", {"fault": "obstinate"}),
        42_000: Wish("optimiser", "set", "wallbox.current", 6, "A", "live", 600),
    }
    events = tuple(Event(at_ms, action, 0, "") for at_ms, action in actions.items())
    whole, skipping = (Course(scenario("uc001", 70_000, events), skip=skip) for skip in (False, True))
    offered = [float(str(moment.facts["wallbox.offered_a"])) for moment in whole.moments]
    assert max(offered) >= 9, "the car got something"
    assert offered[39_000 // 50] < max(offered), "and less when it had taken more"
    assert skipping.reached == whole.reached
    assert skipping.decisions == whole.decisions


@pytest.mark.parametrize("house", HOUSES)
def test_a_quiet_house_is_as_it_is_in_steps_of_a_second_and_takes_no_more_of_them(house: str) -> None:
    charges = Event(5_000, Wish("optimiser", "set", "wallbox.current", 10, "A", "live", 600), 0, "")
    fine, coarse = (Course(scenario(house, 90_000, (charges,)), True, coarse_ms=ms) for ms in (None, 1_000))
    quiet = [moment for moment in coarse.moments if moment.at_ms > 30_000]
    assert len(quiet) <= 65, "something moves, or somebody is missed"
    assert after_30_s(coarse) == after_30_s(fine)
    assert quiet[-1].facts["wallbox.offered_a"] == fine.moments[-1].facts["wallbox.offered_a"]


def after_30_s(course: Course) -> set[str]:
    """All that the product said of itself from then on."""
    return {repr(sorted(moment.said.items())) for moment in course.moments if moment.at_ms > 30_000}


def test_a_panel_whose_levels_have_to_last_longer_is_looked_at_in_every_cycle() -> None:
    slow = {"options: {inputs": "options: {debounce_ms: 90, inputs"}
    course = Course(replace(scenario("wallbox_phases", 60_000), edits=slow), True, coarse_ms=1_000)
    assert len([moment for moment in course.moments if moment.at_ms > 30_000]) == 600
    assert len(after_30_s(course)) == 1, "nobody is missed"


def test_no_step_is_so_long_that_a_device_lets_go_of_what_it_was_told() -> None:
    closes = Event(5_000, Wish("phone", "set", "relays.coil_1", 1, "flag", "setting", 3_600), 0, "")
    course = Course(scenario("uc001", 300_000, (closes,)), True, coarse_ms=60_000)
    at = [moment.at_ms for moment in course.moments if moment.at_ms > 30_000]
    assert max(after - before for before, after in itertools.pairwise(at)) == 8_000
    assert all(moment.facts["relays.closed"][0] for moment in course.moments if moment.at_ms > 30_000)


def test_a_run_is_the_same_to_the_byte_under_another_hash_seed() -> None:
    said = [
        subprocess.run(
            [sys.executable, str(COURSE), "7"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=COURSE.parents[2],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "4711")
    ]
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == len(HOUSES)


def test_another_seed_is_another_course() -> None:
    one, other = (Course(random_scenario("uc001", seed), skip=True, every_moment=True).digest() for seed in (1, 2))
    assert one != other
