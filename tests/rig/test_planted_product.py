"""The rig is worth something only if it notices: each planted fault of the product fails its scenario, and nothing else
fails it."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_product import PLANTED, ROOT, Planted, findings, plant


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.name.replace(" ", "_"))
def test_a_planted_fault_is_caught_by_its_scenario(fault: Planted, tmp_path: Path) -> None:
    failed = findings(plant(fault, tmp_path / "tree"), fault.caught_by, tmp_path / "out")
    assert any(fault.words in text for text in failed), failed


@pytest.mark.parametrize("scenario", sorted({fault.caught_by for fault in PLANTED}))
def test_without_a_fault_the_same_scenario_holds(scenario: str, tmp_path: Path) -> None:
    assert findings(ROOT, scenario, tmp_path) == []
