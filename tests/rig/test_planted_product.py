"""The rig is worth something only if it notices: each planted fault of the product fails its scenario. (That each holds
without one is in test_every_scenario.py.) A dozen are planted in every run, all of them by ``make planted``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from planted_product import PLANTED, Planted, findings, plant

EVERY = 1 if os.environ.get("POWERWARDEN_ALL_PLANTED") else 4  # each takes some five seconds of a core


def test_each_fault_can_still_be_planted(tmp_path: Path) -> None:
    assert len({fault.name for fault in PLANTED}) == len(PLANTED) >= 24
    for number, fault in enumerate(PLANTED):
        plant(fault, tmp_path / str(number))


@pytest.mark.parametrize("fault", PLANTED[::EVERY], ids=lambda fault: fault.name.replace(" ", "_"))
def test_a_planted_fault_is_caught_by_its_scenario(fault: Planted, tmp_path: Path) -> None:
    failed = findings(plant(fault, tmp_path / "tree"), fault.caught_by, tmp_path / "out")
    assert any(fault.words in text for text in failed), failed
