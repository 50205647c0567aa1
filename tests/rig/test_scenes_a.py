"""The scenarios about the first use case, switching and energy: each can be read and says what it shows.

That they hold is a matter of a run (test_every_scenario.py), and that they could fail is one of planted faults
(test_planted_product.py).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hil.scenario.model import Scenario
from hil.scenario.read import SCENARIOS, load

FOLDERS = ("usecase", "switching", "energy")
FILES = [path for folder in FOLDERS for path in sorted((SCENARIOS / folder).glob("*.yaml"))]
SHOWN_HERE = ("H01", "H02", "H03", "H04", "H05", "H07", "H08", "H09", "H10", "H11", "H12")
UNDER_LOAD, TWO_ON_ONE = "plant.broken_under_load", "plant.short"


@pytest.fixture(scope="module")
def scenarios() -> dict[Path, Scenario]:
    """Each file as it is read."""
    return {path: load(path) for path in FILES}


def test_each_can_be_read_and_names_what_it_shows(scenarios: dict[Path, Scenario]) -> None:
    assert len(scenarios) >= 22
    for path, scenario in scenarios.items():
        assert scenario.hazards, path
        assert scenario.title, path
        assert scenario.why, path
        assert all(expected.why for expected in scenario.expectations), f"{path}: an expectation does not say why"


def test_together_they_show_every_hazard_that_they_are_about(scenarios: dict[Path, Scenario]) -> None:
    shown = {hazard for scenario in scenarios.values() for hazard in scenario.hazards}
    assert [hazard for hazard in SHOWN_HERE if hazard not in shown] == []


def test_each_expects_something_to_happen_and_does_not_only_forbid(scenarios: dict[Path, Scenario]) -> None:
    """A house in which nothing works any more keeps every `never`."""
    for path, scenario in scenarios.items():
        kinds = {expected.kind for expected in scenario.expectations}
        assert kinds & {"within", "eventually"}, path


def test_no_name_is_taken_twice_over_all_scenarios_of_the_rig() -> None:
    names = Counter(path.stem for path in SCENARIOS.rglob("*.yaml"))
    assert [name for name, count in names.items() if count > 1] == []


def test_whoever_moves_strings_asks_the_plant_whether_anything_was_harmed(scenarios: dict[Path, Scenario]) -> None:
    """A contact that met another one between two looks is remembered by the plant only."""
    for path, scenario in scenarios.items():
        if path.parent.name == "switching" and scenario.house_path.stem == "rebundling":
            names = {name for expected in scenario.expectations for name in expected.condition.names}
            assert names & {UNDER_LOAD, TWO_ON_ONE} or scenario.hazards[0] not in ("H01", "H02"), path
