"""A figure in a report has a unit only where it is one of that unit: a count of currents is no current."""

from __future__ import annotations

import pytest

from hil.report.facts import unit_of_all, with_units
from hil.scenario.expression import condition


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("max(plant.grid_a) <= 35", "A"),
        ("abs(plant.grid_w[1] - plant.car_w[1]) < 100", "W"),
        ("count(wallbox.current_a) >= 2", ""),
        ("plant.pv_w[1] / plant.grid_w[1] > 0.5", ""),
        ("plant.grid_a[1] * 230 < 8000", ""),
        ("plant.grid_a[1] < plant.grid_w[1]", ""),
    ],
)
def test_what_is_compared_has_the_unit_of_its_facts_and_nothing_else_has(text: str, unit: str) -> None:
    asked = condition(text)
    assert unit_of_all(asked) == unit
    told = with_units("3 at its nearest, limit 35, at 2 s", asked)
    assert told == (
        f"3 {unit} at its nearest, limit 35 {unit}, at 2 s" if unit else "3 at its nearest, limit 35, at 2 s"
    )
