"""The rig is worth something only if it notices: each planted fault of the product fails its scenario. (That each holds
without one is in test_every_scenario.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_product import PLANTED, Planted, findings, plant


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.name.replace(" ", "_"))
def test_a_planted_fault_is_caught_by_its_scenario(fault: Planted, tmp_path: Path) -> None:
    failed = findings(plant(fault, tmp_path / "tree"), fault.caught_by, tmp_path / "out")
    assert any(fault.words in text for text in failed), failed
